/* lmlink-eval: energies, forces, virials, descriptors and gradients of the frames of a file. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "calculator/derived_results.h"
#include "calculator/result_names.h"
#include "lmlink/extxyz.h"
#include "lmlink/potential.h"
#include "potential/potential.h"
#include "programs/eval_arrays.h"
#include "programs/eval_frame.h"
#include "programs/eval_region.h"
#include "programs/eval_work.h"
#include "programs/eval_write.h"
#include "programs/potential_keys.h"
#include "programs/program.h"
#include "programs/progress.h"
#include "programs/signals.h"
#include "programs/threads.h"
#include "structure/checked_frame.h"
#include "structure/held_atoms.h"

/* ---- command line ---- */

static const lml_option options[] = {
    {.name = "potential",
     .value = "FILE",
     .help =
         "The potential: a LAMMPS .snap, .mod, .mliap, .snapcoeff, .uf3 or .yace file, or a MiLaDy .pot file. Required "
         "but with --virtual-work."},
    {.name = "parameters",
     .value = "FILE",
     .help = "The .snapparam file, where it has not the name of the .snapcoeff file."},
    {.name = "fixed-terms",
     .value = "TERMS",
     .choices = lml_fixed_terms_names,
     .help = "For a .snapcoeff file beside which a .snap or .mod file adds fixed terms (a reference potential, such as "
             "ZBL): add them (snap) or go without (none)."},
    {.name = "output", .value = "FILE", .help = "Write the frames with their results to this extended XYZ file."},
    {.name = "results",
     .value = "NAMES",
     .help = "Write more results to --output: names with commas between them. The energies of atoms, energies, are "
             "there in any case."},
    {.name = "propose-region",
     .help = "Write the column region to --output: a QM region of the atoms whose forces are uncertain, by the options "
             "--region-..., and its buffer."},
    {.name = "coordination-radius",
     .value = "RADIUS",
     .help = "What the result coordination counts neighbours within, in A; by default the potential's cutoff."},
    {.name = "descriptors",
     .value = "FILE",
     .help = "Write the descriptors D of all atoms, with their leading 1, to this .npy file."},
    {.name = "gradients",
     .value = "FILE",
     .help = "Write the gradients -dD/dr, summed over the atoms of each element, to this .npy file."},
    {.name = "virtual-work",
     .help =
         "Take the frames for images of a path and print the energy along it, from the work of the forces: those of "
         "the file, or, with --potential, those of the potential."},
    {.name = "uncertainty",
     .help =
         "With --virtual-work and --potential: print the standard deviations of the energy along the path, too, from "
         "the uncertainty beside the potential."},
    {.name = "ase-grid",
     .help = "With --virtual-work: integrate by the trapezoid rule on 1000 points, as ASE's NEB.integrate_forces does, "
             "and print them."},
    {.name = "write",
     .value = "FILE",
     .help = "Write the potential to this .snapcoeff file and the .snapparam file beside it, or to this .uf3 or .yace "
             "file. No structures are needed then."},
    {.name = "committee",
     .help =
         "With --write: write the members of the committee that the uncertainty beside the potential makes, to files "
         "with -1, -2, ... before the extension."},
    {.name = "threads",
     .value = "N",
     .help = "Threads that share an evaluation, by default as many as there are cores; results are the same for any "
             "number. Not for descriptors and gradients."},
    {.name = "index", .value = "NUMBER", .help = "Evaluate one frame alone: 0 is the first, -1 the last."},
    {.name = "log-level",
     .value = "LEVEL",
     .choices = lml_log_level_names,
     .help = "How much is told on stderr: quiet, error (warnings), info (the default; progress too), debug."},
};

static const lml_command command = {
    .program = "lmlink-eval",
    .usage =
        "--potential FILE [OPTION ...] IN.xyz\n--virtual-work [OPTION ...] PATH.xyz\n"
        "--potential FILE --write FILE",
    .summary = "Evaluates a linear machine-learning potential on every frame of an extended XYZ file.",
    .notes =
        "The output keeps all that is in the input and adds, under ASE's names, energy,\n"
        "free_energy and virial (eV) and stress (eV/A^3) to each frame and energies (eV)\n"
        "and forces (eV/A) to each atom. Without --output, a table is printed.\n"
        "\n"
        "Shapes of the arrays, with N the atoms of all frames together, in their order,\n"
        "E the elements and C the coefficients per element of the potential:\n"
        "  descriptors  (N, C)           D_i0 = 1; quadratic: B, then B1^2/2, B1 B2, ...\n"
        "  gradients    (N, E, 3, C-1)   as of LAMMPS's compute snad/atom\n"
        "Forces are the gradients times the coefficients (without the constants), plus\n"
        "those of the fixed terms.\n"
        "\n"
        "Exit code: 0, 1 after an error, 2 for wrong usage.\n",
    .keys = &lml_eval_region_keys,
    .options = options,
    .noptions = sizeof options / sizeof options[0],
    .positional_max = 1,
    .positional = "the structures, an extended XYZ file",
};

