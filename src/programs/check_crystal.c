#include "programs/check_crystal.h"

#include <math.h>

#include "base/fail.h"
#include "base/print.h"
#include "lmlink/extxyz.h"
#include "mixing/crystal.h"

enum { LINE_SIZE = 300, CONSTANTS = 4 };

static const double gpa = 160.2176634;    /* GPa in an eV/Å³ */
static const double worth_telling = 0.01; /* relative difference */

static const struct {
  const char *name, *unit;
} constants[CONSTANTS] = {{"a", "Å"}, {"C11", "GPa"}, {"C12", "GPa"}, {"C44", "GPa"}};

/** Measure, and describe in one line. */
static lml_status measure(lml_calculator *calculator, const lml_structure *cell, const char *name,
                          double values[CONSTANTS], void (*tell)(const char *line), lml_error *error) {
  char line[LINE_SIZE];
  lml_crystal_constants found = {0};
  const lml_status status = lml_crystal_measure(calculator, cell, &found, error);
  if (status != LML_OK) {
    lml_fail_context(error, "the crystal by %s", name);
    return status;
  }
  values[0] = found.a;
  values[1] = gpa * found.c11;
  values[2] = gpa * found.c12;
  values[3] = gpa * found.c44;
  lml_print_cut(line, sizeof line, "crystal        %s: a %.6f Å, C11 %.3f, C12 %.3f, C44 %.3f GPa", name, values[0],
                values[1], values[2], values[3]);
  tell(line);
  return LML_OK;
}

static void warn(const char *name, const double ml[CONSTANTS], const double qm[CONSTANTS],
                 void (*tell)(const char *line)) {
  for (int k = 0; k < CONSTANTS; k++) {
    char line[LINE_SIZE];
    const double difference = fabs(qm[k] - ml[k]) / fabs(ml[k]);
    if (difference <= worth_telling) continue;
    lml_print_cut(line, sizeof line,
                  "warning        %s: %s is %.6g %s, the ML side's %.6g %s: they differ by %.1f %%%s", name,
                  constants[k].name, qm[k], constants[k].unit, ml[k], constants[k].unit, 100.0 * difference,
                  k == 0 ? "; consider rescale" : "");
    tell(line);
  }
}

static lml_status compare(const lml_build *build, const lml_structure *cell, void (*tell)(const char *line),
                          lml_error *error) {
  double ml[CONSTANTS], qm[CONSTANTS];
  lml_status status = measure(build->regions[0].ml, cell, "the ML side", ml, tell, error);
  for (size_t r = 0; r < build->nregions && status == LML_OK; r++) {
    char name[LINE_SIZE / 4];
    lml_print_cut(name, sizeof name, "region %s", build->regions[r].config->name);
    status = measure(build->regions[r].calculator, cell, name, qm, tell, error);
    if (status == LML_OK) warn(name, ml, qm, tell);
  }
  return status;
}

lml_status lml_check_crystal(const lml_build *build, const char *path, void (*tell)(const char *line),
                             lml_error *error) {
  if (build->nregions == 0)
    return lml_fail(error, LML_ERR_USAGE, "--compare needs a mixture, whose two sides it compares");
  lml_frame frame = {0};
  lml_status status = lml_xyz_read_file(path, 0, &frame, error);
  if (status == LML_OK) status = compare(build, &frame.structure, tell, error);
  lml_frame_free(&frame);
  return status;
}
