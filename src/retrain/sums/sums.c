#include "retrain/sums/sums.h"

#include <math.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "retrain/solve/leverage.h"

/* ---- constraints ---- */

static lml_status find_space(void *context, lml_pool_place place, size_t position, lml_error *error) {
  (void)place, (void)position;
  return lml_accumulation_find(context, error);
}

/** The constraints' rows; and, as one thread may find it while others make them, the space that target rows lie in. */
static lml_status make_constraints(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  const lml_frame_job find = {.work = find_space, .context = &r->accumulation};
  const lml_dataset *set = lml_accumulation_set(options, &r->workers.designs[0], retrain->ridge.smallest);
  lml_status status = set == NULL ? LML_OK : lml_accumulation_begin(&r->accumulation, &r->workers, set, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status != LML_OK) return status;
  return lml_constraints_fill(&retrain->constraints, &r->workers, options->sets, options->nsets, r->baseline,
                              set == NULL ? NULL : &find, error);
}

/** Ratio of the last singular value that is kept to the first that is not, below which the rank is reported as
 * doubtful.
 */
static const double clear_gap = 10.0;

/** Say where a rank is a matter of rounding: the direction that is kept or dropped by chance moves the result. */
static void warn_of_gaps(const lml_run *r) {
  for (size_t k = 0; k < 2; k++) {
    const lml_constraint_rows *kind = &r->retrain->constraints.kinds[k];
    if (kind->rank == 0 || kind->rank >= kind->nsingular) continue;
    const double kept = kind->singular[kind->rank - 1], dropped = kind->singular[kind->rank];
    if (kept >= clear_gap * dropped) continue;
    lml_log_warning(r->listener->log,
                    "the rank %zu of the hard constraints to %s has no clear gap: the last singular value that counts "
                    "is %.2e of the largest, the first that does not %.2e; set %s, or constrain other structures",
                    kind->rank, lml_hard_mode_names[k], kept / kind->singular[0], dropped / kind->singular[0],
                    k == LML_HARD_KEEP ? "--hard-tolerance" : "set_tolerance");
  }
}

lml_status lml_run_constrain(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  lml_run_begin_stage(r, LML_STAGE_HARD, r->restored ? 0 : lml_run_frames(r, LML_ROLE_HARD));
  lml_status status = r->restored ? LML_OK : make_constraints(r, error);
  if (status == LML_OK && lml_run_is_root(r))
    status = lml_constraints_decompose(&retrain->constraints, &options->constraints, error);
  if (status == LML_OK && lml_run_is_root(r)) warn_of_gaps(r);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_constraints_share(&retrain->constraints, r->comm, error);
  lml_run_end_stage(r);
  return status;
}

/* ---- sums ---- */

/** Sums that rows are added to, and which rows. */
typedef struct {
  lml_role role;
  const lml_dataset *only; /**< the set whose rows they are; NULL: all for the role */
  lml_normal *normals;     /**< one, or one per fold */
  size_t nnormals;
  lml_soft_sample *sample;                          /**< that takes some of the rows; NULL: none */
  enum { SCREENING_AHEAD = 0, SCREENED } screening; /**< whether sets that leverage screens have been screened */
} sum_task;

static bool is_summed(const sum_task *task, const lml_dataset *set) {
  return set->role == task->role && (set->leverage == 0.0 || task->screening == SCREENED) &&
         (task->only == NULL || task->only == set);
}

/** Frames whose rows are added. */
static size_t count_frames(const lml_run *r, const sum_task *task) {
  size_t count = 0;
  for (size_t s = 0; s < r->options->nsets; s++)
    if (is_summed(task, &r->options->sets[s])) count += r->options->sets[s].nframes;
  return count;
}

/** Rows of one set on their way to sums. */
typedef struct {
  const sum_task *task;
  const lml_dataset *set;
  size_t index;        /**< of the set */
  lml_row_adder adder; /**< to the sums of each slot */
} summing;

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  summing *s = context;
  if (s->task->sample != NULL) lml_soft_sample_record(s->task->sample, s->index, s->set, block);
  return lml_accumulate_rows(&s->adder, block, error);
}

