#include "retrain/retrain.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"
#include "potential/potential_variant.h"
#include "potential/snap_model.h"
#include "retrain/design.h"
#include "retrain/memory_check.h"
#include "retrain/qr.h"
#include "retrain/report.h"
#include "retrain/search.h"
#include "retrain/start_files.h"

const char *const lml_stage_names[] = {"scan", "hard", "target", "soft", "test", "solve", "qr", "fit", NULL};

/** Condition number from which normal equations are given up for QR where nothing else is asked for. With a ridge
 *  penalty, directions that the data hardly determine stay at zero; without one, the data's digits are all there is. */
static const double largest_condition = 1e12, largest_condition_without_ridge = 1e6;

/** One run under way. */
typedef struct {
  lml_retrain *retrain;
  lml_retrain_options *options;
  lml_comm *comm;
  const lml_retrain_listener *listener;
  lml_design design;
  lml_solver solver;
  lml_stage stage;
  size_t done, total;
  double began; /**< s */
} run;

void lml_retrain_free(lml_retrain *retrain) {
  lml_potential_destroy(retrain->original);
  lml_potential_destroy(retrain->start);
  lml_potential_destroy(retrain->result);
  lml_free(retrain->delta);
  lml_constraints_free(&retrain->constraints);
  lml_normal_free(&retrain->target);
  lml_normal_free(&retrain->soft);
  lml_normal_free(&retrain->test);
  lml_normal_free(&retrain->train);
  for (size_t k = 0; retrain->folds != NULL && k < retrain->options->folds; k++) lml_normal_free(&retrain->folds[k]);
  lml_free(retrain->folds);
  lml_free(retrain->trials);
  for (size_t s = 0; retrain->fits != NULL && s < retrain->options->nsets; s++) lml_fit_free(&retrain->fits[s]);
  lml_free(retrain->fits);
  lml_start_files_free(retrain->start_files);
  *retrain = (lml_retrain){0};
}

/* ---- stages ---- */

static bool leads(const run *r) { return lml_comm_rank(r->comm) == 0; }

static void report_progress(const run *r) {
  if (leads(r) && r->listener->progress != NULL)
    r->listener->progress(r->listener->context, r->stage, r->done, r->total);
}

static void begin_stage(run *r, lml_stage stage, size_t total) {
  r->stage = stage;
  r->done = 0;
  r->total = total;
  r->began = lml_sys->clock();
  report_progress(r);
}

static void end_stage(run *r) { r->retrain->seconds[r->stage] += lml_sys->clock() - r->began; }

/** One frame or pair of parameters is done. */
static void tell(void *context) {
  run *r = context;
  r->done++;
  report_progress(r);
}

static size_t frames_of(const run *r, lml_role role) {
  size_t count = 0;
  for (size_t s = 0; s < r->options->nsets; s++)
    if (r->options->sets[s].role == role) count += r->options->sets[s].nframes;
  return count;
}

/* ---- what is read ---- */

static lml_status read_start(run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  lml_retrain *retrain = r->retrain;
  lml_status status =
      lml_potential_read(options->start, options->parameters, options->fixed_terms, &retrain->original, error);
  if (status == LML_OK) status = lml_start_files_find(retrain->start_files, options, error);
  if (status != LML_OK) return status;
  const lml_potential *original = retrain->original;
  lml_potential *formed = NULL;
  if (options->form == LML_FORM_LINEAR && original->snap.parameters.quadraticflag)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: is quadratic, and can't be made linear: leave --form linear out, or start from a linear one",
                    options->start);
  if (options->form == LML_FORM_QUADRATIC) status = lml_potential_quadratic(original, &formed, error);
  if (status == LML_OK) {
    const lml_potential *from = formed == NULL ? original : formed;
    const double *coefficients = options->origin == LML_ORIGIN_ZERO ? NULL : lml_potential_coefficients(from);
    status = lml_potential_with_coefficients(from, coefficients, &retrain->start, error);
  }
  lml_potential_destroy(formed);
  if (status != LML_OK) return status;
  retrain->width = lml_potential_nelements(retrain->start) * lml_potential_ncoefficients(retrain->start);
  return lml_alloc(&retrain->delta, retrain->width, sizeof(double), "coefficients", error);
}

static lml_status scan_sets(run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  lml_status status = LML_OK;
  begin_stage(r, LML_STAGE_SCAN, options->nsets);
  for (size_t s = 0; s < options->nsets && status == LML_OK; s++) {
    lml_dataset *set = &options->sets[s];
    status = lml_dataset_scan(set, r->retrain->start, error);
    if (status == LML_OK && set->torn[0] != '\0' && leads(r))
      lml_log_line(r->listener->log, LML_LOG_ERROR, "%s: the last frame is skipped, %zu before it are used", set->torn,
                   set->nframes);
    if (status == LML_OK) tell(r);
  }
  end_stage(r);
  return lml_comm_agree(r->comm, status, error);
}

