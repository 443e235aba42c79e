/* Commands that run beside lmlink, and the calculator that lets them compute. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/sys.h"
#include "engine/environment.h"
#include "engine/init.h"
#include "engine/process.h"
#include "engine/process_tag.h"
#include "engine/remote_calculator.h"
#include "ipi_codec.h"
#include "support/folder.h"
#include "support/remote_engine.h"

/* ---- texts ---- */

static void a_launchers_variables_are_known(void **state) {
  (void)state;
  static const char *const launchers[] = {"OMPI_COMM_WORLD_SIZE=2", "PMIX_RANK=0",           "PMI_RANK=1",
                                          "MPI_LOCALNRANKS=2",      "OMPI_MCA_orte_jobid=7", "OMPI_MCA_ess=pmi",
                                          "LMLINK_MPI=off",         "SLURM_STEP_NUM_TASKS=2"};
  static const char *const users[] = {"OMPI_MCA_btl=self",
                                      "OMPI_ALLOW_RUN_AS_ROOT=1",
                                      "PATH=/bin",
                                      "I_MPI_FABRICS=shm",
                                      "OMPI_MCA_rmaps_base_oversubscribe=1",
                                      "SLURM_JOB_ID=7"};
  for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++)
    assert_true(lml_environment_is_launchers(launchers[i]));
  for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) assert_false(lml_environment_is_launchers(users[i]));
}

static void the_init_names_species_and_periodicity(void **state) {
  (void)state;
  int numbers[] = {74, 2, 118};
  const lml_structure three = {.natoms = 3, .pbc = {true, false, true}, .numbers = numbers};
  char *text = NULL;
  size_t capacity = 0, length;
  assert_int_equal(lml_init_write(&three, &text, &capacity, &length, &error), LML_OK);
  assert_string_equal(text, "{\"lmlink\": 1, \"pbc\": [true, false, true], \"species\": [74,2,118]}");
  assert_int_equal(length, strlen(text));
  lml_free(text);
}

/* ---- processes ---- */

static lml_process *starts(const char *command, const char *folder) {
  static char mark[LML_MARK_SIZE];
  lml_process *process;
  lml_mark_make(mark);
  const lml_process_settings settings = {.command = command, .folder = folder, .output = "out", .mark = mark};
  if (lml_process_start(&settings, &process, &error) != LML_OK) fail_msg("%s", error.message);
  return process;
}

static void await(lml_process *process, char *how, size_t size) {
  while (lml_process_runs(process, how, size)) lml_sys->sleep(0.005);
}

static void a_command_runs_in_its_folder(void **state) {
  (void)state;
  char folder[2 * FOLDER_PATH_SIZE], file[3 * FOLDER_PATH_SIZE], how[64] = "";
  snprintf(folder, sizeof folder, "%s", in_folder("deep/er"));
  setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  lml_process *process = starts("basename \"$PWD\"; echo ${OMPI_COMM_WORLD_RANK-none} >&2; exit 3", folder);
  unsetenv("OMPI_COMM_WORLD_RANK");
  await(process, how, sizeof how);
  assert_string_equal(how, "ended with exit code 3");
  assert_false(lml_process_succeeded(process));
  lml_process_stop(process, 0.0, 0.0);
  snprintf(file, sizeof file, "%s/out", folder);
  reads(file, "er\nnone\n");
  unlink(file);
  rmdir(folder);
  rmdir(in_folder("deep"));
}

static void a_signal_is_told(void **state) {
  (void)state;
  char how[64] = "";
  lml_process *process = starts("kill -9 $$", folder_name);
  await(process, how, sizeof how);
  assert_string_equal(how, "was ended by signal 9");
  lml_process_stop(process, 0.0, 0.0);
  empty_folder();
}

/** Whether the process is there and not dead already. */
static bool lives(pid_t process) {
  char path[64], text[512] = "";
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  const size_t count = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  const char *behind_name = count == 0 ? NULL : strrchr(text, ')');
  return behind_name != NULL && behind_name[2] != 'Z';
}