static void finish(void *context, size_t slot) {
  const summing *s = context;
  lml_accumulator_flush(&s->adder.accumulators[slot]);
}

/** The sums over a unit go to those of all. */
static lml_status reduce(void *context, size_t slot, size_t position, lml_error *error) {
  const summing *s = context;
  lml_accumulator *accumulator = &s->adder.accumulators[slot];
  (void)error;
  lml_normal_add(&s->task->normals[s->task->nnormals > 1 ? s->set->frames[position].fold : 0], &accumulator->sums);
  lml_accumulator_clear(accumulator);
  return LML_OK;
}

/** What is added in one pass: the rows of several sets, each to its sums. */
typedef struct {
  lml_accumulator *accumulators; /**< of each slot, for whatever is added there just now */
  size_t naccumulators;
  lml_row_job *jobs;
  summing *summings;
  size_t count;
} pass;

static void free_pass(pass *p) {
  for (size_t k = 0; k < p->naccumulators; k++) lml_accumulator_free(&p->accumulators[k]);
  lml_free(p->accumulators);
  lml_free(p->jobs);
  lml_free(p->summings);
}

static lml_status make_pass(const lml_run *r, pass *p, size_t nsets, const lml_accumulation *accumulation,
                            lml_error *error) {
  *p = (pass){.count = 0};
  lml_status status = lml_alloc(&p->jobs, nsets, sizeof *p->jobs, "sums", error);
  if (status == LML_OK) status = lml_alloc(&p->summings, nsets, sizeof *p->summings, "sums", error);
  if (status == LML_OK)
    status = lml_alloc(&p->accumulators, lml_pool_slots(r->workers.nthreads), sizeof *p->accumulators, "sums", error);
  if (status == LML_OK) p->naccumulators = lml_pool_slots(r->workers.nthreads);
  for (size_t k = 0; k < p->naccumulators && status == LML_OK; k++)
    status = lml_accumulator_make(&p->accumulators[k], r->retrain->width, accumulation,
                                  r->retrain->target.offsets.count, error);
  return status;
}

/** Add the rows of set number @p index from its frame @p first on. */
static void include_set(const lml_run *r, pass *p, const sum_task *task, size_t index, size_t first) {
  const lml_dataset *set = &r->options->sets[index];
  summing *s = &p->summings[p->count];
  *s = (summing){.task = task,
                 .set = set,
                 .index = index,
                 .adder = {.accumulators = p->accumulators,
                           .how = task->role == LML_ROLE_TARGET ? LML_ROWS_IN_SUBSPACE : LML_ROWS_AS_THEY_ARE,
                           .weight = set->weight,
                           .has_values = set->has_values && task->role != LML_ROLE_SOFT}};
  p->jobs[p->count++] = (lml_row_job){.set = set,
                                      .first = first,
                                      .most = task->nnormals > 1 ? 1 : 0,
                                      .sink = {.accumulate = accumulate, .context = s},
                                      .finish = finish,
                                      .reduce = reduce,
                                      .baseline = r->baseline[index]};
}

/** The targets' sums are those of the folds where there are any. */
static sum_task target_task(lml_run *r) {
  lml_retrain *retrain = r->retrain;
  return (sum_task){.role = LML_ROLE_TARGET,
                    .normals = retrain->folds != NULL ? retrain->folds : &retrain->target,
                    .nnormals = retrain->folds != NULL ? retrain->nfolds : 1};
}

static void add_up_folds(lml_run *r) {
  lml_retrain *retrain = r->retrain;
  if (retrain->folds == NULL) return;
  lml_normal_clear(&retrain->target);
  for (size_t k = 0; k < retrain->nfolds; k++) lml_normal_add(&retrain->target, &retrain->folds[k]);
}

/* ---- frames that are screened by leverage ---- */

