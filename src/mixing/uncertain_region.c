#include "mixing/uncertain_region.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/neighbours.h"
#include "structure/vec3.h"

static const char coordination_name[] = "coordination";

static void add_name(lml_uncertain_needs *needs, const char *name) {
  const lml_request there = {.names = needs->names, .count = needs->count};
  if (!lml_request_names(&there, name)) needs->names[needs->count++] = name;
}

void lml_uncertain_needs_add(lml_uncertain_needs *needs, const lml_uncertain_settings *settings) {
  add_name(needs, lml_uncertain_by_names[settings->by]);
  if (settings->min_coordination > 0) add_name(needs, coordination_name);
}

/* ---- scores ---- */

static lml_status make_room(lml_uncertain_scores *scores, size_t natoms, lml_error *error) {
  const char *what = "scores of atoms";
  lml_status status = lml_grow(&scores->values, &scores->capacity, natoms, sizeof *scores->values, what, error);
  if (status == LML_OK) status = lml_grow(&scores->surface, &scores->surface_capacity, natoms, 1, what, error);
  scores->natoms = natoms;
  for (size_t i = 0; i < natoms && status == LML_OK; i++) {
    scores->values[i] = 0.0;
    scores->surface[i] = 0;
  }
  return status;
}

static lml_status find_result(const lml_results *ml, const char *name, const lml_result **result, lml_error *error) {
  *result = lml_results_find(ml, name);
  if (*result != NULL && (*result)->scope == LML_PER_ATOM) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE,
                  "the ML calculator does not give '%s' of atoms, which the region is chosen by; let it be a linear "
                  "potential, or choose the region otherwise",
                  name);
}

static const lml_unknown_species all_known;

static void put_values(lml_uncertain_scores *scores, const lml_unknown_species *unknown, const lml_result *from) {
  for (size_t i = 0; i < from->rows; i++) {
    const double *values = from->reals + from->width * i;
    scores->values[lml_unknown_species_parent(unknown, i)] = from->width == 3 ? lml_norm(values) : values[0];
  }
}

/** Mark the neighbours of marked atoms, too. */
static lml_status spread_surface(lml_uncertain_scores *scores, const lml_uncertain_source *source, lml_error *error) {
  const lml_structure *structure = source->structure;
  lml_neighbours n = {0};
  unsigned char *low;
  lml_status status = lml_alloc(&low, scores->natoms, 1, "atoms at surfaces", error);
  if (status != LML_OK) return status;
  memcpy(low, scores->surface, scores->natoms);
  status = lml_neighbours_sort(&n, structure, source->cutoff, error);
  if (status == LML_OK) status = lml_neighbours_list(&n, structure, 0, n.natoms, error);
  for (size_t s = 0; s < n.natoms && status == LML_OK; s++) {
    if (low[n.order[s]] == 0) continue;
    const int32_t *list;
    const size_t length = lml_neighbours_of(&n, s, &list);
    for (size_t k = 0; k < length; k++) scores->surface[n.order[n.owner[list[k]]]] = 1;
  }
  lml_neighbours_free(&n);
  lml_free(low);
  return status;
}

/** Mark atoms with few neighbours, and all that have such an atom among those that their score is from. */
static lml_status find_surface(lml_uncertain_scores *scores, size_t least, const lml_uncertain_source *source,
                               const lml_unknown_species *unknown, lml_error *error) {
  const lml_result *coordination;
  const lml_status status = find_result(source->ml, coordination_name, &coordination, error);
  size_t count = 0;
  for (size_t i = 0; status == LML_OK && i < coordination->rows; i++) {
    if (coordination->integers[i] >= (int64_t)least) continue;
    scores->surface[lml_unknown_species_parent(unknown, i)] = 1;
    count++;
  }
  return status == LML_OK && count > 0 ? spread_surface(scores, source, error) : status;
}

