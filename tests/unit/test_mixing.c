/* Clusters made by hand, and mixtures of springs, whose forces say where the cluster's atoms are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "base/memory.h"
#include "mixing/mixing_calculator.h"
#include "structure/lattice.h"
#include "support/energies.h"
#include "support/small_mixture.h"
#include "support/spring_calculator.h"

static lml_error error;

static lml_region *region_around(const lml_structure *s, const double centre[3], double radius, double buffer,
                                 double blend) {
  const lml_region_sphere sphere = {.atom = -1, .centre = {centre[0], centre[1], centre[2]}, .radius = radius};
  const lml_region_settings settings = {
      .selection = LML_REGION_BY_SPHERE, .spheres = &sphere, .nspheres = 1, .buffer = buffer, .blend = blend};
  return make_region(&settings, s);
}

static void frees(lml_region *region, lml_cluster *cluster) {
  lml_region_free(region);
  lml_cluster_free(cluster);
  lml_free(region);
  lml_free(cluster);
}

static void is_near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g is not %.17g", value, expected);
}

/* ---- clusters ---- */

static void a_sphere_stands_in_vacuum(void **state) {
  (void)state;
  lml_structure s = small_crystal(12, 12, 12, 0);
  const double centre[3] = {10, 10, 10};
  lml_region *region = region_around(&s, centre, 2.1, 4.1, 0.0);
  assert_int_equal(region->counts[LML_REGION_QM], 7);
  lml_cluster *cluster = make_cluster(region, &s);
  /* R = 2: 2 (2 + 4.1 + 5) = 22.2, in threes 21. */
  for (int k = 0; k < 9; k++) is_near(cluster->structure.cell[k], k % 4 == 0 ? 21.0 : 0.0, 0.0);
  for (int k = 0; k < 3; k++) {
    assert_false(cluster->structure.pbc[k]);
    is_near(cluster->radius[k], 2.0, 1e-12);
    is_near(cluster->shift[k], 0.5, 1e-12); /* the centre, at 10, comes to 10.5 */
  }
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    if (i > 0) assert_true(cluster->parents[i] > cluster->parents[i - 1]);
    for (size_t x = 0; x < 3; x++)
      is_near(cluster->structure.positions[3 * i + x], s.positions[3 * cluster->parents[i] + x] + 0.5, 1e-12);
  }
  frees(region, cluster);
  lml_structure_free(&s);
}

static void a_disk_is_periodic_along_the_short_direction(void **state) {
  (void)state;
  lml_structure s = small_crystal(15, 15, 2, 0);
  const double centre[3] = {14, 14, 0};
  lml_region *region = region_around(&s, centre, 2.1, 4.1, 0.0);
  lml_cluster *cluster = make_cluster(region, &s);
  assert_false(cluster->structure.pbc[0]);
  assert_false(cluster->structure.pbc[1]);
  assert_true(cluster->structure.pbc[2]);
  is_near(cluster->structure.cell[8], 4.0, 0.0);
  is_near(cluster->structure.cell[0], 21.0, 0.0);
  is_near(cluster->shift[2], 0.0, 0.0);
  frees(region, cluster);
  lml_structure_free(&s);
}

/** Around a screw dislocation the crystal's planes are one helix, on which the nearest images climb by a period a turn:
 *  the atoms of the cluster still begin in its cell, and go on from there. */
static void a_helix_stays_in_the_cell_of_its_period(void **state) {
  (void)state;
  lml_structure s = small_crystal(15, 15, 2, 0);
  for (size_t i = 0; i < s.natoms; i++) {
    double *r = s.positions + 3 * i;
    r[2] += 4.0 * atan2(r[1] - 14.9, r[0] - 14.9) / 6.283185307179586;
  }
  const double centre[3] = {15, 15, 0};
  lml_region *region = region_around(&s, centre, 8.0, 4.1, 0.0);
  lml_cluster *cluster = make_cluster(region, &s);
  assert_true(cluster->structure.pbc[2]);
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const double z = cluster->structure.positions[3 * i + 2], parent = s.positions[3 * cluster->parents[i] + 2];
    assert_true(z > -1e-6 && z < 4.0);
    is_near((z - parent) / 4.0, rint((z - parent) / 4.0), 1e-12);
  }
  /* An atom that moves out of the cell, and is wrapped, does not jump. */
  const size_t parent = cluster->parents[5];
  const double before = cluster->structure.positions[17];
  s.positions[3 * parent + 2] += 1.5 + 3 * 4.0;
  assert_int_equal(lml_cluster_update(cluster, &s, &error), LML_OK);
  is_near(cluster->structure.positions[17], before + 1.5, 1e-12);
  frees(region, cluster);
  lml_structure_free(&s);
}