/** The signal that asked to stop; 0 while there was none. */
static volatile sig_atomic_t stop;

static void ask_to_stop(int number) { stop = number; }

/* ---- evaluation ---- */

/** One run of the program. */
typedef struct run {
  const lml_arguments *arguments;
  const char *input;
  bool has_index; /* whether one frame alone is wanted */
  long index;
  lml_potential *potential;
  lml_calculator *calculator;
  lml_xyz_writer *output;
  lml_eval_arrays *arrays;
  lml_eval_region *region; /* that is to be proposed */
  bool has_path;           /* whether the work along the frames is wanted */
  lml_eval_path path;
  lml_frame frame;
  lml_text_list names; /* of results beyond energy, forces and virial */
  lml_derived derived; /* what the calculator is asked for, and what is made of it; the first frame is the baseline */
  lml_results results;
  double largest_force; /* eV/Å, of the results */
  bool told;            /* that atoms have no neighbours */
  lml_log_level level;
  lml_progress progress;
  double done, total; /* bytes of the input before the frame, and in all; 0 where that is not known */
  size_t natoms;      /* of all frames together, where arrays are wanted */
  size_t nrows;       /* printed */
  lml_threads threads;
} run;

static lml_status check_stop(lml_error *error) {
  return stop == 0 ? LML_OK : lml_fail(error, LML_ERR_INTERRUPTED, "stopped by signal %d", (int)stop);
}

static lml_status add_derived(run *r, lml_error *error) {
  unsigned char *held = NULL;
  lml_status status = LML_OK;
  r->derived.knows_held = lml_derived_wants(&r->derived, LML_DERIVED_FREE);
  if (r->derived.knows_held) status = lml_held_atoms_read(&r->frame, &held, error);
  r->derived.held = held;
  if (status == LML_OK) status = lml_derived_add(&r->derived, &r->frame.structure, &r->results, error);
  r->derived.held = NULL;
  lml_free(held);
  return status;
}

static void show_progress(run *r, long index) {
  char detail[64];
  lml_print_cut(detail, sizeof detail, "frame %ld, %zu atoms", index, r->frame.structure.natoms);
  lml_progress_show(&r->progress, r->done, r->total, detail);
}

static lml_status evaluate(run *r, long index, lml_error *error) {
  const lml_structure *structure = &r->frame.structure;
  bool done = false;
  const lml_request request = lml_derived_request(&r->derived);
  lml_status status = lml_calculator_start(r->calculator, structure, &request, error);
  while (status == LML_OK && !done) {
    show_progress(r, index);
    status = lml_calculator_progress(r->calculator, &done, error);
    if (status == LML_OK) status = check_stop(error);
  }
  if (status == LML_OK) status = lml_calculator_finish(r->calculator, &r->results, error);
  if (status == LML_OK) status = add_derived(r, error);
  return status == LML_OK ? lml_results_largest_force(&r->results, &r->largest_force, error) : status;
}

/** Warn, once, of a frame of which every atom is by itself. */
static void tell_isolated(run *r, long index) {
  if (r->told || r->level < LML_LOG_ERROR || !lml_results_are_isolated(&r->results)) return;
  r->told = true;
  fprintf(stderr,
          "%s: warning: %s, frame %ld: none of the %zu atoms has a neighbour within the cutoff: are positions and cell "
          "in Å?\n",
          command.program, r->input, index, r->results.natoms);
}

static void print_row(run *r, long index) {
  if (r->nrows++ == 0) printf("%8s %8s %22s %20s\n", "frame", "atoms", "energy (eV)", "max force (eV/A)");
  printf("%8ld %8zu %22.10f %20.10f\n", index, r->results.natoms, *r->results.energy, r->largest_force);
}