lml_status lml_uncertain_scores_take(lml_uncertain_scores *scores, const lml_uncertain_settings *settings,
                                     const lml_uncertain_source *source, lml_error *error) {
  const lml_unknown_species *unknown = source->unknown == NULL ? &all_known : source->unknown;
  const lml_result *from;
  lml_status status = make_room(scores, source->structure->natoms, error);
  if (status == LML_OK) status = find_result(source->ml, lml_uncertain_by_names[settings->by], &from, error);
  if (status != LML_OK) return status;
  put_values(scores, unknown, from);
  if (settings->min_coordination > 0) status = find_surface(scores, settings->min_coordination, source, unknown, error);
  if (status == LML_OK)
    status = lml_unknown_species_blank(unknown, source->structure, source->distance, 1, scores->values, error);
  for (size_t i = 0; unknown->flags != NULL && i < scores->natoms && status == LML_OK; i++)
    if (unknown->flags[i] != 0) scores->values[i] = INFINITY;
  return status;
}

void lml_uncertain_scores_free(lml_uncertain_scores *scores) {
  lml_free(scores->values);
  lml_free(scores->surface);
  *scores = (lml_uncertain_scores){0};
}

/* ---- regions ---- */

lml_status lml_uncertain_region_make(lml_region *region, lml_uncertain_choice *choice, lml_error *error) {
  const lml_uncertain_settings *settings = &choice->settings->uncertain;
  const lml_uncertain_view view = {.natoms = choice->scores->natoms,
                                   .scores = choice->scores->values,
                                   .held = choice->held,
                                   .surface = choice->scores->surface};
  unsigned char *labels;
  lml_status status = lml_alloc(&labels, view.natoms, 1, "region labels", error);
  if (status != LML_OK) return status;
  status = lml_uncertain_atoms_choose(settings, &view, choice->last, choice->looks, labels, &choice->nwanted,
                                      &choice->foremost, error);
  if (status == LML_OK)
    status = lml_region_make_of(region, choice->settings, choice->structure, labels, choice->last, error);
  lml_free(labels);
  return status;
}

/** What is needed of the ML side to look at a structure. */
typedef struct first_look {
  lml_unknown_species unknown;
  lml_results results;
  lml_uncertain_scores scores;
} first_look;

static lml_status look(first_look *own, const lml_uncertain_choice *choice, const lml_uncertain_ml *ml,
                       lml_error *error) {
  const lml_uncertain_settings *settings = &choice->settings->uncertain;
  lml_uncertain_needs needs = {.count = 0};
  const lml_structure *seen;
  lml_uncertain_needs_add(&needs, settings);
  const lml_request request = {.names = needs.names, .count = needs.count};
  lml_status status = lml_calculator_check(ml->calculator, &request, error);
  if (status == LML_OK) status = lml_unknown_species_strip(&own->unknown, choice->structure, &seen, error);
  if (status == LML_OK) status = lml_calculator_evaluate(ml->calculator, seen, &request, &own->results, error);
  const lml_uncertain_source source = {.structure = choice->structure,
                                       .unknown = &own->unknown,
                                       .distance = ml->distance,
                                       .cutoff = ml->cutoff,
                                       .ml = &own->results};
  return status == LML_OK ? lml_uncertain_scores_take(&own->scores, settings, &source, error) : status;
}

lml_status lml_uncertain_region_begin(lml_region *region, lml_uncertain_choice *choice, const lml_uncertain_ml *ml,
                                      lml_error *error) {
  first_look own = {0};
  lml_status status = lml_unknown_species_find(&own.unknown, choice->structure, ml->known, ml->nknown, error);
  if (status == LML_OK) status = look(&own, choice, ml, error);
  choice->scores = &own.scores;
  if (status == LML_OK) status = lml_uncertain_region_make(region, choice, error);
  choice->scores = NULL;
  lml_unknown_species_free(&own.unknown);
  lml_results_free(&own.results);
  lml_uncertain_scores_free(&own.scores);
  return status;
}

bool lml_uncertain_region_tell_bound(const lml_uncertain_settings *settings, const char *name, size_t nwanted,
                                     const lml_log *log) {
  const size_t most = settings->max_atoms;
  if (most == 0 || nwanted <= most) return false;
  lml_log_warning(log,
                  "region %s: %zu atoms are uncertain, and max_atoms lets the %zu most uncertain ones be QM atoms; the "
                  "others have the potential's forces",
                  name, nwanted, most);
  return true;
}
