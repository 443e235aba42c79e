/* The power fails at any moment while files are written (support/power.h): what was promised is there, and all that is
 * there is whole. */
#include "support/power.h"

#include <sys/stat.h>

#include "base/sys.h"
#include "retrain/sums/cache.h"
#include "session/log_index.h"
#include "session/recorder.h"
#include "support/force_log_tests.h"

enum { CHOICES = 6 };

static void do_well(lml_status status, const lml_error *error) {
  if (status != LML_OK) fail_msg("%s: %s", power_where(), error->message);
}

/** Nothing more is done: fail at any moment of what was. */
static void fail_anywhere(power *p, power_check check, void *context) {
  power_stop(p);
  power_each(p, CHOICES, check, context);
  power_free(p);
}

/* ---- files that are replaced ---- */

/** Some blocks of text that tell @p name and generation. */
static char *long_text(const char *name, int generation) {
  enum { SIZE = 3000 };
  static char text[SIZE + 1];
  const int length = snprintf(text, SIZE, "%s, generation %d: ", name, generation);
  for (size_t i = (size_t)length; i < SIZE; i++) text[i] = (char)('a' + (i * 7 + (size_t)generation) % 26);
  return text;
}

static lml_file_writer *begin_file(const char *name, int generation) {
  lml_file_writer *writer;
  const char *text = long_text(name, generation);
  assert_int_equal(lml_file_writer_create(in_folder(name), &writer, NULL), LML_OK);
  assert_int_equal(lml_file_writer_write(writer, text, strlen(text), NULL), LML_OK);
  return writer;
}

/** Of which generation the file is; −1: it is not there. */
static int generation_of(const char *name) {
  char *text;
  size_t length;
  if (!is_there(in_folder(name))) return -1;
  assert_int_equal(lml_file_read(in_folder(name), &text, &length, NULL), LML_OK);
  int found = -2;
  for (int generation = 1; generation <= 2; generation++)
    if (strcmp(text, long_text(name, generation)) == 0) found = generation;
  lml_free(text);
  REQUIRE(found > 0);
  return found;
}

static void files_are_whole(void *context, size_t promise) {
  (void)context;
  const int a = generation_of("a"), b = generation_of("b"), c = generation_of("c");
  REQUIRE(a == 1 || a == 2);
  REQUIRE(promise < 1 || a == 2);
  REQUIRE(b == 1 || b == 2);
  REQUIRE(c == -1 || c == 2);
  REQUIRE(promise < 2 || (b == 2 && c == 2));
}

/** One alone, then two that belong together, of which one was not there before. */
static void a_file_is_the_old_one_or_the_new_one(void **state) {
  (void)state;
  empty_folder();
  write_text("a", long_text("a", 1));
  write_text("b", long_text("b", 1));
  power *p = power_record(folder_name);
  assert_int_equal(lml_file_writer_commit(begin_file("a", 2), NULL), LML_OK);
  power_promise(p, 1);
  lml_file_writer *const both[] = {begin_file("b", 2), begin_file("c", 2)};
  assert_int_equal(lml_file_writer_commit_all(both, 2, NULL), LML_OK);
  power_promise(p, 2);
  power_stop(p);
  assert_true(power_each(p, CHOICES, files_are_whole, NULL) > 200);
  power_free(p);
}

static void count_torn(void *context, size_t promise) {
  size_t *torn = context;
  char *text;
  size_t length;
  (void)promise;
  if (!is_there(in_folder("a"))) return;
  assert_int_equal(lml_file_read(in_folder("a"), &text, &length, NULL), LML_OK);
  *torn += strcmp(text, long_text("a", 2)) != 0;
  lml_free(text);
}

/** That the simulation finds what it is for: a file that is renamed before it was flushed. */
static void a_file_that_was_not_flushed_is_torn(void **state) {
  (void)state;
  size_t torn = 0;
  empty_folder();
  power *p = power_record(folder_name);
  const char *text = long_text("a", 2);
  const int fd = lml_sys->open(in_folder("new"), O_WRONLY | O_CREAT, 0666);
  assert_int_equal(lml_sys->write(fd, text, strlen(text)), strlen(text));
  lml_sys->close(fd);
  assert_int_equal(lml_sys->rename(in_folder("new"), in_folder("a")), 0);
  power_stop(p);
  assert_int_equal(power_calls(p), 3);
  power_each(p, CHOICES, count_torn, &torn);
  assert_true(torn > 3);
  power_free(p);
}

