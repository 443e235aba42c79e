/* When a region is asked and when it is skipped: springs, and σ as the test wants it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "session/skipping.h"
#include "support/small_mixture.h"
#include "support/spring_calculator.h"

enum { SIDE = 3, NATOMS = SIDE * SIDE * SIDE };

static const int atoms[] = {0, 4};
static const double push = 0.3; /* eV/Å: what the two sides differ by, on each atom along x */

/** Words of what was logged. */
typedef struct told {
  size_t warnings;
  char last[512];
} told;

/** A mixture whose region is all of a small periodic crystal as far as its cluster goes. */
typedef struct fixture {
  lml_structure structure;
  spring_script ml, qm;
  lml_calculator *calculator;
  lml_mixing_region region;
  lml_skipping_region how;
  lml_skipping_state known; /**< what the memory has */
  bool knows;
  lml_skipping *skipping;
  lml_log log;
  told told;
  lml_error error;
} fixture;

static void listen(void *context, const char *line) {
  told *to = context;
  if (strncmp(line, "warning: ", 9) != 0) return;
  to->warnings++;
  snprintf(to->last, sizeof to->last, "%s", line);
}

static int set_up(void **state) {
  static fixture f;
  f = (fixture){.structure = small_crystal(SIDE, SIDE, SIDE, 0),
                .qm.push = push,
                .ml.sigma = 1.0,
                .how = {.below = 0.2, .above = 0.4, .check_every = 4, .check_ratio = 3.0}};
  f.log = (lml_log){.level = LML_LOG_ERROR, .write = listen, .context = &f.told};
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  lml_skipping_destroy(f->skipping);
  lml_calculator_destroy(f->calculator);
  lml_structure_free(&f->structure);
  return 0;
}

/** A replica that was skipped for two evaluations, in the middle of a blend. */
static bool remember(void *context, size_t r, const lml_mixing_region *region, const lml_structure *structure,
                     lml_skipping_state *state, double *differences) {
  const fixture *f = context;
  assert_int_equal(r, 0);
  if (!f->knows) return false;
  *state = f->known;
  for (size_t i = 0; i < structure->natoms; i++)
    differences[3 * i] = region->region->weights[i] > 0.0 ? f->known.share * push : 0.0;
  return true;
}

static void begins(fixture *f) {
  static const lml_region_settings settings = {
      .selection = LML_REGION_BY_INDEX, .indices = atoms, .nindices = 2, .buffer = 20.0};
  f->region = (lml_mixing_region){.name = "core", .calculator = spring_calculator(&f->qm)};
  f->region.region = make_region(&settings, &f->structure);
  f->region.cluster = make_cluster(f->region.region, &f->structure);
  const lml_mixing_settings mixing = {
      .structure = &f->structure, .ml = spring_calculator(&f->ml), .regions = &f->region, .nregions = 1};
  assert_int_equal(lml_mixing_calculator_create(&mixing, &f->calculator, &f->error), LML_OK);
  const lml_skipping_settings skipping = {.mixture = lml_mixture_of(f->calculator),
                                          .regions = &f->how,
                                          .memory = {.find = remember, .context = f},
                                          .log = &f->log};
  assert_int_equal(lml_skipping_create(&skipping, &f->skipping, &f->error), LML_OK);
}

/** Evaluate a replica with that length of σ: whether the region's calculator was asked, and what its share is. */
static void evaluates(fixture *f, size_t replica, double sigma, bool asked, double share) {
  lml_results results = {0};
  const size_t before = f->qm.started;
  f->ml.sigma = sigma / sqrt(3.0);
  assert_int_equal(lml_skipping_begin(f->skipping, replica, &f->structure, &f->error), LML_OK);
  assert_int_equal(lml_calculator_evaluate(f->calculator, &f->structure, NULL, &results, &f->error), LML_OK);
  assert_int_equal(f->qm.started - before, asked ? 1 : 0);
  assert_int_equal(f->qm.finished, f->qm.started);
  for (size_t i = 0; i < NATOMS; i++) {
    const double wanted = -f->structure.positions[3 * i] + (i == 0 || i == 4 ? share * push : 0.0);
    assert_true(fabs(results.forces[3 * i] - wanted) < 1e-12);
    assert_true(results.forces[3 * i + 1] == -f->structure.positions[3 * i + 1]);
  }
  assert_true(fabs(lml_mixture_share(lml_mixture_of(f->calculator), 0) - share) < 1e-12);
  assert_int_equal(lml_results_find(&results, "skipped_regions")->integers[0], asked ? 0 : 1);
  assert_true(isnan(lml_results_find(&results, "skip_ratio")->reals[0]) == !asked || isnan(sigma));
  assert_int_equal(lml_skipping_states(f->skipping)[0].age == 0, asked);
  lml_results_free(&results);
}

