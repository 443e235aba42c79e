/* lmlink-retrain: the main function, progress, what is printed. */
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/comm.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "potential/format.h"
#include "potential/potential.h"
#include "potential/term_lines.h"
#include "potential/uncertainty.h"
#include "programs/program.h"
#include "programs/progress.h"
#include "programs/retrain_options.h"
#include "programs/signals.h"
#include "retrain/choose/trade_off.h"

/* ---- progress ---- */

/** What is told of the stages. */
typedef struct progress {
  bool shown; /* whether anything is */
  lml_progress while_it_lasts;
} progress;

/** While a stage lasts, how far it is; at its end a line. */
static void show_progress(void *context, lml_stage stage, size_t done, size_t total) {
  static const char *const what[LML_STAGES] = {"reading files", "cache", "hard constraints", "rows",       "leverages",
                                               "solving",       "QR",    "errors",           "uncertainty"};
  progress *p = context;
  char detail[64];
  if (done == 0) lml_progress_begin(&p->while_it_lasts, what[stage]);
  if (!p->shown || total == 0) return;
  lml_print_cut(detail, sizeof detail, "%zu of %zu", done, total);
  if (done < total) {
    lml_progress_show(&p->while_it_lasts, (double)done, (double)total, detail);
    return;
  }
  if (done > total) return; /* told already */
  lml_progress_clear(&p->while_it_lasts);
  fprintf(stderr, "%s: %s: %zu in %.2f s\n", lml_retrain_command.program, what[stage], total,
          lml_sys->clock() - p->while_it_lasts.begin);
}

/* ---- what is printed ---- */

/** A number as it stands in the table, a dash where the file has no values. */
static const char *cell(char text[32], double sum, double count, const lml_dataset *set) {
  if (set->has_values && count > 0.0)
    lml_print_cut(text, 32, "%.6f", sum / count);
  else
    lml_print_cut(text, 32, "-");
  return text;
}

/** Groups of a set that have lines of their own. */
enum { MOST_LINES = 24 };

/** A line of the table: errors of a set, or of a group of its frames. */
static void print_errors(const lml_dataset *set, const lml_error_sums *sums, const char *role, const char *quantity,
                         const char *name) {
  const double count = sums->count, root = sqrt(count);
  char rms[2][32], mae[2][32];
  printf("%-7s %-16s %8.0f %12s %12s %12.3e %12s %12s  %s\n", role, quantity, count,
         cell(rms[0], sqrt(sums->baseline), root, set), cell(rms[1], sqrt(sums->after), root, set),
         count > 0.0 ? sqrt(sums->change / count) : 0.0, cell(mae[0], sums->absolute_baseline, count, set),
         cell(mae[1], sums->absolute_after, count, set), name);
}

static void print_set(const lml_retrain *retrain, const lml_validation *validation) {
  const lml_dataset *set = validation->set;
  const lml_frame_errors total = lml_validation_total(validation);
  print_errors(set, &total.sums, lml_role_names[set->role], lml_quantity_names[set->quantity],
               lml_path_name(set->path));
  for (size_t k = 0; k < set->groups.count && k < MOST_LINES; k++) {
    const lml_frame_errors group = lml_validation_group(validation, k);
    char name[160];
    if (group.sums.count == total.sums.count) continue; /* all of them */
    lml_print_cut(name, sizeof name, "  %s=%s", lml_config_groups_key(&retrain->options->groups), set->groups.list[k]);
    print_errors(set, &group.sums, "", "", name);
  }
  if (set->groups.count > MOST_LINES) printf("%zu further groups are in the report\n", set->groups.count - MOST_LINES);
}

/** What was done about the zero of energy. */
static void print_offsets(const lml_retrain *retrain) {
  const lml_energy_offsets *offsets = &retrain->offsets;
  if (offsets->count == 0) return;
  printf("energies are compared after adding an offset per element (eV per atom, before -> after), fitted to the %s:",
         offsets->from == LML_ROLE_TARGET ? "targets" : "test files");
  for (size_t e = 0; e < offsets->count; e++)
    printf("%s %s %.6f -> %.6f", e == 0 ? "" : ",", lml_element_symbol(lml_potential_element(retrain->result, e)),
           offsets->baseline[e], offsets->after[e]);
  printf("\n");
  if (offsets->rank < offsets->count)
    printf("the compositions determine %zu of these %zu offsets: they are the smallest ones\n", offsets->rank,
           offsets->count);
}

