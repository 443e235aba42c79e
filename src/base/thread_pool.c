#include "base/thread_pool.h"

#include <pthread.h>
#include <stdint.h>

#include "base/memory.h"

/** What goes on in one slot. */
typedef struct {
  enum { FREE = 0, AT_WORK, DONE } state;
  size_t task;
  size_t turn; /**< tasks that are reduced before it */
} slot;

typedef struct {
  const lml_pool_tasks *tasks;
  pthread_mutex_t lock; /**< of all below */
  pthread_cond_t freed; /**< a slot was, or nothing is to be begun any more */
  slot *slots;
  size_t nslots;
  size_t next;  /**< tasks that were begun */
  size_t turns; /**< those of them that are to be reduced */
  size_t reduced;
  bool reducing;
  size_t failed;   /**< first task that failed; SIZE_MAX: none */
  lml_error error; /**< of that task */
} pool;

typedef struct {
  pool *pool;
  size_t number;
  pthread_t thread;
} worker;

size_t lml_pool_slots(size_t nthreads) { return nthreads > 1 ? nthreads + 1 : 1; }

static bool is_independent(const pool *p, size_t task) {
  return p->tasks->independent != NULL && p->tasks->independent(p->tasks->context, task);
}

static size_t find_free_slot(const pool *p) {
  size_t s = 0;
  while (s < p->nslots && p->slots[s].state != FREE) s++;
  return s;
}

/** Take the next task to a free slot; false where there is none, or none is to be begun. */
static bool begin_task(pool *p, size_t *at) {
  pthread_mutex_lock(&p->lock);
  bool left;
  while ((left = p->next < p->tasks->count && p->failed == SIZE_MAX) && (*at = find_free_slot(p)) == p->nslots)
    pthread_cond_wait(&p->freed, &p->lock);
  if (left) {
    p->slots[*at] = (slot){.state = AT_WORK, .task = p->next, .turn = p->turns};
    if (!is_independent(p, p->next)) p->turns++;
    p->next++;
  }
  pthread_mutex_unlock(&p->lock);
  return left;
}

static void record_failure(pool *p, size_t task, lml_status status, const lml_error *error) {
  if (task >= p->failed) return;
  p->failed = task;
  p->error = *error;
  p->error.status = status;
}

/** The slot whose task is to be reduced now; those after a failure are given up. */
static size_t find_next_slot(pool *p) {
  size_t found = p->nslots;
  for (size_t s = 0; s < p->nslots; s++) {
    if (p->slots[s].state != DONE) continue;
    if (p->slots[s].task > p->failed) p->slots[s].state = FREE;
    if (p->slots[s].state == DONE && p->slots[s].turn == p->reduced) found = s;
  }
  return found;
}

/** Reduce what can be, unless another thread is at it, which then finds what has come in meanwhile. */
static void reduce_all(pool *p) {
  if (p->reducing) return;
  p->reducing = true;
  for (size_t s; (s = find_next_slot(p)) < p->nslots;) {
    const size_t task = p->slots[s].task;
    lml_error error = {0};
    lml_status status = LML_OK;
    pthread_mutex_unlock(&p->lock);
    if (p->tasks->reduce != NULL) status = p->tasks->reduce(p->tasks->context, s, task, &error);
    pthread_mutex_lock(&p->lock);
    if (status == LML_OK)
      p->reduced++;
    else
      record_failure(p, task, status, &error);
    p->slots[s].state = FREE;
    pthread_cond_broadcast(&p->freed);
  }
  p->reducing = false;
}

static void end_task(pool *p, size_t at, size_t task, lml_status status, const lml_error *error) {
  pthread_mutex_lock(&p->lock);
  if (status != LML_OK) record_failure(p, task, status, error);
  p->slots[at].state = status == LML_OK && !is_independent(p, task) ? DONE : FREE;
  reduce_all(p);
  pthread_cond_broadcast(&p->freed);
  pthread_mutex_unlock(&p->lock);
}

static void *run_worker(void *data) {
  const worker *self = data;
  pool *p = self->pool;
  for (size_t at = 0; begin_task(p, &at);) {
    const size_t task = p->slots[at].task; /* nobody else changes a slot at work */
    lml_error error = {0};
    const lml_status status = p->tasks->work(p->tasks->context, (lml_pool_place){self->number, at}, task, &error);
    end_task(p, at, task, status, &error);
  }
  return NULL;
}

/** Work with further threads, as many as can be had of @p nthreads − 1. */
static lml_status run_workers(pool *p, size_t nthreads, lml_error *error) {
  worker *workers;
  size_t nstarted = 1;
  const lml_status status = lml_alloc(&workers, nthreads, sizeof *workers, "threads", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < nthreads; k++) workers[k] = (worker){.pool = p, .number = k};
  while (nstarted < nthreads && pthread_create(&workers[nstarted].thread, NULL, run_worker, &workers[nstarted]) == 0)
    nstarted++;
  run_worker(&workers[0]);
  for (size_t k = 1; k < nstarted; k++) pthread_join(workers[k].thread, NULL);
  lml_free(workers);
  return LML_OK;
}

lml_status lml_pool_run(size_t nthreads, const lml_pool_tasks *tasks, lml_error *error) {
  if (nthreads > tasks->count) nthreads = tasks->count;
  if (nthreads < 1) nthreads = 1;
  pool p = {.tasks = tasks, .nslots = lml_pool_slots(nthreads), .failed = SIZE_MAX};
  lml_status status = lml_alloc(&p.slots, p.nslots, sizeof *p.slots, "threads", error);
  if (status != LML_OK) return status;
  pthread_mutex_init(&p.lock, NULL);
  pthread_cond_init(&p.freed, NULL);
  status = run_workers(&p, nthreads, error);
  pthread_cond_destroy(&p.freed);
  pthread_mutex_destroy(&p.lock);
  lml_free(p.slots);
  if (status != LML_OK || p.failed == SIZE_MAX) return status;
  if (error != NULL) *error = p.error;
  return p.error.status;
}
