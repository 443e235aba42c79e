#include "engine/process_tag.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "base/text.h"

#define PAUSE 0.02 /**< s between two looks at processes that are to end */
#define KILLED 5.0 /**< s that the operating system has to end what was killed */

static const char beginning[] = "LMLINK_ENGINE_";

void lml_mark_make(char mark[LML_MARK_SIZE]) {
  static unsigned count;
  lml_print_cut(mark, LML_MARK_SIZE, "%s%ld_%.0f_%u", beginning, (long)getpid(), lml_sys->clock() * 1e6, count++);
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

bool lml_process_tag_has(pid_t process, const char *mark) {
  char path[64], *text;
  size_t length;
  lml_print_cut(path, sizeof path, "/proc/%ld/environ", (long)process);
  if (lml_file_read(path, &text, &length, NULL) != LML_OK) return false;
  const bool found = holds(text, length, mark);
  lml_free(text);
  return found;
}

size_t lml_process_tag_signal(const char *mark, int number) {
  size_t found = 0;
  DIR *folder = lml_sys->opendir("/proc");
  if (folder == NULL) return 0;
  for (const struct dirent *entry; (entry = lml_sys->readdir(folder)) != NULL;) {
    int64_t process;
    if (!lml_parse_integer(lml_token_of(entry->d_name), &process) || process <= 1 ||
        !lml_process_tag_has((pid_t)process, mark))
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
  while ((left = lml_process_tag_signal(mark, 0)) > 0 && lml_sys->clock() < end) lml_sys->sleep(PAUSE);
  return left;
}

size_t lml_process_tag_end(const char *mark, double patience, size_t *left) {
  const size_t found = lml_process_tag_signal(mark, SIGTERM);
  *left = found == 0 ? 0 : await_end(mark, patience);
  if (*left == 0) return found;
  lml_process_tag_signal(mark, SIGKILL);
  *left = await_end(mark, KILLED);
  return found;
}