/** A command that starts one process that ignores SIGTERM and one that leaves the process group; both are found. */
static void all_that_was_started_is_stopped(void **state) {
  (void)state;
  lml_process *process = starts(
      "trap '' TERM; (echo $$ > a; exec sleep 1000) & "
      "setsid sh -c 'echo $$ > b.new; mv b.new b; sleep 1000' & "
      "echo $! > c.new; mv c.new c; exit 0",
      folder_name);
  const pid_t left_group = number_in("b");
  number_in("c");
  char how[64] = "";
  await(process, how, sizeof how);
  assert_true(lml_process_succeeded(process));
  assert_true(lives(left_group));
  lml_process_stop(process, 0.05, 0.05);
  assert_false(lives(left_group));
  empty_folder();
}

static void a_process_that_ends_by_itself_is_not_disturbed(void **state) {
  (void)state;
  lml_process *process = starts("trap 'echo disturbed' TERM; sleep 0.05; echo done", folder_name);
  lml_process_stop(process, 60.0, 0.0);
  reads(in_folder("out"), "done\n");
  empty_folder();
}

static void a_missing_folder_that_cannot_be_made_is_an_error(void **state) {
  (void)state;
  write_text("file", "");
  char folder[2 * FOLDER_PATH_SIZE];
  snprintf(folder, sizeof folder, "%s", in_folder("file/below"));
  const lml_process_settings settings = {
      .command = "true", .folder = folder, .output = "out", .mark = "LMLINK_ENGINE_0"};
  lml_process *process;
  assert_int_equal(lml_process_start(&settings, &process, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "cannot make the folder"));
  empty_folder();
}

/* ---- the remote calculator, with a clock that stands still while nobody waits ---- */

/** Evaluate and fail. */
static void fails(const lml_engine_settings *settings, lml_status status, const char *words) {
  lml_calculator *calculator = makes(settings);
  lml_results results = {0};
  const lml_status got = lml_calculator_evaluate(calculator, &structure, NULL, &results, &error);
  lml_results_free(&results);
  lml_calculator_destroy(calculator);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  assert_int_equal(got, status);
  struct stat file;
  assert_int_equal(stat(in_folder("s"), &file), -1);
}

static void no_engine_comes(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  fails(&settings, LML_ERR_TIMEOUT, "no engine connected within 20 s");
  assert_true(now > 120.0 && now < 121.0);
  settings.policy = LML_ENGINE_WAIT;
  settings.retries = 2;
  now = 0.0;
  fails(&settings, LML_ERR_TIMEOUT, "(loss 3 in a row)");
  assert_true(now > 60.0 && now < 61.0);
}

static void connects(int *engine) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  snprintf(to.sun_path, sizeof to.sun_path, "%s", in_folder("s"));
  *engine = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(connect(*engine, (struct sockaddr *)&to, sizeof to), 0);
}

static void says(int engine, const char *text) {
  char header[13];
  snprintf(header, sizeof header, "%-12s", text);
  assert_int_equal(send(engine, header, 12, MSG_NOSIGNAL), 12);
}

/** Open @p calculator, let an engine connect, and start an evaluation. */
static void starts_with(lml_calculator *calculator, int *engine) {
  assert_int_equal(lml_remote_calculator_open(calculator, &error), LML_OK);
  connects(engine);
  assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
}

static void a_silent_engine_is_given_up(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  lml_calculator *calculator = makes(&settings);
  int engine;
  bool done;
  starts_with(calculator, &engine);
  assert_int_equal(lml_calculator_progress(calculator, &done, &error), LML_OK);
  says(engine, "READY");
  lml_status status = LML_OK;
  while (status == LML_OK) {
    assert_int_equal(lml_calculator_wait(calculator, 1000, &error), LML_OK);
    status = lml_calculator_progress(calculator, &done, &error);
  }
  assert_int_equal(status, LML_ERR_TIMEOUT);
  assert_non_null(strstr(error.message, "engine dft at unix:"));
  assert_non_null(strstr(error.message, "no result within 30 s"));
  assert_true(now > 130.0 && now < 132.0);
  lml_calculator_destroy(calculator);
  close(engine);
}

/** Send FORCEREADY with @p force on the atom. */
static void sends_force(int engine, double force) {
  const double energy = 1.0, forces[3] = {force, 0, 0}, virial[9] = {0};
  const lml_ipi_text none = {0};
  const lml_ipi_message message = {.type = LML_IPI_FORCEREADY,
                                   .batch = 1,
                                   .natoms = 1,
                                   .energies = &energy,
                                   .forces = forces,
                                   .virials = virial,
                                   .extras = &none};
  lml_ipi_buffer buffer = {0};
  assert_int_equal(lml_ipi_encode(&message, lml_ipi_units_ev, &buffer, &error), LML_OK);
  assert_int_equal(send(engine, buffer.bytes, buffer.length, MSG_NOSIGNAL), (ssize_t)buffer.length);
  lml_ipi_buffer_free(&buffer);
}

