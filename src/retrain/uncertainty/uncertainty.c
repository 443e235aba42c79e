#include "retrain/uncertainty/uncertainty.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "retrain/choose/trial.h"
#include "retrain/uncertainty/left_out.h"
#include "retrain/uncertainty/training_atoms.h"

static const char what[] = "an uncertainty";

/* ---- scores of all rows, where they are not all held ---- */

/** What the rows of one slot become. */
typedef struct {
  double *rows, *scratch, *errors, *weights;
  lml_vectors scores; /**< of a unit */
} slot_room;

/** Sums of the squares of scores over all rows: the cluster sink's context. */
typedef struct {
  const lml_solved *solved;
  slot_room *slots;
  size_t nslots;
  double *squares; /**< width² */
} streaming;

static lml_status make_slot(slot_room *slot, size_t width, size_t rank, lml_error *error) {
  slot->scores.width = width;
  lml_status status = lml_alloc_untouched(&slot->rows, LML_BLOCK_ROWS * width, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&slot->scratch, LML_BLOCK_ROWS * rank, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&slot->errors, LML_BLOCK_ROWS, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&slot->weights, LML_BLOCK_ROWS, sizeof(double), what, error) : status;
}

static lml_status make_streaming(streaming *s, const lml_solved *solved, size_t nslots, lml_error *error) {
  const size_t n = solved->solver->width;
  *s = (streaming){.solved = solved};
  lml_status status = lml_alloc(&s->squares, n * n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->slots, nslots, sizeof *s->slots, what, error);
  if (status == LML_OK) s->nslots = nslots;
  for (size_t k = 0; k < s->nslots && status == LML_OK; k++)
    status = make_slot(&s->slots[k], n, solved->problem.constraints->rank, error);
  return status;
}

static void free_streaming(streaming *s) {
  for (size_t k = 0; k < s->nslots; k++) {
    lml_free(s->slots[k].rows);
    lml_free(s->slots[k].scratch);
    lml_free(s->slots[k].errors);
    lml_free(s->slots[k].weights);
    lml_vectors_free(&s->slots[k].scores);
  }
  lml_free(s->slots);
  lml_free(s->squares);
}

static lml_status score(void *context, const lml_row_block *block, double weight, const size_t *clusters,
                        lml_error *error) {
  const streaming *s = context;
  const size_t n = s->solved->solver->width;
  slot_room *slot = &s->slots[block->slot];
  memcpy(slot->rows, block->rows, block->count * n * sizeof(double));
  for (size_t k = 0; k < block->count; k++) {
    slot->errors[k] =
        block->targets[k] - block->predicted[k] - cblas_ddot((int)n, block->rows + k * n, 1, s->solved->delta, 1);
    slot->weights[k] = weight;
  }
  lml_solver_whiten(s->solved->solver, s->solved->problem.constraints, slot->rows, block->count, slot->scratch);
  const lml_scored_rows rows = {block->count, slot->rows, slot->errors, slot->weights, clusters};
  return lml_scores_append(&slot->scores, &rows, error);
}

static lml_status add_squares(void *context, size_t slot, lml_error *error) {
  const streaming *s = context;
  lml_vectors *scores = &s->slots[slot].scores;
  const int n = (int)scores->width;
  (void)error;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, (int)scores->count, 1.0, scores->values, n, 1.0, s->squares,
              n);
  scores->count = 0;
  return LML_OK;
}

/* ---- the factor ---- */

/** What finding the factor needs on the way. */
typedef struct {
  lml_run *run;
  const lml_uncertainty_options *wanted;
  lml_quantum_sets quantum;
  lml_held_rows held;
  lml_solved solved;
  streaming stream;
  bool streamed;
} finding;

/** The problem that was solved, factorised on rank 0 and given to all. */
static lml_status factorise(finding *f, lml_error *error) {
  lml_retrain *retrain = f->run->retrain;
  lml_solver *solver = &f->run->solver;
  const size_t n = retrain->width;
  lml_solution solution = {0};
  lml_status status = lml_run_make_solver(f->run, error);
  if (status == LML_OK && lml_run_is_root(f->run)) {
    f->solved =
        (lml_solved){.problem = lml_trial_problem(retrain, &retrain->trials[retrain->chosen], &retrain->target)};
    status = lml_solver_factorise(solver, &f->solved.problem, &solution, error);
    if (status == LML_OK && !isfinite(solution.condition))
      status = lml_fail(error, LML_ERR_INPUT,
                        "the normal equations are too ill-conditioned for an uncertainty: give a larger "
                        "--lambda-ridge, or --uncertainty none");
  }
  status = lml_comm_agree(f->run->comm, status, error);
  f->solved.problem.constraints = &retrain->constraints;
  f->solved.solver = solver;
  f->solved.delta = retrain->delta;
  if (status == LML_OK) status = lml_comm_broadcast(f->run->comm, solver->matrix, n * n * sizeof(double), error);
  return status == LML_OK ? lml_comm_broadcast(f->run->comm, solver->scale, n * sizeof(double), error) : status;
}

