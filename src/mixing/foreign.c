#include "mixing/foreign.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "structure/lattice.h"
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

static lml_status list_visible(lml_foreign *foreign, const lml_structure *structure, const int *known, size_t nknown,
                               lml_error *error) {
  lml_status status =
      lml_alloc(&foreign->parents, structure->natoms, sizeof *foreign->parents, "the visible atoms", error);
  if (status == LML_OK) status = lml_alloc(&foreign->flags, structure->natoms, 1, "flags of foreign atoms", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < structure->natoms; i++) {
    if (is_known(structure->numbers[i], known, nknown))
      foreign->parents[foreign->nvisible++] = i;
    else
      foreign->flags[i] = 1;
  }
  if (foreign->nvisible > 0) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "no atom of the structure is of a species that the potential knows");
}

lml_status lml_foreign_find(lml_foreign *foreign, const lml_structure *structure, const int *known, size_t nknown,
                            const struct lml_mixing_region *regions, size_t nregions, lml_error *error) {
  *foreign = (lml_foreign){0};
  for (size_t i = 0; i < structure->natoms; i++) foreign->count += !is_known(structure->numbers[i], known, nknown);
  if (foreign->count == 0) return LML_OK;
  const lml_status status = list_visible(foreign, structure, known, nknown, error);
  return status == LML_OK ? lml_foreign_check(foreign, structure, regions, nregions, error) : status;
}

lml_status lml_foreign_check(const lml_foreign *foreign, const lml_structure *structure,
                             const struct lml_mixing_region *regions, size_t nregions, lml_error *error) {
  for (size_t i = 0; foreign->count > 0 && i < structure->natoms; i++)
    if (foreign->flags[i] != 0 && weight_of(regions, nregions, i) < 1.0)
      return lml_fail(error, LML_ERR_INPUT,
                      "atom %zu is %s, which the potential does not know, and no QM atom: nothing gives it a force; "
                      "select it as QM",
                      i, lml_element_symbol(structure->numbers[i]));
  return LML_OK;
}

static bool is_near(const lml_foreign *foreign, const lml_structure *structure, const lml_lattice *lattice, size_t i,
                    double distance) {
  const double *r = structure->positions + 3 * i;
  for (size_t k = 0; k < structure->natoms; k++) {
    if (foreign->flags[k] == 0) continue;
    const double *at = structure->positions + 3 * k;
    const double vector[3] = {r[0] - at[0], r[1] - at[1], r[2] - at[2]};
    if (isfinite(lml_lattice_nearest_distance(lattice, vector, distance))) return true;
  }
  return false;
}

void lml_foreign_warn(const lml_foreign *foreign, const lml_structure *structure,
                      const struct lml_mixing_region *regions, size_t nregions, double distance, const lml_log *log) {
  lml_lattice lattice;
  if (foreign->count == 0 || !lml_log_wants(log, LML_LOG_ERROR) ||
      lml_lattice_make(&lattice, structure, NULL) != LML_OK)
    return;
  char list[LIST_SIZE] = "";
  size_t found = 0;
  for (size_t i = 0; i < structure->natoms; i++) {
    if (weight_of(regions, nregions, i) >= 1.0 || !is_near(foreign, structure, &lattice, i, distance)) continue;
    const size_t used = strlen(list);
    if (found < SHOWN) lml_print_cut(list + used, sizeof list - used, " %zu", i);
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

lml_status lml_foreign_check_apart(const lml_foreign *foreign, const lml_structure *structure, lml_error *error) {
  lml_lattice lattice;
  place *places = NULL;
  if (foreign->count == 0) return LML_OK;
  lml_status status = lml_lattice_make(&lattice, structure, error);
  if (status == LML_OK) status = lml_alloc(&places, foreign->count, sizeof *places, "the foreign atoms", error);
  for (size_t i = 0, k = 0; i < structure->natoms && status == LML_OK; i++) {
    if (foreign->flags[i] == 0) continue;
    places[k].atom = i;
    lml_lattice_fractional(&lattice, structure->positions + 3 * i, places[k++].fractional);
  }
  for (size_t i = 0; i < structure->natoms && status == LML_OK; i++) {
    double fractional[3];
    lml_lattice_fractional(&lattice, structure->positions + 3 * i, fractional);
    for (size_t k = 0; k < foreign->count && status == LML_OK; k++)
      if (places[k].atom != i && is_at(&lattice, &places[k], fractional))
        status = lml_structure_check_apart(structure, error); /* which finds the words */
  }
  lml_free(places);
  return status;
}

lml_status lml_foreign_strip(lml_foreign *foreign, const lml_structure *structure, const lml_structure **seen,
                             lml_error *error) {
  *seen = structure;
  if (foreign->count == 0) return LML_OK;
  lml_structure *visible = &foreign->visible;
  const lml_status status = lml_structure_resize(visible, foreign->nvisible, error);
  if (status != LML_OK) return status;
  memcpy(visible->cell, structure->cell, sizeof visible->cell);
  memcpy(visible->pbc, structure->pbc, sizeof visible->pbc);
  for (size_t i = 0; i < foreign->nvisible; i++) {
    const size_t parent = foreign->parents[i];
    visible->numbers[i] = structure->numbers[parent];
    memcpy(visible->positions + 3 * i, structure->positions + 3 * parent, 3 * sizeof(double));
  }
  *seen = visible;
  return LML_OK;
}

size_t lml_foreign_parent(const lml_foreign *foreign, size_t i) {
  return foreign->parents == NULL ? i : foreign->parents[i];
}

void lml_foreign_free(lml_foreign *foreign) {
  lml_free(foreign->parents);
  lml_free(foreign->flags);
  lml_structure_free(&foreign->visible);
  *foreign = (lml_foreign){0};
}
