#include "retrain/uncertainty/coverage.h"

#include <cblas.h>
#include <math.h>

#include "base/memory.h"

static const char what[] = "errors and their uncertainties";

bool lml_coverage_applies(const lml_dataset *set) {
  return (set->role == LML_ROLE_TARGET || set->role == LML_ROLE_TEST) && set->noffsets == 0;
}

/** What all sets are measured with. */
typedef struct {
  const lml_factor *factor;
  const lml_calibration *calibration;
  const double *delta;
} measure;

/** One set: the sink's context. */
typedef struct {
  const measure *with;
  lml_dataset restricted; /**< to quantum rows; without frames where there are no values */
  const lml_dataset *set; /**< that, or else the whole */
  lml_coverage *sum;      /**< the set's */
  lml_coverage *slots;
} covering;

static void add_row(lml_coverage *c, const measure *m, double error, double variance) {
  const double ratio = m->calibration->alpha_noise / m->calibration->alpha, noise = m->calibration->noise;
  const double square = error * error;
  c->count += 1.0;
  c->square_error += square;
  c->square_sigma += variance;
  c->inside += square < 4.0 * variance;
  c->inside_noise += square < 4.0 * (ratio * ratio * variance + noise * noise);
}

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  const covering *c = context;
  const measure *m = c->with;
  (void)error;
  for (size_t k = 0; k < block->count; k++) {
    const double *row = block->rows + k * m->factor->width, root = block->roots == NULL ? 1.0 : block->roots[k];
    const double change = cblas_ddot((int)m->factor->width, row, 1, m->delta, 1);
    const double deviation = c->set->has_values ? block->targets[k] - block->predicted[k] - change : change;
    if (root == 0.0) continue;
    add_row(&c->slots[block->slot], m, deviation / root, lml_factor_variance(m->factor, row) / (root * root));
  }
  return LML_OK;
}

static lml_status reduce(void *context, size_t slot, size_t position, lml_error *error) {
  const covering *c = context;
  double *to = &c->sum->count, *from = &c->slots[slot].count;
  (void)position, (void)error;
  for (size_t i = 0; i < sizeof *c->sum / sizeof *to; i++) to[i] += from[i];
  c->slots[slot] = (lml_coverage){0};
  return LML_OK;
}

static lml_status make_covering(covering *c, const lml_dataset *set, size_t nslots, lml_error *error) {
  const lml_status status = lml_alloc(&c->slots, nslots, sizeof *c->slots, what, error);
  c->set = set;
  if (status != LML_OK || !set->has_values) return status;
  c->set = &c->restricted;
  return lml_dataset_restrict(set, &c->restricted, error);
}

lml_status lml_coverage_measure(lml_coverage *coverages, const lml_dataset *sets, size_t nsets,
                                const lml_workers *workers, const lml_factor *factor,
                                const lml_calibration *calibration, const double *delta, lml_error *error) {
  const measure m = {factor, calibration, delta};
  covering *all;
  lml_row_job *jobs = NULL;
  size_t count = 0;
  lml_status status = lml_alloc(&all, nsets, sizeof *all, what, error);
  if (status == LML_OK) status = lml_alloc(&jobs, nsets, sizeof *jobs, what, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    if (!lml_coverage_applies(&sets[s])) continue;
    covering *c = &all[count];
    *c = (covering){.with = &m, .sum = &coverages[s]};
    status = make_covering(c, &sets[s], lml_pool_slots(workers->nthreads), error);
    jobs[count++] = (lml_row_job){.set = c->set, .sink = {.accumulate = accumulate, .context = c}, .reduce = reduce};
  }
  status = lml_comm_agree(workers->comm, status, error);
  if (status == LML_OK) status = lml_workers_make_rows(workers, jobs, count, NULL, error);
  status = lml_comm_agree(workers->comm, status, error);
  if (status == LML_OK)
    status = lml_comm_sum(workers->comm, &coverages->count, nsets * (sizeof *coverages / sizeof(double)), error);
  for (size_t k = 0; all != NULL && k < count; k++) {
    lml_free(all[k].slots);
    lml_free(all[k].restricted.frames);
  }
  lml_free(all);
  lml_free(jobs);
  return status;
}