/** Rows that are held, and where these are not all of them and the kind needs all, the sums over all scores. */
static lml_status make_rows(finding *f, lml_error *error) {
  lml_run *r = f->run;
  const lml_cluster_sink sink = {.accumulate = score, .reduce = add_squares, .context = &f->stream};
  f->streamed = f->wanted->kind == LML_UNCERTAINTY_SANDWICH && f->quantum.nclusters > LML_HELD_CLUSTERS;
  lml_status status = LML_OK;
  if (f->streamed) status = make_streaming(&f->stream, &f->solved, lml_pool_slots(r->workers.nthreads), error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK)
    status = lml_quantum_rows_make(&f->quantum, &r->workers, &f->held, f->streamed ? &sink : NULL, error);
  if (status == LML_OK && f->streamed)
    status = lml_comm_sum(r->comm, f->stream.squares, r->retrain->width * r->retrain->width, error);
  return status;
}

/** Rank 0: the scaled factor. */
static lml_status scale_factor(finding *f, lml_factor *factor, lml_error *error) {
  lml_retrain *retrain = f->run->retrain;
  lml_uncertainty *to = &retrain->uncertainty;
  const size_t none = retrain->nfolds; /* left out */
  lml_vectors columns = {.width = retrain->width};
  lml_status status = f->streamed ? lml_vectors_from_squares(&columns, f->stream.squares, error)
                                  : lml_factor_columns(&f->solved, &f->held, none, f->wanted->kind, &columns, error);
  if (status == LML_OK) status = lml_factor_make(&f->solved, &columns, f->wanted->kind, f->wanted->rank, factor, error);
  lml_vectors_free(&columns);
  if (status == LML_OK)
    status = lml_left_out_calibrate(f->run, &f->held, f->wanted->kind, f->wanted->rank, &to->calibration, error);
  if (status != LML_OK) return status;
  cblas_dscal((int)(factor->rank * factor->width), to->calibration.alpha, factor->columns, 1);
  to->kind = f->wanted->kind;
  to->width = factor->width;
  to->rank = factor->rank;
  to->share = factor->share;
  to->nrows = f->quantum.nrows;
  status = lml_alloc(&to->factor, to->width * to->rank, sizeof(double), what, error);
  for (size_t i = 0; i < to->width && status == LML_OK; i++)
    for (size_t k = 0; k < to->rank; k++) to->factor[i * to->rank + k] = factor->columns[k * to->width + i];
  return status;
}

/** Rank 0's factor and scale, on all ranks. */
static lml_status share_factor(finding *f, lml_factor *factor, lml_error *error) {
  lml_comm *comm = f->run->comm;
  lml_calibration *calibration = &f->run->retrain->uncertainty.calibration;
  lml_status status = lml_comm_broadcast(comm, &factor->rank, sizeof factor->rank, error);
  if (status == LML_OK) status = lml_comm_broadcast(comm, calibration, sizeof *calibration, error);
  if (status == LML_OK && !lml_run_is_root(f->run)) {
    factor->width = f->run->retrain->width;
    status = lml_alloc(&factor->columns, factor->rank * factor->width, sizeof(double), what, error);
  }
  status = lml_comm_agree(comm, status, error);
  if (status != LML_OK) return status;
  return lml_comm_broadcast(comm, factor->columns, factor->rank * factor->width * sizeof(double), error);
}

static lml_status cover(finding *f, const lml_factor *factor, lml_error *error) {
  lml_retrain *retrain = f->run->retrain;
  const lml_retrain_options *options = f->run->options;
  lml_status status = lml_alloc(&retrain->coverages, options->nsets, sizeof *retrain->coverages, what, error);
  status = lml_comm_agree(f->run->comm, status, error);
  if (status != LML_OK) return status;
  return lml_coverage_measure(retrain->coverages, options->sets, options->nsets, &f->run->workers, factor,
                              &retrain->uncertainty.calibration, retrain->delta, error);
}

