#include "retrain/solve/solve.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "potential/potential.h"
#include "retrain/choose/search.h"
#include "retrain/choose/trade_off.h"
#include "retrain/solve/qr.h"

/** Condition number from which normal equations are given up for QR where nothing else is asked for. With a ridge
 *  penalty, directions that the data hardly determine stay at zero; without one, the data's digits are all there is. */
static const double largest_condition = LML_LARGEST_CONDITION, largest_condition_without_ridge = 1e6;

/** Weights or values may be so large that sums overflow. */
static lml_status check_sums(const lml_normal *normal, const char *what, lml_error *error) {
  double sum = normal->ssr;
  for (size_t i = 0; normal->gram != NULL && i < normal->width; i++)
    sum += fabs(normal->gram[i * (normal->width + 1)]) + fabs(normal->rhs[i]);
  if (isfinite(sum)) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "the sums over the %s exceed the range of numbers: give smaller weights", what);
}

static lml_status check_all_sums(const lml_retrain *retrain, lml_error *error) {
  lml_status status = check_sums(&retrain->target, "targets", error);
  if (status == LML_OK) status = check_sums(&retrain->soft, "soft constraints", error);
  for (size_t s = 0; s < retrain->options->nsets && status == LML_OK; s++)
    status = check_sums(&retrain->tests[s], "test files", error);
  return status;
}

/** A rank, with room of its own. */
static lml_status measure_rank(const lml_normal *normal, size_t *rank, double *largest, lml_error *error) {
  lml_solver solver;
  lml_status status = lml_solver_make(&solver, normal->width, 0, error);
  if (status == LML_OK) status = lml_solver_rank(&solver, normal, rank, largest, error);
  lml_solver_free(&solver);
  return status;
}

static lml_status find_target_rank(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  r->ranked = true;
  return measure_rank(&retrain->target, &retrain->target_rank, &retrain->target_largest, error);
}

static lml_status find_soft_rank(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  if (retrain->soft.gram == NULL) return LML_OK;
  return measure_rank(&retrain->soft, &retrain->soft_rank, &retrain->soft_largest, error);
}

static lml_status find_solution(lml_run *r, lml_error *error) {
  return lml_search_run(r->retrain, r->workers.nthreads, r->solver.scale, lml_run_report_one, r, error);
}

lml_status lml_run_find_rank(void *context, lml_pool_place place, size_t position, lml_error *error) {
  lml_run *r = context;
  (void)place, (void)position;
  return r->ranked ? LML_OK : find_target_rank(r, error);
}

/** What is found side by side. */
typedef struct {
  lml_run *run;
  lml_status (*list[2])(lml_run *r, lml_error *error);
} findings;

static lml_status find(void *context, lml_pool_place place, size_t task, lml_error *error) {
  const findings *both = context;
  (void)place;
  return both->list[task](both->run, error);
}

/** The solution, and beside it the rank of soft constraints; that of targets can wait. Where λs are to be found, the
 *  largest eigenvalues come first. */
static lml_status find_all(lml_run *r, lml_error *error) {
  const bool waits = r->options->nlambda_ridge == 0 || lml_retrain_searches_soft(r->options);
  findings both = {r, {waits ? find_target_rank : find_solution, find_soft_rank}};
  const lml_pool_tasks tasks = {.count = 2, .work = find, .context = &both};
  r->ranked = false;
  const lml_status status = lml_pool_run(r->workers.nthreads, &tasks, error);
  return status == LML_OK && waits ? find_solution(r, error) : status;
}

static lml_status solve_sums(lml_run *r, lml_error *error) {
  lml_run_begin_stage(r, LML_STAGE_SOLVE, lml_search_most(r->options));
  lml_status status = LML_OK;
  if (lml_run_is_root(r)) {
    status = check_all_sums(r->retrain, error);
    if (status == LML_OK) status = lml_run_make_solver(r, error);
    if (status == LML_OK) status = find_all(r, error);
    if (status == LML_OK) lml_run_report_last(r);
    if (status == LML_OK) lml_trade_off_report(r);
  }
  lml_run_end_stage(r);
  return lml_comm_agree(r->comm, status, error);
}

