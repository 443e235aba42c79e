#include "potential/linear_model.h"

#include <string.h>

#include "base/memory.h"

static void make_cutoffs(lml_linear_model *model) {
  const lml_snap_model *snap = &model->potential->snap;
  for (size_t i = 0; i < snap->nelements; i++)
    for (size_t j = 0; j < snap->nelements; j++)
      model->rcut[i * snap->nelements + j] =
          snap->parameters.rcutfac * (snap->elements[i].radius + snap->elements[j].radius);
  model->cutoff = lml_potential_cutoff(model->potential);
}

static void make_shifts(lml_linear_model *model) {
  const lml_bispectrum_plan *plan = &model->plan;
  for (size_t e = 0; e < model->nelements; e++)
    for (int c = 0; c < plan->ncomponents; c++) {
      const lml_component *component = &plan->components[c];
      if (lml_bispectrum_shifted(&model->potential->snap.parameters, component, (int)e))
        model->shifts[e * (size_t)plan->ncomponents + (size_t)c] = component->shift;
    }
}

static lml_status make_linear(lml_linear_model *model, lml_error *error) {
  const lml_snap_model *snap = &model->potential->snap;
  const size_t n = (size_t)model->plan.ncomponents, nterms = (size_t)model->plan.nterms;
  lml_status status = lml_alloc(&model->constants, model->nelements, sizeof(double), "coefficients", error);
  if (status == LML_OK)
    status = lml_alloc(&model->weights, model->nelements * nterms, sizeof(double), "coefficients", error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++) {
    const double *theta = snap->coefficients + e * snap->ncoefficients;
    model->constants[e] = theta[0];
    for (size_t c = 0; c < n; c++) {
      const lml_component *component = &model->plan.components[c];
      model->weights[e * nterms + (size_t)component->term] += component->scale * theta[1 + c];
      model->constants[e] -= theta[1 + c] * model->shifts[e * n + c];
    }
  }
  return LML_OK;
}

static lml_status make_quadratic(lml_linear_model *model, lml_error *error) {
  const lml_snap_model *snap = &model->potential->snap;
  const size_t n = (size_t)model->plan.ncomponents;
  lml_status status = lml_alloc(&model->matrices, model->nelements * n * n, sizeof(double), "coefficients", error);
  if (status == LML_OK)
    status = lml_alloc(&model->quadratic, model->nelements, sizeof(lml_bispectrum_quadratic), "coefficients", error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++) {
    const double *theta = snap->coefficients + e * snap->ncoefficients;
    double *matrix = model->matrices + e * n * n;
    const double *pair = theta + 1 + n;
    for (size_t c = 0; c < n; c++)
      for (size_t d = c; d < n; d++) matrix[c * n + d] = matrix[d * n + c] = *pair++;
    model->quadratic[e] = (lml_bispectrum_quadratic){
        .constant = theta[0], .linear = theta + 1, .matrix = matrix, .shift = model->shifts + e * n};
  }
  return LML_OK;
}

lml_status lml_linear_model_make(const lml_potential *potential, lml_linear_model *model, lml_error *error) {
  memset(model, 0, sizeof *model);
  const lml_snap_model *snap = &potential->snap;
  model->potential = potential;
  model->nelements = snap->nelements;
  memset(model->element_of, -1, sizeof model->element_of);
  for (size_t e = 0; e < snap->nelements; e++) model->element_of[snap->elements[e].number] = (signed char)e;
  lml_status status = lml_bispectrum_kernel_best(&model->kernel, error);
  if (status == LML_OK) status = lml_bispectrum_plan_make(snap, model->kernel->lanes, &model->plan, error);
  if (status == LML_OK) status = lml_zbl_tables(&potential->zbl, snap->nelements, &model->zbl, error);
  if (status == LML_OK)
    status = lml_alloc(&model->rcut, snap->nelements * snap->nelements, sizeof(double), "cutoffs", error);
  if (status == LML_OK)
    status = lml_alloc(&model->shifts, snap->nelements * (size_t)model->plan.ncomponents, sizeof(double),
                       "shifts of the components", error);
  if (status != LML_OK) return status;
  make_cutoffs(model);
  make_shifts(model);
  return snap->parameters.quadraticflag ? make_quadratic(model, error) : make_linear(model, error);
}

void lml_linear_model_free(lml_linear_model *model) {
  lml_bispectrum_plan_free(&model->plan);
  lml_free(model->zbl);
  lml_free(model->rcut);
  lml_free(model->shifts);
  lml_free(model->constants);
  lml_free(model->weights);
  lml_free(model->matrices);
  lml_free(model->quadratic);
  memset(model, 0, sizeof *model);
}

int lml_linear_model_element(const lml_linear_model *model, int atomic_number) {
  return atomic_number >= 1 && atomic_number <= LML_LARGEST_ATOMIC_NUMBER ? model->element_of[atomic_number] : -1;
}
