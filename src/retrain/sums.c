/* The constraints' rows and the sums over all others. */
#include "base/fail.h"
#include "base/memory.h"
#include "retrain/leverage.h"
#include "retrain/run.h"

/* ---- constraints ---- */

lml_status lml_run_constrain(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  lml_status status = LML_OK;
  lml_run_begin_stage(r, LML_STAGE_HARD, r->restored ? 0 : lml_run_frames(r, LML_ROLE_HARD));
  if (!r->restored)
    status = lml_constraints_fill(&retrain->constraints, &r->design, options->sets, options->nsets,
                                  lml_potential_coefficients(retrain->start), r->comm, lml_run_tell, r, error);
  if (status == LML_OK && lml_run_leads(r))
    status = lml_constraints_decompose(&retrain->constraints, &options->constraints, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_constraints_share(&retrain->constraints, r->comm, error);
  lml_run_end_stage(r);
  return status;
}

/* ---- sums ---- */

/** Sums that rows are added to, and which rows. */
typedef struct {
  lml_stage stage;
  lml_role role;
  lml_normal *normals; /**< one, or one per fold */
  size_t nnormals;
} sum_task;

/** Frames of the sets for @p role before number @p end that are not judged by leverage. */
static size_t count_frames(const lml_run *r, lml_role role, size_t end) {
  size_t count = 0;
  for (size_t s = 0; s < end; s++)
    if (r->options->sets[s].role == role && r->options->sets[s].leverage == 0.0) count += r->options->sets[s].nframes;
  return count;
}

/** The rows of frames of set number @p index, from @p first on. */
static lml_status add_set(lml_run *r, const sum_task *task, size_t index, size_t first, lml_error *error) {
  const size_t part = (size_t)lml_comm_rank(r->comm), share = (size_t)lml_comm_size(r->comm);
  const lml_dataset *set = &r->options->sets[index];
  lml_normal_adder *adder;
  lml_status status = lml_alloc(&adder, 1, sizeof *adder, "deviations", error);
  if (status != LML_OK) return status;
  *adder = (lml_normal_adder){.normals = task->normals,
                              .nnormals = task->nnormals,
                              .weight = set->weight,
                              .has_values = set->has_values && task->role != LML_ROLE_SOFT,
                              .start = lml_potential_coefficients(r->retrain->start)};
  const lml_row_sink sink = {.take = lml_normal_take, .context = adder};
  adder->first = count_frames(r, task->role, index); /* frames of all sets are dealt out to the folds in one row */
  status = lml_design_pass(&r->design, set, first, part, share, &sink, lml_run_tell, r, error);
  lml_free(adder);
  return status;
}

/** Add the rows of all sets of the role that are not judged by leverage, frames dealt out in turn, and collect. */
static lml_status add_sets(lml_run *r, const sum_task *task, lml_error *error) {
  lml_status status = LML_OK;
  lml_run_begin_stage(r, task->stage, count_frames(r, task->role, r->options->nsets));
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++)
    if (r->options->sets[s].role == task->role && r->options->sets[s].leverage == 0.0)
      status = add_set(r, task, s, 0, error);
  status = lml_comm_agree(r->comm, status, error);
  for (size_t k = 0; k < task->nnormals && status == LML_OK; k++)
    status = lml_normal_collect(&task->normals[k], r->comm, error);
  lml_run_end_stage(r);
  return status;
}

/** The targets' sums are those of the folds where there are any. */
static sum_task target_task(lml_run *r) {
  lml_retrain *retrain = r->retrain;
  return (sum_task){.stage = LML_STAGE_TARGET,
                    .role = LML_ROLE_TARGET,
                    .normals = retrain->folds != NULL ? retrain->folds : &retrain->target,
                    .nnormals = retrain->folds != NULL ? r->options->folds : 1};
}

static void add_up_folds(lml_run *r) {
  lml_retrain *retrain = r->retrain;
  if (retrain->folds == NULL) return;
  lml_normal_clear(&retrain->target);
  for (size_t k = 0; k < r->options->folds; k++) lml_normal_add(&retrain->target, &retrain->folds[k], 1.0);
}

/* ---- frames that are judged by leverage ---- */

