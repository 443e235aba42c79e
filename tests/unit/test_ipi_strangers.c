/* Networks; and who connects to the server end without being an engine, over TCP, with a clock that stands still. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"
#include "ipi_network.h"
#include "ipi_server.h"

static lml_error error;

/* ---- networks ---- */

static lml_ipi_number number_of(const char *text) {
  lml_ipi_network network;
  if (lml_ipi_network_parse(text, &network, &error) != LML_OK) fail_msg("%s", error.message);
  return network.number;
}

static void a_network_has_its_machines(void **state) {
  (void)state;
  static const struct {
    const char *network, *inside[3], *outside[3];
  } cases[] = {
      {"10.1.0.0/16", {"10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3"}, {"10.2.0.0", "10.0.255.255", "::1"}},
      {"192.168.4.128/25", {"192.168.4.128", "192.168.4.255"}, {"192.168.4.127", "192.168.5.128"}},
      {"10.1.2.3", {"10.1.2.3"}, {"10.1.2.2", "10.1.2.4"}},
      {"fd00:1::/32", {"fd00:1::", "fd00:1:ffff::9"}, {"fd00:2::", "10.1.2.3"}},
      {"0.0.0.0/0", {"1.2.3.4"}, {"fd00::1"}},
      {"::/0", {"1.2.3.4", "fd00::1"}, {NULL}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lml_ipi_networks networks = {.count = 1};
    assert_int_equal(lml_ipi_network_parse(cases[i].network, &networks.list[0], &error), LML_OK);
    for (size_t k = 0; k < 3; k++) {
      const char *in = cases[i].inside[k], *out = cases[i].outside[k];
      const lml_ipi_number inside = number_of(in == NULL ? "1.2.3.4" : in);
      const lml_ipi_number outside = number_of(out == NULL ? "1.2.3.4" : out);
      if (in != NULL && !lml_ipi_networks_have(&networks, &inside)) fail_msg("%s, %s", cases[i].network, in);
      if (out != NULL && lml_ipi_networks_have(&networks, &outside)) fail_msg("%s, %s", cases[i].network, out);
    }
  }
}

static void what_is_no_network_is_told(void **state) {
  (void)state;
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "'' is no network; give one as 10.1.0.0/16"},
      {"node7", "is no network"},
      {"10.1/16", "is no network"},
      {"10.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0/8", "is no network"},
      {"10.1.0.0/", "must be a number of bits from 0 to 32"},
      {"10.1.0.0/33", "must be a number of bits from 0 to 32"},
      {"10.1.0.0/+8", "must be a number of bits from 0 to 32"},
      {"fd00::/129", "must be a number of bits from 0 to 128"},
      {"10.1.2.3/16", "has bits behind the first 16; is 10.1.0.0/16 meant?"},
      {"fd00::1/64", "is fd00::/64 meant?"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lml_ipi_network network;
    assert_int_equal(lml_ipi_network_parse(cases[i].text, &network, &error), LML_ERR_USAGE);
    if (strstr(error.message, cases[i].words) == NULL) fail_msg("'%s' is not in '%s'", cases[i].words, error.message);
  }
}

/* ---- connections ---- */

static lml_ipi_server *server;
static lml_ipi_admission admission;
static lml_ipi_judgement judgement;
static unsigned refused[LML_IPI_REFUSALS];
static char refusal[LML_ERROR_MESSAGE_SIZE];
static unsigned port;
static double now;
static const char *far_away; /**< the number that everybody seems to have; NULL: the true one */
static lml_sys_table table;
static const lml_sys_table *before;

static double fake_clock(void) { return now; }

static int fake_getpeername(int fd, struct sockaddr *address, socklen_t *length) {
  if (before->getpeername(fd, address, length) != 0 || far_away == NULL) return far_away == NULL ? 0 : -1;
  struct sockaddr_in in;
  memcpy(&in, address, sizeof in);
  assert_int_equal(inet_pton(AF_INET, far_away, &in.sin_addr), 1);
  memcpy(address, &in, sizeof in);
  return 0;
}

