#include "base/file_texts.h"

#include <string.h>

#include "base/fail.h"

static _Thread_local struct {
  const lml_file_text *texts;
  size_t count;
} used;

void lml_file_texts_use(const lml_file_text *texts, size_t count) {
  used.texts = texts;
  used.count = count;
}

lml_status lml_file_texts_find(const char *path, const lml_file_text **text, lml_error *error) {
  *text = NULL;
  if (used.texts == NULL) return LML_OK;
  for (size_t k = 0; k < used.count && *text == NULL; k++)
    if (strcmp(used.texts[k].name, path) == 0) *text = &used.texts[k];
  return *text != NULL
             ? LML_OK
             : lml_fail(error, LML_ERR_IO, "%s: is not among the files that the program has handed over", path);
}