/** Rank 0: screen the frames of a set from @p first on, and add the rows of those that are taken. */
static lml_status screen_set(lml_run *r, size_t index, size_t first, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  lml_leverage leverage = {.solver = &r->solver,
                           .problem = {.target = &retrain->target,
                                       .constraints = &retrain->constraints,
                                       .lambda_ridge = r->options->lambda_ridge[0],
                                       .ridge = retrain->ridge.factors},
                           .whole = &retrain->target,
                           .parts = retrain->folds};
  lml_status status = lml_run_make_solver(r, error);
  if (status == LML_OK) status = lml_leverage_begin(&leverage, error);
  if (status == LML_OK)
    status = lml_leverage_select(&leverage, &r->workers.designs[0], &r->options->sets[index], first, lml_run_report_one,
                                 r, error);
  lml_leverage_free(&leverage);
  return status;
}

static lml_status select_frames(lml_run *r, size_t index, size_t first, lml_error *error) {
  lml_dataset *set = &r->options->sets[index];
  lml_status status = LML_OK;
  lml_run_begin_stage(r, LML_STAGE_LEVERAGE, set->nframes - first);
  if (lml_run_is_root(r)) status = screen_set(r, index, first, error);
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

/** Leverage may have left some folds without frames. */
static lml_status check_folds(const lml_run *r, lml_error *error) {
  const size_t least = r->options->folds > 0 ? r->options->folds : 2;
  size_t count = 0;
  for (size_t k = 0; k < r->retrain->nfolds; k++) count += r->retrain->folds[k].nrows > 0.0;
  if (r->retrain->folds == NULL || count >= least || !lml_run_is_root(r)) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "of %zu folds, leverage leaves only %zu with target frames: give a smaller one",
                  r->retrain->nfolds, count);
}

/** Elements whose energies are offset in some set. */
static size_t count_offsets(const lml_retrain_options *options) {
  size_t count = 0;
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].noffsets > 0) count = options->sets[s].noffsets;
  return count;
}

static lml_status make_folds(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  lml_status status = lml_alloc(&retrain->folds, retrain->nfolds, sizeof *retrain->folds, "folds", error);
  for (size_t k = 0; k < retrain->nfolds && status == LML_OK; k++) {
    status = lml_normal_make(&retrain->folds[k], retrain->width, error);
    if (status == LML_OK) status = lml_normal_allow_offsets(&retrain->folds[k], count_offsets(r->options), error);
  }
  return status;
}

/** Let sums of targets and tests have offsets of energies, where there are any. */
static lml_status allow_offsets(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t count = count_offsets(r->options);
  lml_status status = lml_normal_allow_offsets(&retrain->target, count, error);
  for (size_t s = 0; s < r->options->nsets && status == LML_OK; s++)
    if (retrain->tests[s].gram != NULL) status = lml_normal_allow_offsets(&retrain->tests[s], count, error);
  return status;
}

/** What λs may be chosen by, beside folds. With a cache it does not depend on whether they are, so that a later run may
 *  choose them from the same sums. */
static lml_status make_watch(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  lml_status status = lml_alloc(&retrain->tests, options->nsets, sizeof *retrain->tests, "test sets", error);
  if (status != LML_OK || (!lml_retrain_chooses(options) && options->cache == NULL)) return status;
  for (size_t s = 0; s < options->nsets && status == LML_OK; s++)
    if (options->sets[s].role == LML_ROLE_TEST && !r->without_tests)
      status = lml_normal_make(&retrain->tests[s], retrain->width, error);
  if (status != LML_OK) return status;
  return lml_soft_sample_make(&retrain->sample, options->sets, options->nsets, retrain->width, error);
}

/** Room for what the starting potential gives. Frames that come or go later have none. */
static lml_status make_baseline(lml_run *r, lml_error *error) {
  const size_t nsets = r->options->nsets;
  lml_status status = lml_alloc(&r->baseline, nsets, sizeof *r->baseline, "values of the starting potential", error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    const lml_dataset *set = &r->options->sets[s];
    if (set->reading == LML_READ_FOLLOW || set->leverage > 0.0) continue;
    if (set->role == LML_ROLE_TEST && r->retrain->tests[s].gram == NULL) continue; /* rows of it are not made */
    status = lml_alloc(&r->baseline[s], set->nrows, sizeof(double), "values of the starting potential", error);
  }
  if (status == LML_OK) lml_run_forget_baseline(r);
  return status;
}

