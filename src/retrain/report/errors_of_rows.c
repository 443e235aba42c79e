#include "retrain/report/errors_of_rows.h"

#include <cblas.h>

/** Where rows are measured: the sink's context. */
typedef struct {
  lml_fit *fit;
  size_t width, stride; /**< coefficients, those of one element */
  const double *coefficients;
} measure;

static lml_status take(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const measure *m = context;
  const size_t first = block->first - m->fit->set->frames[block->position].first;
  for (size_t k = 0; k < block->count; k++) {
    const double *row = block->rows + k * m->width;
    const double after = cblas_ddot((int)m->width, row, 1, m->coefficients, 1);
    const double values[] = {block->targets[k], block->before[k], after};
    if (m->fit->set->noffsets > 0)
      lml_fit_keep_energy(m->fit, block->position, first + k, values, row, m->stride);
    else
      lml_fit_add_row(m->fit, block->position, first + k, values);
  }
  return LML_OK;
}

lml_status lml_fit_rows(lml_fit *fit, const lml_crew *crew, const double *coefficients, lml_error *error) {
  measure m = {fit, crew->designs[0].width, crew->designs[0].ncoefficients, coefficients};
  lml_dataset plain = *fit->set; /* errors are of the rows as they are */
  plain.row_weights = NULL;
  plain.noffsets = 0;
  plain.energy_zero = 0.0;
  const lml_row_job job = {.set = &plain, .sink = {take, &m}};
  return lml_fit_collect(fit, crew->comm, lml_crew_rows(crew, &job, 1, NULL, error), error);
}
