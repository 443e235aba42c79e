#include "retrain/report/errors_of_rows.h"

#include <cblas.h>

/** Where rows are measured: the sink's context. */
typedef struct {
  lml_validation *validation;
  size_t width, stride; /**< coefficients, those of one element */
  const double *coefficients;
} measure;

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const measure *m = context;
  const size_t first = block->first - m->validation->set->frames[block->position].first;
  for (size_t k = 0; k < block->count; k++) {
    const double *row = block->rows + k * m->width;
    const double after = cblas_ddot((int)m->width, row, 1, m->coefficients, 1);
    const double values[] = {block->targets[k], block->baseline[k], after};
    if (m->validation->set->noffsets > 0)
      lml_validation_keep_energy(m->validation, block->position, first + k, values, row, m->stride);
    else
      lml_validation_add_row(m->validation, block->position, first + k, values);
  }
  return LML_OK;
}

lml_status lml_validation_of_rows(lml_validation *validation, const lml_workers *workers, const double *coefficients,
                                  lml_error *error) {
  measure m = {validation, workers->designs[0].width, workers->designs[0].ncoefficients, coefficients};
  lml_dataset plain = *validation->set; /* errors are of the rows as they are */
  plain.row_weights = NULL;
  plain.noffsets = 0;
  plain.energy_zero = 0.0;
  const lml_row_job job = {.set = &plain, .sink = {accumulate, &m}};
  return lml_validation_collect(validation, workers->comm, lml_workers_make_rows(workers, &job, 1, NULL, error), error);
}
