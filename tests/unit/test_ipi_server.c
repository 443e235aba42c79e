/* The server end, against an engine that the test plays on a real socket: both ends in one thread, nothing waits. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"
#include "ipi_codec.h"
#include "ipi_server.h"
#include "support/folder.h"

enum { NATOMS = 2, ROUNDS = 1000 };

static const double cell[9] = {8, 0, 0, 1, 9, 0, 0.5, 0.25, 10};
static const double positions[3 * NATOMS] = {0.1, 0.2, 0.3, 1.5, 2.5, 3.5};
static const double forces[3 * NATOMS] = {1, -2, 3, -4, 5, -6.5};
static const double virial[9] = {1, 2, 3, 2, 5, 6, 3, 6, 9};

static lml_ipi_server *server;
static lml_ipi_decoder *ear;
static lml_ipi_judgement judgement;        /**< on whoever connects */
static unsigned refused[LML_IPI_REFUSALS]; /**< connections */
static char refusal[LML_ERROR_MESSAGE_SIZE];
static lml_error error;
static int engine = -1;

static lml_ipi_judgement judge(void *context, const lml_ipi_peer *peer) {
  assert_ptr_equal(context, &server);
  assert_true(peer->is_local);
  return judgement;
}

static void hear_refusal(void *context, lml_ipi_refusal why, const char *what) {
  assert_ptr_equal(context, &server);
  refused[why]++;
  snprintf(refusal, sizeof refusal, "%s", what);
}

static const lml_ipi_admission admission = {
    .answer_limit = 10.0, .judge = judge, .refused = hear_refusal, .context = &server};

static lml_ipi_address address_of(const char *name) {
  char text[FOLDER_PATH_SIZE * 2 + 8];
  lml_ipi_address address;
  snprintf(text, sizeof text, "unix:%s", in_folder(name));
  assert_int_equal(lml_ipi_address_parse(text, NULL, &address, &error), LML_OK);
  return address;
}

static int set_up(void **state) {
  (void)state;
  const lml_ipi_address address = address_of("s");
  judgement = LML_IPI_UNKNOWN;
  memset(refused, 0, sizeof refused);
  assert_int_equal(lml_ipi_server_create(&address, &admission, &server, &error), LML_OK);
  assert_int_equal(lml_ipi_decoder_create(LML_IPI_DRIVER, lml_ipi_units_ev, &ear, &error), LML_OK);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  if (engine >= 0) close(engine);
  engine = -1;
  lml_ipi_server_destroy(server);
  lml_ipi_decoder_destroy(ear);
  struct stat file;
  return stat(in_folder("s"), &file) == 0; /* nothing stays behind */
}

static void engine_connects(void) {
  const lml_ipi_address address = address_of("s");
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  memcpy(to.sun_path, address.path, sizeof to.sun_path);
  if (engine >= 0) close(engine);
  engine = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert_int_equal(connect(engine, (struct sockaddr *)&to, sizeof to), 0);
  lml_ipi_decoder_restart(ear);
}

static void progress(void) {
  bool done = true;
  const lml_status status = lml_ipi_server_progress(server, &done, &error);
  if (status != LML_OK) fail_msg("%s", error.message);
  assert_false(done);
}

static void finishes(void) {
  bool done = false;
  const lml_status status = lml_ipi_server_progress(server, &done, &error);
  if (status != LML_OK) fail_msg("%s", error.message);
  assert_true(done);
}

static void fails(lml_status status, const char *words) {
  bool done;
  assert_int_equal(lml_ipi_server_progress(server, &done, &error), status);
  assert_false(done);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  assert_int_equal(lml_ipi_server_where(server), LML_IPI_SERVER_ALONE);
}

/** The connection was closed as a stranger's, and nothing failed. */
static void turns_away(lml_ipi_refusal why, const char *words) {
  const unsigned before = refused[why];
  progress();
  assert_int_equal(refused[why], before + 1);
  if (strstr(refusal, words) == NULL) fail_msg("'%s' is not in '%s'", words, refusal);
  assert_int_equal(lml_ipi_server_where(server), LML_IPI_SERVER_ALONE);
}

/** The engine's next message, byte by byte. */
static const lml_ipi_message *hears(lml_ipi_type type) {
  const lml_ipi_message *message = NULL;
  for (char byte; message == NULL;) {
    assert_int_equal(recv(engine, &byte, 1, 0), 1);
    size_t used;
    assert_int_equal(lml_ipi_decoder_feed(ear, &byte, 1, &used, &message, &error), LML_OK);
  }
  assert_string_equal(lml_ipi_type_name(message->type), lml_ipi_type_name(type));
  return message;
}

static void hears_nothing(void) {
  char byte;
  assert_int_equal(recv(engine, &byte, 1, 0), -1);
  assert_int_equal(errno, EAGAIN);
}

