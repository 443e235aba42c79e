#include "potential/bispectrum/model.h"

#include <string.h>

#include "base/memory.h"

static void make_cutoffs(lml_bispectrum_model *model) {
  const lml_snap_model *snap = model->snap;
  for (size_t i = 0; i < snap->nelements; i++)
    for (size_t j = 0; j < snap->nelements; j++)
      model->rcut[i * snap->nelements + j] =
          snap->elements[i].bare || snap->elements[j].bare
              ? 0.0
              : snap->parameters.rcutfac * (snap->elements[i].radius + snap->elements[j].radius);
}

static void make_shifts(lml_bispectrum_model *model) {
  const lml_bispectrum_plan *plan = &model->plan;
  for (size_t e = 0; e < model->snap->nelements; e++)
    for (int c = 0; c < plan->ncomponents; c++) {
      const lml_component *component = &plan->components[c];
      if (lml_bispectrum_shifted(&model->snap->parameters, component, (int)e))
        model->shifts[e * (size_t)plan->ncomponents + (size_t)c] = component->shift;
    }
}

lml_status lml_bispectrum_model_make(const lml_snap_model *snap, const lml_isa *isa, lml_bispectrum_model *model,
                                     lml_error *error) {
  *model = (lml_bispectrum_model){.snap = snap, .kernel = lml_bispectrum_kernel_for(isa)};
  const size_t n = snap->nelements;
  lml_status status = lml_bispectrum_plan_make(snap, (int)isa->lanes, &model->plan, error);
  if (status == LML_OK) status = lml_alloc(&model->rcut, n * n, sizeof(double), "cutoffs", error);
  if (status == LML_OK)
    status = lml_alloc(&model->shifts, n * (size_t)model->plan.ncomponents, sizeof(double), "shifts of the components",
                       error);
  if (status != LML_OK) return status;
  make_cutoffs(model);
  make_shifts(model);
  return LML_OK;
}

void lml_bispectrum_model_free(lml_bispectrum_model *model) {
  lml_bispectrum_plan_free(&model->plan);
  lml_free(model->rcut);
  lml_free(model->shifts);
  memset(model, 0, sizeof *model);
}