/* ---- tests ---- */

static void it_is_asked_until_sigma_is_small(void **state) {
  fixture *f = *state;
  begins(f);
  evaluates(f, 0, 0.3, true, 1.0); /* between the two: asked at first */
  evaluates(f, 0, 0.3, true, 1.0);
  evaluates(f, 0, 0.19, true, 1.0);  /* asked for the last time */
  evaluates(f, 0, 0.39, false, 0.0); /* between the two again: skipped still */
  evaluates(f, 0, 0.41, true, 1.0);  /* asked in the same evaluation */
  evaluates(f, 0, 0.39, true, 1.0);
  evaluates(f, 0, NAN, true, 1.0);
  evaluates(f, 0, 0.1, true, 1.0);
  evaluates(f, 0, NAN, true, 1.0); /* undefined is not small */
  evaluates(f, 0, 0.1, true, 1.0);
  assert_int_equal(f->told.warnings, 0);
}

static void it_is_checked_every_few_evaluations(void **state) {
  fixture *f = *state;
  begins(f);
  evaluates(f, 0, 0.19, true, 1.0);
  for (size_t round = 0; round < 3; round++) {
    for (size_t k = 0; k < 3; k++) evaluates(f, 0, 0.19, false, 0.0);
    evaluates(f, 0, 0.19, true, 0.0); /* the force does not change by it */
    assert_int_equal(lml_skipping_states(f->skipping)[0].mode, LML_SKIPPING_SKIPS);
  }
}

static void forces_go_over_in_several_evaluations(void **state) {
  fixture *f = *state;
  f->how.blend = 4;
  begins(f);
  evaluates(f, 0, 0.19, true, 1.0);
  evaluates(f, 0, 0.19, false, 0.75);
  evaluates(f, 0, 0.19, false, 0.5);
  evaluates(f, 0, 0.5, true, 0.75); /* back from where it is */
  evaluates(f, 0, 0.19, true, 1.0);
  evaluates(f, 0, 0.19, false, 0.75);
  evaluates(f, 0, 0.19, false, 0.5);
  evaluates(f, 0, 0.19, false, 0.25);
  evaluates(f, 0, 0.19, true, 0.0); /* a check */
  evaluates(f, 0, 0.19, false, 0.0);
  evaluates(f, 0, 0.5, true, 0.25);
}

static void each_replica_has_a_state_of_its_own(void **state) {
  fixture *f = *state;
  begins(f);
  evaluates(f, 0, 0.19, true, 1.0);
  evaluates(f, 3, 0.3, true, 1.0);
  evaluates(f, 0, 0.19, false, 0.0);
  evaluates(f, 3, 0.19, true, 1.0);
  evaluates(f, 0, 0.5, true, 1.0);
  evaluates(f, 3, 0.19, false, 0.0);
  lml_skipping_forget(f->skipping);
  evaluates(f, 3, 0.19, true, 1.0);
}

/** The error on QM atoms is push along x, push/√3 for each component. */
static void a_wrong_sigma_stops_it_for_all(void **state) {
  fixture *f = *state;
  const double little = push / 3.2, enough = push / 2.8;
  f->how.blend = 2;
  begins(f);
  evaluates(f, 0, 0.19, true, 1.0);
  evaluates(f, 1, enough, true, 1.0);
  evaluates(f, 0, little, false, 0.5);
  evaluates(f, 0, little, false, 0.0);
  evaluates(f, 0, little, false, 0.0);
  assert_int_equal(f->told.warnings, 0);
  evaluates(f, 0, little, true, 0.5); /* the check */
  assert_int_equal(f->told.warnings, 1);
  assert_non_null(strstr(f->told.last, "3.20 times what its uncertainty says, more than check_ratio, 3"));
  evaluates(f, 0, little, true, 1.0);
  evaluates(f, 1, 0.19, true, 1.0); /* which would have been skipped */
  evaluates(f, 0, 0.19, true, 1.0);
  assert_int_equal(f->told.warnings, 1);
  assert_int_equal(lml_skipping_states(f->skipping)[0].mode, LML_SKIPPING_STOPPED);
  lml_skipping_renew(f->skipping);
  evaluates(f, 0, 0.3, true, 1.0);
  evaluates(f, 1, 0.19, false, 0.0);
  evaluates(f, 0, 0.19, true, 1.0);
  evaluates(f, 0, 0.19, false, 0.5);
}

