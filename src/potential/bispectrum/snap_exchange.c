#include "potential/bispectrum/snap_exchange.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potential/bispectrum/plan.h"

/** Difference from the mean, relative to the largest coefficient, up to which coefficients are equal: those of a
 *  published file that was symmetric before it was written with 12 decimals differ by half of it. */
static const double rounding = 1e-10;

/** What has the same value shares a mean: components of one term, or products of those of two. */
typedef struct means {
  const lml_bispectrum_plan *plan;
  double *first; /* a member's coefficient, which the others are taken relative to: equal ones stay as they are */
  double *excess;
  size_t *count;
} means;

static lml_status make_means(const lml_bispectrum_plan *plan, size_t n, means *m, lml_error *error) {
  *m = (means){.plan = plan};
  lml_status status = lml_alloc(&m->first, n, sizeof(double), "coefficients", error);
  if (status == LML_OK) status = lml_alloc(&m->excess, n, sizeof(double), "coefficients", error);
  if (status == LML_OK) status = lml_alloc(&m->count, n, sizeof(size_t), "coefficients", error);
  return status;
}

static void free_means(means *m) {
  lml_free(m->first);
  lml_free(m->excess);
  lml_free(m->count);
}

static void add(means *m, size_t slot, double coefficient, size_t times) {
  if (m->count[slot] == 0) m->first[slot] = coefficient;
  m->excess[slot] += (double)times * (coefficient - m->first[slot]);
  m->count[slot] += times;
}

static double mean(const means *m, size_t slot) { return m->first[slot] + m->excess[slot] / (double)m->count[slot]; }

/** The place of the mean of components c and d, whatever their order. */
static size_t slot_of(const means *m, int c, int d) {
  const int a = m->plan->components[c].term, b = m->plan->components[d].term;
  return (size_t)(a < b ? a : b) * (size_t)m->plan->nterms + (size_t)(a < b ? b : a);
}

/** Off the diagonal a coefficient stands for two elements of the symmetric matrix. Both of them are among what is
 *  averaged where its components are of one term; else each is in one of two sums that are equal. */
static void average_quadratic(means *m, double *pairs) {
  const int n = m->plan->ncomponents;
  const double *pair = pairs;
  for (int c = 0; c < n; c++)
    for (int d = c; d < n; d++)
      add(m, slot_of(m, c, d), *pair++, m->plan->components[c].term == m->plan->components[d].term && c != d ? 2 : 1);
  for (int c = 0; c < n; c++)
    for (int d = c; d < n; d++) *pairs++ = mean(m, slot_of(m, c, d));
}

static void average_linear(means *m, double *linear) {
  for (int c = 0; c < m->plan->ncomponents; c++) add(m, (size_t)m->plan->components[c].term, linear[c], 1);
  for (int c = 0; c < m->plan->ncomponents; c++) linear[c] = mean(m, (size_t)m->plan->components[c].term);
}

static lml_status average_element(const lml_bispectrum_plan *plan, double *theta, bool quadratic, lml_error *error) {
  const size_t nterms = (size_t)plan->nterms;
  means linear, products = {0};
  lml_status status = make_means(plan, nterms, &linear, error);
  if (status == LML_OK && quadratic) status = make_means(plan, nterms * nterms, &products, error);
  if (status == LML_OK) average_linear(&linear, theta + 1);
  if (status == LML_OK && quadratic) average_quadratic(&products, theta + 1 + plan->ncomponents);
  free_means(&linear);
  free_means(&products);
  return status;
}

lml_status lml_snap_exchange_average(const lml_snap_model *model, double *coefficients, lml_error *error) {
  const lml_snap_parameters *p = &model->parameters;
  if (!p->chemflag) return LML_OK;
  lml_bispectrum_plan plan = {.twojmax = p->twojmax, .nlabel_elements = (int)model->nelements};
  lml_status status = lml_bispectrum_plan_components(&plan, model, error);
  for (size_t e = 0; status == LML_OK && e < model->nelements; e++)
    status = average_element(&plan, coefficients + e * model->ncoefficients, p->quadraticflag, error);
  lml_bispectrum_plan_free(&plan);
  return status;
}

lml_status lml_snap_exchange_check(const lml_snap_model *model, const char *path, lml_text_list *warnings,
                                   lml_error *error) {
  const size_t count = model->nelements * model->ncoefficients;
  if (!model->parameters.chemflag) return LML_OK;
  double *averaged;
  lml_status status = lml_alloc(&averaged, count, sizeof *averaged, "coefficients", error);
  if (status != LML_OK) return status;
  memcpy(averaged, model->coefficients, count * sizeof *averaged);
  status = lml_snap_exchange_average(model, averaged, error);
  double largest = 0.0, difference = 0.0;
  size_t at = 0;
  for (size_t k = 0; status == LML_OK && k < count; k++) {
    const double from_mean = fabs(averaged[k] - model->coefficients[k]);
    if (k % model->ncoefficients != 0) largest = fmax(largest, fabs(model->coefficients[k]));
    if (from_mean > difference) at = k;
    difference = fmax(difference, from_mean);
  }
  lml_free(averaged);
  if (status != LML_OK || difference <= rounding * largest) return status;
  return lml_text_list_print(
      warnings, error,
      "%s: coefficients of components that are equal with chemflag, as elements are exchanged at "
      "equal j, differ by up to %.2g eV from their mean (coefficient %zu of %s, of at most %.2g eV): "
      "lmlink's forces are the gradient of the energy, LAMMPS's are not",
      path, difference, at % model->ncoefficients, model->elements[at / model->ncoefficients].name, largest);
}
