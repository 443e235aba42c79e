/* How an engine's end is told: what its command has printed, and which ends are tried again. */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/output.h"
#include "support/folder.h"
#include "support/remote_engine.h"

/* ---- what a command has printed ---- */

static void tails(const char *written, off_t begin, size_t size, const char *expected) {
  char text[512] = "something";
  write_text("out", written);
  lml_output_tail(in_folder("out"), begin, text, size);
  assert_string_equal(text, expected);
}

static void last_lines_of_output_are_one_line(void **state) {
  (void)state;
  tails("", 0, 512, "");
  tails("earlier\nnow\n", 8, 512, "now");
  tails("earlier\n", 8, 512, "");
  tails("earlier\n", 100, 512, "");
  tails("\n %%%%%%%\n  Error in routine \t x (1):\r\n\n ---\nstopping \x1b[1m...\n", 0, 512,
        "Error in routine x (1): | stopping ?[1m...");
  tails("one\ntwo\nthree", 0, 512, "one | two | three");
  tails("first\nsecond\nthird\n", 0, 17, "second | third");
  tails("1\na fatal ERROR\nbad\nthen\nmuch\nelse\nfollows\n", 0, 44, "a fatal ERROR | bad ... else | follows");
  tails("one long line that does not fit\n", 0, 9, "one long");
  empty_folder();
  char text[8] = "x";
  lml_output_tail(in_folder("missing"), 0, text, sizeof text);
  assert_string_equal(text, "");
  lml_output_tail("/dev/zero", 0, text, sizeof text);
  assert_string_equal(text, "");
}

/* ---- what is told ---- */

/** Lines of a log that have certain words. */
typedef struct heard_lines {
  const char *wanted;
  size_t count;
  char last[LML_ERROR_MESSAGE_SIZE];
} heard_lines;

static void hear(void *context, const char *line) {
  heard_lines *heard = context;
  if (strstr(line, heard->wanted) == NULL) return;
  heard->count++;
  snprintf(heard->last, sizeof heard->last, "%s", line);
}

static void has(const char *text, const char *words) {
  if (strstr(text, words) == NULL) fail_msg("'%s' is not in '%s'", words, text);
}

/** Begin an evaluation with an engine that is started by @p launch and restarted at once. */
static lml_calculator *starts(const char *launch, double connect_limit, const lml_log *log) {
  lml_engine_settings settings = settings_of();
  settings.policy = LML_ENGINE_RESTART;
  settings.launch = launch;
  settings.folder = folder_name;
  settings.connect_limit = connect_limit;
  settings.back_off = 0.0;
  settings.log = log;
  lml_calculator *calculator = makes(&settings);
  assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
  return calculator;
}

/** A millisecond of the operating system's, which takes @p seconds of the clock. */
static lml_status goes_on(lml_calculator *calculator, double seconds) {
  bool done = false;
  usleep(1000);
  now += seconds;
  const lml_status status = lml_calculator_progress(calculator, &done, &error);
  assert_false(done);
  return status;
}

