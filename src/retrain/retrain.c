#include "retrain/retrain.h"

#include <cblas.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "potential/format.h"
#include "potential/potential.h"
#include "potential/potential_variant.h"
#include "retrain/choose/choose.h"
#include "retrain/follow.h"
#include "retrain/memory_check.h"
#include "retrain/report/files.h"
#include "retrain/result.h"
#include "retrain/run.h"
#include "retrain/solve/solve.h"
#include "retrain/sums/cached_sums.h"
#include "retrain/sums/sums.h"
#include "retrain/uncertainty/uncertainty.h"

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

/** The starting potential as it is: nothing is retrained. */
static lml_status keep_start(lml_run *r, lml_error *error) {
  const lml_potential *original = r->retrain->original;
  if (r->options->output == NULL && (r->options->output = lml_strdup(original->coefficient_file, error)) == NULL)
    return LML_ERR_MEMORY;
  return lml_potential_with_coefficients(original, lml_potential_coefficients(original), &r->retrain->start, error);
}

static lml_status read_start(lml_run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  lml_retrain *retrain = r->retrain;
  lml_status status =
      lml_potential_read(options->start, options->parameters, options->fixed_terms, &retrain->original, error);
  if (status == LML_OK && lml_run_is_root(r)) lml_potential_log_warnings(retrain->original, r->listener->log);
  if (status == LML_OK) status = lml_start_files_find(retrain->start_files, retrain->original, error);
  if (status == LML_OK && lml_retrain_describes(options)) return keep_start(r, error);
  if (status == LML_OK && lml_run_is_root(r)) status = lml_outputs_spare(options, retrain->start_files, error);
  if (status == LML_OK && options->configuration != NULL)
    status = lml_sha256_file(options->configuration, retrain->configuration, error);
  if (status == LML_OK) status = lml_potential_need_components(retrain->original, error);
  if (status != LML_OK) return status;
  const lml_potential *original = retrain->original;
  lml_potential *formed = NULL;
  if (lml_format_written_to(options->output) != original->format)
    return lml_fail(error, LML_ERR_USAGE, "%s: the output must be a %s file, as the start is %s", options->output,
                    original->format->extension, original->format->name);
  if (options->form == LML_FORM_LINEAR && original->quadratic)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: is quadratic, and can't be made linear: omit --form linear, or start from a linear one",
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
  if (options->uncertainty.kind == LML_UNCERTAINTY_AUTO)
    r->options->uncertainty.kind = retrain->start->quadratic ? LML_UNCERTAINTY_SANDWICH : LML_UNCERTAINTY_POPS;
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

/** Structures that distances count from. */
static lml_status scan_from(lml_run *r, lml_error *error) {
  const lml_uncertainty_options *wanted = &r->options->uncertainty;
  lml_status status = LML_OK;
  for (size_t k = 0; k < wanted->nfrom && status == LML_OK; k++) {
    status = lml_dataset_scan(&wanted->from[k], r->retrain->start, error);
    if (status == LML_OK) lml_run_report_skipped(r, &wanted->from[k]);
    lml_run_report_one(r);
  }
  return status;
}

static lml_status scan_sets(lml_run *r, lml_error *error) {
  const lml_retrain_options *options = r->options;
  prepare_sets(r);
  const lml_pool_tasks tasks = {.count = options->nsets, .work = scan_set, .reduce = report_set, .context = r};
  lml_run_begin_stage(r, LML_STAGE_SCAN, options->nsets + options->uncertainty.nfrom);
  lml_status status = lml_pool_run(wanted_threads(r), &tasks, error);
  if (status == LML_OK) status = scan_from(r, error);
  lml_run_end_stage(r);
  lml_energy_offsets_set_zero(options->sets, options->nsets);
  if (status == LML_OK) status = check_groups(options, error);
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
  lml_accumulation_free(&r->accumulation);
}

static lml_status work(lml_run *r, lml_error *error) {
  lml_status status = read_start(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = scan_sets(r, error);
  if (status == LML_OK) status = lml_comm_agree(r->comm, make_workers(r, error), error);
  if (status == LML_OK && lml_retrain_describes(r->options)) return lml_run_describe_start(r, error);
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
  if (status == LML_OK && lml_comm_rank(comm) == 0 && !lml_retrain_describes(options))
    status = lml_outputs_check(options, error);
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = work(&r, error);
  lml_solver_free(&r.solver);
  free_workers(&r);
  return status;
}
