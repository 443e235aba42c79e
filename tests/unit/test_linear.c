/* The linear calculator against itself: derivatives, symmetries, kernels. LAMMPS is its judge in tests/interop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/sys.h"
#include "lmlink/potential.h"
#include "potential/gradient_rows.h"
#include "potential/linear_calculator.h"
#include "support/energies.h"
#include "support/made_up.h"
#include "support/near.h"

#define ok(call)                                                     \
  do {                                                               \
    lml_error error_ = {0};                                          \
    lml_error *error = &error_;                                      \
    if ((call) != LML_OK) fail_msg("%s: %s", #call, error_.message); \
  } while (0)

/** One way to set the flags of a potential. */
typedef struct {
  const char *name;
  lml_snap_parameters parameters;
  size_t nelements;
  double zbl_outer;
} variant;

#define USUAL .switchflag = true, .bzeroflag = true
#define PARAMETERS(twojmax_, rfac0_, ...) \
  { .rcutfac = 4.7, .twojmax = twojmax_, .rfac0 = rfac0_, __VA_ARGS__ }

static const variant variants[] = {
    {"2J = 0", PARAMETERS(0, 0.99363, USUAL), 1, 0.0},
    {"2J = 1", PARAMETERS(1, 0.99363, USUAL), 1, 0.0},
    {"2J = 5", PARAMETERS(5, 0.99363, USUAL), 1, 0.0},
    {"2J = 8", PARAMETERS(8, 0.99363, USUAL), 1, 0.0},
    {"2J = 11", PARAMETERS(11, 0.99363, USUAL), 1, 0.0},
    {"ZBL", PARAMETERS(4, 0.99363, USUAL), 1, 4.8},
    {"rmin0", PARAMETERS(6, 0.99363, USUAL, .rmin0 = 0.7), 1, 0.0},
    {"rmin0 beyond the nearest neighbours", PARAMETERS(6, 0.99363, USUAL, .rmin0 = 2.6), 1, 0.0},
    {"an angle beyond pi", PARAMETERS(6, 1.2, USUAL), 1, 0.0},
    {"no shift", PARAMETERS(6, 0.99363, .switchflag = true), 1, 0.0},
    {"inner switching", PARAMETERS(6, 0.99363, USUAL, .switchinnerflag = true), 2, 0.0},
    {"quadratic", PARAMETERS(6, 0.99363, USUAL, .quadraticflag = true), 1, 0.0},
    {"two elements", PARAMETERS(5, 0.99363, USUAL), 2, 4.0},
    {"two elements, quadratic", PARAMETERS(4, 0.99363, USUAL, .quadraticflag = true), 2, 0.0},
    {"chemflag", PARAMETERS(4, 0.99363, USUAL, .chemflag = true), 2, 0.0},
    {"chemflag, bnormflag", PARAMETERS(5, 0.99363, USUAL, .chemflag = true, .bnormflag = true), 2, 0.0},
    {"chemflag, wselfallflag", PARAMETERS(4, 0.99363, USUAL, .chemflag = true, .wselfallflag = true), 2, 0.0},
    {"chemflag, quadratic", PARAMETERS(2, 0.99363, USUAL, .chemflag = true, .quadraticflag = true), 2, 0.0},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static lml_potential *potential_of(const variant *v) {
  return made_up_potential(&v->parameters, v->nelements, v->zbl_outer);
}

static lml_results evaluate(const lml_potential *potential, const lml_structure *structure) {
  lml_calculator *calculator;
  lml_results results = {0};
  ok(lml_linear_calculator_create(potential, &calculator, error));
  ok(lml_calculator_evaluate(calculator, structure, &energies_too, &results, error));
  lml_calculator_destroy(calculator);
  return results;
}

static double energy_of(lml_calculator *calculator, const lml_structure *structure) {
  lml_results results = {0};
  ok(lml_calculator_evaluate(calculator, structure, NULL, &results, error));
  const double energy = *results.energy;
  lml_results_free(&results);
  return energy;
}

static double largest(const double *values, size_t count) {
  double most = 0.0;
  for (size_t i = 0; i < count; i++) most = fmax(most, fabs(values[i]));
  return most;
}

/** Weights of the eighth-order central difference. */
static const double stencil[4] = {4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0};
static const double step =
    1e-4; /* Å; so small that hardly any neighbour crosses the cutoff, where the force has a kink */
/** What rounding of the energies and the order of the stencil leave of a derivative, relative to the largest. */
static const double derivative_accuracy = 1e-9;

static void forces_are_the_gradient_of_the_energy(void **state) {
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements);
    lml_results results = evaluate(potential, &structure);
    lml_calculator *calculator;
    ok(lml_linear_calculator_create(potential, &calculator, error));
    const double scale = fmax(1.0, largest(results.forces, 3 * structure.natoms));
    for (size_t i = 0; i < 3 * structure.natoms; i += 4) {
      const double origin = structure.positions[i];
      double slope = 0.0;
      for (int k = 1; k <= 4; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
          structure.positions[i] = origin + sign * k * step;
          slope += sign * stencil[k - 1] * energy_of(calculator, &structure) / step;
        }
      structure.positions[i] = origin;
      assert_near(results.forces[i], -slope, derivative_accuracy * scale);
    }
    lml_calculator_destroy(calculator);
    lml_results_free(&results);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

/** The structure under the strain 1 + ε with ε's one element (a, b). */
static void strain(const lml_structure *from, lml_structure *to, size_t a, size_t b, double amount) {
  ok(lml_structure_copy(to, from, error));
  for (size_t i = 0; i < 3; i++) to->cell[3 * i + b] += amount * from->cell[3 * i + a];
  for (size_t i = 0; i < to->natoms; i++) to->positions[3 * i + b] += amount * from->positions[3 * i + a];
}

static void the_virial_is_the_derivative_by_strain(void **state) {
  (void)state;
  const double small = 2e-5;
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements), strained = {0};
    lml_results results = evaluate(potential, &structure);
    lml_calculator *calculator;
    ok(lml_linear_calculator_create(potential, &calculator, error));
    const double scale = fmax(1.0, largest(results.virial, 9));
    for (size_t a = 0; a < 3; a++)
      for (size_t b = 0; b < 3; b++) {
        double slope = 0.0;
        for (int k = 1; k <= 4; k++)
          for (int sign = -1; sign <= 1; sign += 2) {
            strain(&structure, &strained, a, b, sign * k * small);
            slope += sign * stencil[k - 1] * energy_of(calculator, &strained) / small;
          }
        assert_near(results.virial[3 * a + b], -slope, derivative_accuracy * scale);
        assert_true(results.virial[3 * a + b] == results.virial[3 * b + a]);
      }
    lml_calculator_destroy(calculator);
    lml_results_free(&results);
    lml_structure_free(&structure);
    lml_structure_free(&strained);
    lml_potential_destroy(potential);
  }
}

