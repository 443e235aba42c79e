#include "mixing/unknown_species.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "structure/neighbours.h"

enum { SHOWN = 20, LIST_SIZE = 300 };

static bool is_known(int number, const int *known, size_t nknown) {
  for (size_t k = 0; k < nknown; k++)
    if (known[k] == number) return true;
  return known == NULL;
}

/** The part of atom @p i's force that is a quantum one. */
static double weight_of(const lml_mixing_region *regions, size_t nregions, size_t i) {
  double weight = 0.0;
  for (size_t r = 0; r < nregions; r++) weight = fmax(weight, regions[r].region->weights[i]);
  return weight;
}

static lml_status list_visible(lml_unknown_species *unknown, const lml_structure *structure, const int *known,
                               size_t nknown, lml_error *error) {
  lml_status status =
      lml_alloc(&unknown->parents, structure->natoms, sizeof *unknown->parents, "the visible atoms", error);
  if (status == LML_OK) status = lml_alloc(&unknown->flags, structure->natoms, 1, "flags of foreign atoms", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < structure->natoms; i++) {
    if (is_known(structure->numbers[i], known, nknown))
      unknown->parents[unknown->nvisible++] = i;
    else
      unknown->flags[i] = 1;
  }
  if (unknown->nvisible > 0) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "no atom of the structure is of a species that the potential knows");
}

lml_status lml_unknown_species_find(lml_unknown_species *unknown, const lml_structure *structure, const int *known,
                                    size_t nknown, lml_error *error) {
  *unknown = (lml_unknown_species){0};
  for (size_t i = 0; i < structure->natoms; i++) unknown->count += !is_known(structure->numbers[i], known, nknown);
  return unknown->count == 0 ? LML_OK : list_visible(unknown, structure, known, nknown, error);
}

lml_status lml_unknown_species_check(const lml_unknown_species *unknown, const lml_structure *structure,
                                     const struct lml_mixing_region *regions, size_t nregions, lml_error *error) {
  for (size_t i = 0; unknown->count > 0 && i < structure->natoms; i++)
    if (unknown->flags[i] != 0 && weight_of(regions, nregions, i) < 1.0)
      return lml_fail(error, LML_ERR_INPUT,
                      "atom %zu is %s, which the potential does not know, and no QM atom: nothing gives it a force; "
                      "select it as QM",
                      i, lml_element_symbol(structure->numbers[i]));
  return LML_OK;
}

static bool are_near(const lml_structure *structure, const lml_lattice *lattice, size_t i, size_t k, double distance) {
  const double *r = structure->positions + 3 * i, *at = structure->positions + 3 * k;
  const double vector[3] = {r[0] - at[0], r[1] - at[1], r[2] - at[2]};
  return isfinite(lml_lattice_nearest_distance(lattice, vector, distance));
}

/** Whether atom @p i is foreign, or near to one that is. @p parents: of the structure's atoms; NULL: they are these. */
static bool is_near(const lml_unknown_species *unknown, const lml_structure *structure, const size_t *parents,
                    const lml_lattice *lattice, size_t i, double distance) {
  for (size_t k = 0; k < structure->natoms; k++)
    if (unknown->flags[parents == NULL ? k : parents[k]] != 0 &&
        (i == k || are_near(structure, lattice, i, k, distance)))
      return true;
  return false;
}

bool lml_unknown_species_touch(const lml_unknown_species *unknown, const lml_cluster *cluster,
                               const lml_lattice *lattice, size_t i, double distance) {
  return unknown->count > 0 && is_near(unknown, &cluster->structure, cluster->parents, lattice, i, distance);
}

lml_status lml_unknown_species_blank(const lml_unknown_species *unknown, const lml_structure *structure,
                                     double distance, size_t width, double *values, lml_error *error) {
  lml_lattice lattice;
  if (unknown->count == 0) return LML_OK;
  const lml_status status = lml_lattice_make(&lattice, structure, error);
  for (size_t k = 0; k < structure->natoms && status == LML_OK; k++) {
    if (unknown->flags[k] == 0) continue;
    for (size_t i = 0; i < structure->natoms; i++)
      if (i == k || are_near(structure, &lattice, i, k, distance))
        for (size_t x = 0; x < width; x++) values[i * width + x] = NAN;
  }
  return status;
}

