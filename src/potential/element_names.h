/** @file element_names.h
 *  Names of elements, as they stand in a file.
 */
#ifndef LML_POTENTIAL_ELEMENT_NAMES_H
#define LML_POTENTIAL_ELEMENT_NAMES_H

#include <stddef.h>

enum { LML_ELEMENT_NAME_SIZE = 16 /**< bytes of a name with the NUL */ };

typedef struct lml_element_names {
  size_t count;
  char (*names)[LML_ELEMENT_NAME_SIZE];
} lml_element_names;

#endif
