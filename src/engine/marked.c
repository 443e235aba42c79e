#include "engine/marked.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"

#define PAUSE 0.02 /**< s between two looks at processes that are to end */
#define KILLED 5.0 /**< s that the operating system has to end what was killed */

enum { CHUNK = 1 << 14 };

static const char beginning[] = "LMLINK_ENGINE_";

void lml_mark_make(char mark[LML_MARK_SIZE]) {
  static unsigned count;
  snprintf(mark, LML_MARK_SIZE, "%s%ld_%.0f_%u", beginning, (long)getpid(), lml_sys->clock() * 1e6, count++);
}

bool lml_mark_is_one(const char *text) {
  const size_t length = sizeof beginning - 1;
  if (strncmp(text, beginning, length) != 0) return false;
  return text[length] != '\0' && text[length + strspn(text + length, "0123456789_")] == '\0';
}

/** Whether one of the NUL-separated strings of @p text is "mark=…". */
static bool holds(const char *text, size_t length, const char *mark) {
  const size_t wanted = strlen(mark);
  for (size_t at = 0; at + wanted < length;) {
    if (strncmp(text + at, mark, wanted) == 0 && text[at + wanted] == '=') return true;
    const char *end = memchr(text + at, '\0', length - at);
    if (end == NULL) return false;
    at = (size_t)(end - text) + 1;
  }
  return false;
}

static bool is_marked(const char *number, const char *mark) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%.20s/environ", number);
  const int fd = lml_sys->open(path, O_RDONLY, 0);
  if (fd < 0) return false;
  char *text = NULL;
  size_t length = 0, capacity = 0;
  for (;;) {
    if (lml_grow(&text, &capacity, length + CHUNK, 1, "an environment", NULL) != LML_OK) break;
    const ssize_t count = lml_sys->read(fd, text + length, CHUNK);
    if (count <= 0) break;
    length += (size_t)count;
  }
  lml_sys->close(fd);
  const bool found = length > 0 && holds(text, length, mark);
  lml_free(text);
  return found;
}

size_t lml_marked_signal(const char *mark, int number) {
  size_t found = 0;
  DIR *folder = lml_sys->opendir("/proc");
  if (folder == NULL) return 0;
  for (const struct dirent *entry; (entry = lml_sys->readdir(folder)) != NULL;) {
    int64_t process;
    if (!lml_parse_integer((lml_token){.text = entry->d_name, .length = strlen(entry->d_name)}, &process) ||
        process <= 1 || !is_marked(entry->d_name, mark))
      continue;
    if (lml_sys->kill((pid_t)process, number) == 0) found++;
  }
  lml_sys->closedir(folder);
  return found;
}

/** How many are left after at most @p patience s. */
static size_t await_end(const char *mark, double patience) {
  const double end = lml_sys->clock() + patience;
  size_t left;
  while ((left = lml_marked_signal(mark, 0)) > 0 && lml_sys->clock() < end) lml_sys->sleep(PAUSE);
  return left;
}

size_t lml_marked_end(const char *mark, double patience, size_t *left) {
  const size_t found = lml_marked_signal(mark, SIGTERM);
  *left = found == 0 ? 0 : await_end(mark, patience);
  if (*left == 0) return found;
  lml_marked_signal(mark, SIGKILL);
  *left = await_end(mark, KILLED);
  return found;
}
