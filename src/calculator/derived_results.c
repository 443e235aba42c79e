#include "calculator/derived_results.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

const char *const lml_derived_names[LML_DERIVED_COUNT] = {"sigma_energy", "committee_energies", "committee_forces",
                                                          "committee_virials", "free"};

/** What each is made of; NULL: no other result. */
static const char *const bases[LML_DERIVED_COUNT] = {"energy_deviations", "energy_deviations", "force_deviations",
                                                     "virial_deviations", NULL};

void lml_derived_free(lml_derived *derived) {
  lml_name_set_free(&derived->asked);
  lml_free(derived->baseline);
  lml_free(derived->changes);
  *derived = (lml_derived){0};
}

void lml_derived_forget(lml_derived *derived) { derived->rank = 0; }

/* ---- what is wanted ---- */

bool lml_derived_wants(const lml_derived *derived, size_t place) { return (derived->wanted >> place & 1u) != 0; }

lml_request lml_derived_request(const lml_derived *derived) { return lml_name_set_request(&derived->asked); }

/** The derived result of that name, or their number. */
static size_t place_of(const char *name) {
  size_t k = 0;
  while (k < LML_DERIVED_COUNT && strcmp(lml_derived_names[k], name) != 0) k++;
  return k;
}

lml_status lml_derived_want(lml_derived *derived, const lml_request *request, unsigned more, lml_error *error) {
  lml_status status = LML_OK;
  derived->wanted = more;
  derived->asked.count = 0;
  for (size_t i = 0; i < request->count && status == LML_OK; i++) {
    const size_t place = place_of(request->names[i]);
    if (place < LML_DERIVED_COUNT)
      derived->wanted |= 1u << place;
    else
      status = lml_name_set_add(&derived->asked, request->names[i], error);
  }
  derived->nwanted = derived->asked.count;
  for (size_t k = 0; k < LML_DERIVED_COUNT && status == LML_OK; k++)
    if (lml_derived_wants(derived, k) && bases[k] != NULL) status = lml_name_set_add(&derived->asked, bases[k], error);
  return status;
}

/* ---- the baseline ---- */

static void count_elements(const lml_structure *structure, size_t *counts) {
  memset(counts, 0, LML_DERIVED_NUMBERS * sizeof *counts);
  for (size_t i = 0; i < structure->natoms; i++)
    if (structure->numbers[i] >= 0 && structure->numbers[i] < LML_DERIVED_NUMBERS) counts[structure->numbers[i]]++;
}

/** Let `changes` be @p deviations less those of the baseline, or not numbers where the structure is made of other
 *  atoms. */
static lml_status subtract_baseline(lml_derived *derived, const lml_structure *structure, size_t rank,
                                    const double *deviations, lml_error *error) {
  static const char what[] = "a baseline";
  size_t counts[LML_DERIVED_NUMBERS];
  count_elements(structure, counts);
  lml_status status = lml_grow(&derived->changes, &derived->changes_capacity, rank, sizeof *deviations, what, error);
  if (status == LML_OK)
    status = lml_grow(&derived->baseline, &derived->baseline_capacity, rank, sizeof *deviations, what, error);
  if (status != LML_OK) return status;
  if (derived->rank != rank) {
    memcpy(derived->baseline, deviations, rank * sizeof *deviations);
    memcpy(derived->counts, counts, sizeof counts);
    derived->rank = rank;
  }
  const bool same = memcmp(counts, derived->counts, sizeof counts) == 0;
  for (size_t k = 0; k < rank; k++) derived->changes[k] = same ? deviations[k] - derived->baseline[k] : NAN;
  return LML_OK;
}

/* ---- the committee ---- */

double lml_committee_weight(size_t rank, size_t member, size_t column) {
  const double i = (double)column + 1.0;
  const double entry = member <= column ? 1.0 : member == column + 1 ? -i : 0.0;
  return sqrt((double)rank / (i * (i + 1.0))) * entry;
}

/** Of each row of @p width values the members' values, one member's behind the other's: @p deviations have so many for
 *  each column, which counts for the member with the next number, for all before that one alike, and for no other. */
static void put_members(const double *values, const double *deviations, size_t width, size_t rank, double *to) {
  memcpy(to + rank * width, values, width * sizeof *to);
  for (size_t member = rank; member > 0; member--) {
    const size_t column = member - 1;
    const double own = lml_committee_weight(rank, member, column), others = lml_committee_weight(rank, 0, column);
    const double *of_column = deviations + column * width;
    double *here = to + member * width, *before = to + column * width;
    for (size_t x = 0; x < width; x++) {
      before[x] = here[x] + others * of_column[x];
      here[x] += own * of_column[x];
    }
  }
}