/** Compare the results of a structure and of its image: atom i went to place[i], vectors turned by the rotation. */
static void compare_images(const lml_results *one, const lml_results *other, const size_t *place,
                           const double rotation[9]) {
  const double scale = fmax(1.0, largest(one->forces, 3 * one->natoms));
  assert_near(*other->energy, *one->energy, 1e-13 * fabs(*one->energy) + 1e-12);
  for (size_t i = 0; i < one->natoms; i++) {
    assert_near(energies_of(other)[place[i]], energies_of(one)[i], 1e-11);
    for (size_t b = 0; b < 3; b++) {
      double expected = 0.0;
      for (size_t a = 0; a < 3; a++) expected += one->forces[3 * i + a] * rotation[3 * a + b];
      assert_near(other->forces[3 * place[i] + b], expected, 1e-11 * scale);
    }
  }
}

static void rotate_rows(double *rows, size_t count, const double rotation[9]) {
  for (size_t i = 0; i < count; i++) {
    const double old[3] = {rows[3 * i], rows[3 * i + 1], rows[3 * i + 2]};
    for (size_t b = 0; b < 3; b++)
      rows[3 * i + b] = old[0] * rotation[b] + old[1] * rotation[3 + b] + old[2] * rotation[6 + b];
  }
}

static void symmetries_hold(void **state) {
  (void)state;
  /* a rotation by a general angle about a general axis, from a quaternion */
  const double w = 0.5, x = 0.1, y = -0.7, z = 0.5;
  const double rotation[9] = {
      w * w + x * x - y * y - z * z, 2 * (x * y - w * z),           2 * (x * z + w * y),
      2 * (x * y + w * z),           w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
      2 * (x * z - w * y),           2 * (y * z + w * x),           w * w - x * x - y * y + z * z};
  const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const size_t same[7] = {0, 1, 2, 3, 4, 5, 6}, permuted[7] = {3, 0, 6, 1, 5, 2, 4};
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements), image = {0};
    lml_results results = evaluate(potential, &structure), other;

    ok(lml_structure_copy(&image, &structure, error));
    for (size_t i = 0; i < 3 * image.natoms; i++) image.positions[i] += 0.37 * (double)(i % 3) - 5.1;
    other = evaluate(potential, &image);
    compare_images(&results, &other, same, identity);
    lml_results_free(&other);

    ok(lml_structure_copy(&image, &structure, error));
    rotate_rows(image.positions, image.natoms, rotation);
    rotate_rows(image.cell, 3, rotation);
    other = evaluate(potential, &image);
    compare_images(&results, &other, same, rotation);
    lml_results_free(&other);

    for (size_t i = 0; i < image.natoms; i++) {
      image.numbers[permuted[i]] = structure.numbers[i];
      memcpy(image.positions + 3 * permuted[i], structure.positions + 3 * i, 3 * sizeof(double));
    }
    memcpy(image.cell, structure.cell, sizeof image.cell);
    other = evaluate(potential, &image);
    compare_images(&results, &other, permuted, identity);
    lml_results_free(&other);

    ok(lml_structure_copy(&image, &structure, error));
    for (size_t i = 0; i < image.natoms; i++)
      for (size_t a = 0; a < 3; a++)
        image.positions[3 * i + a] +=
            (double)(i % 5) * image.cell[a] - 3.0 * image.cell[3 + a] + (double)(i % 2) * image.cell[6 + a];
    other = evaluate(potential, &image);
    compare_images(&results, &other, same, identity);
    lml_results_free(&other);

    lml_results_free(&results);
    lml_structure_free(&structure);
    lml_structure_free(&image);
    lml_potential_destroy(potential);
  }
}

