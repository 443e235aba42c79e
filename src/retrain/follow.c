/* Following a force log: frames are added to the sums as they are appended, and the potential is written anew. */
#include <errno.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/sys.h"
#include "retrain/run.h"

static bool asked_to_stop(const lml_run *r) {
  return r->listener->stop != NULL && r->listener->stop(r->listener->context);
}

/** Whether the file is there; the program that writes it may not have begun. */
static lml_status look_for(const char *path, bool *there, lml_error *error) {
  struct stat about;
  *there = lml_sys->stat(path, &about) == 0;
  return *there || errno == ENOENT ? LML_OK : lml_fail_errno(error, errno, "%s: can't be looked at", path);
}

/** Add what has been appended since the last look. */
static lml_status take_frames(lml_run *r, size_t index, lml_error *error) {
  lml_dataset *set = &r->options->sets[index];
  const size_t first = set->nframes, left_out = set->nleft_out;
  bool there;
  lml_status status = look_for(set->path, &there, error);
  if (status != LML_OK || !there) return status;
  status = lml_dataset_extend(set, r->retrain->start, error);
  if (status == LML_OK && set->nleft_out > left_out) lml_run_tell_left_out(r, set);
  return status == LML_OK && set->nframes > first ? lml_run_add_frames(r, index, first, error) : status;
}

static lml_status renew(lml_run *r, lml_dataset *set, lml_error *error) {
  lml_status status = lml_sha256_file(set->path, set->checksum, error);
  if (status == LML_OK) status = lml_run_solve(r, error);
  if (status == LML_OK) status = lml_run_finish(r, error);
  if (status == LML_OK && r->listener->renewed != NULL) r->listener->renewed(r->listener->context, r->retrain);
  return status;
}

lml_status lml_run_follow(lml_run *r, lml_error *error) {
  lml_dataset *set = lml_retrain_followed(r->options);
  const size_t index = (size_t)(set - r->options->sets), every = r->options->every > 0 ? r->options->every : 1;
  size_t used = 0;
  lml_log_line(r->listener->log, LML_LOG_INFO, "%s: is followed; %zu frames so far", set->path, set->nframes);
  while (!asked_to_stop(r)) {
    lml_status status = take_frames(r, index, error);
    if (status == LML_OK && set->nframes - used >= every) {
      status = renew(r, set, error);
      used = set->nframes;
    } else if (status == LML_OK) {
      lml_sys->sleep(r->options->poll);
    }
    if (status != LML_OK) return status;
  }
  lml_log_line(r->listener->log, LML_LOG_INFO, "%s: is no longer followed; %zu of %zu frames are in the last result",
               set->path, used, set->nframes);
  return LML_OK;
}
