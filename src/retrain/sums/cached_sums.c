/* Taking the constraints' rows and the sums from a cache, and putting them into it. */
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "retrain/run.h"
#include "retrain/solve/leverage.h"
#include "retrain/sums/cache.h"
#include "retrain/sums/cache_key.h"

/* ---- what is kept ---- */

/** The numbers, where they are in memory. */
typedef struct {
  lml_cache_part *parts;
  size_t count, capacity;
  double *leverages; /**< of every frame of the sets that are judged by it, one set behind the other */
} numbers;

static void free_numbers(numbers *all) {
  lml_free(all->parts);
  lml_free(all->leverages);
}

static lml_status add(numbers *all, double *values, size_t count, lml_error *error) {
  const lml_status status =
      lml_grow(&all->parts, &all->capacity, all->count + 1, sizeof *all->parts, "a cache's parts", error);
  if (status == LML_OK) all->parts[all->count++] = (lml_cache_part){values, count};
  return status;
}

/** The lower triangle, which is all that counts, and the rest. */
static lml_status add_normal(numbers *all, lml_normal *normal, lml_error *error) {
  const size_t n = normal->width;
  lml_status status = LML_OK;
  if (normal->gram == NULL) return LML_OK;
  lml_normal_finalise(normal);
  for (size_t column = 0; column < n && status == LML_OK; column++)
    status = add(all, normal->gram + column * (n + 1), n - column, error);
  if (status == LML_OK) status = add(all, normal->rhs, n, error);
  double *const single[] = {&normal->ssr, &normal->nrows, &normal->dimension, &normal->ninside, &normal->neglected};
  for (size_t k = 0; k < sizeof single / sizeof single[0] && status == LML_OK; k++)
    status = add(all, single[k], 1, error);
  return status == LML_OK ? add(all, normal->offsets.numbers, normal->offsets.nnumbers, error) : status;
}

static lml_status add_sample(numbers *all, lml_soft_sample *sample, lml_error *error) {
  const size_t count = LML_SOFT_ROWS * sample->count;
  const lml_status status = add(all, sample->rows, count * sample->width, error);
  return status == LML_OK ? add(all, sample->weights, count, error) : status;
}

static lml_status add_constraints(numbers *all, lml_constraints *constraints, lml_error *error) {
  lml_status status = LML_OK;
  for (int k = 0; k < 2 && status == LML_OK; k++) {
    lml_constraint_rows *kind = &constraints->kinds[k];
    status = add(all, kind->rows, kind->count * constraints->width, error);
    if (status == LML_OK) status = add(all, kind->changes, kind->count, error);
    if (status == LML_OK) status = add(all, kind->deviations, kind->count, error);
  }
  return status;
}

static bool is_screened(const lml_dataset *set) { return set->leverage > 0.0 && set->reading == LML_READ_ONCE; }

/** Frames that are judged, or were: once they are, the set has those alone that were taken. */
static size_t count_screened(const lml_dataset *set) { return set->nscreened > 0 ? set->nscreened : set->nframes; }

static lml_status add_leverages(numbers *all, const lml_retrain_options *options, lml_error *error) {
  size_t count = 0, k = 0;
  for (size_t s = 0; s < options->nsets; s++)
    if (is_screened(&options->sets[s])) count += count_screened(&options->sets[s]);
  lml_status status = lml_alloc(&all->leverages, count, sizeof(double), "leverages of frames", error);
  if (status != LML_OK) return status;
  for (size_t s = 0; s < options->nsets; s++)
    for (size_t i = 0; is_screened(&options->sets[s]) && i < options->sets[s].nscreened; i++)
      all->leverages[k++] = options->sets[s].screened[i].leverage;
  return add(all, all->leverages, count, error);
}

/** What the starting potential gives, where rank 0 knows it. */
static lml_status add_baseline(numbers *all, const lml_run *r, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++)
    if (r->baseline[s] != NULL) status = add(all, r->baseline[s], r->options->sets[s].nrows, error);
  return status;
}

