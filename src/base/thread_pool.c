#include "base/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "base/memory.h"

/** What goes on in one slot. */
typedef struct {
  enum { FREE = 0, AT_WORK, DONE } state;
  size_t task;
  size_t turn; /**< tasks that are reduced before it */
} slot;

typedef struct {
  lml_pool *pool;
  size_t number;
  pthread_t thread;
} worker;

struct lml_pool {
  worker *workers; /**< number 0 is the caller */
  size_t nthreads, nstarted;
  size_t limit;         /**< threads that work; changes while no tasks are under way */
  pthread_mutex_t lock; /**< of all below */
  pthread_cond_t begun; /**< there are tasks, or the threads shall end */
  pthread_cond_t freed; /**< a slot was, or nothing is to be begun any more */
  bool ending;
  lml_pool_tasks tasks;
  slot *slots;
  size_t nslots;
  size_t next;  /**< tasks that were begun */
  size_t turns; /**< those of them that are to be reduced */
  size_t reduced;
  bool reducing;
  size_t failed;   /**< first task that failed; SIZE_MAX: none */
  lml_error error; /**< of that task */
};

size_t lml_pool_slots(size_t nthreads) { return nthreads > 1 ? nthreads + 1 : 1; }

static bool is_independent(const lml_pool *p, size_t task) {
  return p->tasks.independent != NULL && p->tasks.independent(p->tasks.context, task);
}

static size_t find_free_slot(const lml_pool *p) {
  size_t s = 0;
  while (s < p->nslots && p->slots[s].state != FREE) s++;
  return s;
}

static bool has_tasks(const lml_pool *p) { return p->next < p->tasks.count && p->failed == SIZE_MAX; }

/** Take the next task to a free slot; false where there is none, or none is to be begun. The lock is held. */
static bool take_task(lml_pool *p, size_t *at) {
  bool left;
  while ((left = has_tasks(p)) && (*at = find_free_slot(p)) == p->nslots) pthread_cond_wait(&p->freed, &p->lock);
  if (!left) return false;
  p->slots[*at] = (slot){.state = AT_WORK, .task = p->next, .turn = p->turns};
  if (!is_independent(p, p->next)) p->turns++;
  p->next++;
  return true;
}

static void record_failure(lml_pool *p, size_t task, lml_status status, const lml_error *error) {
  if (task >= p->failed) return;
  p->failed = task;
  p->error = *error;
  p->error.status = status;
}

/** The slot whose task is to be reduced now; those after a failure are given up. */
static size_t find_next_slot(lml_pool *p) {
  size_t found = p->nslots;
  for (size_t s = 0; s < p->nslots; s++) {
    if (p->slots[s].state != DONE) continue;
    if (p->slots[s].task > p->failed) p->slots[s].state = FREE;
    if (p->slots[s].state == DONE && p->slots[s].turn == p->reduced) found = s;
  }
  return found;
}

