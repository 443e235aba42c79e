#include "potential/linear_model.h"

#include <string.h>

#include "base/memory.h"

static lml_status make_forms(lml_linear_model *model, lml_error *error) {
  const size_t n = model->ncomponents;
  lml_status status = lml_alloc(&model->matrices, model->nelements * n * n, sizeof(double), "coefficients", error);
  if (status == LML_OK)
    status = lml_alloc(&model->forms, model->nelements, sizeof *model->forms, "coefficients", error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++) {
    const double *theta = model->coefficients + e * model->ncoefficients;
    double *matrix = model->matrices + e * n * n;
    const double *pair = theta + 1 + n;
    for (size_t c = 0; c < n; c++)
      for (size_t d = c; d < n; d++) matrix[c * n + d] = matrix[d * n + c] = *pair++;
    model->forms[e] = (lml_quadratic_form){.constant = theta[0], .linear = theta + 1, .matrix = matrix};
  }
  return LML_OK;
}

lml_status lml_linear_model_make(const lml_potential *potential, lml_linear_model *model, lml_error *error) {
  memset(model, 0, sizeof *model);
  model->potential = potential;
  model->nelements = lml_potential_nelements(potential);
  model->ncoefficients = lml_potential_ncoefficients(potential);
  model->coefficients = lml_potential_coefficients(potential);
  model->cutoff = lml_potential_cutoff(potential);
  memset(model->element_of, -1, sizeof model->element_of);
  for (size_t e = 0; e < model->nelements; e++) model->element_of[lml_potential_element(potential, e)] = (signed char)e;
  const lml_status status = lml_isa_best(&model->isa, error);
  if (status != LML_OK) return status;
  model->product = lml_product_kernel_for(model->isa);
  model->ncomponents = potential->descriptor->ncomponents;
  return potential->quadratic ? make_forms(model, error) : LML_OK;
}

void lml_linear_model_free(lml_linear_model *model) {
  lml_free(model->matrices);
  lml_free(model->forms);
  memset(model, 0, sizeof *model);
}

int lml_linear_model_element(const lml_linear_model *model, int atomic_number) {
  return atomic_number >= 1 && atomic_number <= LML_LARGEST_ATOMIC_NUMBER ? model->element_of[atomic_number] : -1;
}
