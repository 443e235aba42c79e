#include "session/extras.h"

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

lml_status lml_extras_write(lml_json_writer *writer, const lml_results *results, lml_error *error) {
  lml_json_writer_begin(writer);
  lml_json_writer_text(writer, "energy_kind", lml_origin_name(results->list[LML_RESULTS_ENERGY].origin));
  lml_json_writer_text(writer, "virial_kind", lml_origin_name(results->list[LML_RESULTS_VIRIAL].origin));
  /* Those of atoms, which are long, come last. */
  for (int scope = LML_PER_STRUCTURE; scope <= LML_PER_ATOM; scope++)
    for (size_t k = LML_RESULTS_STANDARD; k < results->count; k++)
      if ((int)results->list[k].scope == scope) write_result(writer, &results->list[k]);
  return lml_json_writer_end(writer, error);
}
