#include "base/cores.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "base/text.h"

enum {
  MOST_PROCESSORS = 8192, /**< Linux has no more on any machine */
  PATH_SIZE = 4096
};

/** Take @p count, said by @p by, where it is less. */
static void limit(lml_cores *cores, double count, const char *by) {
  const size_t whole = count < 1.0 ? 1 : (size_t)count;
  if (whole >= cores->count) return;
  cores->count = whole;
  cores->by = by;
}

/* ---- affinity ---- */

/** This process's part of the processors of its mask, of each of which those share that may use it. */
static lml_status count_processors(lml_comm *comm, lml_cores *cores, lml_error *error) {
  unsigned char mask[MOST_PROCESSORS / 8] = {0};
  int *users;
  lml_status status = lml_alloc(&users, MOST_PROCESSORS, sizeof *users, "the processors", error);
  if (lml_sys->affinity(sizeof mask, mask) != 0)
    lml_print_cut(cores->doubt, sizeof cores->doubt, "the processors that may be used are not known (%s)",
                  strerror(errno));
  for (size_t k = 0; status == LML_OK && k < MOST_PROCESSORS; k++) users[k] = mask[k / 8] >> k % 8 & 1;
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = lml_comm_sum_machine(comm, users, MOST_PROCESSORS, error);
  double mine = 0.0, all = 0.0;
  for (size_t k = 0; status == LML_OK && k < MOST_PROCESSORS; k++) {
    if ((mask[k / 8] >> k % 8 & 1) == 0) continue;
    mine += 1.0 / (double)users[k];
    all += 1.0;
  }
  lml_free(users);
  limit(cores, mine + 1e-9, mine < all ? "this rank's share of the cores" : "the cores that may be used");
  return status;
}

/* ---- control groups ---- */

/** Read a small file of the system into @p text; false where it is not there, or, which is a doubt, can't be read. */
static bool read_small(const char *path, char **text, lml_cores *cores) {
  size_t length;
  lml_error failure = {0};
  *text = NULL;
  struct stat there;
  if (lml_sys->stat(path, &there) != 0 && (errno == ENOENT || errno == ENOTDIR)) return false;
  if (lml_file_read(path, text, &length, &failure) == LML_OK) return true;
  lml_print_cut(cores->doubt, sizeof cores->doubt, "%s", failure.message);
  return false;
}

/** The number at the begin of the text; negative where there is none, as for "max" and -1. */
static double number_of(const char *cursor, const char **rest) {
  lml_token token;
  double value = -1.0;
  const char *end = cursor + strlen(cursor);
  if (lml_next_token(&cursor, end, &token)) (void)lml_parse_real(token, &value);
  *rest = cursor;
  return value;
}

static bool read_of_group(const char *folder, const char *name, char **text, lml_cores *cores) {
  char path[PATH_SIZE];
  lml_print_cut(path, sizeof path, "%s/%s", folder, name);
  return read_small(path, text, cores);
}

/** Processors that the quota of the group in @p folder is worth; negative where it has none. */
static double quota_of(const char *folder, bool old, lml_cores *cores) {
  char *text;
  const char *rest;
  if (!read_of_group(folder, old ? "cpu.cfs_quota_us" : "cpu.max", &text, cores)) return -1.0;
  const double quota = number_of(text, &rest);
  double period = old ? -1.0 : number_of(rest, &rest);
  lml_free(text);
  if (old && quota > 0.0 && read_of_group(folder, "cpu.cfs_period_us", &text, cores)) {
    period = number_of(text, &rest);
    lml_free(text);
  }
  return quota > 0.0 && period > 0.0 ? quota / period : -1.0;
}

/** Quotas of the group @p group below @p mount, and of those that it is in. */
static void limit_by_groups(const char *mount, lml_token group, bool old, double ranks, lml_cores *cores) {
  char path[PATH_SIZE];
  const size_t root = strlen(mount);
  while (group.length > 0 && group.text[group.length - 1] == '/') group.length--;
  lml_print_cut(path, sizeof path, "%s%.*s", mount, (int)(group.length < PATH_SIZE ? group.length : PATH_SIZE),
                group.text);
  for (;;) {
    const double quota = quota_of(path, old, cores);
    if (quota > 0.0) limit(cores, quota / ranks + 1e-9, "the quota of the control group");
    char *last = strrchr(path, '/');
    if (strlen(path) <= root || last == NULL) return;
    *last = '\0';
  }
}

/** Whether "cpu" is in a list of controllers with commas between them. */
static bool has_cpu(lml_token controllers) {
  static const char cpu[] = "cpu";
  const size_t length = sizeof cpu - 1;
  for (size_t at = 0; at + length <= controllers.length; at++) {
    const bool begins = at == 0 || controllers.text[at - 1] == ',';
    const bool ends = at + length == controllers.length || controllers.text[at + length] == ',';
    if (begins && ends && memcmp(controllers.text + at, cpu, length) == 0) return true;
  }
  return false;
}

/** A line of /proc/self/cgroup: "0::/group" of version 2, "4:cpu,cpuacct:/group" of version 1. */
static void limit_by_line(const char *line, size_t length, double ranks, lml_cores *cores) {
  static const char *const mounts[2][2] = {{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"},
                                           {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}};
  const char *first = memchr(line, ':', length);
  const char *second = first == NULL ? NULL : memchr(first + 1, ':', length - (size_t)(first + 1 - line));
  if (second == NULL) return;
  const lml_token controllers = {first + 1, (size_t)(second - first - 1)};
  const lml_token group = {second + 1, length - (size_t)(second + 1 - line)};
  const bool old = controllers.length > 0;
  if (old && !has_cpu(controllers)) return;
  for (size_t k = 0; k < 2; k++) limit_by_groups(mounts[old ? 1 : 0][k], group, old, ranks, cores);
}

static void limit_by_quota(double ranks, lml_cores *cores) {
  char *text;
  if (!read_small("/proc/self/cgroup", &text, cores)) return;
  for (const char *line = text; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    limit_by_line(line, length, ranks, cores);
    line += length + (line[length] == '\n' ? 1 : 0);
  }
  lml_free(text);
}

/* ---- OpenMP's variable ---- */

static void limit_by_variable(lml_cores *cores) {
  static const char name[] = "OMP_NUM_THREADS";
  const char *value = getenv(name);
  int64_t count;
  if (value == NULL || *value == '\0') return;
  const lml_token first = lml_trim((lml_token){value, strcspn(value, ",")});
  if (lml_parse_integer(first, &count) && count > 0)
    limit(cores, (double)count, name);
  else
    lml_print_cut(cores->doubt, sizeof cores->doubt, "%s=%s is no number of threads, and not counted", name, value);
}

lml_status lml_cores_find(lml_comm *comm, lml_cores *cores, lml_error *error) {
  *cores = (lml_cores){.count = SIZE_MAX, .by = ""};
  const lml_status status = count_processors(comm, cores, error);
  if (status != LML_OK) return status;
  limit_by_quota((double)lml_comm_neighbours(comm), cores);
  limit_by_variable(cores);
  return LML_OK;
}
