#include "ipi_batch.h"

#include <string.h>

#include "base/memory.h"

enum { MATRIX = 9 };

static bool same_bits(const void *one, const void *other, size_t bytes) { return memcmp(one, other, bytes) == 0; }

static bool repeats_previous(const lml_ipi_message *posdata, size_t index) {
  const size_t width = 3 * posdata->natoms;
  const double *cell = posdata->cells + MATRIX * index;
  const double *positions = posdata->positions + width * index;
  return same_bits(cell, cell - MATRIX, MATRIX * sizeof *cell) &&
         same_bits(positions, positions - width, width * sizeof *positions);
}

lml_status lml_ipi_batch_begin(lml_ipi_batch *batch, const lml_ipi_message *posdata, lml_error *error) {
  static const char what[] = "the results of a batch";
  const size_t size = posdata->batch;
  lml_status status = lml_grow(&batch->energies, &batch->energies_capacity, size, sizeof *batch->energies, what, error);
  if (status == LML_OK)
    status = lml_grow(&batch->forces, &batch->forces_capacity, size * posdata->natoms * 3, sizeof *batch->forces, what,
                      error);
  if (status == LML_OK)
    status = lml_grow(&batch->virials, &batch->virials_capacity, size * MATRIX, sizeof *batch->virials, what, error);
  if (status == LML_OK)
    status = lml_grow(&batch->extras, &batch->extras_capacity, size, sizeof *batch->extras, what, error);
  if (status != LML_OK) return status;
  batch->size = batch->distinct = size;
  batch->natoms = posdata->natoms;
  batch->count = batch->text_length = 0;
  while (batch->distinct > 1 && repeats_previous(posdata, batch->distinct - 1)) batch->distinct--;
  return LML_OK;
}

lml_status lml_ipi_batch_add(lml_ipi_batch *batch, double energy, const double *forces, const double *virial,
                             lml_ipi_text extras, lml_error *error) {
  const lml_status status = lml_grow(&batch->text, &batch->text_capacity, batch->text_length + extras.length,
                                     sizeof(char), "the extras of a batch", error);
  if (status != LML_OK) return status;
  if (extras.length != 0) memcpy(batch->text + batch->text_length, extras.bytes, extras.length);
  batch->text_length += extras.length;
  const size_t at = batch->count++;
  batch->extras[at] = (lml_ipi_text){.bytes = NULL, .length = extras.length};
  batch->energies[at] = energy;
  memcpy(batch->forces + 3 * batch->natoms * at, forces, 3 * batch->natoms * sizeof *forces);
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      batch->virials[MATRIX * at + 3 * i + j] = virial == NULL ? 0.0 : 0.5 * (virial[3 * i + j] + virial[3 * j + i]);
  return LML_OK;
}

bool lml_ipi_batch_is_whole(const lml_ipi_batch *batch) { return batch->count == batch->distinct; }

/** Give the repetitions at the end the result of the structure that they repeat. */
static void fill_up(lml_ipi_batch *batch) {
  const size_t width = 3 * batch->natoms, from = batch->distinct - 1;
  for (size_t to = batch->distinct; to < batch->size; to++) {
    batch->energies[to] = batch->energies[from];
    batch->extras[to] = batch->extras[from];
    memcpy(batch->forces + width * to, batch->forces + width * from, width * sizeof *batch->forces);
    memcpy(batch->virials + MATRIX * to, batch->virials + MATRIX * from, MATRIX * sizeof *batch->virials);
  }
}

lml_status lml_ipi_batch_encode(lml_ipi_batch *batch, lml_ipi_units units, lml_ipi_buffer *buffer, lml_error *error) {
  const char *text = batch->text;
  for (size_t i = 0; i < batch->distinct; i++) {
    batch->extras[i].bytes = text;
    text += batch->extras[i].length;
  }
  fill_up(batch);
  const lml_ipi_message message = {.type = LML_IPI_FORCEREADY,
                                   .batch = batch->size,
                                   .natoms = batch->natoms,
                                   .energies = batch->energies,
                                   .forces = batch->forces,
                                   .virials = batch->virials,
                                   .extras = batch->extras};
  return lml_ipi_encode(&message, units, buffer, error);
}

void lml_ipi_batch_free(lml_ipi_batch *batch) {
  lml_free(batch->energies);
  lml_free(batch->forces);
  lml_free(batch->virials);
  lml_free(batch->text);
  lml_free(batch->extras);
  *batch = (lml_ipi_batch){0};
}
