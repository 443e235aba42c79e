/* A host program's atoms and lists give what lmlink's own search gives for the periodic structure that they are of. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/sys.h"
#include "lmlink/evaluator.h"
#include "support/energies.h"
#include "support/made_up.h"
#include "support/near.h"

#define USUAL .rcutfac = 4.7, .rfac0 = 0.99363, .switchflag = true, .bzeroflag = true

static const struct {
  lml_snap_parameters parameters;
  size_t nelements;
  double zbl_outer;
} variants[] = {
    {{USUAL, .twojmax = 6}, 1, 0.0},
    {{USUAL, .twojmax = 5}, 2, 4.2},
    {{USUAL, .twojmax = 4, .quadraticflag = true}, 2, 4.0},
    {{USUAL, .twojmax = 2, .chemflag = true, .quadraticflag = true}, 2, 0.0},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

enum { REACH = 4, ATOMS = 20000, FLAG = 1 << 30, KINDS = 3, BERYLLIUM = 0, INVISIBLE = 1, TUNGSTEN = 2 };

/** All that a host has. Its own atoms are scattered among ghosts and atoms that the potential does not see. */
static struct {
  size_t count, ncentres;
  double positions[3 * ATOMS];
  int kinds[ATOMS], owner[ATOMS], centres[16], list[ATOMS];
  double cutoff;
} host;

static void add_atom(const double position[3], int kind, int owner) {
  assert_true(host.count < ATOMS);
  memcpy(host.positions + 3 * host.count, position, 3 * sizeof *position);
  host.kinds[host.count] = kind;
  host.owner[host.count++] = owner;
}

/** One image of the structure's atoms, and something invisible beside each. */
static void add_image(const lml_structure *structure, const int shift[3]) {
  for (size_t i = 0; i < structure->natoms; i++) {
    double r[3], beside[3];
    for (size_t d = 0; d < 3; d++) {
      r[d] = structure->positions[3 * i + d];
      for (size_t k = 0; k < 3; k++) r[d] += shift[k] * structure->cell[3 * k + d];
      beside[d] = r[d] + 0.6;
    }
    if (shift[0] == 0 && shift[1] == 0 && shift[2] == 0) host.centres[host.ncentres++] = (int)host.count;
    add_atom(r, structure->numbers[i] == 74 ? TUNGSTEN : BERYLLIUM, (int)i);
    add_atom(beside, INVISIBLE, (int)i);
  }
}

static void make_host(const lml_structure *structure, double cutoff) {
  host.count = host.ncentres = 0;
  host.cutoff = cutoff;
  for (int a = -REACH; a <= REACH; a++)
    for (int b = -REACH; b <= REACH; b++)
      for (int c = -REACH; c <= REACH; c++) add_image(structure, (const int[3]){a, b, c});
}

/** All atoms within the cutoff and a little more, with a bit that is not the index's; the last list is overwritten. */
static size_t neighbours_of(void *context, int centre, const int **list) {
  size_t count = 0;
  assert_ptr_equal(context, &host);
  for (size_t j = 0; j < host.count; j++) {
    double square = 0.0;
    for (size_t d = 0; d < 3; d++) square += pow(host.positions[3 * j + d] - host.positions[3 * centre + (int)d], 2);
    if ((int)j != centre && square < pow(host.cutoff + 0.3, 2)) host.list[count++] = (int)j | (j % 2 == 0 ? FLAG : 0);
  }
  *list = host.list;
  return count;
}

static const int elements_of_kinds[2][KINDS] = {{-1, -1, 0}, {1, -1, 0}};

static lml_evaluator_atoms atoms_of_host(size_t nelements) {
  return (lml_evaluator_atoms){.size = sizeof(lml_evaluator_atoms),
                               .natoms = host.count,
                               .positions = host.positions,
                               .kinds = host.kinds,
                               .elements = elements_of_kinds[nelements - 1],
                               .nkinds = KINDS,
                               .ncentres = host.ncentres,
                               .centres = host.centres,
                               .neighbours = neighbours_of,
                               .context = &host,
                               .mask = FLAG - 1};
}