/** Twice the cell along each vector: eight copies of every atom. */
static lml_structure repeat(const lml_structure *from) {
  lml_structure to = {0};
  ok(lml_structure_resize(&to, 8 * from->natoms, error));
  for (size_t i = 0; i < 9; i++) to.cell[i] = 2.0 * from->cell[i];
  memcpy(to.pbc, from->pbc, sizeof to.pbc);
  for (size_t copy = 0; copy < 8; copy++)
    for (size_t i = 0; i < from->natoms; i++) {
      const size_t j = copy * from->natoms + i;
      to.numbers[j] = from->numbers[i];
      for (size_t a = 0; a < 3; a++)
        to.positions[3 * j + a] = from->positions[3 * i + a] + (double)(copy & 1) * from->cell[a] +
                                  (double)(copy >> 1 & 1) * from->cell[3 + a] + (double)(copy >> 2) * from->cell[6 + a];
    }
  return to;
}

static void a_cell_smaller_than_the_cutoff_equals_its_repetition(void **state) {
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements), large = repeat(&structure);
    lml_results one = evaluate(potential, &structure), eight = evaluate(potential, &large);
    assert_near(*eight.energy, 8.0 * *one.energy, 1e-11 * fabs(*one.energy) + 1e-10);
    const double scale = fmax(1.0, largest(one.forces, 3 * one.natoms));
    for (size_t i = 0; i < 3 * eight.natoms; i++)
      assert_near(eight.forces[i], one.forces[i % (3 * one.natoms)], 1e-11 * scale);
    double sum = 0.0;
    for (size_t i = 0; i < eight.natoms; i++) sum += energies_of(&eight)[i];
    assert_near(sum, *eight.energy, 1e-11 * fabs(*eight.energy) + 1e-11);
    lml_results_free(&one);
    lml_results_free(&eight);
    lml_structure_free(&structure);
    lml_structure_free(&large);
    lml_potential_destroy(potential);
  }
}

