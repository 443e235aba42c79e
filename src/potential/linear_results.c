#include "potential/linear_results.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/print.h"

static void fill_energies(const lml_linear_sources *sources, double *values) {
  const lml_neighbours *n = sources->neighbours;
  for (size_t s = 0; s < n->natoms; s++) values[n->order[s]] = sources->energies[s];
}

/** Neighbours nearer than the radius, periodic images among them. */
static size_t count_near(const lml_linear_sources *sources, size_t s) {
  const lml_neighbours *n = sources->neighbours;
  const double *centre = n->positions + 3 * s, limit = sources->coordination_radius * sources->coordination_radius;
  size_t count = 0;
  for (int64_t i = n->first[s - n->begin]; i < n->first[s - n->begin + 1]; i++) {
    const double *other = n->positions + 3 * (size_t)n->list[i];
    const double x = other[0] - centre[0], y = other[1] - centre[1], z = other[2] - centre[2];
    count += x * x + y * y + z * z < limit;
  }
  return count;
}

static void fill_coordination(const lml_linear_sources *sources, double *values) {
  const lml_neighbours *n = sources->neighbours;
  for (size_t s = n->begin; s < n->end; s++) values[n->order[s]] = (double)count_near(sources, s);
}

const lml_linear_result lml_linear_results[LML_LINEAR_NRESULTS] = {
    [LML_LINEAR_ENERGIES] = {{.name = "energies", .unit = "eV", .scope = LML_PER_ATOM, .width = 1}, fill_energies},
    [LML_LINEAR_COORDINATION] =
        {{.name = "coordination", .unit = "", .scope = LML_PER_ATOM, .type = LML_RESULT_INTEGER, .width = 1},
         fill_coordination},
};

unsigned lml_linear_results_named(const lml_request *request) {
  unsigned set = 0;
  for (size_t k = 0; k < LML_LINEAR_NRESULTS; k++)
    if (lml_request_names(request, lml_linear_results[k].form.name)) set |= 1u << k;
  return set;
}

static bool is_known(const char *name) {
  static const char *const standard[LML_RESULTS_STANDARD] = {"energy", "forces", "virial"};
  const lml_request always = {standard, LML_RESULTS_STANDARD};
  const lml_request this_one = {&name, 1};
  return lml_request_names(&always, name) || lml_linear_results_named(&this_one) != 0;
}

lml_status lml_linear_results_check(const lml_request *request, lml_error *error) {
  for (size_t i = 0; i < request->count; i++) {
    if (is_known(request->names[i])) continue;
    char known[256] = "";
    for (size_t k = 0, used = 0; k < LML_LINEAR_NRESULTS && used < sizeof known; k++)
      used +=
          lml_print_cut(known + used, sizeof known - used, "%s%s", k == 0 ? "" : ", ", lml_linear_results[k].form.name);
    return lml_fail(error, LML_ERR_USAGE, "the result '%s' is none of those that a potential gives: %s",
                    request->names[i], known);
  }
  return LML_OK;
}

lml_status lml_linear_results_add(size_t place, const double *values, lml_results *results, lml_error *error) {
  lml_result *result;
  const lml_status status = lml_results_add(results, &lml_linear_results[place].form, LML_ORIGIN_EXACT, &result, error);
  if (status != LML_OK) return status;
  const size_t count = result->rows * result->width;
  if (result->type == LML_RESULT_REAL)
    memcpy(result->reals, values, count * sizeof *values);
  else
    for (size_t i = 0; i < count; i++) result->integers[i] = (int64_t)values[i];
  return LML_OK;
}
