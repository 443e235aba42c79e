#include "base/text_list.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"

lml_status lml_text_list_take(lml_text_list *list, char *text, lml_error *error) {
  if (text == NULL) return LML_ERR_MEMORY;
  const lml_status status =
      lml_grow(&list->texts, &list->capacity, list->count + 1, sizeof *list->texts, "a list", error);
  if (status == LML_OK)
    list->texts[list->count++] = text;
  else
    lml_free(text);
  return status;
}

lml_status lml_text_list_print(lml_text_list *list, lml_error *error, const char *format, ...) {
  char text[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(text, sizeof text, format, arguments);
  va_end(arguments);
  return lml_text_list_take(list, lml_strdup(text, error), error);
}

static int compare(const void *a, const void *b) {
  const char *first, *second;
  memcpy(&first, a, sizeof first);
  memcpy(&second, b, sizeof second);
  return strcmp(first, second);
}

void lml_text_list_sort(lml_text_list *list) {
  if (list->count > 1) qsort(list->texts, list->count, sizeof *list->texts, compare);
}

void lml_text_list_free(lml_text_list *list) {
  for (size_t k = 0; k < list->count; k++) lml_free(list->texts[k]);
  lml_free(list->texts);
  *list = (lml_text_list){0};
}