static void descriptors_times_coefficients_give_energies_and_forces(void **state) {
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    if (variants[v].zbl_outer > 0.0) continue;
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements);
    lml_results results = evaluate(potential, &structure);
    const size_t n = lml_potential_ncoefficients(potential), nelements = variants[v].nelements;
    const double *theta = lml_potential_coefficients(potential);
    double *descriptors, *gradients;
    ok(lml_alloc(&descriptors, structure.natoms * n, sizeof(double), "D", error));
    ok(lml_alloc(&gradients, structure.natoms * nelements * 3 * n, sizeof(double), "G", error));
    ok(lml_potential_descriptors(potential, &structure, descriptors, error));
    ok(lml_potential_gradients(potential, &structure, gradients, error));
    const double scale = fmax(1.0, largest(results.forces, 3 * structure.natoms));
    for (size_t i = 0; i < structure.natoms; i++) {
      double energy = 0.0, force[3] = {0.0, 0.0, 0.0};
      for (size_t c = 0; c < n; c++) energy += descriptors[i * n + c] * theta[(structure.numbers[i] == 4 ? n : 0) + c];
      assert_near(energy, energies_of(&results)[i], 1e-11 * fmax(1.0, fabs(energy)));
      for (size_t e = 0; e < nelements; e++)
        for (size_t a = 0; a < 3; a++)
          for (size_t c = 0; c + 1 < n; c++)
            force[a] += gradients[((i * nelements + e) * 3 + a) * (n - 1) + c] * theta[e * n + 1 + c];
      for (size_t a = 0; a < 3; a++) assert_near(force[a], results.forces[3 * i + a], 1e-11 * scale);
    }
    lml_free(descriptors);
    lml_free(gradients);
    lml_results_free(&results);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

/** Atoms that no gradient is wanted by share batches with others, and their neighbours are laid out in other ways; and
 *  where there is little room, they are gone through one by one. */
static void gradients_by_a_few_atoms_are_those_by_all(void **state) {
  (void)state;
  static const size_t chosen[][3] = {{4, 1, 6}, {0, 2, 3}, {5, 5, 5}}, counts[] = {3, 2, 1};
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements);
    const size_t size = 3 * variants[v].nelements * (lml_potential_ncoefficients(potential) - 1);
    const lml_gradient_layout layout = {size, size / 3, size / 3 / variants[v].nelements};
    double *all, *few;
    lml_descriptors descriptors;
    lml_gradient_rows rows = {0};
    ok(lml_alloc(&all, structure.natoms * size, sizeof(double), "rows", error));
    ok(lml_alloc(&few, 3 * size, sizeof(double), "rows", error));
    ok(lml_potential_gradients(potential, &structure, all, error)); /* atom, element, direction */
    ok(lml_descriptors_make(&descriptors, potential, error));
    for (size_t k = 0; k < 6; k++) {
      const size_t *atoms = chosen[k / 2], count = counts[k / 2];
      rows.most = k % 2;
      ok(lml_gradient_rows_begin(&rows, &descriptors, &structure, atoms, count, error));
      ok(lml_gradient_rows_next(&rows, count, few, &layout, error));
      assert_int_equal(rows.end - rows.begin, k % 2 ? 1 : count);
      for (size_t i = 0; i < count * size; i++) {
        const size_t direction = i % size / layout.direction, element = i % layout.direction / layout.element;
        const size_t at = (3 * element + direction) * layout.element + i % layout.element;
        const double wanted = all[atoms[i / size] * size + at];
        assert_near(few[i], wanted, 1e-11 * fmax(1.0, fabs(wanted)));
      }
    }
    lml_gradient_rows_free(&rows);
    lml_descriptors_free(&descriptors);
    lml_free(all);
    lml_free(few);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

/** Evaluate with the kernel of that name; false where this processor does not have it. */
static bool evaluate_with(const char *isa, const lml_potential *potential, const lml_structure *structure,
                          lml_results *results) {
  lml_calculator *calculator;
  lml_error failure = {0};
  setenv("LMLINK_ISA", isa, 1);
  const lml_status status = lml_linear_calculator_create(potential, &calculator, &failure);
  unsetenv("LMLINK_ISA");
  if (status != LML_OK) {
    assert_non_null(strstr(failure.message, "does not have these instructions"));
    return false;
  }
  ok(lml_calculator_evaluate(calculator, structure, &energies_too, results, error));
  lml_calculator_destroy(calculator);
  return true;
}

