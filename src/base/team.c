#include "base/team.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

typedef struct team {
  const lml_team_tasks *tasks;
  pthread_mutex_t lock;
  pthread_cond_t moved; /**< handed_in or failed has changed */
  size_t next;          /**< tasks that were begun */
  size_t turns;         /**< those of them that are to be handed in */
  size_t handed_in;
  size_t failed;   /**< first task that failed; SIZE_MAX: none */
  lml_error error; /**< of that task */
} team;

typedef struct worker {
  team *team;
  size_t number;
  pthread_t thread;
} worker;

static bool is_alone(const team *t, size_t task) {
  return t->tasks->alone != NULL && t->tasks->alone(t->tasks->context, task);
}

/** The next task, and how many are handed in before it; false where there is none, or none is to be begun. */
static bool take_task(team *t, size_t *task, size_t *turn) {
  pthread_mutex_lock(&t->lock);
  *task = t->next;
  *turn = t->turns;
  const bool taken = t->next < t->tasks->count && t->failed == SIZE_MAX;
  if (taken) t->next++;
  if (taken && !is_alone(t, *task)) t->turns++;
  pthread_mutex_unlock(&t->lock);
  return taken;
}

/** Wait until it is the task's turn; false where an earlier one has failed. */
static bool wait_for_turn(team *t, size_t task, size_t turns) {
  pthread_mutex_lock(&t->lock);
  while (t->handed_in < turns && t->failed > task) pthread_cond_wait(&t->moved, &t->lock);
  const bool turn = t->failed > task;
  pthread_mutex_unlock(&t->lock);
  return turn;
}

static void end_task(team *t, size_t task, lml_status status, const lml_error *error) {
  pthread_mutex_lock(&t->lock);
  if (status == LML_OK) {
    if (!is_alone(t, task)) t->handed_in++;
  } else if (task < t->failed) {
    t->failed = task;
    t->error = *error;
    t->error.status = status;
  }
  pthread_cond_broadcast(&t->moved);
  pthread_mutex_unlock(&t->lock);
}

static void *run_worker(void *data) {
  const worker *w = data;
  team *t = w->team;
  const lml_team_tasks *tasks = t->tasks;
  size_t task, turn;
  while (take_task(t, &task, &turn)) {
    lml_error error = {0};
    lml_status status = tasks->work(tasks->context, w->number, task, &error);
    if (status == LML_OK && !is_alone(t, task)) {
      if (!wait_for_turn(t, task, turn)) break;
      if (tasks->hand_in != NULL) status = tasks->hand_in(tasks->context, w->number, task, &error);
    }
    end_task(t, task, status, &error);
  }
  return NULL;
}

lml_status lml_team_run(size_t nworkers, const lml_team_tasks *tasks, lml_error *error) {
  team t = {.tasks = tasks, .failed = SIZE_MAX};
  worker *workers;
  size_t nstarted = 1;
  if (nworkers < 1) nworkers = 1;
  if (nworkers > tasks->count) nworkers = tasks->count > 0 ? tasks->count : 1;
  const lml_status status = lml_alloc(&workers, nworkers, sizeof *workers, "threads", error);
  if (status != LML_OK) return status;
  pthread_mutex_init(&t.lock, NULL);
  pthread_cond_init(&t.moved, NULL);
  for (size_t k = 0; k < nworkers; k++) workers[k] = (worker){.team = &t, .number = k};
  while (nstarted < nworkers && pthread_create(&workers[nstarted].thread, NULL, run_worker, &workers[nstarted]) == 0)
    nstarted++;
  run_worker(&workers[0]);
  for (size_t k = 1; k < nstarted; k++) pthread_join(workers[k].thread, NULL);
  pthread_cond_destroy(&t.moved);
  pthread_mutex_destroy(&t.lock);
  lml_free(workers);
  if (t.failed == SIZE_MAX) return LML_OK;
  if (error != NULL) *error = t.error;
  return t.error.status;
}
