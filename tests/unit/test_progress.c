#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sys.h"
#include "programs/progress.h"

/** A stream into memory, and a clock that stands still. */
static struct {
  lml_sys_table table;
  const lml_sys_table *before;
  double now;
  FILE *stream;
  char *text;
  size_t length;
} fake;

static double fake_clock(void) { return fake.now; }

static int set_up(void **state) {
  (void)state;
  fake.before = lml_sys;
  fake.table = *lml_sys;
  fake.table.clock = fake_clock;
  fake.now = 1000.0;
  lml_sys = &fake.table;
  fake.stream = open_memstream(&fake.text, &fake.length);
  return fake.stream == NULL;
}

static int tear_down(void **state) {
  (void)state;
  lml_sys = fake.before;
  fclose(fake.stream);
  free(fake.text);
  fake.text = NULL;
  return 0;
}

/** What was written since the last call. */
static void wrote(const char *expected) {
  static size_t before;
  fflush(fake.stream);
  if (fake.length < before || expected == NULL) before = 0;
  if (expected == NULL) return;
  assert_string_equal(fake.text + before, expected);
  before = fake.length;
}

static lml_progress begun(lml_progress_style style, const char *what) {
  lml_progress progress = {.style = style, .stream = fake.stream, .program = "lmlink-try"};
  wrote(NULL);
  lml_progress_begin(&progress, what);
  return progress;
}

static void show_at(lml_progress *progress, double seconds, double done, double total, const char *detail) {
  fake.now = progress->begin + seconds;
  lml_progress_show(progress, done, total, detail);
}

static void lines_come_later_and_later(void **state) {
  (void)state;
  lml_progress progress = begun(LML_PROGRESS_LINES, "rows");
  show_at(&progress, 29.0, 1, 100, "1 of 100");
  wrote("");
  show_at(&progress, 30.0, 25, 100, "25 of 100");
  wrote("lmlink-try: rows: 25 %, 25 of 100, 30 s, about 90 s left\n");
  show_at(&progress, 59.0, 50, 100, "");
  wrote("");
  show_at(&progress, 400.0, 50, 100, "");
  wrote("lmlink-try: rows: 50 %, 7 min, about 7 min left\n");
  show_at(&progress, 499.0, 50, 100, "");
  wrote("");
  show_at(&progress, 500.0, 50, 100, "");
  wrote("lmlink-try: rows: 50 %, 8 min, about 8 min left\n");
  show_at(&progress, 36000.0, 1, 4, "");
  wrote("lmlink-try: rows: 25 %, 10.0 h, about 30.0 h left\n");
  show_at(&progress, 36599.0, 1, 4, "");
  wrote("");
  show_at(&progress, 36600.0, 1, 1, "");
  wrote("lmlink-try: rows: 100 %, 10.2 h, about 0 s left\n");
  lml_progress_clear(&progress);
  wrote("");
}

static void without_a_total_there_is_the_time_alone(void **state) {
  (void)state;
  lml_progress progress = begun(LML_PROGRESS_LINES, NULL);
  show_at(&progress, 31.0, 17, 0, "frame 3, 12 atoms");
  wrote("lmlink-try: frame 3, 12 atoms, 31 s\n");
  show_at(&progress, 62.0, 0, 10, "frame 0");
  wrote("lmlink-try: 0 %, frame 0, 62 s\n");
}

/** A line of the terminal, filled up with blanks. */
static void drew(const char *text) {
  char line[128];
  snprintf(line, sizeof line, "\r%-78s", text);
  wrote(line);
}

static void a_bar_is_written_over_and_taken_away(void **state) {
  (void)state;
  char blank[128];
  lml_progress progress = begun(LML_PROGRESS_BAR, "rows");
  show_at(&progress, 0.1, 1, 8, "1 of 8");
  wrote("");
  show_at(&progress, 1.0, 0, 8, "");
  drew("rows: [>               ] 0 %, 1 s");
  show_at(&progress, 1.1, 1, 8, "");
  wrote("");
  show_at(&progress, 10.0, 2, 8, "2 of 8");
  drew("rows: [====>           ] 25 %, 2 of 8, 30 s left");
  show_at(&progress, 20.0, 9, 8, "9 of 8");
  drew("rows: [================] 100 %, 9 of 8, 0 s left");
  lml_progress_clear(&progress);
  snprintf(blank, sizeof blank, "\r%78s\r", "");
  wrote(blank);
  lml_progress_clear(&progress);
  wrote("");
}

static void a_bar_is_no_longer_than_a_line(void **state) {
  (void)state;
  char expected[128], detail[101] = "";
  memset(detail, 'x', sizeof detail - 1);
  lml_progress progress = begun(LML_PROGRESS_BAR, NULL);
  show_at(&progress, 1.0, 1, 2, detail);
  snprintf(expected, sizeof expected, "\r[========>       ] 50 %%, %.53s", detail);
  wrote(expected);
}

static void nothing_is_shown_where_nothing_is_wanted(void **state) {
  (void)state;
  lml_progress progress = begun(LML_PROGRESS_NONE, "rows");
  show_at(&progress, 1000.0, 1, 2, "");
  lml_progress_clear(&progress);
  wrote("");
  assert_int_equal(lml_progress_start("lmlink-try", LML_LOG_QUIET, LML_LOG_ERROR).style, LML_PROGRESS_NONE);
  assert_int_equal(lml_progress_start("lmlink-try", LML_LOG_ERROR, LML_LOG_INFO).style, LML_PROGRESS_NONE);
  assert_int_not_equal(lml_progress_start("lmlink-try", LML_LOG_INFO, LML_LOG_INFO).style, LML_PROGRESS_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(lines_come_later_and_later, set_up, tear_down),
      cmocka_unit_test_setup_teardown(without_a_total_there_is_the_time_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_bar_is_written_over_and_taken_away, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_bar_is_no_longer_than_a_line, set_up, tear_down),
      cmocka_unit_test_setup_teardown(nothing_is_shown_where_nothing_is_wanted, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
