/* Finding a cluster again among those that are known: with the digits that a restart leaves of it, through periodic
 * images, and never another one. Comparing it with all of them, one by one, is the oracle. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mixing/region.h"
#include "session/result_cache.h"

enum { ATOMS = 12, KNOWN = 400 };

static uint64_t random_state = 88172645463325252u;

/** A number from −1 to 1. */
static double noise(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (double)(random_state >> 11) * 0x1p-52 - 1.0;
}

/** A cluster with room for its numbers. */
typedef struct cluster {
  double positions[3 * ATOMS], cell[9], cluster_cell[9];
  size_t parents[ATOMS], rows[ATOMS];
  unsigned char labels[ATOMS];
  bool pbc[3];
} cluster;

static lml_result_cache_point point_of(const cluster *c) {
  return (lml_result_cache_point){.natoms = ATOMS,
                                  .parents = c->parents,
                                  .rows = c->rows,
                                  .positions = c->positions,
                                  .labels = c->labels,
                                  .cell = c->cell,
                                  .pbc = c->pbc,
                                  .cluster_cell = c->cluster_cell,
                                  .engine = "sha256:engine",
                                  .rule = "sha256:rule",
                                  .age = 0};
}

/** A cluster somewhere in a cell of about @p size Å, sheared, with a zero vector where it is not periodic. */
static cluster make_cluster(double size, unsigned periodic) {
  cluster c = {0};
  for (int k = 0; k < 3; k++) {
    c.pbc[k] = (periodic >> k & 1) != 0;
    for (int axis = 0; axis < 3 && (c.pbc[k] || periodic % 2 == 0); axis++)
      c.cell[3 * k + axis] = size * ((k == axis ? 1.0 : 0.0) + 0.3 * noise());
    c.cluster_cell[4 * k] = 30.0;
  }
  for (size_t i = 0; i < ATOMS; i++) {
    c.parents[i] = 3 * i + 1;
    c.rows[i] = i;
    c.labels[i] = i < 4 ? LML_REGION_QM : LML_REGION_BUFFER;
    for (int axis = 0; axis < 3; axis++) c.positions[3 * i + (size_t)axis] = size * (0.5 + 0.5 * noise());
  }
  return c;
}

/** As i-PI's restart file has it: nine digits of each number, in Bohr. */
static double nine_digits(double value) {
  static const double bohr = 0.529177210903;
  char text[32];
  snprintf(text, sizeof text, "%.8e", value / bohr);
  return strtod(text, NULL) * bohr;
}

static void restart(cluster *c) {
  for (size_t i = 0; i < 3 * ATOMS; i++) c->positions[i] = nine_digits(c->positions[i]);
  for (int i = 0; i < 9; i++) c->cell[i] = nine_digits(c->cell[i]);
}

static void move_through_images(cluster *c) {
  for (size_t i = 0; i < ATOMS; i++)
    for (int k = 0; k < 3; k++) {
      const double shift = c->pbc[k] ? floor(2.0 * noise() + 0.5) : 0.0;
      for (int axis = 0; axis < 3; axis++) c->positions[3 * i + (size_t)axis] += shift * c->cell[3 * k + axis];
    }
}

/** A cluster that was displaced a little from another. */
static cluster displaced(const cluster *from, double by) {
  cluster c = *from;
  for (size_t i = 0; i < 3 * ATOMS; i++) c.positions[i] += by * noise();
  return c;
}

static void add(lml_result_cache *cache, const cluster *c) {
  const lml_result_cache_point point = point_of(c);
  lml_result_cache_entry entry = lml_result_cache_describe(&point, NULL);
  entry.place.number = cache->nentries;
  assert_int_equal(lml_result_cache_add(cache, &entry, NULL), LML_OK);
}

/** Look for @p asked among the clusters; −1: none is the same. Every one that is has to be among the candidates. */
static int look_for(lml_result_cache *cache, const cluster *known, const cluster *asked, size_t *candidates) {
  const lml_result_cache_point wanted = point_of(asked);
  double widths[LML_RECALL_KEYS], apart;
  const lml_result_cache_entry key = lml_result_cache_describe(&wanted, widths), *at = NULL;
  int found = -1;
  bool seen[KNOWN] = {false};
  while ((at = lml_result_cache_next(cache, &key, widths, at)) != NULL) {
    const lml_result_cache_point point = point_of(&known[at->place.number]);
    assert_false(seen[at->place.number]);
    seen[at->place.number] = true;
    (*candidates)++;
    if (found < 0 && lml_result_cache_same(&point, &wanted, &apart)) found = (int)at->place.number;
  }
  for (size_t k = 0; k < cache->nentries; k++) {
    const lml_result_cache_point point = point_of(&known[k]);
    if (lml_result_cache_same(&point, &wanted, &apart)) assert_true(seen[k]);
  }
  return found;
}