/* ---- sums ---- */

/** Add the rows of all sets of @p role to @p normals, frames dealt out in turn, and collect. */
static lml_status add_sets(run *r, lml_stage stage, lml_role role, lml_normal *normals, size_t nnormals,
                           lml_error *error) {
  const size_t part = (size_t)lml_comm_rank(r->comm), share = (size_t)lml_comm_size(r->comm);
  lml_normal_adder *adder;
  lml_status status = lml_alloc(&adder, 1, sizeof *adder, "deviations", error);
  if (status != LML_OK) return lml_comm_agree(r->comm, status, error);
  *adder = (lml_normal_adder){
      .normals = normals, .nnormals = nnormals, .start = lml_potential_coefficients(r->retrain->start)};
  const lml_row_sink sink = {lml_normal_take, adder};
  begin_stage(r, stage, frames_of(r, role));
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    if (set->role != role) continue;
    adder->weight = set->weight;
    adder->has_values = set->has_values && role != LML_ROLE_SOFT;
    status = lml_design_pass(&r->design, set, part, share, &sink, tell, r, error);
    adder->first += set->nframes;
  }
  lml_free(adder);
  status = lml_comm_agree(r->comm, status, error);
  for (size_t k = 0; k < nnormals && status == LML_OK; k++) status = lml_normal_collect(&normals[k], r->comm, error);
  end_stage(r);
  return status;
}

static lml_status add_folds(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t folds = r->options->folds;
  if (frames_of(r, LML_ROLE_TARGET) < folds)
    return lml_fail(error, LML_ERR_USAGE, "--folds %zu: there are only %zu target frames", folds,
                    frames_of(r, LML_ROLE_TARGET));
  lml_status status = lml_alloc(&retrain->folds, folds, sizeof *retrain->folds, "folds", error);
  for (size_t k = 0; k < folds && status == LML_OK; k++)
    status = lml_normal_make(&retrain->folds[k], retrain->width, error);
  if (status == LML_OK && leads(r)) status = lml_normal_make(&retrain->train, retrain->width, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = add_sets(r, LML_STAGE_TARGET, LML_ROLE_TARGET, retrain->folds, folds, error);
  for (size_t k = 0; k < folds && status == LML_OK; k++) lml_normal_add(&retrain->target, &retrain->folds[k], 1.0);
  return status;
}

static bool chooses(const lml_retrain_options *options) {
  return options->nlambda_soft > 1 || options->nlambda_ridge > 1;
}

static lml_status make_sums(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t n = retrain->width;
  const bool soft = frames_of(r, LML_ROLE_SOFT) > 0;
  const bool test = chooses(r->options) && r->options->folds == 0;
  lml_status status = lml_normal_make(&retrain->target, n, error);
  if (status == LML_OK && soft) status = lml_normal_make(&retrain->soft, n, error);
  if (status == LML_OK && test) status = lml_normal_make(&retrain->test, n, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status != LML_OK) return status;
  if (chooses(r->options) && r->options->folds > 0)
    status = add_folds(r, error);
  else
    status = add_sets(r, LML_STAGE_TARGET, LML_ROLE_TARGET, &retrain->target, 1, error);
  if (status == LML_OK && soft) status = add_sets(r, LML_STAGE_SOFT, LML_ROLE_SOFT, &retrain->soft, 1, error);
  if (status == LML_OK && test) status = add_sets(r, LML_STAGE_TEST, LML_ROLE_TEST, &retrain->test, 1, error);
  return status;
}

/* ---- constraints ---- */

static lml_status constrain(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  begin_stage(r, LML_STAGE_HARD, frames_of(r, LML_ROLE_HARD));
  lml_status status = lml_constraints_make(&retrain->constraints, options->sets, options->nsets, retrain->width, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK)
    status = lml_constraints_fill(&retrain->constraints, &r->design, options->sets, options->nsets,
                                  lml_potential_coefficients(retrain->start), r->comm, tell, r, error);
  if (status == LML_OK && leads(r))
    status = lml_constraints_decompose(&retrain->constraints, &options->constraints, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_constraints_share(&retrain->constraints, r->comm, error);
  end_stage(r);
  return status;
}

/* ---- solution ---- */

static lml_status measure_ranks(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  lml_status status =
      lml_solver_rank(&r->solver, &retrain->target, &retrain->target_rank, &retrain->target_largest, error);
  if (status == LML_OK && retrain->soft.gram != NULL)
    status = lml_solver_rank(&r->solver, &retrain->soft, &retrain->soft_rank, &retrain->soft_largest, error);
  return status;
}

static lml_status solve_sums(run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  const size_t npairs = (options->nlambda_soft > 0 ? options->nlambda_soft : 1) *
                        (options->nlambda_ridge > 0 ? options->nlambda_ridge : 1);
  begin_stage(r, LML_STAGE_SOLVE, npairs);
  lml_status status = LML_OK;
  if (leads(r)) {
    status = lml_solver_make(&r->solver, r->retrain->width, r->retrain->constraints.rank, error);
    if (status == LML_OK) status = measure_ranks(r, error);
    if (status == LML_OK) status = lml_search_run(r->retrain, &r->solver, tell, r, error);
  }
  end_stage(r);
  return lml_comm_agree(r->comm, status, error);
}

/** Whether the rows have to be gone through again, with a word about it. */
static lml_status choose_method(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const double condition = retrain->solution.condition;
  int qr = r->options->method == LML_METHOD_QR;
  lml_status status = LML_OK;
  const double ridge = leads(r) ? retrain->trials[retrain->chosen].lambda_ridge : 0.0;
  const double largest = ridge > 0.0 ? largest_condition : largest_condition_without_ridge;
  if (leads(r) && r->options->method == LML_METHOD_AUTO && !(condition < largest)) {
    lml_log_line(r->listener->log, LML_LOG_ERROR,
                 "the normal equations are too ill-conditioned (%.1e): the rows are gone through again, by QR",
                 condition);
    qr = 1;
  }
  if (leads(r) && r->options->method == LML_METHOD_CHOLESKY && !isfinite(condition))
    status = lml_fail(error, LML_ERR_INPUT,
                      "the normal equations do not determine all coefficients: give a larger --lambda-ridge, or leave "
                      "--method cholesky out");
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, &qr, sizeof qr, error);
  retrain->used_qr = qr;
  return status;
}

/** Put the rows of targets and soft constraints into the triangle. */
static lml_status fill_triangle(run *r, lml_qr *qr, lml_qr_adder *adder, const double *start, double lambda_soft,
                                lml_error *error) {
  const lml_row_sink sink = {lml_qr_take, adder};
  const size_t part = (size_t)lml_comm_rank(r->comm), share = (size_t)lml_comm_size(r->comm);
  lml_status status = LML_OK;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    if (set->role != LML_ROLE_TARGET && set->role != LML_ROLE_SOFT) continue;
    const bool soft = set->role == LML_ROLE_SOFT;
    adder->qr = qr;
    adder->weight = soft ? set->weight * lambda_soft : set->weight;
    adder->has_values = !soft;
    adder->start = soft ? r->retrain->constraints.shift : start;
    status = lml_design_pass(&r->design, set, part, share, &sink, tell, r, error);
  }
  return lml_comm_agree(r->comm, status, error);
}

