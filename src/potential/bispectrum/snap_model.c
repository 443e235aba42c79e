#include "potential/bispectrum/snap_model.h"

#include "base/memory.h"

size_t lml_snap_ncomponents(int twojmax) {
  size_t count = 0;
  for (int j1 = 0; j1 <= twojmax; j1++)
    for (int j2 = 0; j2 <= j1; j2++)
      for (int j = j1 - j2; j <= j1 + j2 && j <= twojmax; j += 2)
        if (j >= j1) count++;
  return count;
}

size_t lml_snap_ncoefficients(const lml_snap_parameters *parameters, size_t nelements) {
  const size_t blocks = parameters->chemflag ? nelements * nelements * nelements : 1;
  const size_t linear = blocks * lml_snap_ncomponents(parameters->twojmax);
  return parameters->quadraticflag ? (linear + 1) * (linear + 2) / 2 : linear + 1;
}

double lml_snap_cutoff(const lml_snap_model *model) {
  double radius = 0.0;
  for (size_t e = 0; e < model->nelements; e++)
    if (model->elements[e].radius > radius) radius = model->elements[e].radius;
  return 2.0 * radius * model->parameters.rcutfac;
}

void lml_snap_model_free(lml_snap_model *model) {
  lml_free(model->elements);
  lml_free(model->coefficients);
  *model = (lml_snap_model){0};
}
