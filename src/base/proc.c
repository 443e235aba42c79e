#include "base/proc.h"

#include "base/file.h"
#include "base/text.h"

double lml_proc_bytes(const char *path, const char *key, double otherwise) {
  lml_lines *lines;
  double bytes = otherwise;
  if (lml_lines_open(path, &lines, NULL) != LML_OK) return otherwise;
  const char *line;
  size_t length;
  while (lml_lines_next(lines, &line, &length, NULL) == LML_OK && line != NULL) {
    lml_token words[2];
    double kilobytes;
    if (lml_split(line, length, words, 2) < 2 || !lml_token_equals(words[0], key)) continue;
    if (lml_parse_real(words[1], &kilobytes)) bytes = 1024.0 * kilobytes;
    break;
  }
  lml_lines_close(lines);
  return bytes;
}