/* ---- the cache of a retraining ---- */

static double old_sums[200], new_sums[200], read_sums[200];

static void cache_is_whole(void *context, size_t promise) {
  const lml_cache_part part = {read_sums, 200};
  lml_cache_finding finding;
  lml_error error = {0};
  (void)context;
  do_well(lml_cache_read(in_folder("cache"), "key: new\n", &part, 1, &finding, &error), &error);
  REQUIRE(finding.state == LML_CACHE_READ || finding.state == LML_CACHE_OTHER);
  REQUIRE(promise == 0 || finding.state == LML_CACHE_READ);
  if (finding.state == LML_CACHE_OTHER)
    do_well(lml_cache_read(in_folder("cache"), "key: old\n", &part, 1, &finding, &error), &error);
  REQUIRE(finding.state == LML_CACHE_READ);
  REQUIRE(memcmp(read_sums, old_sums, sizeof old_sums) == 0 || memcmp(read_sums, new_sums, sizeof new_sums) == 0);
}

static void a_cache_is_the_old_one_or_the_new_one(void **state) {
  (void)state;
  const lml_cache_part old_part = {old_sums, 200}, new_part = {new_sums, 200};
  for (int i = 0; i < 200; i++) old_sums[i] = i, new_sums[i] = 1.0 / (i + 1);
  empty_folder();
  assert_int_equal(lml_cache_write(in_folder("cache"), "key: old\n", &old_part, 1, NULL), LML_OK);
  power *p = power_record(folder_name);
  assert_int_equal(lml_cache_write(in_folder("cache"), "key: new\n", &new_part, 1, NULL), LML_OK);
  power_promise(p, 1);
  fail_anywhere(p, cache_is_whole, NULL);
}

/* ---- the force log ---- */

/** A log, the frames that were in it before, and what was damaged in it. */
typedef struct log_case {
  char path[FOLDER_PATH_SIZE + 16];
  seen before;
  char *damaged; /**< bytes that must stay somewhere; NULL: none */
  size_t damaged_length;
  bool nested; /**< the power fails again while the log is opened */
  size_t states;
} log_case;

/** The log in the folder, in which there are the first @p count frames of @p numbers. */
static log_case make_case(const int *numbers, size_t count) {
  log_case c = {.before.count = count, .nested = true};
  snprintf(c.path, sizeof c.path, "%s/log.xyz", folder_name);
  for (size_t i = 0; i < count; i++) c.before.numbers[i] = numbers[i];
  return c;
}

/** The number of the frame behind these. */
static int next_number(const seen *frames) { return frames->count == 0 ? 0 : frames->numbers[frames->count - 1] + 1; }

/** Open the log, in which there are @p promised new frames, append @p count more, each of which is answered once it is
 *  written, and close it. */
static void append_and_promise(power *p, const log_case *c, size_t promised, size_t count) {
  lml_force_log *log;
  assert_int_equal(open_log(c->path, NULL, NULL, &log, NULL), LML_OK);
  for (size_t n = promised; n < promised + count; n++) {
    lml_error error = {0};
    do_well(append(log, next_number(&c->before) + (int)n, &error), &error);
    power_promise(p, n + 1);
  }
  lml_force_log_close(log);
}

/** The frames before, then @p promise new ones or more, and nothing else. */
static size_t assert_frames(const log_case *c, size_t promise, const seen *now) {
  REQUIRE(now->count >= c->before.count + promise);
  for (size_t i = 0; i < now->count; i++)
    REQUIRE(now->numbers[i] ==
            (i < c->before.count ? c->before.numbers[i] : next_number(&c->before) + (int)(i - c->before.count)));
  return now->count;
}

static bool holds_damaged(const log_case *c, const char *path) {
  char *text;
  size_t length;
  bool found = false;
  assert_int_equal(lml_file_read(path, &text, &length, NULL), LML_OK);
  for (size_t i = 0; i + c->damaged_length <= length && !found; i++)
    found = memcmp(text + i, c->damaged, c->damaged_length) == 0;
  lml_free(text);
  return found;
}

static void assert_damaged_kept(const log_case *c) {
  bool found = c->damaged == NULL || holds_damaged(c, c->path);
  for (int number = 1; !found && is_there(aside_name(number)); number++) found = holds_damaged(c, aside_name(number));
  REQUIRE(found);
}

