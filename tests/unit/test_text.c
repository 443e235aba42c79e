#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/print.h"
#include "base/text.h"

static lml_token token_of(const char *text) { return (lml_token){text, strlen(text)}; }

/* --- tokens ----------------------------------------------------------------------------------------------------- */

static void tokens_are_found(void **state) {
  (void)state;
  const char line[] = "  W\t1.5  -2\r\n";
  lml_token tokens[2];
  assert_int_equal(lml_split(line, strlen(line), tokens, 2), 3);
  assert_true(lml_token_equals(tokens[0], "W"));
  assert_true(lml_token_equals(tokens[1], "1.5"));
  assert_false(lml_token_equals(tokens[1], "1.50"));
  assert_false(lml_token_equals(tokens[1], "1."));
  assert_int_equal(lml_split("", 0, tokens, 2), 0);
  assert_int_equal(lml_split(" \t", 2, tokens, 2), 0);
  assert_int_equal(lml_split("a b", 1, tokens, 2), 1);
  assert_true(lml_token_equals(lml_trim(token_of(" a b\t")), "a b"));
  assert_int_equal(lml_trim(token_of("   ")).length, 0);
  char *copy = lml_token_copy(tokens[0], NULL);
  assert_string_equal(copy, "a");
  lml_free(copy);
}

/* --- reading numbers -------------------------------------------------------------------------------------------- */

static void decimal_numbers_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } good[] = {{"0", 0},
              {"-1.5e-3", -1.5e-3},
              {"+.5", 0.5},
              {"2.", 2},
              {"1E5", 1e5},
              {"007", 7},
              {"1e-400", 0},
              {"4.9e-324", 0x1p-1074},
              {"0.1", 0.1},
              {"1e+22", 1e22},
              {"9007199254740993", 9007199254740992.0},
              {"9007199254740993.0000000000000000000000001", 9007199254740994.0}};
  for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
    double value = -77;
    if (!lml_parse_real(token_of(good[k].text), &value)) fail_msg("%s is refused", good[k].text);
    if (value != good[k].value) fail_msg("%s reads as %.17g", good[k].text, value);
  }
}

/** Numbers of all lengths and sizes, against the C library. */
static void numbers_are_read_as_the_c_library_reads_them(void **state) {
  (void)state;
  uint64_t random = 88172645463325252u;
  for (int k = 0; k < 200000; k++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    char text[400];
    const double scale = pow(10.0, (double)(random % 61) - 30.0);
    const double number = ((double)(random >> 11) * 0x1p-53 - 0.5) * scale;
    const int digits = (int)(random % 23);
    if (k % 3 == 0) snprintf(text, sizeof text, "%.*f", digits, number);
    if (k % 3 == 1) snprintf(text, sizeof text, "%.*e", digits, number);
    if (k % 3 == 2) snprintf(text, sizeof text, "%+.*g", digits, number);
    double value;
    if (!lml_parse_real(token_of(text), &value)) fail_msg("%s is refused", text);
    const double expected = strtod(text, NULL);
    if (memcmp(&value, &expected, sizeof value) != 0) fail_msg("%s reads as %.17g", text, value);
  }
}

/** Numbers in the middle between two doubles, and next to it. */
static void ties_are_rounded_to_even(void **state) {
  (void)state;
  static const char *const ends[] = {"", ".5", ".50", ".25", ".75", ".5000001", ".4999999", "e0", "e-3", "e-19"};
  for (uint64_t power = 51; power < 64; power++)
    for (uint64_t more = 0; more < 40; more++)
      for (size_t e = 0; e < sizeof ends / sizeof ends[0]; e++) {
        char text[64];
        snprintf(text, sizeof text, "-%llu%s", (unsigned long long)((UINT64_C(1) << power) + more), ends[e]);
        double value;
        if (!lml_parse_real(token_of(text), &value)) fail_msg("%s is refused", text);
        if (value != strtod(text, NULL)) fail_msg("%s reads as %.17g", text, value);
      }
}

static void what_is_no_decimal_number_is_refused(void **state) {
  (void)state;
  static const char *bad[] = {"",    " 1",    "1 ",   "1,5",   "0x10", "1e",  "1e+",    "e5",
                              ".",   "+",     "-.e1", "1.5.2", "1d5",  "nan", "inf",    "1e999",
                              "--1", "1_000", "1f",   "W",     "-inf", "½",   "infinit"};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    double value = 42;
    if (lml_parse_real(token_of(bad[k]), &value)) fail_msg("\"%s\" is taken for %g", bad[k], value);
    assert_true(value == 42);
  }
  double value;
  assert_false(lml_parse_real((lml_token){"1\0", 2}, &value));
  assert_true(lml_parse_real((lml_token){"12345", 2}, &value));
  assert_true(value == 12);
}