static lml_status list_numbers(const lml_run *r, numbers *all, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  lml_status status = add_constraints(all, &retrain->constraints, error);
  if (status == LML_OK) status = add_baseline(all, r, error);
  if (status == LML_OK) status = add_normal(all, &retrain->target, error);
  for (size_t k = 0; retrain->folds != NULL && k < retrain->nfolds && status == LML_OK; k++)
    status = add_normal(all, &retrain->folds[k], error);
  if (status == LML_OK) status = add_normal(all, &retrain->soft, error);
  if (status == LML_OK) status = add_sample(all, &retrain->sample, error);
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++)
    status = add_normal(all, &retrain->tests[s], error);
  return status == LML_OK ? add_leverages(all, r->options, error) : status;
}

/* ---- reading ---- */

static void report_finding(const lml_run *r, const lml_cache_finding *finding) {
  const lml_log *log = r->listener->log;
  const char *path = r->options->cache;
  if (finding->state == LML_CACHE_OTHER)
    lml_log_line(log, LML_LOG_ERROR, "cache %s is of other inputs: %s changed; made anew", path, finding->changed);
  else if (finding->state == LML_CACHE_DAMAGED)
    lml_log_line(log, LML_LOG_ERROR, "cache %s is damaged; made anew", path);
  else if (finding->state == LML_CACHE_READ)
    lml_log_line(log, LML_LOG_INFO, "cache %s has the sums of these inputs", path);
}

static lml_status apply_leverages(const lml_retrain_options *options, const double *leverages, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t s = 0; s < options->nsets && status == LML_OK; s++) {
    const size_t count = options->sets[s].nframes;
    if (!is_screened(&options->sets[s])) continue;
    status = lml_leverage_apply(&options->sets[s], leverages, error);
    leverages += count;
  }
  return status;
}

/** Rank 0: read what fits. */
static lml_status restore(lml_run *r, lml_cache_finding *finding, lml_error *error) {
  numbers all = {0};
  char *key = NULL;
  lml_status status = lml_cache_key_make(r, &key, error);
  if (status == LML_OK) status = list_numbers(r, &all, error);
  if (status == LML_OK) status = lml_cache_read(r->options->cache, key, all.parts, all.count, finding, error);
  if (status == LML_OK && finding->state == LML_CACHE_READ) status = apply_leverages(r->options, all.leverages, error);
  for (size_t k = 0; status == LML_OK && finding->state == LML_CACHE_DAMAGED && k < all.count; k++)
    memset(all.parts[k].values, 0, all.parts[k].count * sizeof(double));
  if (status == LML_OK && finding->state == LML_CACHE_DAMAGED) lml_run_forget_baseline(r);
  if (status == LML_OK) report_finding(r, finding);
  lml_free(key);
  free_numbers(&all);
  return status;
}

lml_status lml_run_restore(lml_run *r, lml_error *error) {
  lml_cache_finding *finding = &r->retrain->cache;
  lml_status status = LML_OK;
  if (r->options->cache == NULL) return LML_OK;
  lml_run_begin_stage(r, LML_STAGE_CACHE, 0);
  if (lml_run_is_root(r)) status = restore(r, finding, error);
  lml_run_end_stage(r);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, finding, sizeof *finding, error);
  r->restored = finding->state == LML_CACHE_READ;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK && r->restored; s++)
    if (is_screened(&r->options->sets[s])) status = lml_dataset_share(&r->options->sets[s], 0, r->comm, error);
  return status;
}

/* ---- writing ---- */

lml_status lml_run_remember(lml_run *r, lml_error *error) {
  numbers all = {0};
  char *key = NULL;
  lml_error reason = {0};
  if (r->options->cache == NULL || r->restored || !lml_run_is_root(r)) return LML_OK;
  lml_run_begin_stage(r, LML_STAGE_CACHE, 0);
  lml_status status = lml_cache_key_make(r, &key, error);
  if (status == LML_OK) status = list_numbers(r, &all, error);
  if (status == LML_OK && lml_cache_write(r->options->cache, key, all.parts, all.count, &reason) != LML_OK)
    lml_log_line(r->listener->log, LML_LOG_ERROR, "the cache is not kept: %s", reason.message);
  lml_run_end_stage(r);
  lml_free(key);
  free_numbers(&all);
  return status;
}
