#include "lmlink/results.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/vec3.h"

enum { WORD = 8 /**< bytes of a real or an integer, in which arrays are counted */ };

static const lml_result_form standard[LML_RESULTS_STANDARD] = {
    [LML_RESULTS_ENERGY] = {.name = "energy", .unit = "eV", .width = 1},
    [LML_RESULTS_FORCES] = {.name = "forces", .unit = "eV/Å", .scope = LML_PER_ATOM, .width = 3},
    [LML_RESULTS_VIRIAL] = {.name = "virial", .unit = "eV", .width = 9},
};

const char *lml_origin_name(lml_origin origin) {
  static const char *const names[] = {"absent", "exact", "virtual_work", "ml_part"};
  return names[origin];
}

/* ---- the list ---- */

const lml_result *lml_results_find(const lml_results *results, const char *name) {
  for (size_t i = 0; i < results->count; i++)
    if (strcmp(results->list[i].name, name) == 0) return &results->list[i];
  return NULL;
}

static lml_status check_form(const lml_results *results, const lml_result_form *form, lml_error *error) {
  if (!lml_result_is_name(form->name) || strlen(form->unit) >= LML_RESULT_UNIT_SIZE)
    return lml_fail(error, LML_ERR_INTERNAL, "a result cannot have the name '%s' and the unit '%s'", form->name,
                    form->unit);
  if (lml_results_find(results, form->name) != NULL)
    return lml_fail(error, LML_ERR_INTERNAL, "there are two results of the name '%s'", form->name);
  return LML_OK;
}

static size_t words_of(const lml_results *results, const lml_result_form *form) {
  return (form->scope == LML_PER_ATOM ? results->natoms : 1) * form->width;
}

/** Append a result of a form that was checked, whose array has room for @p words words. */
static lml_status append(lml_results *results, const lml_result_form *form, lml_origin origin, size_t words,
                         lml_result **result, lml_error *error) {
  lml_status status =
      lml_grow(&results->list, &results->capacity, results->count + 1, sizeof *results->list, "results", error);
  if (status != LML_OK) return status;
  if (results->made == results->count) results->list[results->made++] = (lml_result){0};
  lml_result *at = &results->list[results->count];
  status = lml_grow(&at->data, &at->capacity, words, WORD, form->name, error);
  if (status != LML_OK) return status;
  memset(at->data, 0, words * WORD);
  memcpy(at->name, form->name, strlen(form->name) + 1);
  memcpy(at->unit, form->unit, strlen(form->unit) + 1);
  at->scope = form->scope;
  at->type = form->type;
  at->origin = origin;
  at->rows = form->scope == LML_PER_ATOM ? results->natoms : 1;
  at->width = form->width;
  results->count++;
  if (result != NULL) *result = at;
  return LML_OK;
}

lml_status lml_results_add(lml_results *results, const lml_result_form *form, lml_origin origin, lml_result **result,
                           lml_error *error) {
  const lml_status status = check_form(results, form, error);
  if (status != LML_OK) return status;
  lml_result text; /* the form's, which may be that of another result of the list, which moves where it grows */
  strcpy(text.name, form->name);
  strcpy(text.unit, form->unit);
  const lml_result_form own = {
      .name = text.name, .unit = text.unit, .scope = form->scope, .type = form->type, .width = form->width};
  return append(results, &own, origin, words_of(results, form), result, error);
}

void lml_results_remove(lml_results *results, const char *name) {
  for (size_t i = LML_RESULTS_STANDARD; i < results->count; i++) {
    if (strcmp(results->list[i].name, name) != 0) continue;
    const lml_result removed = results->list[i]; /* whose memory the next one that is added uses */
    memmove(&results->list[i], &results->list[i + 1], (results->count - i - 1) * sizeof removed);
    results->list[--results->count] = removed;
    return;
  }
}