/** Solve once more with the λs that were chosen, and with other hard constraints. */
static lml_status renew_solution(lml_run *r, lml_error *error) {
  lml_status status = LML_OK;
  lml_run_begin_stage(r, LML_STAGE_SOLVE, 0);
  if (lml_run_is_root(r)) {
    lml_solver_free(&r->solver);
    status = lml_run_make_solver(r, error);
    if (status == LML_OK) status = lml_search_renew(r->retrain, r->workers.nthreads, r->solver.scale, error);
  }
  lml_run_end_stage(r);
  return lml_comm_agree(r->comm, status, error);
}

/** Whether the rows have to be gone through again, with a word about it. */
static lml_status choose_method(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const double condition = retrain->solution.condition;
  int qr = r->options->method == LML_METHOD_QR;
  lml_status status = LML_OK;
  const double ridge =
      lml_run_is_root(r) ? retrain->trials[retrain->chosen].lambda_ridge * retrain->ridge.smallest : 0.0;
  const double largest = ridge > 0.0 ? largest_condition : largest_condition_without_ridge;
  if (lml_run_is_root(r) && r->options->method == LML_METHOD_AUTO && !(condition < largest)) {
    lml_log_line(r->listener->log, LML_LOG_ERROR,
                 "the normal equations are too ill-conditioned (%.1e): the rows are gone through again, by QR",
                 condition);
    qr = 1;
  }
  if (lml_run_is_root(r) && r->options->method == LML_METHOD_CHOLESKY && !isfinite(condition))
    status = lml_fail(error, LML_ERR_INPUT,
                      "the normal equations do not determine all coefficients: give a larger --lambda-ridge, or omit "
                      "--method cholesky");
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, &qr, sizeof qr, error);
  retrain->used_qr = qr;
  return status;
}

/** Put the rows of targets and soft constraints into the triangle. */
static lml_status fill_triangle(lml_run *r, lml_qr *qr, lml_qr_adder *adder, const double *start, double lambda_soft,
                                lml_error *error) {
  lml_workers one = r->workers; /* the triangle takes one block after the other; BLAS may use several threads for it */
  lml_status status = LML_OK;
  one.nthreads = 1;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    if (set->role != LML_ROLE_TARGET && set->role != LML_ROLE_SOFT) continue;
    const bool soft = set->role == LML_ROLE_SOFT;
    adder->qr = qr;
    adder->weight = soft ? set->weight * lambda_soft : set->weight;
    adder->has_values = !soft;
    adder->start = soft ? r->retrain->constraints.shift : start;
    const lml_row_job job = {.set = set, .sink = {.accumulate = lml_qr_accumulate, .context = adder}};
    status = lml_workers_make_rows(&one, &job, 1, NULL, error);
  }
  return lml_comm_agree(r->comm, status, error);
}

/** Offsets that are best at `start`, from rank 0's sums, into @p best: as these are of deviations from Θ₀ and the rows
 *  have no constants, the shift's part is taken off and the constants are put to it. */
static lml_status find_offsets(lml_run *r, lml_qr_adder *adder, double *best, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  lml_offset_sums *offsets = &retrain->target.offsets;
  const lml_status status = lml_offset_sums_share(offsets, r->comm, error);
  if (status != LML_OK) return status;
  adder->offsets = offsets;
  adder->offset_rank = lml_offset_sums_reduce(offsets);
  adder->best = best;
  lml_offset_sums_find(offsets, adder->offset_rank, retrain->constraints.shift, best);
  const size_t n = lml_potential_ncoefficients(retrain->start);
  for (size_t e = 0; e < offsets->count; e++) best[e] += lml_potential_coefficients(retrain->start)[e * n];
  return LML_OK;
}

static lml_status solve_rows(lml_run *r, double *scale, double *start, lml_qr_adder *adder, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t n = retrain->width;
  const double *shift = retrain->constraints.shift;
  double lambdas[2] = {0.0, 0.0};
  if (lml_run_is_root(r)) {
    memcpy(scale, r->solver.scale, n * sizeof *scale);
    lambdas[0] = retrain->trials[retrain->chosen].lambda_soft;
    lambdas[1] = retrain->trials[retrain->chosen].lambda_ridge;
  }
  for (size_t i = 0; i < n; i++)
    start[i] = lml_potential_coefficients(retrain->start)[i] + (shift == NULL ? 0.0 : shift[i]);
  lml_qr qr;
  lml_status status = lml_comm_broadcast(r->comm, lambdas, sizeof lambdas, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, scale, n * sizeof *scale, error);
  if (status != LML_OK) return status;
  status = lml_qr_make(&qr, &retrain->constraints, scale, error);
  status = lml_comm_agree(r->comm, status, error);
  double best[LML_ELEMENTS_LIMIT];
  if (status == LML_OK) status = find_offsets(r, adder, best, error);
  if (status == LML_OK) status = fill_triangle(r, &qr, adder, start, lambdas[0], error);
  if (status == LML_OK) status = lml_qr_collect(&qr, r->comm, error);
  if (status == LML_OK && lml_run_is_root(r)) {
    status = lml_qr_solve(&qr, lambdas[1], retrain->ridge.factors, retrain->delta, &retrain->qr_condition, error);
    for (size_t i = 0; i < n && shift != NULL; i++) retrain->delta[i] += shift[i];
  }
  lml_qr_free(&qr);
  return lml_comm_agree(r->comm, status, error);
}