/** Two ends like one another suffice; another exit code each time may have another cause. */
static void an_input_error_is_shown_and_tried_twice(void **state) {
  (void)state;
  static const struct {
    const char *launch, *words;
    size_t starts;
  } cases[] = {
      {"echo . >> tries; echo bad namelist; exit 2",
       "ended with exit code 2 before it connected, as the time before: correct its input or the command (loss 2 in a "
       "row); what it printed is in ",
       2},
      {"echo . >> tries; echo bad namelist; exit $(wc -l < tries)",
       "exit code 4 before it connected (loss 4 in a row); what it printed is in ", 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    heard_lines heard = {.wanted = "warning: engine dft at unix:"};
    const lml_log log = {.level = LML_LOG_ERROR, .write = hear, .context = &heard};
    lml_calculator *calculator = starts(cases[i].launch, 1e9, &log);
    lml_status status = LML_OK;
    while (status == LML_OK) status = goes_on(calculator, 0.0);
    lml_calculator_destroy(calculator);
    assert_int_equal(status, LML_ERR_IO);
    has(error.message, cases[i].words);
    has(error.message, "/engine.log: bad namelist");
    assert_int_equal(heard.count, cases[i].starts - 1);
    has(heard.last, "/engine.log: bad namelist");
    reads(in_folder("tries"), i == 0 ? ".\n.\n" : ".\n.\n.\n.\n");
    empty_folder();
  }
}

/** An engine that ran for a while, or said nothing, may do better the next time. */
static void a_late_end_is_no_input_error(void **state) {
  (void)state;
  lml_calculator *calculator = starts("echo . >> tries; echo no memory; exit 2", 1e9, NULL);
  lml_status status = LML_OK;
  while (status == LML_OK) status = goes_on(calculator, 31.0);
  lml_calculator_destroy(calculator);
  has(error.message, "exit code 2 before it connected (loss 4 in a row)");
  empty_folder();
}

/** A command that ends well may have submitted a job: it is told of at once, and waited for. */
static void an_end_without_an_engine_is_told_at_once(void **state) {
  (void)state;
  heard_lines heard = {.wanted = "exit code 0"};
  const lml_log log = {.level = LML_LOG_ERROR, .write = hear, .context = &heard};
  lml_calculator *calculator = starts("echo job 17 was submitted", 20.0, &log);
  while (heard.count == 0) assert_int_equal(goes_on(calculator, 0.0), LML_OK);
  has(heard.last, "warning: engine dft at unix:");
  has(heard.last, "'echo job 17 was submitted' ended with exit code 0 before it connected, 0.0 s after its start");
  has(heard.last, "lmlink waits for up to 20 s (limits.connect)");
  has(heard.last, "/engine.log: job 17 was submitted");
  assert_int_equal(goes_on(calculator, 19.0), LML_OK);
  assert_int_equal(heard.count, 1);
  heard.wanted = "warning: ";
  assert_int_equal(goes_on(calculator, 2.0), LML_OK);
  has(heard.last, "no engine connected within 20 s; start one, or raise limits.connect; what it printed is in ");
  has(heard.last, "/engine.log: job 17 was submitted");
  lml_calculator_destroy(calculator);
}

/** One that leaves the engine in the background is as good as one that stays, until that has gone as well. */
static void an_engine_in_the_background_is_waited_for(void **state) {
  (void)state;
  heard_lines heard = {.wanted = "nothing that it started runs"};
  const lml_log log = {.level = LML_LOG_ERROR, .write = hear, .context = &heard};
  lml_calculator *calculator = starts("sleep 1000 & echo $! > child.part; mv child.part child", -1.0, &log);
  const pid_t child = number_in("child");
  for (int i = 0; i < 50; i++) assert_int_equal(goes_on(calculator, 1.0), LML_OK);
  assert_int_equal(heard.count, 0);
  kill(child, SIGKILL);
  while (heard.count == 0) assert_int_equal(goes_on(calculator, 1.0), LML_OK);
  has(heard.last, "lmlink waits without limit");
  lml_calculator_destroy(calculator);
}

/* ---- who is refused ---- */

static int from_another_machine(int fd, struct sockaddr *address, socklen_t *length) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(5)};
  (void)fd;
  in.sin_addr.s_addr = htonl(0x0a010203);
  memcpy(address, &in, sizeof in);
  *length = sizeof in;
  return 0;
}

/** Listen at a free port, and connect to it. */
static int connects_over_tcp(lml_engine_settings *settings, lml_calculator **calculator) {
  for (unsigned port = 42000; port < 42200; port++) {
    char text[32];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    assert_int_equal(lml_ipi_address_parse(text, NULL, &settings->address, &error), LML_OK);
    *calculator = makes(settings);
    if (lml_remote_calculator_open(*calculator, &error) == LML_OK) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
      return fd;
    }
    lml_calculator_destroy(*calculator);
  }
  fail_msg("%s", error.message);
  return -1;
}

/** The warning at once, and the error later, say what to add. */
static void an_engine_from_another_network_is_told_of(void **state) {
  (void)state;
  heard_lines heard = {.wanted = "warning: engine dft at 127.0.0.1:"};
  const lml_log log = {.level = LML_LOG_ERROR, .write = hear, .context = &heard};
  static const char advice[] =
      "a connection from 10.1.2.3 was refused; if that is the engine, add \"allow\": [\"10.1.2.3\"] to its calculator";
  lml_engine_settings settings = settings_of();
  settings.log = &log;
  table.getpeername = from_another_machine;
  lml_calculator *calculator;
  const int engine = connects_over_tcp(&settings, &calculator);
  assert_int_equal(lml_calculator_start(calculator, &structure, NULL, &error), LML_OK);
  while (heard.count == 0) assert_int_equal(goes_on(calculator, 0.0), LML_OK);
  has(heard.last, advice);
  assert_int_equal(goes_on(calculator, 21.0), LML_ERR_TIMEOUT);
  has(error.message, "no engine connected within 20 s");
  has(error.message, advice);
  lml_calculator_destroy(calculator);
  close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(last_lines_of_output_are_one_line),
      TEST(an_input_error_is_shown_and_tried_twice),
      TEST(a_late_end_is_no_input_error),
      TEST(an_end_without_an_engine_is_told_at_once),
      TEST(an_engine_in_the_background_is_waited_for),
      TEST(an_engine_from_another_network_is_told_of),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