/** The same cluster wherever in the cell the region lies, and wherever atoms are wrapped to. */
static void a_region_across_boundaries_is_in_one_piece(void **state) {
  (void)state;
  lml_structure s = small_crystal(12, 12, 12, 0);
  for (size_t i = 0; i < s.natoms; i++)
    for (size_t x = 0; x < 3; x++) s.positions[3 * i + x] += 0.1 * sin((double)(3 * i + x));
  const double centre[3] = {10, 10, 10};
  lml_region *middle = region_around(&s, centre, 3.0, 4.1, 0.0);
  lml_cluster *expected = make_cluster(middle, &s);
  lml_structure moved = {0};
  assert_int_equal(lml_structure_copy(&moved, &s, &error), LML_OK);
  const double by[3] = {-10.0, 13.7, 4.0};
  for (size_t i = 0; i < s.natoms; i++)
    for (size_t x = 0; x < 3; x++) {
      const double r = s.positions[3 * i + x] + by[x];
      moved.positions[3 * i + x] = r - 24.0 * floor(r / 24.0);
    }
  const double other[3] = {centre[0] + by[0], centre[1] + by[1], centre[2] + by[2]};
  lml_region *edge = region_around(&moved, other, 3.0, 4.1, 0.0);
  assert_memory_equal(edge->labels, middle->labels, s.natoms);
  lml_cluster *cluster = make_cluster(edge, &moved);
  assert_int_equal(cluster->structure.natoms, expected->structure.natoms);
  assert_memory_equal(cluster->structure.cell, expected->structure.cell, sizeof expected->structure.cell);
  for (size_t i = 0; i < 3 * expected->structure.natoms; i++)
    is_near(cluster->structure.positions[i], expected->structure.positions[i], 1e-12);
  /* The first cluster, given the moved and wrapped atoms, is moved and as whole as before. */
  assert_int_equal(lml_cluster_update(expected, &moved, &error), LML_OK);
  const size_t last = expected->structure.natoms - 1;
  for (size_t i = 0; i < 3 * (last + 1); i++)
    is_near(expected->structure.positions[i] - expected->structure.positions[i % 3],
            cluster->structure.positions[i] - cluster->structure.positions[i % 3], 1e-12);
  frees(edge, cluster);
  frees(middle, expected);
  lml_structure_free(&moved);
  lml_structure_free(&s);
}

static void a_skewed_cell_gives_the_same_cluster(void **state) {
  (void)state;
  lml_structure s = small_crystal(12, 12, 12, 0);
  const double centre[3] = {1, 22, 10};
  lml_region *region = region_around(&s, centre, 3.0, 4.1, 0.0);
  lml_cluster *expected = make_cluster(region, &s);
  lml_structure skewed = {0};
  assert_int_equal(lml_structure_copy(&skewed, &s, &error), LML_OK);
  for (int x = 0; x < 3; x++) { /* the same lattice */
    skewed.cell[3 + x] += skewed.cell[x];
    skewed.cell[6 + x] -= 2.0 * skewed.cell[3 + x];
  }
  lml_region *same = region_around(&skewed, centre, 3.0, 4.1, 0.0);
  assert_memory_equal(same->labels, region->labels, s.natoms);
  lml_cluster *cluster = make_cluster(same, &skewed);
  /* But for periods along the direction that is short, between its faces, in the skewed cell alone. */
  lml_lattice lattice;
  assert_int_equal(lml_lattice_make(&lattice, &cluster->structure, &error), LML_OK);
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const double *ours = cluster->structure.positions, *theirs = expected->structure.positions;
    double apart[3], nearest[3];
    for (size_t x = 0; x < 3; x++) apart[x] = (ours[3 * i + x] - ours[x]) - (theirs[3 * i + x] - theirs[x]);
    lml_lattice_nearest(&lattice, apart, nearest);
    for (size_t x = 0; x < 3; x++) is_near(nearest[x], 0.0, 1e-11);
  }
  frees(same, cluster);
  frees(region, expected);
  lml_structure_free(&skewed);
  lml_structure_free(&s);
}

