#include <string.h>

#include "base/memory.h"
#include "potential/bispectrum/kernel.h"

const lml_bispectrum_kernel *lml_bispectrum_kernel_for(const lml_isa *isa) {
  static const lml_bispectrum_kernel *const variants[LML_ISA_COUNT] = LML_LIST_VARIANTS(lml_bispectrum_kernel);
  return variants[isa->place];
}

lml_status lml_bispectrum_workspace_make(const lml_bispectrum_plan *plan, size_t slots,
                                         lml_bispectrum_workspace *workspace, lml_error *error) {
  const size_t elements = (size_t)plan->nlabel_elements;
  struct {
    double **array;
    size_t vectors;
  } parts[] = {
      {&workspace->geometry, slots * LML_GEOMETRY_SIZE},
      {&workspace->moments, elements * (size_t)plan->nmoments},
      {&workspace->u, 2 * elements * (size_t)plan->nu},
      {&workspace->y, 2 * elements * (size_t)plan->ny},
      {&workspace->terms, (size_t)plan->nterms},
      {&workspace->weights, (size_t)plan->nterms},
      {&workspace->energy, 1},
  };
  enum { PARTS = sizeof parts / sizeof parts[0] };
  memset(workspace, 0, sizeof *workspace);
  /* every part begins on a cache line, so that vectors of any kernel are aligned */
  const size_t line = LML_ALIGNMENT / sizeof(double);
  size_t total = 0;
  for (size_t i = 0; i < PARTS; i++) total += (parts[i].vectors * (size_t)plan->lanes + line - 1) / line * line;
  const lml_status status = lml_alloc(&workspace->memory, total, sizeof(double), "the bispectrum kernel", error);
  if (status != LML_OK) return status;
  double *next = workspace->memory;
  for (size_t i = 0; i < PARTS; i++) {
    *parts[i].array = next;
    next += (parts[i].vectors * (size_t)plan->lanes + line - 1) / line * line;
  }
  return LML_OK;
}

void lml_bispectrum_workspace_free(lml_bispectrum_workspace *workspace) {
  lml_free(workspace->memory);
  memset(workspace, 0, sizeof *workspace);
}

lml_status lml_bispectrum_gradients_make(const lml_bispectrum_plan *plan, size_t slots,
                                         lml_bispectrum_gradients *gradients, lml_error *error) {
  const size_t vector = (size_t)plan->lanes * sizeof(double);
  *gradients = (lml_bispectrum_gradients){.stride = 3 * slots};
  lml_status status = lml_alloc(&gradients->adjoints, plan->by_term.npacked, vector, "gradients", error);
  if (status == LML_OK)
    status = lml_alloc(&gradients->derivatives, 6 * (size_t)plan->nmoments, vector, "gradients", error);
  if (status == LML_OK)
    status = lml_alloc(&gradients->values, (size_t)plan->nterms * gradients->stride, vector, "gradients", error);
  return status;
}

void lml_bispectrum_gradients_free(lml_bispectrum_gradients *gradients) {
  lml_free(gradients->adjoints);
  lml_free(gradients->derivatives);
  lml_free(gradients->values);
  memset(gradients, 0, sizeof *gradients);
}

lml_status lml_bispectrum_several_make(const lml_bispectrum_plan *plan, size_t slots, size_t count,
                                       lml_bispectrum_several *several, lml_error *error) {
  static const char what[] = "several energies";
  const size_t vector = (size_t)plan->lanes * sizeof(double), limit = LML_LANES_LIMIT;
  const size_t elements = (size_t)plan->nlabel_elements, nmoments = (size_t)plan->nmoments;
  const size_t tiles = (count + LML_TILE_TERMS - 1) / LML_TILE_TERMS, energies = tiles * LML_TILE_TERMS;
  *several =
      (lml_bispectrum_several){.count = energies, .stride = (3 * energies + limit - 1) / limit * limit, .slots = slots};
  lml_status status = lml_alloc(&several->adjoints, plan->by_term.npacked, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&several->weights, (size_t)plan->nterms * energies, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&several->by_u, elements * nmoments * energies, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&several->derivatives, 6 * nmoments, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&several->tile, 6 * energies, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&several->gradient, slots * several->stride, vector, what, error);
  if (status != LML_OK) lml_bispectrum_several_free(several);
  return status;
}

void lml_bispectrum_several_free(lml_bispectrum_several *several) {
  lml_free(several->adjoints);
  lml_free(several->weights);
  lml_free(several->by_u);
  lml_free(several->derivatives);
  lml_free(several->tile);
  lml_free(several->gradient);
  memset(several, 0, sizeof *several);
}
