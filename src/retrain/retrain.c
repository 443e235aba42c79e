#include "retrain/retrain.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/thread_pool.h"
#include "potential/format.h"
#include "potential/potential_variant.h"
#include "retrain/memory_check.h"
#include "retrain/report/errors_of_rows.h"
#include "retrain/report/outputs.h"
#include "retrain/report/report.h"
#include "retrain/report/start_files.h"
#include "retrain/run.h"

const char *const lml_lambda_names[] = {"lambda_soft", "lambda_ridge", NULL};
const char *const lml_stage_names[] = {"scan", "cache", "hard", "rows", "leverage", "solve", "qr", "fit", NULL};

/** Free what lml_run_finish has made. */
static void forget_result(lml_retrain *retrain) {
  lml_potential_destroy(retrain->result);
  for (size_t s = 0; retrain->validations != NULL && s < retrain->options->nsets; s++)
    lml_validation_free(&retrain->validations[s]);
  lml_free(retrain->validations);
  lml_energy_offsets_free(&retrain->offsets);
  retrain->result = NULL;
  retrain->validations = NULL;
}

void lml_retrain_free(lml_retrain *retrain) {
  lml_potential_destroy(retrain->original);
  lml_potential_destroy(retrain->start);
  forget_result(retrain);
  lml_free(retrain->delta);
  lml_ridge_free(&retrain->ridge);
  lml_constraints_free(&retrain->constraints);
  lml_normal_free(&retrain->target);
  lml_normal_free(&retrain->soft);
  for (size_t s = 0; retrain->tests != NULL && s < retrain->options->nsets; s++) lml_normal_free(&retrain->tests[s]);
  for (size_t k = 0; retrain->folds != NULL && k < retrain->nfolds; k++) lml_normal_free(&retrain->folds[k]);
  lml_free(retrain->tests);
  lml_free(retrain->folds);
  lml_soft_sample_free(&retrain->sample);
  lml_free(retrain->trials);
  lml_start_files_free(retrain->start_files);
  *retrain = (lml_retrain){0};
}

/* ---- what is read ---- */

/** Leverages need a prior for every coefficient. */
static lml_status check_prior(const lml_retrain *retrain, lml_error *error) {
  const lml_retrain_options *options = retrain->options;
  for (size_t s = 0; s < options->nsets && retrain->ridge.smallest == 0.0; s++)
    if (options->sets[s].leverage > 0.0)
      return lml_fail(error, LML_ERR_USAGE,
                      "%s: leverages are relative to the ridge penalty, and some of its factors are 0",
                      options->sets[s].path);
  return LML_OK;
}

static lml_status read_start(lml_run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  lml_retrain *retrain = r->retrain;
  lml_status status =
      lml_potential_read(options->start, options->parameters, options->fixed_terms, &retrain->original, error);
  if (status == LML_OK && lml_run_is_root(r)) lml_potential_log_warnings(retrain->original, r->listener->log);
  if (status == LML_OK) status = lml_start_files_find(retrain->start_files, retrain->original, error);
  if (status == LML_OK && lml_run_is_root(r)) status = lml_outputs_spare(options, retrain->start_files, error);
  if (status == LML_OK && options->configuration != NULL)
    status = lml_sha256_file(options->configuration, retrain->configuration, error);
  if (status != LML_OK) return status;
  const lml_potential *original = retrain->original;
  lml_potential *formed = NULL;
  if (lml_format_written_to(options->output) != original->format)
    return lml_fail(error, LML_ERR_USAGE, "%s: the output must be a %s file, as the start is %s", options->output,
                    original->format->extension, original->format->name);
  if (options->form == LML_FORM_LINEAR && original->quadratic)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: is quadratic, and can't be made linear: leave --form linear out, or start from a linear one",
                    options->start);
  if (options->form == LML_FORM_QUADRATIC && !original->format->holds_quadratic)
    return lml_fail(error, LML_ERR_USAGE, "%s: a file in the format %s holds no quadratic potential: say --form linear",
                    options->start, original->format->name);
  if (options->form == LML_FORM_QUADRATIC) status = lml_potential_quadratic(original, &formed, error);
  if (status == LML_OK) {
    const lml_potential *from = formed == NULL ? original : formed;
    const double *coefficients = options->origin == LML_ORIGIN_ZERO ? NULL : lml_potential_coefficients(from);
    status = lml_potential_with_coefficients(from, coefficients, &retrain->start, error);
  }
  lml_potential_destroy(formed);
  if (status != LML_OK) return status;
  retrain->width = lml_potential_nelements(retrain->start) * lml_potential_ncoefficients(retrain->start);
  status = lml_alloc(&retrain->delta, retrain->width, sizeof(double), "coefficients", error);
  if (status == LML_OK) status = lml_ridge_make(&retrain->ridge, &options->ridge_scale, retrain->start, error);
  return status == LML_OK ? check_prior(retrain, error) : status;
}

