/** @file text_list.h
 *  A list of texts that grows.
 */
#ifndef LML_BASE_TEXT_LIST_H
#define LML_BASE_TEXT_LIST_H

#include <stddef.h>

#include "lmlink/error.h"

/** Initialise with `lml_text_list l = {0};`, release with lml_text_list_free. */
typedef struct lml_text_list {
  char **texts;
  size_t count, capacity;
} lml_text_list;

/** Append @p text, which must be freed with lml_free and is taken over, also on failure; NULL is LML_ERR_MEMORY. */
lml_status lml_text_list_take(lml_text_list *list, char *text, lml_error *error);

/** Append a printf-style line, cut to LML_ERROR_MESSAGE_SIZE bytes. */
lml_status lml_text_list_print(lml_text_list *list, lml_error *error, const char *format, ...) LML_PRINTF(3, 4);

/** Sort by bytes. */
void lml_text_list_sort(lml_text_list *list);

void lml_text_list_free(lml_text_list *list);

#endif