static lml_status find_factor(finding *f, lml_error *error) {
  lml_factor factor = {0};
  lml_status status = LML_OK;
  if (f->quantum.nrows == 0)
    status =
        lml_fail(error, LML_ERR_INPUT, "no target row can tell the uncertainty: give forces, or --uncertainty none");
  if (status == LML_OK) status = factorise(f, error);
  if (status == LML_OK) status = make_rows(f, error);
  if (status == LML_OK && lml_run_is_root(f->run)) status = scale_factor(f, &factor, error);
  status = lml_comm_agree(f->run->comm, status, error);
  if (status == LML_OK) status = share_factor(f, &factor, error);
  if (status == LML_OK) status = cover(f, &factor, error);
  lml_factor_free(&factor);
  return status;
}

/* ---- all of it ---- */

static size_t count_covered(const lml_retrain_options *options) {
  size_t count = 0;
  for (size_t s = 0; s < options->nsets; s++)
    if (lml_coverage_applies(&options->sets[s])) count += options->sets[s].nframes;
  return count;
}

/** The structures that are named for it, or else those that were trained on. */
static lml_status find_distances(lml_run *r, lml_training_sets *training, lml_error *error) {
  if (training->nframes == 0) return LML_OK; /* rows of matrices alone */
  return lml_training_distances(training, &r->workers, &r->retrain->uncertainty, error);
}

static lml_status make_training_sets(const lml_run *r, lml_training_sets *training, lml_error *error) {
  const lml_uncertainty_options *wanted = &r->options->uncertainty;
  return wanted->nfrom > 0 ? lml_training_sets_make(training, wanted->from, wanted->nfrom, error)
                           : lml_training_sets_make(training, r->options->sets, r->options->nsets, error);
}

lml_status lml_run_find_uncertainty(lml_run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  finding f = {.run = r, .wanted = &options->uncertainty};
  lml_training_sets training = {0};
  if (f.wanted->kind == LML_UNCERTAINTY_NONE && f.wanted->nfrom == 0) return LML_OK;
  lml_status status = make_training_sets(r, &training, error);
  if (status == LML_OK && f.wanted->kind != LML_UNCERTAINTY_NONE)
    status = lml_quantum_sets_make(&f.quantum, options->sets, options->nsets, error);
  status = lml_comm_agree(r->comm, status, error);
  const size_t covered = f.wanted->kind == LML_UNCERTAINTY_NONE ? 0 : count_covered(options);
  lml_run_begin_stage(r, LML_STAGE_UNCERTAINTY, f.quantum.nframes + covered + LML_TRAINING_PASSES * training.nframes);
  if (status == LML_OK && f.wanted->kind != LML_UNCERTAINTY_NONE) status = find_factor(&f, error);
  if (status == LML_OK) status = find_distances(r, &training, error);
  lml_run_end_stage(r);
  free_streaming(&f.stream);
  lml_held_rows_free(&f.held);
  lml_quantum_sets_free(&f.quantum);
  lml_training_sets_free(&training);
  return lml_comm_agree(r->comm, status, error);
}

/** The one file that is written. */
static lml_status check_place(const lml_retrain_options *options, lml_error *error) {
  char *json, *npy;
  struct stat about;
  lml_status status = lml_uncertainty_paths(options->output, &json, &npy, error);
  if (status != LML_OK) return status;
  if (lml_sys->stat(json, &about) == 0 && options->existing == LML_EXISTING_REFUSE)
    status = lml_fail(error, LML_ERR_USAGE,
                      "%s: exists already: add --overwrite, or name another potential's file "
                      "with --output",
                      json);
  lml_free(json);
  lml_free(npy);
  return status;
}

lml_status lml_run_describe_start(lml_run *r, lml_error *error) {
  lml_uncertainty_files files;
  lml_status status = lml_run_is_root(r) ? check_place(r->options, error) : LML_OK;
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_run_find_uncertainty(r, error);
  if (status == LML_OK && lml_run_is_root(r)) {
    status = lml_uncertainty_write(&r->retrain->uncertainty, r->retrain->original, r->options->output, &files, error);
    if (status == LML_OK) status = lml_uncertainty_commit(&files, error);
  }
  return lml_comm_agree(r->comm, status, error);
}
