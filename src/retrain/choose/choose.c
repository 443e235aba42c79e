#include "retrain/choose/choose.h"

#include <math.h>

#include "base/fail.h"
#include "retrain/choose/frame_groups.h"
#include "retrain/sums/cached_sums.h"

/* ---- kinds of test sets ---- */

/** Forces of a file that differ by no more than this (eV/Å) from the starting potential's are its own: files have some
 *  eight digits of positions and forces. */
static const double own_forces = 1e-4;

/** Rows that are looked at: the sink's context. */
typedef struct {
  double largest; /**< deviation from what the starting potential gives */
} look;

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  look *l = context;
  (void)error;
  for (size_t k = 0; k < block->count; k++)
    l->largest = fmax(l->largest, fabs(block->targets[k] - block->predicted[k]));
  return LML_OK;
}

/** Whether all forces in the set are the starting potential's. Frames are looked at until one has others. */
static lml_status find_own_forces(const lml_dataset *set, lml_design *design, bool *own, lml_error *error) {
  look l = {0.0};
  const lml_row_sink sink = {.accumulate = accumulate, .context = &l};
  lml_status status = LML_OK;
  for (size_t k = 0; k < set->nframes && status == LML_OK && l.largest <= own_forces; k++)
    status = lml_design_frame(design, set, k, &sink, error);
  lml_design_close(design);
  *own = l.largest <= own_forces;
  return status;
}

static lml_status find_kind(lml_run *r, lml_dataset *set, lml_error *error) {
  bool own = false;
  lml_status status = LML_OK;
  if (set->role != LML_ROLE_TEST || set->kind != LML_TEST_AUTO) return LML_OK;
  if (set->has_values && set->quantity == LML_QUANTITY_FORCES)
    status = find_own_forces(set, &r->workers.designs[0], &own, error);
  set->kind = own || !set->has_values ? LML_TEST_SOFT : LML_TEST_TARGET;
  if (status == LML_OK && set->kind == LML_TEST_SOFT)
    lml_log_line(r->listener->log, LML_LOG_INFO, "%s: %s: it watches how much forces change", set->path,
                 own ? "its forces are those of the starting potential" : "holds no values to meet");
  return status;
}

/** Rank 0 finds out, all ranks learn of it. */
static lml_status find_kinds(lml_run *r, lml_error *error) {
  lml_dataset *sets = r->options->sets;
  lml_status status = LML_OK;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK && lml_run_is_root(r); s++)
    status = find_kind(r, &sets[s], error);
  status = lml_comm_agree(r->comm, status, error);
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++)
    status = lml_comm_broadcast(r->comm, &sets[s].kind, sizeof sets[s].kind, error);
  return status;
}

/* ---- by what ---- */

/** λs are chosen by how well values of test files are met. */
static lml_status check_tests(const lml_retrain_options *options, lml_error *error) {
  for (size_t s = 0; s < options->nsets; s++) {
    const lml_dataset *set = &options->sets[s];
    if (set->role == LML_ROLE_TEST && set->kind == LML_TEST_TARGET && !set->has_values)
      return lml_fail(error, LML_ERR_INPUT, "%s: holds no %s to choose lambdas by", set->path,
                      lml_quantity_names[set->quantity]);
  }
  return LML_OK;
}

static bool has_test(const lml_retrain_options *options, lml_test_kind kind) {
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].role == LML_ROLE_TEST && options->sets[s].kind == kind &&
        (kind == LML_TEST_TARGET || options->sets[s].quantity == LML_QUANTITY_FORCES))
      return true;
  return false;
}

static bool has_soft_forces(const lml_retrain_options *options) {
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].role == LML_ROLE_SOFT && options->sets[s].quantity == LML_QUANTITY_FORCES) return true;
  return false;
}

static lml_watch find_watch(const lml_retrain_options *options) {
  const bool test = has_test(options, LML_TEST_SOFT), left_out = has_soft_forces(options);
  if (test && left_out) return LML_WATCH_BOTH;
  return test ? LML_WATCH_TEST : left_out ? LML_WATCH_LEFT_OUT : LML_WATCH_NOTHING;
}