static lml_status process_frame(run *r, long index, lml_error *error) {
  lml_status status = r->calculator == NULL ? LML_OK : evaluate(r, index, error);
  if (status == LML_OK && r->has_path)
    status = lml_eval_path_add(&r->path, &r->frame, r->calculator == NULL ? NULL : &r->results, error);
  if (status == LML_OK && r->arrays != NULL) status = lml_eval_arrays_add(r->arrays, &r->frame.structure, error);
  if (status == LML_OK && r->region != NULL)
    status = lml_eval_region_put(r->region, index, &r->frame, &r->results, error);
  if (status == LML_OK && r->output != NULL) status = lml_eval_put_results(&r->frame, &r->results, error);
  lml_progress_clear(&r->progress);
  if (status == LML_OK && r->calculator != NULL) tell_isolated(r, index);
  if (status == LML_ERR_INTERRUPTED) return status;
  if (status != LML_OK) return lml_fail_context(error, "%s, frame %ld", r->input, index);
  if (r->output != NULL) return lml_xyz_write(r->output, &r->frame, error);
  if (!r->has_path) print_row(r, index);
  return LML_OK;
}

typedef lml_status (*frame_visitor)(run *r, long index, lml_error *error);

/** Call @p visit for the frame of --index, or for every frame. */
static lml_status for_each_frame(run *r, frame_visitor visit, lml_error *error) {
  if (r->has_index) {
    const lml_status status = lml_xyz_read_file(r->input, r->index, &r->frame, error);
    return status == LML_OK ? visit(r, r->index, error) : status;
  }
  lml_xyz_reader *reader;
  lml_status status = lml_xyz_open(r->input, &reader, error);
  if (status != LML_OK) return status;
  struct stat what;
  bool end = false;
  r->total = lml_sys->stat(r->input, &what) == 0 && S_ISREG(what.st_mode) ? (double)what.st_size : 0.0;
  lml_progress_begin(&r->progress, NULL);
  for (long k = 0; status == LML_OK && !end; k++) {
    r->done = (double)lml_xyz_tell(reader).offset;
    status = lml_xyz_read(reader, &r->frame, &end, error);
    if (status == LML_OK && !end) status = visit(r, k, error);
    if (status == LML_OK && end && k == 0)
      status = lml_fail(error, LML_ERR_INPUT, "%s: there is no frame in it", r->input);
  }
  lml_xyz_close(reader);
  return status;
}

static lml_status count_atoms(run *r, long index, lml_error *error) {
  show_progress(r, index);
  r->natoms += r->frame.structure.natoms;
  return check_stop(error);
}

/* ---- the run ---- */

static const char *const outputs[] = {"output", "descriptors", "gradients"};
enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };

/** Two results in one file would leave the last one alone. */
static lml_status check_outputs_differ(const lml_arguments *arguments, lml_error *error) {
  for (size_t i = 0; i < OUTPUTS; i++) {
    for (size_t j = 0; j < i; j++) {
      const char *a = lml_arguments_text(arguments, outputs[i], 0), *b = lml_arguments_text(arguments, outputs[j], 0);
      if (a != NULL && b != NULL && strcmp(a, b) == 0)
        return lml_fail(error, LML_ERR_USAGE, "--%s and --%s are the same file, %s", outputs[j], outputs[i], a);
    }
  }
  return LML_OK;
}

/** An output in the place of what is read would take it away: a file of the potential, or the structures, whose own
 *  forces may be a quantum code's; or a force log. */
static lml_status check_inputs_stay(const run *r, lml_error *error) {
  const lml_potential *potential = r->potential;
  const char *const inputs[] = {r->input, potential == NULL ? NULL : potential->script,
                                potential == NULL ? NULL : potential->coefficient_file,
                                potential == NULL ? NULL : potential->parameter_file};
  for (size_t i = 0; i < OUTPUTS; i++) {
    const char *output = lml_arguments_text(r->arguments, outputs[i], 0);
    for (size_t k = 0; output != NULL && k < sizeof inputs / sizeof inputs[0]; k++)
      if (inputs[k] != NULL && lml_path_is_same(output, inputs[k]))
        return lml_fail(error, LML_ERR_USAGE, "%s: is read, and would be written as well: choose another name", output);
    if (output != NULL && lml_checked_begins_file(output))
      return lml_fail(error, LML_ERR_USAGE,
                      "%s: is a force log, whose quantum forces would be lost: choose another name, or remove it",
                      output);
  }
  return LML_OK;
}