/** Members of the standard result at @p standard, from @p rank deviations from it, which are of @p origin. */
static lml_status add_committee(size_t place, size_t standard, const double *deviations, size_t rank, lml_origin origin,
                                lml_results *results, lml_error *error) {
  const lml_result *of = &results->list[standard];
  const size_t width = of->width;
  const lml_result_form form = {
      .name = lml_derived_names[place], .unit = of->unit, .scope = of->scope, .width = (rank + 1) * width};
  const double *values = of->reals; /* which stay where they are when a result is added, as do deviations */
  lml_result *result;
  const lml_status status = lml_results_add(results, &form, origin, &result, error);
  for (size_t i = 0; status == LML_OK && i < result->rows; i++)
    put_members(values + i * width, deviations + i * rank * width, width, rank, result->reals + i * result->width);
  return status;
}

/* ---- adding ---- */

static lml_status add_sigma(const double *changes, size_t rank, lml_origin origin, lml_results *results,
                            lml_error *error) {
  const lml_result_form form = {.name = lml_derived_names[LML_DERIVED_SIGMA_ENERGY], .unit = "eV", .width = 1};
  lml_result *result;
  double square = 0.0;
  for (size_t k = 0; k < rank; k++) square += changes[k] * changes[k];
  const lml_status status = lml_results_add(results, &form, origin, &result, error);
  if (status == LML_OK) result->reals[0] = sqrt(square);
  return status;
}

static lml_status add_energies(lml_derived *derived, const lml_structure *structure, lml_results *results,
                               lml_error *error) {
  const unsigned energies = 1u << LML_DERIVED_SIGMA_ENERGY | 1u << LML_DERIVED_COMMITTEE_ENERGIES;
  const lml_result *base = lml_results_find(results, bases[LML_DERIVED_SIGMA_ENERGY]);
  if (base == NULL || (derived->wanted & energies) == 0) return LML_OK;
  const lml_origin origin = base->origin;
  const size_t rank = base->width;
  lml_status status = subtract_baseline(derived, structure, rank, base->reals, error);
  if (status == LML_OK && lml_derived_wants(derived, LML_DERIVED_SIGMA_ENERGY))
    status = add_sigma(derived->changes, rank, origin, results, error);
  if (status == LML_OK && lml_derived_wants(derived, LML_DERIVED_COMMITTEE_ENERGIES))
    status = add_committee(LML_DERIVED_COMMITTEE_ENERGIES, LML_RESULTS_ENERGY, derived->changes, rank, origin, results,
                           error);
  return status;
}

static lml_status add_free(const lml_derived *derived, lml_results *results, lml_error *error) {
  const lml_result_form form = {.name = lml_derived_names[LML_DERIVED_FREE],
                                .unit = "",
                                .scope = LML_PER_ATOM,
                                .type = LML_RESULT_INTEGER,
                                .width = 1};
  lml_result *result;
  if (!lml_derived_wants(derived, LML_DERIVED_FREE) || !derived->knows_held) return LML_OK;
  const lml_status status = lml_results_add(results, &form, LML_ORIGIN_EXACT, &result, error);
  for (size_t i = 0; status == LML_OK && i < result->rows; i++)
    result->integers[i] = derived->held == NULL || derived->held[i] == 0;
  return status;
}

lml_status lml_derived_add(lml_derived *derived, const lml_structure *structure, lml_results *results,
                           lml_error *error) {
  static const size_t standard[LML_DERIVED_COUNT] = {
      [LML_DERIVED_COMMITTEE_FORCES] = LML_RESULTS_FORCES, [LML_DERIVED_COMMITTEE_VIRIALS] = LML_RESULTS_VIRIAL};
  lml_status status = add_energies(derived, structure, results, error);
  if (status == LML_OK) status = add_free(derived, results, error);
  for (size_t k = LML_DERIVED_COMMITTEE_FORCES; k <= LML_DERIVED_COMMITTEE_VIRIALS && status == LML_OK; k++) {
    const lml_result *of = &results->list[standard[k]], *base = lml_results_find(results, bases[k]);
    if (lml_derived_wants(derived, k) && of->origin != LML_ORIGIN_ABSENT && base != NULL)
      status = add_committee(k, standard[k], base->reals, base->width / of->width, base->origin, results, error);
  }
  for (size_t i = derived->nwanted; i < derived->asked.count; i++) lml_results_remove(results, derived->asked.names[i]);
  return status;
}
