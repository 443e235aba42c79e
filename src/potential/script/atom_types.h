/** @file atom_types.h
 *  The elements of a script's atom types: as the pair_coeff line of the descriptors names them, and where that has
 * NULL, as labels or the names of tables do.
 */
#ifndef LML_SCRIPT_ATOM_TYPES_H
#define LML_SCRIPT_ATOM_TYPES_H

#include "base/text_list.h"
#include "potential/element_names.h"
#include "potential/script/pair_lines.h"

typedef struct lml_type_label {
  size_t type; /**< counted from 1 */
  char *label;
} lml_type_label;

/** Initialise with `lml_type_names t = {0};`, release with lml_type_names_free. */
typedef struct lml_type_names {
  size_t count;
  char (*names)[LML_ELEMENT_NAME_SIZE]; /**< of each type */
  bool *bare;                           /**< of each type: it has no descriptors, NULL */
  lml_type_label *labels;
  size_t nlabels, labels_capacity;
} lml_type_names;

/** Take the names of @p count types. *@p wrong becomes one that is too long for a name, else NULL. */
lml_status lml_type_names_set(lml_type_names *types, char *const *names, size_t count, const char **wrong,
                              lml_error *error);

/** Whether a type is NULL. */
bool lml_type_names_has_bare(const lml_type_names *types);

/** Note the label of @p type (counted from 1). */
lml_status lml_type_names_label(lml_type_names *types, size_t type, const char *label, lml_error *error);

/** Give types that are NULL their elements: those of their labels, or those that the names of the sections of their
 *  tables in @p lines end or begin with, which a warning tells. Errors name @p path. */
lml_status lml_type_names_resolve(lml_type_names *types, const lml_pair_lines *lines, const char *path,
                                  lml_text_list *warnings, lml_error *error);

/** The elements, each once: those with descriptors in the order of the types, then the @p nbare without. @p types of
 *  them are found; its array is to be freed. */
lml_status lml_type_names_elements(const lml_type_names *names, lml_element_names *elements, size_t *nbare,
                                   lml_atom_types *types, const char *path, lml_error *error);

void lml_type_names_free(lml_type_names *types);

#endif
