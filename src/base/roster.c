#include "base/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"

enum {
  MOST = 256, /**< programs that are counted; more are as good as these */
  PATH_SIZE = 64
};

struct lml_roster {
  int fd;
  off_t place;   /**< the byte of this process */
  size_t inside; /**< how often it is at work */
};

/** A file of this user's alone: whoever else could hold locks of it would slow this user's programs down. */
static lml_status check_own(int fd, const char *path, lml_error *error) {
  struct stat status;
  if (lml_sys->fstat(fd, &status) != 0) return lml_fail_errno(error, errno, "%s: cannot be looked at", path);
  if (S_ISREG(status.st_mode) && status.st_uid == lml_sys->geteuid()) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s is not this user's file; have it removed", path);
}

lml_status lml_roster_open(lml_roster **roster, lml_error *error) {
  char path[PATH_SIZE];
  lml_roster *r;
  *roster = NULL;
  lml_status status = lml_alloc(&r, 1, sizeof *r, "the roster of programs", error);
  if (status != LML_OK) return status;
  lml_print_cut(path, sizeof path, "/tmp/lmlink-%lu.at-work", (unsigned long)lml_sys->geteuid());
  r->place = (off_t)getpid();
  r->fd = lml_sys->open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, S_IRUSR | S_IWUSR);
  if (r->fd < 0)
    status = lml_fail_errno(error, errno, "%s: cannot be opened", path);
  else
    status = check_own(r->fd, path, error);
  if (status == LML_OK)
    *roster = r;
  else
    lml_roster_close(r);
  return status;
}

/** Others that hold a byte. The system names any one of those in a range: it is then looked for below and above. */
static size_t count_others(const lml_roster *roster) {
  struct {
    off_t from, count; /**< count 0: up to the end */
  } ranges[MOST + 1] = {{0, 0}};
  size_t nranges = 1, others = 0;
  while (nranges > 0 && others < MOST) {
    const off_t from = ranges[nranges - 1].from, count = ranges[nranges - 1].count;
    off_t held;
    nranges--;
    if (lml_sys->find_held(roster->fd, from, count, &held) != 1) continue;
    others++;
    if (held > from) {
      ranges[nranges].from = from;
      ranges[nranges++].count = held - from;
    }
    if (count == 0 || held + 1 < from + count) {
      ranges[nranges].from = held + 1;
      ranges[nranges++].count = count == 0 ? 0 : from + count - (held + 1);
    }
  }
  return others;
}

size_t lml_roster_enter(lml_roster *roster) {
  if (roster->inside++ == 0) (void)lml_sys->hold_byte(roster->fd, roster->place);
  return 1 + count_others(roster);
}

void lml_roster_leave(lml_roster *roster) {
  if (--roster->inside == 0) (void)lml_sys->leave_byte(roster->fd, roster->place);
}

void lml_roster_close(lml_roster *roster) {
  if (roster == NULL) return;
  if (roster->fd >= 0) lml_sys->close(roster->fd);
  lml_free(roster);
}
