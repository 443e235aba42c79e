#include "base/nearest.h"

#include <string.h>

enum { LONGEST = 63 };

/** ASCII alone, whatever the locale. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/** Optimal string alignment distance, row by row; the two strings have at most LONGEST bytes. */
static size_t distance(const char *a, const char *b) {
  const size_t rows = strlen(a), columns = strlen(b);
  size_t table[3][LONGEST + 1];
  size_t *before = table[0], *previous = table[1], *row = table[2];
  for (size_t j = 0; j <= columns; j++) row[j] = j;
  for (size_t i = 1; i <= rows; i++) {
    size_t *recycled = before;
    before = previous;
    previous = row;
    row = recycled;
    row[0] = i;
    for (size_t j = 1; j <= columns; j++) {
      const char x = lower(a[i - 1]), y = lower(b[j - 1]);
      row[j] = least(least(previous[j], row[j - 1]) + 1, previous[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y) row[j] = least(row[j], before[j - 2] + 1);
    }
  }
  return row[columns];
}

const char *lml_nearest(const char *name, const char *const *names, size_t count) {
  const char *nearest = NULL;
  size_t fewest = 0;
  if (strlen(name) > LONGEST) return NULL;
  for (size_t i = 0; i < count; i++) {
    if (names[i] == NULL || strlen(names[i]) > LONGEST) continue;
    const size_t differences = distance(name, names[i]);
    if (nearest != NULL && differences >= fewest) continue;
    nearest = names[i];
    fewest = differences;
  }
  if (nearest == NULL) return NULL;
  const size_t third = strlen(nearest) / 3;
  return fewest <= (third > 2 ? third : 2) && fewest < strlen(nearest) ? nearest : NULL;
}