/** Whether some frame's group has that name, or with NULL whether some frame has one. */
static bool has_group(const lml_retrain_options *options, const char *name) {
  for (size_t s = 0; s < options->nsets; s++) {
    const lml_group_names *groups = &options->sets[s].groups;
    if (name == NULL && groups->count > 0) return true;
    for (size_t k = 0; name != NULL && k < groups->count; k++)
      if (strcmp(groups->list[k], name) == 0) return true;
  }
  return false;
}

/** A group that has a weight must be there; of a log that is followed, its frames may come later. */
static lml_status check_groups(const lml_retrain_options *options, lml_error *error) {
  const lml_config_groups *groups = &options->groups;
  const char *key = lml_config_groups_key(groups);
  if (lml_retrain_followed(options) != NULL) return LML_OK;
  if (groups->key != NULL && !has_group(options, NULL))
    return lml_fail(error, LML_ERR_INPUT,
                    "--group-key %s: no frame of the targets, soft or test files has that key with a single value",
                    key);
  for (size_t k = 0; k < groups->count; k++)
    if (!has_group(options, groups->names[k]))
      return lml_fail(error, LML_ERR_INPUT,
                      "--group-weight %s=%g: no frame of the targets, soft or test files has %s=%s", groups->names[k],
                      groups->weights[k], key, groups->names[k]);
  return LML_OK;
}

/** Threads that were asked for, or that BLAS would use. */
static size_t wanted_threads(const lml_run *r) {
  const int blas_threads = openblas_get_num_threads();
  return r->options->threads > 0 ? r->options->threads : blas_threads > 0 ? (size_t)blas_threads : 1;
}

static lml_status scan_set(void *context, lml_pool_place place, size_t task, lml_error *error) {
  const lml_run *r = context;
  (void)place;
  return lml_dataset_scan(&r->options->sets[task], r->retrain->start, error);
}

static lml_status report_set(void *context, size_t slot, size_t task, lml_error *error) {
  lml_run *r = context;
  (void)slot, (void)error;
  lml_run_report_skipped(r, &r->options->sets[task]);
  lml_run_report_doubts(r, &r->options->sets[task]);
  lml_run_report_one(r);
  return LML_OK;
}

/** What of each set counts for the start that was read. */
static void prepare_sets(const lml_run *r) {
  lml_retrain_options *options = r->options;
  const lml_energy_reference usual = options->origin == LML_ORIGIN_ZERO ? LML_REFERENCE_ABSOLUTE : LML_REFERENCE_OFFSET;
  lml_energy_offsets_decide(options->sets, options->nsets, lml_potential_nelements(r->retrain->start), usual);
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].role != LML_ROLE_HARD) options->sets[s].grouping = &options->groups;
}

static lml_status scan_sets(lml_run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  prepare_sets(r);
  const lml_pool_tasks tasks = {.count = options->nsets, .work = scan_set, .reduce = report_set, .context = r};
  lml_run_begin_stage(r, LML_STAGE_SCAN, options->nsets);
  lml_status status = lml_pool_run(wanted_threads(r), &tasks, error);
  lml_run_end_stage(r);
  lml_energy_offsets_set_zero(options->sets, options->nsets);
  if (status == LML_OK) status = check_groups(options, error);
  return lml_comm_agree(r->comm, status, error);
}

/* ---- results ---- */

static lml_status make_result(lml_run *r, lml_error *error) {
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
  const lml_descriptor *descriptor = retrain->start->descriptor;
  if (status == LML_OK && descriptor->ops->average != NULL)
    status = descriptor->ops->average(descriptor, retrain->start->quadratic, sum, error);
  for (size_t i = 0; i < retrain->width && status == LML_OK; i++)
    if (sum[i] != start[i] + retrain->delta[i]) retrain->delta[i] = sum[i] - start[i];
  if (status == LML_OK) status = lml_potential_with_coefficients(retrain->start, sum, &retrain->result, error);
  lml_free(sum);
  return status;
}

