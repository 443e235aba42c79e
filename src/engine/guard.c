#include "engine/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/lock_file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "engine/environment.h"
#include "engine/process_tag.h"

struct lml_guard {
  char mark[LML_MARK_SIZE];
  lml_lock_file lock;
  int alarm;     /**< the pipe's end that closes when lmlink ends; −1: there is no pipe */
  pid_t watcher; /**< 0: none runs */
};

/* ---- what an earlier run left ---- */

/** Lock the engine's file. */
static lml_status lock(lml_guard *guard, const lml_guard_settings *settings, lml_error *error) {
  bool taken = false;
  char *path = lml_print_new("the name of a file", error, "%s/%s-engine.lock", settings->folder, settings->name);
  if (path == NULL) return LML_ERR_MEMORY;
  lml_status status = lml_lock_file_take(path, &guard->lock, &taken, error);
  if (status == LML_OK && !taken)
    status = lml_fail(error, LML_ERR_IO,
                      "%s is locked: another lmlink has an engine of this name in the folder; end it, or give another "
                      "folder or name",
                      path);
  lml_free(path);
  return status;
}

static lml_status end_left_over(const lml_guard *guard, const lml_guard_settings *settings, size_t *ended,
                                lml_error *error) {
  char mark[LML_MARK_SIZE];
  size_t left = 0;
  const lml_status status = lml_lock_file_read(&guard->lock, mark, sizeof mark, error);
  if (status != LML_OK || !lml_mark_is_one(mark)) return status;
  *ended = lml_process_tag_end(mark, settings->patience, &left);
  if (left == 0) return LML_OK;
  return lml_fail(error, LML_ERR_IO,
                  "%zu processes that an earlier run started in %s do not end; end what has %s in its environment",
                  left, settings->folder, mark);
}

/* ---- the process that watches ---- */

/** Run by the shell with the mark as its argument. Its input ends when lmlink has ended. It is a program of its own, as
 * a copy of lmlink would keep all of lmlink's memory, and it has neither the mark nor another process's signals. The
 *  second round may come for a process that had been starting in the first. */
static const char script[] =
    "trap '' HUP INT QUIT PIPE TERM USR1 USR2\n"
    "read -r nothing\n"
    "for signal in TERM KILL KILL KILL KILL KILL; do\n"
    "  found=$(grep -ls \"$1=\" /proc/[0-9]*/environ)\n"
    "  if [ $signal = KILL ] && [ -z \"$found\" ]; then exit; fi\n"
    "  for file in $found; do\n"
    "    number=${file#/proc/}\n"
    "    kill -s $signal ${number%/environ} 2>/dev/null\n"
    "  done\n"
    "  sleep 1\n"
    "done\n";

static lml_status spawn(lml_guard *guard, int input, int output, lml_error *error) {
  const char *const arguments[] = {"/bin/sh", "-c", script, "lmlink-watcher", guard->mark, NULL};
  const char *const environment[] = {lml_environment_find("PATH="), NULL};
  const lml_spawn how = {
      .arguments = arguments, .environment = environment, .folder = "/", .input = input, .output = output};
  const pid_t number = lml_sys->spawn(&how);
  if (number < 0) return lml_fail_errno(error, errno, "cannot start the process that watches an engine");
  guard->watcher = number;
  return LML_OK;
}

static lml_status start_watcher(lml_guard *guard, const lml_guard_settings *settings, lml_error *error) {
  int ends[2];
  char *path = lml_path_inside(settings->folder, settings->output, error);
  if (path == NULL) return LML_ERR_MEMORY;
  const int output = lml_sys->open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  lml_status status = output < 0 ? lml_fail_errno(error, errno, "cannot write %s", path) : LML_OK;
  if (status == LML_OK && lml_sys->pipe(ends) != 0) status = lml_fail_errno(error, errno, "cannot make a pipe");
  if (status == LML_OK) {
    guard->alarm = ends[1];
    status = spawn(guard, ends[0], output, error);
    lml_sys->close(ends[0]);
  }
  if (output >= 0) lml_sys->close(output);
  lml_free(path);
  return status;
}

static void stop_watcher(lml_guard *guard) {
  int status;
  if (guard->watcher > 0 && lml_sys->kill(guard->watcher, SIGKILL) == 0)
    while (lml_sys->waitpid(guard->watcher, &status, 0) < 0 && errno == EINTR) continue;
  if (guard->alarm >= 0) lml_sys->close(guard->alarm);
}

/* ---- both ---- */

static lml_status begin(lml_guard *guard, const lml_guard_settings *settings, size_t *ended, lml_error *error) {
  lml_status status = lml_file_make_folder(settings->folder, error);
  if (status == LML_OK) status = lock(guard, settings, error);
  if (status == LML_OK) status = end_left_over(guard, settings, ended, error);
  if (status != LML_OK) return status;
  lml_mark_make(guard->mark);
  status = lml_lock_file_write(&guard->lock, guard->mark, error);
  return status == LML_OK ? start_watcher(guard, settings, error) : status;
}

lml_status lml_guard_create(const lml_guard_settings *settings, lml_guard **guard, size_t *ended, lml_error *error) {
  *guard = NULL;
  *ended = 0;
  lml_guard *made;
  lml_status status = lml_alloc(&made, 1, sizeof *made, "the guard of an engine", error);
  if (status != LML_OK) return status;
  made->lock.fd = made->alarm = -1;
  status = begin(made, settings, ended, error);
  if (status == LML_OK)
    *guard = made;
  else
    lml_guard_destroy(made);
  return status;
}

const char *lml_guard_mark(const lml_guard *guard) { return guard->mark; }

void lml_guard_destroy(lml_guard *guard) {
  if (guard == NULL) return;
  stop_watcher(guard);
  lml_lock_file_release(&guard->lock);
  lml_free(guard);
}