/** Reduce what can be, unless another thread is at it, which then finds what has come in meanwhile. */
static void reduce_all(lml_pool *p) {
  if (p->reducing) return;
  p->reducing = true;
  for (size_t s; (s = find_next_slot(p)) < p->nslots;) {
    const size_t task = p->slots[s].task;
    lml_error error = {0};
    lml_status status = LML_OK;
    pthread_mutex_unlock(&p->lock);
    if (p->tasks.reduce != NULL) status = p->tasks.reduce(p->tasks.context, s, task, &error);
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

/** Do the task that was taken to slot @p at. The lock is held, but for the time of the work. */
static void do_task(lml_pool *p, size_t number, size_t at) {
  const size_t task = p->slots[at].task;
  lml_error error = {0};
  pthread_mutex_unlock(&p->lock);
  const lml_status status = p->tasks.work(p->tasks.context, (lml_pool_place){number, at}, task, &error);
  pthread_mutex_lock(&p->lock);
  if (status != LML_OK) record_failure(p, task, status, &error);
  p->slots[at].state = status == LML_OK && !is_independent(p, task) ? DONE : FREE;
  reduce_all(p);
  pthread_cond_broadcast(&p->freed);
}

static void *run_worker(void *data) {
  const worker *self = data;
  lml_pool *p = self->pool;
  pthread_mutex_lock(&p->lock);
  while (!p->ending) {
    size_t at;
    if (self->number < p->limit && take_task(p, &at))
      do_task(p, self->number, at);
    else if (!p->ending) /* it may have come to be so while take_task waited */
      pthread_cond_wait(&p->begun, &p->lock);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

/** Have @p wanted threads, as far as they can be had. */
static void start_workers(lml_pool *p, size_t wanted) {
  sigset_t all, kept;
  if (wanted <= p->nstarted) return;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &kept);
  while (p->nstarted < wanted &&
         pthread_create(&p->workers[p->nstarted].thread, NULL, run_worker, &p->workers[p->nstarted]) == 0)
    p->nstarted++;
  pthread_sigmask(SIG_SETMASK, &kept, NULL);
}

lml_status lml_pool_create(size_t nthreads, lml_pool **pool, lml_error *error) {
  lml_pool *p;
  *pool = NULL;
  lml_status status = lml_alloc(&p, 1, sizeof *p, "threads", error);
  if (status != LML_OK) return status;
  p->nthreads = p->limit = nthreads < 1 ? 1 : nthreads;
  p->nstarted = 1;
  p->nslots = lml_pool_slots(p->nthreads);
  p->failed = SIZE_MAX;
  status = lml_alloc(&p->workers, p->nthreads, sizeof *p->workers, "threads", error);
  if (status == LML_OK) status = lml_alloc(&p->slots, p->nslots, sizeof *p->slots, "threads", error);
  if (status != LML_OK) {
    lml_free(p->workers);
    lml_free(p);
    return status;
  }
  for (size_t k = 0; k < p->nthreads; k++) p->workers[k] = (worker){.pool = p, .number = k};
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->begun, NULL);
  pthread_cond_init(&p->freed, NULL);
  *pool = p;
  return LML_OK;
}

void lml_pool_destroy(lml_pool *pool) {
  if (pool == NULL) return;
  lml_pool_give_up(pool);
  pthread_mutex_lock(&pool->lock);
  pool->ending = true;
  pthread_cond_broadcast(&pool->begun);
  pthread_mutex_unlock(&pool->lock);
  for (size_t k = 1; k < pool->nstarted; k++) pthread_join(pool->workers[k].thread, NULL);
  pthread_cond_destroy(&pool->freed);
  pthread_cond_destroy(&pool->begun);
  pthread_mutex_destroy(&pool->lock);
  lml_free(pool->slots);
  lml_free(pool->workers);
  lml_free(pool);
}

void lml_pool_limit(lml_pool *pool, size_t nthreads) {
  pthread_mutex_lock(&pool->lock);
  pool->limit = nthreads < pool->nthreads ? nthreads : pool->nthreads;
  pthread_mutex_unlock(&pool->lock);
}

/** Let @p count of the threads that sleep look for tasks. */
static void wake(lml_pool *p, size_t count) {
  if (p->limit < p->nstarted && count > 0)
    pthread_cond_broadcast(&p->begun); /* a signal may go to a thread that is not to work */
  else
    for (size_t k = 0; k < count; k++) pthread_cond_signal(&p->begun);
}

void lml_pool_begin(lml_pool *pool, const lml_pool_tasks *tasks) {
  const size_t wanted = tasks->count < pool->limit ? tasks->count : pool->limit;
  pthread_mutex_lock(&pool->lock);
  pool->tasks = *tasks;
  pool->next = pool->turns = pool->reduced = 0;
  pool->failed = SIZE_MAX;
  wake(pool, wanted > 1 ? wanted - 1 : 0);
  pthread_mutex_unlock(&pool->lock);
  start_workers(pool, wanted);
}

bool lml_pool_step(lml_pool *pool) {
  size_t at;
  pthread_mutex_lock(&pool->lock);
  if (take_task(pool, &at)) do_task(pool, 0, at);
  const bool left = has_tasks(pool);
  pthread_mutex_unlock(&pool->lock);
  return left;
}

static bool is_under_way(const lml_pool *p) {
  bool under_way = p->reducing;
  for (size_t s = 0; s < p->nslots; s++) under_way = under_way || p->slots[s].state != FREE;
  return under_way;
}

void lml_pool_give_up(lml_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->tasks.count = pool->next;
  pthread_cond_broadcast(&pool->freed);
  while (is_under_way(pool)) pthread_cond_wait(&pool->freed, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

lml_status lml_pool_end(lml_pool *pool, lml_error *error) {
  while (lml_pool_step(pool)) continue;
  lml_pool_give_up(pool);
  if (pool->failed == SIZE_MAX) return LML_OK;
  if (error != NULL) *error = pool->error;
  return pool->error.status;
}

lml_status lml_pool_run(size_t nthreads, const lml_pool_tasks *tasks, lml_error *error) {
  lml_pool *pool;
  lml_status status = lml_pool_create(nthreads < tasks->count ? nthreads : tasks->count, &pool, error);
  if (status != LML_OK) return status;
  lml_pool_begin(pool, tasks);
  status = lml_pool_end(pool, error);
  lml_pool_destroy(pool);
  return status;
}

/* ---- loops ---- */

size_t lml_pool_loop_runs(size_t count, size_t length) { return (count + length - 1) / length; }

static lml_status do_run(void *context, lml_pool_place place, size_t task, lml_error *error) {
  const lml_pool_loop *loop = context;
  const size_t begin = task * loop->length, left = loop->count - begin;
  (void)place;
  return loop->work(loop->context, begin, begin + (left < loop->length ? left : loop->length), error);
}

/** All of them: there is nothing to reduce. */
static bool is_run(void *context, size_t task) {
  (void)context;
  (void)task;
  return true;
}

lml_status lml_pool_do_loop(lml_pool *pool, const lml_pool_loop *loop, lml_error *error) {
  lml_pool_loop kept = *loop;
  const lml_pool_tasks tasks = {
      .count = lml_pool_loop_runs(loop->count, loop->length), .work = do_run, .independent = is_run, .context = &kept};
  lml_status status = LML_OK;
  if (pool != NULL && tasks.count > 1) {
    lml_pool_begin(pool, &tasks);
    return lml_pool_end(pool, error);
  }
  for (size_t run = 0; run < tasks.count && status == LML_OK; run++)
    status = do_run(&kept, (lml_pool_place){0}, run, error);
  return status;
}