/** How well the chosen λs meet what was left out, beside what was trained on. */
static void print_choice(const lml_retrain *retrain) {
  static const char *const by[] = {"", "of the test files", "that were left out"};
  static const char *const watch[] = {"", "of test files", "of atoms left out", "of test files or atoms left out"};
  const lml_trial *trial = &retrain->trials[retrain->chosen];
  if (isnan(trial->rms_choice)) return;
  printf("targets: RMS error %.6f of %.0f rows trained on, %.6f of those %s, %.6f before", trial->rms_target,
         retrain->target.nrows, trial->rms_choice, by[retrain->by], lml_trade_off_baseline(retrain));
  if (retrain->nfolds > 0) printf("; %zu groups of frames in %zu folds", retrain->ngroups, retrain->nfolds);
  printf("\n");
  if (retrain->watch == LML_WATCH_NOTHING) return;
  printf("soft structures: RMS change ");
  if (retrain->soft.gram != NULL) printf("%.6f of those trained on, ", trial->rms_soft);
  printf("%.6f %s, limit %g\n", trial->soft_change, watch[retrain->watch], retrain->options->soft_limit);
}

static void print_coverage(const lml_retrain *retrain, size_t s) {
  const lml_dataset *set = &retrain->options->sets[s];
  const lml_coverage *c = &retrain->coverages[s];
  char noise[32] = "-";
  if (c->count == 0.0) return;
  const double error = sqrt(c->square_error / c->count), sigma = sqrt(c->square_sigma / c->count);
  if (set->has_values) lml_print_cut(noise, sizeof noise, "%.3f", c->inside_noise / c->count);
  printf("%-7s %-16s %8.0f %12.6f %12.6f %12.3f %12.3f %12s  %s%s\n", lml_role_names[set->role],
         lml_quantity_names[set->quantity], c->count, error, sigma, error / sigma, c->inside / c->count, noise,
         lml_path_name(set->path), set->has_values ? "" : " (change)");
}

/** What the uncertainty is, and how well it says the errors. */
static void print_uncertainty(const lml_retrain *retrain) {
  const lml_uncertainty *u = &retrain->uncertainty;
  if (u->factor != NULL) {
    const lml_calibration *c = &u->calibration;
    printf(
        "uncertainty: %s from %zu rows, rank %zu (%.1f %% of the trace); scale %.2f from %zu folds (%.2f with noise "
        "of %.4f eV/A)\n",
        lml_uncertainty_names[u->kind], u->nrows, u->rank, 100.0 * u->share, c->alpha, c->nfolds, c->alpha_noise,
        c->noise);
    printf("%-7s %-16s %8s %12s %12s %12s %12s %12s  %s\n", "set", "quantity", "rows", "RMS error", "RMS sigma",
           "ratio", "in 2 sigma", "with noise", "file");
    for (size_t s = 0; s < retrain->options->nsets; s++) print_coverage(retrain, s);
  }
  for (size_t e = 0; u->distances != NULL && e < u->nelements; e++) {
    const lml_atom_distance *d = &u->distances[e];
    printf("distance of %s: from %zu atoms", lml_element_symbol(lml_potential_element(retrain->start, e)), d->natoms);
    for (size_t q = 0; d->natoms > 1 && q < LML_DISTANCE_QUANTILES; q++)
      printf("%s %.2f for %g %%", q == 0 ? ", at most" : ",", d->quantiles[q], 100.0 * lml_distance_shares[q]);
    printf("%s\n", d->natoms > 1 ? "" : ", too few");
  }
}

/** Of a potential that stays as it is. */
static void print_description(const lml_retrain *retrain) {
  char *json, *npy;
  lml_error error;
  print_uncertainty(retrain);
  if (lml_uncertainty_paths(retrain->options->output, &json, &npy, &error) != LML_OK) return;
  printf("wrote %s\n", json);
  lml_free(json);
  lml_free(npy);
}

