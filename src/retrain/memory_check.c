#include "retrain/memory_check.h"

#include <math.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "base/fail.h"
#include "base/proc.h"
#include "base/thread_pool.h"
#include "retrain/rows/design.h"
#include "retrain/uncertainty/quantum_rows.h"

/** Bytes of addresses that OpenBLAS maps for each thread that uses it. Where it can't, it tries for ever. */
static const double blas_buffer = 128 << 20;

/** Bytes that this process may map, all in all. */
static double allowed_bytes(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INFINITY;
  return (double)limit.rlim_cur;
}

/** Bytes that it has mapped, and that @p nthreads threads will map besides what they need. */
static double mapped_bytes(size_t nthreads) {
  return lml_proc_bytes("/proc/self/status", "VmSize:", 0.0) + (double)nthreads * blas_buffer;
}

/** Matrices of width² numbers that are held at once, at most: on every rank, and by rank 0 alone. */
typedef struct {
  size_t each, first;
} matrices;

static bool has_role(const lml_retrain_options *options, lml_role role) {
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].role == role) return true;
  return false;
}

static matrices count_matrices(const lml_retrain_options *options) {
  size_t leverage = 0;
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].leverage > 0.0) leverage = 1;
  /* targets, soft constraints; what is factorised, also for the ranks of both, and the frame that is screened */
  const size_t soft = has_role(options, LML_ROLE_SOFT);
  matrices count = {.each = 1 + soft, .first = 1 + soft + leverage};
  count.each += lml_retrain_most_folds(options);
  for (size_t s = 0; s < options->nsets && (lml_retrain_chooses(options) || options->cache != NULL); s++)
    count.each += options->sets[s].role == LML_ROLE_TEST;
  count.each += options->method != LML_METHOD_CHOLESKY;                   /* the triangle of QR */
  if (options->uncertainty.kind != LML_UNCERTAINTY_NONE) count.each += 2; /* a factor, and sums of scores */
  return count;
}

/** Bytes that a rank needs with one thread, each further thread and each further slot, and rank 0 more than the others.
 */
typedef struct {
  double each, thread, slot, first;
} needs;

static double rows_of_targets(const lml_retrain_options *options) {
  double count = 0.0;
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].role == LML_ROLE_TARGET) count += (double)options->sets[s].nrows;
  return count;
}

static needs add_up(const lml_design *design, const lml_retrain_options *options) {
  const double width = (double)design->width;
  const matrices count = count_matrices(options);
  const double folds = lml_retrain_most_folds(options) > 0 ? 1.0 : 0.0; /* a matrix to factorise, and its sums */
  const double held = options->uncertainty.kind == LML_UNCERTAINTY_NONE
                          ? 0.0
                          : fmin(rows_of_targets(options), LML_HELD_CLUSTERS * LML_CLUSTER_ROWS) * width;
  double frame = LML_BLOCK_ROWS * width, hard = 0.0;
  for (size_t s = 0; s < options->nsets; s++) {
    const lml_dataset *set = &options->sets[s];
    frame = fmax(frame, set->role == LML_ROLE_TEST ? 0.0 : (double)lml_design_memory(design, set));
    if (set->role == LML_ROLE_HARD) hard += (double)set->nrows * width;
  }
  const double sums = width * (width + 2.0 * LML_BLOCK_ROWS);
  return (needs){.each = sizeof(double) * ((double)count.each * width * width + sums + frame + hard + 3.0 * held),
                 .thread = sizeof(double) * fmax(frame, folds * 2.0 * width * width + 2.0 * held),
                 .slot = sizeof(double) * sums,
                 .first = sizeof(double) * (((double)count.first + 2.0 * folds) * width * width + 2.0 * hard)};
}

lml_status lml_memory_check(const lml_design *design, const lml_retrain_options *options, const lml_comm *comm,
                            size_t *nthreads, lml_error *error) {
  const double available = lml_proc_bytes("/proc/meminfo", "MemAvailable:", INFINITY), allowed = allowed_bytes();
  const double ranks = (double)lml_comm_neighbours(comm);
  const needs n = add_up(design, options);
  for (; *nthreads > 1; --*nthreads) {
    const double each = n.each + (double)(*nthreads - 1) * n.thread + (double)(lml_pool_slots(*nthreads) - 1) * n.slot;
    if (mapped_bytes(*nthreads) + each + n.first <= allowed && ranks * each + n.first <= available) return LML_OK;
  }
  const double own = mapped_bytes(1) + n.each + n.first;
  const bool independent = own > allowed; /* what one process may have decides, not what the machine has */
  const double needed = independent ? own : ranks * n.each + n.first, most = independent ? allowed : available;
  if (needed <= most) return LML_OK;
  return lml_fail(
      error, LML_ERR_MEMORY,
      "%zu coefficients and the largest frame need about %.0f MB of memory%s, and %.0f MB are available: "
      "use a potential with fewer coefficients (--form linear), fewer folds, smaller frames, or fewer ranks "
      "on a machine",
      design->width, needed / 1e6, ranks > 1.0 && !independent ? " on this machine" : "", most / 1e6);
}
