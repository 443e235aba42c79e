/* A program outside of lmlink: two tungsten atoms in a bcc cell. */
#include <lmlink/lmlink.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static lml_status make_tungsten(lml_structure *structure, lml_error *error) {
  const double a = 3.18, cell[9] = {a, 0, 0, 0, a, 0, 0, 0, a};
  const lml_status status = lml_structure_resize(structure, 2, error);
  if (status != LML_OK) return status;
  memcpy(structure->cell, cell, sizeof cell);
  for (int k = 0; k < 3; k++) {
    structure->pbc[k] = true;
    structure->positions[3 + k] = 0.5 * a;
  }
  structure->numbers[0] = structure->numbers[1] = lml_element_number("W");
  return lml_structure_check(structure, error);
}

int main(void) {
  lml_error error = {.status = LML_OK, .message = ""};
  lml_structure structure = {0};
  const lml_status status = make_tungsten(&structure, &error);
  const double volume = lml_structure_volume(&structure);
  printf("lmlink %s: %zu atoms of %s in %.3f A^3 %s\n", lml_version(), structure.natoms,
         lml_element_symbol(structure.numbers[0]), volume, error.message);
  lml_structure_free(&structure);
  return status == LML_OK && fabs(volume - 3.18 * 3.18 * 3.18) < 1e-9 ? 0 : 1;
}
