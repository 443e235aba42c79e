#include "potential/bispectrum/plan.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

int lml_bispectrum_u_offset(int j) { return j * (j + 1) * (2 * j + 1) / 6; }

int lml_bispectrum_y_offset(int j) {
  int offset = 0;
  for (int i = 0; i < j; i++) offset += (i + 1) * (i / 2 + 1);
  return offset;
}

static long double factorial(int n) {
  long double value = 1.0L;
  for (int i = 2; i <= n; i++) value *= i;
  return value;
}

static int largest_of(int a, int b, int c) {
  const int ab = a > b ? a : b;
  return ab > c ? ab : c;
}

static int smallest_of(int a, int b, int c) { return -largest_of(-a, -b, -c); }

double lml_clebsch_gordan(int j1, int m1, int j2, int m2, int j) {
  /* twice the projections, and the offset of their sum */
  const int p1 = 2 * m1 - j1, p2 = 2 * m2 - j2, p = p1 + p2, m = (p + j) / 2;
  if (m < 0 || m > j || (j1 + j2 + j) % 2 != 0) return 0.0;
  const int first = largest_of(0, (j2 - j - p1) / 2, (j1 - j + p2) / 2);
  const int last = smallest_of((j1 + j2 - j) / 2, (j1 - p1) / 2, (j2 + p2) / 2);
  long double sum = 0.0L;
  for (int z = first; z <= last; z++)
    sum += (z % 2 == 0 ? 1.0L : -1.0L) /
           (factorial(z) * factorial((j1 + j2 - j) / 2 - z) * factorial((j1 - p1) / 2 - z) *
            factorial((j2 + p2) / 2 - z) * factorial((j - j2 + p1) / 2 + z) * factorial((j - j1 - p2) / 2 + z));
  const long double triangle = factorial((j1 + j2 - j) / 2) * factorial((j1 - j2 + j) / 2) *
                               factorial((j2 - j1 + j) / 2) / factorial((j1 + j2 + j) / 2 + 1);
  const long double projections = factorial((j1 + p1) / 2) * factorial((j1 - p1) / 2) * factorial((j2 + p2) / 2) *
                                  factorial((j2 - p2) / 2) * factorial(m) * factorial(j - m) * (j + 1);
  return (double)(sum * sqrtl(triangle) * sqrtl(projections));
}

lml_status lml_bispectrum_plan_make(const lml_snap_model *model, int lanes, lml_bispectrum_plan *plan,
                                    lml_error *error) {
  memset(plan, 0, sizeof *plan);
  plan->lanes = lanes;
  plan->twojmax = model->parameters.twojmax;
  plan->nlabel_elements = model->parameters.chemflag ? (int)model->nelements : 1;
  lml_status status = lml_bispectrum_plan_modes(plan, error);
  if (status == LML_OK) status = lml_bispectrum_plan_couplings(plan, model, error);
  if (status == LML_OK) status = lml_bispectrum_plan_cells(plan, error);
  return status;
}

void lml_bispectrum_plan_free(lml_bispectrum_plan *plan) {
  lml_free(plan->modes);
  lml_free(plan->coupled_js);
  lml_free(plan->polynomials);
  lml_free(plan->diagonal);
  lml_free(plan->components);
  lml_free(plan->table.blocks);
  lml_free(plan->table.couplings);
  lml_free(plan->table.cg);
  lml_cell_list_free(&plan->couplings);
  lml_cell_list_free(&plan->values);
  lml_bispectrum_term_tables_free(&plan->by_term);
  memset(plan, 0, sizeof *plan);
}
