/** @file formula.h
 *  The arithmetic of LAMMPS's equal-style variables and `$(…)`: numbers, variables, + − * / % ^ and parentheses.
 */
#ifndef LML_SCRIPT_FORMULA_H
#define LML_SCRIPT_FORMULA_H

#include "base/text.h"

/** The value of a variable as a text, NULL where there is none of that name. */
typedef const char *(*lml_formula_lookup)(const void *context, lml_token name);

/** Evaluate @p text as LAMMPS does: a sign binds closer than '^', and all operators work from left to right. NULL, or
 *  what is wrong with it. */
const char *lml_formula_evaluate(const char *text, lml_formula_lookup lookup, const void *context, double *value);

#endif
