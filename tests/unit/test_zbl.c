#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "potential/zbl.h"
#include "support/near.h"

/* Pair energy (eV) and dE/dr (eV/Å) of W–Be, switched from 4 to 4.8 Å, from LAMMPS of July 2025 (pair_style zbl). */
static const struct {
  double r, energy, derivative;
} reference[] = {
    {0.4, 1092.3753867423104, -7256.696941792385},       {0.9, 86.15076756931582, -355.9972566238255},
    {1.5, 9.989464231680634, -31.543719334712925},       {2.2, 1.3973453680345453, -3.5376448975051087},
    {2.75, 0.37246991505084226, -0.8615475700221171},    {3.3, 0.10520632703531947, -0.24520983782601927},
    {3.9, 0.02256710600291517, -0.06845573584432428},    {4.0, 0.016383430040200285, -0.05567165858764095},
    {4.1, 0.011375916818735208, -0.04461688283163512},   {4.3, 0.004464471975642474, -0.02511417079077162},
    {4.5, 0.0010394790870871854, -0.010005672277923504}, {4.65, 0.00013739433032292948, -0.002697128448866668},
};

static double zi[4] = {74.0, 74.0, 4.0, 0.0};
static double zj[4] = {74.0, 4.0, 74.0, 0.0};

static lml_zbl_pair *make_tables(void) {
  const lml_zbl zbl = {.inner = 4.0, .outer = 4.8, .zi = zi, .zj = zj};
  lml_zbl_pair *tables;
  assert_int_equal(lml_zbl_tables(&zbl, 2, &tables, NULL), LML_OK);
  return tables;
}

static void equals_lammps(void **state) {
  (void)state;
  lml_zbl_pair *tables = make_tables();
  for (size_t k = 0; k < sizeof reference / sizeof reference[0]; k++) {
    double energy, derivative;
    lml_zbl_evaluate(tables, 2, 0, 1, reference[k].r, &energy, &derivative);
    assert_near(energy, reference[k].energy, 1e-12 * reference[k].energy);
    assert_near(derivative, reference[k].derivative, -1e-12 * reference[k].derivative);
    double swapped, swapped_derivative;
    lml_zbl_evaluate(tables, 2, 1, 0, reference[k].r, &swapped, &swapped_derivative);
    assert_true(swapped == energy && swapped_derivative == derivative);
  }
  lml_free(tables);
}

static void derivative_is_that_of_the_energy(void **state) {
  (void)state;
  lml_zbl_pair *tables = make_tables();
  for (double r = 0.5; r < 5.0; r += 0.0137) {
    const double h = 1e-4;
    double below, above, derivative, unused;
    lml_zbl_evaluate(tables, 2, 0, 0, r - h, &below, &unused);
    lml_zbl_evaluate(tables, 2, 0, 0, r + h, &above, &unused);
    lml_zbl_evaluate(tables, 2, 0, 0, r, &unused, &derivative);
    const double difference = (above - below) / (2.0 * h);
    assert_near(difference, derivative, 1e-6 * (derivative < -1.0 ? -derivative : 1.0));
  }
  lml_free(tables);
}

static void is_smooth_at_both_ends_of_the_switch(void **state) {
  (void)state;
  lml_zbl_pair *tables = make_tables();
  double energy, derivative, before, after, unused;
  lml_zbl_evaluate(tables, 2, 0, 0, 4.8 - 1e-5, &energy, &derivative);
  assert_near(energy, 0.0, 1e-13);
  assert_near(derivative, 0.0, 1e-8);
  lml_zbl_evaluate(tables, 2, 0, 0, 4.0 - 1e-7, &unused, &before);
  lml_zbl_evaluate(tables, 2, 0, 0, 4.0 + 1e-7, &unused, &after);
  assert_near(before, after, 1e-6);
  lml_zbl_evaluate(tables, 2, 0, 0, 4.8, &energy, &derivative);
  assert_true(energy == 0.0 && derivative == 0.0);
  lml_free(tables);
}

static void acts_on_listed_pairs_alone(void **state) {
  (void)state;
  lml_zbl_pair *tables = make_tables();
  double energy, derivative;
  lml_zbl_evaluate(tables, 2, 1, 1, 1.0, &energy, &derivative);
  assert_true(energy == 0.0 && derivative == 0.0);
  lml_free(tables);

  const lml_zbl none = {0};
  tables = (lml_zbl_pair *)&energy;
  assert_int_equal(lml_zbl_tables(&none, 2, &tables, NULL), LML_OK);
  assert_null(tables);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_lammps),
      cmocka_unit_test(derivative_is_that_of_the_energy),
      cmocka_unit_test(is_smooth_at_both_ends_of_the_switch),
      cmocka_unit_test(acts_on_listed_pairs_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
