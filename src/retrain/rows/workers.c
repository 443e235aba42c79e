#include "retrain/rows/workers.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

void lml_workers_set_shift(const lml_workers *workers, const lml_shift *shift) {
  for (size_t k = 0; k < workers->nthreads; k++) lml_design_set_shift(&workers->designs[k], shift);
}

/** Rows and atoms of a unit, at most, unless one frame has more: enough work to be worth a sum of its own, little
 *  enough to be shared out evenly. */
enum { UNIT_ROWS = 1024, UNIT_ATOMS = 1024 };

/** Consecutive frames. */
typedef struct unit {
  const lml_frame_job *job;
  size_t first, count;
  size_t nreported; /**< frames that are reported when it is reduced: its own, and those of other ranks after it */
} unit;

/** This rank's units. */
typedef struct unit_list {
  unit *list;
  size_t count, capacity;
} unit_list;

static size_t end_of_unit(const lml_frame_job *job, size_t first) {
  size_t rows = 0, atoms = 0, end = first;
  for (; end < job->set->nframes; end++) {
    const lml_dataset_frame *frame = &job->set->frames[end];
    if (job->most > 0 && end - first == job->most) break;
    if (end > first && (rows + frame->nrows > UNIT_ROWS || atoms + frame->natoms > UNIT_ATOMS)) break;
    rows += frame->nrows;
    atoms += frame->natoms;
  }
  return end;
}

static lml_status append(unit_list *units, const unit *u, lml_error *error) {
  const lml_status status =
      lml_grow(&units->list, &units->capacity, units->count + 1, sizeof *u, "units of work", error);
  if (status == LML_OK) units->list[units->count++] = *u;
  return status;
}

static lml_status list_units(const lml_workers *workers, const lml_frame_job *job, unit_list *units, lml_error *error) {
  const size_t rank = (size_t)lml_comm_rank(workers->comm), size = (size_t)lml_comm_size(workers->comm);
  lml_status status = LML_OK;
  if (job->set == NULL) return append(units, &(unit){.job = job, .count = 1}, error);
  for (size_t first = job->first, index = 0, end; first < job->set->nframes && status == LML_OK; index++, first = end) {
    end = end_of_unit(job, first);
    if (index % size == rank) status = append(units, &(unit){.job = job, .first = first, .count = end - first}, error);
    if (units->count > 0) units->list[units->count - 1].nreported += end - first;
  }
  return status;
}

/* ---- frames ---- */

typedef struct running {
  const lml_workers *workers;
  unit_list units;
} running;

static lml_status work_on(void *context, lml_pool_place place, size_t task, lml_error *error) {
  const running *r = context;
  const unit *u = &r->units.list[task];
  lml_status status = LML_OK;
  for (size_t k = 0; k < u->count && status == LML_OK; k++)
    status = u->job->work(u->job->context, place, u->first + k, error);
  if (status == LML_OK && u->job->finish != NULL) u->job->finish(u->job->context, place.slot);
  return status;
}

static lml_status reduce(void *context, size_t slot, size_t task, lml_error *error) {
  const running *r = context;
  const unit *u = &r->units.list[task];
  lml_status status = LML_OK;
  if (u->job->reduce != NULL) status = u->job->reduce(u->job->context, slot, u->first, error);
  for (size_t k = 0; k < u->nreported && status == LML_OK && r->workers->progress != NULL; k++)
    r->workers->progress(r->workers->context);
  return status;
}

static bool is_independent(void *context, size_t task) {
  const running *r = context;
  return r->units.list[task].job->set == NULL;
}

lml_status lml_workers_run(const lml_workers *workers, const lml_frame_job *jobs, size_t njobs, lml_error *error) {
  running r = {.workers = workers};
  lml_status status = LML_OK;
  for (size_t k = 0; k < njobs && status == LML_OK; k++) status = list_units(workers, &jobs[k], &r.units, error);
  const lml_pool_tasks tasks = {
      .count = r.units.count, .work = work_on, .reduce = reduce, .independent = is_independent, .context = &r};
  const int blas_threads = openblas_get_num_threads();
  if (workers->nthreads > 1) openblas_set_num_threads(1);
  if (status == LML_OK) status = lml_pool_run(workers->nthreads, &tasks, error);
  if (workers->nthreads > 1) openblas_set_num_threads(blas_threads);
  lml_free(r.units.list);
  return status;
}

/* ---- rows ---- */

typedef struct making {
  const lml_workers *workers;
  const lml_row_job *job;
} making;

/** Record what the starting potential gives, and pass the block on. */
static lml_status record(void *context, const lml_row_block *block, lml_error *error) {
  const making *m = context;
  for (size_t k = 0; k < block->count && m->job->baseline != NULL; k++)
    m->job->baseline[block->first + k] = block->baseline[k];
  return m->job->sink.accumulate(m->job->sink.context, block, error);
}

static lml_status make_rows(void *context, lml_pool_place place, size_t position, lml_error *error) {
  const making *m = context;
  const lml_row_sink sink = {.accumulate = record, .context = context, .slot = place.slot};
  return lml_design_frame(&m->workers->designs[place.thread], m->job->set, position, &sink, error);
}

static void finish_rows(void *context, size_t slot) {
  const making *m = context;
  if (m->job->finish != NULL) m->job->finish(m->job->sink.context, slot);
}

static lml_status reduce_rows(void *context, size_t slot, size_t position, lml_error *error) {
  const making *m = context;
  if (m->job->reduce == NULL) return LML_OK;
  return m->job->reduce(m->job->sink.context, slot, position, error);
}

lml_status lml_workers_make_rows(const lml_workers *workers, const lml_row_job *jobs, size_t njobs,
                                 const lml_frame_job *beside, lml_error *error) {
  making *all;
  lml_frame_job *list;
  size_t count = 0;
  lml_status status = lml_alloc(&all, njobs, sizeof *all, "units of work", error);
  if (status != LML_OK) return status;
  status = lml_alloc(&list, njobs + 1, sizeof *list, "units of work", error);
  if (status == LML_OK && beside != NULL) list[count++] = *beside; /* first, as it may take longest */
  for (size_t k = 0; k < njobs && status == LML_OK; k++) {
    all[k] = (making){.workers = workers, .job = &jobs[k]};
    list[count++] = (lml_frame_job){.set = jobs[k].set,
                                    .first = jobs[k].first,
                                    .most = jobs[k].most,
                                    .work = make_rows,
                                    .finish = finish_rows,
                                    .reduce = reduce_rows,
                                    .context = &all[k]};
  }
  if (status == LML_OK) status = lml_workers_run(workers, list, count, error);
  for (size_t k = 0; k < workers->nthreads; k++) lml_design_close(&workers->designs[k]);
  lml_free(all);
  lml_free(list);
  return status;
}
