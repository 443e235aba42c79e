#include "base/thread_pool.h"

#include <pthread.h>
#include <stdint.h>

#include "base/memory.h"

/** What goes on at one seat. */
typedef struct {
  enum { FREE = 0, AT_WORK, DONE } state;
  size_t task;
  size_t turn; /**< tasks that are handed in before it */
} seat;

typedef struct {
  const lml_team_tasks *tasks;
  pthread_mutex_t lock; /**< of all below */
  pthread_cond_t freed; /**< a seat was, or nothing is to be begun any more */
  seat *seats;
  size_t nseats;
  size_t next;  /**< tasks that were begun */
  size_t turns; /**< those of them that are to be handed in */
  size_t handed_in;
  bool handing_in;
  size_t failed;   /**< first task that failed; SIZE_MAX: none */
  lml_error error; /**< of that task */
} meeting;

typedef struct {
  meeting *meeting;
  size_t number;
  pthread_t thread;
} member;

size_t lml_team_seats(size_t nthreads) { return nthreads > 1 ? nthreads + 1 : 1; }

static bool is_alone(const meeting *m, size_t task) {
  return m->tasks->alone != NULL && m->tasks->alone(m->tasks->context, task);
}

static size_t find_free_seat(const meeting *m) {
  size_t s = 0;
  while (s < m->nseats && m->seats[s].state != FREE) s++;
  return s;
}

/** Take the next task to a free seat; false where there is none, or none is to be begun. */
static bool begin_task(meeting *m, size_t *at) {
  pthread_mutex_lock(&m->lock);
  bool left;
  while ((left = m->next < m->tasks->count && m->failed == SIZE_MAX) && (*at = find_free_seat(m)) == m->nseats)
    pthread_cond_wait(&m->freed, &m->lock);
  if (left) {
    m->seats[*at] = (seat){.state = AT_WORK, .task = m->next, .turn = m->turns};
    if (!is_alone(m, m->next)) m->turns++;
    m->next++;
  }
  pthread_mutex_unlock(&m->lock);
  return left;
}

static void note_failure(meeting *m, size_t task, lml_status status, const lml_error *error) {
  if (task >= m->failed) return;
  m->failed = task;
  m->error = *error;
  m->error.status = status;
}

/** The seat whose task is to be handed in now; those behind a failure are given up. */
static size_t find_next_seat(meeting *m) {
  size_t found = m->nseats;
  for (size_t s = 0; s < m->nseats; s++) {
    if (m->seats[s].state != DONE) continue;
    if (m->seats[s].task > m->failed) m->seats[s].state = FREE;
    if (m->seats[s].state == DONE && m->seats[s].turn == m->handed_in) found = s;
  }
  return found;
}

/** Hand in what can be, unless another thread is at it, which then finds what has come in meanwhile. */
static void hand_in_all(meeting *m) {
  if (m->handing_in) return;
  m->handing_in = true;
  for (size_t s; (s = find_next_seat(m)) < m->nseats;) {
    const size_t task = m->seats[s].task;
    lml_error error = {0};
    lml_status status = LML_OK;
    pthread_mutex_unlock(&m->lock);
    if (m->tasks->hand_in != NULL) status = m->tasks->hand_in(m->tasks->context, s, task, &error);
    pthread_mutex_lock(&m->lock);
    if (status == LML_OK)
      m->handed_in++;
    else
      note_failure(m, task, status, &error);
    m->seats[s].state = FREE;
    pthread_cond_broadcast(&m->freed);
  }
  m->handing_in = false;
}

static void end_task(meeting *m, size_t at, size_t task, lml_status status, const lml_error *error) {
  pthread_mutex_lock(&m->lock);
  if (status != LML_OK) note_failure(m, task, status, error);
  m->seats[at].state = status == LML_OK && !is_alone(m, task) ? DONE : FREE;
  hand_in_all(m);
  pthread_cond_broadcast(&m->freed);
  pthread_mutex_unlock(&m->lock);
}

static void *attend(void *data) {
  const member *self = data;
  meeting *m = self->meeting;
  for (size_t at = 0; begin_task(m, &at);) {
    const size_t task = m->seats[at].task; /* nobody else changes a seat at work */
    lml_error error = {0};
    const lml_status status = m->tasks->work(m->tasks->context, (lml_team_place){self->number, at}, task, &error);
    end_task(m, at, task, status, &error);
  }
  return NULL;
}

/** Work with further threads, as many as can be had of @p nthreads − 1. */
static lml_status attend_together(meeting *m, size_t nthreads, lml_error *error) {
  member *members;
  size_t nstarted = 1;
  const lml_status status = lml_alloc(&members, nthreads, sizeof *members, "threads", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < nthreads; k++) members[k] = (member){.meeting = m, .number = k};
  while (nstarted < nthreads && pthread_create(&members[nstarted].thread, NULL, attend, &members[nstarted]) == 0)
    nstarted++;
  attend(&members[0]);
  for (size_t k = 1; k < nstarted; k++) pthread_join(members[k].thread, NULL);
  lml_free(members);
  return LML_OK;
}

lml_status lml_team_run(size_t nthreads, const lml_team_tasks *tasks, lml_error *error) {
  if (nthreads > tasks->count) nthreads = tasks->count;
  if (nthreads < 1) nthreads = 1;
  meeting m = {.tasks = tasks, .nseats = lml_team_seats(nthreads), .failed = SIZE_MAX};
  lml_status status = lml_alloc(&m.seats, m.nseats, sizeof *m.seats, "threads", error);
  if (status != LML_OK) return status;
  pthread_mutex_init(&m.lock, NULL);
  pthread_cond_init(&m.freed, NULL);
  status = attend_together(&m, nthreads, error);
  pthread_cond_destroy(&m.freed);
  pthread_mutex_destroy(&m.lock);
  lml_free(m.seats);
  if (status != LML_OK || m.failed == SIZE_MAX) return status;
  if (error != NULL) *error = m.error;
  return m.error.status;
}
