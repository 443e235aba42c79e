/* The constraints' rows and the sums over all others. */
#include <math.h>

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
    status = lml_constraints_fill(&retrain->constraints, &r->crew, options->sets, options->nsets, r->before, error);
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

/** Rows on their way to sums: what goes on in one pass over a set. */
typedef struct {
  const sum_task *task;
  lml_normal_adder adder; /**< to the sums of each worker */
  size_t first;           /**< frames of other sets that were dealt out to the folds before */
  lml_kept_rows *kept;    /**< takes blocks before they are added; NULL: none is kept */
} summing;

static lml_status take(void *context, const lml_row_block *block, lml_error *error) {
  summing *s = context;
  bool is_kept = false;
  const lml_status status = s->kept == NULL ? LML_OK : lml_kept_rows_take(s->kept, block, &is_kept, error);
  return status != LML_OK || is_kept ? status : lml_normal_take(&s->adder, block, error);
}

/** A worker's sums over a unit go to those of all. */
static lml_status hand_in(void *context, size_t worker, size_t position, lml_error *error) {
  const summing *s = context;
  lml_normal_part *part = &s->adder.parts[worker];
  (void)error;
  lml_normal_part_end(part);
  lml_normal_add(&s->task->normals[(s->first + position) % s->task->nnormals], &part->sums, 1.0);
  lml_normal_clear(&part->sums);
  return LML_OK;
}

/** Which frames of a set are added, and what of them is kept. */
typedef struct {
  size_t index; /**< of the set */
  size_t first; /**< position of the first frame */
  size_t from_unit, to_unit;
  lml_kept_rows *kept; /**< gets blocks of them, which are not added; NULL: all are */
} share;

static summing begin_summing(const lml_run *r, const sum_task *task, const share *which, lml_normal_part *parts) {
  const lml_dataset *set = &r->options->sets[which->index];
  return (summing){
      .task = task,
      .adder = {.parts = parts, .weight = set->weight, .has_values = set->has_values && task->role != LML_ROLE_SOFT},
      .kept = which->kept,
      .first = count_frames(r, task->role, which->index)}; /* frames of all sets are dealt out in one row */
}

static lml_status run_pass(lml_run *r, const sum_task *task, const share *which, lml_normal_part *parts,
                           lml_error *error) {
  summing s = begin_summing(r, task, which, parts);
  const lml_row_job job = {.set = &r->options->sets[which->index],
                           .first = which->first,
                           .most = task->nnormals > 1 ? 1 : 0,
                           .from_unit = which->from_unit,
                           .to_unit = which->to_unit,
                           .sink = {take, &s},
                           .hand_in = hand_in,
                           .before = r->before[which->index]};
  return lml_crew_rows(&r->crew, &job, error);
}

/** Add rows, each worker to sums of its own first. */
static lml_status add_share(lml_run *r, const sum_task *task, const share *which, lml_error *error) {
  const size_t nworkers = r->crew.nworkers;
  lml_normal_part *parts;
  lml_status status = lml_alloc(&parts, nworkers, sizeof *parts, "normal equations", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < nworkers && status == LML_OK; k++)
    status = lml_normal_part_make(&parts[k], r->retrain->width, task->normals->subspace, error);
  if (status == LML_OK) status = run_pass(r, task, which, parts, error);
  for (size_t k = 0; k < nworkers; k++) lml_normal_part_free(&parts[k]);
  lml_free(parts);
  return status;
}

/** Add the rows that were kept of the first frames of the set number @p index. */
static lml_status add_kept(lml_run *r, const sum_task *task, size_t index, const lml_kept_rows *kept,
                           lml_error *error) {
  const share all = {.index = index};
  lml_normal_part part;
  summing s = begin_summing(r, task, &all, &part);
  lml_status status = lml_normal_part_make(&part, r->retrain->width, task->normals->subspace, error);
  for (size_t k = 0; k < kept->nblocks && status == LML_OK; k++)
    status = lml_normal_take(&s.adder, &kept->blocks[k], error);
  if (status == LML_OK && kept->nblocks > 0) status = hand_in(&s, 0, kept->blocks[0].position, error);
  lml_normal_part_free(&part);
  return status;
}

