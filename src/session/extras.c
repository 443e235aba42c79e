#include "session/extras.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "calculator/derived_results.h"
#include "ipi_units.h"

static void write_values(lml_json_writer *writer, const char *key, const lml_result *result, size_t row) {
  const size_t first = row * result->width;
  if (result->width != 1) lml_json_writer_array(writer, key);
  for (size_t i = first; i < first + result->width; i++) {
    const char *name = result->width == 1 ? key : NULL;
    if (result->type == LML_RESULT_TEXT) lml_json_writer_text(writer, name, result->text);
    if (result->type == LML_RESULT_REAL) lml_json_writer_number(writer, name, result->reals[i]);
    if (result->type == LML_RESULT_INTEGER) lml_json_writer_integer(writer, name, result->integers[i]);
  }
  if (result->width != 1) lml_json_writer_end_array(writer);
}

static void write_result(lml_json_writer *writer, const lml_result *result) {
  if (result->origin == LML_ORIGIN_ABSENT) return;
  if (result->scope == LML_PER_STRUCTURE) {
    write_values(writer, result->name, result, 0);
    return;
  }
  lml_json_writer_array(writer, result->name);
  for (size_t i = 0; i < result->rows; i++) write_values(writer, NULL, result, i);
  lml_json_writer_end_array(writer);
}

static bool is_committee(const lml_result *result) {
  for (size_t k = LML_DERIVED_COMMITTEE_ENERGIES; k <= LML_DERIVED_COMMITTEE_VIRIALS; k++)
    if (strcmp(result->name, lml_derived_names[k]) == 0) return true;
  return false;
}

typedef enum { AS_RESULTS, BY_ITSELF } committee;

/** Begin with all results, but a committee that is written by itself. */
static void begin(lml_json_writer *writer, const lml_results *results, committee how) {
  lml_json_writer_begin(writer);
  lml_json_writer_text(writer, "energy_kind", lml_origin_name(results->list[LML_RESULTS_ENERGY].origin));
  lml_json_writer_text(writer, "virial_kind", lml_origin_name(results->list[LML_RESULTS_VIRIAL].origin));
  /* Those of atoms, which are long, come last. */
  for (int scope = LML_PER_STRUCTURE; scope <= LML_PER_ATOM; scope++)
    for (size_t k = LML_RESULTS_STANDARD; k < results->count; k++)
      if ((int)results->list[k].scope == scope && (how == AS_RESULTS || !is_committee(&results->list[k])))
        write_result(writer, &results->list[k]);
}

lml_status lml_extras_write(lml_json_writer *writer, const lml_results *results, lml_error *error) {
  begin(writer, results, AS_RESULTS);
  return lml_json_writer_end(writer, error);
}

/* ---- i-PI's committee ---- */

/** An array for each of @p nmembers, of all rows: @p result has the members side by side, or is the same for all. */
static void write_members(lml_json_writer *writer, const char *key, const lml_result *result, size_t nmembers,
                          size_t width, double unit) {
  lml_json_writer_array(writer, key);
  for (size_t member = 0; member < nmembers; member++) {
    const size_t first = result->width == width ? 0 : member * width;
    lml_json_writer_array(writer, NULL);
    for (size_t i = 0; i < result->rows; i++)
      for (size_t x = 0; x < width; x++)
        lml_json_writer_number(writer, NULL, result->reals[i * result->width + first + x] / unit);
    lml_json_writer_end_array(writer);
  }
  lml_json_writer_end_array(writer);
}

lml_status lml_extras_write_committee(lml_json_writer *writer, const lml_results *results, lml_error *error) {
  const lml_result *energies = lml_results_find(results, lml_derived_names[LML_DERIVED_COMMITTEE_ENERGIES]);
  const lml_result *forces = lml_results_find(results, lml_derived_names[LML_DERIVED_COMMITTEE_FORCES]);
  const lml_result *virials = lml_results_find(results, lml_derived_names[LML_DERIVED_COMMITTEE_VIRIALS]);
  if (energies == NULL || forces == NULL)
    return lml_fail(
        error, LML_ERR_INPUT,
        "extras of the kind ipi-committee need a committee, and the calculator has none: take a linear potential "
        "with an uncertainty, or the extras json");
  for (size_t m = 0; m < energies->width; m++)
    if (!isfinite(energies->reals[m]))
      return lml_fail(
          error, LML_ERR_INPUT,
          "the committee's energies are known as differences from the driver's first structure, and this one "
          "has other numbers of atoms of the elements");
  if (virials == NULL) virials = &results->list[LML_RESULTS_VIRIAL]; /* none is sent */
  begin(writer, results, BY_ITSELF);
  lml_json_writer_array(writer, "committee_pot");
  for (size_t m = 0; m < energies->width; m++)
    lml_json_writer_number(writer, NULL, energies->reals[m] / LML_IPI_HARTREE);
  lml_json_writer_end_array(writer);
  write_members(writer, "committee_force", forces, energies->width, 3, LML_IPI_HARTREE / LML_IPI_BOHR);
  write_members(writer, "committee_virial", virials, energies->width, 9, LML_IPI_HARTREE);
  return lml_json_writer_end(writer, error);
}
