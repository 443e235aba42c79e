/** @file init_text.h
 *  The string of INIT that tells another lmlink-serve species and periodicity.
 */
#ifndef LML_ENGINE_INIT_TEXT_H
#define LML_ENGINE_INIT_TEXT_H

#include <stddef.h>

#include "lmlink/structure.h"

/** Write the JSON object for @p structure over *@p text (NULL at first, to be freed with lml_free in the end). */
lml_status lml_init_text(const lml_structure *structure, char **text, size_t *capacity, size_t *length,
                         lml_error *error);

#endif
