/* How many threads a process has by default, on machines that are made up: affinity, quotas of control groups, OpenMP's
 * variable. And who is counted as being at work. By ctest also under mpirun with two and three ranks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/comm.h"
#include "base/cores.h"
#include "base/roster.h"
#include "base/sys.h"

/* ---- a machine ---- */

typedef struct {
  const char *path, *text; /* text NULL: it is there, and can't be read */
} small_file;

enum { MOST_FILES = 4 };

static struct {
  size_t first, count; /* processors of the mask */
  int affinity_fails;
  small_file files[MOST_FILES];
  size_t at; /* bytes of the open file that were read */
  lml_sys_table table;
} machine;

static int made_up_affinity(size_t bytes, unsigned char *mask) {
  if (machine.affinity_fails) {
    errno = ENOSYS;
    return -1;
  }
  memset(mask, 0, bytes);
  for (size_t k = machine.first; k < machine.first + machine.count; k++) mask[k / 8] |= (unsigned char)(1u << k % 8);
  return 0;
}

static int find(const char *path) {
  for (int k = 0; k < MOST_FILES; k++)
    if (machine.files[k].path != NULL && strcmp(machine.files[k].path, path) == 0) return k;
  errno = ENOENT;
  return -1;
}

static int made_up_stat(const char *path, struct stat *status) {
  *status = (struct stat){0};
  return find(path) < 0 ? -1 : 0;
}

static int made_up_open(const char *path, int flags, mode_t mode) {
  (void)flags;
  (void)mode;
  const int found = find(path);
  machine.at = 0;
  if (found < 0 || machine.files[found].text != NULL) return found < 0 ? -1 : 100 + found;
  errno = EACCES;
  return -1;
}

static ssize_t made_up_read(int fd, void *buffer, size_t bytes) {
  const char *text = machine.files[fd - 100].text + machine.at;
  const size_t count = strlen(text) < bytes ? strlen(text) : bytes;
  memcpy(buffer, text, count);
  machine.at += count;
  return (ssize_t)count;
}

static int made_up_close(int fd) {
  (void)fd;
  return 0;
}

/** Let the machine's @p count processors from @p first on be this process's. */
static void set_up(size_t first, size_t count) {
  memset(&machine, 0, sizeof machine);
  machine.first = first;
  machine.count = count;
  machine.table = lml_sys_posix;
  machine.table.affinity = made_up_affinity;
  machine.table.stat = made_up_stat;
  machine.table.open = made_up_open;
  machine.table.read = made_up_read;
  machine.table.close = made_up_close;
  lml_sys = &machine.table;
  unsetenv("OMP_NUM_THREADS");
}

static void add_file(const char *path, const char *text) {
  size_t k = 0;
  while (machine.files[k].path != NULL) k++;
  machine.files[k] = (small_file){path, text};
}

static lml_comm *comm;

static void expect(size_t count, const char *by, const char *doubt) {
  lml_cores cores;
  const lml_status status = lml_cores_find(comm, &cores, NULL);
  lml_sys = &lml_sys_posix;
  assert_int_equal(status, LML_OK);
  assert_int_equal(cores.count, count);
  assert_string_equal(cores.by, by);
  if (strstr(cores.doubt, doubt) == NULL || (*doubt == '\0') != (cores.doubt[0] == '\0')) fail_msg("%s", cores.doubt);
}

static const char all[] = "the cores that may be used", quota[] = "the quota of the control group",
                  share[] = "this rank's share of the cores";

/* ---- one process ---- */

static void counts_the_processors_of_the_mask(void **state) {
  (void)state;
  set_up(0, 1);
  expect(1, all, "");
  set_up(3, 12);
  expect(12, all, "");
  set_up(1000, 500);
  expect(500, all, "");
  set_up(0, 4);
  machine.affinity_fails = 1;
  expect(1, all, "the processors that may be used are not known");
}

