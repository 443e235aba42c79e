/** @file init.h
 *  The string of an INIT message.
 *
 *  A plain driver's string (empty, a NUL, i-PI's parameters) says nothing about the structure. lmlink's own drivers
 *  send a JSON object:
 *
 *      {"lmlink": 1, "species": [74, 74], "pbc": [true, true, false], "results": ["energies"]}
 *
 *  lmlink is the version of this object; species are the atomic numbers of all atoms; pbc says along which cell
 *  vectors the structure is periodic; results (optional) names what is wanted beyond energy, forces and virial.
 */
#ifndef LML_ENGINE_INIT_H
#define LML_ENGINE_INIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text_list.h"
#include "lmlink/structure.h"

/** Initialise with `lml_init i = {0};`, release with lml_init_free. */
typedef struct lml_init {
  bool has_structure;      /**< the string was lmlink's */
  lml_structure structure; /**< species and pbc; cell and positions are zero */
  lml_text_list results;   /**< names of those that are wanted beyond energy, forces and virial */
} lml_init;

/** Read @p length bytes of @p text. Anything whose first character that is not blank is '{' must be an object as above;
 *  errors are LML_ERR_PROTOCOL and name key and value. @p init is as it was where it fails. */
lml_status lml_init_read(const char *text, size_t length, lml_init *init, lml_error *error);

void lml_init_free(lml_init *init);

/** Write the object that tells another lmlink-serve species and periodicity of @p structure over *@p text (NULL at
 *  first, to be freed with lml_free in the end). */
lml_status lml_init_write(const lml_structure *structure, char **text, size_t *capacity, size_t *length,
                          lml_error *error);

#endif