lml_status lml_results_reset(lml_results *results, size_t natoms, lml_error *error) {
  lml_status status = LML_OK;
  results->natoms = natoms;
  results->count = 0;
  for (size_t k = 0; k < LML_RESULTS_STANDARD && status == LML_OK; k++)
    status = append(results, &standard[k], LML_ORIGIN_ABSENT, words_of(results, &standard[k]), NULL, error);
  if (status != LML_OK) {
    results->natoms = results->count = 0;
    return status;
  }
  results->energy = results->list[LML_RESULTS_ENERGY].reals;
  results->forces = results->list[LML_RESULTS_FORCES].reals;
  results->virial = results->list[LML_RESULTS_VIRIAL].reals;
  return LML_OK;
}

void lml_results_free(lml_results *results) {
  for (size_t i = 0; i < results->made; i++) lml_free(results->list[i].data);
  lml_free(results->list);
  memset(results, 0, sizeof *results);
}

/* ---- results of the structure ---- */

lml_status lml_results_add_numbers(lml_results *results, const char *name, const char *unit, const double *values,
                                   size_t count, lml_error *error) {
  const lml_result_form form = {.name = name, .unit = unit, .width = count};
  lml_result *result;
  const lml_status status = lml_results_add(results, &form, LML_ORIGIN_EXACT, &result, error);
  if (status == LML_OK) memcpy(result->reals, values, count * sizeof *values);
  return status;
}

lml_status lml_results_add_number(lml_results *results, const char *name, const char *unit, double value,
                                  lml_error *error) {
  return lml_results_add_numbers(results, name, unit, &value, 1, error);
}

lml_status lml_results_add_integer(lml_results *results, const char *name, long long value, lml_error *error) {
  const lml_result_form form = {.name = name, .unit = "", .type = LML_RESULT_INTEGER, .width = 1};
  lml_result *result;
  const lml_status status = lml_results_add(results, &form, LML_ORIGIN_EXACT, &result, error);
  if (status == LML_OK) result->integers[0] = value;
  return status;
}

lml_status lml_results_add_text(lml_results *results, const char *name, const char *value, lml_error *error) {
  const lml_result_form form = {.name = name, .unit = "", .type = LML_RESULT_TEXT, .width = 1};
  const size_t size = strlen(value) + 1;
  lml_result *result;
  lml_status status = check_form(results, &form, error);
  if (status == LML_OK) status = append(results, &form, LML_ORIGIN_EXACT, (size + WORD - 1) / WORD, &result, error);
  if (status == LML_OK) memcpy(result->text, value, size);
  return status;
}

/* ---- what is asked of them ---- */

lml_status lml_results_largest_force(const lml_results *results, double *largest, lml_error *error) {
  double square = 0.0;
  *largest = 0.0;
  for (size_t i = 0; i < results->natoms; i++) {
    const double *force = &results->forces[3 * i];
    const double sum = lml_dot(force, force);
    if (!isfinite(sum)) return lml_fail(error, LML_ERR_INPUT, "the force on atom %zu is not a finite number", i);
    square = fmax(square, sum);
  }
  *largest = sqrt(square);
  if (isfinite(*results->energy)) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "the energy is not a finite number");
}

bool lml_results_are_isolated(const lml_results *results) {
  bool zero = results->natoms > 1 && results->list[LML_RESULTS_FORCES].origin == LML_ORIGIN_EXACT &&
              results->list[LML_RESULTS_VIRIAL].origin == LML_ORIGIN_EXACT;
  for (size_t i = 0; zero && i < 9; i++) zero = results->virial[i] == 0.0;
  for (size_t i = 0; zero && i < 3 * results->natoms; i++) zero = results->forces[i] == 0.0;
  return zero;
}

bool lml_result_is_name(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  const size_t length = strspn(name, allowed);
  return length > 0 && length < LML_RESULT_NAME_SIZE && name[length] == '\0';
}

bool lml_request_names(const lml_request *request, const char *name) {
  for (size_t i = 0; request != NULL && i < request->count; i++)
    if (strcmp(request->names[i], name) == 0) return true;
  return false;
}
