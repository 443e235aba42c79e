/* Every call to the operating system in a run of lmlink-serve is made to fail, in turn: the run must end with an error
 * that says so and give back what it took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/comm.h"
#include "lmlink/extxyz.h"
#include "programs/config.h"
#include "programs/server.h"
#include "session/force_log.h"
#include "support/fault.h"
#include "support/folder.h"
#include "support/scripted_driver.h"

/* ---- the files of the run ---- */

/** Made-up coefficients of a potential of two elements with 2J = 2 (five components). */
static const char snapcoeff[] =
    "# made up\n2 6\nW 0.5 1.0\n0.1\n0.02\n-0.01\n0.03\n0.005\n-0.02\nBe 0.4 "
    "0.9\n-0.2\n0.01\n0.02\n-0.03\n0.015\n0.01\n";
static const char snapparam[] = "rcutfac 4.5\ntwojmax 2\nrfac0 0.99363\nrmin0 0\nbzeroflag 0\nquadraticflag 0\n";
static const char structure[] =
    "3\nLattice=\"5.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 5.0\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\n"
    "W 0.0 0.0 0.0\nBe 2.2 0.1 0.0\nW 2.6 2.4 2.3\n";
static const char json[] =
    "{\"format\": \"lmlink-serve\", \"version\": 1, \"structure\": \"w.xyz\",\n"
    "\"driver\": {\"address\": \"unix:w\", \"socket_prefix\": \"/tmp/ipi_\"},\n"
    "\"calculator\": {\"type\": \"linear\", \"potential\": {\"file\": \"w.snapcoeff\"}},\n"
    "\"extras\": \"json\", \"log\": {\"file\": \"log.xyz\"}}\n";

/** The same potential on both sides of a mixture, whose region follows the beryllium atom. */
static const char mixture_json[] =
    "{\"format\": \"lmlink-serve\", \"version\": 1, \"structure\": \"w.xyz\",\n"
    "\"driver\": {\"address\": \"unix:w\", \"socket_prefix\": \"/tmp/ipi_\"},\n"
    "\"calculator\": {\"type\": \"mixing\", \"energy\": \"virtual_work\",\n"
    "\"ml\": {\"type\": \"linear\", \"potential\": {\"file\": \"w.snapcoeff\"}}, \"qm\": [{\n"
    "\"region\": {\"around\": {\"species\": [\"Be\"], \"inner\": 1.0, \"outer\": 1.5}, \"update\": 1, "
    "\"buffer\": 2.5},\n"
    "\"calculator\": {\"type\": \"linear\", \"potential\": {\"file\": \"w.snapcoeff\"}}}]},\n"
    "\"extras\": \"json\", \"log\": {\"file\": \"log.xyz\"}}\n";

static int make_files(void **state) {
  if (make_folder(state) != 0) return -1;
  write_text("w.snapcoeff", snapcoeff);
  write_text("w.snapparam", snapparam);
  write_text("w.xyz", structure);
  write_text("w.json", json);
  return 0;
}

/** Fails where a run left a file of its own. */
static int remove_files(void **state) {
  const int count = empty_folder();
  return remove_folder(state) == 0 && count == 4 ? 0 : -1;
}

/* ---- the run ---- */

/** The driver's side: an INIT that asks for energies, two evaluations, EXIT. */
static void script(scripted_driver *driver) {
  double positions[] = {0.0, 0.0, 0.0, 2.2, 0.1, 0.0, 2.6, 2.4, 2.3};
  const lml_structure moved = {
      .natoms = 3, .cell = {5.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 5.0}, .positions = positions};
  scripted_driver_open(driver);
  scripted_driver_say(driver, LML_IPI_STATUS);
  scripted_driver_init(
      driver, 0, "{\"lmlink\": 1, \"species\": [74, 4, 74], \"pbc\": [true, true, true], \"results\": [\"energies\"]}");
  for (int i = 0; i < 2; i++) {
    positions[4] += 0.1;
    scripted_driver_say(driver, LML_IPI_STATUS);
    scripted_driver_posdata(driver, &moved);
    scripted_driver_say(driver, LML_IPI_GETFORCE);
  }
  scripted_driver_say(driver, LML_IPI_EXIT);
}