/** The log opens with all that was promised, takes a frame, and opens again as it was left. */
static void log_is_whole(void *context, size_t promise) {
  log_case *c = context;
  lml_force_log *log;
  lml_error error = {0};
  seen now = {0};
  assert_damaged_kept(c);
  if (c->nested && c->states++ % 7 == 0) {
    log_case inner = *c;
    inner.nested = false;
    power *p = power_record(folder_name);
    power_promise(p, promise);
    const lml_status opened = open_log(c->path, NULL, NULL, &log, &error);
    power_stop(p);
    if (opened == LML_OK) lml_force_log_close(log);
    power_each(p, 2, log_is_whole, &inner);
    power_free(p);
    return;
  }
  const lml_status status = open_log(c->path, see, &now, &log, &error);
  if (c->before.count + promise == 0 && status == LML_ERR_INPUT && strstr(error.message, "begins with zeros") != NULL)
    return; /* nothing was answered, and what the file was cannot be seen */
  do_well(status, &error);
  const size_t count = assert_frames(c, promise, &now);
  do_well(append(log, next_number(&now), &error), &error);
  lml_force_log_close(log);
  now = (seen){0};
  do_well(open_log(c->path, see, &now, &log, &error), &error);
  REQUIRE(assert_frames(c, promise, &now) == count + 1);
  REQUIRE(lml_force_log_get_damage(log).cut == 0 && lml_force_log_get_damage(log).aside == 0);
  lml_force_log_close(log);
  assert_damaged_kept(c);
}

static void no_answered_frame_is_lost(void **state) {
  (void)state;
  log_case c = make_case(NULL, 0);
  empty_folder();
  power *p = power_record(folder_name);
  append_and_promise(p, &c, 0, 3);
  append_and_promise(p, &c, 3, 2);
  fail_anywhere(p, log_is_whole, &c);
}

/** One frame is damaged, and the last one torn: the log is written anew, and goes on. */
static void mending_loses_nothing(void **state) {
  (void)state;
  empty_folder();
  const off_t one = size_of(make_log(1)), two = size_of(make_log(2));
  log_case c = make_case((const int[]){0, 2}, 2);
  make_log(4);
  overwrite(c.path, (one + two) / 2, "#", 1);
  assert_int_equal(truncate(c.path, size_of(c.path) - 100), 0);
  c.damaged = bytes_of(c.path, one, two);
  c.damaged_length = (size_t)(two - one);
  power *p = power_record(folder_name);
  append_and_promise(p, &c, 0, 2);
  fail_anywhere(p, log_is_whole, &c);
  lml_free(c.damaged);
}

/** A torn frame is cut off, and the next one is written where it was. */
static void cutting_off_loses_nothing(void **state) {
  (void)state;
  empty_folder();
  log_case c = make_case((const int[]){0, 1}, 2);
  make_log(3);
  assert_int_equal(truncate(c.path, size_of(c.path) - 10), 0);
  power *p = power_record(folder_name);
  append_and_promise(p, &c, 0, 2);
  fail_anywhere(p, log_is_whole, &c);
}

/** A program was killed right after it had made the log: nothing has flushed the folder yet. */
static void a_log_that_is_there_already_keeps_its_name(void **state) {
  (void)state;
  log_case c = make_case(NULL, 0);
  empty_folder();
  power *p = power_record(folder_name);
  lml_sys->close(lml_sys->open(c.path, O_RDWR | O_CREAT, 0666));
  append_and_promise(p, &c, 0, 2);
  fail_anywhere(p, log_is_whole, &c);
}

/** The log's name is a symbolic link to a file in another folder that is not there yet. */
static void a_log_behind_a_link_keeps_its_name(void **state) {
  (void)state;
  log_case c = {.nested = false};
  empty_folder();
  snprintf(c.path, sizeof c.path, "%s.link", folder_name);
  assert_int_equal(symlink(in_folder("log.xyz"), c.path), 0);
  power *p = power_record(folder_name);
  append_and_promise(p, &c, 0, 2);
  fail_anywhere(p, log_is_whole, &c);
  char aside[2 * FOLDER_PATH_SIZE];
  for (int number = 1, gone = 0; gone == 0; number++) {
    snprintf(aside, sizeof aside, "%s.damaged-%d", c.path, number);
    gone = unlink(aside);
  }
  unlink(c.path);
}

/* ---- its index ---- */

