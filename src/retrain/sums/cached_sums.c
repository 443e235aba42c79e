#include "retrain/sums/cached_sums.h"

#include <cblas.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "potential/potential.h"
#include "retrain/solve/leverage.h"
#include "retrain/sums/cache.h"
#include "retrain/sums/sums.h"

enum { CACHE_VERSION = 2 /**< of what the cache holds */ };

/** The key being written; the first failure stays. */
typedef struct {
  lml_file_writer *file;
  lml_status status;
  lml_error *error;
} writer;

#define PUT(writer, ...)                                                                      \
  do {                                                                                        \
    if ((writer)->status == LML_OK)                                                           \
      (writer)->status = lml_file_writer_print((writer)->file, (writer)->error, __VA_ARGS__); \
  } while (0)

/* ---- the key: machine and potential ---- */

static void put_machine(writer *w, const lml_run *r) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  PUT(w, "the cache's format: %d\n", CACHE_VERSION);
  PUT(w, "lmlink's version: %s\n", lml_version());
  PUT(w, "the byte order: %s\n", first == 1 ? "little" : "big");
  PUT(w, "the instruction set: %s\n", r->retrain->instruction_set);
  PUT(w, "the BLAS library: %s\n", openblas_get_config());
  PUT(w, "the number of BLAS threads: %d\n", openblas_get_num_threads());
  PUT(w, "the number of ranks: %d\n", lml_comm_size(r->comm));
}

static void put_potential(writer *w, const lml_potential *potential) {
  char descriptor[LML_SHA256_TEXT], terms[LML_SHA256_TEXT];
  lml_potential_hash_descriptor(potential, descriptor);
  lml_potential_hash_terms(potential, terms);
  PUT(w, "the descriptors' parameters: %s %s\n", potential->descriptor->ops->name, descriptor);
  PUT(w, "the degree in the descriptors: %d\n", potential->quadratic ? 2 : 1);
  PUT(w, "the fixed terms: %s\n", terms);
}

static void put_numbers(writer *w, const char *name, const double *numbers, size_t count) {
  char checksum[LML_SHA256_TEXT];
  lml_sha256 sha;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, numbers, count * sizeof *numbers);
  lml_sha256_end(&sha, checksum);
  PUT(w, "%s: %s\n", name, checksum);
}

/* ---- the key: sets ---- */

static void put_set(writer *w, const lml_dataset *set, const char *role, size_t index) {
  const bool matrix = !lml_dataset_has_structures(set);
  const struct {
    const char *name;
    const char *value;
  } texts[] = {{"file", set->checksum},
               {"quantity", lml_quantity_names[set->quantity]},
               {"select", lml_selection_names[set->selection]},
               {"mode", lml_hard_mode_names[set->mode]},
               {"frame_weights", set->weights == NULL ? "" : set->weights},
               {"row_weights", set->row_weights == NULL ? ""
                               : matrix                 ? set->weights_checksum
                                                        : set->row_weights},
               {"move_mask", lml_move_mask_names[set->move_mask]},
               {"energy_reference", set->noffsets > 0 ? "offset" : "absolute"},
               {"targets", set->values_checksum}};
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
    PUT(w, "%s[%zu].%s: %s\n", role, index, texts[k].name, texts[k].value);
  for (size_t k = 0; k < LML_VALUE_COUNT; k++)
    PUT(w, "%s[%zu].keys.%s: %s\n", role, index, lml_value_names[k], lml_dataset_key(set, (lml_value)k));
  PUT(w, "%s[%zu].weight: %.17g\n", role, index, set->weight);
  PUT(w, "%s[%zu].min_displacement: %.17g\n", role, index, set->min_displacement);
  PUT(w, "%s[%zu].leverage: %.17g\n", role, index, set->leverage);
  PUT(w, "%s[%zu].frame_rows: %zu\n", role, index, set->frame_rows);
}

/** Whether the set's rows are in what is kept: not those of a log that is followed, nor tests whose sums are not
 * needed.
 */
static bool is_kept(const lml_retrain *retrain, size_t s) {
  const lml_dataset *set = &retrain->options->sets[s];
  return set->reading == LML_READ_ONCE && (set->role != LML_ROLE_TEST || retrain->tests[s].gram != NULL);
}

static void put_sets(writer *w, const lml_retrain *retrain) {
  static const char *const names[LML_ROLES] = {"targets", "hard", "soft", "test"};
  const lml_retrain_options *options = retrain->options;
  size_t counts[LML_ROLES] = {0};
  for (size_t s = 0; s < options->nsets; s++) counts[options->sets[s].role] += is_kept(retrain, s);
  for (size_t role = 0; role < LML_ROLES; role++)
    PUT(w, "the number of %s files: %zu\n", lml_role_names[role], counts[role]);
  for (size_t role = 0; role < LML_ROLES; role++)
    for (size_t s = 0, index = 0; s < options->nsets; s++) {
      const lml_dataset *set = &options->sets[s];
      if ((size_t)set->role == role && is_kept(retrain, s)) put_set(w, set, names[role], index++);
    }
}

static void put_groups(writer *w, const lml_config_groups *groups) {
  if (groups->count > 0) PUT(w, "group_key: %s\n", lml_config_groups_key(groups));
  for (size_t k = 0; k < groups->count; k++) PUT(w, "group_weights.%s: %.17g\n", groups->names[k], groups->weights[k]);
}

