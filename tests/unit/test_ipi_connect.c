/* Finding a driver, waiting for it, being stopped, and failures of the operating system. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"
#include "ipi_connect.h"
#include "support/client_session.h"
#include "support/fake_driver.h"
#include "support/near.h"

static void hear(void *context, const lml_ipi_address *address, const char *reason) {
  char *heard = context;
  const size_t length = strlen(heard);
  assert_string_equal(address->text, "unix:/tmp/ipi_test");
  snprintf(heard + length, 64 - length, "%s;", reason);
}

/* ---- waiting for a driver ---- */

static void late_driver_is_waited_for_and_announced_once(void **state) {
  (void)state;
  static const int reasons[] = {ENOENT, ECONNREFUSED, EAGAIN};
  static const char *const words[] = {"No such file or directory;", "Connection refused;",
                                      "its queue of connections is full;"};
  for (size_t i = 0; i < 3; i++) {
    char heard[64] = "";
    session_settings.waiting = hear;
    session_settings.context = heard;
    fake_install(NULL, 0);
    fake.absent = 9;
    fake.absent_errno = reasons[i];
    fake.slow = i == 1;
    lml_ipi_client *client = new_client();
    assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
    assert_int_equal(fake.attempts, 10);
    assert_int_equal(fake.open, 1);
    assert_near(fake.now, 0.02 + 0.04 + 0.08 + 0.16 + 5 * 0.2, 1e-12);
    assert_string_equal(heard, words[i]);
    lml_ipi_client_destroy(client);
  }
}

static void driver_that_is_there_is_not_announced(void **state) {
  (void)state;
  char heard[64] = "";
  session_settings.waiting = hear;
  session_settings.context = heard;
  lml_ipi_client *client = connected();
  assert_string_equal(heard, "");
  assert_true(fake.now == 0.0);
  lml_ipi_client_destroy(client);
}

/** Connecting to a driver that never comes, which fails. */
static void connect_fails(int reason, lml_status status, const char *expected) {
  lml_error error = {0};
  fake.absent = SIZE_MAX;
  fake.absent_errno = reason;
  lml_ipi_client *client = new_client();
  assert_int_equal(lml_ipi_client_connect(client, &error), status);
  if (strstr(error.message, expected) == NULL) fail_msg("'%s' does not hold '%s'", error.message, expected);
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
}

static void waiting_ends_at_its_limit(void **state) {
  (void)state;
  fake_install(NULL, 0);
  session_settings.wait_limit = 3.0;
  connect_fails(ENOENT, LML_ERR_TIMEOUT, "no driver at unix:/tmp/ipi_test within 3 s (No such file or directory)");
  assert_near(fake.now, 3.0, 1e-12);
  fake_install(NULL, 0);
  session_settings.wait_limit = 0.0;
  connect_fails(ECONNREFUSED, LML_ERR_TIMEOUT, "Connection refused");
  assert_int_equal(fake.attempts, 1);
}

static void what_waiting_cannot_mend_fails_at_once(void **state) {
  (void)state;
  fake_install(NULL, 0);
  connect_fails(EACCES, LML_ERR_IO, "cannot connect to unix:/tmp/ipi_test: Permission denied");
  assert_int_equal(fake.attempts, 1);
  assert_int_equal(lml_ipi_address_parse("no.such.host:31415", NULL, &session_settings.address, NULL), LML_OK);
  fake_install(NULL, 0);
  fake.lookup = EAI_NONAME;
  connect_fails(0, LML_ERR_IO, "cannot find the host of no.such.host:31415");
  fake_install(NULL, 0);
  fake.lookup = EAI_AGAIN;
  session_settings.wait_limit = 1.0;
  connect_fails(0, LML_ERR_TIMEOUT, "no driver at no.such.host:31415 within 1 s");
}

static void host_that_does_not_answer_is_given_up_after_a_while(void **state) {
  (void)state;
  assert_int_equal(lml_ipi_address_parse("192.0.2.1:31415", NULL, &session_settings.address, NULL), LML_OK);
  fake_install(NULL, 0);
  session_settings.wait_limit = 60.0;
  connect_fails(EHOSTUNREACH, LML_ERR_TIMEOUT, "No route to host");
  assert_near(fake.now, 60.0, 1e-9);
}

/* ---- stopping ---- */

static void signal_stops_every_wait(void **state) {
  (void)state;
  lml_error error;
  lml_ipi_event event;
  say(LML_IPI_STATUS);
  lml_ipi_client *client = connected();
  fake.stop_at_wait = 3;
  assert_int_equal(lml_ipi_client_next(client, &event, &error), LML_ERR_INTERRUPTED);
  assert_string_equal(error.message, "unix:/tmp/ipi_test: stopped by a signal");
  assert_int_equal(fake.waits, 3);
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
  fake_install(NULL, 0);
  fake.stop_at_wait = 4;
  connect_fails(ENOENT, LML_ERR_INTERRUPTED, "stopped by a signal");
  assert_int_equal(fake.waits, 4);
}

