/** @file listed_crystal.h
 *  Structures for the neighbour search, and how many neighbours were found. Include after cmocka.h.
 */
#ifndef LML_TESTS_LISTED_CRYSTAL_H
#define LML_TESTS_LISTED_CRYSTAL_H

#include <stdint.h>
#include <string.h>

#include "structure/neighbours.h"

/** Uniform in [0, 1), the same on every machine. */
static inline double uniform(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 11) * 0x1p-53;
}

static inline lml_structure make_structure(size_t natoms, const double cell[9], const char *pbc) {
  lml_structure s = {0};
  assert_int_equal(lml_structure_resize(&s, natoms, NULL), LML_OK);
  memcpy(s.cell, cell, sizeof s.cell);
  for (int k = 0; k < 3; k++) s.pbc[k] = pbc[k] == 'T';
  return s;
}

/** bcc crystal of n × n × n cubic cells with lattice constant 3.1652 Å, rattled. */
static inline lml_structure bcc_crystal(int n, double rattle) {
  const double a = 3.1652;
  const double cell[9] = {n * a, 0, 0, 0, n * a, 0, 0, 0, n * a};
  lml_structure s = make_structure(2 * (size_t)(n * n * n), cell, "TTT");
  uint64_t state = 7;
  double *r = s.positions;
  for (int site = 0; site < 2 * n * n * n; site++, r += 3) {
    const int x = site / 2 % n, y = site / 2 / n % n, z = site / 2 / n / n;
    const double shift = site % 2 * 0.5;
    r[0] = (x + shift) * a + rattle * (uniform(&state) - 0.5);
    r[1] = (y + shift) * a + rattle * (uniform(&state) - 0.5);
    r[2] = (z + shift) * a + rattle * (uniform(&state) - 0.5);
  }
  return s;
}

/** Neighbours of all listed atoms together. */
static inline int64_t count_listed(const lml_neighbours *n) {
  int64_t count = 0;
  for (size_t k = 0; k < n->end - n->begin; k++) count += n->count[k];
  return count;
}

#endif