static void keep_quiet(void *context, const char *line) { (void)context, (void)line; }

/** Load, serve, evaluate. */
static lml_status serve(lml_error *error) {
  static volatile sig_atomic_t stop;
  const lml_log log = {.level = LML_LOG_DEBUG, .write = keep_quiet};
  lml_serve_config config;
  lml_server *server = NULL;
  lml_serve_config_init(&config);
  lml_status status = lml_serve_config_read(in_folder("w.json"), &config, error);
  if (status == LML_OK) status = lml_server_create(&config, lml_comm_serial(), &log, &stop, NULL, &server, error);
  if (status == LML_OK) status = lml_server_run(server, error);
  lml_server_destroy(server);
  lml_serve_config_free(&config);
  return status;
}

/** Copy the structure, and write the potential anew. */
static lml_status rewrite(lml_error *error) {
  lml_frame frame = {0};
  lml_xyz_writer *writer = NULL;
  lml_potential *potential = NULL;
  lml_status status = lml_xyz_read_file(in_folder("w.xyz"), 0, &frame, error);
  if (status == LML_OK) status = lml_xyz_create(in_folder("new.xyz"), &writer, error);
  if (status == LML_OK) status = lml_xyz_write(writer, &frame, error);
  if (status == LML_OK)
    status = lml_xyz_commit(writer, error);
  else
    lml_xyz_abort(writer);
  lml_frame_free(&frame);
  if (status == LML_OK)
    status = lml_potential_read(in_folder("w.snapcoeff"), NULL, LML_FIXED_TERMS_NONE, &potential, error);
  if (status == LML_OK)
    status = lml_potential_write(potential, in_folder("new.snapcoeff"), in_folder("new.snapparam"), NULL, error);
  lml_potential_destroy(potential);
  return status;
}

/* ---- what is looked at ---- */

/** What the driver heard in a run. */
typedef struct conversation {
  size_t replies;
  double energies[2];
  double forces[2][9];
} conversation;

static conversation hear(scripted_driver *driver) {
  conversation heard = {0};
  const lml_ipi_message *message;
  while (scripted_driver_hear(driver, &message)) {
    if (message->type != LML_IPI_FORCEREADY) continue;
    assert_in_range(heard.replies, 0, 1);
    heard.energies[heard.replies] = message->energies[0];
    memcpy(heard.forces[heard.replies++], message->forces, sizeof heard.forces[0]);
  }
  return heard;
}

/** Run with call number @p n failing. */
static lml_status serve_with_fault(fault_kind kind, size_t n, bool *happened, conversation *heard, lml_error *error) {
  scripted_driver driver;
  *error = (lml_error){0};
  unlink(in_folder("log.xyz"));
  script(&driver);
  fault_begin(kind, n);
  const lml_status status = serve(error);
  *happened = fault_end();
  *heard = hear(&driver);
  scripted_driver_close(&driver);
  return status;
}

static void assert_clean_error(lml_status status, const lml_error *error, size_t n) {
  /* stat asks beforehand about what opening and renaming would refuse anyway. */
  if (status == LML_OK && strcmp(fault_call(), "stat") == 0) return;
  if (status == LML_OK) fail_msg("call %zu (%s) failed, and nobody noticed", n, fault_call());
  if (error->status != status || error->message[0] == '\0')
    fail_msg("call %zu (%s) failed: status %d with the message '%s' of status %d", n, fault_call(), (int)status,
             error->message, (int)error->status);
}

/** What was heard stands in the log: the log comes first. */
static void assert_logged(const conversation *heard) {
  lml_force_log *log;
  assert_int_equal(lml_force_log_open(in_folder("log.xyz"), NULL, NULL, &log, NULL), LML_OK);
  assert_true(lml_force_log_nframes(log) >= heard->replies);
  lml_force_log_close(log);
  unlink(in_folder("log.xyz"));
}