static void only_the_lenient_reader_takes_nan_and_inf(void **state) {
  (void)state;
  double value;
  assert_true(lml_parse_any_real(token_of("NaN"), &value) && isnan(value));
  assert_true(lml_parse_any_real(token_of("-Infinity"), &value) && value == -INFINITY);
  assert_true(lml_parse_any_real(token_of("+inf"), &value) && value == INFINITY);
  assert_true(lml_parse_any_real(token_of("-1e999"), &value) && value == -INFINITY);
  assert_true(lml_parse_any_real(token_of("1.25"), &value) && value == 1.25);
  assert_false(lml_parse_any_real(token_of("nano"), &value));
  assert_false(lml_parse_any_real(token_of("-"), &value));
  assert_false(lml_parse_any_real(token_of("0x1"), &value));
  assert_false(lml_parse_any_real(token_of("nan(1)"), &value));
}

static void long_numbers_are_read_exactly(void **state) {
  (void)state;
  char text[1300];
  double value;
  const int length = snprintf(text, sizeof text, "%.1074f", 0x1.fffffffffffffp-1022);
  assert_true(lml_parse_real((lml_token){text, (size_t)length}, &value));
  assert_true(value == 0x1.fffffffffffffp-1022);
  memset(text, '1', sizeof text);
  assert_false(lml_parse_real((lml_token){text, sizeof text}, &value));
}

static void integers_are_read_and_written(void **state) {
  (void)state;
  static const int64_t numbers[] = {0, 7, -7, 10, 2147483648, INT64_MAX, INT64_MIN, INT64_MIN + 1};
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
    char text[LML_INTEGER_TEXT], expected[32];
    int64_t value = 1;
    const size_t length = lml_format_integer(numbers[k], text);
    snprintf(expected, sizeof expected, "%lld", (long long)numbers[k]);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    assert_true(lml_parse_integer(token_of(text), &value) && value == numbers[k]);
  }
  static const char *bad[] = {"",
                              "+",
                              "-",
                              "1.0",
                              "1e3",
                              " 1",
                              "0x1",
                              "9223372036854775808",
                              "-9223372036854775809",
                              "99999999999999999999999"};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    int64_t value = 42;
    if (lml_parse_integer(token_of(bad[k]), &value)) fail_msg("\"%s\" is taken for an integer", bad[k]);
    assert_int_equal(value, 42);
  }
  int64_t value;
  assert_true(lml_parse_integer(token_of("+0012"), &value) && value == 12);
}

static void assert_numbers_as_in_c(void) {
  char text[LML_REAL_TEXT];
  double value = 0;
  assert_true(lml_parse_real(token_of("-1.5e-3"), &value));
  assert_true(value == -1.5e-3);
  assert_false(lml_parse_real(token_of("1,5"), &value));
  lml_format_real(2.5e-30, text);
  assert_string_equal(text, "2.5e-30");
  lml_format_real(0.25, text);
  assert_string_equal(text, "0.25");
}

/** LMLINK_COMMA_LOCALE names a locale with a decimal comma, which the build makes where the system has the sources. */
static void numbers_do_not_depend_on_the_locale(void **state) {
  (void)state;
  const char *name = getenv("LMLINK_COMMA_LOCALE");
  assert_numbers_as_in_c();
  if (name == NULL) skip();
  assert_non_null(setlocale(LC_ALL, name));
  assert_string_equal(localeconv()->decimal_point, ",");
  assert_numbers_as_in_c();
  setlocale(LC_ALL, "C");
}

/* --- writing numbers -------------------------------------------------------------------------------------------- */

