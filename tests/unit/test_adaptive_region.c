/* Regions of springs that follow an atom, for several replicas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session/adaptive_region.h"
#include "support/small_mixture.h"
#include "support/spring_calculator.h"

enum { SIDE = 12, SEED = SIDE * SIDE * SIDE /**< the atom that is followed, behind the crystal's */ };

static const int species[] = {2};
static const lml_region_settings around_seed = {.selection = LML_REGION_AROUND,
                                                .species = species,
                                                .nspecies = 1,
                                                .around = {.inner = 2.5, .outer = 3.0},
                                                .buffer = 2.5};

/** A mixture in a simple cubic crystal, 2 Å from atom to atom, with a seed in it. */
typedef struct fixture {
  lml_structure structure;
  spring_script scripts[3];
  lml_region_settings regions[2];
  lml_mixing_region mixed[2];
  lml_adaptive_regions_region moves[2];
  size_t nregions;
  lml_calculator *calculator;
  lml_adaptive_regions *adaptive;
  lml_error error;
} fixture;

/** Put the seed at @p x on the line of atoms through the middle of a face: between two atoms where x is odd. */
static void put_seed(fixture *f, double x) {
  const double place[3] = {x, 11.0, 11.0};
  memcpy(f->structure.positions + 3 * SEED, place, sizeof place);
}

static int set_up(void **state) {
  static fixture f;
  f = (fixture){.structure = small_crystal(SIDE, SIDE, SIDE, 1), .nregions = 1};
  f.structure.numbers[SEED] = 2;
  put_seed(&f, 11.0);
  f.regions[0] = around_seed;
  f.moves[0].update = 1;
  *state = &f;
  return 0;
}

static void add_region(fixture *f, size_t r) {
  static const char *const names[] = {"core", "other"};
  lml_mixing_region *mixed = &f->mixed[r];
  f->moves[r].region = &f->regions[r];
  f->moves[r].cluster = usual_cluster;
  mixed->name = names[r];
  mixed->calculator = spring_calculator(&f->scripts[r]);
  mixed->region = make_region(&f->regions[r], &f->structure);
  mixed->cluster = make_cluster(mixed->region, &f->structure);
}

static void begins(fixture *f) {
  for (size_t r = 0; r < f->nregions; r++) add_region(f, r);
  const lml_mixing_settings settings = {.structure = &f->structure,
                                        .ml = spring_calculator(&f->scripts[2]),
                                        .regions = f->mixed,
                                        .nregions = f->nregions};
  if (lml_mixing_calculator_create(&settings, &f->calculator, &f->error) != LML_OK) fail_msg("%s", f->error.message);
  const lml_adaptive_regions_settings how = {.mixture = lml_mixture_of(f->calculator), .regions = f->moves};
  if (lml_adaptive_regions_create(&how, &f->adaptive, &f->error) != LML_OK) fail_msg("%s", f->error.message);
}

static int tear_down(void **state) {
  fixture *f = *state;
  lml_adaptive_regions_destroy(f->adaptive);
  lml_calculator_destroy(f->calculator);
  lml_structure_free(&f->structure);
  return 0;
}

/** What the mixture has of region @p r. */
static lml_mixing_region now(const fixture *f, size_t r) {
  const lml_mixing_parts parts = lml_mixture_parts(lml_mixture_of(f->calculator));
  return parts.regions[r];
}

/** Follow with the seed at @p x. */
static void follows(fixture *f, size_t replica, double x) {
  put_seed(f, x);
  if (lml_adaptive_regions_follow(f->adaptive, replica, &f->structure, &f->error) != LML_OK)
    fail_msg("%s", f->error.message);
}

/** Evaluate, with regions as they are: the cluster must be that of the region. */
static void evaluates(fixture *f) {
  lml_results results = {0};
  if (lml_calculator_evaluate(f->calculator, &f->structure, NULL, &results, &f->error) != LML_OK)
    fail_msg("%s", f->error.message);
  for (size_t r = 0; r < f->nregions; r++) {
    const lml_mixing_region region = now(f, r);
    assert_true(lml_cluster_is_of(region.cluster, region.region));
    assert_int_equal(lml_mixture_region(lml_mixture_of(f->calculator), r, NULL)->natoms,
                     region.cluster->structure.natoms);
  }
  lml_results_free(&results);
}

/** Of the crystal's atoms, 2 Å apart in planes at even x, the four at x are √2 Å from the seed's line. */
static size_t atom_at(int x) { return (size_t)(x / 2 * SIDE * SIDE + 5 * SIDE + 5); }

static lml_region_label label(const fixture *f, size_t atom) {
  return (lml_region_label)now(f, 0).region->labels[atom];
}

/* ---- tests ---- */

static void an_atom_between_the_radii_is_what_it_was(void **state) {
  fixture *f = *state;
  /* The plane at x = 12: distances 2.449 (in), 2.55 (between), 3.02 (out), 2.55 and 2.449 again. */
  const double seeds[] = {10.0, 9.88, 9.33, 9.88, 10.0};
  const bool in[] = {true, true, false, false, true};
  begins(f);
  for (size_t step = 0; step < 5; step++) {
    follows(f, 0, seeds[step]);
    evaluates(f);
    assert_int_equal(label(f, atom_at(12)) == LML_REGION_QM, in[step]);
    assert_int_equal(lml_adaptive_regions_states(f->adaptive)[0].age, 0);
  }
}