static lml_status solve_rows(run *r, double *scale, double *start, lml_qr_adder *adder, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t n = retrain->width;
  const double *shift = retrain->constraints.shift;
  double lambdas[2] = {0.0, 0.0};
  if (leads(r)) {
    memcpy(scale, r->solver.scale, n * sizeof *scale);
    lambdas[0] = retrain->trials[retrain->chosen].lambda_soft;
    lambdas[1] = retrain->trials[retrain->chosen].lambda_ridge;
  }
  for (size_t i = 0; i < n; i++)
    start[i] = lml_potential_coefficients(retrain->start)[i] + (shift == NULL ? 0.0 : shift[i]);
  lml_qr qr;
  lml_status status = lml_comm_broadcast(r->comm, lambdas, sizeof lambdas, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, scale, n * sizeof *scale, error);
  if (status != LML_OK) return status;
  status = lml_qr_make(&qr, &retrain->constraints, scale, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = fill_triangle(r, &qr, adder, start, lambdas[0], error);
  if (status == LML_OK) status = lml_qr_collect(&qr, r->comm, error);
  if (status == LML_OK && leads(r)) {
    status = lml_qr_solve(&qr, lambdas[1], retrain->delta, &retrain->qr_condition, error);
    for (size_t i = 0; i < n && shift != NULL; i++) retrain->delta[i] += shift[i];
  }
  lml_qr_free(&qr);
  return lml_comm_agree(r->comm, status, error);
}

static lml_status solve_again(run *r, lml_error *error) {
  const size_t n = r->retrain->width;
  double *scale = NULL, *start = NULL;
  lml_qr_adder *adder = NULL;
  begin_stage(r, LML_STAGE_QR, frames_of(r, LML_ROLE_TARGET) + frames_of(r, LML_ROLE_SOFT));
  lml_status status = lml_alloc(&scale, n, sizeof *scale, "a solution", error);
  if (status == LML_OK) status = lml_alloc(&start, n, sizeof *start, "a solution", error);
  if (status == LML_OK) status = lml_alloc(&adder, 1, sizeof *adder, "deviations", error);
  const bool ready = adder != NULL && start != NULL && scale != NULL;
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK && ready) status = solve_rows(r, scale, start, adder, error);
  lml_free(scale);
  lml_free(start);
  lml_free(adder);
  end_stage(r);
  return status;
}

