#include "engine/template.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/** The value whose {name} begins at @p at, NULL where none does. */
static const lml_template_value *find(const char *at, const lml_template_value *values, size_t count) {
  if (*at != '{') return NULL;
  for (size_t i = 0; i < count; i++) {
    const size_t length = strlen(values[i].name);
    if (strncmp(at + 1, values[i].name, length) == 0 && at[1 + length] == '}') return &values[i];
  }
  return NULL;
}

/** Write the filled text to @p to, unless that is NULL; its length. */
static size_t fill(char *to, const char *text, const lml_template_value *values, size_t count) {
  size_t length = 0;
  while (*text != '\0') {
    const lml_template_value *value = find(text, values, count);
    const char *piece = value == NULL ? text : value->value;
    const size_t bytes = value == NULL ? 1 : strlen(value->value);
    if (to != NULL) memcpy(to + length, piece, bytes);
    length += bytes;
    text += value == NULL ? 1 : strlen(value->name) + 2;
  }
  return length;
}

char *lml_template_fill(const char *text, const lml_template_value *values, size_t count, lml_error *error) {
  char *filled = NULL;
  const size_t length = fill(NULL, text, values, count);
  if (lml_alloc(&filled, length + 1, 1, "a text with values filled in", error) != LML_OK) return NULL;
  fill(filled, text, values, count);
  return filled;
}

char *lml_template_fill_index(const char *text, unsigned index, lml_error *error) {
  char number[16];
  snprintf(number, sizeof number, "%u", index);
  const lml_template_value value = {"index", number};
  return lml_template_fill(text, &value, 1, error);
}
