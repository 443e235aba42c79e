#include "mixing/crystal.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"

enum { MOST_STEPS = 40 };

static const double reach = 0.05;   /* of the edge, either way */
static const double strain = 1e-4;  /* of the central differences */
static const double enough = 1e-12; /* relative, of the edge */

/** A crystal under deformation. */
typedef struct crystal {
  lml_calculator *calculator;
  const lml_structure *cell;
  lml_structure deformed;
  lml_results results;
} crystal;

/** The stress, −W / V, in eV/Å³, of the cell with every row vector r made r·@p f. */
static lml_status stress_of(crystal *self, const double f[9], double stress[9], lml_error *error) {
  lml_status status = lml_structure_copy(&self->deformed, self->cell, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < self->cell->natoms + 3; i++) {
    const double *r = i < 3 ? self->cell->cell + 3 * i : self->cell->positions + 3 * (i - 3);
    double *to = i < 3 ? self->deformed.cell + 3 * i : self->deformed.positions + 3 * (i - 3);
    for (int x = 0; x < 3; x++) to[x] = r[0] * f[x] + r[1] * f[3 + x] + r[2] * f[6 + x];
  }
  status = lml_calculator_evaluate(self->calculator, &self->deformed, NULL, &self->results, error);
  if (status != LML_OK) return status;
  if (self->results.list[LML_RESULTS_VIRIAL].origin == LML_ORIGIN_ABSENT)
    return lml_fail(error, LML_ERR_INPUT, "the calculator gives no virial, from which crystals are compared");
  const double volume = lml_structure_volume(&self->deformed);
  for (int k = 0; k < 9; k++) stress[k] = -self->results.virial[k] / volume;
  return LML_OK;
}

/** The mean of the normal stresses of the cell made @p scale times as large. */
static lml_status tension(crystal *self, double scale, double *value, lml_error *error) {
  const double f[9] = {scale, 0, 0, 0, scale, 0, 0, 0, scale};
  double stress[9] = {0};
  const lml_status status = stress_of(self, f, stress, error);
  *value = (stress[0] + stress[4] + stress[8]) / 3.0;
  return status;
}

/** The scale without pressure, by halving and secants: tension grows with the cell there. */
static lml_status find_scale(crystal *self, double *scale, lml_error *error) {
  double low = 1.0 - reach, high = 1.0 + reach, at_low, at_high;
  lml_status status = tension(self, low, &at_low, error);
  if (status == LML_OK) status = tension(self, high, &at_high, error);
  if (status != LML_OK) return status;
  if (!(at_low < 0.0 && at_high > 0.0))
    return lml_fail(error, LML_ERR_INPUT, "no edge within %g %% of the cell's %g Å is free of pressure", 100.0 * reach,
                    self->cell->cell[0]);
  for (int step = 0; step < MOST_STEPS && high - low > enough; step++) {
    const double secant = low - at_low * (high - low) / (at_high - at_low);
    /* Every third step halves, so that both ends come near. */
    double value;
    *scale = step % 3 == 2 ? 0.5 * (low + high) : secant;
    status = tension(self, *scale, &value, error);
    if (status != LML_OK || fabs(value) < enough) return status;
    if (value < 0.0) {
      low = *scale;
      at_low = value;
    } else {
      high = *scale;
      at_high = value;
    }
  }
  *scale = low - at_low * (high - low) / (at_high - at_low);
  return LML_OK;
}

/** Half the difference of the stress between strains ±ε of the kind (@p row, @p column), over ε. */
static lml_status stiffness(crystal *self, double scale, int row, int column, double slope[9], lml_error *error) {
  memset(slope, 0, 9 * sizeof *slope);
  for (int sign = -1; sign <= 1; sign += 2) {
    double f[9] = {scale, 0, 0, 0, scale, 0, 0, 0, scale}, stress[9];
    f[3 * row + column] += scale * sign * strain * (row == column ? 1.0 : 0.5);
    if (row != column) f[3 * column + row] += scale * sign * strain * 0.5;
    const lml_status status = stress_of(self, f, stress, error);
    if (status != LML_OK) return status;
    for (int k = 0; k < 9; k++) slope[k] += sign * stress[k] / (2.0 * strain);
  }
  return LML_OK;
}

static lml_status measure(crystal *self, lml_crystal_constants *constants, lml_error *error) {
  double scale, slope[9];
  lml_status status = find_scale(self, &scale, error);
  if (status != LML_OK) return status;
  constants->a = scale * self->cell->cell[0];
  status = stiffness(self, scale, 0, 0, slope, error);
  if (status != LML_OK) return status;
  constants->c11 = slope[0];
  constants->c12 = slope[4];
  status = stiffness(self, scale, 1, 2, slope, error);
  constants->c44 = slope[5];
  return status;
}

static lml_status check_cubic(const lml_structure *cell, lml_error *error) {
  static const double tolerance = 1e-6; /* relative */
  const double a = cell->cell[0];
  bool cubic = a > 0.0 && cell->pbc[0] && cell->pbc[1] && cell->pbc[2];
  for (int k = 0; k < 9; k++) cubic = cubic && fabs(cell->cell[k] - (k % 4 == 0 ? a : 0.0)) <= tolerance * a;
  if (cubic) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "the crystal's cell is not cubic with its edges along x, y and z, and periodic in all directions");
}

lml_status lml_crystal_measure(lml_calculator *calculator, const lml_structure *cell, lml_crystal_constants *constants,
                               lml_error *error) {
  lml_status status = check_cubic(cell, error);
  if (status != LML_OK) return status;
  crystal self = {.calculator = calculator, .cell = cell};
  status = measure(&self, constants, error);
  lml_structure_free(&self.deformed);
  lml_results_free(&self.results);
  return status;
}
