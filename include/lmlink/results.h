/** @file results.h
 *  What a calculator gives for a structure: a list of named results, each of the structure or of its atoms.
 *
 *  Energy, forces and virial stand first in every list. A caller asks for others by name, a calculator adds those that
 *  it knows, and whoever uses results goes through the list.
 */
#ifndef LMLINK_RESULTS_H
#define LMLINK_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

LML_BEGIN_DECLS

/** Where a result comes from. */
typedef enum lml_origin {
  LML_ORIGIN_ABSENT = 0,   /**< not computed or not defined; the values are zero */
  LML_ORIGIN_EXACT,        /**< the quantity itself */
  LML_ORIGIN_VIRTUAL_WORK, /**< an energy from the work done by the forces along the trajectory */
  LML_ORIGIN_ML_PART       /**< the machine-learning potential's value in a mixture where none is defined */
} lml_origin;

/** The name that an origin has in JSON: "absent", "exact", "virtual_work", "ml_part". Static storage. */
LML_API const char *lml_origin_name(lml_origin origin);

typedef enum lml_scope { LML_PER_STRUCTURE = 0, LML_PER_ATOM } lml_scope;

typedef enum lml_result_type {
  LML_RESULT_REAL = 0,
  LML_RESULT_INTEGER,
  LML_RESULT_TEXT /**< one text, of the structure */
} lml_result_type;

enum { LML_RESULT_NAME_SIZE = 48, LML_RESULT_UNIT_SIZE = 16 };

/** What a result is, without its values. */
typedef struct lml_result_form {
  const char *name; /**< as lml_result_is_name has it */
  const char *unit; /**< as "eV/Å"; "" for a number without one; shorter than LML_RESULT_UNIT_SIZE */
  lml_scope scope;
  lml_result_type type;
  size_t width; /**< numbers per atom, or of the structure; for a text 1 */
} lml_result_form;

/** A result. Values are rows × width, row-major. */
typedef struct lml_result {
  char name[LML_RESULT_NAME_SIZE];
  char unit[LML_RESULT_UNIT_SIZE];
  lml_scope scope;
  lml_result_type type;
  lml_origin origin;
  size_t rows; /**< atoms, in the structure's order; 1 of a structure */
  size_t width;
  union {              /**< by type */
    double *reals;     /**< rows × width */
    int64_t *integers; /**< rows × width */
    char *text;        /**< NUL-terminated */
    void *data;
  };
  size_t capacity; /**< of the array, in 8 bytes */
} lml_result;

/** Places in the list. */
enum { LML_RESULTS_ENERGY = 0, LML_RESULTS_FORCES, LML_RESULTS_VIRIAL, LML_RESULTS_STANDARD };

/** Plain data, owned by the caller: initialise with `lml_results r = {0};`, release with lml_results_free, reuse for
 *  any number of evaluations. */
typedef struct lml_results {
  size_t natoms;
  lml_result *list; /**< count results, the standard ones first; moves when one is added, the values do not */
  size_t count;
  double *energy;        /**< one number, eV; this and the next two are the values of the list's first results */
  double *forces;        /**< natoms × 3, eV/Å, in the structure's order */
  double *virial;        /**< 9, eV, row-major, symmetric: W = Σ r⊗F = −∂U/∂ε; stress is −W/V */
  size_t made, capacity; /**< of the list: results that own memory, places */
} lml_results;

/** Make room for @p natoms atoms: energy, forces and virial, zero and absent, and nothing else. */
LML_API lml_status lml_results_reset(lml_results *results, size_t natoms, lml_error *error);
LML_API void lml_results_free(lml_results *results);

/** Append a result of @p form, its values zero; *@p result (may be NULL) is valid until the next one is added. The
 *  form's texts may be those of another result. LML_ERR_INTERNAL where there is one of that name. */
LML_API lml_status lml_results_add(lml_results *results, const lml_result_form *form, lml_origin origin,
                                   lml_result **result, lml_error *error);

/** Take the result of that name, which is none of the standard ones, out of the list; nothing where it has none. */
LML_API void lml_results_remove(lml_results *results, const char *name);

/** Append an exact result of the structure: a number, an integer, a text, or a row of @p count numbers. */
LML_API lml_status lml_results_add_number(lml_results *results, const char *name, const char *unit, double value,
                                          lml_error *error);
LML_API lml_status lml_results_add_integer(lml_results *results, const char *name, long long value, lml_error *error);
LML_API lml_status lml_results_add_text(lml_results *results, const char *name, const char *value, lml_error *error);
LML_API lml_status lml_results_add_numbers(lml_results *results, const char *name, const char *unit,
                                           const double *values, size_t count, lml_error *error);

/** The result of that name, whatever its origin; NULL where the list has none. Owned by the results. */
LML_API const lml_result *lml_results_find(const lml_results *results, const char *name);

/** The length of the largest force, eV/Å. LML_ERR_INPUT where a force or the energy is not a finite number, as of
 *  coefficients that are far too large: nothing is to be done with such results. */
LML_API lml_status lml_results_largest_force(const lml_results *results, double *largest, lml_error *error);

/** Whether there are several atoms and no force or virial on them at all, both exact: none has a neighbour within
 * reach, as where lengths are in another unit, or a cell is missing. */
LML_API bool lml_results_are_isolated(const lml_results *results);

/** Names of results that are wanted beyond energy, forces and virial, which always are. Borrowed. */
typedef struct lml_request {
  const char *const *names;
  size_t count;
} lml_request;

/** Whether @p name can be that of a result: letters, digits and _, fewer than LML_RESULT_NAME_SIZE. */
LML_API bool lml_result_is_name(const char *name);

/** Whether @p request names @p name; NULL names nothing. */
LML_API bool lml_request_names(const lml_request *request, const char *name);

LML_END_DECLS

#endif