void lml_unknown_species_warn(const lml_unknown_species *unknown, const lml_structure *structure,
                              const struct lml_mixing_region *regions, size_t nregions, double distance,
                              const lml_log *log) {
  lml_lattice lattice;
  if (unknown->count == 0 || !lml_log_wants(log, LML_LOG_ERROR) ||
      lml_lattice_make(&lattice, structure, NULL) != LML_OK)
    return;
  char list[LIST_SIZE] = "";
  size_t found = 0;
  for (size_t i = 0; i < structure->natoms; i++) {
    if (weight_of(regions, nregions, i) >= 1.0 || !is_near(unknown, structure, NULL, &lattice, i, distance)) continue;
    if (found < SHOWN) lml_print_behind(list, sizeof list, " %zu", i);
    found++;
  }
  if (found > 0)
    lml_log_warning(log,
                    "%zu atoms whose forces are the potential's lie within %g Å of an atom that it does not know; let "
                    "them be QM atoms:%s%s",
                    found, distance, list, found > SHOWN ? " …" : "");
}

/** A foreign atom. */
typedef struct place {
  size_t atom;
  double fractional[3];
} place;

static bool is_at(const lml_lattice *lattice, const place *at, const double fractional[3]) {
  for (int k = 0; k < 3; k++) {
    const double apart = fractional[k] - at->fractional[k];
    const double image = lattice->periodic[k] ? rint(apart) : 0.0;
    if (!(fabs(apart - image) * lattice->heights[k] < LML_COINCIDENT)) return false;
  }
  return true;
}

lml_status lml_unknown_species_check_apart(const lml_unknown_species *unknown, const lml_structure *structure,
                                           lml_error *error) {
  lml_lattice lattice;
  place *places = NULL;
  if (unknown->count == 0) return LML_OK;
  lml_status status = lml_lattice_make(&lattice, structure, error);
  if (status == LML_OK) status = lml_alloc(&places, unknown->count, sizeof *places, "the foreign atoms", error);
  for (size_t i = 0, k = 0; i < structure->natoms && status == LML_OK; i++) {
    if (unknown->flags[i] == 0) continue;
    places[k].atom = i;
    lml_lattice_fractional(&lattice, structure->positions + 3 * i, places[k++].fractional);
  }
  for (size_t i = 0; i < structure->natoms && status == LML_OK; i++) {
    double fractional[3];
    lml_lattice_fractional(&lattice, structure->positions + 3 * i, fractional);
    for (size_t k = 0; k < unknown->count && status == LML_OK; k++)
      if (places[k].atom != i && is_at(&lattice, &places[k], fractional))
        status = lml_structure_check_apart(structure, error); /* which finds the words */
  }
  lml_free(places);
  return status;
}

lml_status lml_unknown_species_strip(lml_unknown_species *unknown, const lml_structure *structure,
                                     const lml_structure **seen, lml_error *error) {
  *seen = structure;
  if (unknown->count == 0) return LML_OK;
  lml_structure *visible = &unknown->visible;
  const lml_status status = lml_structure_resize(visible, unknown->nvisible, error);
  if (status != LML_OK) return status;
  memcpy(visible->cell, structure->cell, sizeof visible->cell);
  memcpy(visible->pbc, structure->pbc, sizeof visible->pbc);
  for (size_t i = 0; i < unknown->nvisible; i++) {
    const size_t parent = unknown->parents[i];
    visible->numbers[i] = structure->numbers[parent];
    memcpy(visible->positions + 3 * i, structure->positions + 3 * parent, 3 * sizeof(double));
  }
  *seen = visible;
  return LML_OK;
}

size_t lml_unknown_species_parent(const lml_unknown_species *unknown, size_t i) {
  return unknown->parents == NULL ? i : unknown->parents[i];
}

void lml_unknown_species_free(lml_unknown_species *unknown) {
  lml_free(unknown->parents);
  lml_free(unknown->flags);
  lml_structure_free(&unknown->visible);
  *unknown = (lml_unknown_species){0};
}
