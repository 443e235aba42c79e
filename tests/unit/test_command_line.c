#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "programs/command_line.h"
#include "programs/command_text.h"
#include "support/near.h"

static const char *const terms[] = {"none", "snap", NULL};
static const lml_option options[] = {
    {.name = "potential", .value = "FILE", .help = "The potential."},
    {.name = "fixed-terms", .value = "TERMS", .choices = terms, .help = "Which fixed terms there are."},
    {.name = "index",
     .value = "NUMBER",
     .help = "Evaluate the frame of that index alone; negative counts from the end."},
    {.name = "scale", .value = "NUMBER", .help = "A number."},
    {.name = "set", .value = "KEY=VALUE", .times = LML_OPTION_MANY, .help = "A setting."},
    {.name = "check", .help = "Check."},
};
static const lml_command command = {.program = "lmlink-try",
                                    .usage = "--potential FILE [OPTION ...] IN.xyz",
                                    .summary = "Tries the parser.",
                                    .options = options,
                                    .noptions = sizeof options / sizeof options[0],
                                    .positional_min = 1,
                                    .positional_max = 1,
                                    .positional = "the structure file IN.xyz"};

enum { MOST_WORDS = 16 };

/** Parse the words of @p line, which are separated by single blanks. */
static lml_status parse(const char *line, lml_arguments *arguments, lml_error *error) {
  static char copy[256];
  char *argv[MOST_WORDS] = {copy};
  int argc = 1;
  snprintf(copy, sizeof copy, "lmlink-try %s", line);
  for (char *c = strchr(copy, ' '); c != NULL && c[1] != '\0'; c = strchr(c + 1, ' ')) {
    *c = '\0';
    argv[argc++] = c + 1;
  }
  return lml_arguments_parse(&command, argc, argv, arguments, error);
}

static void fails_with(const char *line, const char *message) {
  lml_arguments arguments;
  lml_error error = {0};
  assert_int_equal(parse(line, &arguments, &error), LML_ERR_USAGE);
  assert_string_equal(error.message, message);
  lml_arguments_free(&arguments);
}

static void takes_options_in_any_order(void **state) {
  (void)state;
  lml_arguments a;
  assert_int_equal(parse("--set a=1 in.xyz --potential=W.snap --index -2 --check --set=b=--x --scale 1.5e-3", &a, NULL),
                   LML_OK);
  assert_int_equal(a.npositional, 1);
  assert_string_equal(a.positional[0], "in.xyz");
  assert_string_equal(lml_arguments_text(&a, "potential", 0), "W.snap");
  assert_null(lml_arguments_text(&a, "potential", 1));
  assert_int_equal(lml_arguments_count(&a, "check"), 1);
  assert_int_equal(lml_arguments_count(&a, "set"), 2);
  assert_string_equal(lml_arguments_text(&a, "set", 0), "a=1");
  assert_string_equal(lml_arguments_text(&a, "set", 1), "b=--x");
  long index = 7;
  double scale = 0.0;
  assert_int_equal(lml_arguments_integer(&a, "index", -10, 10, &index, NULL), LML_OK);
  assert_int_equal(lml_arguments_real(&a, "scale", &scale, NULL), LML_OK);
  assert_int_equal(index, -2);
  assert_near(scale, 1.5e-3, 0.0);
  assert_int_equal(lml_arguments_choice(&a, "fixed-terms", 9), 9);
  lml_arguments_free(&a);

  assert_int_equal(parse("--fixed-terms snap -- --odd.xyz", &a, NULL), LML_OK);
  assert_int_equal(lml_arguments_choice(&a, "fixed-terms", 9), 1);
  assert_string_equal(a.positional[0], "--odd.xyz");
  assert_int_equal(lml_arguments_integer(&a, "index", -10, 10, &index, NULL), LML_OK);
  assert_int_equal(index, -2);
  lml_arguments_free(&a);
}

static void names_what_is_wrong(void **state) {
  (void)state;
  fails_with("in.xyz --potental W", "unknown option '--potental': did you mean --potential?");
  fails_with("in.xyz --versoin", "unknown option '--versoin': did you mean --version?");
  fails_with("in.xyz --idnex=3", "unknown option '--idnex': did you mean --index?");
  fails_with("in.xyz --quality=3", "unknown option '--quality': --help lists the options");
  fails_with("in.xyz -p W", "unknown option '-p': options are long ones, such as --help");
  fails_with("in.xyz --potential", "--potential needs a value: --potential FILE");
  fails_with("in.xyz --potential --check", "--potential needs a value: --potential FILE");
  fails_with("in.xyz --potential=", "--potential needs a value: --potential FILE");
  fails_with("in.xyz --check=yes", "--check takes no value: omit '=yes'");
  fails_with("in.xyz --index 1 --index 2", "--index is given twice: give it once");
  fails_with("in.xyz --fixed-terms zbl", "--fixed-terms 'zbl' is not one of: none, snap");
  fails_with("--check", "missing argument: the structure file IN.xyz");
  fails_with("a.xyz b.xyz", "unexpected argument 'b.xyz': too many of: the structure file IN.xyz");
}

static void refuses_bad_numbers(void **state) {
  (void)state;
  static const char *const bad[] = {"1.5", "x", "11", "99999999999999999999", "3x"};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    char line[128];
    snprintf(line, sizeof line, "in.xyz --index %s --scale %sy", bad[k], bad[k]);
    lml_arguments a;
    lml_error error = {0};
    assert_int_equal(parse(line, &a, NULL), LML_OK);
    long index = 5;
    double scale = 5.0;
    assert_int_equal(lml_arguments_integer(&a, "index", -10, 10, &index, &error), LML_ERR_USAGE);
    assert_non_null(strstr(error.message, "is not a whole number from -10 to 10"));
    assert_non_null(strstr(error.message, bad[k]));
    assert_int_equal(lml_arguments_real(&a, "scale", &scale, &error), LML_ERR_USAGE);
    assert_non_null(strstr(error.message, "--scale"));
    assert_int_equal(index, 5);
    lml_arguments_free(&a);
  }
}

static void help_and_version_win(void **state) {
  (void)state;
  lml_arguments a;
  assert_int_equal(parse("--check --help --nonsense", &a, NULL), LML_OK);
  assert_int_equal(a.action, LML_ACTION_HELP);
  lml_arguments_free(&a);
  assert_int_equal(parse("--version", &a, NULL), LML_OK);
  assert_int_equal(a.action, LML_ACTION_VERSION);
  lml_arguments_free(&a);
}

static void help_lists_every_option(void **state) {
  (void)state;
  char text[4096];
  const size_t length = lml_command_help(&command, text, sizeof text);
  assert_int_equal(length, strlen(text));
  assert_non_null(strstr(text, "Usage: lmlink-try --potential FILE [OPTION ...] IN.xyz\n\nTries the parser.\n"));
  assert_non_null(strstr(text, "\n  --potential FILE        The potential.\n"));
  assert_non_null(
      strstr(text, "\n  --fixed-terms none|snap\n                          Which fixed terms there are.\n"));
  assert_non_null(strstr(text, "\n  --version               Print the version and exit.\n"));
  for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) assert_true(strcspn(line, "\n") < 80);
  char small[20];
  assert_int_equal(lml_command_help(&command, small, sizeof small), strlen(text));
  assert_int_equal(strlen(small), sizeof small - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_options_in_any_order), cmocka_unit_test(names_what_is_wrong),
      cmocka_unit_test(refuses_bad_numbers),        cmocka_unit_test(help_and_version_win),
      cmocka_unit_test(help_lists_every_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