static void print_results(const lml_retrain *retrain) {
  const lml_retrain_options *options = retrain->options;
  const lml_trial *trial = &retrain->trials[retrain->chosen];
  printf(
      "RMS errors and changes, and mean absolute errors (MAE), in eV/A (forces) and eV per atom (energies, virials)\n");
  printf("%-7s %-16s %8s %12s %12s %12s %12s %12s  %s\n", "set", "quantity", "rows", "before", "after", "change",
         "MAE before", "MAE after", "file");
  for (size_t s = 0; s < options->nsets; s++) print_set(retrain, &retrain->validations[s]);
  print_offsets(retrain);
  print_choice(retrain);
  print_uncertainty(retrain);
  printf("lambda_soft %g, lambda_ridge %g; %zu coefficients, hard constraints of rank %zu\n", trial->lambda_soft,
         trial->lambda_ridge, retrain->width, retrain->constraints.rank);
  printf("wrote %s\n", options->output);
  char terms[LML_TERM_STYLES_TEXT];
  lml_term_styles(retrain->result, terms);
  if (terms[0] != '\0')
    printf("the fixed terms (%s) are not part of it: use it by the %s file beside it, which adds them\n", terms,
           retrain->result->format->script_extension);
}

/** One line for each result of a log that is followed. */
static void print_renewed(void *context, const lml_retrain *retrain) {
  const lml_dataset *followed = lml_retrain_followed(retrain->options);
  const lml_frame_errors total = lml_validation_total(&retrain->validations[followed - retrain->options->sets]);
  progress *p = context;
  lml_progress_clear(&p->while_it_lasts);
  printf("%zu frames, %zu rows: RMS error %.6f -> %.6f eV/A; ", followed->nframes, followed->nrows,
         sqrt(total.sums.baseline / total.sums.count), sqrt(total.sums.after / total.sums.count));
  if (retrain->uncertainty.factor != NULL)
    printf("uncertainty scaled by %.2f from %zu folds; ", retrain->uncertainty.calibration.alpha,
           retrain->uncertainty.calibration.nfolds);
  printf("wrote %s\n", retrain->options->output);
  fflush(stdout);
}

/* ---- signals ---- */

/** Set by the signals that end following a log. */
static volatile sig_atomic_t stop;

static void ask_to_stop(int number) {
  (void)number;
  stop = 1;
}

static bool asked_to_stop(void *context) {
  (void)context;
  return stop != 0;
}

/* ---- the program ---- */

static void print_line(void *context, const char *line) {
  progress *p = context;
  lml_progress_clear(&p->while_it_lasts);
  fprintf(stderr, "%s: %s\n", lml_retrain_command.program, line);
}

static lml_status run(lml_retrain_options *options, lml_log_level level, lml_comm *comm, lml_error *error) {
  progress p = {.shown = level >= LML_LOG_INFO,
                .while_it_lasts = lml_progress_start(lml_retrain_command.program, level, LML_LOG_INFO)};
  const lml_log log = {.level = level, .write = print_line, .context = &p};
  const lml_retrain_listener listener = {
      .progress = show_progress, .renewed = print_renewed, .stop = asked_to_stop, .context = &p, .log = &log};
  const bool follows = lml_retrain_followed(options) != NULL;
  /* SIGUSR1 as well, which mpirun passes on to its ranks and does not end by. */
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  if (follows) lml_signals_handle(ending, sizeof ending / sizeof ending[0], ask_to_stop);
  lml_retrain retrain;
  const lml_status status = lml_retrain_run(&retrain, options, comm, &listener, error);
  lml_progress_clear(&p.while_it_lasts);
  if (status == LML_OK && !follows && lml_comm_rank(comm) == 0 && level > LML_LOG_QUIET)
    lml_retrain_describes(options) ? print_description(&retrain) : print_results(&retrain);
  lml_retrain_free(&retrain);
  return status;
}

static lml_status retrain(const lml_arguments *arguments, lml_comm *comm, lml_error *error) {
  lml_retrain_options options;
  lml_log_level level = LML_LOG_INFO;
  lml_retrain_options_init(&options);
  lml_status status = lml_retrain_options_read(arguments, &options, &level, error);
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = run(&options, level, comm, error);
  lml_retrain_options_free(&options);
  return status;
}

int main(int argc, char **argv) {
  const lml_program program = {.command = &lml_retrain_command, .ranks = LML_PROGRAM_RANKS, .run = retrain};
  return lml_program_main(&program, argc, argv);
}