static lml_ipi_judgement judge(void *context, const lml_ipi_peer *peer) {
  (void)context;
  assert_int_equal(peer->own_port, port);
  return judgement;
}

static void hear_refusal(void *context, lml_ipi_refusal why, const char *what) {
  (void)context;
  refused[why]++;
  snprintf(refusal, sizeof refusal, "%s", what);
}

static void listens(void) {
  char text[32];
  lml_ipi_address address;
  for (port = 41000; server == NULL && port < 41200; port++) {
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    assert_int_equal(lml_ipi_address_parse(text, NULL, &address, &error), LML_OK);
    if (lml_ipi_server_create(&address, &admission, &server, &error) == LML_OK) return;
  }
  fail_msg("%s", error.message);
}

static int set_up(void **state) {
  (void)state;
  before = lml_sys;
  table = *lml_sys;
  table.clock = fake_clock;
  table.getpeername = fake_getpeername;
  lml_sys = &table;
  now = 50.0;
  far_away = NULL;
  judgement = LML_IPI_UNKNOWN;
  memset(refused, 0, sizeof refused);
  admission = (lml_ipi_admission){.answer_limit = 10.0, .judge = judge, .refused = hear_refusal};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lml_ipi_server_destroy(server);
  server = NULL;
  lml_sys = before;
  return 0;
}

static void requests(void) {
  static const double cell[9] = {8, 0, 0, 0, 8, 0, 0, 0, 8}, position[3] = {1, 2, 3};
  const lml_ipi_request request = {.natoms = 1, .cell = cell, .positions = position};
  assert_int_equal(lml_ipi_server_request(server, &request, &error), LML_OK);
}