static void a_periodic_direction_may_be_oblique(void **state) {
  (void)state;
  lml_structure s = small_crystal(15, 15, 2, 0);
  const double turn[9] = {0.6, 0.8, 0, 0, 0, 1, 0.8, -0.6, 0}; /* a rotation: c comes to lie in the xy plane */
  lml_structure turned = {0};
  assert_int_equal(lml_structure_copy(&turned, &s, &error), LML_OK);
  for (size_t i = 0; i < s.natoms + 3; i++) {
    const double *from = i < s.natoms ? s.positions + 3 * i : s.cell + 3 * (i - s.natoms);
    double *to = i < s.natoms ? turned.positions + 3 * i : turned.cell + 3 * (i - s.natoms);
    for (int x = 0; x < 3; x++) to[x] = from[0] * turn[x] + from[1] * turn[3 + x] + from[2] * turn[6 + x];
  }
  const double centre[3] = {14 * 0.6, 14 * 0.8, 14};
  lml_region *region = region_around(&turned, centre, 2.1, 4.1, 0.0);
  lml_cluster *cluster = make_cluster(region, &turned);
  assert_true(cluster->structure.pbc[2] && !cluster->structure.pbc[0] && !cluster->structure.pbc[1]);
  const double *cell = cluster->structure.cell;
  for (int k = 0; k < 2; k++)
    is_near(cell[3 * k] * cell[6] + cell[3 * k + 1] * cell[7] + cell[3 * k + 2] * cell[8], 0.0, 1e-12);
  is_near(lml_structure_volume(&cluster->structure), 21.0 * 21.0 * 4.0, 1e-9);
  frees(region, cluster);
  lml_structure_free(&turned);
  lml_structure_free(&s);
}

static void a_cluster_that_touches_its_image_is_refused(void **state) {
  (void)state;
  lml_structure s = small_crystal(12, 12, 12, 0);
  const double centre[3] = {10, 10, 10};
  lml_region *region = region_around(&s, centre, 2.1, 4.1, 0.0);
  lml_cluster cluster = {0};
  const lml_cluster_settings tight = {.vacuum = 0.5, .rounding = 3.0};
  assert_int_equal(lml_cluster_make(&cluster, region, &s, &tight, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "from its own periodic image"));
  assert_non_null(strstr(error.message, "raise the vacuum"));
  lml_region_free(region);
  lml_free(region);
  lml_structure_free(&s);
}

/* ---- mixtures ---- */

/** A crystal with a region in its middle, and the calculators that see it; k of a spring is the atomic number. */
typedef struct mixture {
  lml_structure structure;
  spring_script ml_script, qm_script;
  lml_mixing_region region;
  lml_mixing_settings settings;
  lml_calculator *calculator;
} mixture;

static mixture *prepare(double blend) {
  static mixture m;
  const double centre[3] = {10, 10, 10};
  m = (mixture){.structure = small_crystal(12, 12, 12, 0)};
  m.region = (lml_mixing_region){.name = "core", .region = region_around(&m.structure, centre, 2.1, 2.1, blend)};
  m.region.cluster = make_cluster(m.region.region, &m.structure);
  m.region.calculator = spring_calculator(&m.qm_script);
  m.settings = (lml_mixing_settings){.structure = &m.structure,
                                     .ml = spring_calculator(&m.ml_script),
                                     .regions = &m.region,
                                     .nregions = 1,
                                     .zero_mean_force = true};
  return &m;
}

static void creates(mixture *m) {
  if (lml_mixing_calculator_create(&m->settings, &m->calculator, &error) != LML_OK) fail_msg("%s", error.message);
}

static void ends(mixture *m) {
  lml_calculator_destroy(m->calculator);
  lml_structure_free(&m->structure);
}

/** The force before the mean is subtracted: springs to the parent's or the cluster's origin. */
static double raw_force(const mixture *m, size_t i, size_t x) {
  const double r = m->structure.positions[3 * i + x], weight = m->region.region->weights[i];
  return -weight * (r + m->region.cluster->shift[x]) - (1.0 - weight) * r;
}