void lml_run_forget_baseline(lml_run *r) {
  for (size_t s = 0; s < r->options->nsets; s++) {
    const lml_dataset *set = &r->options->sets[s];
    for (size_t k = 0; r->baseline[s] != NULL && k < set->nrows; k++)
      r->baseline[s][k] = set->role == LML_ROLE_HARD ? 0.0 : NAN;
  }
}

lml_status lml_run_make_room(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  const size_t n = retrain->width;
  lml_status status = lml_constraints_make(&retrain->constraints, options->sets, options->nsets, n, error);
  if (status == LML_OK) status = lml_normal_make(&retrain->target, n, error);
  if (status == LML_OK && lml_run_frames(r, LML_ROLE_SOFT) > 0) status = lml_normal_make(&retrain->soft, n, error);
  if (status == LML_OK) status = make_watch(r, error);
  if (status == LML_OK && retrain->nfolds > 0) status = make_folds(r, error);
  if (status == LML_OK) status = allow_offsets(r, error);
  if (status == LML_OK) status = make_baseline(r, error);
  return lml_comm_agree(r->comm, status, error);
}

/** Sums of rows that are made for the centre are brought to descriptors themselves, one by each task. */
typedef struct {
  const lml_accumulation *accumulation;
  const sum_task *tasks;
} restoration;

static lml_status restore(void *context, lml_pool_place place, size_t task, lml_error *error) {
  const restoration *all = context;
  const sum_task *of = all->tasks;
  (void)place;
  for (; task >= of->nnormals; of++) task -= of->nnormals;
  return lml_accumulation_close(all->accumulation, &of->normals[task], error);
}

static lml_status restore_sums(lml_run *r, const sum_task *tasks, size_t ntasks, lml_error *error) {
  restoration all = {.accumulation = &r->accumulation, .tasks = tasks};
  lml_pool_tasks work = {.work = restore, .context = &all};
  for (size_t t = 0; t < ntasks; t++) work.count += tasks[t].nnormals;
  return lml_pool_run(r->workers.nthreads, &work, error);
}

/** Whether a pass adds the rows of sets whose energies are offset, or of the others. */
typedef enum { WITHOUT_OFFSETS = 0, WITH_OFFSETS } row_kind;

/** Add the rows of all sets of a kind but those that are screened by leverage. */
static lml_status add_sets(lml_run *r, const sum_task *tasks, size_t ntasks, const lml_accumulation *accumulation,
                           row_kind kind, lml_error *error) {
  pass p;
  lml_status status = make_pass(r, &p, r->options->nsets, accumulation, error);
  for (size_t t = 0; t < ntasks && status == LML_OK; t++)
    for (size_t s = 0; s < r->options->nsets; s++)
      if (is_summed(&tasks[t], &r->options->sets[s]) && (r->options->sets[s].noffsets > 0) == (kind == WITH_OFFSETS))
        include_set(r, &p, &tasks[t], s, 0);
  if (status == LML_OK) status = lml_workers_make_rows(&r->workers, p.jobs, p.count, NULL, error);
  free_pass(&p);
  return status;
}

/** Add them, for the centre where there is one, and collect. */
static lml_status sum_sets(lml_run *r, const sum_task *tasks, size_t ntasks, lml_error *error) {
  const lml_accumulation *accumulation = &r->accumulation;
  const lml_shift *shift = lml_accumulation_shift(accumulation);
  lml_status status = LML_OK;
  for (size_t k = 0; k < tasks[0].nnormals && status == LML_OK; k++)
    status = lml_accumulation_open(accumulation, &tasks[0].normals[k], error);
  lml_workers_set_shift(&r->workers, shift);
  if (status == LML_OK) status = add_sets(r, tasks, ntasks, accumulation, WITHOUT_OFFSETS, error);
  lml_workers_set_shift(&r->workers, NULL);
  if (status == LML_OK && shift != NULL) status = restore_sums(r, tasks, ntasks, error);
  if (status == LML_OK && r->retrain->target.offsets.count > 0) /* without centre: constants are split off there */
    status = add_sets(r, tasks, ntasks, NULL, WITH_OFFSETS, error);
  status = lml_comm_agree(r->comm, status, error);
  for (size_t t = 0; t < ntasks; t++)
    for (size_t k = 0; k < tasks[t].nnormals && status == LML_OK; k++)
      status = lml_normal_collect(&tasks[t].normals[k], r->comm, error);
  return status;
}