/** A replica that comes anew has no memory of others. */
static void each_replica_has_its_own_memory(void **state) {
  fixture *f = *state;
  begins(f);
  follows(f, 0, 10.0);
  follows(f, 0, 9.88);
  assert_int_equal(label(f, atom_at(12)), LML_REGION_QM);
  follows(f, 3, 9.88);
  assert_int_equal(label(f, atom_at(12)), LML_REGION_BUFFER);
  follows(f, 0, 9.88);
  assert_int_equal(label(f, atom_at(12)), LML_REGION_QM);
  evaluates(f);
}

static void it_follows_every_few_evaluations_of_a_replica(void **state) {
  fixture *f = *state;
  const size_t ages[] = {0, 1, 2, 0, 1};
  f->moves[0].update = 3;
  begins(f);
  for (size_t step = 0; step < 5; step++) {
    follows(f, 0, 11.0 + 2.0 * (double)step);
    assert_int_equal(lml_adaptive_regions_states(f->adaptive)[0].age, ages[step]);
    assert_int_equal(label(f, atom_at(10)), step < 3 ? LML_REGION_QM : LML_REGION_MM);
    assert_int_equal(label(f, atom_at(18)), step < 3 ? LML_REGION_MM : LML_REGION_QM);
    evaluates(f);
    follows(f, 1, 11.0); /* in between, another that stays */
    assert_int_equal(label(f, atom_at(10)), LML_REGION_QM);
  }
}

/** As long as the atoms are the same, so is everything that an engine sees of them but for how they have moved. */
static void a_cluster_stays_while_its_atoms_do(void **state) {
  fixture *f = *state;
  begins(f);
  follows(f, 0, 11.0);
  const lml_cluster *made = f->mixed[0].cluster, *first = now(f, 0).cluster;
  assert_ptr_equal(first, made); /* that of the structure file, of which a user has made an engine's input */
  follows(f, 0, 11.04);
  assert_ptr_equal(now(f, 0).cluster, first);
  follows(f, 0, 12.0); /* a plane more in front, none less behind */
  const lml_cluster *second = now(f, 0).cluster;
  assert_ptr_not_equal(second, first);
  assert_true(second->structure.natoms != first->structure.natoms);
  evaluates(f);
}

/** Two that are alike have one cluster, and it is not lost when one of them goes on. */
static void replicas_with_the_same_atoms_share_a_cluster(void **state) {
  fixture *f = *state;
  begins(f);
  follows(f, 0, 12.0);
  const lml_cluster *first = now(f, 0).cluster;
  assert_ptr_not_equal(first, f->mixed[0].cluster);
  follows(f, 1, 12.0);
  assert_ptr_equal(now(f, 0).cluster, first);
  follows(f, 0, 15.0);
  assert_ptr_not_equal(now(f, 0).cluster, first);
  evaluates(f);
  follows(f, 1, 12.0);
  assert_ptr_equal(now(f, 0).cluster, first);
  evaluates(f);
  follows(f, 1, 15.0);
  follows(f, 0, 11.0);
  evaluates(f);
}

static void what_is_forgotten_begins_anew(void **state) {
  fixture *f = *state;
  begins(f);
  follows(f, 0, 10.0);
  follows(f, 0, 9.88);
  assert_int_equal(label(f, atom_at(12)), LML_REGION_QM);
  lml_adaptive_regions_forget(f->adaptive);
  assert_ptr_equal(now(f, 0).region, f->mixed[0].region);
  assert_ptr_equal(now(f, 0).cluster, f->mixed[0].cluster);
  follows(f, 0, 9.88);
  assert_int_equal(label(f, atom_at(12)), LML_REGION_BUFFER);
}

/** One region follows the seed, the other one stays, until the two meet. */
static void regions_that_come_to_overlap_are_refused(void **state) {
  fixture *f = *state;
  static const lml_region_sphere sphere = {.atom = -1, .centre = {19, 11, 11}, .radius = 2.5};
  f->nregions = 2;
  f->regions[1] =
      (lml_region_settings){.selection = LML_REGION_BY_SPHERE, .spheres = &sphere, .nspheres = 1, .buffer = 2.5};
  begins(f);
  follows(f, 0, 11.0);
  evaluates(f);
  assert_ptr_equal(now(f, 1).region, f->mixed[1].region);
  put_seed(f, 17.0);
  assert_int_equal(lml_adaptive_regions_follow(f->adaptive, 0, &f->structure, &f->error), LML_ERR_INPUT);
  assert_non_null(strstr(f->error.message, "gets a quantum force from both of the regions core and other"));
  assert_ptr_equal(now(f, 0).region, f->mixed[0].region);
  follows(f, 0, 11.0);
  evaluates(f);
}

static void other_structures_are_refused(void **state) {
  fixture *f = *state;
  begins(f);
  f->structure.positions[4] = NAN;
  assert_int_equal(lml_adaptive_regions_follow(f->adaptive, 0, &f->structure, &f->error), LML_ERR_INPUT);
  assert_non_null(strstr(f->error.message, "atom 1"));
  f->structure.positions[4] = 0.0;
  f->structure.numbers[7] = 3;
  assert_int_equal(lml_adaptive_regions_follow(f->adaptive, 0, &f->structure, &f->error), LML_ERR_INPUT);
  assert_non_null(strstr(f->error.message, "atom 7 is Li for the driver"));
  f->structure.numbers[7] = 1;
  follows(f, 0, 11.0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(an_atom_between_the_radii_is_what_it_was),      TEST(each_replica_has_its_own_memory),
      TEST(it_follows_every_few_evaluations_of_a_replica), TEST(a_cluster_stays_while_its_atoms_do),
      TEST(replicas_with_the_same_atoms_share_a_cluster),  TEST(what_is_forgotten_begins_anew),
      TEST(regions_that_come_to_overlap_are_refused),      TEST(other_structures_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
