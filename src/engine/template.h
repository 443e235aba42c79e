/** @file template.h
 *  Texts with {names} in them that stand for values.
 */
#ifndef LML_ENGINE_TEMPLATE_H
#define LML_ENGINE_TEMPLATE_H

#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_template_value {
  const char *name; /**< without the braces */
  const char *value;
} lml_template_value;

/** Copy @p text with every {name} that is among the @p count values replaced; other braces, such as a shell's, stay.
 *  To be freed with lml_free; NULL and an error where memory is out. */
char *lml_template_fill(const char *text, const lml_template_value *values, size_t count, lml_error *error);

/** The same with {index} alone, which stands for @p index. */
char *lml_template_fill_index(const char *text, unsigned index, lml_error *error);

/** The same for a command of /bin/sh: a value is one word, or a part of one, whatever it holds, also where {name}
 * stands within '…' or "…". LML_ERR_INPUT where a value that needs quoting stands behind $(, `, << or $', within
 * which quoting is another matter, or has control characters; and where a value's name stands as ${name}, which the
 * shell would read as its own variable. */
lml_status lml_template_fill_command(const char *text, const lml_template_value *values, size_t count, char **command,
                                     lml_error *error);

#endif
