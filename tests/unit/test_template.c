/* Texts with {names} in them, and what /bin/sh makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "engine/template.h"

static lml_error error;

/** What the shell prints that runs @p command. */
static void prints(const char *command, char *text, size_t size) {
  FILE *output = popen(command, "r");
  assert_non_null(output);
  text[fread(text, 1, size - 1, output)] = '\0';
  assert_int_equal(pclose(output), 0);
}

static void names_in_braces_are_replaced(void **state) {
  (void)state;
  const lml_template_value values[] = {{"index", "7"}, {"address", "x:UNIX"}};
  char *text = lml_template_fill("run-{index} --ipi {address} ${HOME} {a,b} {indexes} {index", values, 2, &error);
  assert_string_equal(text, "run-7 --ipi x:UNIX ${HOME} {a,b} {indexes} {index");
  lml_free(text);
}

/** What /bin/sh makes of a value, wherever it stands in a command: one argument, or a part of one. */
static void a_shell_reads_values_as_they_are(void **state) {
  (void)state;
  static const char *const texts[] = {"",    "a b", "it's", "\"",  "$HOME",          "`id`",
                                      "a;b", "*",   "\\",   "a\\", "!$&|<>(){}[]~#", "é ü"};
  static const struct {
    const char *command, *before, *behind;
  } places[] = {
      {"printf %s {value}", "", ""},
      {"printf %s x/{value}/y", "x/", "/y"},
      {"printf %s '{value}'", "", ""},
      {"printf %s \"{value}\"", "", ""},
      {"printf %s 'a '\" {value} b\"", "a  ", " b"},
      {"printf %s 'it'\\''s {value}'", "it's ", ""},
      {"printf %s \\\"{value}\"\\\"\"", "\"", "\""},
      {"# it's a comment, with {value}\nprintf %s {value}", "", ""},
      {"printf %s a#'{value}'", "a#", ""},
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
      const lml_template_value value = {"value", texts[i]};
      char *command, got[256], expected[256];
      if (lml_template_fill_command(places[k].command, &value, 1, &command, &error) != LML_OK)
        fail_msg("%s", error.message);
      prints(command, got, sizeof got);
      snprintf(expected, sizeof expected, "%s%s%s", places[k].before, texts[i], places[k].behind);
      assert_string_equal(got, expected);
      lml_free(command);
    }
}

static void what_cannot_be_quoted_is_refused(void **state) {
  (void)state;
  static const char *const commands[] = {"echo $(cat {value})", "echo `cat {value}`",     "cat <<{value}",
                                         "echo \\{value}",      "echo $'it\\'s {value}'", "echo \"$(cat '{value}')\""};
  const lml_template_value blank = {"value", "a b"}, plain = {"value", "/tmp/a-b_c.d:7"}, line = {"value", "a\nb"};
  char *command;
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    assert_int_equal(lml_template_fill_command(commands[i], &blank, 1, &command, &error), LML_ERR_INPUT);
    assert_non_null(strstr(error.message, "{value} stands for 'a b', which cannot be quoted"));
    assert_null(command);
    assert_int_equal(lml_template_fill_command(commands[i], &plain, 1, &command, &error), LML_OK);
    assert_non_null(strstr(command, plain.value));
    lml_free(command);
  }
  assert_int_equal(lml_template_fill_command("echo {value}", &line, 1, &command, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "control characters"));
  assert_int_equal(lml_template_fill_command("lmp -var n '${value}'", &plain, 1, &command, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "${value} is the shell's variable and not lmlink's: write {value}, without $");
  assert_int_equal(lml_template_fill_command("echo '$(' {value}", &blank, 1, &command, &error), LML_OK);
  assert_string_equal(command, "echo '$(' 'a b'");
  lml_free(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_in_braces_are_replaced),
      cmocka_unit_test(a_shell_reads_values_as_they_are),
      cmocka_unit_test(what_cannot_be_quoted_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