/** Hard constraints on energies and virials are known from their rows, on rank 0, exactly. */
static lml_status measure_hard(lml_run *r, size_t index, lml_error *error) {
  const lml_retrain *retrain = r->retrain;
  const lml_dataset *sets = r->options->sets;
  size_t first = 0;
  for (size_t s = 0; s < index; s++)
    if (sets[s].role == LML_ROLE_HARD && sets[s].mode == sets[index].mode) first += sets[s].nrows;
  if (lml_run_is_root(r))
    lml_validation_of_hard(&retrain->validations[index], &retrain->constraints.kinds[sets[index].mode], first,
                           r->baseline[index], retrain->delta, retrain->width);
  for (size_t k = 0; k < sets[index].nframes; k++) lml_run_report_one(r);
  return lml_validation_collect(&retrain->validations[index], r->comm, LML_OK, error);
}

/** Evaluate this rank's share of the frames of all sets that are; and what is still to be found of the sums. */
static lml_status evaluate_sets(lml_run *r, lml_validation_room *room, lml_error *error) {
  const size_t nsets = r->options->nsets;
  lml_measurement *measurements;
  lml_frame_job *jobs = NULL;
  size_t njobs = 0;
  lml_status status = lml_alloc(&measurements, nsets, sizeof *measurements, "errors", error);
  if (status == LML_OK) status = lml_alloc(&jobs, nsets + 1, sizeof *jobs, "errors", error);
  if (status == LML_OK && lml_run_is_root(r)) jobs[njobs++] = (lml_frame_job){.work = lml_run_find_rank, .context = r};
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    measurements[s] = (lml_measurement){&r->retrain->validations[s], room, r->baseline[s]};
    if (lml_dataset_is_evaluated(&r->options->sets[s])) jobs[njobs++] = lml_validation_job(&measurements[s]);
  }
  if (status == LML_OK) status = lml_workers_run(&r->workers, jobs, njobs, error);
  lml_free(measurements);
  lml_free(jobs);
  return lml_comm_agree(r->comm, status, error);
}

static lml_status finish_validation(lml_run *r, size_t index, lml_error *error) {
  lml_validation *validation = &r->retrain->validations[index];
  const lml_dataset *set = &r->options->sets[index];
  if (set->source == LML_SOURCE_MATRIX)
    return lml_validation_of_rows(validation, &r->workers, lml_potential_coefficients(r->retrain->result), error);
  return lml_dataset_is_evaluated(set) ? lml_validation_collect(validation, r->comm, LML_OK, error)
                                       : measure_hard(r, index, error);
}

/** Warn of forces that constraints may have made zero. */
static void report_zeros(const lml_run *r) {
  for (size_t s = 0; s < r->options->nsets; s++) {
    const lml_dataset *set = &r->options->sets[s];
    const lml_zero_forces zeros = lml_validation_find_zeros(&r->retrain->validations[s]);
    if (zeros.nframes == 0 || !lml_dataset_compares(set) || set->reading == LML_READ_FOLLOW) continue;
    lml_log_warning(
        r->listener->log,
        "%s: %.0f force components that count are exactly zero, in %zu frames (the first is %zu), while the "
        "potential gives forces there: if constraints made them zero, mark the atoms (a column fix_mask, T where "
        "held, or ASE's move_mask, T where free; if they are marked, these may be swapped) and select log or unfixed, "
        "or omit the frames",
        set->path, zeros.components, zeros.nframes, zeros.first);
  }
}

