/* The mean of descriptors, by which energies are constrained: accurate to the last digit, also where it is taken from
 * one atom for many that are alike. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "lmlink/potential.h"
#include "retrain/rows/energy_row.h"
#include "support/made_up.h"
#include "support/near.h"

/** Relative to the largest number of a row. */
static const double accuracy = 2e-15;

static const lml_snap_parameters linear = {.rcutfac = 4.7, .twojmax = 6, .rfac0 = 0.99363, .switchflag = true};
static const lml_snap_parameters quadratic = {
    .rcutfac = 4.7, .twojmax = 4, .rfac0 = 0.99363, .switchflag = true, .quadraticflag = true};

/** The mean from each atom's descriptors, in long double. */
static void compare(const lml_potential *potential, const lml_structure *structure, const double *row) {
  const size_t n = lml_potential_ncoefficients(potential), all = n * lml_potential_nelements(potential);
  double *values;
  long double *sums;
  assert_int_equal(lml_alloc(&values, structure->natoms * n, sizeof *values, "D", NULL), LML_OK);
  assert_int_equal(lml_alloc(&sums, all, sizeof *sums, "their sums", NULL), LML_OK);
  assert_int_equal(lml_potential_descriptors(potential, structure, values, NULL), LML_OK);
  for (size_t i = 0; i < structure->natoms; i++) {
    const size_t e = (size_t)lml_potential_element_index(potential, structure->numbers[i]);
    for (size_t c = 0; c < n; c++) sums[e * n + c] += values[i * n + c];
  }
  double largest = 0.0;
  for (size_t c = 0; c < all; c++) largest = fmax(largest, fabs(row[c]));
  for (size_t c = 0; c < all; c++)
    assert_near(row[c], (double)(sums[c] / (long double)structure->natoms), accuracy * largest);
  lml_free(values);
  lml_free(sums);
}

/** Compare the row of the structure, and say how many kinds of atoms it has; 0: too many. */
static size_t check_row(const lml_snap_parameters *parameters, const lml_structure *structure) {
  lml_potential *potential = made_up_potential(parameters, 2, 0.0);
  lml_descriptors descriptors;
  lml_environments environments = {0};
  double *scratch, *row;
  const size_t all = 2 * lml_potential_ncoefficients(potential);
  assert_int_equal(lml_descriptors_make(&descriptors, potential, NULL), LML_OK);
  assert_int_equal(lml_alloc(&scratch, lml_energy_row_room(&descriptors), sizeof *scratch, "scratch", NULL), LML_OK);
  assert_int_equal(lml_alloc(&row, all, sizeof *row, "a row", NULL), LML_OK);
  assert_int_equal(lml_energy_row(&descriptors, structure, &environments, scratch, row, NULL), LML_OK);
  compare(potential, structure, row);
  const lml_listed_atoms *atoms = &descriptors.atoms;
  const size_t nkinds =
      lml_environments_find(&environments, &atoms->neighbours, atoms->elements) ? environments.mean.natoms : 0;
  size_t count = 0;
  for (size_t k = 0; k < nkinds; k++) count += environments.counts[k];
  if (nkinds > 0) assert_int_equal(count, structure->natoms);
  lml_free(scratch);
  lml_free(row);
  lml_environments_free(&environments);
  lml_descriptors_free(&descriptors);
  lml_potential_destroy(potential);
  return nkinds;
}

static void a_row_is_the_mean_of_all_atoms(void **unused) {
  (void)unused;
  lml_structure structure = made_up_structure(2);
  assert_int_equal(check_row(&linear, &structure), structure.natoms);
  assert_int_equal(check_row(&quadratic, &structure), structure.natoms);
  lml_structure_free(&structure);
}

enum { CELLS = 3, ATOMS = 2 * CELLS * CELLS * CELLS };

/** Tungsten and beryllium on the sites of caesium chloride, in a strained cell, with positions to eight digits. */
static lml_structure make_crystal(void) {
  static const double cell[9] = {3.01, 0.02, 0.0, -0.01, 2.97, 0.03, 0.02, 0.01, 3.05};
  lml_structure structure = {0};
  assert_int_equal(lml_structure_resize(&structure, ATOMS, NULL), LML_OK);
  for (size_t k = 0; k < 9; k++) structure.cell[k] = CELLS * cell[k];
  for (size_t i = 0; i < ATOMS; i++) {
    const size_t cell_of[3] = {i / 2 % CELLS, i / 2 / CELLS % CELLS, i / 2 / CELLS / CELLS};
    structure.numbers[i] = i % 2 == 0 ? 74 : 4;
    for (size_t d = 0; d < 3; d++) {
      double x = 0.0;
      for (size_t k = 0; k < 3; k++) x += ((double)cell_of[k] + (i % 2 == 0 ? 0.0 : 0.5)) * cell[3 * k + d];
      structure.positions[3 * i + d] = round(1e8 * x) / 1e8;
    }
  }
  for (size_t d = 0; d < 3; d++) structure.pbc[d] = true;
  return structure;
}

static void atoms_of_a_crystal_are_alike(void **unused) {
  (void)unused;
  lml_structure structure = make_crystal();
  assert_int_equal(check_row(&linear, &structure), 2);
  assert_int_equal(check_row(&quadratic, &structure), 2);
  structure.positions[3 * (ATOMS / 2)] += 2e-7; /* not alike any more, and neither are its neighbours */
  assert_int_equal(check_row(&quadratic, &structure), 0);
  structure.positions[3 * (ATOMS / 2)] -= 2e-7;
  structure.numbers[5] = 74; /* the places are alike, and the elements are not */
  check_row(&quadratic, &structure);
  lml_structure_free(&structure);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_row_is_the_mean_of_all_atoms),
                                     cmocka_unit_test(atoms_of_a_crystal_are_alike)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