/** In cells of 60 and 120 Å, periodic in any directions. */
static void what_a_restart_leaves_is_found(void **state) {
  (void)state;
  static cluster known[KNOWN];
  for (int sizes = 0; sizes < 2; sizes++)
    for (unsigned periodic = 0; periodic < 8; periodic++) {
      lml_result_cache cache = {0};
      size_t candidates = 0;
      known[0] = make_cluster(sizes == 0 ? 60.0 : 120.0, periodic);
      for (size_t k = 0; k < KNOWN; k++) {
        if (k > 0) known[k] = displaced(&known[0], 0.01);
        add(&cache, &known[k]);
      }
      for (int k = 0; k < KNOWN; k += 7) {
        cluster asked = known[k];
        move_through_images(&asked);
        restart(&asked);
        assert_int_equal(look_for(&cache, known, &asked, &candidates), k);
        asked = known[k];
        restart(&asked);
        assert_int_equal(look_for(&cache, known, &asked, &candidates), k);
      }
      assert_true(candidates < 4 * KNOWN / 7); /* hardly one that is another */
      lml_result_cache_free(&cache);
    }
}

static void nothing_else_is(void **state) {
  (void)state;
  cluster known = make_cluster(60.0, 7);
  lml_result_cache cache = {0};
  size_t candidates = 0;
  add(&cache, &known);
  for (size_t i = 0; i < 3 * ATOMS; i++)
    for (int sign = -1; sign <= 1; sign += 2) {
      cluster asked = known;
      asked.positions[i] += sign * 2e-6;
      assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
    }
  for (int i = 0; i < 9; i++) {
    cluster asked = known;
    asked.cell[i] += 2e-6;
    assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
    asked = known;
    asked.cluster_cell[i] += 1e-6;
    assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
  }
  cluster asked = known;
  asked.labels[5] = LML_REGION_QM;
  assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
  asked = known;
  asked.parents[5]++;
  assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
  asked = known;
  asked.pbc[1] = false;
  assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
  lml_result_cache_free(&cache);
}

/** Two atoms that have changed places, a mirror image, another engine or region. */
static void what_looks_alike_is_not(void **state) {
  (void)state;
  cluster known = make_cluster(60.0, 7), asked = known;
  lml_result_cache cache = {0};
  size_t candidates = 0;
  add(&cache, &known);
  memcpy(asked.positions, known.positions + 3, 3 * sizeof(double));
  memcpy(asked.positions + 3, known.positions, 3 * sizeof(double));
  assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
  asked = known;
  for (size_t i = 0; i < ATOMS; i++) asked.positions[3 * i] = -known.positions[3 * i];
  assert_int_equal(look_for(&cache, &known, &asked, &candidates), -1);
  lml_result_cache_point other = point_of(&known), same = point_of(&known);
  double apart;
  other.engine = "sha256:another";
  assert_false(lml_result_cache_same(&same, &other, &apart));
  other = same;
  other.region = 1;
  assert_false(lml_result_cache_same(&same, &other, &apart));
  lml_result_cache_free(&cache);
}

/** Small displacements, one atom at a time, as for a Hessian: each its own. */
static void displacements_of_single_atoms_are_told_apart(void **state) {
  (void)state;
  static cluster known[6 * ATOMS];
  const cluster rest = make_cluster(15.0, 7);
  lml_result_cache cache = {0};
  size_t candidates = 0;
  for (size_t k = 0; k < 6 * (size_t)ATOMS; k++) {
    known[k] = rest;
    known[k].positions[k / 2] += k % 2 == 0 ? 1e-3 : -1e-3;
    add(&cache, &known[k]);
  }
  for (int k = 0; k < 6 * ATOMS; k++) assert_int_equal(look_for(&cache, known, &known[k], &candidates), k);
  assert_int_equal(candidates, 6 * ATOMS);
  assert_int_equal(look_for(&cache, known, &rest, &candidates), -1);
  lml_result_cache_free(&cache);
}

