/* A damaged force log: every whole frame stays in it, and all else is kept beside it. */
#include "support/force_log_tests.h"

/** Open a log that holds, from byte @p begin to byte @p end, what is no frame: the frames @p numbers are there, all
 * else is kept in a file of its own. */
static void assert_mended(const char *path, off_t begin, off_t end, const int *numbers, size_t count) {
  const off_t size = size_of(path);
  char *damage = bytes_of(path, begin, end);
  remove_aside();
  lml_force_log *log = open_with_frames(path, numbers, count);
  const lml_force_log_damage found = lml_force_log_get_damage(log);
  assert_int_equal(found.cut, 0);
  assert_int_equal(found.aside, end - begin);
  assert_int_equal(found.pieces, 1);
  assert_string_equal(found.where, aside_name(1));
  assert_holds(aside_name(1), damage, end - begin);
  assert_int_equal(size_of(path), size - (end - begin));
  assert_int_equal(append(log, 7, NULL), LML_OK);
  lml_force_log_close(log);
  lml_free(damage);
  int more[16];
  memcpy(more, numbers, count * sizeof *more);
  more[count] = 7;
  log = open_with_frames(path, more, count + 1);
  assert_null(lml_force_log_get_damage(log).where);
  lml_force_log_close(log);
}

static void no_whole_frame_is_lost_with_a_damaged_one(void **state) {
  (void)state;
  const off_t one = size_of(make_log(1)), two = size_of(make_log(2)), three = size_of(make_log(3));
  const off_t places[] = {0, 1, 5, 30, 60, 200, one - 3, one - 1};
  static const int without[][3] = {{1, 2}, {0, 2}, {0, 1}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    for (int frame = 0; frame < 3; frame++) {
      const off_t begins[] = {0, one, two, three};
      const char *path = make_log(3);
      overwrite(path, begins[frame] + places[i], "#", 1);
      assert_mended(path, begins[frame], begins[frame + 1], without[frame], 2);
    }
  remove_aside();
}

/** A length that was too long by damage looks as if the frame were torn, but there are as many lines as atoms. */
static void a_last_frame_with_a_damaged_length_is_kept(void **state) {
  (void)state;
  static const int first[] = {0};
  const off_t one = size_of(make_log(1)), two = size_of(make_log(2));
  const char *path = make_log(2);
  overwrite(path, one + (off_t)strlen("3\nlmlink_log=1 log_bytes="), "9", 1);
  assert_mended(path, one, two, first, 1);
  path = make_log(2);
  overwrite(path, one, "4", 1);
  assert_mended(path, one, two, first, 1);
  remove_aside();
}

static void what_stands_behind_the_last_frame_is_kept(void **state) {
  (void)state;
  static const int both[] = {0, 1};
  static const char *const texts[] = {"\n", "  \n\n", "a note\n", "1\nProperties=species:S:1:pos:R:3\nW 0 0 0\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const char *path = make_log(2);
    const off_t two = size_of(path), end = two + (off_t)strlen(texts[i]);
    overwrite(path, two, texts[i], strlen(texts[i]));
    assert_mended(path, two, end, both, 2);
  }
  remove_aside();
}

/** A block that is lost with the end of one frame and the begin of the next, and a piece of a frame glued to another.
 */
static void frames_are_found_behind_any_damage(void **state) {
  (void)state;
  static const char zeros[4096];
  static const int ends[] = {0, 3}, later[] = {0, 2, 1, 2};
  const off_t one = size_of(make_log(1)), two = size_of(make_log(2)), three = size_of(make_log(3));
  const char *path = make_log(4);
  overwrite(path, two - 50, zeros, 100);
  assert_mended(path, one, three, ends, 2);
  path = make_log(3);
  overwrite(path, 0, zeros, 200);
  assert_mended(path, 0, one, later + 2, 2);
  path = make_log(3);
  char *last = bytes_of(path, two, three);
  const off_t cut = two - 10; /* within a number of frame 1 */
  overwrite(path, cut, last, (size_t)(three - two));
  lml_free(last);
  assert_int_equal(truncate(path, cut + three - two), 0);
  assert_mended(path, one, cut, later, 2);
  remove_aside();
}

static uint64_t random_state = 88172645463325252u;

static size_t draw(size_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % below;
}

/** Change, cut out, put in or copy bytes of @p text, which has room for twice as many; their number. */
static size_t harm(char *text, size_t length) {
  const size_t at = draw(length), count = 1 + draw(length - at < 600 ? length - at : 600);
  switch (draw(4)) {
    case 0:
      text[at] = (char)(text[at] ^ 1 << draw(8));
      return length;
    case 1:
      memset(text + at, '\0', count);
      return length;
    case 2:
      memmove(text + at, text + at + count, length - at - count);
      return length - count;
    default:
      memmove(text + at + count, text + at, length - at);
      return length + count;
  }
}

/** How many of the @p nframes frames of @p log, of which each ends where @p ends says, stand whole in @p text. */
static size_t count_whole(const char *log, const size_t *ends, size_t nframes, const char *text, size_t length) {
  size_t count = 0;
  for (size_t n = 0; n < nframes; n++) {
    const size_t begin = n == 0 ? 0 : ends[n - 1], size = ends[n] - begin;
    for (size_t at = 0; at + size <= length; at++) count += memcmp(text + at, log + begin, size) == 0;
  }
  return count;
}

/** Whatever happens to the bytes of a log, the frames that are whole are those that are found; or nothing is touched.
 */
static void no_frame_is_lost_by_any_harm(void **state) {
  (void)state;
  enum { FRAMES = 4, TIMES = 400 };
  size_t ends[FRAMES], refused = 0;
  for (int n = 0; n < FRAMES; n++) ends[n] = (size_t)size_of(make_log(n + 1));
  const char *path = in_folder("log.xyz");
  char *whole = bytes_of(path, 0, (off_t)ends[FRAMES - 1]), *text;
  assert_int_equal(lml_alloc(&text, 4 * ends[FRAMES - 1], 1, "a log", NULL), LML_OK);
  for (int time = 0; time < TIMES; time++) {
    size_t length = ends[FRAMES - 1];
    memcpy(text, whole, length);
    for (size_t times = 1 + draw(3); times > 0 && length > 0; times--) length = harm(text, length);
    path = write_text("log.xyz", "");
    overwrite(path, 0, text, length);
    lml_force_log *log;
    lml_error error = {0};
    if (open_log(path, NULL, NULL, &log, &error) == LML_OK) {
      const lml_force_log_damage damage = lml_force_log_get_damage(log);
      assert_int_equal(lml_force_log_nframes(log), count_whole(whole, ends, FRAMES, text, length));
      assert_int_equal((uint64_t)size_of(path) + damage.cut + damage.aside, length);
      lml_force_log_close(log);
    } else {
      assert_non_null(strstr(error.message, "is no force log"));
      assert_holds(path, text, (off_t)length);
      refused++;
    }
    remove_aside();
  }
  assert_true(refused < TIMES / 4);
  lml_free(whole);
  lml_free(text);
}

static void what_was_set_aside_before_is_not_overwritten(void **state) {
  (void)state;
  static const int without[][2] = {{1, 2}, {2}};
  const off_t one = size_of(make_log(1));
  const char *path = make_log(3);
  remove_aside();
  for (int n = 0; n < 2; n++) {
    overwrite(path, one - 1, "#", 1);
    lml_force_log *log = open_with_frames(path, without[n], 2 - (size_t)n);
    assert_string_equal(lml_force_log_get_damage(log).where, aside_name(n + 1));
    lml_force_log_close(log);
  }
  assert_int_equal(size_of(aside_name(1)), one);
  remove_aside();
}

static void a_link_to_a_damaged_log_is_refused(void **state) {
  (void)state;
  const off_t one = size_of(make_log(1));
  const char *path = make_log(3);
  overwrite(path, one - 1, "#", 1);
  assert_int_equal(symlink(path, in_folder("link.xyz")), 0);
  assert_refused(in_folder("link.xyz"), LML_ERR_IO, "symbolic link");
  unlink(in_folder("link.xyz"));
  unlink(in_folder("link.xyz.damaged-1"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_whole_frame_is_lost_with_a_damaged_one),
      cmocka_unit_test(a_last_frame_with_a_damaged_length_is_kept),
      cmocka_unit_test(what_stands_behind_the_last_frame_is_kept),
      cmocka_unit_test(frames_are_found_behind_any_damage),
      cmocka_unit_test(no_frame_is_lost_by_any_harm),
      cmocka_unit_test(what_was_set_aside_before_is_not_overwritten),
      cmocka_unit_test(a_link_to_a_damaged_log_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
