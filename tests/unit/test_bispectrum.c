/* The tables of the bispectrum kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "potential/bispectrum/plan.h"
#include "support/near.h"

static void clebsch_gordan_coefficients_are_known_values(void **state) {
  (void)state;
  /* two spins of one half: triplet and singlet */
  assert_near(lml_clebsch_gordan(1, 1, 1, 1, 2), 1.0, 1e-15);
  assert_near(lml_clebsch_gordan(1, 1, 1, 0, 2), sqrt(0.5), 1e-15);
  assert_near(lml_clebsch_gordan(1, 1, 1, 0, 0), sqrt(0.5), 1e-15);
  assert_near(lml_clebsch_gordan(1, 0, 1, 1, 0), -sqrt(0.5), 1e-15);
  /* two momenta of one, both projections 0: to 2, 1 and 0 */
  assert_near(lml_clebsch_gordan(2, 1, 2, 1, 4), sqrt(2.0 / 3.0), 1e-15);
  assert_near(lml_clebsch_gordan(2, 1, 2, 1, 2), 0.0, 1e-15);
  assert_near(lml_clebsch_gordan(2, 1, 2, 1, 0), -sqrt(1.0 / 3.0), 1e-15);
  /* out of range, and of the wrong parity */
  assert_near(lml_clebsch_gordan(2, 2, 2, 2, 2), 0.0, 0.0);
  assert_near(lml_clebsch_gordan(2, 1, 1, 1, 2), 0.0, 0.0);
}

static void clebsch_gordan_coefficients_are_orthonormal(void **state) {
  (void)state;
  const int j1 = 14, j2 = 9;
  for (int j = j1 - j2; j <= j1 + j2; j += 2)
    for (int i = j1 - j2; i <= j1 + j2; i += 2) {
      double sum = 0.0; /* over all pairs of projections whose sum is one half */
      for (int m1 = 0; m1 <= j1; m1++) {
        const int m2 = (1 + j1 + j2) / 2 - m1;
        if (m2 < 0 || m2 > j2) continue;
        sum += lml_clebsch_gordan(j1, m1, j2, m2, j) * lml_clebsch_gordan(j1, m1, j2, m2, i);
      }
      assert_near(sum, i == j ? 1.0 : 0.0, 1e-13);
    }
}

static void tables_have_the_known_sizes(void **state) {
  (void)state;
  static const struct {
    int twojmax, ncomponents, nu, ny;
  } expected[] = {{0, 1, 1, 1}, {2, 5, 14, 9}, {6, 30, 140, 78}, {8, 55, 285, 155}, {14, 204, 1240, 652}};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    lml_snap_model model = {.parameters = {.twojmax = expected[i].twojmax}, .nelements = 1};
    lml_bispectrum_plan plan;
    assert_int_equal(lml_bispectrum_plan_make(&model, 1, &plan, NULL), LML_OK);
    assert_int_equal(plan.ncomponents, expected[i].ncomponents);
    assert_int_equal(plan.nterms, expected[i].ncomponents);
    assert_int_equal(plan.nu, expected[i].nu);
    assert_int_equal(plan.ny, expected[i].ny);
    assert_int_equal(plan.nmoments, expected[i].nu); /* as many real moments as independent parts of U */
    lml_bispectrum_plan_free(&plan);
  }
}

static void a_component_of_three_elements_is_one_term_whatever_their_order(void **state) {
  (void)state;
  lml_snap_model model = {.parameters = {.twojmax = 2, .chemflag = true}, .nelements = 3};
  lml_bispectrum_plan plan;
  assert_int_equal(lml_bispectrum_plan_make(&model, 1, &plan, NULL), LML_OK);
  assert_int_equal(plan.ncomponents, 5 * 27);
  for (int c = 0; c < plan.ncomponents; c++)
    for (int d = 0; d < plan.ncomponents; d++) {
      const lml_component *x = &plan.components[c], *y = &plan.components[d];
      /* component number 0 of each triple has j1 = j2 = j = 0 */
      if (c % 5 != 0 || d % 5 != 0) continue;
      const int sum_x = (1 << 2 * x->e1) + (1 << 2 * x->e2) + (1 << 2 * x->e3);
      const int sum_y = (1 << 2 * y->e1) + (1 << 2 * y->e2) + (1 << 2 * y->e3);
      assert_int_equal(x->term == y->term, sum_x == sum_y);
    }
  lml_bispectrum_plan_free(&plan);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clebsch_gordan_coefficients_are_known_values),
      cmocka_unit_test(clebsch_gordan_coefficients_are_orthonormal),
      cmocka_unit_test(tables_have_the_known_sizes),
      cmocka_unit_test(a_component_of_three_elements_is_one_term_whatever_their_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