/** Results are added to what is there, ghosts' forces belong to their owners; both must be those of the calculator. */
static void compare(const lml_results *expected, size_t natoms, double energy, const double *energies, double *forces,
                    const double virial[9]) {
  double scale = 1.0, folded[3 * 16] = {0.0};
  for (size_t i = 0; i < 3 * natoms; i++) scale = fmax(scale, fabs(expected->forces[i]));
  for (size_t j = 0; j < host.count; j++)
    for (size_t d = 0; d < 3; d++) {
      if (host.kinds[j] == INVISIBLE) assert_near(forces[3 * j + d], 0.0, 0.0);
      folded[3 * (size_t)host.owner[j] + d] += forces[3 * j + d];
    }
  for (size_t i = 0; i < 3 * natoms; i++) assert_near(folded[i], expected->forces[i], 1e-11 * scale);
  for (size_t i = 0; i < natoms; i++)
    assert_near(energies[host.centres[i]], 1.0 + energies_of(expected)[i],
                1e-11 * fmax(1.0, fabs(energies_of(expected)[i])));
  assert_near(energy, 5.0 + *expected->energy, 1e-11 * fmax(1.0, fabs(*expected->energy)));
  for (size_t k = 0; k < 9; k++) assert_near(virial[k], 2.0 + expected->virial[k], 1e-10 * scale);
}

static void a_host_gets_what_the_calculator_gives(void **state) {
  (void)state;
  static double energies[ATOMS], forces[3 * ATOMS];
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = made_up_potential(&variants[v].parameters, variants[v].nelements, variants[v].zbl_outer);
    lml_structure structure = made_up_structure(variants[v].nelements);
    lml_calculator *calculator;
    lml_evaluator *evaluator;
    lml_results expected = {0};
    assert_int_equal(lml_linear_calculator_create(potential, &calculator, NULL), LML_OK);
    assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &expected, NULL), LML_OK);
    make_host(&structure, lml_potential_cutoff(potential));
    const lml_evaluator_atoms atoms = atoms_of_host(variants[v].nelements);
    assert_int_equal(lml_evaluator_create(potential, &evaluator, NULL), LML_OK);
    for (int round = 0; round < 2; round++) {
      double energy = 5.0, virial[9] = {2, 2, 2, 2, 2, 2, 2, 2, 2};
      for (size_t i = 0; i < host.count; i++) energies[i] = 1.0;
      memset(forces, 0, sizeof forces);
      const lml_evaluator_sums sums = {
          .size = sizeof sums, .energy = &energy, .energies = energies, .forces = forces, .virial = virial};
      assert_int_equal(lml_evaluator_begin(evaluator, &atoms, &sums, NULL), LML_OK);
      while (lml_evaluator_step(evaluator, 1)) {
      }
      lml_evaluator_finish(evaluator);
      compare(&expected, structure.natoms, energy, energies, forces, virial);
    }
    lml_evaluator_destroy(evaluator);
    lml_calculator_destroy(calculator);
    lml_results_free(&expected);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

/* ---- virials of atoms ---- */

static void evaluate_host(lml_evaluator *evaluator, size_t nelements, const lml_evaluator_sums *sums) {
  const lml_evaluator_atoms atoms = atoms_of_host(nelements);
  assert_int_equal(lml_evaluator_begin(evaluator, &atoms, sums, NULL), LML_OK);
  lml_evaluator_finish(evaluator);
}

/** Where components of the whole virial stand in those of atoms. */
static const int places[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};