/** Find from this rank's first frames of the set number @p index the space that rows lie in, use it from then on, and
 *  add them. */
static lml_status find_subspace(lml_run *r, const sum_task *task, size_t index, lml_error *error) {
  lml_subspace *subspace = &r->compression.subspace;
  lml_kept_rows kept;
  const share begin = {.index = index, .to_unit = 1, .kept = &kept};
  lml_status status = lml_kept_rows_make(&kept, r->retrain->width, lml_crew_unit_rows(&r->options->sets[index]), error);
  if (status == LML_OK) status = add_share(r, task, &begin, error);
  if (status == LML_OK) status = lml_kept_rows_space(&kept, subspace, error);
  for (size_t k = 0; k < task->nnormals && status == LML_OK && subspace->rank > 0; k++)
    status = lml_normal_set_subspace(&task->normals[k], subspace, error);
  if (status == LML_OK) status = add_kept(r, task, index, &kept, error);
  lml_kept_rows_free(&kept);
  return status;
}

/** Add the rows of all sets of the role that are not judged by leverage. */
static lml_status add_all(lml_run *r, const sum_task *task, const lml_dataset *sampled, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    share which = {.index = s};
    if (set->role != task->role || set->leverage > 0.0) continue;
    if (set == sampled) {
      status = find_subspace(r, task, s, error);
      which.from_unit = 1;
    }
    if (status == LML_OK) status = add_share(r, task, &which, error);
  }
  return status;
}

/** Add the rows of all sets of the role that are not judged by leverage, frames dealt out in turn, and collect. */
static lml_status add_sets(lml_run *r, const sum_task *task, lml_error *error) {
  const lml_dataset *sampled = NULL;
  lml_status status = LML_OK;
  lml_run_begin_stage(r, task->stage, count_frames(r, task->role, r->options->nsets));
  if (task->role == LML_ROLE_TARGET)
    sampled = lml_compression_set(r->options, &r->crew.designs[0], r->retrain->ridge.smallest);
  if (sampled != NULL) status = lml_compression_begin(&r->compression, &r->crew, sampled, error);
  if (status == LML_OK) status = add_all(r, task, sampled, error);
  if (status == LML_OK && sampled != NULL)
    status = lml_compression_end(&r->compression, &r->crew, task->normals, task->nnormals, error);
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
    status =
        lml_leverage_select(&leverage, &r->crew.designs[0], &r->options->sets[index], first, lml_run_tell, r, error);
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

/** Room for what the starting potential gives. Frames that come or go later have none. */
static lml_status make_before(lml_run *r, lml_error *error) {
  const size_t nsets = r->options->nsets;
  lml_status status = lml_alloc(&r->before, nsets, sizeof *r->before, "values of the starting potential", error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    if (set->reading == LML_READ_FOLLOW || set->leverage > 0.0) continue;
    if (set->role == LML_ROLE_TEST && r->retrain->test.gram == NULL) continue; /* rows of it are not made */
    status = lml_alloc(&r->before[s], set->nrows, sizeof(double), "values of the starting potential", error);
  }
  if (status == LML_OK) lml_run_forget_before(r);
  return status;
}

void lml_run_forget_before(lml_run *r) {
  for (size_t s = 0; s < r->options->nsets; s++) {
    const lml_dataset *set = &r->options->sets[s];
    for (size_t k = 0; r->before[s] != NULL && k < set->nrows; k++)
      r->before[s][k] = set->role == LML_ROLE_HARD ? 0.0 : NAN;
  }
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
  if (status == LML_OK) status = make_before(r, error);
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
  const share which = {.index = index, .first = first};
  lml_status status = add_share(r, &task, &which, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_normal_collect(&r->retrain->target, r->comm, error);
  lml_run_end_stage(r);
  return status;
}