/** All that an engine says, before it is asked: it cannot be told from one that answers at once. */
static lml_status evaluate_with(lml_calculator *calculator, int engine, double force, bool *done) {
  static const char *const words[] = {"READY", "HAVEDATA"};
  lml_status status = LML_OK;
  for (size_t i = 0; i < 2 && status == LML_OK; i++) {
    status = lml_calculator_progress(calculator, done, &error);
    says(engine, words[i]);
  }
  if (status == LML_OK) status = lml_calculator_progress(calculator, done, &error);
  sends_force(engine, force);
  return status == LML_OK ? lml_calculator_progress(calculator, done, &error) : status;
}

static void nan_is_refused(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  lml_calculator *calculator = makes(&settings);
  int engine;
  bool done;
  starts_with(calculator, &engine);
  assert_int_equal(evaluate_with(calculator, engine, NAN, &done), LML_ERR_IO);
  assert_non_null(strstr(error.message, "a force on atom 0 that is not made of finite numbers"));
  close(engine);
  lml_calculator_destroy(calculator);
}

static void the_next_engine_gets_the_same(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  settings.policy = LML_ENGINE_WAIT;
  lml_calculator *calculator = makes(&settings);
  int first, second;
  bool done;
  starts_with(calculator, &first);
  assert_int_equal(evaluate_with(calculator, first, NAN, &done), LML_OK);
  assert_false(done);
  connects(&second);
  assert_int_equal(evaluate_with(calculator, second, 2.5, &done), LML_OK);
  assert_true(done);
  lml_results results = {0};
  assert_int_equal(lml_calculator_finish(calculator, &results, &error), LML_OK);
  assert_true(fabs(results.forces[0] - 2.5) < 1e-14);
  assert_string_equal(results.list[LML_RESULTS_STANDARD].name, "engine_seconds");
  lml_results_free(&results);
  close(first);
  close(second);
  lml_calculator_destroy(calculator);
}

static void restarts_are_counted_and_paused(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  settings.policy = LML_ENGINE_RESTART;
  settings.retries = 3;
  settings.launch = "echo {name}{index} {address} $$ >> tries; exit 7";
  settings.folder = folder_name;
  settings.socket_name = "s";
  settings.index = 4;
  settings.connect_limit = 1e9;
  fails(&settings, LML_ERR_IO, "ended with exit code 7 before it connected (loss 4 in a row); what it printed is in");
  int lines = 0;
  char name[32], address[32];
  long process, last = 0;
  FILE *file = fopen(in_folder("tries"), "r");
  assert_non_null(file);
  while (fscanf(file, "%31s %31s %ld", name, address, &process) == 3) {
    assert_string_equal(name, "s4");
    assert_string_equal(address, "s:UNIX");
    assert_true(process != last);
    last = process;
    lines++;
  }
  fclose(file);
  assert_int_equal(lines, 4);
}

/** When an engine's end was told of, and when it was started: the lines of a log, with the clock's time. */
typedef struct told {
  double paused[8], started[8];
  double pauses[8]; /**< that were announced */
  size_t npaused, nstarted;
} told;

static void hear_line(void *context, const char *line) {
  told *t = context;
  const char *pause = strstr(line, " again in ");
  if (pause != NULL && sscanf(pause, " again in %lf s", &t->pauses[t->npaused]) == 1) t->paused[t->npaused++] = now;
  if (strstr(line, ": started '") != NULL) t->started[t->nstarted++] = now;
}

static void pauses_double_up_to_a_minute(void **state) {
  (void)state;
  static const double expected[2][3] = {{1.0, 2.0, 4.0}, {25.0, 50.0, 60.0}};
  for (size_t run = 0; run < 2; run++) {
    told heard = {0};
    const lml_log log = {.level = LML_LOG_INFO, .write = hear_line, .context = &heard};
    lml_engine_settings settings = settings_of();
    settings.policy = LML_ENGINE_RESTART;
    settings.launch = "exit 1";
    settings.folder = folder_name;
    settings.connect_limit = 1e9;
    settings.back_off = expected[run][0];
    settings.log = &log;
    fails(&settings, LML_ERR_IO, "(loss 4 in a row)");
    assert_int_equal(heard.npaused, 3);
    assert_int_equal(heard.nstarted, 4);
    for (size_t i = 0; i < 3; i++) {
      assert_true(heard.pauses[i] == expected[run][i]);
      const double waited = heard.started[i + 1] - heard.paused[i];
      assert_true(waited >= expected[run][i] && waited < expected[run][i] + 0.01);
    }
  }
}