/** Rank 0: judge the frames of a set from @p first on, and add the rows of those that are taken. */
static lml_status judge_set(lml_run *r, size_t index, size_t first, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  lml_leverage leverage = {.solver = &r->solver,
                           .problem = {.target = &retrain->target,
                                       .constraints = &retrain->constraints,
                                       .lambda_ridge = r->options->lambda_ridge[0],
                                       .ridge = retrain->ridge.factors},
                           .whole = &retrain->target,
                           .parts = retrain->folds,
                           .nparts = r->options->folds,
                           .ntaken = count_frames(r, LML_ROLE_TARGET, r->options->nsets) + first};
  for (size_t s = 0; s < index; s++)
    if (r->options->sets[s].leverage > 0.0) leverage.ntaken += r->options->sets[s].nframes;
  lml_status status = lml_run_make_solver(r, error);
  if (status == LML_OK) status = lml_leverage_begin(&leverage, error);
  if (status == LML_OK)
    status = lml_leverage_select(&leverage, &r->design, &r->options->sets[index], first,
                                 lml_potential_coefficients(retrain->start), lml_run_tell, r, error);
  lml_leverage_free(&leverage);
  return status;
}

static lml_status select_frames(lml_run *r, size_t index, size_t first, lml_error *error) {
  lml_dataset *set = &r->options->sets[index];
  lml_status status = LML_OK;
  lml_run_begin_stage(r, LML_STAGE_LEVERAGE, set->nframes - first);
  if (lml_run_leads(r)) status = judge_set(r, index, first, error);
  lml_run_end_stage(r);
  status = lml_comm_agree(r->comm, status, error);
  return status == LML_OK ? lml_dataset_share(set, first, r->comm, error) : status;
}

static lml_status select_from_sets(lml_run *r, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    if (set->leverage == 0.0 || set->reading == LML_READ_FOLLOW) continue;
    status = select_frames(r, s, 0, error);
    if (status == LML_OK && set->nrows == 0)
      status = lml_fail(error, LML_ERR_INPUT, "%s: no frame of it has a leverage above %g: it gives no rows", set->path,
                        set->leverage);
  }
  return status;
}

/* ---- all of them ---- */

static lml_status check_folds(const lml_run *r, lml_error *error) {
  const size_t folds = r->retrain->folds == NULL ? 0 : r->options->folds, count = lml_run_frames(r, LML_ROLE_TARGET);
  if (folds <= count) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "--folds %zu: there are only %zu target frames", folds, count);
}

static lml_status make_folds(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t folds = r->options->folds;
  lml_status status = lml_alloc(&retrain->folds, folds, sizeof *retrain->folds, "folds", error);
  if (status == LML_OK) status = check_folds(r, error);
  for (size_t k = 0; k < folds && status == LML_OK; k++)
    status = lml_normal_make(&retrain->folds[k], retrain->width, error);
  if (status == LML_OK && lml_run_leads(r)) status = lml_normal_make(&retrain->train, retrain->width, error);
  return status;
}

lml_status lml_run_make_room(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  const size_t n = retrain->width;
  const bool chooses = lml_retrain_chooses(options);
  lml_status status = lml_constraints_make(&retrain->constraints, options->sets, options->nsets, n, error);
  if (status == LML_OK) status = lml_normal_make(&retrain->target, n, error);
  if (status == LML_OK && lml_run_frames(r, LML_ROLE_SOFT) > 0) status = lml_normal_make(&retrain->soft, n, error);
  if (status == LML_OK && chooses && options->folds == 0) status = lml_normal_make(&retrain->test, n, error);
  if (status == LML_OK && chooses && options->folds > 0) status = make_folds(r, error);
  return lml_comm_agree(r->comm, status, error);
}

lml_status lml_run_make_sums(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  if (r->restored) return LML_OK;
  const sum_task tasks[] = {target_task(r),
                            {LML_STAGE_SOFT, LML_ROLE_SOFT, &retrain->soft, 1},
                            {LML_STAGE_TEST, LML_ROLE_TEST, &retrain->test, 1}};
  lml_status status = add_sets(r, &tasks[0], error);
  add_up_folds(r);
  if (status == LML_OK) status = select_from_sets(r, error);
  if (status == LML_OK) status = check_folds(r, error);
  if (status == LML_OK && retrain->soft.gram != NULL) status = add_sets(r, &tasks[1], error);
  if (status == LML_OK && retrain->test.gram != NULL) status = add_sets(r, &tasks[2], error);
  return status;
}

lml_status lml_run_add_frames(lml_run *r, size_t index, size_t first, lml_error *error) {
  const sum_task task = target_task(r);
  if (r->options->sets[index].leverage > 0.0) return select_frames(r, index, first, error);
  if (!lml_run_leads(r)) lml_normal_clear(&r->retrain->target); /* rank 0 has them */
  lml_run_begin_stage(r, LML_STAGE_TARGET, r->options->sets[index].nframes - first);
  lml_status status = add_set(r, &task, index, first, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_normal_collect(&r->retrain->target, r->comm, error);
  lml_run_end_stage(r);
  return status;
}