static lml_status solve_again(lml_run *r, lml_error *error) {
  const size_t n = r->retrain->width;
  double *scale = NULL, *start = NULL;
  lml_qr_adder *adder = NULL;
  lml_run_begin_stage(r, LML_STAGE_QR, lml_run_frames(r, LML_ROLE_TARGET) + lml_run_frames(r, LML_ROLE_SOFT));
  lml_status status = lml_alloc(&scale, n, sizeof *scale, "a solution", error);
  if (status == LML_OK) status = lml_alloc(&start, n, sizeof *start, "a solution", error);
  if (status == LML_OK) status = lml_alloc(&adder, 1, sizeof *adder, "deviations", error);
  const bool ready = adder != NULL && start != NULL && scale != NULL;
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK && ready) status = solve_rows(r, scale, start, adder, error);
  lml_free(scale);
  lml_free(start);
  lml_free(adder);
  lml_run_end_stage(r);
  return status;
}

/** Solve by the sums, as @p by_sums does, and where they do not do by the rows. */
static lml_status solve_by(lml_run *r, lml_status (*by_sums)(lml_run *r, lml_error *error), lml_error *error) {
  lml_status status = by_sums(r, error);
  if (status == LML_OK) status = choose_method(r, error);
  if (status == LML_OK && r->retrain->used_qr) status = solve_again(r, error);
  if (status == LML_OK)
    status = lml_comm_broadcast(r->comm, r->retrain->delta, r->retrain->width * sizeof(double), error);
  return status;
}

/** What rows to keep may move by at the most, eV per atom or eV/Å, before more directions are held; and, where these
 *  are not to be had, before that is worth a warning. */
static const double largest_move = 1e-12, largest_silent_move = 1e-9;

/** Hold directions that count for so large a change of the coefficients as was found, with a word about it. */
static lml_status tighten(lml_run *r, int *more, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_constraint_rows *keep = &retrain->constraints.kinds[LML_HARD_KEEP];
  const double moved = lml_constraints_deviation(keep, retrain->width, retrain->delta);
  const size_t rank = keep->rank;
  bool tightened;
  const lml_status status = lml_constraints_tighten(&retrain->constraints, &r->options->constraints, retrain->delta,
                                                    largest_move, &tightened, error);
  if (status != LML_OK) return status;
  if (!tightened && moved > largest_silent_move)
    lml_log_warning(r->listener->log,
                    "values to keep move by up to %.1e eV per atom, or eV/Å: directions with singular "
                    "values below %.1e don't count; a smaller --hard-tolerance holds more of them",
                    moved, keep->tolerance);
  if (!tightened) return LML_OK;
  *more = 1;
  lml_log_line(r->listener->log, LML_LOG_INFO,
               "values to keep would move by %.1e: %zu directions are held in place of %zu, and the equations are "
               "solved again",
               moved, keep->rank, rank);
  return LML_OK;
}

/** Whether more directions are held now: on all ranks. */
static lml_status hold_more(lml_run *r, int *more, lml_error *error) {
  *more = 0;
  lml_status status = lml_run_is_root(r) ? tighten(r, more, error) : LML_OK;
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(r->comm, more, sizeof *more, error);
  return status == LML_OK && *more ? lml_constraints_share(&r->retrain->constraints, r->comm, error) : status;
}

lml_status lml_run_solve(lml_run *r, lml_error *error) {
  int more = 0;
  lml_status status = solve_by(r, solve_sums, error);
  if (status == LML_OK) status = hold_more(r, &more, error);
  while (status == LML_OK && more) {
    status = solve_by(r, renew_solution, error);
    if (status == LML_OK) status = hold_more(r, &more, error);
  }
  return status;
}
