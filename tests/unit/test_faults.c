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
#include "base/file.h"
#include "base/memory.h"
#include "lmlink/extxyz.h"
#include "potential/uncertainty.h"
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
/** Other coefficients than those above. */
static const char new_snapcoeff[] =
    "2 6\nW 0.5 1.0\n0.1\n0.03\n-0.01\n0.02\n0.005\n-0.02\nBe 0.4 0.9\n-0.2\n0.01\n0.03\n-0.03\n0.015\n0.01\n";

#define LINEAR_WITH(KEYS) "{\"type\": \"linear\", \"potential\": {\"file\": \"w.snapcoeff\"}" KEYS "}"
/* Told how many threads to have, so that finding that out fails in the first configuration alone. */
#define LINEAR LINEAR_WITH(", \"threads\": 1")
#define REGION(SELECTION) "{\"region\": " SELECTION ", \"calculator\": " LINEAR "}"
#define MIXTURE(REGIONS, KEYS) "{\"type\": \"mixing\", \"ml\": " LINEAR ", \"qm\": [" REGIONS "], " KEYS "}"
#define WORK "\"energy\": \"virtual_work\""
#define RESCALED                                                                               \
  "\"energy\": \"ml\", \"rescale\": {\"qm_lattice_constant\": 3.2, \"qm_bulk_modulus\": 310, " \
  "\"ml_lattice_constant\": 3.17, \"ml_bulk_modulus\": 305}"
/* The one follows the beryllium atom, and takes a tungsten atom in at the second evaluation. */
#define MOVING                                                                                 \
  REGION(                                                                                      \
      "{\"around\": {\"species\": [\"Be\"], \"inner\": 3.15, \"outer\": 3.3}, \"update\": 1, " \
      "\"buffer\": 2.5}")
/* By the distance that write_uncertainty makes: at the first evaluation without atoms, at the second with two of three.
 */
#define UNCERTAIN                                                                                             \
  REGION(                                                                                                     \
      "{\"uncertain\": {\"inner\": 3.7, \"outer\": 2, \"leave_after\": 2, \"max_atoms\": 2}, \"update\": 1, " \
      "\"buffer\": 1.0}")
#define FIRST REGION("{\"indices\": [0], \"buffer\": 2.5}")
#define LAST REGION("{\"indices\": [2], \"buffer\": 2.5}")

/** What lmlink-serve is made to serve. */
static const struct configuration {
  const char *name, *calculator;
  const char *keys; /**< of the whole, more than all have; NULL: none */
  size_t calls;     /**< that can fail; there are more */
  bool reloads;     /**< takes new coefficients over before the first evaluation */
  bool recalled;    /**< goes on with the log of an earlier run, which has all forces of engines */
} configurations[] = {
    {.name = "linear", .calculator = LINEAR_WITH(""), .calls = 50},
    {.name = "committee",
     .calculator = LINEAR,
     .keys = ", \"results\": [\"distance\", \"sigma_energy\", \"committee_energies\", \"committee_forces\", "
             "\"committee_virials\", \"free\"]",
     .calls = 100},
    {.name = "new coefficients", .calculator = LINEAR, .calls = 70, .reloads = true},
    {.name = "mixture", .calculator = MIXTURE(FIRST, WORK), .calls = 150},
    {.name = "new coefficients of a mixture", .calculator = MIXTURE(FIRST, WORK), .calls = 180, .reloads = true},
    {.name = "moving region", .calculator = MIXTURE(MOVING, WORK), .calls = 150},
    {.name = "uncertain region", .calculator = MIXTURE(UNCERTAIN, WORK), .calls = 150},
    {.name = "two regions", .calculator = MIXTURE(FIRST ", " LAST, WORK), .calls = 180},
    {.name = "rescaled", .calculator = MIXTURE(FIRST, RESCALED), .calls = 150},
    {.name = "moving region, recalled", .calculator = MIXTURE(MOVING, WORK), .calls = 180, .recalled = true},
    {.name = "two regions, recalled", .calculator = MIXTURE(FIRST ", " LAST, WORK), .calls = 180, .recalled = true},
};
enum { NCONFIGURATIONS = sizeof configurations / sizeof configurations[0], JSON_SIZE = 2000 };

static void write_configuration(const struct configuration *c) {
  char text[JSON_SIZE];
  snprintf(text, sizeof text,
           "{\"format\": \"lmlink-serve\", \"version\": 1, \"structure\": \"w.xyz\",\n"
           "\"driver\": {\"address\": \"unix:w\", \"socket_prefix\": \"/tmp/ipi_\"},\n"
           "\"calculator\": %s,\n\"extras\": \"json\", \"log\": {\"file\": \"log.xyz\"}%s}\n",
           c->calculator, c->keys == NULL ? "" : c->keys);
  write_text("w.json", text);
}

/** Of the beryllium atom, by how far its first component is above 6; tungsten has no distance. A factor of two columns.
 */
