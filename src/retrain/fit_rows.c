#include "retrain/fit_rows.h"

#include <cblas.h>

/** Where rows are measured: the sink's context. */
typedef struct {
  lml_fit *fit;
  size_t width;
  const double *const *coefficients;
} measure;

static lml_status take(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const measure *m = context;
  const size_t first = block->first - m->fit->set->frames[block->position].first;
  for (size_t k = 0; k < block->count; k++) {
    double row[3] = {block->targets[k]};
    for (int p = 0; p < 2; p++)
      row[1 + p] = cblas_ddot((int)m->width, block->rows + k * m->width, 1, m->coefficients[p], 1);
    lml_fit_add_row(m->fit, block->position, first + k, row, LML_FIT_REGIONS, -1.0);
  }
  return LML_OK;
}

lml_status lml_fit_rows(lml_fit *fit, lml_design *design, const double *const coefficients[2], lml_comm *comm,
                        void (*tell)(void *context), void *context, lml_error *error) {
  const size_t part = (size_t)lml_comm_rank(comm), share = (size_t)lml_comm_size(comm);
  measure m = {fit, design->width, coefficients};
  const lml_row_sink sink = {.take = take, .context = &m};
  lml_dataset plain = *fit->set; /* errors are of the rows as they are */
  plain.row_weights = NULL;
  const lml_status status = lml_design_pass(design, &plain, 0, part, share, &sink, tell, context, error);
  return lml_fit_collect(fit, comm, status, error);
}
