#include "engine/output.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"

enum {
  LOOKED_AT = 1 << 14, /**< bytes at the file's end */
  LONGEST_LINE = 160   /**< bytes of a line that are shown */
};

static const char separator[] = " | ", gap[] = " ... ";

off_t lml_output_size(const char *path) {
  struct stat about;
  return lml_sys->stat(path, &about) == 0 && S_ISREG(about.st_mode) ? about.st_size : 0;
}

/* ---- lines ---- */

/** In any alphabet: the bytes of UTF-8 beyond ASCII count. */
static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80; }

static bool says_something(lml_token line) {
  for (size_t i = 0; i < line.length; i++)
    if (is_letter(line.text[i]) || (line.text[i] >= '0' && line.text[i] <= '9')) return true;
  return false;
}

/** Not of an "errorcode", which Open MPI prints whatever the cause. */
static bool speaks_of_an_error(lml_token line) {
  static const char word[] = "error";
  const size_t length = strlen(word);
  for (size_t i = 0; i + length <= line.length; i++)
    if (strncasecmp(line.text + i, word, length) == 0 &&
        (i + length == line.length || !is_letter(line.text[i + length])))
      return true;
  return false;
}

static bool ends_line(char c) { return c == '\n' || c == '\r'; }

/** The first line from *@p cursor on that says something; the cursor moves behind it. */
static bool next_line(const char **cursor, const char *end, lml_token *line) {
  while (*cursor < end) {
    const char *start = *cursor, *stop = start;
    while (stop < end && !ends_line(*stop)) stop++;
    *cursor = stop < end ? stop + 1 : end;
    *line = lml_trim((lml_token){.text = start, .length = (size_t)(stop - start)});
    if (line->length > LONGEST_LINE) line->length = LONGEST_LINE;
    if (says_something(*line)) return true;
  }
  return false;
}

/** Where the last lines begin that fit into @p room bytes; the very last is one of them in any case. */
static const char *last_that_fit(const char *begin, const char *end, size_t room) {
  size_t needed = 0, count = 0;
  lml_token line;
  for (const char *cursor = begin; next_line(&cursor, end, &line); count++) needed += line.length + strlen(separator);
  for (; needed > room && count > 1 && next_line(&begin, end, &line); count--)
    needed -= line.length + strlen(separator);
  return begin;
}

/** Where the first line before @p end is that speaks of an error; NULL: none does. */
static const char *find_error(const char *begin, const char *end) {
  for (lml_token line; next_line(&begin, end, &line);)
    if (speaks_of_an_error(line)) return line.text;
  return NULL;
}

/* ---- the message ---- */

static void append(char *text, size_t size, const char *between, lml_token line) {
  size_t at = strlen(text);
  for (const char *c = at == 0 ? "" : between; *c != '\0' && at + 1 < size; c++) text[at++] = *c;
  for (size_t i = 0; i < line.length && at + 1 < size; i++) {
    const char c = line.text[i];
    if (lml_is_blank(c)) {
      if (text[at - 1] != ' ') text[at++] = ' '; /* the line is trimmed: something stands before */
    } else {
      text[at++] = (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  text[at] = '\0';
}

/** Append the lines that fit into the first @p size bytes of the text, at least one. Returns where the next begins. */
static const char *append_lines(char *text, size_t size, const char *begin, const char *end) {
  lml_token line;
  for (const char *next = begin; next_line(&next, end, &line); begin = next) {
    if (text[0] != '\0' && strlen(text) + strlen(separator) + line.length >= size) break;
    append(text, size, separator, line);
  }
  return begin;
}

static void summarise(const char *begin, const char *end, char *text, size_t size) {
  const char *first = last_that_fit(begin, end, size), *fault = find_error(begin, first);
  lml_token line;
  if (fault != NULL) {
    fault = append_lines(text, size / 2, fault, end);
    const size_t used = strlen(text) + strlen(gap);
    first = last_that_fit(fault, end, used < size ? size - used : 0);
    if (first != fault && next_line(&first, end, &line)) append(text, size, gap, line);
  }
  append_lines(text, size, first, end);
}

/** The end of the file, at most @p size bytes of what stands after its first @p begin bytes; their number. */
static size_t read_end(int fd, off_t begin, char *bytes, size_t size) {
  const off_t end = lml_sys->lseek(fd, 0, SEEK_END);
  if (end <= begin) return 0;
  if (end - begin > (off_t)size) begin = end - (off_t)size;
  if (lml_sys->lseek(fd, begin, SEEK_SET) < 0) return 0;
  size_t length = 0;
  while (length < size) {
    const ssize_t count = lml_sys->read(fd, bytes + length, size - length);
    if (count <= 0) break;
    length += (size_t)count;
  }
  return length;
}

void lml_output_tail(const char *path, off_t begin, char *text, size_t size) {
  char *bytes;
  if (size > 0) text[0] = '\0';
  if (size == 0 || lml_output_size(path) <= begin) return; /* what is no regular file is not opened */
  if (lml_alloc(&bytes, LOOKED_AT, 1, "a command's output", NULL) != LML_OK) return;
  const int fd = lml_sys->open(path, O_RDONLY, 0);
  const size_t length = fd < 0 ? 0 : read_end(fd, begin, bytes, LOOKED_AT);
  if (fd >= 0) lml_sys->close(fd);
  summarise(bytes, bytes + length, text, size);
  lml_free(bytes);
}
