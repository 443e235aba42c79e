#include "programs/threads.h"

#include "base/cores.h"
#include "base/fail.h"
#include "base/print.h"
#include "potential/linear_calculator.h"

lml_status lml_threads_find(lml_threads *threads, size_t engines, lml_comm *comm, const lml_log *log,
                            lml_error *error) {
  lml_cores cores;
  const lml_status status = lml_cores_find(comm, &cores, error);
  if (status != LML_OK) return status;
  if (cores.doubt[0] != '\0') lml_log_warning(log, "%s; give the number of threads by --threads", cores.doubt);
  const size_t share = cores.count / (1 + engines), most = share < LML_THREADS_LIMIT ? share : LML_THREADS_LIMIT;
  threads->count = most > 1 ? most : 1;
  threads->engines = engines;
  threads->by = cores.by;
  if (threads->count == 1 || lml_comm_size(comm) > 1) return LML_OK;
  lml_error failure = {0};
  const lml_status opened = lml_roster_open(&threads->roster, &failure);
  if (opened == LML_ERR_MEMORY) return lml_fail(error, opened, "%s", failure.message);
  if (opened != LML_OK)
    lml_log_warning(log, "%s; other lmlink programs that compute at the same time are not counted", failure.message);
  return LML_OK;
}

lml_status lml_threads_give(const lml_threads *threads, size_t told, lml_calculator *calculator, lml_error *error) {
  const size_t count = told > 0 ? told : threads->count;
  const lml_status status = lml_linear_calculator_set_threads(calculator, count, error);
  if (status == LML_OK && told == 0) lml_linear_calculator_share_threads(calculator, threads->roster);
  return status;
}

void lml_threads_describe(const lml_threads *threads, size_t told, char *text, size_t size) {
  const size_t count = told > 0 ? told : threads->count;
  lml_print_cut(text, size, "%zu thread%s (%s", count, count == 1 ? "" : "s", told > 0 ? "as told" : threads->by);
  if (told == 0 && threads->engines > 0)
    lml_print_behind(text, size, ", beside %zu engine%s", threads->engines, threads->engines == 1 ? "" : "s");
  lml_print_behind(text, size, ")");
}

void lml_threads_free(lml_threads *threads) {
  lml_roster_close(threads->roster);
  *threads = (lml_threads){0};
}