static void openmp_counts_where_it_says_less(void **state) {
  (void)state;
  static const struct {
    const char *value;
    size_t count;
    const char *doubt;
  } cases[] = {{"3", 3, ""},   {"2,4", 2, ""},   {" 5 ", 5, ""},
               {"", 8, ""},    {"100", 8, ""},   {"many", 8, "OMP_NUM_THREADS=many is no number of threads"},
               {"0", 8, "=0"}, {"-1", 8, "=-1"}, {"2x", 8, "=2x"}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    set_up(0, 8);
    setenv("OMP_NUM_THREADS", cases[k].value, 1);
    expect(cases[k].count, cases[k].count < 8 ? "OMP_NUM_THREADS" : all, cases[k].doubt);
  }
  unsetenv("OMP_NUM_THREADS");
}

static void quotas_of_version_2(void **state) {
  (void)state;
  set_up(0, 16);
  add_file("/proc/self/cgroup", "0::/job/step\n");
  add_file("/sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  expect(16, all, "");
  set_up(0, 16); /* the narrowest of the groups that it is in */
  add_file("/proc/self/cgroup", "0::/job/step\n");
  add_file("/sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  add_file("/sys/fs/cgroup/job/cpu.max", "350000 100000\n");
  expect(3, quota, "");
  set_up(0, 16); /* in a container, whose own group is the root */
  add_file("/proc/self/cgroup", "0::/\n");
  add_file("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  expect(1, quota, "");
}

static void quotas_of_version_1(void **state) {
  (void)state;
  set_up(0, 16);
  add_file("/proc/self/cgroup", "5:cpuset:/a\n4:cpuacct,cpu:/a/b\n0::/\n");
  add_file("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "600000\n");
  add_file("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  expect(6, quota, "");
  set_up(0, 16); /* the container's group is not visible by its name */
  add_file("/proc/self/cgroup", "4:cpu:/docker/0123\n");
  add_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  add_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
  expect(4, quota, "");
  set_up(0, 16); /* none */
  add_file("/proc/self/cgroup", "4:cpu:/\n");
  add_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  add_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  expect(16, all, "");
}

static void what_cannot_be_read_is_told(void **state) {
  (void)state;
  set_up(0, 4);
  add_file("/proc/self/cgroup", "0::/\n");
  add_file("/sys/fs/cgroup/cpu.max", NULL);
  expect(4, all, "/sys/fs/cgroup/cpu.max: cannot be opened");
  set_up(0, 4); /* lines that mean nothing */
  add_file("/proc/self/cgroup", "0\n:\n\n4:cpu");
  expect(4, all, "");
}

/* ---- several ranks, all of them on this machine ---- */

static void ranks_share_processors_and_quota(void **state) {
  (void)state;
  const size_t size = (size_t)lml_comm_size(comm), rank = (size_t)lml_comm_rank(comm);
  set_up(0, 12);
  expect(12 / size, size > 1 ? share : all, "");
  set_up(4 * rank, 4); /* bound, each to its own */
  expect(4, all, "");
  set_up(rank == 0 ? 0 : 2, rank == 0 ? 2 : 8); /* rank 0 alone has its own */
  expect(rank == 0 ? 2 : 8 / (size - 1), rank > 0 && size > 2 ? share : all, "");
  set_up(0, 1);
  expect(1, size > 1 ? share : all, "");
  set_up(4 * rank, 4);
  add_file("/proc/self/cgroup", "0::/\n");
  add_file("/sys/fs/cgroup/cpu.max", "600000 100000\n");
  expect(6 / size < 4 ? 6 / size : 4, size > 1 ? quota : all, "");
  set_up(4 * rank, 4);
  setenv("OMP_NUM_THREADS", "2", 1); /* is each rank's */
  expect(2, "OMP_NUM_THREADS", "");
  unsetenv("OMP_NUM_THREADS");
}

/* ---- who is at work ---- */

static struct {
  off_t held[300];
  size_t count;
  off_t own; /* −1: not held */
} bytes;

static int hold(int fd, off_t byte) {
  (void)fd;
  bytes.own = byte;
  return 0;
}

static int leave(int fd, off_t byte) {
  (void)fd;
  assert_int_equal(bytes.own, byte);
  bytes.own = -1;
  return 0;
}

/** Any of those in the range: the last in the list. */
static int find_held(int fd, off_t from, off_t count, off_t *byte) {
  (void)fd;
  for (size_t k = bytes.count; k-- > 0;) {
    if (bytes.held[k] < from || (count > 0 && bytes.held[k] >= from + count)) continue;
    *byte = bytes.held[k];
    return 1;
  }
  return 0;
}

static void others_at_work_are_counted(void **state) {
  (void)state;
  static const off_t held[] = {17, 4, 5, 100000, 6, 0, 99};
  lml_sys_table table = lml_sys_posix;
  lml_roster *roster;
  table.hold_byte = hold;
  table.leave_byte = leave;
  table.find_held = find_held;
  lml_sys = &table;
  bytes.own = -1;
  assert_int_equal(lml_roster_open(&roster, NULL), LML_OK);
  for (bytes.count = 0; bytes.count <= sizeof held / sizeof held[0]; bytes.count++) {
    memcpy(bytes.held, held, sizeof held);
    assert_int_equal(lml_roster_enter(roster), 1 + bytes.count);
    assert_true(bytes.own > 0);
    assert_int_equal(lml_roster_enter(roster), 1 + bytes.count); /* itself only once */
    lml_roster_leave(roster);
    assert_true(bytes.own > 0);
    lml_roster_leave(roster);
    assert_int_equal(bytes.own, -1);
  }
  bytes.count = sizeof bytes.held / sizeof bytes.held[0];
  for (size_t k = 0; k < bytes.count; k++) bytes.held[k] = (off_t)(k * 7919 % 30011);
  assert_in_range(lml_roster_enter(roster), 200, 301); /* and an end to it */
  lml_roster_leave(roster);
  lml_roster_close(roster);
  lml_sys = &lml_sys_posix;
}

static uid_t somebody(void) { return 4711; }

static int fstat_anybodys(int fd, struct stat *status) {
  const int failed = lml_sys_posix.fstat(fd, status);
  status->st_uid = 1;
  return failed;
}

static void somebody_elses_file_is_refused(void **state) {
  (void)state;
  lml_sys_table table = lml_sys_posix;
  lml_roster *roster;
  lml_error error = {0};
  table.geteuid = somebody;
  table.fstat = fstat_anybodys;
  lml_sys = &table;
  assert_int_equal(lml_roster_open(&roster, &error), LML_ERR_INPUT);
  lml_sys = &lml_sys_posix;
  assert_non_null(strstr(error.message, "lmlink-4711.at-work is not this user's file"));
  remove("/tmp/lmlink-4711.at-work");
}

int main(void) {
  lml_error error = {0};
  if (lml_comm_world(&comm, &error) != LML_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const struct CMUnitTest alone[] = {cmocka_unit_test(counts_the_processors_of_the_mask),
                                     cmocka_unit_test(openmp_counts_where_it_says_less),
                                     cmocka_unit_test(quotas_of_version_2),
                                     cmocka_unit_test(quotas_of_version_1),
                                     cmocka_unit_test(what_cannot_be_read_is_told),
                                     cmocka_unit_test(others_at_work_are_counted),
                                     cmocka_unit_test(somebody_elses_file_is_refused),
                                     cmocka_unit_test(ranks_share_processors_and_quota)};
  const struct CMUnitTest together[] = {cmocka_unit_test(ranks_share_processors_and_quota)};
  const int failed = lml_comm_size(comm) == 1 ? cmocka_run_group_tests(alone, NULL, NULL)
                                              : cmocka_run_group_tests(together, NULL, NULL);
  lml_comm_finalise(comm);
  return failed;
}
