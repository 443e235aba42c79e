#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "structure/atom_parts.h"
#include "structure/neighbours.h"
#include "support/listed_crystal.h"

/* --- structures ------------------------------------------------------------------------------------------------- */

/** Atoms at random fractional coordinates from @p low to @p high. */
static lml_structure random_structure(size_t natoms, const double cell[9], const char *pbc, double low, double high) {
  lml_structure s = make_structure(natoms, cell, pbc);
  uint64_t state = 20240917 + natoms;
  for (size_t i = 0; i < natoms; i++)
    for (int k = 0; k < 3; k++) {
      const double fraction = low + (high - low) * uniform(&state);
      for (int axis = 0; axis < 3; axis++) s.positions[3 * i + (size_t)axis] += fraction * cell[3 * k + axis];
    }
  return s;
}

/* --- the search that tries everything --------------------------------------------------------------------------- */

/** Atom i has the image of atom j that is moved by `image` cell vectors as its neighbour. */
typedef struct pair {
  int32_t i, j, image[3];
} pair;

typedef struct pairs {
  pair *list;
  size_t count, capacity;
} pairs;

static void add_pair(pairs *p, pair added) {
  if (p->count == p->capacity) {
    p->capacity = 2 * p->capacity + 64;
    p->list = realloc(p->list, p->capacity * sizeof *p->list);
    assert_non_null(p->list);
  }
  p->list[p->count++] = added;
}

static int compare_pairs(const void *left, const void *right) {
  const int32_t *u = left, *v = right;
  for (size_t k = 0; k < sizeof(pair) / sizeof *u; k++)
    if (u[k] != v[k]) return u[k] < v[k] ? -1 : 1;
  return 0;
}

static void sort_pairs(pairs *p) {
  if (p->count > 0) qsort(p->list, p->count, sizeof *p->list, compare_pairs);
}

/** Reciprocal vectors of a cell, in rows. */
static void reciprocal(const double h[9], double g[9]) {
  for (int k = 0; k < 3; k++) {
    const double *u = h + 3 * ((k + 1) % 3), *v = h + 3 * ((k + 2) % 3);
    for (int axis = 0; axis < 3; axis++)
      g[3 * k + axis] = u[(axis + 1) % 3] * v[(axis + 2) % 3] - u[(axis + 2) % 3] * v[(axis + 1) % 3];
    const double volume = g[3 * k] * h[3 * k] + g[3 * k + 1] * h[3 * k + 1] + g[3 * k + 2] * h[3 * k + 2];
    for (int axis = 0; axis < 3; axis++) g[3 * k + axis] /= volume;
  }
}

static double dot(const double u[3], const double v[3]) { return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]; }

static void search_pair(const lml_structure *s, const double h[9], const double g[9], double cutoff, int32_t i,
                        int32_t j, pairs *found) {
  double separation[3];
  int32_t low[3] = {0, 0, 0}, high[3] = {0, 0, 0}, n[3];
  for (int axis = 0; axis < 3; axis++) separation[axis] = s->positions[3 * j + axis] - s->positions[3 * i + axis];
  for (int k = 0; k < 3; k++) {
    if (!s->pbc[k]) continue;
    const double reach = cutoff * sqrt(dot(g + 3 * k, g + 3 * k)), fraction = dot(g + 3 * k, separation);
    low[k] = (int32_t)floor(-reach - fraction);
    high[k] = (int32_t)ceil(reach - fraction);
  }
  for (n[0] = low[0]; n[0] <= high[0]; n[0]++)
    for (n[1] = low[1]; n[1] <= high[1]; n[1]++)
      for (n[2] = low[2]; n[2] <= high[2]; n[2]++) {
        if (i == j && n[0] == 0 && n[1] == 0 && n[2] == 0) continue;
        double r[3];
        for (int axis = 0; axis < 3; axis++)
          r[axis] = separation[axis] + n[0] * h[axis] + n[1] * h[3 + axis] + n[2] * h[6 + axis];
        if (dot(r, r) < cutoff * cutoff) add_pair(found, (pair){i, j, {n[0], n[1], n[2]}});
      }
}

static pairs search_everything(const lml_structure *s, const double h[9], const double g[9], double cutoff) {
  pairs found = {0};
  for (int32_t i = 0; i < (int32_t)s->natoms; i++)
    for (int32_t j = 0; j < (int32_t)s->natoms; j++) search_pair(s, h, g, cutoff, i, j, &found);
  sort_pairs(&found);
  return found;
}