static lml_status validate(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t nsets = r->options->nsets;
  size_t total = 0;
  for (size_t s = 0; s < nsets; s++) total += r->options->sets[s].nframes;
  lml_run_begin_stage(r, LML_STAGE_VALIDATION, total);
  lml_validation_room room;
  lml_status status = lml_validation_room_make(&room, &r->workers, retrain->start, retrain->result, error);
  if (status == LML_OK) status = lml_alloc(&retrain->validations, nsets, sizeof *retrain->validations, "errors", error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    status = lml_validation_make(&retrain->validations[s], &r->options->sets[s], error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = evaluate_sets(r, &room, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) status = finish_validation(r, s, error);
  if (status == LML_OK && lml_run_is_root(r))
    status = lml_energy_offsets_find(&retrain->offsets, retrain->validations, nsets, error);
  if (status == LML_OK && lml_run_is_root(r)) report_zeros(r);
  status = lml_comm_agree(r->comm, status, error);
  lml_validation_room_free(&room);
  lml_run_end_stage(r);
  return status;
}

static lml_status write_outputs(lml_run *r, lml_error *error) {
  const lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  const char *extension = retrain->result->format->parameter_extension;
  char comment[128 + LML_SHA256_TEXT], *parameters = NULL;
  if (extension != NULL) {
    parameters = lml_path_with_extension(options->output, extension, error);
    if (parameters == NULL) return LML_ERR_MEMORY;
  }
  lml_start_files_comment(retrain->start_files, comment, sizeof comment);
  lml_status status = lml_potential_write(retrain->result, options->output, parameters, comment, error);
  lml_free(parameters);
  if (status == LML_OK && options->report != NULL) status = lml_report_write(retrain, options->report, error);
  return status;
}

lml_status lml_run_finish(lml_run *r, lml_error *error) {
  forget_result(r->retrain);
  lml_status status = make_result(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = validate(r, error);
  if (status != LML_OK) return status;
  if (lml_run_is_root(r)) status = write_outputs(r, error);
  return lml_comm_agree(r->comm, status, error);
}

/* ---- all of it ---- */

/** OpenBLAS has threads of its own from its loading on. Without work they keep their cores busy for the first tenth of
 *  a second, beside the workers'. This function, which its builds with threads export, ends them; they are started
 *  again should BLAS have use for them. */
extern int blas_thread_shutdown_(void) __attribute__((weak));

static void end_blas_threads(void) {
  if (blas_thread_shutdown_ != NULL) blas_thread_shutdown_();
}

/** Coefficients up to which BLAS uses one thread by itself: the last digits of what several make of a matrix depend on
 *  their number, and it takes no time worth sharing. */
enum { SMALL_WIDTH = 4096 };

/** As many threads as there is memory for. */
static lml_status make_workers(lml_run *r, lml_error *error) {
  lml_workers *workers = &r->workers;
  size_t nthreads = wanted_threads(r);
  lml_status status = lml_alloc(&workers->designs, nthreads, sizeof *workers->designs, "threads", error);
  if (status != LML_OK) return status;
  workers->nthreads = 1;
  status = lml_design_make(&workers->designs[0], r->retrain->start, error);
  if (status == LML_OK) status = lml_memory_check(&workers->designs[0], r->options, r->comm, &nthreads, error);
  for (; status == LML_OK && workers->nthreads < nthreads; workers->nthreads++)
    status = lml_design_make(&workers->designs[workers->nthreads], r->retrain->start, error);
  r->retrain->nthreads = workers->nthreads;
  if (status == LML_OK) r->retrain->instruction_set = workers->designs[0].descriptors.model.isa->name;
  openblas_set_num_threads(r->retrain->width > SMALL_WIDTH ? (int)workers->nthreads : 1);
  return status;
}

static void free_workers(lml_run *r) {
  for (size_t k = 0; k < r->workers.nthreads; k++) lml_design_free(&r->workers.designs[k]);
  lml_free(r->workers.designs);
  for (size_t s = 0; r->baseline != NULL && s < r->options->nsets; s++) lml_free(r->baseline[s]);
  lml_free(r->baseline);
  lml_compression_free(&r->compression);
}

static lml_status work(lml_run *r, lml_error *error) {
  lml_status status = read_start(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = scan_sets(r, error);
  if (status == LML_OK) status = lml_comm_agree(r->comm, make_workers(r, error), error);
  if (status == LML_OK) status = lml_run_plan_choice(r, error);
  if (status == LML_OK) status = lml_run_make_room(r, error);
  if (status == LML_OK) status = lml_run_restore(r, error);
  if (status == LML_OK) status = lml_run_constrain(r, error);
  if (status == LML_OK) status = lml_run_make_sums(r, error);
  if (status == LML_OK) status = lml_run_remember(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK && lml_retrain_followed(r->options) != NULL) return lml_run_follow(r, error);
  if (status == LML_OK) status = lml_run_solve(r, error);
  return status == LML_OK ? lml_run_finish(r, error) : status;
}

lml_status lml_retrain_run(lml_retrain *retrain, lml_retrain_options *options, lml_comm *comm,
                           const lml_retrain_listener *listener, lml_error *error) {
  lml_run r = {.retrain = retrain, .options = options, .comm = comm, .listener = listener};
  *retrain = (lml_retrain){.options = options, .comm = comm};
  r.workers = (lml_workers){.comm = comm, .progress = lml_run_report_one, .context = &r};
  end_blas_threads();
  lml_status status = lml_comm_rank(comm) == 0 ? lml_retrain_options_check(options, error) : LML_OK;
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = work(&r, error);
  lml_solver_free(&r.solver);
  free_workers(&r);
  return status;
}
