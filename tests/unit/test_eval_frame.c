#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "programs/eval_frame.h"
#include "support/near.h"

/** Two atoms in a box of 24 Å³ with a name, an old energy and an old stress. */
static void make_frame(lml_frame *frame) {
  const double old_stress[9] = {1.0};
  assert_int_equal(lml_structure_resize(&frame->structure, 2, NULL), LML_OK);
  for (int k = 0; k < 3; k++) frame->structure.cell[4 * k] = k + 2.0;
  assert_int_equal(lml_frame_set_text(frame, "name", "first", NULL), LML_OK);
  assert_int_equal(lml_frame_set_real(frame, "energy", 12.0, NULL), LML_OK);
  assert_int_equal(lml_frame_set_reals(frame, "stress", old_stress, 9, NULL), LML_OK);
  assert_int_equal(lml_frame_set_integer(frame, "count", 7, NULL), LML_OK);
}

static void make_results(lml_results *results) {
  const double forces[6] = {3.0, 4.0, 0.0, -3.0, -4.0, 0.5};
  assert_int_equal(lml_results_reset(results, 2, NULL), LML_OK);
  memcpy(results->forces, forces, sizeof forces);
  *results->energy = -1.5;
  const lml_result_form form = {.name = "energies", .unit = "eV", .scope = LML_PER_ATOM, .width = 1};
  lml_result *energies;
  assert_int_equal(lml_results_add(results, &form, LML_ORIGIN_EXACT, &energies, NULL), LML_OK);
  energies->reals[0] = -2.0;
  energies->reals[1] = 0.5;
  for (size_t k = 0; k < LML_RESULTS_STANDARD; k++) results->list[k].origin = LML_ORIGIN_EXACT;
  for (int k = 0; k < 9; k++) results->virial[k] = 12.0 * k;
}

static void results_stand_under_ases_names(void **state) {
  (void)state;
  lml_frame frame = {0};
  lml_results results = {0};
  make_frame(&frame);
  make_results(&results);
  assert_int_equal(lml_eval_put_results(&frame, &results, NULL), LML_OK);
  assert_int_equal(frame.ninfo, 6);
  assert_near(lml_frame_info(&frame, "energy")->reals[0], -1.5, 0.0);
  assert_near(lml_frame_info(&frame, "free_energy")->reals[0], -1.5, 0.0);
  assert_near(lml_frame_info(&frame, "virial")->reals[8], 96.0, 0.0);
  assert_near(lml_frame_info(&frame, "stress")->reals[8], -4.0, 0.0);
  assert_string_equal(lml_frame_info(&frame, "name")->texts[0], "first");
  assert_near(lml_frame_column(&frame, "forces")->reals[5], 0.5, 0.0);
  assert_near(lml_frame_column(&frame, "energies")->reals[1], 0.5, 0.0);
  double largest;
  assert_int_equal(lml_results_largest_force(&results, &largest, NULL), LML_OK);
  assert_near(largest, sqrt(25.25), 1e-15);
  lml_frame_free(&frame);
  lml_results_free(&results);
}

static void without_volume_there_is_no_stress(void **state) {
  (void)state;
  lml_frame frame = {0};
  lml_results results = {0};
  make_frame(&frame);
  make_results(&results);
  frame.structure.cell[4] = 0.0;
  assert_int_equal(lml_eval_put_results(&frame, &results, NULL), LML_OK);
  assert_int_equal(frame.ninfo, 5);
  assert_null(lml_frame_info(&frame, "stress"));
  assert_int_equal(lml_frame_info(&frame, "count")->integers[0], 7);
  assert_string_equal(lml_frame_info(&frame, "name")->texts[0], "first");
  lml_frame_free(&frame);
  lml_results_free(&results);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_stand_under_ases_names),
      cmocka_unit_test(without_volume_there_is_no_stress),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