/** Fail each call of a run of the configuration @p text; there must be more than @p least of them. */
static void fail_each_call(const char *text, size_t least) {
  conversation expected, heard;
  lml_error error;
  bool happened;
  write_text("w.json", text);
  assert_int_equal(serve_with_fault(FAULT_HARD, 0, &happened, &expected, &error), LML_OK);
  assert_int_equal(expected.replies, 2);
  assert_true(expected.energies[0] != expected.energies[1]);

  size_t n = 0;
  do {
    const lml_status status = serve_with_fault(FAULT_HARD, ++n, &happened, &heard, &error);
    if (happened) assert_clean_error(status, &error, n);
    /* What was sent before the failure is whole and right. */
    assert_memory_equal(heard.energies, expected.energies, heard.replies * sizeof(double));
    assert_memory_equal(heard.forces, expected.forces, heard.replies * sizeof heard.forces[0]);
    assert_logged(&heard);
  } while (happened);
  assert_true(n > least);
}

static void every_failure_ends_the_run_with_an_error(void **state) {
  (void)state;
  fail_each_call(json, 50);
  fail_each_call(mixture_json, 150);
}

static void interrupt_each_call(const char *text) {
  conversation expected, heard;
  lml_error error;
  bool happened;
  write_text("w.json", text);
  assert_int_equal(serve_with_fault(FAULT_SOFT, 0, &happened, &expected, &error), LML_OK);
  size_t n = 0;
  do {
    const lml_status status = serve_with_fault(FAULT_SOFT, ++n, &happened, &heard, &error);
    if (status != LML_OK) fail_msg("call %zu (%s): %s", n, fault_call(), error.message);
    assert_int_equal(heard.replies, 2);
    assert_memory_equal(heard.energies, expected.energies, sizeof heard.energies);
    assert_memory_equal(heard.forces, expected.forces, sizeof heard.forces);
    assert_logged(&heard);
  } while (happened);
  assert_true(n > 10);
}

static void what_can_be_tried_again_changes_nothing(void **state) {
  (void)state;
  interrupt_each_call(json);
  interrupt_each_call(mixture_json);
}

/** A file is there as a whole or not at all. */
static void assert_whole_or_missing(const char *name, off_t size) {
  struct stat status;
  if (stat(in_folder(name), &status) == 0) assert_int_equal(status.st_size, size);
  unlink(in_folder(name));
}

static off_t size_of(const char *name) {
  struct stat status;
  assert_int_equal(stat(in_folder(name), &status), 0);
  return status.st_size;
}

static void no_failure_leaves_half_a_file(void **state) {
  (void)state;
  static const char *const names[] = {"new.xyz", "new.snapcoeff", "new.snapparam"};
  off_t sizes[3];
  lml_error error = {0};
  assert_int_equal(rewrite(&error), LML_OK);
  for (int i = 0; i < 3; i++) sizes[i] = size_of(names[i]);
  bool happened;
  size_t n = 0;
  do {
    error = (lml_error){0};
    fault_begin(FAULT_HARD, ++n);
    const lml_status status = rewrite(&error);
    happened = fault_end();
    if (happened) assert_clean_error(status, &error, n);
    for (int i = 0; i < 3; i++) assert_whole_or_missing(names[i], sizes[i]);
  } while (happened);
  assert_true(n > 20);
}

static void interruptions_do_not_keep_from_writing(void **state) {
  (void)state;
  lml_error error = {0};
  assert_int_equal(rewrite(&error), LML_OK);
  const off_t size = size_of("new.xyz");
  bool happened;
  size_t n = 0;
  do {
    fault_begin(FAULT_SOFT, ++n);
    const lml_status status = rewrite(&error);
    happened = fault_end();
    if (status != LML_OK) fail_msg("call %zu (%s): %s", n, fault_call(), error.message);
    assert_int_equal(size_of("new.xyz"), size);
  } while (happened);
  assert_true(n > 10);
  assert_whole_or_missing("new.xyz", size);
  unlink(in_folder("new.snapcoeff"));
  unlink(in_folder("new.snapparam"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_failure_ends_the_run_with_an_error),
      cmocka_unit_test(what_can_be_tried_again_changes_nothing),
      cmocka_unit_test(no_failure_leaves_half_a_file),
      cmocka_unit_test(interruptions_do_not_keep_from_writing),
  };
  return cmocka_run_group_tests(tests, make_files, remove_files);
}
