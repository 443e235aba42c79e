/** @file ipi_batch.h
 *  The results of the structures of one POSDATA, collected one by one until FORCEREADY can be made of them.
 */
#ifndef LML_SOCKET_IPI_BATCH_H
#define LML_SOCKET_IPI_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "ipi_codec.h"

/** Initialise with `lml_ipi_batch b = {0};`, release with lml_ipi_batch_free; reused from POSDATA to POSDATA. */
typedef struct lml_ipi_batch {
  size_t size;     /**< structures of the POSDATA */
  size_t distinct; /**< of those, without the repetitions at the end that i-PI fills a batch up with */
  size_t count;    /**< results that are there */
  size_t natoms;
  double *energies, *forces, *virials;
  char *text; /**< the extras, one behind the other */
  size_t text_length;
  lml_ipi_text *extras;
  size_t energies_capacity, forces_capacity, virials_capacity, text_capacity, extras_capacity;
} lml_ipi_batch;

/** Begin with the structures of @p posdata, which is not needed afterwards; make room for their results. */
lml_status lml_ipi_batch_begin(lml_ipi_batch *batch, const lml_ipi_message *posdata, lml_error *error);

/** Add the result of the next structure: @p forces has natoms × 3 numbers, @p virial 9, of which the symmetric part is
 *  taken, or NULL for zero. May not be called once the batch is whole. */
lml_status lml_ipi_batch_add(lml_ipi_batch *batch, double energy, const double *forces, const double *virial,
                             lml_ipi_text extras, lml_error *error);

/** All distinct structures have their result. */
bool lml_ipi_batch_is_whole(const lml_ipi_batch *batch);

/** Append the whole batch as FORCEREADY to @p buffer. */
lml_status lml_ipi_batch_encode(lml_ipi_batch *batch, lml_ipi_units units, lml_ipi_buffer *buffer, lml_error *error);

void lml_ipi_batch_free(lml_ipi_batch *batch);

#endif