static void signal_stops_an_evaluation_and_a_driver_that_does_not_read(void **state) {
  (void)state;
  lml_error error;
  lml_ipi_event event;
  say_positions(1, 0.5);
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(lml_ipi_client_check(client, &error), LML_OK);
  fake.stop = 1;
  assert_int_equal(lml_ipi_client_check(client, &error), LML_ERR_INTERRUPTED);
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
  say(LML_IPI_GETFORCE);
  served s = {.spring = 1.0};
  client = connected();
  fake.send_step = 5;
  fake.stop_at_wait = 4;
  serve(client, &s);
  assert_int_equal(s.status, LML_ERR_INTERRUPTED);
  assert_true(fake.got.length > 0 && fake.got.length < 40);
  lml_ipi_client_destroy(client);
}

/* ---- the operating system ---- */

/** A whole session over TCP in which the call of that number fails. True where all calls succeeded. */
static bool session_succeeds_with(size_t fail_at, int reason) {
  served s = {.spring = 1.0};
  lml_ipi_client *client = NULL;
  fake_install(script.bytes, script.length);
  fake.slow = true;
  fake.at_end = 0;
  fake.read_step = 100;
  fake.fail_at = fail_at;
  fake.fail_errno = reason;
  s.status = lml_ipi_client_create(&session_settings, &client, &s.error);
  if (s.status == LML_OK) s.status = lml_ipi_client_connect(client, &s.error);
  if (s.status == LML_OK) serve(client, &s);
  assert_int_equal(fake.open, 0);
  if (s.status == LML_OK) assert_int_equal(s.evaluations, 2);
  if (s.status != LML_OK) assert_true(strlen(s.error.message) > 10);
  lml_ipi_client_destroy(client);
  return s.status == LML_OK;
}

static void every_call_may_fail(void **state) {
  (void)state;
  assert_int_equal(lml_ipi_address_parse("localhost:31415", NULL, &session_settings.address, NULL), LML_OK);
  say(LML_IPI_STATUS);
  say_init(0, " ");
  say_evaluation(4, 0.5);
  say_evaluation(4, 0.6);
  assert_true(session_succeeds_with(0, 0));
  const size_t calls = fake.calls;
  assert_true(calls > 30);
  for (size_t i = 1; i <= calls; i++) assert_false(session_succeeds_with(i, EIO));
}

/* ---- real sockets ---- */

/** A listening unix socket in a folder of its own, or a TCP port of the loopback interface. */
typedef struct listener {
  int fd;
  char folder[64], path[80];
  lml_ipi_address address;
} listener;

static listener listen_unix(int backlog) {
  listener l = {.folder = "/tmp/lmlink-test-XXXXXX"};
  char text[96];
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  assert_non_null(mkdtemp(l.folder));
  snprintf(l.path, sizeof l.path, "%s/driver", l.folder);
  snprintf(text, sizeof text, "unix:%s", l.path);
  snprintf(to.sun_path, sizeof to.sun_path, "%s", l.path);
  assert_int_equal(lml_ipi_address_parse(text, NULL, &l.address, NULL), LML_OK);
  l.fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(l.fd, (const struct sockaddr *)&to, sizeof to), 0);
  assert_int_equal(listen(l.fd, backlog), 0);
  return l;
}

static listener listen_tcp(void) {
  listener l = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof to;
  char text[32];
  assert_int_equal(bind(l.fd, (const struct sockaddr *)&to, sizeof to), 0);
  assert_int_equal(listen(l.fd, 1), 0);
  assert_int_equal(getsockname(l.fd, (struct sockaddr *)&to, &length), 0);
  snprintf(text, sizeof text, "localhost:%d", (int)ntohs(to.sin_port));
  assert_int_equal(lml_ipi_address_parse(text, NULL, &l.address, NULL), LML_OK);
  return l;
}

static void listener_close(listener *l) {
  close(l->fd);
  if (l->address.transport == LML_IPI_TCP) return;
  unlink(l->path);
  rmdir(l->folder);
}

/** A driver that has said everything before the client looks: STATUS, INIT, one evaluation. */
static void serve_real_driver(listener *l) {
  session_settings.address = l->address;
  say(LML_IPI_STATUS);
  say_init(0, "x");
  say_evaluation(2, 0.5);
  lml_ipi_client *client = new_client();
  served s = {.spring = 1.0};
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  const int driver = accept(l->fd, NULL, NULL);
  assert_int_equal(send(driver, script.bytes, script.length, 0), script.length);
  assert_int_equal(shutdown(driver, SHUT_WR), 0);
  serve(client, &s);
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.evaluations, 1);
  unsigned char got[512];
  assert_int_equal(recv(driver, got, sizeof got, MSG_WAITALL), 3 * 12 + 12 + 8 + 4 + 48 + 72 + 4);
  assert_memory_equal(got, "NEEDINIT    READY       HAVEDATA    FORCEREADY  ", 48);
  close(driver);
  lml_ipi_client_destroy(client);
}

