#include "structure/checked_frame.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"

/* The three keys, with fixed places for the values: the frame's length can be put in when it is known. */
#define HEADER "lmlink_log=1 log_bytes=%012zu log_checksum=sha256:%s "
#define BEGINS "lmlink_log=1 log_bytes="
#define BETWEEN " log_checksum=sha256:"
const char lml_checked_begin[] = BEGINS;

enum {
  COUNT_DIGITS = 10,                /**< of the number of atoms, at most */
  LENGTH_DIGITS = 12,               /**< of log_bytes */
  SUM_DIGITS = LML_SHA256_TEXT - 1, /**< of log_checksum */
  SHORT_DIGITS = 16,                /**< of its begin */
  LENGTH_AT = sizeof BEGINS - 1,    /**< bytes after the beginning of the comment line */
  SUM_AT = LENGTH_AT + LENGTH_DIGITS + sizeof BETWEEN - 1,
  HEADER_SIZE = SUM_AT + SUM_DIGITS + 1 /**< bytes, with the blank after it */
};

_Static_assert(LML_CHECKED_HEAD == COUNT_DIGITS + 1 + HEADER_SIZE, "the header's size in checked_frame.h");

static const char zeros[SUM_DIGITS + 1] = "0000000000000000000000000000000000000000000000000000000000000000";

/* ---- the header ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_hexadecimal(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

static unsigned value_of(char c) { return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10; }

/** Whether @p c may stand at place @p i of the comment line. */
static bool fits_header(size_t i, char c) {
  if (i < LENGTH_AT) return c == BEGINS[i];
  if (i < LENGTH_AT + LENGTH_DIGITS) return is_digit(c);
  if (i < SUM_AT) return c == BETWEEN[i - LENGTH_AT - LENGTH_DIGITS];
  if (i < SUM_AT + SUM_DIGITS) return is_hexadecimal(c);
  return c == ' ';
}

/** Whether the bytes of the comment line's header that are there are what they have to be. */
static bool header_agrees(const char *comment, size_t bytes) {
  for (size_t i = 0; i < bytes && i < HEADER_SIZE; i++)
    if (!fits_header(i, comment[i])) return false;
  return true;
}

static size_t read_number(const char *digits, size_t count) {
  size_t number = 0;
  for (size_t i = 0; i < count; i++) number = 10 * number + (size_t)(digits[i] - '0');
  return number;
}

lml_checked_verdict lml_checked_look(const char *frame, size_t got, lml_checked_head *head) {
  size_t digits = 0;
  while (digits < got && digits <= COUNT_DIGITS && is_digit(frame[digits])) digits++;
  if (digits == got) return digits <= COUNT_DIGITS ? LML_CHECKED_PART : LML_CHECKED_OTHER;
  if (digits == 0 || digits > COUNT_DIGITS || frame[digits] != '\n') return LML_CHECKED_OTHER;
  const char *comment = frame + digits + 1;
  if (!header_agrees(comment, got - digits - 1)) return LML_CHECKED_OTHER;
  if (got < digits + 1 + HEADER_SIZE) return LML_CHECKED_PART;
  *head = (lml_checked_head){.natoms = read_number(frame, digits),
                             .bytes = read_number(comment + LENGTH_AT, LENGTH_DIGITS),
                             .sum_at = digits + 1 + SUM_AT};
  for (size_t i = 0; i < SHORT_DIGITS; i++) head->checksum = head->checksum << 4 | value_of(comment[SUM_AT + i]);
  return head->bytes >= digits + 1 + HEADER_SIZE ? LML_CHECKED_HEADER : LML_CHECKED_OTHER;
}