static lml_status check_path_options(run *r, lml_error *error) {
  static const char *const others[] = {"output", "descriptors", "gradients", "index", "results", "propose-region"};
  r->has_path = lml_arguments_count(r->arguments, "virtual-work") > 0;
  for (size_t i = 0; r->has_path && i < sizeof others / sizeof others[0]; i++)
    if (lml_arguments_count(r->arguments, others[i]) > 0)
      return lml_fail(error, LML_ERR_USAGE, "--virtual-work prints the energy along a path, and goes without --%s",
                      others[i]);
  const bool uncertain = lml_arguments_count(r->arguments, "uncertainty") > 0;
  if (uncertain && (!r->has_path || lml_arguments_count(r->arguments, "potential") == 0))
    return lml_fail(error, LML_ERR_USAGE, "--uncertainty is for --virtual-work with --potential FILE alone");
  if (!r->has_path && lml_arguments_count(r->arguments, "ase-grid") > 0)
    return lml_fail(error, LML_ERR_USAGE, "--ase-grid is for --virtual-work alone");
  if (!r->has_path && lml_arguments_count(r->arguments, "potential") == 0)
    return lml_fail(error, LML_ERR_USAGE, "--potential FILE is missing");
  return LML_OK;
}

/** Structures, unless the potential is only to be written. */
static lml_status check_input(const run *r, lml_error *error) {
  static const char *const others[] = {"output",       "descriptors", "gradients",     "index",
                                       "virtual-work", "results",     "propose-region"};
  if (r->input != NULL) return LML_OK;
  if (lml_arguments_count(r->arguments, "write") == 0)
    return lml_fail(error, LML_ERR_USAGE, "missing argument: %s", command.positional);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (lml_arguments_count(r->arguments, others[i]) > 0)
      return lml_fail(error, LML_ERR_USAGE, "--%s needs %s", others[i], command.positional);
  return LML_OK;
}

/** Which results are wanted: always the energies of atoms. */
static lml_status find_request(run *r, lml_error *error) {
  const char *names = lml_arguments_text(r->arguments, "results", 0);
  if (names != NULL && lml_arguments_text(r->arguments, "output", 0) == NULL)
    return lml_fail(error, LML_ERR_USAGE, "--results goes into the frames of --output FILE, which is missing");
  lml_status status = lml_result_names_split("energies", &r->names, error);
  if (status == LML_OK && names != NULL) status = lml_result_names_split(names, &r->names, error);
  if (status == LML_OK) status = lml_eval_region_create(r->arguments, &r->names, &r->region, error);
  if (status == LML_OK && lml_arguments_count(r->arguments, "uncertainty") > 0)
    status = lml_result_names_split(LML_EVAL_PATH_RESULTS, &r->names, error);
  const lml_request request = lml_result_names_request(&r->names);
  return status == LML_OK ? lml_derived_want(&r->derived, &request, 0, error) : status;
}

static lml_status check_options(run *r, lml_error *error) {
  lml_status status = check_input(r, error);
  if (status == LML_OK) status = check_path_options(r, error);
  if (status == LML_OK) status = check_outputs_differ(r->arguments, error);
  if (status == LML_OK) status = find_request(r, error);
  if (status != LML_OK) return status;
  r->has_index = lml_arguments_count(r->arguments, "index") > 0;
  return lml_arguments_integer(r->arguments, "index", INT32_MIN, INT32_MAX, &r->index, error);
}

static lml_status set_radius(run *r, lml_error *error) {
  double radius = 0.0;
  lml_status status = lml_arguments_real(r->arguments, "coordination-radius", &radius, error);
  if (status == LML_OK) status = lml_linear_calculator_set_coordination_radius(r->calculator, radius, error);
  return status == LML_OK ? status : lml_fail_context(error, "--coordination-radius");
}

static void print_warning(void *context, const char *line) {
  (void)context;
  fprintf(stderr, "%s: %s\n", command.program, line);
}

static lml_status set_threads(run *r, lml_error *error) {
  const lml_log log = {.level = r->level, .write = print_warning};
  long told = 0;
  lml_status status = lml_arguments_integer(r->arguments, "threads", 1, LML_THREADS_LIMIT, &told, error);
  if (status == LML_OK && told == 0) status = lml_threads_find(&r->threads, 0, lml_comm_serial(), &log, error);
  return status == LML_OK ? lml_threads_give(&r->threads, (size_t)told, r->calculator, error) : status;
}