/** An engine that is gone before it was looked at has connected all the same. */
static void an_engine_that_goes_without_an_answer_had_connected(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  settings.name = NULL;
  settings.launch = "until [ -e gone ]; do sleep 0.01; done; exit 7";
  settings.folder = folder_name;
  settings.connect_limit = 1e9;
  lml_calculator *calculator = makes(&settings);
  int engine;
  bool done = false;
  assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
  connects(&engine);
  close(engine);
  write_text("gone", "");
  lml_status status = LML_OK;
  while (status == LML_OK && !done) status = lml_calculator_progress(calculator, &done, &error);
  assert_int_equal(status, LML_ERR_IO);
  assert_non_null(strstr(error.message, "ended with exit code 7 after it had connected, without an answer to lmlink"));
  assert_memory_equal(error.message, "engine at unix:", strlen("engine at unix:"));
  lml_calculator_destroy(calculator);
}

static void a_restart_needs_a_command(void **state) {
  (void)state;
  lml_engine_settings settings = settings_of();
  settings.policy = LML_ENGINE_RESTART;
  lml_calculator *calculator;
  assert_int_equal(lml_remote_calculator_create(&settings, &calculator, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "cannot be restarted without a command"));
}

/* ---- input that is made ---- */

static void lacks(const char *name) {
  struct stat file;
  assert_int_equal(stat(in_folder(name), &file), -1);
}

/** Progress until a command has left a file. */
static void progresses_until(lml_calculator *calculator, const char *name) {
  struct stat file;
  while (stat(in_folder(name), &file) != 0) {
    bool done;
    if (lml_calculator_progress(calculator, &done, &error) != LML_OK) fail_msg("%s", error.message);
    assert_false(done);
  }
}

/** An engine that lmlink starts, and the test plays; `prepare` leaves its first line of the cluster's file. */
static lml_engine_settings prepared(void) {
  lml_engine_settings settings = settings_of();
  settings.socket_name = "qm";
  settings.folder = folder_name;
  settings.connect_limit = settings.prepare_limit = 1e9;
  settings.stop_patience = 0.1;
  settings.peer = LML_ENGINE_PEER_ANY;
  settings.prepare = "tail -n 1 {cluster} > made.part && mv made.part made";
  settings.launch = "echo {cluster} > started.part && mv started.part started; exec sleep 1000";
  return settings;
}

static void evaluates_as_the_engine(lml_calculator *calculator, int engine) {
  lml_results results = {0};
  bool done = false;
  assert_int_equal(evaluate_with(calculator, engine, 2.5, &done), LML_OK);
  assert_true(done);
  assert_int_equal(lml_calculator_finish(calculator, &results, &error), LML_OK);
  lml_results_free(&results);
}

static void other_atoms_make_new_input(void **state) {
  (void)state;
  lml_engine_settings settings = prepared();
  lml_calculator *calculator = makes(&settings);
  int numbers[] = {74, 42, 42};
  lml_structure changing = structure;
  for (size_t step = 0; step < 3; step++) {
    int engine;
    if (step == 2) changing.cell[8] = 9.0; /* the same atom in another vacuum */
    changing.numbers = &numbers[step];
    lacks("started");
    assert_int_equal(lml_calculator_start(calculator, &changing, NULL, &error), LML_OK);
    progresses_until(calculator, "started");
    reads(in_folder("made"), step == 0 ? "W  1.0 2.0 3.0\n" : "Mo 1.0 2.0 3.0\n");
    reads(in_folder("started"), "qm-cluster.xyz\n");
    unlink(in_folder("made"));
    unlink(in_folder("started"));
    connects(&engine);
    evaluates_as_the_engine(calculator, engine);
    /* The same again: the engine that is there does it. */
    assert_int_equal(lml_calculator_start(calculator, &changing, NULL, &error), LML_OK);
    evaluates_as_the_engine(calculator, engine);
    lacks("made");
    close(engine);
  }
  lml_calculator_destroy(calculator);
}

