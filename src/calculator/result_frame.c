#include "calculator/result_frame.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/frame.h"

static lml_status add_values(const lml_result *result, lml_frame *frame, lml_values **values, lml_error *error) {
  static const lml_value_type types[] = {
      [LML_RESULT_REAL] = LML_REAL, [LML_RESULT_INTEGER] = LML_INTEGER, [LML_RESULT_TEXT] = LML_TEXT};
  const bool column = result->scope == LML_PER_ATOM;
  if (column ? lml_frame_reserved_column(result->name) : lml_frame_reserved_info(result->name))
    return lml_fail(error, LML_ERR_USAGE, "the result '%s' has the name of a part of the structure", result->name);
  lml_status status = column ? lml_frame_add_column(frame, result->name, values, error)
                             : lml_frame_add_info(frame, result->name, values, error);
  if (status == LML_OK)
    status =
        lml_values_allocate(*values, types[result->type], column ? frame->structure.natoms : 1, result->width, error);
  if (status == LML_OK) (*values)->scalar = !column && result->width == 1;
  return status;
}

lml_status lml_result_put(const lml_result *result, const size_t *atoms, lml_frame *frame, lml_error *error) {
  lml_values *values;
  const lml_status status = add_values(result, frame, &values, error);
  if (status != LML_OK) return status;
  if (result->type == LML_RESULT_TEXT) {
    values->texts[0] = lml_strdup(result->text, error);
    return values->texts[0] == NULL ? LML_ERR_MEMORY : LML_OK;
  }
  const size_t *rows = result->scope == LML_PER_ATOM ? atoms : NULL;
  for (size_t k = 0; k < values->count; k++) {
    const size_t to = k * result->width, from = (rows == NULL ? k : rows[k]) * result->width;
    if (result->type == LML_RESULT_REAL)
      memcpy(values->reals + to, result->reals + from, result->width * sizeof *values->reals);
    else
      memcpy(values->integers + to, result->integers + from, result->width * sizeof *values->integers);
  }
  return LML_OK;
}
