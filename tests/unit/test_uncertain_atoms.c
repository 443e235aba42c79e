/* Which atoms are chosen by their scores, from look to look. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mixing/uncertain_atoms.h"
#include "structure/log_keys.h"

enum { NATOMS = 6 };

static lml_error error;

/** Labels from look to look. */
typedef struct story {
  lml_uncertain_settings settings;
  lml_uncertain_view view;
  unsigned char labels[NATOMS];
  unsigned short looks[NATOMS];
  const unsigned char *last; /**< NULL before the first look */
  size_t nwanted, foremost;
} story;

static story begin(void) {
  return (story){.settings = {.inner = 3.0, .outer = 2.0, .enter_after = 1, .leave_after = 1},
                 .view = {.natoms = NATOMS}};
}

/** Look at @p scores; the chosen atoms as bits, that of atom 0 the lowest. */
static unsigned look(story *s, const double scores[NATOMS]) {
  unsigned char next[NATOMS];
  unsigned bits = 0;
  s->view.scores = scores;
  unsigned short *looks = lml_uncertain_counts_looks(&s->settings) ? s->looks : NULL;
  assert_int_equal(
      lml_uncertain_atoms_choose(&s->settings, &s->view, s->last, looks, next, &s->nwanted, &s->foremost, &error),
      LML_OK);
  memcpy(s->labels, next, sizeof next);
  s->last = s->labels;
  for (unsigned i = 0; i < NATOMS; i++) bits |= (unsigned)(s->labels[i] == LML_REGION_QM) << i;
  return bits;
}

/** Look at atom 0 with @p score, among others that are certain. */
static unsigned look_at_one(story *s, double score) {
  const double scores[NATOMS] = {score};
  return look(s, scores);
}

static void an_atom_between_the_thresholds_is_what_it_was(void **state) {
  (void)state;
  story s = begin();
  const double scores[] = {2.5, 3.0, 3.1, 2.5, 2.0, 1.9, 2.5};
  const unsigned chosen[] = {0, 0, 1, 1, 1, 0, 0};
  for (size_t k = 0; k < 7; k++) assert_int_equal(look_at_one(&s, scores[k]), chosen[k]);
}

static void it_takes_several_looks_in_succession(void **state) {
  (void)state;
  story s = begin();
  s.settings.enter_after = 2;
  s.settings.leave_after = 3;
  const double scores[] = {1, 4, 1, 4, 4, 1, 1, 2.5, 1, 1, 1, 4, 2.5, 4, 4};
  const unsigned chosen[] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1};
  for (size_t k = 0; k < 15; k++) assert_int_equal(look_at_one(&s, scores[k]), chosen[k]);
  story at_once = begin();
  at_once.settings.enter_after = 5;
  assert_int_equal(look_at_one(&at_once, 4), 1);
}

static void no_atom_need_be_chosen(void **state) {
  (void)state;
  story s = begin();
  const double scores[NATOMS] = {1, 2, 1.5, 0, 0.1, 2.9};
  assert_int_equal(look(&s, scores), 0);
  assert_int_equal(s.nwanted, 0);
  assert_int_equal(s.foremost, 5);
}

static void masked_atoms_are_never_chosen(void **state) {
  (void)state;
  story s = begin();
  const double scores[NATOMS] = {9, 8, 7, NAN, INFINITY, 1};
  const unsigned char held[NATOMS] = {1, 0, 0, 1, 1, 0};
  const unsigned char surface[NATOMS] = {0, 1, 0, 0, 1, 0};
  s.view.held = held;
  assert_int_equal(look(&s, scores), 2 + 4 + 16); /* nobody else has a force for an atom of infinite score */
  s.view.surface = surface;
  assert_int_equal(look(&s, scores), 4 + 16);
  assert_int_equal(s.foremost, 4);
  s.settings.mask = LML_UNCERTAIN_MASK_NONE;
  assert_int_equal(look(&s, scores), 1 + 4 + 8 + 16);
}

static void what_is_undefined_is_uncertain(void **state) {
  (void)state;
  story s = begin();
  s.settings.enter_after = s.settings.leave_after = 2;
  assert_int_equal(look_at_one(&s, 1), 0);
  assert_int_equal(look_at_one(&s, NAN), 1);
  assert_int_equal(look_at_one(&s, 1), 1);
  assert_int_equal(look_at_one(&s, NAN), 1); /* it no longer asks to leave */
  assert_int_equal(look_at_one(&s, 1), 1);
  assert_int_equal(look_at_one(&s, 1), 0);
}

static void the_most_uncertain_ones_are_taken(void **state) {
  (void)state;
  story s = begin();
  s.settings.max_atoms = 2;
  const double first[NATOMS] = {4, 5, 6, 3.5, 5, 1};
  assert_int_equal(look(&s, first), 2 + 4); /* of two equal ones the first */
  assert_int_equal(s.nwanted, 5);
  /* One that is in goes for inner / outer = 1.5 times as much. */
  const double near[NATOMS] = {5.9, 4, 6, 3.5, 5, 1};
  assert_int_equal(look(&s, near), 2 + 4);
  const double beyond[NATOMS] = {6.1, 4, 6, 3.5, 5, 1};
  assert_int_equal(look(&s, beyond), 1 + 4);
  const double undefined[NATOMS] = {6.1, 4, 1e9, NAN, INFINITY, 1};
  assert_int_equal(look(&s, undefined), 8 + 16);
  assert_int_equal(s.nwanted, 5);
}

/** An atom that the bound keeps out is in as soon as there is room. */
static void it_goes_on_asking(void **state) {
  (void)state;
  story s = begin();
  s.settings.max_atoms = 1;
  s.settings.enter_after = 3;
  const double both[NATOMS] = {9, 4}, one[NATOMS] = {1, 4};
  assert_int_equal(look(&s, both), 1);
  for (int k = 0; k < 4; k++) assert_int_equal(look(&s, both), 1);
  assert_int_equal(look(&s, one), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_atom_between_the_thresholds_is_what_it_was),
      cmocka_unit_test(it_takes_several_looks_in_succession),
      cmocka_unit_test(no_atom_need_be_chosen),
      cmocka_unit_test(masked_atoms_are_never_chosen),
      cmocka_unit_test(what_is_undefined_is_uncertain),
      cmocka_unit_test(the_most_uncertain_ones_are_taken),
      cmocka_unit_test(it_goes_on_asking),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
