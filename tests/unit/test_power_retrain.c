/* The power fails at any moment while a retraining replaces its outputs: potential, parameters and uncertainty are
 * those of before or the new ones, and files of two runs are never taken for one potential without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <cmocka.h>

#include "base/file.h"
#include "potential/uncertainty.h"
#include "support/power.h"
#include "support/small_retraining.h"

enum { CHOICES = 8 };

/** The bytes of the outputs before and after. */
typedef struct generation {
  char *text[OUTPUTS];
  size_t length[OUTPUTS];
} generation;

typedef struct generations {
  generation old, new;
  size_t states, mixed, refused, warned;
} generations;

static generation read_generation(void) {
  generation g = {0};
  for (size_t i = 0; i < OUTPUTS; i++)
    if (lml_file_read(in_folder(outputs[i]), &g.text[i], &g.length[i], NULL) != LML_OK) g.text[i] = NULL;
  return g;
}

static void free_generation(generation *g) {
  for (size_t i = 0; i < OUTPUTS; i++) lml_free(g->text[i]);
}

static bool same(const generation *a, const generation *b, size_t i) {
  if (a->text[i] == NULL || b->text[i] == NULL) return a->text[i] == b->text[i];
  return a->length[i] == b->length[i] && memcmp(a->text[i], b->text[i], a->length[i]) == 0;
}

static void retrain(double lambda) {
  const small_retraining how = {.lambda = lambda, .threads = 1};
  lml_error error = {0};
  if (run_small_retraining(&how, &error) != LML_OK) fail_msg("%s: %s", power_where(), error.message);
}

/** A potential that can be read is one of the two, and where its files are of both, that is told. */
static void check_potential(generations *g, const generation *now) {
  lml_potential *potential = NULL;
  lml_uncertainty uncertainty = {0};
  lml_error error = {0};
  const bool mixed =
      !(same(now, &g->old, 0) && same(now, &g->old, 1)) && !(same(now, &g->new, 0) && same(now, &g->new, 1));
  const lml_status status =
      lml_potential_read(in_folder(outputs[0]), in_folder(outputs[1]), LML_FIXED_TERMS_UNSTATED, &potential, &error);
  g->mixed += mixed;
  g->refused += status != LML_OK;
  REQUIRE(status == LML_OK || (mixed && error.message[0] != '\0'));
  if (status != LML_OK) return;
  const bool warned = lml_potential_nwarnings(potential) > 0;
  g->warned += warned;
  REQUIRE(!mixed || warned);
  if (now->text[3] != NULL && lml_uncertainty_read(in_folder(outputs[3]), potential, &uncertainty, &error) == LML_OK) {
    const size_t of_old = same(now, &g->old, 0), of_new = same(now, &g->new, 0);
    REQUIRE((of_old && same(now, &g->old, 3) && same(now, &g->old, 4)) ||
            (of_new && same(now, &g->new, 3) && same(now, &g->new, 4)));
  }
  lml_uncertainty_free(&uncertainty);
  lml_potential_destroy(potential);
}

static void outputs_are_whole(void *context, size_t promise) {
  generations *g = context;
  generation now = read_generation();
  for (size_t i = 0; i < OUTPUTS; i++) {
    REQUIRE(same(&now, &g->old, i) || same(&now, &g->new, i));
    REQUIRE(promise == 0 || same(&now, &g->new, i));
  }
  check_potential(g, &now);
  free_generation(&now);
  if (g->states++ % 50 > 0) return;
  retrain(0.5);
  now = read_generation();
  for (size_t i = 0; i < OUTPUTS; i++)
    if (i != 2) REQUIRE(same(&now, &g->new, i)); /* the report has times */
  free_generation(&now);
}

/** Replace the outputs that are there. */
static generations fail_while_replacing(void) {
  generations g = {.old = read_generation()};
  power *p = power_record(folder_name);
  retrain(0.5);
  power_promise(p, 1);
  power_stop(p);
  g.new = read_generation();
  for (size_t i = 0; i < OUTPUTS; i++) assert_non_null(g.new.text[i]);
  power_each(p, CHOICES, outputs_are_whole, &g);
  power_free(p);
  free_generation(&g.old);
  free_generation(&g.new);
  return g;
}

static void outputs_of_two_runs_are_told_apart(void **state) {
  (void)state;
  put_small_retraining();
  retrain(0.1);
  const generations g = fail_while_replacing();
  assert_true(g.states > 500 && g.mixed > 5);
  assert_int_equal(g.refused, g.mixed);
}

/** There were others' files under these names, without marks. */
static void others_files_are_told_apart(void **state) {
  (void)state;
  empty_folder();
  put_small_retraining();
  write_text(outputs[0], small_snapcoeff);
  write_text(outputs[1], small_snapparam);
  const generations g = fail_while_replacing();
  assert_true(g.mixed > 5);
  assert_int_equal(g.refused + g.warned, g.mixed);
}

static int set_up(void **state) {
  openblas_set_num_threads(1);
  return make_folder(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(outputs_of_two_runs_are_told_apart),
      cmocka_unit_test(others_files_are_told_apart),
  };
  return cmocka_run_group_tests(tests, set_up, remove_folder);
}