static void without_prepare_the_command_may_read_the_file(void **state) {
  (void)state;
  lml_engine_settings settings = prepared();
  settings.prepare = NULL;
  settings.launch = "tail -n 1 {cluster} > made.part && mv made.part made; exec sleep 1000";
  assert_true(lml_engine_follows(settings.prepare, settings.launch));
  assert_false(lml_engine_follows(NULL, "pw.x"));
  lml_calculator *calculator = makes(&settings);
  assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
  progresses_until(calculator, "made");
  reads(in_folder("made"), "W  1.0 2.0 3.0\n");
  lml_calculator_destroy(calculator);
}

static void prepare_that_fails_is_an_error(void **state) {
  (void)state;
  lml_engine_settings settings = prepared();
  settings.policy = LML_ENGINE_RESTART;
  settings.prepare = "echo no basis set; exit 4";
  fails(&settings, LML_ERR_IO, "prepare, 'echo no basis set; exit 4', ended with exit code 4; what it printed is in");
  reads(in_folder("engine.log"), "no basis set\n");
  lacks("started");
  settings.prepare = NULL;
  settings.launch = "true {cluster}";
  settings.folder = "/dev/null/below";
  fails(&settings, LML_ERR_IO, "engine dft at unix:");
}

/** Wait for the operating system, whose clock goes on. */
static void is_gone(pid_t process) {
  while (lives(process)) usleep(1000);
}

static void prepare_that_hangs_is_ended(void **state) {
  (void)state;
  lml_engine_settings settings = prepared();
  settings.prepare = "sleep 1000 & echo $! > child; wait";
  settings.prepare_limit = 50.0;
  lml_calculator *calculator = makes(&settings);
  assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
  const pid_t child = number_in("child");
  lml_status status = LML_OK;
  bool done = false;
  while (status == LML_OK) {
    assert_int_equal(lml_calculator_wait(calculator, 1000, &error), LML_OK);
    status = lml_calculator_progress(calculator, &done, &error);
  }
  assert_int_equal(status, LML_ERR_TIMEOUT);
  assert_non_null(strstr(error.message, "did not end within 50 s; check what it does, or raise limits.prepare"));
  is_gone(child);
  lacks("started");
  lml_calculator_destroy(calculator);
}

static void prepare_ends_with_its_evaluation(void **state) {
  (void)state;
  lml_engine_settings settings = prepared();
  settings.prepare = "sleep 1000 & echo $! > child; wait";
  lml_calculator *calculator = makes(&settings);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
    const pid_t child = number_in("child");
    unlink(in_folder("child"));
    lml_calculator_cancel(calculator);
    is_gone(child);
  }
  lml_calculator_destroy(calculator);
}

static void prepare_needs_a_command_that_starts(void **state) {
  (void)state;
  lml_engine_settings settings = prepared();
  lml_calculator *calculator;
  settings.launch = NULL;
  assert_int_equal(lml_remote_calculator_create(&settings, &calculator, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "give a command that does (launch)"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_launchers_variables_are_known),
      cmocka_unit_test(the_init_names_species_and_periodicity),
      cmocka_unit_test(a_command_runs_in_its_folder),
      cmocka_unit_test(a_signal_is_told),
      cmocka_unit_test(all_that_was_started_is_stopped),
      cmocka_unit_test(a_process_that_ends_by_itself_is_not_disturbed),
      cmocka_unit_test(a_missing_folder_that_cannot_be_made_is_an_error),
      TEST(no_engine_comes),
      TEST(a_silent_engine_is_given_up),
      TEST(nan_is_refused),
      TEST(the_next_engine_gets_the_same),
      TEST(restarts_are_counted_and_paused),
      TEST(pauses_double_up_to_a_minute),
      TEST(an_engine_that_goes_without_an_answer_had_connected),
      TEST(a_restart_needs_a_command),
      TEST(other_atoms_make_new_input),
      TEST(without_prepare_the_command_may_read_the_file),
      TEST(prepare_that_fails_is_an_error),
      TEST(prepare_that_hangs_is_ended),
      TEST(prepare_ends_with_its_evaluation),
      TEST(prepare_needs_a_command_that_starts),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