static void forces_are_mixed(void **state) {
  (void)state;
  for (int round = 0; round < 4; round++) {
    mixture *m = prepare(round % 2 == 0 ? 0.0 : 3.0);
    m->settings.zero_mean_force = round < 2;
    m->ml_script.slices = 1 + 3 * round;
    m->qm_script.slices = 7 - 2 * round;
    creates(m);
    lml_results results = {0};
    assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, &energies_too, &results, &error), LML_OK);
    const size_t natoms = m->structure.natoms;
    double mean[3] = {0};
    for (size_t i = 0; i < natoms; i++)
      for (size_t x = 0; x < 3; x++) mean[x] += raw_force(m, i, x) / (double)natoms;
    const lml_result *stated = result_of(&results, "mean_force");
    for (size_t x = 0; x < 3; x++) is_near(stated->reals[x], mean[x], 1e-10);
    for (size_t i = 0; i < natoms; i++)
      for (size_t x = 0; x < 3; x++)
        is_near(results.forces[3 * i + x], raw_force(m, i, x) - (round < 2 ? mean[x] : 0.0), 1e-10);
    assert_int_equal(results.list[LML_RESULTS_ENERGY].origin, LML_ORIGIN_ABSENT);
    assert_int_equal(results.list[LML_RESULTS_VIRIAL].origin, LML_ORIGIN_ABSENT);
    assert_true(*results.energy == 0.0 && results.virial[0] == 0.0);
    assert_int_equal(result_of(&results, "qm_atoms")->integers[0], 7);
    assert_int_equal(result_of(&results, "blend_atoms")->integers[0],
                     (long long)m->region.region->counts[LML_REGION_BLEND]);
    /* Springs differ by the shift alone. */
    const double *shift = m->region.cluster->shift;
    const double difference = sqrt(shift[0] * shift[0] + shift[1] * shift[1] + shift[2] * shift[2]);
    is_near(result_of(&results, "qm_difference_mean")->reals[0], difference, 1e-10);
    is_near(result_of(&results, "qm_difference_max")->reals[0], difference, 1e-10);
    is_near(result_of(&results, "buffer_difference_max")->reals[0], difference, 1e-10);
    assert_int_equal(result_of(&results, "buffer_difference_mean")->width, 4);
    lml_results_free(&results);
    ends(m);
  }
}

static void the_ml_part_stands_for_energy_and_virial(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  m->settings.energy = m->settings.virial = LML_MIXING_ML;
  creates(m);
  lml_results results = {0};
  m->structure.cell[0] *= 1.01; /* allowed, as there is a virial */
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, &energies_too, &results, &error), LML_OK);
  assert_int_equal(results.list[LML_RESULTS_ENERGY].origin, LML_ORIGIN_ML_PART);
  assert_int_equal(results.list[LML_RESULTS_VIRIAL].origin, LML_ORIGIN_ML_PART);
  assert_int_equal(result_of(&results, "energies")->origin, LML_ORIGIN_ML_PART);
  is_near(result_of(&results, "energy_ml")->reals[0], *results.energy, 0.0);
  is_near(energies_of(&results)[1], 2.0, 1e-12);
  assert_true(results.virial[0] < 0.0);
  lml_results_free(&results);
  ends(m);
}

static void foreign_atoms_are_invisible_to_the_ml_side(void **state) {
  (void)state;
  const int known[] = {1};
  mixture *m = prepare(0.0);
  size_t foreign = 0;
  while (m->region.region->labels[foreign] != LML_REGION_QM) foreign++;
  m->structure.numbers[foreign] = 2;
  m->settings.known = known;
  m->settings.nknown = 1;
  m->settings.foreign_distance = 2.5;
  for (size_t i = 0; i < m->region.cluster->structure.natoms; i++)
    if (m->region.cluster->parents[i] == foreign) m->region.cluster->structure.numbers[i] = 2;
  m->settings.energy = LML_MIXING_ML;
  creates(m);
  lml_results results = {0};
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, &energies_too, &results, &error), LML_OK);
  assert_int_equal(m->ml_script.started, 1);
  assert_int_equal(results.natoms, m->structure.natoms);
  const double *mean = result_of(&results, "mean_force")->reals;
  for (size_t i = 0; i < m->structure.natoms; i++)
    for (size_t x = 0; x < 3; x++) {
      const double k = i == foreign ? 2.0 : 1.0;
      is_near(results.forces[3 * i + x] + mean[x], k * raw_force(m, i, x), 1e-9);
    }
  is_near(energies_of(&results)[foreign], 0.0, 0.0);
  is_near(energies_of(&results)[m->structure.natoms - 1], 0.5 * 3 * 22 * 22, 1e-9);
  lml_results_free(&results);
  ends(m);
}

/** The mixture refuses, and the caller keeps what it gave. */
static void refuses_to_be_made(mixture *m, const char *words) {
  assert_int_equal(lml_mixing_calculator_create(&m->settings, &m->calculator, &error), LML_ERR_INPUT);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  frees(m->region.region, m->region.cluster);
  lml_calculator_destroy(m->region.calculator);
  lml_calculator_destroy(m->settings.ml);
  lml_structure_free(&m->structure);
}

