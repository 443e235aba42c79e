#include "support/made_up.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "potential/bispectrum/plan.h"
#include "potential/bispectrum/snap_format.h"

double made_up_number(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) / 8388608.0 - 1.0;
}

/** One coefficient for all components of the same term, so that the order of their elements does not matter. */
static void make_coefficients(lml_snap_model *snap) {
  lml_bispectrum_plan plan;
  assert_int_equal(lml_bispectrum_plan_make(snap, 1, &plan, NULL), LML_OK);
  const size_t n = (size_t)plan.ncomponents;
  snap->ncoefficients = lml_snap_ncoefficients(&snap->parameters, snap->nelements);
  assert_int_equal(
      lml_alloc(&snap->coefficients, snap->nelements * snap->ncoefficients, sizeof(double), "coefficients", NULL),
      LML_OK);
  unsigned state = 7;
  double *by_term;
  assert_int_equal(lml_alloc(&by_term, (size_t)plan.nterms, sizeof(double), "coefficients", NULL), LML_OK);
  for (size_t e = 0; e < snap->nelements; e++) {
    double *theta = snap->coefficients + e * snap->ncoefficients;
    for (int t = 0; t < plan.nterms; t++) by_term[t] = 0.01 * made_up_number(&state);
    theta[0] = -4.0;
    for (size_t c = 0; c < n; c++) theta[1 + c] = by_term[plan.components[c].term];
    if (!snap->parameters.quadraticflag) continue;
    size_t k = 1 + n;
    for (size_t c = 0; c < n; c++)
      for (size_t d = c; d < n; d++)
        theta[k++] = 1e-4 * by_term[plan.components[c].term] * by_term[plan.components[d].term] * (c == d ? 0.7 : 1.0);
  }
  lml_free(by_term);
  lml_bispectrum_plan_free(&plan);
}

static lml_zbl make_zbl(const lml_snap_model *snap, double outer) {
  lml_zbl zbl = {.inner = 0.8 * outer, .outer = outer};
  const size_t n = snap->nelements;
  assert_int_equal(lml_alloc(&zbl.zi, n * n, sizeof(double), "charges", NULL), LML_OK);
  assert_int_equal(lml_alloc(&zbl.zj, n * n, sizeof(double), "charges", NULL), LML_OK);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      zbl.zi[i * n + j] = snap->elements[i].number;
      zbl.zj[i * n + j] = snap->elements[j].number;
    }
  return zbl;
}

lml_potential *made_up_potential(const lml_snap_parameters *parameters, size_t nelements, double zbl_outer) {
  static const lml_snap_element elements[2] = {
      {.name = "W", .number = 74, .radius = 0.5, .weight = 1.0, .sinner = 1.6, .dinner = 0.5},
      {.name = "Be", .number = 4, .radius = 0.42, .weight = 0.8, .sinner = 1.4, .dinner = 0.4}};
  lml_potential *potential;
  lml_snap_model snap = {.parameters = *parameters, .nelements = nelements};
  assert_int_equal(lml_alloc(&potential, 1, sizeof *potential, "a potential", NULL), LML_OK);
  potential->path = lml_strdup("made-up.snapcoeff", NULL);
  assert_int_equal(lml_alloc(&snap.elements, nelements, sizeof(lml_snap_element), "elements", NULL), LML_OK);
  memcpy(snap.elements, elements, nelements * sizeof(lml_snap_element));
  make_coefficients(&snap);
  lml_zbl zbl = zbl_outer > 0.0 ? make_zbl(&snap, zbl_outer) : (lml_zbl){0};
  lml_pair_term *term;
  assert_int_equal(lml_snap_take(potential, &snap, NULL), LML_OK);
  assert_int_equal(lml_zbl_term_create(&zbl, nelements, &term, NULL), LML_OK);
  assert_int_equal(lml_potential_add_term(potential, term, NULL), LML_OK);
  lml_zbl_free(&zbl);
  return potential;
}

lml_structure made_up_structure(size_t nelements) {
  static const double cell[9] = {4.1, 0.2, -0.3, 0.9, 3.7, 0.4, -0.2, 0.6, 4.4};
  static const double sites[7][3] = {{0.0, 0.0, 0.0},  {0.5, 0.5, 0.1}, {0.5, 0.0, 0.5}, {0.05, 0.5, 0.6},
                                     {0.8, 0.75, 0.8}, {0.3, 0.2, 0.8}, {1.9, -0.7, 0.3}};
  lml_structure structure = {0};
  assert_int_equal(lml_structure_resize(&structure, 7, NULL), LML_OK);
  memcpy(structure.cell, cell, sizeof cell);
  unsigned state = 3;
  for (size_t i = 0; i < structure.natoms; i++) {
    structure.numbers[i] = nelements > 1 && i % 3 == 1 ? 4 : 74;
    for (size_t a = 0; a < 3; a++)
      structure.positions[3 * i + a] =
          sites[i][0] * cell[a] + sites[i][1] * cell[3 + a] + sites[i][2] * cell[6 + a] + 0.1 * made_up_number(&state);
  }
  for (size_t a = 0; a < 3; a++) structure.pbc[a] = true;
  return structure;
}