static void virials_of_atoms_add_up_to_the_whole(void **state) {
  (void)state;
  static double halves[6 * ATOMS], centroids[9 * ATOMS];
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = made_up_potential(&variants[v].parameters, variants[v].nelements, variants[v].zbl_outer);
    lml_structure structure = made_up_structure(variants[v].nelements);
    lml_evaluator *evaluator;
    make_host(&structure, lml_potential_cutoff(potential));
    assert_int_equal(lml_evaluator_create(potential, &evaluator, NULL), LML_OK);
    double virial[9] = {0.0}, scale = 1.0, sums_of_halves[6] = {0.0}, sums_of_centroids[9] = {0.0};
    memset(halves, 0, sizeof halves);
    memset(centroids, 0, sizeof centroids);
    evaluate_host(
        evaluator, variants[v].nelements,
        &(lml_evaluator_sums){
            .size = sizeof(lml_evaluator_sums), .virial = virial, .virials = halves, .centroid_virials = centroids});
    for (size_t i = 0; i < host.count; i++) {
      for (size_t k = 0; k < 6; k++) sums_of_halves[k] += halves[6 * i + k];
      for (size_t k = 0; k < 9; k++) sums_of_centroids[k] += centroids[9 * i + k];
    }
    for (size_t k = 0; k < 9; k++) scale = fmax(scale, fabs(virial[k]));
    for (size_t k = 0; k < 6; k++) assert_near(sums_of_halves[k], virial[places[k]], 1e-11 * scale);
    for (size_t k = 0; k < 9; k++) assert_near(sums_of_centroids[k], virial[places[k]], 1e-11 * scale);
    lml_evaluator_destroy(evaluator);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

/** A cluster in vacuum: the structure's atoms, and where they fly. */
typedef struct cluster {
  size_t natoms;
  double positions[3 * 16], velocities[3 * 16]; /* Å, Å per unit of time */
} cluster;

static cluster make_cluster(const lml_structure *structure, double cutoff) {
  cluster c = {.natoms = structure->natoms};
  unsigned state = 11;
  host.count = host.ncentres = 0;
  host.cutoff = cutoff;
  memcpy(c.positions, structure->positions, 3 * c.natoms * sizeof(double));
  for (size_t i = 0; i < 3 * c.natoms; i++) c.velocities[i] = made_up_number(&state);
  for (size_t i = 0; i < c.natoms; i++) {
    host.centres[host.ncentres++] = (int)i;
    add_atom(c.positions + 3 * i, structure->numbers[i] == 74 ? TUNGSTEN : BERYLLIUM, (int)i);
  }
  return c;
}

/** Σ r_i E_i of the cluster at the time @p t. */
static void moment_at(lml_evaluator *evaluator, size_t nelements, const cluster *c, double t, double moment[3]) {
  double energies[16] = {0.0};
  for (size_t i = 0; i < 3 * c->natoms; i++) host.positions[i] = c->positions[i] + t * c->velocities[i];
  evaluate_host(evaluator, nelements, &(lml_evaluator_sums){.size = sizeof(lml_evaluator_sums), .energies = energies});
  for (size_t d = 0; d < 3; d++) {
    moment[d] = 0.0;
    for (size_t i = 0; i < c->natoms; i++) moment[d] += host.positions[3 * i + d] * energies[i];
  }
}

/** d/dt Σ r_i E_i from three central differences, whose errors of second and fourth order cancel. */
static void moment_slope(lml_evaluator *evaluator, size_t nelements, const cluster *c, double slope[3]) {
  static const double weights[3] = {64.0 / 45.0, -20.0 / 45.0, 1.0 / 45.0};
  double step = 1e-3;
  slope[0] = slope[1] = slope[2] = 0.0;
  for (size_t k = 0; k < 3; k++, step *= 2.0) {
    double before[3], behind[3];
    moment_at(evaluator, nelements, c, -step, before);
    moment_at(evaluator, nelements, c, step, behind);
    for (size_t d = 0; d < 3; d++) slope[d] += weights[k] * (behind[d] - before[d]) / (2.0 * step);
  }
}

/** The heat flux of potential energies, Σ E_i v_i + Σ C_i v_i; kinetic energies change by F_i·v_i, so that it is
 *  d/dt Σ r_i E_i + Σ r_i (F_i·v_i). */
static void check_heat_flux(lml_evaluator *evaluator, size_t nelements, const cluster *c) {
  static const int rows[9] = {0, 1, 2, 0, 0, 1, 1, 2, 2}, columns[9] = {0, 1, 2, 1, 2, 2, 0, 0, 1};
  double expected[3], flux[3] = {0.0}, energies[16] = {0.0}, forces[3 * 16] = {0.0}, centroids[9 * 16] = {0.0};
  moment_slope(evaluator, nelements, c, expected);
  memcpy(host.positions, c->positions, 3 * c->natoms * sizeof(double));
  evaluate_host(
      evaluator, nelements,
      &(lml_evaluator_sums){
          .size = sizeof(lml_evaluator_sums), .energies = energies, .forces = forces, .centroid_virials = centroids});
  for (size_t i = 0; i < c->natoms; i++) {
    const double *r = c->positions + 3 * i, *v = c->velocities + 3 * i, *f = forces + 3 * i;
    for (size_t d = 0; d < 3; d++) {
      expected[d] += r[d] * (f[0] * v[0] + f[1] * v[1] + f[2] * v[2]);
      flux[d] += energies[i] * v[d];
    }
    for (size_t k = 0; k < 9; k++) flux[rows[k]] += centroids[9 * i + k] * v[columns[k]];
  }
  const double size = sqrt(expected[0] * expected[0] + expected[1] * expected[1] + expected[2] * expected[2]);
  for (size_t d = 0; d < 3; d++) assert_near(flux[d], expected[d], 1e-8 * size);
}

static void centroid_virials_give_the_heat_flux(void **state) {
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = made_up_potential(&variants[v].parameters, variants[v].nelements, variants[v].zbl_outer);
    lml_structure structure = made_up_structure(variants[v].nelements);
    lml_evaluator *evaluator;
    const cluster c = make_cluster(&structure, lml_potential_cutoff(potential));
    assert_int_equal(lml_evaluator_create(potential, &evaluator, NULL), LML_OK);
    check_heat_flux(evaluator, variants[v].nelements, &c);
    lml_evaluator_destroy(evaluator);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

/** Descriptors and fixed terms by themselves are the potential without and with nothing but its ZBL term. */
static void terms_can_be_chosen(void **state) {
  (void)state;
  static const int chosen[3] = {LML_TERMS_DESCRIPTORS, LML_TERMS_FIXED, 0};
  static double forces[3][3 * ATOMS];
  lml_potential *potential = made_up_potential(&variants[1].parameters, 2, 4.2);
  lml_potential *without = made_up_potential(&variants[1].parameters, 2, 0.0);
  lml_structure structure = made_up_structure(2);
  lml_evaluator *evaluator, *plain;
  double energy[3] = {0.0}, expected = 0.0;
  make_host(&structure, lml_potential_cutoff(potential));
  assert_int_equal(lml_evaluator_create(potential, &evaluator, NULL), LML_OK);
  assert_int_equal(lml_evaluator_create(without, &plain, NULL), LML_OK);
  for (size_t k = 0; k < 3; k++)
    evaluate_host(
        evaluator, 2,
        &(lml_evaluator_sums){
            .size = sizeof(lml_evaluator_sums), .energy = &energy[k], .forces = forces[k], .terms = chosen[k]});
  evaluate_host(plain, 2, &(lml_evaluator_sums){.size = sizeof(lml_evaluator_sums), .energy = &expected});
  assert_near(energy[0], expected, 0.0);
  assert_true(energy[1] > 1.0);
  assert_near(energy[0] + energy[1], energy[2], 1e-12 * fabs(energy[2]));
  for (size_t i = 0; i < 3 * host.count; i++) assert_near(forces[0][i] + forces[1][i], forces[2][i], 1e-10);
  lml_evaluator_destroy(evaluator);
  lml_evaluator_destroy(plain);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
  lml_potential_destroy(without);
}

/* ---- calls that allocate ---- */

static size_t allocations;

static void *counting_malloc(size_t size) {
  allocations++;
  return lml_sys_posix.malloc(size);
}

static void *counting_aligned_alloc(size_t alignment, size_t size) {
  allocations++;
  return lml_sys_posix.aligned_alloc(alignment, size);
}

static lml_potential *potential;
static lml_evaluator *evaluator;

static int start(void **state) {
  (void)state;
  lml_structure structure = made_up_structure(2);
  potential = made_up_potential(&variants[1].parameters, 2, 4.2);
  make_host(&structure, lml_potential_cutoff(potential));
  lml_structure_free(&structure);
  return lml_evaluator_create(potential, &evaluator, NULL) == LML_OK ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  lml_evaluator_destroy(evaluator);
  lml_potential_destroy(potential);
  return 0;
}

static double energy_alone(void) {
  const lml_evaluator_atoms atoms = atoms_of_host(2);
  double energy = 0.0;
  const lml_evaluator_sums sums = {.size = sizeof sums, .energy = &energy};
  assert_int_equal(lml_evaluator_begin(evaluator, &atoms, &sums, NULL), LML_OK);
  lml_evaluator_finish(evaluator);
  return energy;
}

static void a_warm_evaluator_allocates_nothing(void **state) {
  (void)state;
  const double first = energy_alone();
  lml_sys_table counting = lml_sys_posix;
  counting.malloc = counting_malloc;
  counting.aligned_alloc = counting_aligned_alloc;
  lml_sys = &counting;
  const double second = energy_alone();
  lml_sys = &lml_sys_posix;
  assert_int_equal(allocations, 0);
  assert_near(second, first, 0.0);
}

/** A host that was compiled before virials of atoms were there hands over a shorter structure. */
static void what_an_older_header_lacks_is_not_looked_at(void **state) {
  (void)state;
  const lml_evaluator_atoms atoms = atoms_of_host(2);
  double energy = 0.0, virials[6] = {7.0};
  const lml_evaluator_sums sums = {
      .size = offsetof(lml_evaluator_sums, virials), .energy = &energy, .virials = virials, .terms = LML_TERMS_FIXED};
  assert_int_equal(lml_evaluator_begin(evaluator, &atoms, &sums, NULL), LML_OK);
  lml_evaluator_finish(evaluator);
  assert_near(energy, energy_alone(), 0.0);
  assert_near(virials[0], 7.0, 0.0);
}

static void what_is_out_of_range_is_named(void **state) {
  (void)state;
  static const int beyond[KINDS] = {2, -1, 0};
  lml_evaluator_atoms atoms = atoms_of_host(2);
  lml_error error = {0};
  double energy = 0.0;
  const lml_evaluator_sums sums = {.size = sizeof sums, .energy = &energy};
  atoms.elements = beyond;
  assert_int_equal(lml_evaluator_begin(evaluator, &atoms, &sums, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "kind 0 (counted from 0): element 2 is none of the 2"));
  atoms = atoms_of_host(2);
  atoms.nkinds = 2;
  assert_int_equal(lml_evaluator_begin(evaluator, &atoms, &sums, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "kind 2 is none of the 2"));
  lml_evaluator_finish(evaluator);
  assert_near(energy, 0.0, 0.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_host_gets_what_the_calculator_gives),
      cmocka_unit_test(virials_of_atoms_add_up_to_the_whole),
      cmocka_unit_test(centroid_virials_give_the_heat_flux),
      cmocka_unit_test(terms_can_be_chosen),
      cmocka_unit_test_setup_teardown(a_warm_evaluator_allocates_nothing, start, stop),
      cmocka_unit_test_setup_teardown(what_an_older_header_lacks_is_not_looked_at, start, stop),
      cmocka_unit_test_setup_teardown(what_is_out_of_range_is_named, start, stop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