static lml_status check_groups(const lml_run *r, lml_error *error) {
  const size_t wanted = r->options->folds, groups = r->retrain->ngroups;
  if (wanted > groups)
    return lml_fail(error, LML_ERR_USAGE, "--folds %zu: there are only %zu groups of target frames", wanted, groups);
  if (groups > 1) return LML_OK;
  if (r->retrain->by != LML_CHOICE_FOLDS)
    return lml_fail(error, LML_ERR_INPUT,
                    "all target frames are equivalent, or there is one only: none can be left out to scale the "
                    "uncertainty by; give more frames, or --uncertainty none");
  return lml_fail(error, LML_ERR_INPUT,
                  "all target frames are equivalent, or there is one only: none can be left out to choose lambdas by; "
                  "give more frames, --test FILE, or --lambda-soft and --lambda-ridge");
}

static lml_status group_frames(lml_run *r, size_t nfolds, lml_error *error) {
  const lml_folding folding = {r->options->fold_groups, nfolds};
  return lml_frame_groups_find(r->options->sets, r->options->nsets, &folding, &r->workers, &r->retrain->ngroups,
                               &r->retrain->nfolds, error);
}

lml_status lml_run_group_frames(lml_run *r, lml_error *error) { return group_frames(r, 0, error); }

/** Find which frames are left out together. */
static lml_status make_folds(lml_run *r, size_t nfolds, lml_error *error) {
  const lml_retrain *retrain = r->retrain;
  lml_status status = group_frames(r, nfolds, error);
  if (status == LML_OK) status = check_groups(r, error);
  if (status == LML_OK && lml_run_is_root(r))
    lml_log_line(r->listener->log, LML_LOG_INFO, "%zu target frames are %zu groups, left out in %zu folds",
                 lml_run_frames(r, LML_ROLE_TARGET), retrain->ngroups, retrain->nfolds);
  return status;
}

/** A run with given λs needs neither folds nor test sets: it has those of the cache, so as to use its sums, or where
 * there is none, test sets for a later run. */
static lml_status match_cache(lml_run *r, size_t *nfolds, lml_error *error) {
  lml_cache_contents contents = {0};
  lml_status status = LML_OK;
  if (r->options->cache == NULL || lml_retrain_chooses(r->options)) return LML_OK;
  if (lml_run_is_root(r)) status = lml_cache_look(r->options->cache, &contents, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, &contents, sizeof contents, error);
  r->without_tests = contents.there && contents.ntests == 0;
  if (*nfolds == 0 && lml_retrain_followed(r->options) == NULL) *nfolds = contents.nfolds;
  return status;
}

lml_status lml_run_plan_choice(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  const bool chooses = lml_retrain_chooses(options);
  size_t nfolds = options->folds;
  lml_status status = chooses ? find_kinds(r, error) : LML_OK;
  if (status == LML_OK && chooses) status = lml_comm_agree(r->comm, check_tests(options, error), error);
  if (status != LML_OK) return status;
  if (chooses) retrain->watch = find_watch(options);
  if (!chooses && options->soft_limit != LML_SOFT_LIMIT && lml_run_is_root(r))
    lml_log_warning(r->listener->log,
                    "--soft-limit %g is not looked at, as both lambdas are given: it is for choosing them; omit one of "
                    "them, or give several values",
                    options->soft_limit);
  const bool by_test = chooses && options->folds == 0 && has_test(options, LML_TEST_TARGET);
  retrain->by = by_test ? LML_CHOICE_TEST : chooses || options->folds > 0 ? LML_CHOICE_FOLDS : LML_CHOICE_NONE;
  status = match_cache(r, &nfolds, error);
  if (nfolds > 0) retrain->by = LML_CHOICE_FOLDS;
  const bool needed = retrain->by == LML_CHOICE_FOLDS || options->uncertainty.kind != LML_UNCERTAINTY_NONE;
  if (status != LML_OK || !needed) return status;
  if (lml_retrain_followed(options) == NULL) return make_folds(r, nfolds, error);
  if (retrain->by != LML_CHOICE_FOLDS) return LML_OK; /* of the frames that are there, each time: see follow.c */
  return lml_fail(error, LML_ERR_USAGE,
                  "--follow can't leave out frames that are yet to come: give --lambda-soft and --lambda-ridge, as a "
                  "run without --follow chooses them, or a --test FILE whose forces are not the start's own");
}