static void hears_the_end(void) {
  char byte;
  assert_int_equal(recv(engine, &byte, 1, 0), 0);
}

static void says_bytes(const void *bytes, size_t length) {
  assert_int_equal(send(engine, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void says(lml_ipi_type type) {
  const lml_ipi_message message = {.type = type};
  lml_ipi_buffer buffer = {0};
  assert_int_equal(lml_ipi_encode(&message, lml_ipi_units_ev, &buffer, &error), LML_OK);
  says_bytes(buffer.bytes, buffer.length);
  lml_ipi_buffer_free(&buffer);
}

static lml_ipi_buffer result_of(size_t natoms, const double *wire_virial, const char *extras) {
  const double energy = -12.5;
  const lml_ipi_text text = {.bytes = extras, .length = strlen(extras)};
  const lml_ipi_message message = {.type = LML_IPI_FORCEREADY,
                                   .batch = 1,
                                   .natoms = natoms,
                                   .energies = &energy,
                                   .forces = forces,
                                   .virials = wire_virial,
                                   .extras = &text};
  lml_ipi_buffer buffer = {0};
  assert_int_equal(lml_ipi_encode(&message, lml_ipi_units_ev, &buffer, &error), LML_OK);
  return buffer;
}

static void says_result(size_t natoms, const double *wire_virial, const char *extras) {
  lml_ipi_buffer buffer = result_of(natoms, wire_virial, extras);
  says_bytes(buffer.bytes, buffer.length);
  lml_ipi_buffer_free(&buffer);
}

static void requests(const char *init) {
  const lml_ipi_request request = {.natoms = NATOMS,
                                   .cell = cell,
                                   .positions = positions,
                                   .init = init,
                                   .init_length = init == NULL ? 0 : strlen(init)};
  assert_int_equal(lml_ipi_server_request(server, &request, &error), LML_OK);
}

/** From STATUS, which the engine answers READY, to GETFORCE. */
static void goes_to_getforce(void) {
  progress();
  hears(LML_IPI_STATUS);
  says(LML_IPI_READY);
  progress();
  const lml_ipi_message *posdata = hears(LML_IPI_POSDATA);
  assert_int_equal(posdata->natoms, NATOMS);
  for (size_t i = 0; i < 9; i++) assert_true(fabs(posdata->cells[i] - cell[i]) < 1e-14);
  for (size_t i = 0; i < 3 * NATOMS; i++) assert_true(fabs(posdata->positions[i] - positions[i]) < 1e-14);
  hears(LML_IPI_STATUS);
  progress();
  assert_int_equal(lml_ipi_server_where(server), LML_IPI_SERVER_COMPUTES);
  says(LML_IPI_HAVEDATA);
  progress();
  hears(LML_IPI_GETFORCE);
}

static void gives_result(void) {
  lml_ipi_answer answer;
  lml_ipi_server_result(server, &answer);
  assert_true(fabs(answer.energy + 12.5) < 1e-13);
  assert_int_equal(answer.natoms, NATOMS);
  for (size_t i = 0; i < 3 * NATOMS; i++) assert_true(fabs(answer.forces[i] - forces[i]) < 1e-13);
  for (size_t i = 0; i < 9; i++) assert_true(fabs(answer.virial[i] - virial[i]) < 1e-13);
}

/* ---- what engines do ---- */

static void lammps_says_ready_from_the_start(void **state) {
  (void)state;
  const double upper_alone[9] = {1, 2, 3, 0, 5, 6, 0, 0, 9};
  progress();
  engine_connects();
  progress();
  hears_nothing();
  for (int step = 0; step < 3; step++) {
    requests(NULL);
    goes_to_getforce();
    says_result(NATOMS, upper_alone, "");
    finishes();
    gives_result();
    hears_nothing();
  }
  assert_int_equal(lml_ipi_server_connections(server), 1);
}

static void ase_wants_an_init_before_each_structure(void **state) {
  (void)state;
  engine_connects();
  for (int step = 0; step < 3; step++) {
    requests("hello");
    progress();
    hears(LML_IPI_STATUS);
    says(LML_IPI_NEEDINIT);
    progress();
    const lml_ipi_message *init = hears(LML_IPI_INIT);
    assert_int_equal(init->init.length, 5);
    assert_memory_equal(init->init.bytes, "hello", 5);
    goes_to_getforce();
    says_result(NATOMS, virial, "{\"a\": 1}");
    finishes();
    gives_result();
    lml_ipi_answer answer;
    lml_ipi_server_result(server, &answer);
    assert_string_equal(answer.extras, "{\"a\": 1}");
  }
}

static void a_plain_init_is_one_nul(void **state) {
  (void)state;
  requests(NULL);
  engine_connects();
  progress();
  hears(LML_IPI_STATUS);
  says(LML_IPI_NEEDINIT);
  progress();
  const lml_ipi_message *init = hears(LML_IPI_INIT);
  assert_int_equal(init->replica, 0);
  assert_int_equal(init->init.length, 1);
  assert_int_equal(init->init.bytes[0], 0);
}

/** One that is ready, as lmlink-serve is after a result, gets it before the structure; and once. */
static void another_init_goes_to_the_same_engine(void **state) {
  (void)state;
  static const char *const texts[] = {"one", "two", "two"};
  engine_connects();
  for (int step = 0; step < 3; step++) {
    requests(texts[step]);
    if (step < 2) {
      progress();
      hears(LML_IPI_STATUS);
      says(step == 0 ? LML_IPI_NEEDINIT : LML_IPI_READY);
      progress();
      const lml_ipi_message *init = hears(LML_IPI_INIT);
      assert_int_equal(init->init.length, 3);
      assert_memory_equal(init->init.bytes, texts[step], 3);
    }
    goes_to_getforce();
    says_result(NATOMS, virial, "");
    finishes();
    gives_result();
  }
  assert_int_equal(lml_ipi_server_connections(server), 1);
}

static void bytes_may_come_one_by_one(void **state) {
  (void)state;
  engine_connects();
  requests(NULL);
  goes_to_getforce();
  lml_ipi_buffer result = result_of(NATOMS, virial, "text");
  for (size_t i = 0; i + 1 < result.length; i++) {
    says_bytes(result.bytes + i, 1);
    progress();
  }
  says_bytes(result.bytes + result.length - 1, 1);
  finishes();
  gives_result();
  lml_ipi_buffer_free(&result);
}

/* ---- anomalies ---- */

/** After the loss, the next engine gets the same structure. */
static void the_next_engine_gets_the_structure(void) {
  engine_connects();
  goes_to_getforce();
  says_result(NATOMS, virial, "");
  finishes();
  gives_result();
}

static void an_engine_that_goes_is_an_error(void **state) {
  (void)state;
  requests(NULL);
  engine_connects();
  progress();
  says_bytes("REA", 3);
  shutdown(engine, SHUT_WR);
  turns_away(LML_IPI_REFUSED_WORDS, "closed: it closed the connection before it had a structure");
  engine_connects();
  progress();
  hears(LML_IPI_STATUS);
  says(LML_IPI_READY);
  progress();
  shutdown(engine, SHUT_WR);
  fails(LML_ERR_CLOSED, "before it had computed the structure");
  engine_connects();
  goes_to_getforce();
  shutdown(engine, SHUT_WR);
  fails(LML_ERR_CLOSED, "before it had sent forces");
  engine_connects();
  goes_to_getforce();
  lml_ipi_buffer result = result_of(NATOMS, virial, "");
  says_bytes(result.bytes, 40);
  shutdown(engine, SHUT_WR);
  fails(LML_ERR_CLOSED, "within FORCEREADY");
  lml_ipi_buffer_free(&result);
  the_next_engine_gets_the_structure();
}

static void an_idle_engine_that_goes_is_an_error(void **state) {
  (void)state;
  engine_connects();
  requests(NULL);
  goes_to_getforce();
  says_result(NATOMS, virial, "");
  finishes();
  close(engine);
  engine = -1;
  requests(NULL);
  fails(LML_ERR_CLOSED, "closed the connection");
  the_next_engine_gets_the_structure();
}

static void wrong_words_are_errors(void **state) {
  (void)state;
  requests(NULL);
  engine_connects();
  progress();
  says(LML_IPI_HAVEDATA);
  turns_away(LML_IPI_REFUSED_WORDS, "it said HAVEDATA when asked for its status before a structure");
  hears(LML_IPI_STATUS);
  hears_the_end();
  engine_connects();
  progress();
  says(LML_IPI_NEEDINIT);
  progress();
  says(LML_IPI_NEEDINIT);
  fails(LML_ERR_PROTOCOL, "NEEDINIT after it was sent an INIT");
  engine_connects();
  progress();
  says(LML_IPI_READY);
  progress();
  says(LML_IPI_READY);
  fails(LML_ERR_PROTOCOL, "it said READY when asked for its status after a structure");
  engine_connects();
  progress();
  says_bytes("GARBAGE GARB", 12);
  turns_away(LML_IPI_REFUSED_WORDS, "GARBAGE");
  engine_connects();
  goes_to_getforce();
  says_result(1, virial, "");
  fails(LML_ERR_PROTOCOL, "natoms");
  the_next_engine_gets_the_structure();
}

static void words_that_nobody_asked_for_are_errors(void **state) {
  (void)state;
  engine_connects();
  progress();
  says(LML_IPI_READY);
  requests(NULL);
  turns_away(LML_IPI_REFUSED_WORDS, "it sent 12 bytes before it was asked for anything");
  engine_connects();
  goes_to_getforce();
  lml_ipi_buffer result = result_of(NATOMS, virial, "");
  unsigned char more[1024];
  memcpy(more, result.bytes, result.length);
  memset(more + result.length, 'x', 5);
  says_bytes(more, result.length + 5);
  lml_ipi_buffer_free(&result);
  bool done;
  assert_int_equal(lml_ipi_server_progress(server, &done, &error), LML_ERR_PROTOCOL);
  assert_non_null(strstr(error.message, "5 bytes after the forces"));
}

static void a_result_that_came_too_late_is_thrown_away(void **state) {
  (void)state;
  engine_connects();
  requests(NULL);
  goes_to_getforce();
  lml_ipi_server_abandon(server);
  requests(NULL);
  progress();
  hears_nothing(); /* it still computes */
  says_result(NATOMS, virial, "old");
  goes_to_getforce();
  says_result(NATOMS, virial, "new");
  finishes();
  lml_ipi_answer answer;
  lml_ipi_server_result(server, &answer);
  assert_string_equal(answer.extras, "new");
}

static void one_structure_at_a_time(void **state) {
  (void)state;
  const lml_ipi_request request = {.natoms = NATOMS, .cell = cell, .positions = positions};
  requests(NULL);
  assert_int_equal(lml_ipi_server_request(server, &request, &error), LML_ERR_USAGE);
}

/** A structure larger than what a socket holds is sent in pieces, and nothing waits. */
static void a_slow_reader_stops_nothing(void **state) {
  (void)state;
  enum { MANY = 200000 };
  static double many[3 * MANY];
  for (size_t i = 0; i < 3 * MANY; i++) many[i] = (double)i;
  const lml_ipi_request request = {.natoms = MANY, .cell = cell, .positions = many};
  assert_int_equal(lml_ipi_server_request(server, &request, &error), LML_OK);
  engine_connects();
  progress();
  hears(LML_IPI_STATUS);
  says(LML_IPI_READY);
  const lml_ipi_message *message = NULL;
  static unsigned char bytes[1 << 16];
  for (int round = 0; message == NULL && round < ROUNDS; round++) {
    progress();
    const ssize_t count = recv(engine, bytes, sizeof bytes, 0);
    size_t used = 0;
    if (count > 0) assert_int_equal(lml_ipi_decoder_feed(ear, bytes, (size_t)count, &used, &message, &error), LML_OK);
  }
  assert_non_null(message);
  assert_int_equal(message->natoms, MANY);
}

/* ---- listening ---- */

static void the_file_is_the_owners_alone(void **state) {
  (void)state;
  struct stat file;
  assert_int_equal(stat(in_folder("s"), &file), 0);
  assert_int_equal(file.st_mode & 0777, 0600);
}

static void a_live_socket_is_not_taken(void **state) {
  (void)state;
  const lml_ipi_address address = address_of("s");
  lml_ipi_server *second;
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "another process listens at"));
  assert_null(second);
  requests(NULL);
  progress(); /* the look that was taken was a connection, which has gone */
  assert_int_equal(lml_ipi_server_where(server), LML_IPI_SERVER_ALONE);
  the_next_engine_gets_the_structure();
}

/* ---- users ---- */

static int another_user(int fd, uid_t *user) {
  (void)fd;
  *user = lml_sys_posix.geteuid() + 1;
  return 0;
}

static void another_user_is_refused(void **state) {
  (void)state;
  lml_sys_table table = *lml_sys;
  table.peer_user = another_user;
  const lml_sys_table *before = lml_sys;
  lml_sys = &table;
  requests(NULL);
  engine_connects();
  turns_away(LML_IPI_REFUSED_USER, "an engine must run under the same user");
  lml_sys = before;
  hears_the_end();
  the_next_engine_gets_the_structure();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(lammps_says_ready_from_the_start),
      TEST(ase_wants_an_init_before_each_structure),
      TEST(a_plain_init_is_one_nul),
      TEST(another_init_goes_to_the_same_engine),
      TEST(bytes_may_come_one_by_one),
      TEST(an_engine_that_goes_is_an_error),
      TEST(an_idle_engine_that_goes_is_an_error),
      TEST(wrong_words_are_errors),
      TEST(words_that_nobody_asked_for_are_errors),
      TEST(a_result_that_came_too_late_is_thrown_away),
      TEST(one_structure_at_a_time),
      TEST(a_slow_reader_stops_nothing),
      TEST(the_file_is_the_owners_alone),
      TEST(a_live_socket_is_not_taken),
      TEST(another_user_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
