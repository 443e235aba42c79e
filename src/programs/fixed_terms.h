/** @file fixed_terms.h
 *  How configurations and options say which fixed terms go with a .snapcoeff file.
 */
#ifndef LML_PROGRAMS_FIXED_TERMS_H
#define LML_PROGRAMS_FIXED_TERMS_H

#include "lmlink/potential.h"

/** Names of lml_fixed_terms from LML_FIXED_TERMS_NONE on, in their order (the unstated one has none); NULL-terminated.
 */
extern const char *const lml_fixed_terms_names[];

#endif
