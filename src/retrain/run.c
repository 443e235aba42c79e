#include "retrain/run.h"

#include "base/sys.h"

bool lml_run_is_root(const lml_run *run) { return lml_comm_rank(run->comm) == 0; }

static void report_progress(const lml_run *run) {
  if (lml_run_is_root(run) && run->listener->progress != NULL)
    run->listener->progress(run->listener->context, run->stage, run->done, run->total);
}

void lml_run_begin_stage(lml_run *run, lml_stage stage, size_t total) {
  run->stage = stage;
  run->done = 0;
  run->total = total;
  run->began = lml_sys->clock();
  report_progress(run);
}

void lml_run_end_stage(lml_run *run) { run->retrain->seconds[run->stage] += lml_sys->clock() - run->began; }

void lml_run_report_one(void *context) {
  lml_run *run = context;
  run->done++;
  report_progress(run);
}

void lml_run_report_last(lml_run *run) {
  if (run->done >= run->total) return;
  run->total = run->done;
  report_progress(run);
}

size_t lml_run_frames(const lml_run *run, lml_role role) {
  size_t count = 0;
  for (size_t s = 0; s < run->options->nsets; s++)
    if (run->options->sets[s].role == role) count += run->options->sets[s].nframes;
  return count;
}

void lml_run_report_doubts(const lml_run *run, const lml_dataset *set) {
  const lml_log *log = run->listener->log;
  if (!lml_run_is_root(run)) return;
  if (set->ncorrected > 0)
    lml_log_warning(log,
                    "%s: in %zu frames move_mask is F F F for atoms that have forces; as those it holds in part have "
                    "none there, it is taken as ASE 3.23 to 3.26 write it, where F F F is an atom without constraint: "
                    "if not, say --move-mask free",
                    set->path, set->ncorrected);
  if (!set->has_values && set->similar[0] != '\0')
    lml_log_warning(log, "%s: no %s to compare with%s", set->path, lml_quantity_names[set->quantity], set->similar);
}

void lml_run_report_skipped(const lml_run *run, const lml_dataset *set) {
  if (!lml_run_is_root(run)) return;
  if (set->truncated[0] != '\0' && set->reading == LML_READ_ONCE)
    lml_log_line(run->listener->log, LML_LOG_ERROR, "%s: the last frame is skipped, %zu before it are used",
                 set->truncated, set->nframes);
  if (set->nskipped > 0)
    lml_log_line(run->listener->log, LML_LOG_ERROR, "%s; %zu such frames so far are skipped", set->skipped,
                 set->nskipped);
}

lml_status lml_run_make_solver(lml_run *r, lml_error *error) {
  if (r->solver.width > 0) return LML_OK;
  return lml_solver_make(&r->solver, r->retrain->width, r->retrain->constraints.rank, error);
}
