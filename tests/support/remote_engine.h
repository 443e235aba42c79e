/** @file remote_engine.h
 *  What the tests of the remote calculator share: files that its commands write, and a clock that stands still while
 *  nobody waits. Include after cmocka.h.
 */
#ifndef LML_TESTS_REMOTE_ENGINE_H
#define LML_TESTS_REMOTE_ENGINE_H

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "engine/remote_calculator.h"
#include "support/folder.h"

static lml_error error;

static inline void reads(const char *path, const char *text) {
  char got[256] = "";
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_true(fread(got, 1, sizeof got - 1, file) < sizeof got);
  fclose(file);
  assert_string_equal(got, text);
}

/** The number that a command has written into a file of the test's folder. */
static inline pid_t number_in(const char *name) {
  long number = 0;
  while (number == 0) {
    FILE *file = fopen(in_folder(name), "r");
    if (file != NULL) {
      if (fscanf(file, "%ld\n", &number) != 1) number = 0;
      fclose(file);
    }
    if (number == 0) lml_sys->sleep(0.005);
  }
  return (pid_t)number;
}

static double now;
static lml_sys_table table;
static const lml_sys_table *before;

static double fake_clock(void) { return now; }

static void fake_sleep(double seconds) { now += seconds; }

/** Waiting takes no time but the clock's. */
static int fake_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  const int found = before->poll(fds, count, 0);
  if (found == 0) now += 1e-3 * timeout_ms;
  return found;
}

static inline int set_up(void **state) {
  (void)state;
  before = lml_sys;
  table = *lml_sys;
  table.clock = fake_clock;
  table.sleep = fake_sleep;
  table.poll = fake_poll;
  lml_sys = &table;
  now = 100.0;
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  lml_sys = before;
  empty_folder();
  return 0;
}

static double atom[3] = {1.0, 2.0, 3.0};
static int number = 74;
static const lml_structure structure = {
    .natoms = 1, .cell = {8, 0, 0, 0, 8, 0, 0, 0, 8}, .numbers = &number, .positions = atom};

static inline lml_engine_settings settings_of(void) {
  lml_engine_settings settings = lml_engine_defaults();
  char text[2 * FOLDER_PATH_SIZE + 8];
  snprintf(text, sizeof text, "unix:%s", in_folder("s"));
  assert_int_equal(lml_ipi_address_parse(text, NULL, &settings.address, &error), LML_OK);
  settings.name = "dft";
  settings.policy = LML_ENGINE_STOP;
  settings.connect_limit = 20.0;
  settings.evaluate_limit = 30.0;
  return settings;
}

static inline lml_calculator *makes(const lml_engine_settings *settings) {
  lml_calculator *calculator;
  if (lml_remote_calculator_create(settings, &calculator, &error) != LML_OK) fail_msg("%s", error.message);
  return calculator;
}

#endif