static void known_numbers_are_written_as_python_does(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } known[] = {{0.0, "0.0"},
               {-0.0, "-0.0"},
               {1.0, "1.0"},
               {-3.0, "-3.0"},
               {0.1, "0.1"},
               {0.3, "0.3"},
               {0.1 + 0.2, "0.30000000000000004"},
               {1.0 / 3, "0.3333333333333333"},
               {2.0 / 3, "0.6666666666666666"},
               {100.0, "100.0"},
               {123456.789, "123456.789"},
               {0.0001, "0.0001"},
               {0.00001, "1e-05"},
               {1.5e-7, "1.5e-07"},
               {1e15, "1000000000000000.0"},
               {9999999999999998.0, "9999999999999998.0"},
               {1e16, "1e+16"},
               {1.2345678901234567e16, "1.2345678901234568e+16"},
               {5e-324, "5e-324"},
               {DBL_MIN, "2.2250738585072014e-308"},
               {DBL_MAX, "1.7976931348623157e+308"},
               {1e23, "1e+23"},
               {9007199254740992.0, "9007199254740992.0"},
               {0x1p-44, "5.684341886080802e-14"},
               {1e-14, "1e-14"},
               {3.165235, "3.165235"},
               {NAN, "nan"},
               {INFINITY, "inf"},
               {-INFINITY, "-inf"}};
  for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
    char text[LML_REAL_TEXT];
    assert_int_equal(lml_format_real(known[k].value, text), strlen(known[k].text));
    assert_string_equal(text, known[k].text);
  }
}

static int count_digits(const char *text) {
  char digits[LML_REAL_TEXT];
  int count = 0, first = -1, last = -1;
  for (; *text != '\0' && *text != 'e'; text++)
    if (*text >= '0' && *text <= '9') digits[count++] = *text;
  for (int k = 0; k < count; k++)
    if (digits[k] != '0') last = k;
  for (int k = count - 1; k >= 0; k--)
    if (digits[k] != '0') first = k;
  return last < 0 ? 1 : last - first + 1;
}

/** The text reads back to the same bits, and rounding to one digit less doesn't. */
static void assert_shortest(double value) {
  char text[LML_REAL_TEXT], shorter[64];
  lml_format_real(value, text);
  if (strtod(text, NULL) != value) fail_msg("%.17g became %s", value, text);
  const int digits = count_digits(text);
  if (digits == 1) return;
  snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
  if (strtod(shorter, NULL) == value) fail_msg("%s is longer than %s", text, shorter);
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void all_numbers_read_back_from_the_fewest_digits(void **state) {
  (void)state;
  uint64_t random = 88172645463325252u;
  for (int k = 0; k < 100000; k++) {
    uint64_t bits = next_random(&random);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value)) assert_shortest(value);
    const double fraction = (double)(next_random(&random) >> 11) * 0x1p-53;
    assert_shortest((fraction - 0.5) * 200);
    assert_shortest(fraction * pow(10, k % 32 - 15));
    assert_shortest(rint(fraction * 1e6) / 1e4);
  }
  for (int exponent = -1074; exponent < 1024; exponent++) {
    const double power = ldexp(1, exponent);
    assert_shortest(power);
    assert_shortest(nextafter(power, 0));
    assert_shortest(nextafter(power, DBL_MAX));
  }
  for (double power = 1e-15; power < 1e18; power *= 10) {
    assert_shortest(power);
    assert_shortest(nextafter(power, 0));
    assert_shortest(nextafter(power, DBL_MAX));
  }
}

/* --- printing --------------------------------------------------------------------------------------------------- */

static void messages_are_cut_and_names_are_not(void **state) {
  (void)state;
  char room[8];
  assert_int_equal(lml_print_cut(room, sizeof room, "%s-%d", "ab", 12), 5);
  assert_string_equal(room, "ab-12");
  lml_print_behind(room, sizeof room, "%s", "cdefgh");
  assert_string_equal(room, "ab-12cd");
  lml_print_behind(room, sizeof room, "%s", "more");
  assert_string_equal(room, "ab-12cd");
  assert_int_equal(lml_print_cut(room, sizeof room, "%s", "0123456789"), 7);
  assert_string_equal(room, "0123456");
  char *text = lml_print_new("a name", NULL, "%0*d%s", 5000, 0, "end");
  assert_int_equal(strlen(text), 5003);
  assert_string_equal(text + 5000, "end");
  lml_free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_are_found),
      cmocka_unit_test(decimal_numbers_are_read),
      cmocka_unit_test(numbers_are_read_as_the_c_library_reads_them),
      cmocka_unit_test(ties_are_rounded_to_even),
      cmocka_unit_test(what_is_no_decimal_number_is_refused),
      cmocka_unit_test(only_the_lenient_reader_takes_nan_and_inf),
      cmocka_unit_test(long_numbers_are_read_exactly),
      cmocka_unit_test(integers_are_read_and_written),
      cmocka_unit_test(numbers_do_not_depend_on_the_locale),
      cmocka_unit_test(known_numbers_are_written_as_python_does),
      cmocka_unit_test(all_numbers_read_back_from_the_fewest_digits),
      cmocka_unit_test(messages_are_cut_and_names_are_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
