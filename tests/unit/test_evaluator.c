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
    assert_near(energies[host.centres[i]], 1.0 + expected->energies[i], 1e-11 * fmax(1.0, fabs(expected->energies[i])));
  assert_near(energy, 5.0 + expected->energy, 1e-11 * fmax(1.0, fabs(expected->energy)));
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
    assert_int_equal(lml_calculator_evaluate(calculator, &structure, LML_WANT_ENERGIES, &expected, NULL), LML_OK);
    make_host(&structure, lml_potential_cutoff(potential));
    const lml_evaluator_atoms atoms = atoms_of_host(variants[v].nelements);
    assert_int_equal(lml_evaluator_create(potential, &evaluator, NULL), LML_OK);
    for (int round = 0; round < 2; round++) {
      double energy = 5.0, virial[9] = {2, 2, 2, 2, 2, 2, 2, 2, 2};
      for (size_t i = 0; i < host.count; i++) energies[i] = 1.0;
      memset(forces, 0, sizeof forces);
      const lml_evaluator_sums sums = {sizeof sums, &energy, energies, forces, virial};
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_host_gets_what_the_calculator_gives),
                                     cmocka_unit_test_setup_teardown(a_warm_evaluator_allocates_nothing, start, stop),
                                     cmocka_unit_test_setup_teardown(what_is_out_of_range_is_named, start, stop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
