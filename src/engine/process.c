#include "engine/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "engine/environment.h"
#include "engine/process_tag.h"

#define PAUSE 0.02 /**< s between two looks at a process that is to end */
#define KILLED 5.0 /**< s that the operating system has to end what was killed */

struct lml_process {
  pid_t number;
  bool ended;
  int status; /**< as waitpid tells it */
  const char *mark;
};

static lml_status open_output(const lml_process_settings *settings, int *fd, lml_error *error) {
  char *path = lml_path_inside(settings->folder, settings->output, error);
  if (path == NULL) return LML_ERR_MEMORY;
  *fd = lml_sys->open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  const lml_status status = *fd < 0 ? lml_fail_errno(error, errno, "cannot write %s", path) : LML_OK;
  lml_free(path);
  return status;
}

static lml_status spawn(lml_process *process, const lml_process_settings *settings, lml_error *error) {
  int output = -1;
  char variable[LML_MARK_SIZE + 2];
  lml_print_cut(variable, sizeof variable, "%s=1", process->mark);
  const char **environment = NULL;
  lml_status status = open_output(settings, &output, error);
  if (status == LML_OK) status = lml_environment_make(variable, &environment, error);
  if (status == LML_OK) {
    const char *const arguments[] = {"/bin/sh", "-c", settings->command, NULL};
    const lml_spawn how = {
        .arguments = arguments, .environment = environment, .folder = settings->folder, .input = -1, .output = output};
    process->number = lml_sys->spawn(&how);
    if (process->number < 0) status = lml_fail_errno(error, errno, "cannot start '%s'", settings->command);
  }
  lml_free(environment);
  if (output >= 0) lml_sys->close(output);
  return status;
}

lml_status lml_process_start(const lml_process_settings *settings, lml_process **process, lml_error *error) {
  *process = NULL;
  lml_process *started;
  lml_status status = lml_file_make_folder(settings->folder, error);
  if (status == LML_OK) status = lml_alloc(&started, 1, sizeof *started, "a process", error);
  if (status != LML_OK) return status;
  started->mark = settings->mark;
  status = spawn(started, settings, error);
  if (status == LML_OK)
    *process = started;
  else
    lml_free(started);
  return status;
}

/** Look whether it has ended, without waiting. */
static void look(lml_process *process) {
  int status;
  if (process->ended) return;
  const pid_t found = lml_sys->waitpid(process->number, &status, WNOHANG);
  if (found != process->number && !(found < 0 && errno == ECHILD)) return;
  process->ended = true;
  process->status = found == process->number ? status : 0;
}

bool lml_process_runs(lml_process *process, char *how, size_t size) {
  look(process);
  if (!process->ended) return true;
  if (WIFSIGNALED(process->status))
    lml_print_cut(how, size, "was ended by signal %d", WTERMSIG(process->status));
  else
    lml_print_cut(how, size, "ended with exit code %d", WEXITSTATUS(process->status));
  return false;
}

bool lml_process_succeeded(const lml_process *process) {
  return process->ended && WIFEXITED(process->status) && WEXITSTATUS(process->status) == 0;
}

/** The process group does not tell: a dead process that nobody has waited for, as in a container without an init
 *  process, still belongs to it. */
bool lml_process_is_left(lml_process *process) {
  look(process);
  return !process->ended || lml_process_tag_signal(process->mark, 0) > 0;
}

long lml_process_number(const lml_process *process) { return (long)process->number; }

const char *lml_process_mark(const lml_process *process) { return process->mark; }

static bool await_end(lml_process *process, double patience) {
  const double end = lml_sys->clock() + patience;
  while (lml_process_is_left(process)) {
    if (lml_sys->clock() >= end) return false;
    lml_sys->sleep(PAUSE);
  }
  return true;
}

static void signal_all(lml_process *process, int number) {
  /* Reaped, its number may be another process's; its group's members are marked. */
  if (!process->ended) lml_sys->kill(-process->number, number);
  lml_process_tag_signal(process->mark, number);
}

void lml_process_stop(lml_process *process, double alone, double asked) {
  if (process == NULL) return;
  bool gone = await_end(process, alone);
  if (!gone) {
    signal_all(process, SIGTERM);
    gone = await_end(process, asked);
  }
  if (!gone) {
    signal_all(process, SIGKILL);
    await_end(process, KILLED);
  }
  lml_free(process);
}
