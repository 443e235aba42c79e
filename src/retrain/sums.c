/* The constraints' rows and the sums over all others. */
#include "base/fail.h"
#include "base/memory.h"
#include "retrain/run.h"

/* ---- constraints ---- */

lml_status lml_run_constrain(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  lml_run_begin_stage(r, LML_STAGE_HARD, lml_run_frames(r, LML_ROLE_HARD));
  lml_status status = lml_constraints_make(&retrain->constraints, options->sets, options->nsets, retrain->width, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK)
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
  const lml_row_sink sink = {lml_normal_take, adder};
  for (size_t s = 0; s < index; s++) /* frames of all sets of a role are dealt out to the folds in one row */
    if (r->options->sets[s].role == task->role) adder->first += r->options->sets[s].nframes;
  status = lml_design_pass(&r->design, set, first, part, share, &sink, lml_run_tell, r, error);
  lml_free(adder);
  return status;
}

/** Add the rows of all sets of the role, frames dealt out in turn, and collect. */
static lml_status add_sets(lml_run *r, const sum_task *task, lml_error *error) {
  lml_status status = LML_OK;
  lml_run_begin_stage(r, task->stage, lml_run_frames(r, task->role));
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++)
    if (r->options->sets[s].role == task->role) status = add_set(r, task, s, 0, error);
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

static lml_status make_folds(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t folds = r->options->folds;
  if (folds > lml_run_frames(r, LML_ROLE_TARGET))
    return lml_fail(error, LML_ERR_USAGE, "--folds %zu: there are only %zu target frames", folds,
                    lml_run_frames(r, LML_ROLE_TARGET));
  lml_status status = lml_alloc(&retrain->folds, folds, sizeof *retrain->folds, "folds", error);
  for (size_t k = 0; k < folds && status == LML_OK; k++)
    status = lml_normal_make(&retrain->folds[k], retrain->width, error);
  if (status == LML_OK && lml_run_leads(r)) status = lml_normal_make(&retrain->train, retrain->width, error);
  return status;
}

lml_status lml_run_make_sums(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t n = retrain->width;
  const bool soft = lml_run_frames(r, LML_ROLE_SOFT) > 0, chooses = lml_retrain_chooses(r->options);
  const bool test = chooses && r->options->folds == 0;
  lml_status status = lml_normal_make(&retrain->target, n, error);
  if (status == LML_OK && soft) status = lml_normal_make(&retrain->soft, n, error);
  if (status == LML_OK && test) status = lml_normal_make(&retrain->test, n, error);
  if (status == LML_OK && chooses && r->options->folds > 0) status = make_folds(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status != LML_OK) return status;
  const sum_task tasks[] = {target_task(r),
                            {LML_STAGE_SOFT, LML_ROLE_SOFT, &retrain->soft, 1},
                            {LML_STAGE_TEST, LML_ROLE_TEST, &retrain->test, 1}};
  status = add_sets(r, &tasks[0], error);
  add_up_folds(r);
  if (status == LML_OK && soft) status = add_sets(r, &tasks[1], error);
  if (status == LML_OK && test) status = add_sets(r, &tasks[2], error);
  return status;
}

lml_status lml_run_add_frames(lml_run *r, size_t index, size_t first, lml_error *error) {
  const sum_task task = target_task(r);
  lml_run_begin_stage(r, LML_STAGE_TARGET, r->options->sets[index].nframes - first);
  const lml_status status = add_set(r, &task, index, first, error);
  add_up_folds(r);
  lml_run_end_stage(r);
  return status;
}