static void kernels_agree(void **state) {
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure structure = made_up_structure(variants[v].nelements);
    lml_results generic = {0}, wide = {0};
    assert_true(evaluate_with("generic", potential, &structure, &generic));
    const double scale = fmax(1.0, largest(generic.forces, 3 * structure.natoms));
    static const char *const names[] = {"avx2", "avx512"};
    for (size_t k = 0; k < 2; k++) {
      if (!evaluate_with(names[k], potential, &structure, &wide)) continue;
      for (size_t i = 0; i < 3 * structure.natoms; i++) assert_near(wide.forces[i], generic.forces[i], 1e-12 * scale);
      assert_near(*wide.energy, *generic.energy, 1e-13 * fabs(*generic.energy) + 1e-12);
    }
    lml_results_free(&generic);
    lml_results_free(&wide);
    lml_structure_free(&structure);
    lml_potential_destroy(potential);
  }
}

static void an_unknown_kernel_is_refused(void **state) {
  (void)state;
  lml_potential *potential = potential_of(&variants[0]);
  lml_calculator *calculator;
  lml_error error = {0};
  setenv("LMLINK_ISA", "mmx", 1);
  assert_int_equal(lml_linear_calculator_create(potential, &calculator, &error), LML_ERR_USAGE);
  unsetenv("LMLINK_ISA");
  assert_string_equal(error.message, "LMLINK_ISA=mmx: not known; use generic, avx2 or avx512");
  lml_potential_destroy(potential);
}

static void an_atom_alone_has_its_constant(void **state) {
  (void)state;
  lml_potential *potential = potential_of(&variants[3]);
  lml_structure structure = {.pbc = {false, false, false}};
  ok(lml_structure_resize(&structure, 1, error));
  structure.numbers[0] = 74;
  lml_results results = evaluate(potential, &structure);
  assert_near(*results.energy, -4.0, 1e-12);
  for (size_t a = 0; a < 3; a++) assert_near(results.forces[a], 0.0, 1e-13);
  lml_results_free(&results);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

static void an_element_that_the_potential_lacks_is_named(void **state) {
  (void)state;
  lml_potential *potential = potential_of(&variants[3]);
  lml_structure structure = made_up_structure(1);
  structure.numbers[4] = 2;
  lml_calculator *calculator;
  lml_results results = {0};
  lml_error refusal = {0};
  ok(lml_linear_calculator_create(potential, &calculator, error));
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, 0, &results, &refusal), LML_ERR_INPUT);
  assert_non_null(strstr(refusal.message, "atom 4 (counted from 0) is He"));
  assert_non_null(strstr(refusal.message, "made-up.snapcoeff"));
  /* the calculator goes on with what it can do */
  structure.numbers[4] = 74;
  ok(lml_calculator_evaluate(calculator, &structure, 0, &results, error));
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

static size_t allocations;

static void *counting_malloc(size_t bytes) {
  allocations++;
  return lml_sys_posix.malloc(bytes);
}

static void *counting_aligned_alloc(size_t alignment, size_t bytes) {
  allocations++;
  return lml_sys_posix.aligned_alloc(alignment, bytes);
}

/** One system that moves on, by small steps and a large one: the calculator keeps its neighbour lists as long as it
 * may, and gives at every step what a new calculator gives. */
