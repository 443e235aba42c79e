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
  const int32_t *list;
  const size_t length = lml_neighbours_of(n, s, &list);
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += lml_neighbours_square(n, s, (size_t)list[i]) < limit;
  return count;
}

static void fill_coordination(const lml_linear_sources *sources, double *values) {
  const lml_neighbours *n = sources->neighbours;
  for (size_t s = n->begin; s < n->end; s++) values[n->order[s]] = (double)count_near(sources, s);
}

/* ---- distances and deviations ---- */

enum { DISTANCE_PARTS = 2 /**< the sum of squares, and of how many */ };

/** Give each atom's square to the atom and its neighbours within the cutoff: an atom is in the lists of those that are
 * in its own, as often as they are there, and so each gets all of its neighbours', whichever shares they are of. No
 * branch depends on a distance: lists hold many atoms that lie a little further off, which no processor foresees. */
static void fill_distance(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const double limit = sources->cutoff * sources->cutoff;
  double *sums = sources->beside->square_sums;
  for (size_t s = n->begin; s < n->end; s++) {
    const double square[2] = {0.0, sources->beside->squares[s]};
    const int32_t *list;
    const size_t length = lml_neighbours_of(n, s, &list);
    size_t count = 1;
    sums[s] += square[1];
    for (size_t i = 0; i < length; i++) {
      const size_t j = (size_t)list[i], near = lml_neighbours_square(n, s, j) < limit;
      sums[n->owner[j]] += square[near];
      count += near;
    }
    parts[DISTANCE_PARTS * (size_t)n->order[s] + 1] = (double)count;
  }
  for (size_t s = 0; s < n->natoms; s++) parts[DISTANCE_PARTS * (size_t)n->order[s]] = sums[s];
}

static void combine_distance(const double *parts, size_t nparts, double *values) {
  (void)nparts;
  values[0] = sqrt(parts[0] / parts[1]);
}

static void fill_sigma_energies(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const lml_linear_beside *beside = sources->beside;
  for (size_t s = n->begin; s < n->end; s++) {
    const double *deviations = beside->energies + beside->rank * s;
    double sum = 0.0;
    for (size_t m = 0; m < beside->rank; m++) sum += deviations[m] * deviations[m];
    parts[n->order[s]] = sqrt(sum);
  }
}

/** Of each atom those of one column after the other. */
static void fill_force_deviations(const lml_linear_sources *sources, double *parts) {
  const lml_neighbours *n = sources->neighbours;
  const size_t count = 3 * sources->beside->rank;
  for (size_t i = 0; i < sources->beside->nall; i++) {
    double *to = parts + count * (size_t)n->order[n->owner[i]];
    const double *from = sources->beside->forces + count * i;
    for (size_t k = 0; k < count; k++) to[k] += from[k];
  }
}

static void combine_sigma_forces(const double *parts, size_t nparts, double *values) {
  for (size_t k = 0; k < nparts; k++) values[k % 3] += parts[k] * parts[k];
  for (size_t d = 0; d < 3; d++) values[d] = sqrt(values[d]);
}

/* ---- of the structure ---- */

static void fill_descriptor_sums(const lml_linear_sources *sources, double *parts) {
  memcpy(parts, sources->beside->sums, sources->beside->nsums * sizeof *parts);
}

/** Lᵀ ΣD. */
static void fill_energy_deviations(const lml_linear_sources *sources, double *parts) {
  const lml_linear_beside *beside = sources->beside;
  const double *row = beside->uncertainty->uncertainty.factor;
  for (size_t i = 0; i < beside->nsums; i++, row += beside->rank)
    for (size_t m = 0; m < beside->rank; m++) parts[m] += row[m] * beside->sums[i];
}

/** W = Σ r⊗F over atoms and images, which have their own forces and places; of one column after the other. */
static void fill_virial_deviations(const lml_linear_sources *sources, double *parts) {
  const lml_linear_beside *beside = sources->beside;
  for (size_t i = 0; i < beside->nall; i++)
    for (size_t m = 0; m < beside->rank; m++) {
      const double *r = sources->neighbours->positions + 3 * i, *force = beside->forces + 3 * (beside->rank * i + m);
      for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) {
          const double half = 0.5 * r[a] * force[b];
          parts[9 * m + 3 * a + b] += half;
          parts[9 * m + 3 * b + a] += half;
        }
    }
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
                                   .needs = LML_NEEDS_FACTOR | LML_NEEDS_ENERGIES,
                                   .fill = fill_sigma_energies},
    [LML_LINEAR_SIGMA_FORCES] = {.form = {.name = "sigma_forces", .unit = "eV/Å", .scope = LML_PER_ATOM, .width = 3},
                                 .column_parts = 3,
                                 .needs = LML_NEEDS_FACTOR | LML_NEEDS_FORCES,
                                 .fill = fill_force_deviations,
                                 .combine = combine_sigma_forces},
    [LML_LINEAR_ENERGY_DEVIATIONS] = {.form = {.name = "energy_deviations", .unit = "eV", .scope = LML_PER_STRUCTURE},
                                      .column_parts = 1,
                                      .needs = LML_NEEDS_FACTOR | LML_NEEDS_SUMS,
                                      .fill = fill_energy_deviations},
    [LML_LINEAR_FORCE_DEVIATIONS] = {.form = {.name = "force_deviations", .unit = "eV/Å", .scope = LML_PER_ATOM},
                                     .column_parts = 3,
                                     .needs = LML_NEEDS_FACTOR | LML_NEEDS_FORCES,
                                     .fill = fill_force_deviations},
    [LML_LINEAR_VIRIAL_DEVIATIONS] = {.form = {.name = "virial_deviations", .unit = "eV", .scope = LML_PER_STRUCTURE},
                                      .column_parts = 9,
                                      .needs = LML_NEEDS_FACTOR | LML_NEEDS_FORCES,
                                      .fill = fill_virial_deviations},
    [LML_LINEAR_DESCRIPTOR_SUMS] = {.form = {.name = "descriptor_sums", .unit = "", .scope = LML_PER_STRUCTURE},
                                    .coefficient_parts = 1,
                                    .needs = LML_NEEDS_SUMS,
                                    .fill = fill_descriptor_sums},
};

/** Parts of each atom, or of the structure. */
static size_t parts_of_row(size_t place, const lml_linear_sizes *sizes) {
  const lml_linear_result *r = &lml_linear_results[place];
  return r->parts + r->column_parts * sizes->rank + r->coefficient_parts * sizes->nsums;
}

size_t lml_linear_results_parts(size_t place, const lml_linear_sizes *sizes) {
  const size_t rows = lml_linear_results[place].form.scope == LML_PER_ATOM ? sizes->natoms : 1;
  return rows * parts_of_row(place, sizes);
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

lml_status lml_linear_results_add(size_t place, const double *parts, const lml_linear_sizes *sizes,
                                  lml_results *results, lml_error *error) {
  const lml_linear_result *from = &lml_linear_results[place];
  const size_t nparts = parts_of_row(place, sizes);
  lml_result_form form = from->form;
  lml_result *result;
  if (form.width == 0) form.width = nparts;
  const lml_status status = lml_results_add(results, &form, LML_ORIGIN_EXACT, &result, error);
  if (status != LML_OK) return status;
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