static void a_foreign_atom_outside_is_refused(void **state) {
  (void)state;
  const int known[] = {1};
  mixture *m = prepare(0.0);
  m->structure.numbers[1] = 2;
  m->settings.known = known;
  m->settings.nknown = 1;
  refuses_to_be_made(m, "atom 1 is He, which the potential does not know, and no QM atom");
}

static void regions_that_overlap_are_refused(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  const double centre[3] = {14, 10, 10};
  lml_mixing_region both[] = {m->region, {.name = "other", .region = region_around(&m->structure, centre, 2.1, 2, 0)}};
  m->settings.regions = both;
  m->settings.nregions = 2;
  refuses_to_be_made(m, "from both of the regions core and other");
  lml_region_free(both[1].region);
  lml_free(both[1].region);
}

static void two_regions_are_mixed_at_once(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  const double centre[3] = {0, 0, 0};
  spring_script script = {.slices = 3};
  lml_mixing_region both[] = {m->region,
                              {.name = "other", .region = region_around(&m->structure, centre, 2.1, 2.1, 0)}};
  both[1].cluster = make_cluster(both[1].region, &m->structure);
  both[1].calculator = spring_calculator(&script);
  m->settings.regions = both;
  m->settings.nregions = 2;
  m->settings.zero_mean_force = false;
  creates(m);
  lml_results results = {0};
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, NULL, &results, &error), LML_OK);
  is_near(results.forces[0], -both[1].cluster->shift[0], 1e-12);
  assert_int_equal(result_of(&results, "qm_atoms")->integers[0], 14);
  lml_results_free(&results);
  ends(m);
}

static void refuses_structure(mixture *m, const lml_structure *structure, const char *words) {
  lml_results results = {0};
  assert_int_equal(lml_calculator_evaluate(m->calculator, structure, NULL, &results, &error), LML_ERR_INPUT);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  lml_results_free(&results);
}

static void another_structure_is_refused(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  creates(m);
  lml_structure other = {0};
  assert_int_equal(lml_structure_copy(&other, &m->structure, &error), LML_OK);
  other.cell[4] += 0.01;
  refuses_structure(m, &other, "vector b differs by 0.01 Å");
  other.cell[4] -= 0.01;
  other.numbers[5] = 3;
  refuses_structure(m, &other, "atom 5 is Li for the driver, but H in the structure");
  other.numbers[5] = 1;
  other.pbc[2] = false;
  refuses_structure(m, &other, "periodic in other directions");
  assert_int_equal(lml_structure_resize(&other, 9, &error), LML_OK);
  refuses_structure(m, &other, "the driver has 9 atoms");
  assert_int_equal(m->ml_script.started + m->qm_script.started, 0);
  lml_structure_free(&other);
  ends(m);
}

/** Where one side fails, the other is cancelled, and the next evaluation works. */
static void a_failure_cancels_all(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  creates(m);
  lml_results results = {0};
  m->qm_script.finish_fails = true;
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, NULL, &results, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "the springs are broken"));
  m->qm_script.finish_fails = false;
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, NULL, &results, &error), LML_OK);
  assert_int_equal(lml_calculator_start(m->calculator, &m->structure, NULL, &error), LML_OK);
  lml_calculator_cancel(m->calculator);
  assert_int_equal(m->ml_script.cancelled, 1);
  assert_int_equal(m->qm_script.cancelled, 2);
  lml_results_free(&results);
  ends(m);
}

/* ---- regions that are chosen within the evaluation ---- */

/** What a choice sees, and what it takes. */
typedef struct choosing {
  mixture *mixture;
  lml_mixing_region taken; /**< no region: the one that is there stays */
  lml_status status;
  size_t asked;
} choosing;

static lml_status choose(void *context, const lml_structure *structure, lml_error *reason) {
  choosing *c = context;
  lml_mixture *mixed = lml_mixture_of(c->mixture->calculator);
  c->asked++;
  assert_ptr_equal(structure, &c->mixture->structure);
  assert_int_equal(c->mixture->qm_script.started, 0);
  assert_int_equal(c->mixture->ml_script.finished, 1);
  assert_string_equal(c->mixture->ml_script.asked, "energies scores ");
  assert_int_equal(lml_mixture_parts(mixed).ml->natoms, structure->natoms);
  if (c->status != LML_OK) return lml_fail(reason, c->status, "no choice");
  return c->taken.region == NULL ? LML_OK : lml_mixture_take(mixed, &c->taken, reason);
}