static int connects(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

static void progress(void) {
  bool done;
  if (lml_ipi_server_progress(server, &done, &error) != LML_OK) fail_msg("%s", error.message);
  assert_false(done);
}

static void hears(int fd, const char *text) {
  char got[13] = "";
  assert_int_equal(recv(fd, got, 12, MSG_WAITALL), 12);
  assert_string_equal(got, text);
}

static void is_closed(int fd) {
  char byte;
  assert_true(recv(fd, &byte, 1, 0) <= 0);
  close(fd);
}

/** What is sent over TCP within a machine is there at once, but nobody promises it. */
static void progress_until(const unsigned *count, unsigned wanted) {
  while (*count < wanted) progress();
}

static void becomes_the_engine(int fd) {
  hears(fd, "STATUS      ");
  assert_int_equal(send(fd, "READY       ", 12, MSG_NOSIGNAL), 12);
  while (lml_ipi_server_where(server) != LML_IPI_SERVER_COMPUTES) progress();
  hears(fd, "POSDATA     ");
}

static void a_network_has_to_be_allowed(void **state) {
  (void)state;
  listens();
  requests();
  far_away = "10.1.2.3";
  int stranger = connects();
  progress_until(&refused[LML_IPI_REFUSED_NETWORK], 1);
  is_closed(stranger);
  assert_string_equal(refusal,
                      "a connection from 10.1.2.3 was refused; if that is the engine, add \"allow\": [\"10.1.2.3\"] to "
                      "its calculator, or its whole network");
  assert_int_equal(lml_ipi_server_callers(server), 0);
  tear_down(NULL);
  set_up(NULL);
  assert_int_equal(lml_ipi_network_parse("10.1.0.0/16", &admission.networks.list[0], &error), LML_OK);
  admission.networks.count = 1;
  listens();
  requests();
  far_away = "10.1.2.3";
  const int engine = connects();
  while (lml_ipi_server_callers(server) < 1) progress();
  becomes_the_engine(engine);
  close(engine);
  assert_int_equal(refused[LML_IPI_REFUSED_NETWORK], 0);
}

static void silence_ends_by_itself(void **state) {
  (void)state;
  listens();
  requests();
  const int silent = connects();
  while (lml_ipi_server_callers(server) < 1) progress();
  now += 9.9;
  progress();
  assert_int_equal(refused[LML_IPI_REFUSED_SILENT], 0);
  now += 0.2;
  progress();
  assert_int_equal(refused[LML_IPI_REFUSED_SILENT], 1);
  assert_non_null(
      strstr(refusal, "did not answer the first STATUS within 10 s; if that is the engine, raise limits.answer"));
  hears(silent, "STATUS      ");
  is_closed(silent);
}

/** None that comes first takes the engine's place, and the clock need not move. */
static void many_are_listened_to_side_by_side(void **state) {
  (void)state;
  enum { SILENT = LML_IPI_MOST_CANDIDATES - 1 };
  int silent[SILENT];
  listens();
  requests();
  for (size_t i = 0; i < SILENT; i++) silent[i] = connects();
  const int engine = connects();
  while (lml_ipi_server_callers(server) < SILENT + 1) progress();
  becomes_the_engine(engine);
  for (size_t i = 0; i < SILENT; i++) close(silent[i]);
  close(engine);
}

/** More than have room: the engine comes to its turn when the limit of the first ones is over. */
static void a_crowd_goes_when_its_time_is_over(void **state) {
  (void)state;
  enum { SILENT = LML_IPI_MOST_CANDIDATES };
  int silent[SILENT];
  listens();
  requests();
  for (size_t i = 0; i < SILENT; i++) silent[i] = connects();
  while (lml_ipi_server_callers(server) < SILENT) progress();
  const int engine = connects();
  progress();
  assert_int_equal(lml_ipi_server_callers(server), SILENT);
  now += 10.5;
  while (lml_ipi_server_callers(server) < SILENT + 1) progress();
  becomes_the_engine(engine);
  for (size_t i = 0; i < SILENT; i++) {
    hears(silent[i], "STATUS      ");
    is_closed(silent[i]);
  }
  close(engine);
}

static void who_is_judged_a_stranger_is_no_engine(void **state) {
  (void)state;
  listens();
  requests();
  judgement = LML_IPI_STRANGER;
  const int forger = connects();
  while (lml_ipi_server_callers(server) < 1) progress();
  hears(forger, "STATUS      ");
  assert_int_equal(send(forger, "READY       ", 12, MSG_NOSIGNAL), 12);
  progress_until(&refused[LML_IPI_REFUSED_STRANGER], 1);
  is_closed(forger);
  judgement = LML_IPI_UNKNOWN;
  const int engine = connects();
  while (lml_ipi_server_callers(server) < 2) progress();
  becomes_the_engine(engine);
  close(engine);
}

/** The one that is awaited is lost where it fails. */
static void the_engines_failure_is_an_error(void **state) {
  (void)state;
  bool done;
  listens();
  requests();
  judgement = LML_IPI_ENGINE;
  int engine = connects();
  while (lml_ipi_server_callers(server) < 1) progress();
  now += 10.1;
  assert_int_equal(lml_ipi_server_progress(server, &done, &error), LML_ERR_TIMEOUT);
  assert_string_equal(error.message,
                      "it did not answer the first STATUS within 10 s; check what it does, or raise limits.answer");
  close(engine);
  engine = connects();
  assert_int_equal(send(engine, "GARBAGE GARBAGE", 15, MSG_NOSIGNAL), 15);
  lml_status status = LML_OK;
  while (status == LML_OK) status = lml_ipi_server_progress(server, &done, &error);
  assert_int_equal(status, LML_ERR_PROTOCOL);
  close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_network_has_its_machines),
      cmocka_unit_test(what_is_no_network_is_told),
      TEST(a_network_has_to_be_allowed),
      TEST(silence_ends_by_itself),
      TEST(many_are_listened_to_side_by_side),
      TEST(a_crowd_goes_when_its_time_is_over),
      TEST(who_is_judged_a_stranger_is_no_engine),
      TEST(the_engines_failure_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
