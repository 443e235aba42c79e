#include "engine/marked.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"

enum { CHUNK = 1 << 14 };

void lml_mark_make(char mark[LML_MARK_SIZE]) {
  static unsigned count;
  snprintf(mark, LML_MARK_SIZE, "LMLINK_ENGINE_%ld_%.0f_%u", (long)getpid(), lml_sys->clock() * 1e6, count++);
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