static choosing begin_choosing(mixture *m, lml_status status) { return (choosing){.mixture = m, .status = status}; }

static lml_status evaluates_by_choice(mixture *m, choosing *c, lml_results *results) {
  static const char *const names[] = {"scores", "energies"};
  const lml_mixing_choice choice = {.needs = {names, 2}, .choose = choose, .context = c};
  m->qm_script.started = m->ml_script.finished = 0;
  lml_mixture_choose_first(lml_mixture_of(m->calculator), &choice);
  return lml_calculator_evaluate(m->calculator, &m->structure, &energies_too, results, &error);
}

/** Of one evaluation alone; where it fails, nobody else is asked. */
static void a_choice_comes_between(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  lml_results results = {0};
  creates(m);
  m->ml_script.slices = 3;
  choosing good = begin_choosing(m, LML_OK), bad = begin_choosing(m, LML_ERR_INPUT);
  assert_int_equal(evaluates_by_choice(m, &good, &results), LML_OK);
  assert_int_equal(m->qm_script.started, 1);
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, NULL, &results, &error), LML_OK);
  assert_int_equal(good.asked, 1);
  assert_string_equal(m->ml_script.asked, "");
  assert_int_equal(evaluates_by_choice(m, &bad, &results), LML_ERR_INPUT);
  assert_string_equal(error.message, "no choice");
  assert_int_equal(m->qm_script.started, 0);
  assert_int_equal(lml_calculator_evaluate(m->calculator, &m->structure, NULL, &results, &error), LML_OK);
  assert_int_equal(bad.asked, 1);
  lml_results_free(&results);
  ends(m);
}

/** Its calculator is not asked, and forces are the ML calculator's, less their mean. */
static void a_region_may_have_no_atoms(void **state) {
  (void)state;
  mixture *m = prepare(0.0);
  lml_results results = {0};
  creates(m);
  unsigned char *nobody;
  lml_region region = {0};
  lml_cluster cluster = {0};
  const lml_region_settings settings = {.selection = LML_REGION_UNCERTAIN, .buffer = 3.0};
  assert_int_equal(lml_alloc(&nobody, m->structure.natoms, 1, "labels", &error), LML_OK);
  assert_int_equal(lml_region_make_of(&region, &settings, &m->structure, nobody, NULL, &error), LML_OK);
  assert_int_equal(lml_cluster_make(&cluster, &region, &m->structure, &usual_cluster, &error), LML_OK);
  choosing c = begin_choosing(m, LML_OK);
  c.taken = (lml_mixing_region){.region = &region, .cluster = &cluster};
  assert_int_equal(evaluates_by_choice(m, &c, &results), LML_OK);
  assert_int_equal(m->qm_script.started, 0);
  assert_int_equal(result_of(&results, "qm_atoms")->integers[0], 0);
  assert_true(isnan(result_of(&results, "qm_difference_max")->reals[0]));
  const double mean = 11.0; /* of places from 0 to 22 */
  for (size_t i = 0; i < 3 * m->structure.natoms; i++)
    is_near(results.forces[i], mean - m->structure.positions[i], 1e-10);
  lml_free(nobody);
  lml_region_free(&region);
  lml_cluster_free(&cluster);
  lml_results_free(&results);
  ends(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sphere_stands_in_vacuum),
      cmocka_unit_test(a_disk_is_periodic_along_the_short_direction),
      cmocka_unit_test(a_helix_stays_in_the_cell_of_its_period),
      cmocka_unit_test(a_region_across_boundaries_is_in_one_piece),
      cmocka_unit_test(a_skewed_cell_gives_the_same_cluster),
      cmocka_unit_test(a_periodic_direction_may_be_oblique),
      cmocka_unit_test(a_cluster_that_touches_its_image_is_refused),
      cmocka_unit_test(forces_are_mixed),
      cmocka_unit_test(the_ml_part_stands_for_energy_and_virial),
      cmocka_unit_test(foreign_atoms_are_invisible_to_the_ml_side),
      cmocka_unit_test(a_foreign_atom_outside_is_refused),
      cmocka_unit_test(regions_that_overlap_are_refused),
      cmocka_unit_test(two_regions_are_mixed_at_once),
      cmocka_unit_test(another_structure_is_refused),
      cmocka_unit_test(a_failure_cancels_all),
      cmocka_unit_test(a_choice_comes_between),
      cmocka_unit_test(a_region_may_have_no_atoms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
