/** @file potential_keys.h
 *  Keys of the files of a potential, which several configurations have.
 */
#ifndef LML_PROGRAMS_POTENTIAL_KEYS_H
#define LML_PROGRAMS_POTENTIAL_KEYS_H

#include "lmlink/potential.h"
#include "programs/keys.h"

/** Names of lml_fixed_terms from LML_FIXED_TERMS_NONE on, in their order (the unstated one has none); NULL-terminated.
 */
extern const char *const lml_fixed_terms_names[];

/** The keys `parameters` and `fixed_terms` of a structure with members of these names. */
#define LML_POTENTIAL_KEYS(structure)                                                                              \
  {.name = "parameters",                                                                                           \
   LML_KEY_AT(structure, parameters),                                                                              \
   .type = LML_KEY_PATH,                                                                                           \
   .help = "`.snapparam` file of a `.snapcoeff` file",                                                             \
   .otherwise = "the one of the same name beside it",                                                              \
   .option = "parameters",                                                                                         \
   .argument = "FILE"},                                                                                            \
  {                                                                                                                \
    .name = "fixed_terms", LML_KEY_AT(structure, fixed_terms), .type = LML_KEY_CHOICE,                             \
    .choices = lml_fixed_terms_names, .first = LML_FIXED_TERMS_NONE,                                               \
    .help =                                                                                                        \
        "for a `.snapcoeff` file whose neighbour `.snap` or `.mod` file adds fixed terms (a reference potential: " \
        "ZBL, tables): omit them "                                                                                 \
        "(none), or add them "                                                                                     \
        "as that file says (snap)",                                                                                \
    .otherwise = "refuse until told", .option = "fixed-terms", .argument = "TERMS"                                 \
  }

#endif