static void drivers_at_unix_and_tcp_sockets_are_served(void **state) {
  (void)state;
  listener l = listen_unix(1);
  serve_real_driver(&l);
  listener_close(&l);
  script.length = 0;
  l = listen_tcp();
  serve_real_driver(&l);
  listener_close(&l);
}

static void descriptors_do_not_block_and_are_not_inherited(void **state) {
  (void)state;
  const lml_ipi_connect_settings how = {.wait_limit = 0.0};
  listener listeners[] = {listen_unix(1), listen_tcp()};
  for (size_t i = 0; i < 2; i++) {
    lml_ipi_stream stream = {.fd = -1};
    assert_int_equal(lml_ipi_connect(&listeners[i].address, &how, &stream, NULL), LML_OK);
    assert_true(fcntl(stream.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(stream.fd, F_GETFL) & O_NONBLOCK);
    int nodelay = 0;
    socklen_t length = sizeof nodelay;
    if (listeners[i].address.transport == LML_IPI_TCP) {
      assert_int_equal(getsockopt(stream.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &length), 0);
      assert_true(nodelay);
    }
    lml_ipi_stream_close(&stream);
    lml_ipi_stream_close(&stream);
    listener_close(&listeners[i]);
  }
}

static void connect_really_fails(const lml_ipi_address *address, lml_status status, const char *expected) {
  const lml_ipi_connect_settings how = {.wait_limit = 0.0};
  lml_ipi_stream stream = {.fd = -1};
  lml_error error = {0};
  assert_int_equal(lml_ipi_connect(address, &how, &stream, &error), status);
  assert_int_equal(stream.fd, -1);
  if (strstr(error.message, expected) == NULL) fail_msg("'%s' does not hold '%s'", error.message, expected);
}

static uid_t listening_user;

static int peer_user(int fd, uid_t *user) {
  (void)fd;
  *user = listening_user;
  return 0;
}

/** Anybody can take a name in /tmp first. */
static void the_driver_of_another_user_is_not_served(void **state) {
  (void)state;
  const lml_ipi_connect_settings anybody = {.wait_limit = 0.0, .trust = LML_IPI_TRUST_ANY};
  listener l = listen_unix(4);
  lml_sys_table table = *lml_sys;
  const lml_sys_table *before = lml_sys;
  table.peer_user = peer_user;
  lml_sys = &table;
  listening_user = geteuid() + 1;
  connect_really_fails(&l.address, LML_ERR_IO, "is another user's (number ");
  lml_ipi_stream stream = {.fd = -1};
  assert_int_equal(lml_ipi_connect(&l.address, &anybody, &stream, NULL), LML_OK);
  lml_ipi_stream_close(&stream);
  listening_user = 0;
  const lml_ipi_connect_settings own = {.wait_limit = 0.0};
  assert_int_equal(lml_ipi_connect(&l.address, &own, &stream, NULL), LML_OK);
  lml_ipi_stream_close(&stream);
  lml_sys = before;
  listener_close(&l);
}

static void paths_without_a_listener_are_told_apart(void **state) {
  (void)state;
  listener l = listen_unix(1);
  close(l.fd);
  connect_really_fails(&l.address, LML_ERR_TIMEOUT, "Connection refused");
  unlink(l.path);
  connect_really_fails(&l.address, LML_ERR_TIMEOUT, "No such file or directory");
  l.fd = open(l.path, O_CREAT | O_WRONLY, 0600);
  assert_true(l.fd >= 0);
  connect_really_fails(&l.address, LML_ERR_IO, "is not a socket");
  listener_close(&l);
}

/** ASE accepts one client: the others' connections queue up, and then are not taken at all. */
static void busy_driver_is_waited_for(void **state) {
  (void)state;
  enum { MOST = 16 };
  const lml_ipi_connect_settings how = {.wait_limit = 0.0};
  listener l = listen_unix(0);
  lml_ipi_stream streams[MOST];
  lml_error error = {0};
  size_t count = 0;
  lml_status status = LML_OK;
  while (status == LML_OK && count < MOST) {
    streams[count] = (lml_ipi_stream){.fd = -1};
    status = lml_ipi_connect(&l.address, &how, &streams[count++], &error);
  }
  assert_int_equal(status, LML_ERR_TIMEOUT);
  assert_non_null(strstr(error.message, "queue of connections is full"));
  while (count-- > 0) lml_ipi_stream_close(&streams[count]);
  listener_close(&l);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, session_set_up, session_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(late_driver_is_waited_for_and_announced_once),
      TEST(driver_that_is_there_is_not_announced),
      TEST(waiting_ends_at_its_limit),
      TEST(what_waiting_cannot_mend_fails_at_once),
      TEST(host_that_does_not_answer_is_given_up_after_a_while),
      TEST(signal_stops_every_wait),
      TEST(signal_stops_an_evaluation_and_a_driver_that_does_not_read),
      TEST(every_call_may_fail),
      TEST(drivers_at_unix_and_tcp_sockets_are_served),
      TEST(descriptors_do_not_block_and_are_not_inherited),
      TEST(the_driver_of_another_user_is_not_served),
      TEST(paths_without_a_listener_are_told_apart),
      TEST(busy_driver_is_waited_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