/* --- the search under test, in the same form -------------------------------------------------------------------- */

static pair listed_pair(const lml_neighbours *n, const lml_structure *s, const double g[9], int32_t a, int32_t b) {
  pair p = {.i = n->order[a], .j = n->order[n->owner[b]]};
  double moved[3];
  for (int axis = 0; axis < 3; axis++)
    moved[axis] = n->positions[3 * b + axis] - n->positions[3 * a + axis] -
                  (s->positions[3 * p.j + axis] - s->positions[3 * p.i + axis]);
  for (int k = 0; k < 3; k++) {
    const double image = dot(g + 3 * k, moved);
    if (fabs(image - rint(image)) > 1e-8) fail_msg("atom %d's neighbour is not an image: %.17g", p.i, image);
    p.image[k] = (int32_t)rint(image);
  }
  return p;
}

static void append_listed(const lml_neighbours *n, const lml_structure *s, const double g[9], pairs *listed) {
  for (size_t k = 0; k < n->end - n->begin; k++)
    for (int64_t at = n->first[k]; at < n->first[k] + n->count[k]; at++) {
      if (at > n->first[k]) assert_true(n->list[at] > n->list[at - 1]);
      add_pair(listed, listed_pair(n, s, g, (int32_t)(n->begin + k), n->list[at]));
    }
}

static void assert_order_is_a_permutation(const lml_neighbours *n) {
  char *seen = calloc(n->natoms, 1);
  assert_non_null(seen);
  for (size_t k = 0; k < n->natoms; k++) {
    assert_in_range(n->order[k], 0, n->natoms - 1);
    assert_int_equal(seen[n->order[k]]++, 0);
    assert_int_equal(n->owner[k], k);
  }
  free(seen);
}

static void assert_same_pairs(const pairs *found, const pairs *expected) {
  if (found->count != expected->count) fail_msg("%zu pairs instead of %zu", found->count, expected->count);
  if (found->count > 0) assert_memory_equal(found->list, expected->list, found->count * sizeof *found->list);
}

/** The neighbours of @p s, found by ranks of which each has a part of the atoms, are those @p expected: also where
 * there are more parts than atoms. */
static void assert_parts_find(const lml_structure *s, double cutoff, const double g[9], const pairs *expected) {
  lml_neighbours n = {0};
  lml_atom_part part = {0};
  lml_error error = {0};
  for (size_t parts = 2; parts <= 7; parts += 5) {
    const lml_atom_parting parting = {cutoff, 0.02, parts};
    pairs listed = {0};
    size_t own = 0;
    for (size_t number = 0; number < parts; number++) {
      if (lml_atom_part_find(&part, s, &parting, number, NULL, &error) != LML_OK) fail_msg("%s", error.message);
      if (lml_neighbours_sort_part(&n, s, &part, cutoff, &error) != LML_OK) fail_msg("%s", error.message);
      assert_int_equal(lml_neighbours_list(&n, s, 0, part.nown, NULL), LML_OK);
      append_listed(&n, s, g, &listed);
      own += part.nown;
    }
    assert_int_equal(own, s->natoms);
    sort_pairs(&listed);
    assert_same_pairs(&listed, expected);
    free(listed.list);
  }
  lml_atom_part_free(&part);
  lml_neighbours_free(&n);
}