static lml_status read_potential(run *r, lml_error *error) {
  const char *path = lml_arguments_text(r->arguments, "potential", 0);
  if (path == NULL) return LML_OK;
  const bool stated = lml_arguments_count(r->arguments, "fixed-terms") > 0;
  const lml_fixed_terms chosen =
      stated ? LML_FIXED_TERMS_NONE + (lml_fixed_terms)lml_arguments_choice(r->arguments, "fixed-terms", 0)
             : LML_FIXED_TERMS_UNSTATED;
  const char *parameters = lml_arguments_text(r->arguments, "parameters", 0);
  lml_status status = lml_potential_read(path, parameters, chosen, &r->potential, error);
  for (size_t k = 0; status == LML_OK && r->level >= LML_LOG_ERROR && k < lml_potential_nwarnings(r->potential); k++)
    fprintf(stderr, "%s: warning: %s\n", command.program, lml_potential_warning(r->potential, k));
  if (status == LML_OK) status = lml_linear_calculator_create(r->potential, &r->calculator, error);
  if (status == LML_OK) status = set_threads(r, error);
  if (status == LML_OK && lml_arguments_count(r->arguments, "coordination-radius") > 0) status = set_radius(r, error);
  if (status == LML_OK && r->region != NULL) lml_eval_region_set_cutoff(r->region, lml_potential_cutoff(r->potential));
  const lml_request request = lml_derived_request(&r->derived);
  return status == LML_OK ? lml_calculator_check(r->calculator, &request, error) : status;
}

static lml_status open_outputs(run *r, lml_error *error) {
  const char *output = lml_arguments_text(r->arguments, "output", 0);
  const char *descriptors = lml_arguments_text(r->arguments, "descriptors", 0);
  const char *gradients = lml_arguments_text(r->arguments, "gradients", 0);
  lml_status status = output == NULL ? LML_OK : lml_xyz_create(output, &r->output, error);
  if (status != LML_OK || (descriptors == NULL && gradients == NULL)) return status;
  status = for_each_frame(r, count_atoms, error);
  if (status != LML_OK) return status;
  return lml_eval_arrays_create(r->potential, descriptors, gradients, r->natoms, &r->arrays, error);
}

static lml_status commit_outputs(run *r, lml_error *error) {
  lml_xyz_writer *output = r->output;
  lml_eval_arrays *arrays = r->arrays;
  r->output = NULL;
  r->arrays = NULL;
  const lml_status status = arrays == NULL ? LML_OK : lml_eval_arrays_commit(arrays, error);
  if (status == LML_OK) return output == NULL ? LML_OK : lml_xyz_commit(output, error);
  lml_xyz_abort(output);
  return status;
}

static lml_status print_work(const run *r, lml_error *error) {
  const lml_work_points points =
      lml_arguments_count(r->arguments, "ase-grid") > 0 ? LML_WORK_ASE_GRID : LML_WORK_IMAGES;
  const lml_status status = lml_eval_path_print(&r->path, points, error);
  return status == LML_OK ? status : lml_fail_context(error, "%s", r->input);
}

static lml_status run_all(run *r, lml_error *error) {
  lml_status status = check_options(r, error);
  if (status == LML_OK) status = read_potential(r, error);
  if (status == LML_OK) status = check_inputs_stay(r, error);
  if (status == LML_OK) status = lml_eval_write(r->arguments, r->potential, error);
  if (status == LML_OK) status = open_outputs(r, error);
  if (status == LML_OK && r->input != NULL) status = for_each_frame(r, process_frame, error);
  if (status == LML_OK && r->has_path) status = print_work(r, error);
  if (status == LML_OK) status = commit_outputs(r, error);
  if (status == LML_OK && fflush(stdout) == EOF)
    status = lml_fail(error, LML_ERR_IO, "cannot write to the standard output");
  lml_xyz_abort(r->output);
  lml_eval_arrays_abort(r->arrays);
  lml_eval_path_free(&r->path);
  lml_eval_region_free(r->region);
  lml_frame_free(&r->frame);
  lml_results_free(&r->results);
  lml_derived_free(&r->derived);
  lml_text_list_free(&r->names);
  lml_calculator_destroy(r->calculator);
  lml_threads_free(&r->threads);
  lml_potential_destroy(r->potential);
  return status;
}

static lml_status evaluate_file(const lml_arguments *arguments, lml_comm *comm, lml_error *error) {
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
  (void)comm;
  lml_signals_handle(ending, sizeof ending / sizeof ending[0], ask_to_stop);
  run r = {.arguments = arguments,
           .input = arguments->npositional == 0 ? NULL : arguments->positional[0],
           .level = lml_arguments_count(arguments, "log-level") > 0
                        ? (lml_log_level)lml_arguments_choice(arguments, "log-level", 0)
                        : LML_LOG_INFO};
  r.progress = lml_progress_start(command.program, r.level, LML_LOG_INFO);
  const lml_status status = run_all(&r, error);
  if (status == LML_ERR_INTERRUPTED) fprintf(stderr, "%s: %s\n", command.program, error->message);
  return status;
}

int main(int argc, char **argv) {
  const lml_program program = {.command = &command, .ranks = LML_PROGRAM_ALONE, .run = evaluate_file, .stop = &stop};
  return lml_program_main(&program, argc, argv);
}