static void write_uncertainty(void) {
  lml_potential *potential;
  lml_uncertainty u = {.kind = LML_UNCERTAINTY_SANDWICH,
                       .width = 12,
                       .rank = 2,
                       .nrows = 1,
                       .share = 1.0,
                       .calibration = {.nfolds = 2, .nrows = 1}};
  lml_uncertainty_files files;
  assert_int_equal(lml_potential_read(in_folder("w.snapcoeff"), NULL, LML_FIXED_TERMS_NONE, &potential, NULL), LML_OK);
  assert_int_equal(lml_uncertainty_make_distances(&u, 2, 5, NULL), LML_OK);
  assert_int_equal(lml_alloc(&u.factor, u.width * u.rank, sizeof *u.factor, "a factor", NULL), LML_OK);
  for (size_t i = 0; i < u.width * u.rank; i++) u.factor[i] = 1e-4 * (double)(i % 5);
  u.distances[0].natoms = u.distances[1].natoms = 7;
  u.distances[1].mean[0] = 6.0;
  u.distances[1].factor[0] = 100.0;
  assert_int_equal(lml_uncertainty_write(&u, potential, in_folder("w.snapcoeff"), &files, NULL), LML_OK);
  assert_int_equal(lml_uncertainty_commit(&files, NULL), LML_OK);
  lml_uncertainty_free(&u);
  lml_potential_destroy(potential);
}

static int make_files(void **state) {
  if (make_folder(state) != 0) return -1;
  write_text("w.snapcoeff", snapcoeff);
  write_text("w.snapparam", snapparam);
  write_text("w.xyz", structure);
  write_uncertainty();
  return 0;
}

/** Fails where a run left a file of its own. */
static int remove_files(void **state) {
  const int count = empty_folder();
  return remove_folder(state) == 0 && count == 6 ? 0 : -1;
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

/** Whether the run said that it goes on with the coefficients that it had. */
static bool kept_coefficients;

/** Whether a line warned of the force log's index, of a frame that could not be read, or of what the number of threads
 * is found by: everything goes on without. */
static bool warned;

static bool is_expected_warning(const char *line) {
  static const char *const texts[] = {"without an index", "is computed again", "give the number of threads",
                                      "at the same time are not counted"};
  bool found = false;
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) found = found || strstr(line, texts[k]) != NULL;
  return found && strncmp(line, "warning: ", 9) == 0;
}

static void hear_line(void *context, const char *line) {
  (void)context;
  kept_coefficients = kept_coefficients || strstr(line, "the old coefficients stay in force") != NULL;
  warned = warned || is_expected_warning(line);
}

/** Load, serve, evaluate. */
static lml_status serve(const struct configuration *c, lml_error *error) {
  static volatile sig_atomic_t stop, reload;
  static const lml_server_flags flags = {.stop = &stop, .reload = &reload};
  const lml_log log = {.level = LML_LOG_DEBUG, .write = hear_line};
  lml_serve_config config;
  lml_server *server = NULL;
  reload = c->reloads;
  kept_coefficients = warned = false;
  lml_serve_config_init(&config);
  lml_status status = lml_serve_config_read(in_folder("w.json"), &config, error);
  if (status == LML_OK) status = lml_server_create(&config, lml_comm_serial(), &log, &flags, &server, error);
  if (status == LML_OK && c->reloads) write_text("w.snapcoeff", new_snapcoeff);
  if (status == LML_OK) status = lml_server_run(server, error);
  lml_server_destroy(server);
  lml_serve_config_free(&config);
  if (c->reloads) write_text("w.snapcoeff", snapcoeff);
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
  bool recalled; /**< all of it */
} conversation;

static conversation hear(scripted_driver *driver) {
  conversation heard = {.recalled = true};
  const lml_ipi_message *message;
  while (scripted_driver_hear(driver, &message)) {
    if (message->type != LML_IPI_FORCEREADY) continue;
    assert_in_range(heard.replies, 0, 1);
    heard.energies[heard.replies] = message->energies[0];
    memcpy(heard.forces[heard.replies++], message->forces, sizeof heard.forces[0]);
    const char *count = strstr(message->extras[0].bytes, "\"recalled_regions\": ");
    heard.recalled = heard.recalled && count != NULL && strncmp(count, "\"recalled_regions\": 0", 21) != 0;
  }
  return heard;
}

/** The log and its index that a run begins with; NULL: it has none. */
static const char *const log_names[] = {"log.xyz", "log.xyz.index"};
static struct {
  char *data;
  size_t length;
} old_log[2];

static void keep_log(void) {
  for (int i = 0; i < 2; i++)
    assert_int_equal(lml_file_read(in_folder(log_names[i]), &old_log[i].data, &old_log[i].length, NULL), LML_OK);
}

static void forget_log(void) {
  for (int i = 0; i < 2; i++) {
    lml_free(old_log[i].data);
    old_log[i].data = NULL;
  }
}

static void remove_log(void) {
  for (int i = 0; i < 2; i++) unlink(in_folder(log_names[i]));
}

static void put_log(void) {
  remove_log();
  for (int i = 0; i < 2 && old_log[i].data != NULL; i++)
    write_bytes(in_folder(log_names[i]), old_log[i].data, old_log[i].length);
}