/** The neighbours of @p s, listed at once and in three parts, are those that the full search finds. */
static void assert_all_found(lml_structure *s, double cutoff, size_t at_least) {
  double h[9], g[9];
  lml_error error = {0};
  assert_int_equal(lml_structure_complete_cell(s, h, NULL), LML_OK);
  reciprocal(h, g);
  pairs expected = search_everything(s, h, g, cutoff);
  assert_true(expected.count >= at_least);
  lml_neighbours n = {0};
  const size_t cuts[2][4] = {{0, 0, 0, s->natoms}, {0, s->natoms / 3, s->natoms / 2, s->natoms}};
  for (int way = 0; way < 2; way++) {
    pairs listed = {0};
    if (lml_neighbours_sort(&n, s, cutoff, &error) != LML_OK) fail_msg("%s", error.message);
    assert_order_is_a_permutation(&n);
    for (int part = 0; part < 3; part++) {
      assert_int_equal(lml_neighbours_list(&n, s, cuts[way][part], cuts[way][part + 1], NULL), LML_OK);
      append_listed(&n, s, g, &listed);
    }
    sort_pairs(&listed);
    assert_same_pairs(&listed, &expected);
    free(listed.list);
  }
  assert_parts_find(s, cutoff, g, &expected);
  lml_neighbours_free(&n);
  lml_structure_free(s);
  free(expected.list);
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

static const double cubic[9] = {12, 0, 0, 0, 12, 0, 0, 0, 12};
static const double sheared[9] = {9, 0, 0, 25, 8, 0, -13, 31, 10};
static const double left_handed[9] = {0, 11, 1, 10, 0.5, 0, 2, 3, 9};

static void crystal(void **state) {
  (void)state;
  lml_structure s = bcc_crystal(4, 0.2);
  assert_all_found(&s, 5.0, 128 * 26);
}

static void random_atoms_in_any_cell(void **state) {
  (void)state;
  const double *cells[] = {cubic, sheared, left_handed};
  const char *periodicities[] = {"TTT", "TTF", "TFT", "FTT", "TFF", "FTF", "FFT", "FFF"};
  for (size_t c = 0; c < 3; c++)
    for (size_t p = 0; p < 8; p++) {
      lml_structure s = random_structure(60, cells[c], periodicities[p], 0, 1);
      assert_all_found(&s, 4.7, 60);
    }
}

static void atoms_outside_the_cell(void **state) {
  (void)state;
  const double *cells[] = {cubic, sheared, left_handed};
  const char *periodicities[] = {"TTT", "TFT", "FTF"};
  for (size_t c = 0; c < 3; c++)
    for (size_t p = 0; p < 3; p++) {
      lml_structure s = random_structure(50, cells[c], periodicities[p], -1.5, 2.5);
      assert_all_found(&s, 6.1, 50);
      s = random_structure(50, cells[c], periodicities[p], -40, 40);
      assert_all_found(&s, 6.1, 0);
    }
}

static void cells_smaller_than_the_cutoff(void **state) {
  (void)state;
  const double primitive[9] = {-1.58, 1.58, 1.58, 1.58, -1.58, 1.58, 1.58, 1.58, -1.58};
  const double needle[9] = {2.7, 0, 0, 0, 31, 0, 1, 2, 2.9};
  const double sheared_small[9] = {2.7, 0, 0, 8.4, 2.6, 0, -11.2, 14.9, 3.1};
  const double one[9] = {2.7, 0, 0, 0, 2.7, 0, 0, 0, 2.7};
  lml_structure s = random_structure(1, one, "TTT", 0, 1);
  assert_all_found(&s, 9, 122);
  s = random_structure(1, one, "FTF", 0, 1);
  assert_all_found(&s, 9, 6);
  s = random_structure(1, primitive, "TTT", 3, 4);
  assert_all_found(&s, 7.3, 60);
  s = random_structure(3, needle, "TTT", 0, 1);
  assert_all_found(&s, 9, 60);
  s = random_structure(2, sheared_small, "TTT", -3, 4);
  assert_all_found(&s, 9, 60);
  s = random_structure(2, sheared_small, "TTF", -3, 4);
  assert_all_found(&s, 9, 20);
}

static void directions_without_a_cell_vector(void **state) {
  (void)state;
  const double none[9] = {0}, slab[9] = {9, 1, 0, 0, 0, 0, 2, 0, 8}, wire[9] = {0, 0, 0, 3, 4, 5, 0, 0, 0};
  const double *cells[] = {none, slab, wire};
  const char *periodicities[] = {"FFF", "TFT", "FTF"};
  for (size_t c = 0; c < 3; c++) {
    lml_structure s = random_structure(40, cubic, "FFF", -0.2, 0.8);
    memcpy(s.cell, cells[c], sizeof s.cell);
    for (int k = 0; k < 3; k++) s.pbc[k] = periodicities[c][k] == 'T';
    assert_all_found(&s, 5.3, 40);
  }
}

static void vacuum_costs_nothing(void **state) {
  (void)state;
  const double huge[9] = {1e7, 0, 0, 0, 1e7, 0, 0, 0, 1e7};
  const char *periodicities[] = {"TTT", "TFF", "FFF"};
  for (size_t p = 0; p < 3; p++) {
    lml_structure s = random_structure(60, cubic, "FFF", -0.5, 0.5);
    memcpy(s.cell, huge, sizeof s.cell);
    for (int k = 0; k < 3; k++) s.pbc[k] = periodicities[p][k] == 'T';
    for (int k = 0; k < 3; k++) s.positions[3 * 59 + k] = 4e6; /* one atom is far from the others */
    assert_all_found(&s, 5.3, 60);
  }
  lml_structure far = random_structure(2, cubic, "FFF", 0, 1);
  far.positions[3] = 1e300;
  assert_all_found(&far, 5, 0);
}

static void the_cutoff_itself_is_excluded(void **state) {
  (void)state;
  const double cell[9] = {3, 0, 0, 0, 3, 0, 0, 0, 3};
  lml_structure s = make_structure(1, cell, "TTT");
  lml_neighbours n = {0};
  assert_int_equal(lml_neighbours_sort(&n, &s, 3, NULL), LML_OK);
  assert_int_equal(lml_neighbours_list(&n, &s, 0, 1, NULL), LML_OK);
  assert_int_equal(n.count[0], 0);
  assert_int_equal(lml_neighbours_sort(&n, &s, nextafter(3, 4), NULL), LML_OK);
  assert_int_equal(lml_neighbours_list(&n, &s, 0, 1, NULL), LML_OK);
  assert_int_equal(n.count[0], 6);
  lml_neighbours_free(&n);
  lml_structure_free(&s);
}

static void assert_refused(const lml_structure *s, double cutoff, lml_status status, const char *part) {
  lml_neighbours n = {0};
  lml_error error = {0};
  assert_int_equal(lml_neighbours_sort(&n, s, cutoff, &error), status);
  if (strstr(error.message, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
  assert_int_equal(lml_neighbours_list(&n, s, 0, 1, &error), LML_ERR_USAGE);
  lml_neighbours_free(&n);
}

static void impossible_searches_are_refused(void **state) {
  (void)state;
  const double tiny[9] = {1e-4, 0, 0, 0, 1e-4, 0, 0, 0, 1e-4}, flat[9] = {1, 0, 0, 0, 1, 0, 0, 0, 0};
  lml_structure s = make_structure(2, tiny, "TTT");
  assert_refused(&s, 5, LML_ERR_INPUT, "2 atoms have more than 2147483647 periodic images");
  assert_refused(&s, 0, LML_ERR_USAGE, "cutoff is 0");
  assert_refused(&s, NAN, LML_ERR_USAGE, "cutoff is");
  memcpy(s.cell, flat, sizeof s.cell);
  assert_refused(&s, 5, LML_ERR_INPUT, "cell vector c");
  s.cell[8] = 1;
  s.positions[4] = INFINITY;
  assert_refused(&s, 5, LML_ERR_INPUT, "atom 1 ");
  s.positions[4] = 1e30;
  static const char far[] = "atom 1 (counted from 0) at 0 1e+30 0 is more than 1000000000 cells away";
  assert_refused(&s, 5, LML_ERR_INPUT, far);
  lml_atom_part part = {0};
  lml_error error = {0};
  const lml_atom_parting parting = {5.0, 0.02, 2};
  assert_int_equal(lml_atom_part_find(&part, &s, &parting, 0, NULL, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, far));
  lml_atom_part_free(&part);
  lml_structure_free(&s);
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

/** Atoms of very different surroundings: a dense crystal, and a thin gas beside it. */
static lml_structure crystal_beside_gas(void) {
  lml_structure crystal_part = bcc_crystal(8, 0.1);
  const size_t dense = crystal_part.natoms, natoms = 2 * dense;
  const double cell[9] = {240, 0, 0, 0, 26, 0, 0, 0, 26};
  lml_structure s = make_structure(natoms, cell, "FTT");
  uint64_t state = 5;
  memcpy(s.positions, crystal_part.positions, 3 * dense * sizeof(double));
  for (size_t i = dense; i < natoms; i++)
    for (size_t axis = 0; axis < 3; axis++)
      s.positions[3 * i + axis] = (axis == 0 ? 40.0 : 0.0) + cell[4 * axis] * (axis == 0 ? 0.8 : 1.0) * uniform(&state);
  lml_structure_free(&crystal_part);
  return s;
}

static void assert_same_search(const lml_neighbours *n, const lml_neighbours *expected) {
  const size_t all = n->natoms + n->nghosts;
  assert_int_equal(n->natoms, expected->natoms);
  assert_int_equal(n->nghosts, expected->nghosts);
  assert_memory_equal(n->order, expected->order, n->natoms * sizeof *n->order);
  assert_memory_equal(n->owner, expected->owner, all * sizeof *n->owner);
  assert_memory_equal(n->positions, expected->positions, 3 * all * sizeof *n->positions);
  assert_true(n->shortest == expected->shortest && n->longest == expected->longest);
  for (size_t i = n->begin; i < n->end; i++) {
    const int32_t *list, *other;
    const size_t count = lml_neighbours_of(n, i, &list);
    assert_int_equal(count, lml_neighbours_of(expected, i, &other));
    assert_memory_equal(list, other, count * sizeof *list);
  }
}

/** Sort, list, remember, and follow a small motion, then a large one, as many a time as there is room to be found out.
 */
static void search_and_follow(lml_neighbours *n, lml_structure *s) {
  assert_int_equal(lml_neighbours_sort(n, s, 5.0, NULL), LML_OK);
  assert_int_equal(lml_neighbours_list(n, s, 0, s->natoms, NULL), LML_OK);
  assert_int_equal(lml_neighbours_remember(n, s, NULL), LML_OK);
  double *last = s->positions + 3 * (s->natoms - 1);
  last[0] += 0.5;
  assert_int_equal(lml_neighbours_follow(n, s, 0.3), LML_MOTION_FAR);
  last[0] -= 0.3;
  assert_int_equal(lml_neighbours_follow(n, s, 0.3), LML_MOTION_NEAR);
  last[0] -= 0.2;
}

static void threads_find_the_same(void **state) {
  (void)state;
  lml_structure s = bcc_crystal(12, 0.2);
  lml_neighbours alone = {0};
  search_and_follow(&alone, &s);
  for (size_t nthreads = 1; nthreads <= 5; nthreads += 2) {
    lml_neighbours shared = {0};
    lml_error error = {0};
    assert_int_equal(lml_pool_create(nthreads, &shared.pool, NULL), LML_OK);
    lml_pool *pool = shared.pool;
    for (int again = 0; again < 2; again++) { /* with too little room, and with enough */
      search_and_follow(&shared, &s);
      assert_same_search(&shared, &alone);
    }
    lml_structure twice = {0}; /* two pairs of atoms that coincide: the error is of the first, whoever finds one */
    assert_int_equal(lml_structure_copy(&twice, &s, NULL), LML_OK);
    memcpy(twice.positions + 3, twice.positions, 3 * sizeof(double));
    memcpy(twice.positions + 3 * 3001, twice.positions + 3 * 3000, 3 * sizeof(double));
    assert_int_equal(lml_neighbours_sort(&shared, &twice, 5.0, NULL), LML_OK);
    assert_int_equal(lml_neighbours_list(&shared, &twice, 0, s.natoms, &error), LML_ERR_INPUT);
    assert_non_null(strstr(error.message, "atoms 0 and 1 "));
    lml_structure_free(&twice);
    lml_neighbours_free(&shared);
    lml_pool_destroy(pool);
  }
  lml_neighbours_free(&alone);
  lml_structure_free(&s);
}

static void parts_have_equal_work(void **state) {
  (void)state;
  enum { PARTS = 5 };
  const lml_atom_parting parting = {.cutoff = 4.73, .per_neighbour = 0.1, .parts = PARTS};
  lml_structure s = crystal_beside_gas();
  lml_neighbours n = {0};
  lml_atom_part part = {0};
  double work[PARTS], total = 0.0;
  for (size_t number = 0; number < PARTS; number++) {
    assert_int_equal(lml_atom_part_find(&part, &s, &parting, number, NULL, NULL), LML_OK);
    assert_int_equal(lml_neighbours_sort_part(&n, &s, &part, parting.cutoff, NULL), LML_OK);
    assert_int_equal(lml_neighbours_list(&n, &s, 0, n.nown, NULL), LML_OK);
    work[number] = (double)n.nown + parting.per_neighbour * (double)count_listed(&n);
    total += work[number];
  }
  /* equal numbers of atoms would be 40 % off */
  for (size_t number = 0; number < PARTS; number++) assert_true(fabs(work[number] * PARTS / total - 1.0) < 0.15);
  lml_atom_part_free(&part);
  lml_neighbours_free(&n);
  lml_structure_free(&s);
}

/** A part of a large structure sorts what is near it, and no more: 8 of 36 layers of atoms and one bin on each side. */
static void parts_leave_out_what_is_far(void **state) {
  (void)state;
  const lml_atom_parting parting = {.cutoff = 3.0, .per_neighbour = 0.02, .parts = 4};
  lml_structure s = bcc_crystal(16, 0.1);
  lml_atom_part part = {0}, shared = {0};
  lml_pool *pool;
  assert_int_equal(lml_pool_create(3, &pool, NULL), LML_OK);
  for (size_t number = 0; number < parting.parts; number++) {
    assert_int_equal(lml_atom_part_find(&part, &s, &parting, number, NULL, NULL), LML_OK);
    assert_in_range(part.nown, s.natoms / 4 - 40, s.natoms / 4 + 40);
    assert_in_range(part.count, part.nown, part.nown + s.natoms * 4 / 16);
    for (size_t i = 1; i < part.count; i++)
      if (i != part.nown) assert_true(part.atoms[i - 1] < part.atoms[i]);
    assert_int_equal(lml_atom_part_find(&shared, &s, &parting, number, pool, NULL), LML_OK);
    assert_int_equal(shared.count, part.count);
    assert_memory_equal(shared.atoms, part.atoms, part.count * sizeof *part.atoms);
  }
  lml_pool_destroy(pool);
  lml_atom_part_free(&part);
  lml_atom_part_free(&shared);
  lml_structure_free(&s);
}

static void motion_is_told_near_from_far(void **state) {
  (void)state;
  lml_structure s = bcc_crystal(3, 0.1);
  lml_neighbours n = {0};
  assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_OTHER);
  assert_int_equal(lml_neighbours_sort(&n, &s, 5.0, NULL), LML_OK);
  assert_int_equal(lml_neighbours_remember(&n, &s, NULL), LML_OK);
  s.positions[30] += 0.299;
  assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_NEAR);
  s.positions[30] += 0.002;
  assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_FAR);
  s.positions[30] -= 0.301;
  assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_NEAR);
  s.cell[0] += 1e-9;
  assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_OTHER);
  s.cell[0] -= 1e-9;
  s.pbc[1] = false;
  assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_OTHER);
  lml_neighbours_free(&n);
  lml_structure_free(&s);
}