static lml_recorder_settings settings_for(lml_recorder_reading reading) {
  return (lml_recorder_settings){.path = in_folder("log.xyz"), .reading = reading};
}

static lml_recorder *open_recorder(lml_recorder_reading reading) {
  const lml_recorder_settings settings = settings_for(reading);
  lml_recorder *recorder;
  lml_error error = {0};
  do_well(lml_recorder_open(&settings, &recorder, &error), &error);
  return recorder;
}

/** Log evaluations @p first to @p last, of one digit: all their frames are of one length. */
static void record_frames(lml_recorder *recorder, size_t first, size_t last) {
  int numbers[ATOMS];
  double positions[3 * ATOMS];
  lml_results results = {0};
  lml_error error = {0};
  for (size_t n = first; n <= last; n++) {
    lml_structure structure = {.natoms = ATOMS, .numbers = numbers, .positions = positions};
    const lml_evaluation evaluation = {.structure = &structure, .results = &results, .number = n};
    assert_int_equal(lml_results_reset(&results, ATOMS, NULL), LML_OK);
    for (size_t i = 0; i < ATOMS; i++) numbers[i] = 74;
    for (size_t i = 0; i < 3 * ATOMS; i++) positions[i] = 10.0 * (double)n + 0.25 * (double)(i % 3 + 1);
    do_well(lml_recorder_write(recorder, &evaluation, &error), &error);
  }
  lml_results_free(&results);
}

/** Where the index is of this log, as its last record shows, all its records are. */
static void index_is_whole(void *context, size_t promise) {
  const lml_log_index_key key = {0, 0};
  const char *path = in_folder("log.xyz");
  lml_log_index *index;
  lml_force_log *log;
  lml_error error = {0};
  bool holds = false;
  (void)context;
  if (promise == 0) return; /* the log is damaged yet */
  do_well(lml_force_log_open(path, &log, &error), &error);
  do_well(lml_log_index_open(path, &key, &index, &error), &error);
  const size_t count = lml_log_index_count(index);
  for (size_t i = count; i > 0 && (holds || i == count); i--) {
    const lml_log_place place = lml_log_index_entry(index, i - 1).place;
    const bool believed = holds;
    do_well(lml_force_log_holds(log, &place, &holds, &error), &error);
    REQUIRE(holds || !believed);
  }
  lml_log_index_close(index);
  lml_force_log_close(log);
  lml_recorder *recorder = open_recorder(LML_RECORDER_READS_NEW);
  char text[2 * FOLDER_PATH_SIZE + 64];
  lml_recorder_describe(recorder, text, sizeof text);
  lml_recorder_close(recorder);
  const char *frames = strstr(text, "log.xyz: ");
  REQUIRE(frames != NULL && strtoul(frames + strlen("log.xyz: "), NULL, 10) >= promise);
}

/** A frame in the midst is damaged and taken out, so that those behind it have other numbers and places. */
static void an_index_that_is_made_again_is_of_the_log(void **state) {
  (void)state;
  empty_folder();
  lml_recorder *recorder = open_recorder(LML_RECORDER_READS_NEW);
  const char *path = in_folder("log.xyz");
  record_frames(recorder, 1, 1);
  const off_t one = size_of(path);
  record_frames(recorder, 2, 9);
  lml_recorder_close(recorder);
  assert_int_equal(size_of(path), 9 * one);
  overwrite(path, one + one / 2, "#", 1);
  power *p = power_record(folder_name);
  recorder = open_recorder(LML_RECORDER_READS_ALL);
  power_promise(p, 8);
  record_frames(recorder, 1, 1);
  power_promise(p, 9);
  power_stop(p);
  lml_recorder_close(recorder);
  power_each(p, 40, index_is_whole, NULL);
  power_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_the_old_one_or_the_new_one),
      cmocka_unit_test(a_file_that_was_not_flushed_is_torn),
      cmocka_unit_test(a_cache_is_the_old_one_or_the_new_one),
      cmocka_unit_test(no_answered_frame_is_lost),
      cmocka_unit_test(mending_loses_nothing),
      cmocka_unit_test(cutting_off_loses_nothing),
      cmocka_unit_test(a_log_that_is_there_already_keeps_its_name),
      cmocka_unit_test(a_log_behind_a_link_keeps_its_name),
      cmocka_unit_test(an_index_that_is_made_again_is_of_the_log),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