static void other_coefficients_are_believed(void **state) {
  fixture *f = *state;
  f->how.blend = 4;
  begins(f);
  evaluates(f, 0, 0.3, true, 1.0);
  lml_skipping_renew(f->skipping);
  evaluates(f, 0, 0.3, true, 1.0); /* not sure enough */
  lml_skipping_renew(f->skipping);
  evaluates(f, 0, 0.19, false, 0.0); /* what it was asked for is learnt: there is nothing to blend */
  evaluates(f, 0, 0.39, false, 0.0);
  lml_skipping_renew(f->skipping);
  evaluates(f, 0, 0.39, false, 0.0);
  evaluates(f, 0, 0.39, true, 0.0); /* the check, as ever */
  evaluates(f, 0, 0.41, true, 0.25);
  evaluates(f, 0, 0.19, true, 0.5);
  evaluates(f, 0, 0.19, false, 0.25);
  lml_skipping_renew(f->skipping);
  evaluates(f, 0, 0.19, false, 0.0);
}

static void it_goes_on_as_it_was(void **state) {
  fixture *f = *state;
  f->how.blend = 4;
  f->knows = true;
  f->known = (lml_skipping_state){.mode = LML_SKIPPING_SKIPS, .share = 0.5, .age = 2};
  begins(f);
  evaluates(f, 0, 0.3, false, 0.5); /* the same once more */
  evaluates(f, 0, 0.3, false, 0.25);
  evaluates(f, 0, 0.3, true, 0.0);
  f->known = (lml_skipping_state){.mode = LML_SKIPPING_SKIPS, .share = 0.0, .age = 0};
  evaluates(f, 1, 0.3, true, 0.0); /* a check */
  evaluates(f, 1, 0.3, false, 0.0);
  f->known = (lml_skipping_state){.mode = LML_SKIPPING_STOPPED, .share = 0.75, .age = 0};
  assert_int_equal(f->told.warnings, 0);
  evaluates(f, 2, 0.19, true, 0.75);
  assert_int_equal(f->told.warnings, 1); /* which says why nothing is skipped */
  assert_non_null(strstr(f->told.last, "not skipped until there are other coefficients"));
  evaluates(f, 3, 0.19, true, 0.75);
  assert_int_equal(f->told.warnings, 1);
  evaluates(f, 2, 0.19, true, 1.0);
  evaluates(f, 1, 0.19, true, 0.25);
}

static void the_part_that_is_not_the_regions(void **state) {
  fixture *f = *state;
  double forces[3 * NATOMS], parts[3 * NATOMS];
  f->how.blend = 4;
  begins(f);
  evaluates(f, 0, 0.19, true, 1.0);
  evaluates(f, 0, 0.19, false, 0.75);
  for (size_t k = 0; k < (size_t)(3 * NATOMS); k++) forces[k] = 1.0 + (double)k;
  lml_skipping_part(f->skipping, forces, parts);
  for (size_t k = 0; k < (size_t)(3 * NATOMS); k++)
    assert_true(fabs(parts[k] - (k / 3 == 0 || k / 3 == 4 ? 0.25 * forces[k] : 0.0)) < 1e-12);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(it_is_asked_until_sigma_is_small),
      TEST(it_is_checked_every_few_evaluations),
      TEST(forces_go_over_in_several_evaluations),
      TEST(each_replica_has_a_state_of_its_own),
      TEST(a_wrong_sigma_stops_it_for_all),
      TEST(other_coefficients_are_believed),
      TEST(it_goes_on_as_it_was),
      TEST(the_part_that_is_not_the_regions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
