#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/bispectrum_kernel.h"

/** The kernels of this build, narrowest first. */
static const lml_bispectrum_kernel *const kernels[] = {
    &lml_bispectrum_kernel_generic,
#ifdef LML_KERNEL_X86
    &lml_bispectrum_kernel_avx2,
    &lml_bispectrum_kernel_avx512,
#endif
};

static int processor_runs(const lml_bispectrum_kernel *kernel) {
#ifdef LML_KERNEL_X86
  if (kernel == &lml_bispectrum_kernel_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (kernel == &lml_bispectrum_kernel_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return kernel == &lml_bispectrum_kernel_generic;
}

lml_status lml_bispectrum_kernel_best(const lml_bispectrum_kernel **kernel, lml_error *error) {
  const char *wanted = getenv("LMLINK_ISA");
  *kernel = NULL;
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
    if (wanted != NULL && *wanted != '\0' && strcmp(wanted, kernels[i]->name) != 0) continue;
    if (processor_runs(kernels[i]))
      *kernel = kernels[i];
    else if (wanted != NULL && *wanted != '\0')
      return lml_fail(error, LML_ERR_USAGE, "LMLINK_ISA=%s: this processor does not have these instructions", wanted);
  }
  if (*kernel == NULL)
    return lml_fail(error, LML_ERR_USAGE, "LMLINK_ISA=%s: not known; use generic, avx2 or avx512", wanted);
  return LML_OK;
}

lml_status lml_bispectrum_workspace_make(const lml_bispectrum_plan *plan, const lml_bispectrum_kernel *kernel,
                                         size_t slots, lml_bispectrum_workspace *workspace, lml_error *error) {
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
      {&workspace->components, 2 * (size_t)plan->ncomponents},
  };
  enum { PARTS = sizeof parts / sizeof parts[0] };
  memset(workspace, 0, sizeof *workspace);
  /* every part begins on a cache line, so that vectors of any kernel are aligned */
  const size_t line = LML_ALIGNMENT / sizeof(double);
  size_t total = 0;
  for (size_t i = 0; i < PARTS; i++) total += (parts[i].vectors * (size_t)kernel->lanes + line - 1) / line * line;
  const lml_status status = lml_alloc(&workspace->memory, total, sizeof(double), "the bispectrum kernel", error);
  if (status != LML_OK) return status;
  double *next = workspace->memory;
  for (size_t i = 0; i < PARTS; i++) {
    *parts[i].array = next;
    next += (parts[i].vectors * (size_t)kernel->lanes + line - 1) / line * line;
  }
  return LML_OK;
}

void lml_bispectrum_workspace_free(lml_bispectrum_workspace *workspace) {
  lml_free(workspace->memory);
  memset(workspace, 0, sizeof *workspace);
}

lml_status lml_bispectrum_slopes_make(const lml_bispectrum_plan *plan, const lml_bispectrum_kernel *kernel,
                                      size_t slots, lml_bispectrum_slopes *slopes, lml_error *error) {
  const size_t vector = (size_t)kernel->lanes * sizeof(double);
  *slopes = (lml_bispectrum_slopes){.stride = 3 * slots};
  lml_status status = lml_alloc(&slopes->adjoints, plan->by_term.npacked, vector, "gradients", error);
  if (status == LML_OK)
    status = lml_alloc(&slopes->derivatives, 6 * (size_t)plan->nmoments, vector, "gradients", error);
  if (status == LML_OK)
    status = lml_alloc(&slopes->values, (size_t)plan->nterms * slopes->stride, vector, "gradients", error);
  return status;
}

void lml_bispectrum_slopes_free(lml_bispectrum_slopes *slopes) {
  lml_free(slopes->adjoints);
  lml_free(slopes->derivatives);
  lml_free(slopes->values);
  memset(slopes, 0, sizeof *slopes);
}