static lml_status solve(run *r, lml_error *error) {
  lml_status status = solve_sums(r, error);
  if (status == LML_OK) status = choose_method(r, error);
  if (status == LML_OK && r->retrain->used_qr) status = solve_again(r, error);
  if (status == LML_OK)
    status = lml_comm_broadcast(r->comm, r->retrain->delta, r->retrain->width * sizeof(double), error);
  return status;
}

/* ---- results ---- */

static lml_status make_result(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const double *start = lml_potential_coefficients(retrain->start);
  double *sum;
  lml_status status = lml_alloc(&sum, retrain->width, sizeof *sum, "coefficients", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < retrain->width && status == LML_OK; i++) {
    sum[i] = start[i] + retrain->delta[i];
    if (!isfinite(sum[i]))
      status = lml_fail(error, LML_ERR_INTERNAL, "coefficient %zu of the solution is not finite", i);
  }
  if (status == LML_OK) status = lml_potential_with_coefficients(retrain->start, sum, &retrain->result, error);
  lml_free(sum);
  return status;
}

static lml_status evaluate_fits(run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t nsets = r->options->nsets;
  size_t total = 0;
  for (size_t s = 0; s < nsets; s++) total += r->options->sets[s].nframes;
  begin_stage(r, LML_STAGE_FIT, total);
  lml_calculator *calculators[2] = {NULL, NULL};
  lml_status status = lml_linear_calculator_create(retrain->start, &calculators[0], error);
  if (status == LML_OK) status = lml_linear_calculator_create(retrain->result, &calculators[1], error);
  if (status == LML_OK) status = lml_alloc(&retrain->fits, nsets, sizeof *retrain->fits, "errors", error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    status = lml_fit_make(&retrain->fits[s], &r->options->sets[s], error);
  status = lml_comm_agree(r->comm, status, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    status = lml_fit_evaluate(&retrain->fits[s], calculators, r->comm, tell, r, error);
  for (int k = 0; k < 2; k++) lml_calculator_destroy(calculators[k]);
  end_stage(r);
  return status;
}

static lml_status write_outputs(run *r, lml_error *error) {
  const lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  char comment[128 + LML_SHA256_TEXT];
  char *parameters = lml_path_with_extension(options->output, ".snapparam", error);
  if (parameters == NULL) return LML_ERR_MEMORY;
  lml_start_files_comment(retrain->start_files, comment, sizeof comment);
  lml_status status = lml_potential_write(retrain->result, options->output, parameters, comment, error);
  lml_free(parameters);
  if (status == LML_OK && options->report != NULL) status = lml_report_write(retrain, options->report, error);
  return status;
}

/* ---- all of it ---- */

static lml_status work(run *r, lml_error *error) {
  lml_status status = read_start(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = scan_sets(r, error);
  if (status == LML_OK) {
    status = lml_design_make(&r->design, r->retrain->start, error);
    if (status == LML_OK) status = lml_memory_check(&r->design, r->options, error);
    status = lml_comm_agree(r->comm, status, error);
  }
  if (status == LML_OK) status = constrain(r, error);
  if (status == LML_OK) status = make_sums(r, error);
  if (status == LML_OK) status = solve(r, error);
  if (status == LML_OK) {
    status = make_result(r, error);
    status = lml_comm_agree(r->comm, status, error);
  }
  if (status == LML_OK) status = evaluate_fits(r, error);
  if (status != LML_OK) return status;
  if (leads(r)) status = write_outputs(r, error);
  return lml_comm_agree(r->comm, status, error);
}

lml_status lml_retrain_run(lml_retrain *retrain, lml_retrain_options *options, lml_comm *comm,
                           const lml_retrain_listener *listener, lml_error *error) {
  run r = {.retrain = retrain, .options = options, .comm = comm, .listener = listener};
  *retrain = (lml_retrain){.options = options, .comm = comm};
  lml_status status = lml_comm_rank(comm) == 0 ? lml_retrain_options_check(options, error) : LML_OK;
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = work(&r, error);
  lml_solver_free(&r.solver);
  lml_design_free(&r.design);
  return status;
}