/** Run with call number @p n failing. */
static lml_status serve_with_fault(const struct configuration *c, fault_kind kind, size_t n, bool *happened,
                                   conversation *heard, lml_error *error) {
  scripted_driver driver;
  *error = (lml_error){0};
  put_log();
  script(&driver);
  fault_begin(kind, n);
  const lml_status status = serve(c, error);
  *happened = fault_end();
  *heard = hear(&driver);
  scripted_driver_close(&driver);
  return status;
}

static void assert_clean_error(lml_status status, const lml_error *error, size_t n) {
  /* stat asks beforehand about what opening and renaming would refuse anyway. */
  if (status == LML_OK && (kept_coefficients || warned || strcmp(fault_call(), "stat") == 0)) return;
  if (status == LML_OK) fail_msg("call %zu (%s) failed, and nobody noticed", n, fault_call());
  if (error->status != status || error->message[0] == '\0')
    fail_msg("call %zu (%s) failed: status %d with the message '%s' of status %d", n, fault_call(), (int)status,
             error->message, (int)error->status);
}

/** What was heard stands in the log: the log comes first. */
static void assert_logged(const conversation *heard) {
  lml_force_log *log;
  assert_int_equal(lml_force_log_open(in_folder("log.xyz"), &log, NULL), LML_OK);
  assert_int_equal(lml_force_log_read_all(log, NULL, NULL, NULL, NULL), LML_OK);
  assert_true(lml_force_log_nframes(log) >= heard->replies);
  lml_force_log_close(log);
  remove_log();
}

/** Where the configuration recalls, let a run make the log that it goes on with. */
static void prepare(const struct configuration *c) {
  conversation heard;
  lml_error error;
  bool happened;
  forget_log();
  write_configuration(c);
  if (!c->recalled) return;
  assert_int_equal(serve_with_fault(c, FAULT_HARD, 0, &happened, &heard, &error), LML_OK);
  assert_false(heard.recalled);
  keep_log();
}

/** A run without a failure; @p kept becomes one with the coefficients that there were. */
static conversation expect(const struct configuration *c, fault_kind kind, conversation *kept) {
  conversation expected;
  lml_error error;
  bool happened;
  struct configuration as_before = *c;
  as_before.reloads = false;
  prepare(c);
  assert_int_equal(serve_with_fault(&as_before, kind, 0, &happened, kept, &error), LML_OK);
  assert_int_equal(serve_with_fault(c, kind, 0, &happened, &expected, &error), LML_OK);
  if (expected.replies != 2 || expected.recalled != c->recalled)
    fail_msg("%s: %zu replies, %s", c->name, expected.replies, expected.recalled ? "recalled" : "computed");
  assert_memory_not_equal(expected.forces[0], expected.forces[1], sizeof expected.forces[0]);
  assert_int_equal(memcmp(expected.forces, kept->forces, sizeof expected.forces) != 0, c->reloads);
  return expected;
}

/** What was sent is whole and right. */
static void assert_as_expected(const conversation *heard, const conversation *expected) {
  assert_memory_equal(heard->energies, expected->energies, heard->replies * sizeof(double));
  assert_memory_equal(heard->forces, expected->forces, heard->replies * sizeof heard->forces[0]);
}

static void fail_each_call(const struct configuration *c) {
  conversation kept, heard;
  const conversation expected = expect(c, FAULT_HARD, &kept);
  lml_error error;
  bool happened;
  size_t n = 0;
  do {
    const lml_status status = serve_with_fault(c, FAULT_HARD, ++n, &happened, &heard, &error);
    if (happened) assert_clean_error(status, &error, n);
    assert_as_expected(&heard, kept_coefficients ? &kept : &expected);
    assert_logged(&heard);
  } while (happened);
  if (n <= c->calls) fail_msg("%s: %zu calls", c->name, n);
}

static void every_failure_ends_the_run_with_an_error(void **state) {
  (void)state;
  for (size_t k = 0; k < NCONFIGURATIONS; k++) fail_each_call(&configurations[k]);
  forget_log();
}

static void interrupt_each_call(const struct configuration *c) {
  conversation kept, heard;
  const conversation expected = expect(c, FAULT_SOFT, &kept);
  lml_error error;
  bool happened;
  size_t n = 0;
  do {
    const lml_status status = serve_with_fault(c, FAULT_SOFT, ++n, &happened, &heard, &error);
    if (status != LML_OK) fail_msg("%s: call %zu (%s): %s", c->name, n, fault_call(), error.message);
    assert_int_equal(heard.replies, 2);
    assert_as_expected(&heard, &expected);
    assert_logged(&heard);
  } while (happened);
  assert_true(n > 10);
}

static void what_can_be_tried_again_changes_nothing(void **state) {
  (void)state;
  for (size_t k = 0; k < NCONFIGURATIONS; k++) interrupt_each_call(&configurations[k]);
  forget_log();
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
    if (happened && (status != LML_OK || !fault_only_tidied())) assert_clean_error(status, &error, n);
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