/** What leverages depend on beside the rows. */
static void put_prior(writer *w, const lml_retrain *retrain) {
  const lml_retrain_options *options = retrain->options;
  bool screened = false;
  for (size_t s = 0; s < options->nsets; s++) screened |= options->sets[s].leverage > 0.0;
  if (!screened) return;
  PUT(w, "lambda_ridge: %.17g\n", options->lambda_ridge[0]);
  put_numbers(w, "lambda_ridge_scale", retrain->ridge.factors, retrain->width);
  PUT(w, "hard_tolerance: %.17g\n", options->constraints.keep_tolerance);
  PUT(w, "set_tolerance: %.17g\n", options->constraints.set_tolerance);
}

/** See accumulate/accumulator.h; what is negligible is judged by λ₀ and the method. */
static const char *kind_of_sums(const lml_run *r) {
  return lml_accumulation_set(r->options, &r->workers.designs[0], r->retrain->ridge.smallest) == NULL ? "exact"
                                                                                                      : "less work";
}

static const char folds_line[] = "folds: ", tests_line[] = "the number of test files: ";

/** The number after @p name in the key's line that begins so; 0 without. */
static size_t find_number(const char *key, const char *name) {
  const size_t length = strlen(name);
  int64_t number = 0;
  for (const char *line = key; line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, name, length) != 0) continue;
    if (!lml_parse_integer((lml_token){line + length, strcspn(line + length, "\n")}, &number)) number = 0;
  }
  return number > 0 ? (size_t)number : 0;
}

lml_status lml_cache_look(const char *path, lml_cache_contents *contents, lml_error *error) {
  char *key;
  const lml_status status = lml_cache_read_key(path, &key, error);
  *contents = (lml_cache_contents){.there = key != NULL};
  if (key != NULL) *contents = (lml_cache_contents){true, find_number(key, folds_line), find_number(key, tests_line)};
  lml_free(key);
  return status;
}

/** A new text, to be freed with lml_free. */
static lml_status make_key(const lml_run *run, char **key, lml_error *error) {
  const lml_retrain *retrain = run->retrain;
  size_t length;
  writer w = {.error = error};
  *key = NULL;
  w.status = lml_file_writer_create_in_memory("a cache's key", &w.file, error);
  if (w.status != LML_OK) return w.status;
  put_machine(&w, run);
  put_potential(&w, retrain->start);
  put_numbers(&w, "the starting coefficients", lml_potential_coefficients(retrain->start), retrain->width);
  PUT(&w, "%s%zu\n", folds_line, retrain->nfolds);
  PUT(&w, "fold_groups: %s\n",
      retrain->nfolds == 0 || run->options->fold_groups == NULL ? "" : run->options->fold_groups);
  put_sets(&w, retrain);
  put_groups(&w, &run->options->groups);
  put_prior(&w, retrain);
  PUT(&w, "the kind of sums: %s\n", kind_of_sums(run));
  if (w.status == LML_OK) w.status = lml_file_writer_write(w.file, "", 1, error); /* the NUL at the end */
  if (w.status == LML_OK) return lml_file_writer_take(w.file, key, &length, error);
  lml_file_writer_abort(w.file);
  return w.status;
}

/* ---- what is kept ---- */

/** The numbers, where they are in memory. */
typedef struct {
  lml_cache_part *parts;
  size_t count, capacity;
  double *leverages; /**< of every frame of the sets that are screened by it, one set after the other */
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

/** Frames that are screened, or were: once they are, the set has those alone that were taken. */
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
    lml_log_line(log, LML_LOG_ERROR, "cache %s is of other inputs: %s changed; rebuilt", path, finding->changed);
  else if (finding->state == LML_CACHE_DAMAGED)
    lml_log_line(log, LML_LOG_ERROR, "cache %s is damaged; rebuilt", path);
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

/** Drop what was read before the damage was found. */
static void forget(lml_run *r, const numbers *all) {
  for (size_t k = 0; k < all->count; k++)
    if (all->parts[k].count > 0) memset(all->parts[k].values, 0, all->parts[k].count * sizeof(double));
  lml_run_forget_baseline(r);
}

/** Rank 0: read what fits. */
static lml_status restore(lml_run *r, lml_cache_finding *finding, lml_error *error) {
  numbers all = {0};
  char *key = NULL;
  lml_status status = make_key(r, &key, error);
  if (status == LML_OK) status = list_numbers(r, &all, error);
  if (status == LML_OK) status = lml_cache_read(r->options->cache, key, all.parts, all.count, finding, error);
  if (status == LML_OK && finding->state == LML_CACHE_READ) status = apply_leverages(r->options, all.leverages, error);
  if (status == LML_OK && finding->state == LML_CACHE_DAMAGED) forget(r, &all);
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
  lml_status status = make_key(r, &key, error);
  if (status == LML_OK) status = list_numbers(r, &all, error);
  if (status == LML_OK && lml_cache_write(r->options->cache, key, all.parts, all.count, &reason) != LML_OK)
    lml_log_line(r->listener->log, LML_LOG_ERROR, "the cache is not kept: %s", reason.message);
  lml_run_end_stage(r);
  lml_free(key);
  free_numbers(&all);
  return status;
}