/** Of those that are the same, the most alike comes first, and of these the one that was there first. */
static void the_nearest_comes_first(void **state) {
  (void)state;
  static cluster known[3];
  lml_result_cache cache = {0};
  known[0] = make_cluster(60.0, 7);
  known[1] = displaced(&known[0], 1e-7);
  known[2] = known[1];
  for (int k = 0; k < 3; k++) add(&cache, &known[k]);
  const lml_result_cache_point wanted = point_of(&known[1]);
  double widths[LML_RECALL_KEYS];
  const lml_result_cache_entry key = lml_result_cache_describe(&wanted, widths), *at = NULL;
  static const uint64_t expected[] = {1, 2, 0};
  for (int k = 0; k < 3; k++) {
    at = lml_result_cache_next(&cache, &key, widths, at);
    assert_non_null(at);
    assert_int_equal(at->place.number, expected[k]);
  }
  assert_null(lml_result_cache_next(&cache, &key, widths, at));
  assert_int_equal(lml_result_cache_count(&cache, 0, "sha256:engine"), 3);
  assert_int_equal(lml_result_cache_count(&cache, 1, "sha256:engine"), 0);
  assert_int_equal(lml_result_cache_count(&cache, 0, "sha256:another"), 0);
  lml_result_cache_free(&cache);
}

/** Regions are looked for by the places of a structure's atoms; the newest comes first. */
static void regions_are_found_by_their_atoms(void **state) {
  (void)state;
  static cluster known[4];
  lml_result_cache cache = {0};
  known[0] = make_cluster(60.0, 7);
  known[1] = displaced(&known[0], 0.1);
  known[2] = known[0];
  known[3] = known[1];
  for (int k = 0; k < 4; k++) add(&cache, &known[k]);
  double positions[3 * (3 * ATOMS + 1)] = {0};
  cluster asked = known[0];
  restart(&asked);
  move_through_images(&asked);
  for (size_t i = 0; i < ATOMS; i++)
    memcpy(positions + 3 * asked.parents[i], asked.positions + 3 * i, 3 * sizeof *positions);
  lml_structure structure = {.natoms = 3 * ATOMS + 1, .pbc = {true, true, true}, .positions = positions};
  memcpy(structure.cell, asked.cell, sizeof structure.cell);
  lml_result_cache_point wanted = point_of(&asked);
  lml_result_cache_entry key = lml_result_cache_describe(&wanted, NULL);
  const lml_result_cache_entry *at = lml_result_cache_next_region(&cache, &key, &structure, NULL);
  assert_non_null(at);
  assert_int_equal(at->place.number, 2);
  at = lml_result_cache_next_region(&cache, &key, &structure, at);
  assert_int_equal(at->place.number, 0);
  assert_null(lml_result_cache_next_region(&cache, &key, &structure, at));
  structure.natoms = known[0].parents[3]; /* too few atoms */
  assert_null(lml_result_cache_next_region(&cache, &key, &structure, NULL));
  structure.natoms = 3 * ATOMS + 1;
  wanted.rule = "sha256:another";
  key = lml_result_cache_describe(&wanted, NULL);
  assert_null(lml_result_cache_next_region(&cache, &key, &structure, NULL));
  lml_result_cache_free(&cache);
}

/** Memory is bounded: of more results than are remembered, at least the newer half is found. */
static void the_oldest_are_forgotten(void **state) {
  (void)state;
  const cluster some = make_cluster(60.0, 7);
  const lml_result_cache_point point = point_of(&some);
  const uint64_t count = 2 * LML_RECALL_MOST + 7;
  double widths[LML_RECALL_KEYS];
  lml_result_cache_entry entry = lml_result_cache_describe(&point, widths), asked = entry;
  lml_result_cache cache = {0};
  for (uint64_t n = 0; n < count; n++) {
    entry.place.number = n;
    entry.keys[0] = (double)(n * 7919 % count); /* in no order */
    assert_int_equal(lml_result_cache_add(&cache, &entry, NULL), LML_OK);
    assert_true(cache.nentries <= LML_RECALL_MOST);
    asked.keys[0] = 0.0;
    if (n % 50000 == 0) (void)lml_result_cache_next(&cache, &asked, widths, NULL); /* puts those so far in order */
  }
  assert_int_equal(cache.nforgotten + cache.nentries, count);
  for (uint64_t n = 0; n < count; n += 13) {
    asked.keys[0] = (double)(n * 7919 % count);
    const lml_result_cache_entry *found = lml_result_cache_next(&cache, &asked, widths, NULL);
    assert_true((found != NULL) == (n >= cache.nforgotten));
    if (found != NULL) assert_int_equal(found->place.number, n);
  }
  assert_true(count - cache.nforgotten >= LML_RECALL_MOST / 2);
  lml_result_cache_free(&cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_restart_leaves_is_found), cmocka_unit_test(nothing_else_is),
      cmocka_unit_test(what_looks_alike_is_not),        cmocka_unit_test(displacements_of_single_atoms_are_told_apart),
      cmocka_unit_test(the_nearest_comes_first),        cmocka_unit_test(regions_are_found_by_their_atoms),
      cmocka_unit_test(the_oldest_are_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