bool lml_checked_begins_file(const char *path) {
  char begin[LML_CHECKED_HEAD];
  lml_checked_head head;
  struct stat about;
  if (lml_sys->stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return false;
  const int fd = lml_sys->open(path, O_RDONLY, 0);
  if (fd < 0) return false;
  const ssize_t got = lml_sys->read(fd, begin, sizeof begin);
  lml_sys->close(fd);
  return got > 0 && lml_checked_look(begin, (size_t)got, &head) == LML_CHECKED_HEADER;
}

static bool contains(const char *text, size_t length, const char *words) {
  const size_t wanted = strlen(words);
  for (size_t i = 0; i + wanted <= length; i++)
    if (memcmp(text + i, words, wanted) == 0) return true;
  return false;
}

bool lml_checked_resembles(const char *frame, size_t got) {
  size_t blank = 0;
  while (blank < got && frame[blank] == '\0') blank++;
  return blank == got || contains(frame, got, BEGINS) || contains(frame, got, BETWEEN);
}

/* ---- the checksum ---- */

static void checksum(const char *frame, size_t bytes, size_t sum_at, char text[LML_SHA256_TEXT]) {
  lml_sha256 sha;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, frame, sum_at);
  lml_sha256_add(&sha, zeros, SUM_DIGITS);
  lml_sha256_add(&sha, frame + sum_at + SUM_DIGITS, bytes - sum_at - SUM_DIGITS);
  lml_sha256_end(&sha, text);
}

bool lml_checked_agrees(const char *frame, const lml_checked_head *head) {
  char text[LML_SHA256_TEXT];
  checksum(frame, head->bytes, head->sum_at, text);
  return memcmp(text, frame + head->sum_at, SUM_DIGITS) == 0;
}

lml_status lml_checked_format(const char *plain, size_t plain_length, char **text, size_t *length, lml_error *error) {
  char header[HEADER_SIZE + 1], digits[LML_SHA256_TEXT];
  *length = plain_length + HEADER_SIZE;
  const lml_status status = lml_alloc(text, *length, 1, "a frame with its checksum", error);
  if (status != LML_OK) return status;
  const size_t first = (size_t)((const char *)memchr(plain, '\n', plain_length) + 1 - plain);
  lml_print_cut(header, sizeof header, HEADER, *length, zeros);
  memcpy(*text, plain, first);
  memcpy(*text + first, header, HEADER_SIZE);
  memcpy(*text + first + HEADER_SIZE, plain + first, plain_length - first);
  checksum(*text, *length, first + SUM_AT, digits);
  memcpy(*text + first + SUM_AT, digits, SUM_DIGITS);
  return LML_OK;
}

/* ---- line by line ---- */

static void add(lml_checked_lines *lines, const char *text, size_t length) {
  lml_sha256_add(&lines->sha, text, length);
  lines->bytes += length;
}

void lml_checked_lines_begin(lml_checked_lines *lines, const char *line, size_t length) {
  lines->bytes = lines->stated = 0;
  lines->has_header = false;
  lml_sha256_begin(&lines->sha);
  add(lines, line, length);
  add(lines, "\n", 1);
}

void lml_checked_lines_comment(lml_checked_lines *lines, const char *line, size_t length) {
  lines->has_header = length >= HEADER_SIZE && header_agrees(line, length);
  if (!lines->has_header) return;
  lines->stated = read_number(line + LENGTH_AT, LENGTH_DIGITS);
  memcpy(lines->digits, line + SUM_AT, SUM_DIGITS);
  add(lines, line, SUM_AT);
  add(lines, zeros, SUM_DIGITS);
  add(lines, line + SUM_AT + SUM_DIGITS, length - SUM_AT - SUM_DIGITS);
  add(lines, "\n", 1);
}

void lml_checked_lines_add(lml_checked_lines *lines, const char *line, size_t length) {
  if (!lines->has_header) return;
  add(lines, line, length);
  add(lines, "\n", 1);
}

bool lml_checked_lines_end(lml_checked_lines *lines) {
  char text[LML_SHA256_TEXT];
  if (!lines->has_header) return true;
  lml_sha256_end(&lines->sha, text);
  return lines->bytes == lines->stated && memcmp(text, lines->digits, SUM_DIGITS) == 0;
}
