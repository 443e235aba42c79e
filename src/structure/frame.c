#include "structure/frame.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

static const size_t value_sizes[] = {
    [LML_REAL] = sizeof(double),
    [LML_INTEGER] = sizeof(int64_t),
    [LML_LOGICAL] = sizeof(bool),
    [LML_TEXT] = sizeof(char *),
};

static bool is_among(const char *name, const char *const *names) {
  for (; *names != NULL; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

bool lml_frame_reserved_info(const char *name) {
  static const char *const reserved[] = {"Lattice", "pbc", "Properties", NULL};
  return is_among(name, reserved);
}

bool lml_frame_reserved_column(const char *name) {
  static const char *const reserved[] = {"species", "symbols", "Z", "numbers", "pos", "positions", NULL};
  return is_among(name, reserved);
}

/* --- values ----------------------------------------------------------------------------------------------------- */

static void set_array(lml_values *values, void *array) {
  values->reals = values->type == LML_REAL ? array : NULL;
  values->integers = values->type == LML_INTEGER ? array : NULL;
  values->logicals = values->type == LML_LOGICAL ? array : NULL;
  values->texts = values->type == LML_TEXT ? array : NULL;
}

static void *array_of(const lml_values *values) {
  void *const arrays[] = {
      [LML_REAL] = values->reals,
      [LML_INTEGER] = values->integers,
      [LML_LOGICAL] = values->logicals,
      [LML_TEXT] = values->texts,
  };
  return arrays[values->type];
}

static void free_texts(const lml_values *values, size_t begin) {
  if (values->texts == NULL) return;
  for (size_t k = begin; k < values->count * values->width; k++) lml_free(values->texts[k]);
}

void lml_values_release(lml_values *values) {
  free_texts(values, 0);
  lml_free(array_of(values));
  lml_free(values->name);
  *values = (lml_values){0};
}

lml_status lml_values_allocate(lml_values *values, lml_value_type type, size_t count, size_t width, lml_error *error) {
  void *array;
  const lml_status status = lml_alloc(&array, count * width, value_sizes[type], values->name, error);
  if (status != LML_OK) return status;
  values->type = type;
  values->count = count;
  values->width = width;
  set_array(values, array);
  return LML_OK;
}

lml_status lml_values_resize(lml_values *values, size_t count, lml_error *error) {
  void *array;
  const size_t size = value_sizes[values->type], kept = count < values->count ? count : values->count;
  if (count == values->count) return LML_OK;
  const lml_status status = lml_alloc(&array, count * values->width, size, values->name, error);
  if (status != LML_OK) return status;
  if (kept > 0) memcpy(array, array_of(values), kept * values->width * size);
  free_texts(values, kept * values->width);
  lml_free(array_of(values));
  values->count = count;
  set_array(values, array);
  return LML_OK;
}

/* --- lists of values -------------------------------------------------------------------------------------------- */

static lml_values *find(lml_values *list, size_t count, const char *name) {
  for (size_t k = 0; k < count; k++)
    if (strcmp(list[k].name, name) == 0) return &list[k];
  return NULL;
}

lml_values *lml_frame_info(lml_frame *frame, const char *name) { return find(frame->info, frame->ninfo, name); }

lml_values *lml_frame_column(lml_frame *frame, const char *name) { return find(frame->columns, frame->ncolumns, name); }

void lml_frame_remove_info(lml_frame *frame, const char *name) {
  lml_values *values = lml_frame_info(frame, name);
  if (values == NULL) return;
  lml_values_release(values);
  memmove(values, values + 1, (size_t)(frame->info + frame->ninfo - values - 1) * sizeof *values);
  frame->ninfo--;
}

/** Room for one more; the room is a power of two, so that it need not be remembered. */
static lml_status make_room(lml_values **list, size_t count, lml_error *error) {
  lml_values *larger;
  if (*list != NULL && (count & (count - 1)) != 0) return LML_OK;
  const lml_status status = lml_alloc(&larger, count == 0 ? 1 : 2 * count, sizeof *larger, "a frame", error);
  if (status != LML_OK) return status;
  if (*list != NULL) memcpy(larger, *list, count * sizeof *larger);
  lml_free(*list);
  *list = larger;
  return LML_OK;
}

static lml_status add(lml_values **list, size_t *count, const char *name, lml_values **values, lml_error *error) {
  char *copy = lml_strdup(name, error);
  if (copy == NULL) return LML_ERR_MEMORY;
  lml_values *old = find(*list, *count, name);
  const lml_status status = old != NULL ? LML_OK : make_room(list, *count, error);
  if (status != LML_OK) {
    lml_free(copy);
    return status;
  }
  if (old == NULL)
    old = &(*list)[(*count)++];
  else
    lml_values_release(old);
  *old = (lml_values){.name = copy};
  *values = old;
  return LML_OK;
}

lml_status lml_frame_add_info(lml_frame *frame, const char *name, lml_values **values, lml_error *error) {
  return add(&frame->info, &frame->ninfo, name, values, error);
}

lml_status lml_frame_add_column(lml_frame *frame, const char *name, lml_values **values, lml_error *error) {
  return add(&frame->columns, &frame->ncolumns, name, values, error);
}

void lml_frame_free(lml_frame *frame) {
  for (size_t k = 0; k < frame->ninfo; k++) lml_values_release(&frame->info[k]);
  for (size_t k = 0; k < frame->ncolumns; k++) lml_values_release(&frame->columns[k]);
  lml_free(frame->info);
  lml_free(frame->columns);
  lml_structure_free(&frame->structure);
  *frame = (lml_frame){0};
}

/* --- setting single keys and columns ---------------------------------------------------------------------------- */

static lml_status set_info(lml_frame *frame, const char *name, lml_value_type type, size_t width, lml_values **values,
                           lml_error *error) {
  if (name[0] == '\0' || lml_frame_reserved_info(name))
    return lml_fail(error, LML_ERR_USAGE, "\"%s\" cannot be the name of an info key", name);
  lml_status status = lml_frame_add_info(frame, name, values, error);
  if (status == LML_OK) status = lml_values_allocate(*values, type, 1, width, error);
  return status;
}

static lml_status set_scalar(lml_frame *frame, const char *name, lml_value_type type, lml_values **values,
                             lml_error *error) {
  const lml_status status = set_info(frame, name, type, 1, values, error);
  if (status == LML_OK) (*values)->scalar = true;
  return status;
}

lml_status lml_frame_set_real(lml_frame *frame, const char *name, double value, lml_error *error) {
  lml_values *values;
  const lml_status status = set_scalar(frame, name, LML_REAL, &values, error);
  if (status == LML_OK) values->reals[0] = value;
  return status;
}

lml_status lml_frame_set_integer(lml_frame *frame, const char *name, int64_t value, lml_error *error) {
  lml_values *values;
  const lml_status status = set_scalar(frame, name, LML_INTEGER, &values, error);
  if (status == LML_OK) values->integers[0] = value;
  return status;
}

lml_status lml_frame_set_logical(lml_frame *frame, const char *name, bool value, lml_error *error) {
  lml_values *values;
  const lml_status status = set_scalar(frame, name, LML_LOGICAL, &values, error);
  if (status == LML_OK) values->logicals[0] = value;
  return status;
}

lml_status lml_frame_set_text(lml_frame *frame, const char *name, const char *value, lml_error *error) {
  lml_values *values;
  char *copy = lml_strdup(value, error);
  if (copy == NULL) return LML_ERR_MEMORY;
  const lml_status status = set_scalar(frame, name, LML_TEXT, &values, error);
  if (status == LML_OK)
    values->texts[0] = copy;
  else
    lml_free(copy);
  return status;
}

lml_status lml_frame_set_reals(lml_frame *frame, const char *name, const double *values, size_t width,
                               lml_error *error) {
  lml_values *row;
  const lml_status status = set_info(frame, name, LML_REAL, width, &row, error);
  if (status == LML_OK && width > 0) memcpy(row->reals, values, width * sizeof *values);
  return status;
}

lml_status lml_frame_set_column(lml_frame *frame, const char *name, const double *values, size_t width,
                                lml_error *error) {
  lml_values *column;
  const size_t natoms = frame->structure.natoms;
  if (name[0] == '\0' || strchr(name, ':') != NULL || lml_frame_reserved_column(name))
    return lml_fail(error, LML_ERR_USAGE, "\"%s\" cannot be the name of a column", name);
  lml_status status = lml_frame_add_column(frame, name, &column, error);
  if (status == LML_OK) status = lml_values_allocate(column, LML_REAL, natoms, width, error);
  if (status == LML_OK) memcpy(column->reals, values, natoms * width * sizeof *values);
  return status;
}

lml_status lml_frame_set_indices(lml_frame *frame, const char *name, const size_t *values, lml_error *error) {
  lml_values *column;
  const size_t natoms = frame->structure.natoms;
  lml_status status = lml_frame_add_column(frame, name, &column, error);
  if (status == LML_OK) status = lml_values_allocate(column, LML_INTEGER, natoms, 1, error);
  for (size_t i = 0; i < natoms && status == LML_OK; i++) column->integers[i] = (int64_t)values[i];
  return status;
}