/** Lists are kept while two atoms come nearer; which pairs are looked at must not depend on when they were made. */
static void atoms_that_meet_are_told_from_kept_lists(void **state) {
  (void)state;
  lml_structure s = bcc_crystal(3, 0.0);
  lml_neighbours n = {0};
  lml_error error = {0};
  s.positions[3] = s.positions[0] + 0.5;
  s.positions[4] = s.positions[1] - s.cell[4];
  s.positions[5] = s.positions[2];
  assert_int_equal(lml_neighbours_sort(&n, &s, 5.0, NULL), LML_OK);
  assert_int_equal(lml_neighbours_list(&n, &s, 0, s.natoms, NULL), LML_OK);
  assert_int_equal(lml_neighbours_remember(&n, &s, NULL), LML_OK);
  assert_float_equal(sqrt(n.shortest), 0.5, 1e-9);
  const struct {
    double one, two;
    lml_status status;
  } moves[] = {{0.25, -0.24, LML_OK},
               {0.25, -0.2498, LML_OK},
               {0.25, -0.24991, LML_ERR_INPUT},
               {0.25, -0.25, LML_ERR_INPUT},
               {0.0, -0.25, LML_OK}};
  const double one = s.positions[0], two = s.positions[3];
  for (size_t k = 0; k < sizeof moves / sizeof moves[0]; k++) {
    s.positions[0] = one + moves[k].one;
    s.positions[3] = two + moves[k].two;
    assert_int_equal(lml_neighbours_follow(&n, &s, 0.3), LML_MOTION_NEAR);
    assert_int_equal(lml_neighbours_check_apart(&n, &s, 0.6, &error), moves[k].status);
  }
  assert_string_equal(error.message,
                      "atom 0 and the periodic image 0 1 0 of atom 1 (counted from 0, images in cell "
                      "vectors) are at the same place, 0 Å apart: remove one of the two atoms");
  assert_int_equal(lml_structure_check_apart(&s, NULL), LML_OK);
  lml_neighbours_free(&n);
  lml_structure_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crystal),
      cmocka_unit_test(random_atoms_in_any_cell),
      cmocka_unit_test(atoms_outside_the_cell),
      cmocka_unit_test(cells_smaller_than_the_cutoff),
      cmocka_unit_test(directions_without_a_cell_vector),
      cmocka_unit_test(vacuum_costs_nothing),
      cmocka_unit_test(the_cutoff_itself_is_excluded),
      cmocka_unit_test(impossible_searches_are_refused),
      cmocka_unit_test(threads_find_the_same),
      cmocka_unit_test(parts_have_equal_work),
      cmocka_unit_test(parts_leave_out_what_is_far),
      cmocka_unit_test(motion_is_told_near_from_far),
      cmocka_unit_test(atoms_that_meet_are_told_from_kept_lists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