static void a_trajectory_gives_what_its_frames_give(void **state) {
  (void)state;
  lml_potential *potential = potential_of(&variants[5]);
  lml_structure one = made_up_structure(1), structure = repeat(&one);
  lml_calculator *calculator;
  lml_results results = {0};
  ok(lml_linear_calculator_create(potential, &calculator, error));
  unsigned random = 11;
  for (int frame = 0; frame < 25; frame++) {
    const double size = frame % 10 == 9 ? 0.5 : 0.06;
    for (size_t i = 0; i < 3 * structure.natoms; i++) structure.positions[i] += size * made_up_number(&random);
    if (frame == 15) structure.cell[4] += 0.01;
    if (frame == 18)
      for (size_t a = 0; a < 3; a++) structure.positions[6 + a] -= structure.cell[3 + a]; /* a driver that wraps */
    ok(lml_calculator_evaluate(calculator, &structure, &energies_too, &results, error));
    lml_results expected = evaluate(potential, &structure);
    const double scale = fmax(1.0, largest(expected.forces, 3 * structure.natoms));
    assert_near(*results.energy, *expected.energy, 1e-11 * fabs(*expected.energy));
    for (size_t i = 0; i < 3 * structure.natoms; i++) assert_near(results.forces[i], expected.forces[i], 1e-11 * scale);
    lml_results_free(&expected);
  }
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_structure_free(&one);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

/** Forces on a few atoms alone are what they are among all; atoms out of reach are not evaluated, and the evaluation
 *  behind it is of all again. */
static void forces_on_a_few_atoms_are_those_of_all(void **state) {
  static const size_t atoms[] = {3, 40};
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    lml_potential *potential = potential_of(&variants[v]);
    lml_structure one = made_up_structure(variants[v].nelements), eight = repeat(&one), large = repeat(&eight);
    lml_calculator *calculator;
    lml_results some = {0}, all = {0}, expected = evaluate(potential, &large);
    ok(lml_linear_calculator_create(potential, &calculator, error));
    ok(lml_linear_calculator_evaluate_atoms(calculator, &large, atoms, 2, &energies_too, &some, error));
    const double scale = fmax(1.0, largest(expected.forces, 3 * large.natoms));
    size_t left_out = 0;
    for (size_t i = 0; i < large.natoms; i++)
      left_out += energies_of(&some)[i] == 0.0 && energies_of(&expected)[i] != 0.0;
    assert_true(left_out > 0);
    for (size_t k = 0; k < 6; k++) {
      const size_t i = 3 * atoms[k / 3] + k % 3;
      assert_near(some.forces[i], expected.forces[i], 1e-11 * scale);
    }
    ok(lml_calculator_evaluate(calculator, &large, 0, &all, error));
    for (size_t i = 0; i < 3 * large.natoms; i++) assert_near(all.forces[i], expected.forces[i], 1e-11 * scale);
    lml_calculator_destroy(calculator);
    lml_results_free(&some);
    lml_results_free(&all);
    lml_results_free(&expected);
    lml_structure_free(&one);
    lml_structure_free(&eight);
    lml_structure_free(&large);
    lml_potential_destroy(potential);
  }
}

static void a_moving_system_allocates_nothing(void **state) {
  (void)state;
  lml_potential *potential = potential_of(&variants[3]);
  lml_structure structure = made_up_structure(1);
  lml_calculator *calculator;
  lml_results results = {0};
  ok(lml_linear_calculator_create(potential, &calculator, error));
  /* the neighbour lists get their skin at the second step */
  for (int frame = 0; frame < 2; frame++) ok(lml_calculator_evaluate(calculator, &structure, 0, &results, error));
  lml_sys_table counting = lml_sys_posix;
  counting.malloc = counting_malloc;
  counting.aligned_alloc = counting_aligned_alloc;
  lml_sys = &counting;
  structure.positions[5] += 0.01;
  ok(lml_calculator_evaluate(calculator, &structure, 0, &results, error));
  lml_sys = &lml_sys_posix;
  assert_int_equal(allocations, 0);
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forces_are_the_gradient_of_the_energy),
      cmocka_unit_test(the_virial_is_the_derivative_by_strain),
      cmocka_unit_test(symmetries_hold),
      cmocka_unit_test(a_cell_smaller_than_the_cutoff_equals_its_repetition),
      cmocka_unit_test(descriptors_times_coefficients_give_energies_and_forces),
      cmocka_unit_test(gradients_by_a_few_atoms_are_those_by_all),
      cmocka_unit_test(kernels_agree),
      cmocka_unit_test(an_unknown_kernel_is_refused),
      cmocka_unit_test(an_atom_alone_has_its_constant),
      cmocka_unit_test(an_element_that_the_potential_lacks_is_named),
      cmocka_unit_test(a_trajectory_gives_what_its_frames_give),
      cmocka_unit_test(forces_on_a_few_atoms_are_those_of_all),
      cmocka_unit_test(a_moving_system_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
