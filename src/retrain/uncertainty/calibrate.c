#include "retrain/uncertainty/calibrate.h"

#include <math.h>

#include "base/fail.h"

/** Errors e and σ's before scaling, u. */
typedef struct {
  const double *errors, *sigmas;
  size_t count;
} sample;

/** α² that is likeliest where s_n² = α² t. */
static double scale_for(const sample *s, double t) {
  double sum = 0.0;
  for (size_t k = 0; k < s->count; k++) sum += s->errors[k] * s->errors[k] / (s->sigmas[k] * s->sigmas[k] + t);
  return sum / (double)s->count;
}

/** −2/n times the logarithm of the likelihood with that α, but for a constant. */
static double cost_of(const sample *s, double log_t) {
  const double t = exp(log_t);
  double sum = 0.0;
  for (size_t k = 0; k < s->count; k++) sum += log(s->sigmas[k] * s->sigmas[k] + t);
  return log(scale_for(s, t)) + sum / (double)s->count;
}

static double mean_square(const double *values, size_t count) {
  double sum = 0.0;
  for (size_t k = 0; k < count; k++) sum += values[k] * values[k];
  return sum / (double)count;
}

/** Steps on either side of t = mean(u²), and their length; beyond them s_n, or α, counts as 0. */
enum { STEPS = 40, HALVINGS = 60 };
static const double step = 0.5;

/** log t of the lowest cost: of all steps first, then by a golden section around the best. */
static double find_lowest(const sample *s, double middle) {
  const double ratio = 0.5 * (sqrt(5.0) - 1.0);
  int best = -STEPS;
  double lowest = INFINITY;
  for (int k = -STEPS; k <= STEPS; k++) {
    const double cost = cost_of(s, middle + k * step);
    if (cost < lowest) {
      lowest = cost;
      best = k;
    }
  }
  if (best == -STEPS || best == STEPS) return middle + best * step;
  double low = middle + (best - 1) * step, high = middle + (best + 1) * step;
  for (int k = 0; k < HALVINGS; k++) {
    const double left = high - ratio * (high - low), right = low + ratio * (high - low);
    if (cost_of(s, left) < cost_of(s, right))
      high = right;
    else
      low = left;
  }
  return 0.5 * (low + high);
}

lml_status lml_calibrate(const double *errors, const double *sigmas, size_t count, lml_calibration *calibration,
                         lml_error *error) {
  const sample s = {errors, sigmas, count};
  const double mean = mean_square(sigmas, count), mean_error = mean_square(errors, count);
  if (count == 0 || !(mean > 0.0))
    return lml_fail(error, LML_ERR_INPUT,
                    "the uncertainty has no scale: no row of the frames that were left out depends on what the others "
                    "leave uncertain; give more frames, or --uncertainty none");
  calibration->nrows = count;
  calibration->alpha = calibration->alpha_noise = sqrt(mean_error / mean);
  calibration->noise = 0.0;
  if (mean_error == 0.0) return LML_OK;
  const double log_t = find_lowest(&s, log(mean));
  if (log_t <= log(mean) - STEPS * step) return LML_OK;
  calibration->alpha_noise = sqrt(scale_for(&s, exp(log_t)));
  calibration->noise = calibration->alpha_noise * exp(0.5 * log_t);
  return LML_OK;
}