/** Targets first, then soft constraints, then the test sets that are summed. */
static size_t list_tasks(lml_run *r, sum_task *tasks) {
  lml_retrain *retrain = r->retrain;
  size_t count = 0;
  tasks[count++] = target_task(r);
  if (retrain->soft.gram != NULL)
    tasks[count++] =
        (sum_task){.role = LML_ROLE_SOFT, .normals = &retrain->soft, .nnormals = 1, .sample = &retrain->sample};
  for (size_t s = 0; s < r->options->nsets; s++)
    if (retrain->tests[s].gram != NULL)
      tasks[count++] =
          (sum_task){.role = LML_ROLE_TEST, .only = &r->options->sets[s], .normals = &retrain->tests[s], .nnormals = 1};
  return count;
}

/** One stage of the run. */
static lml_status sum_tasks(lml_run *r, const sum_task *tasks, size_t ntasks, lml_error *error) {
  size_t nframes = 0;
  for (size_t t = 0; t < ntasks; t++) nframes += count_frames(r, &tasks[t]);
  lml_run_begin_stage(r, LML_STAGE_ROWS, nframes);
  const lml_status status = sum_sets(r, tasks, ntasks, error);
  lml_run_end_stage(r);
  return status;
}

static lml_status make_sums(lml_run *r, lml_error *error) {
  sum_task *tasks;
  lml_status status = lml_alloc(&tasks, 2 + r->options->nsets, sizeof *tasks, "sums", error);
  if (status != LML_OK) return status;
  const size_t ntasks = list_tasks(r, tasks);
  status = sum_tasks(r, tasks, ntasks, error);
  lml_free(tasks);
  return status;
}

lml_status lml_run_make_sums(lml_run *r, lml_error *error) {
  if (r->restored) return LML_OK;
  lml_status status = make_sums(r, error);
  if (status == LML_OK)
    status = lml_soft_sample_finish(&r->retrain->sample, lml_accumulation_shift(&r->accumulation), r->comm, error);
  add_up_folds(r);
  if (status == LML_OK) status = select_from_sets(r, error);
  return status == LML_OK ? lml_comm_agree(r->comm, check_folds(r, error), error) : status;
}

lml_status lml_run_sum_folds(lml_run *r, lml_error *error) {
  lml_status status = lml_comm_agree(r->comm, make_folds(r, error), error);
  sum_task task = target_task(r);
  task.screening = SCREENED;
  if (status == LML_OK) status = sum_tasks(r, &task, 1, error);
  if (status == LML_OK) add_up_folds(r);
  return status;
}

lml_status lml_run_add_frames(lml_run *r, size_t index, size_t first, lml_error *error) {
  const sum_task task = target_task(r);
  pass p;
  if (r->options->sets[index].leverage > 0.0) return select_frames(r, index, first, error);
  if (!lml_run_is_root(r)) lml_normal_clear(&r->retrain->target); /* rank 0 has them */
  lml_run_begin_stage(r, LML_STAGE_ROWS, r->options->sets[index].nframes - first);
  lml_status status = make_pass(r, &p, 1, NULL, error);
  if (status == LML_OK) {
    include_set(r, &p, &task, index, first);
    status = lml_workers_make_rows(&r->workers, p.jobs, p.count, NULL, error);
  }
  free_pass(&p);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = lml_normal_collect(&r->retrain->target, r->comm, error);
  lml_run_end_stage(r);
  return status;
}
