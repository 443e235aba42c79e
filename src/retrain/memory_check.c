#include "retrain/memory_check.h"

#include <math.h>
#include <sys/resource.h>

#include "base/fail.h"
#include "base/proc.h"

static double allowed_bytes(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INFINITY;
  return (double)limit.rlim_cur;
}

/** Matrices of width² numbers that are held at once, at most. */
static size_t count_matrices(const lml_retrain_options *options) {
  size_t roles[LML_ROLES] = {0}, leverage = 0;
  for (size_t s = 0; s < options->nsets; s++) roles[options->sets[s].role]++;
  size_t count = 2 + (roles[LML_ROLE_SOFT] > 0); /* targets, what is factorised, soft constraints */
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].leverage > 0.0) leverage = 1;
  count += leverage; /* the frame that is judged */
  if (lml_retrain_chooses(options)) count += options->folds > 0 ? options->folds + 1 : 1;
  return options->method == LML_METHOD_CHOLESKY ? count : count + 1;
}

lml_status lml_memory_check(const lml_design *design, const lml_retrain_options *options, lml_error *error) {
  const double width = (double)design->width;
  double frame = 0.0, hard = 0.0;
  for (size_t s = 0; s < options->nsets; s++) {
    const lml_dataset *set = &options->sets[s];
    frame = fmax(frame, set->role == LML_ROLE_TEST ? 0.0 : (double)lml_design_scratch(design, set));
    if (set->role == LML_ROLE_HARD) hard += 3.0 * (double)set->nrows * width;
  }
  const double needed = sizeof(double) * ((double)count_matrices(options) * width * width + frame + hard);
  const double available = fmin(lml_proc_bytes("/proc/meminfo", "MemAvailable:", INFINITY), allowed_bytes());
  if (needed <= available) return LML_OK;
  return lml_fail(error, LML_ERR_MEMORY,
                  "%zu coefficients and the largest frame need about %.0f MB of memory, and %.0f MB are available: use "
                  "a potential with fewer coefficients (--form linear), fewer folds, or smaller frames",
                  design->width, needed / 1e6, available / 1e6);
}
