#include "potential/linear_results.h"

#include <math.h>
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
  const double limit = sources->coordination_radius * sources->coordination_radius;
  size_t count = 0;
  for (int64_t i = n->first[s - n->begin]; i < n->first[s - n->begin + 1]; i++)
    count += lml_neighbours_square(n, s, (size_t)n->list[i]) < limit;
  return count;
}

static void fill_coordination(const lml_linear_sources *sources, double *values) {
  const lml_neighbours *n = sources->neighbours;
  for (size_t s = n->begin; s < n->end; s++) values[n->order[s]] = (double)count_near(sources, s);
}

/* ---- from the uncertainty ---- */

enum { DISTANCE_PARTS = 2 /**< the sum of squares, and of how many */ };

static void add_square(double square, double *parts) {
  parts[0] += square;
  parts[1] += 1.0;
}

/** Give each atom's square to the atom and its neighbours within the cutoff: an atom is in the lists of those that are
 * in its own, as often as they are there, and so each gets all of its neighbours', whichever shares they are of. */
static void fill_distance(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const double limit = sources->cutoff * sources->cutoff;
  for (size_t s = n->begin; s < n->end; s++) {
    const double square = sources->uncertainty->squares[s];
    add_square(square, parts + DISTANCE_PARTS * (size_t)n->order[s]);
    for (int64_t i = n->first[s - n->begin]; i < n->first[s - n->begin + 1]; i++)
      if (lml_neighbours_square(n, s, (size_t)n->list[i]) < limit)
        add_square(square, parts + DISTANCE_PARTS * (size_t)n->order[n->owner[n->list[i]]]);
  }
}

static void combine_distance(const double *parts, size_t nparts, double *values) {
  (void)nparts;
  values[0] = sqrt(parts[0] / parts[1]);
}

static void fill_sigma_energies(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const lml_linear_uncertainty *u = sources->uncertainty;
  for (size_t s = n->begin; s < n->end; s++) {
    double sum = 0.0;
    for (size_t m = 0; m < u->rank; m++) sum += u->energies[m * u->natoms + s] * u->energies[m * u->natoms + s];
    parts[n->order[s]] = sqrt(sum);
  }
}

/** Deviations of forces: for each atom those of one column after the other. */
static void fill_sigma_forces(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const lml_linear_uncertainty *u = sources->uncertainty;
  for (size_t i = 0; i < u->natoms; i++)
    for (size_t m = 0; m < u->rank; m++) {
      double *to = parts + 3 * (u->rank * (size_t)n->order[n->owner[i]] + m);
      const double *from = u->forces + 3 * (m * u->natoms + i);
      for (size_t d = 0; d < 3; d++) to[d] += from[d];
    }
}

static void combine_sigma_forces(const double *parts, size_t nparts, double *values) {
  for (size_t k = 0; k < nparts; k++) values[k % 3] += parts[k] * parts[k];
  for (size_t d = 0; d < 3; d++) values[d] = sqrt(values[d]);
}

/** Those of one column after the other, each of all atoms. */
static void fill_energy_deviations(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const lml_linear_uncertainty *u = sources->uncertainty;
  for (size_t m = 0; m < u->rank; m++)
    for (size_t s = n->begin; s < n->end; s++)
      parts[m * n->natoms + (size_t)n->order[s]] = u->energies[m * u->natoms + s];
}

/* ---- all of them ---- */

const lml_linear_result lml_linear_results[LML_LINEAR_NRESULTS] = {
    [LML_LINEAR_ENERGIES] = {.form = {.name = "energies", .unit = "eV", .scope = LML_PER_ATOM, .width = 1},
                             .parts = 1,
                             .fill = fill_energies},
    [LML_LINEAR_COORDINATION] =
        {.form = {.name = "coordination", .unit = "", .scope = LML_PER_ATOM, .type = LML_RESULT_INTEGER, .width = 1},
         .parts = 1,
         .fill = fill_coordination},
    [LML_LINEAR_DISTANCE] = {.form = {.name = "distance", .unit = "", .scope = LML_PER_ATOM, .width = 1},
                             .parts = DISTANCE_PARTS,
                             .needs = LML_NEEDS_DISTANCES,
                             .fill = fill_distance,
                             .combine = combine_distance},
    [LML_LINEAR_SIGMA_ENERGIES] = {.form = {.name = "sigma_energies", .unit = "eV", .scope = LML_PER_ATOM, .width = 1},
                                   .parts = 1,
                                   .needs = LML_NEEDS_ENERGIES,
                                   .fill = fill_sigma_energies},
    [LML_LINEAR_SIGMA_FORCES] = {.form = {.name = "sigma_forces", .unit = "eV/Å", .scope = LML_PER_ATOM, .width = 3},
                                 .column_parts = 3,
                                 .needs = LML_NEEDS_FORCES,
                                 .fill = fill_sigma_forces,
                                 .combine = combine_sigma_forces},
    [LML_LINEAR_ENERGY_DEVIATIONS] = {.form = {.name = "energy_deviations", .unit = "eV", .scope = LML_PER_STRUCTURE},
                                      .column_parts = 1,
                                      .needs = LML_NEEDS_ENERGIES,
                                      .fill = fill_energy_deviations},
};

size_t lml_linear_results_parts(size_t place, size_t rank) {
  return lml_linear_results[place].parts + lml_linear_results[place].column_parts * rank;
}

unsigned lml_linear_results_needs(unsigned results) {
  unsigned needs = 0;
  for (size_t k = 0; k < LML_LINEAR_NRESULTS; k++)
    if ((results >> k & 1u) != 0) needs |= lml_linear_results[k].needs;
  return needs;
}

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

double lml_linear_results_sum(const double *values, size_t count) {
  double sum = 0.0, lost = 0.0;
  for (size_t i = 0; i < count; i++) {
    const double next = sum + values[i];
    const bool larger = fabs(sum) >= fabs(values[i]);
    lost += larger ? (sum - next) + values[i] : (values[i] - next) + sum;
    sum = next;
  }
  return sum + lost;
}

lml_status lml_linear_results_add(size_t place, const double *parts, size_t rank, lml_results *results,
                                  lml_error *error) {
  const lml_linear_result *from = &lml_linear_results[place];
  const size_t nparts = lml_linear_results_parts(place, rank);
  lml_result_form form = from->form;
  lml_result *result;
  if (form.scope == LML_PER_STRUCTURE) form.width = nparts;
  const lml_status status = lml_results_add(results, &form, LML_ORIGIN_EXACT, &result, error);
  if (status != LML_OK) return status;
  if (form.scope == LML_PER_STRUCTURE) {
    for (size_t k = 0; k < nparts; k++)
      result->reals[k] = lml_linear_results_sum(parts + k * results->natoms, results->natoms);
    return LML_OK;
  }
  const size_t count = result->rows * result->width;
  for (size_t i = 0; from->combine != NULL && i < result->rows; i++)
    from->combine(parts + i * nparts, nparts, result->reals + i * result->width);
  if (from->combine != NULL) return LML_OK;
  if (result->type == LML_RESULT_REAL)
    memcpy(result->reals, parts, count * sizeof *parts);
  else
    for (size_t i = 0; i < count; i++) result->integers[i] = (int64_t)parts[i];
  return LML_OK;
}
