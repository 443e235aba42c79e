#include "retrain/follow.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/sys.h"
#include "retrain/choose/choose.h"
#include "retrain/data/structures.h"
#include "retrain/result.h"
#include "retrain/solve/solve.h"
#include "retrain/sums/sums.h"

static bool asked_to_stop(const lml_run *r) {
  return r->listener->stop != NULL && r->listener->stop(r->listener->context);
}

/** Whether the file is there; the program that writes it may not have begun. */
static lml_status look_for(const char *path, bool *there, lml_error *error) {
  struct stat about;
  *there = lml_sys->stat(path, &about) == 0;
  return *there || errno == ENOENT ? LML_OK : lml_fail_errno(error, errno, "%s: can't be looked at", path);
}

/** Look for what has been appended since the last look. */
static lml_status look(lml_run *r, lml_dataset *set, lml_error *error) {
  const size_t skipped = set->nskipped;
  bool there;
  lml_status status = look_for(set->path, &there, error);
  if (status != LML_OK || !there) return status;
  status = lml_dataset_extend(set, r->retrain->start, error);
  if (status == LML_OK && set->nskipped > skipped) lml_run_report_skipped(r, set);
  return status;
}

/** Rank 0: wait for frames, or until the listener says stop. */
static lml_status watch(lml_run *r, lml_dataset *set, int *stop, lml_error *error) {
  const size_t first = set->nframes;
  lml_status status = LML_OK;
  while (status == LML_OK && !(*stop = asked_to_stop(r))) {
    status = look(r, set, error);
    if (status != LML_OK || set->nframes > first) break;
    lml_sys->sleep(r->options->poll);
  }
  return status;
}

/** Whether frames have to be left out for the scale of an uncertainty: sums are made by folds then. */
static bool calibrates(const lml_run *r) { return r->options->uncertainty.kind != LML_UNCERTAINTY_NONE; }

/** Wait for frames and add them to the sums, or where these are made by folds, screen them at least. */
static lml_status take_frames(lml_run *r, size_t index, int *stop, lml_error *error) {
  lml_dataset *set = &r->options->sets[index];
  const size_t first = set->nframes;
  lml_status status = lml_run_is_root(r) ? watch(r, set, stop, error) : LML_OK;
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, stop, sizeof *stop, error);
  if (status != LML_OK || *stop) return status;
  status = lml_dataset_share(set, first, r->comm, error);
  if (calibrates(r) && set->leverage == 0.0) return status;
  return status == LML_OK ? lml_run_add_frames(r, index, first, error) : status;
}

/** Make the sums by folds of the frames that are there. Which frames are equivalent, and so the folds, may change with
 *  each frame that comes; *@p ready is whether there are two folds at all. */
static lml_status sum_by_folds(lml_run *r, bool *ready, lml_error *error) {
  lml_retrain_forget_folds(r->retrain);
  const lml_status status = lml_run_group_frames(r, error);
  *ready = status == LML_OK && r->retrain->nfolds > 1;
  return *ready ? lml_run_sum_folds(r, error) : status;
}

/** Potential and uncertainty are written together, so that there is neither while there is no scale. */
static void report_waiting(const lml_run *r, const lml_dataset *set) {
  if (lml_run_is_root(r))
    lml_log_line(r->listener->log, LML_LOG_INFO,
                 "%s: %zu frames so far, but none can be left out to scale the uncertainty by: others are waited for",
                 set->path, set->nframes);
}

static lml_status renew(lml_run *r, lml_dataset *set, lml_error *error) {
  lml_status status = lml_run_is_root(r) ? lml_sha256_file(set->path, set->checksum, error) : LML_OK;
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_run_solve(r, error);
  if (status == LML_OK) status = lml_run_finish(r, error);
  if (status == LML_OK && lml_run_is_root(r) && r->listener->renewed != NULL)
    r->listener->renewed(r->listener->context, r->retrain);
  return status;
}

lml_status lml_run_follow(lml_run *r, lml_error *error) {
  lml_dataset *set = lml_retrain_followed(r->options);
  const size_t index = (size_t)(set - r->options->sets), every = r->options->every > 0 ? r->options->every : 1;
  size_t used = 0;
  int stop = 0;
  lml_status status = LML_OK;
  if (lml_run_is_root(r)) lml_log_line(r->listener->log, LML_LOG_INFO, "%s: is followed", set->path);
  while (status == LML_OK) {
    status = take_frames(r, index, &stop, error);
    if (status != LML_OK || stop) break;
    bool ready = set->nframes - used >= every;
    if (ready && calibrates(r)) {
      status = sum_by_folds(r, &ready, error);
      if (status == LML_OK && !ready) report_waiting(r, set);
    }
    if (status != LML_OK || !ready) continue;
    status = renew(r, set, error);
    used = set->nframes;
  }
  if (status == LML_OK && lml_run_is_root(r))
    lml_log_line(r->listener->log, LML_LOG_INFO, "%s: is no longer followed; %zu of %zu frames are in the last result",
                 set->path, used, set->nframes);
  return status;
}
