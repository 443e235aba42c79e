/* A program outside of lmlink: reads a potential (the argument) and evaluates it on two atoms of bcc tungsten. Without
 * an argument it makes the structure alone. */
#include <lmlink/lmlink.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double lattice_constant = 3.18; /* Å */

static lml_status make_tungsten(lml_structure *structure, lml_error *error) {
  const double a = lattice_constant, cell[9] = {a, 0, 0, 0, a, 0, 0, 0, a};
  const lml_status status = lml_structure_resize(structure, 2, error);
  if (status != LML_OK) return status;
  memcpy(structure->cell, cell, sizeof cell);
  for (int k = 0; k < 3; k++) {
    structure->pbc[k] = true;
    structure->positions[3 + k] = 0.5 * a;
  }
  structure->numbers[0] = structure->numbers[1] = lml_element_number("W");
  return LML_OK;
}

static lml_status evaluate(const char *path, const lml_structure *structure, lml_results *results, lml_error *error) {
  lml_potential *potential = NULL;
  lml_calculator *calculator = NULL;
  lml_status status = lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &potential, error);
  if (status == LML_OK) status = lml_linear_calculator_create(potential, &calculator, error);
  if (status == LML_OK) status = lml_calculator_evaluate(calculator, structure, NULL, results, error);
  lml_calculator_destroy(calculator);
  lml_potential_destroy(potential);
  return status;
}

/** Bound, and without forces, as every atom of the perfect crystal is a centre of symmetry. */
static bool is_sensible(const lml_results *results) {
  bool sensible = results->list[LML_RESULTS_ENERGY].origin == LML_ORIGIN_EXACT && *results->energy < 0.0;
  for (size_t k = 0; k < 3 * results->natoms; k++) sensible = sensible && fabs(results->forces[k]) < 1e-9;
  return sensible;
}

int main(int argc, char **argv) {
  lml_error error = {.status = LML_OK, .message = ""};
  lml_structure structure = {0};
  lml_results results = {0};
  lml_status status = make_tungsten(&structure, &error);
  if (status == LML_OK) status = lml_structure_check(&structure, &error);
  if (status == LML_OK)
    printf("lmlink %s: %zu atoms of %s in %.3f Å³\n", lml_version(), structure.natoms,
           lml_element_symbol(structure.numbers[0]), lml_structure_volume(&structure));
  bool good = status == LML_OK;
  if (good && argc > 1) {
    status = evaluate(argv[1], &structure, &results, &error);
    if (status == LML_OK)
      printf("energy %.6f eV, pressure %.6f eV/Å³\n", *results.energy,
             results.virial[0] / lml_structure_volume(&structure));
    good = status == LML_OK && is_sensible(&results);
  }
  if (status != LML_OK) fprintf(stderr, "%s\n", error.message);
  lml_results_free(&results);
  lml_structure_free(&structure);
  return good ? 0 : 1;
}
