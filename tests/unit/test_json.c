#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/sys.h"

static lml_error error;

static lml_json *parsed(const char *text) {
  lml_json *document = NULL;
  const lml_status status = lml_json_parse(text, strlen(text), "w.json", &document, &error);
  if (status != LML_OK) fail_msg("%s", error.message);
  return document;
}

static void refused(const char *text, const char *message) {
  lml_json *document = NULL;
  assert_int_equal(lml_json_parse(text, strlen(text), "w.json", &document, &error), LML_ERR_INPUT);
  assert_null(document);
  assert_string_equal(error.message, message);
}

static void values_of_each_type(void **state) {
  (void)state;
  lml_json *document = parsed(
      "{\"text\": \"W\\u00e4\", \"number\": -1.5e-3, \"integer\": 7, \"logical\": true,\n"
      " \"choice\": \"b\", \"texts\": [\"b\", \"c\"], \"pbc\": [true, false, true], \"species\": [74, 2],\n"
      " \"inner\": {\"key\": 1}}");
  const lml_json_value *root = lml_json_root(document), *inner = NULL;
  static const char *const names[] = {"a", "b", "c"};
  const char *text = NULL;
  double number = 0.0;
  int integer = 0, *integers = NULL;
  bool logical = false, logicals[3];
  size_t choice = 0, count = 0;
  lml_text_list texts = {0};
  assert_int_equal(lml_json_text(document, root, "text", LML_JSON_REQUIRED, &text, &error), LML_OK);
  assert_string_equal(text, "W\xc3\xa4");
  assert_int_equal(lml_json_number(document, root, "number", LML_JSON_REQUIRED, &number, &error), LML_OK);
  assert_true(number == -1.5e-3);
  assert_int_equal(lml_json_integer(document, root, "integer", LML_JSON_REQUIRED, &integer, &error), LML_OK);
  assert_int_equal(integer, 7);
  assert_int_equal(lml_json_logical(document, root, "logical", LML_JSON_REQUIRED, &logical, &error), LML_OK);
  assert_true(logical);
  assert_int_equal(lml_json_choice(document, root, "choice", LML_JSON_REQUIRED, names, 3, &choice, &error), LML_OK);
  assert_int_equal(choice, 1);
  assert_int_equal(lml_json_texts(document, root, "texts", LML_JSON_REQUIRED, &texts, &error), LML_OK);
  assert_int_equal(texts.count, 2);
  assert_string_equal(texts.texts[1], "c");
  lml_text_list_free(&texts);
  assert_int_equal(lml_json_logicals(document, root, "pbc", LML_JSON_REQUIRED, 3, logicals, &error), LML_OK);
  assert_true(logicals[0] && !logicals[1] && logicals[2]);
  assert_int_equal(lml_json_integers(document, root, "species", LML_JSON_REQUIRED, &integers, &count, &error), LML_OK);
  assert_int_equal(count, 2);
  assert_int_equal(integers[1], 2);
  lml_free(integers);
  assert_int_equal(lml_json_object(document, root, "inner", LML_JSON_REQUIRED, &inner, &error), LML_OK);
  assert_true(lml_json_has(inner, "key") && !lml_json_has(inner, "Key"));
  lml_json_free(document);
}

static void missing_keys(void **state) {
  (void)state;
  lml_json *document = parsed("{\"driver\":\n{\"wait\": 1}}");
  const lml_json_value *driver = NULL;
  double number = 12.5;
  assert_int_equal(lml_json_number(document, lml_json_root(document), "wait", LML_JSON_OPTIONAL, &number, &error),
                   LML_OK);
  assert_true(number == 12.5);
  assert_int_equal(lml_json_number(document, lml_json_root(document), "wait", LML_JSON_REQUIRED, &number, &error),
                   LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:1: wait: the key is missing; add it");
  assert_int_equal(lml_json_object(document, lml_json_root(document), "driver", LML_JSON_REQUIRED, &driver, &error),
                   LML_OK);
  assert_int_equal(lml_json_number(document, driver, "address", LML_JSON_REQUIRED, &number, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:2: driver.address: the key is missing; add it");
  lml_json_free(document);
}

static void wrong_types_name_the_full_key(void **state) {
  (void)state;
  lml_json *document = parsed(
      "{\"a\": {\"list\": [1, [2, {\"x\": \"y\"}],\n 2.5],\n\"texts\": [\"b\",\n\"\"], \"big\": 1e999,\n"
      "\"huge\": 3e9, \"none\": null}}");
  const lml_json_value *a = NULL;
  assert_int_equal(lml_json_object(document, lml_json_root(document), "a", LML_JSON_REQUIRED, &a, &error), LML_OK);
  const char *text;
  double number;
  int integer, *integers;
  bool logicals[2];
  size_t count;
  lml_text_list texts = {0};
  assert_int_equal(lml_json_text(document, a, "list", LML_JSON_OPTIONAL, &text, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:1: a.list: must be a string, not an array");
  assert_int_equal(lml_json_integers(document, a, "list", LML_JSON_OPTIONAL, &integers, &count, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:1: a.list[1]: must be an integer, not an array");
  assert_int_equal(lml_json_logicals(document, a, "list", LML_JSON_OPTIONAL, 2, logicals, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:1: a.list: must have 2 elements, not 3");
  assert_int_equal(lml_json_texts(document, a, "texts", LML_JSON_OPTIONAL, &texts, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:4: a.texts[1]: must not be empty");
  lml_text_list_free(&texts);
  assert_int_equal(lml_json_number(document, a, "big", LML_JSON_OPTIONAL, &number, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:4: a.big: the number is too large");
  assert_int_equal(lml_json_integer(document, a, "huge", LML_JSON_OPTIONAL, &integer, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:5: a.huge: must be an integer");
  assert_int_equal(lml_json_number(document, a, "none", LML_JSON_OPTIONAL, &number, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:5: a.none: must be a number, not null");
  lml_json_free(document);
}

static void unknown_and_double_keys(void **state) {
  (void)state;
  static const char *const known[] = {"address", "wait", "socket_prefix"};
  lml_json *document = parsed("{\"wait\": 1,\n\"adress\": 2}");
  assert_int_equal(lml_json_check_keys(document, lml_json_root(document), known, 3, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:2: adress: no such key; is 'address' meant?");
  lml_json_free(document);
  document = parsed("{\"wait\": 1,\n\"temperature\": 2}");
  assert_int_equal(lml_json_check_keys(document, lml_json_root(document), known, 3, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:2: temperature: no such key; remove it");
  lml_json_free(document);
  document = parsed("{\"wait\": 1,\n\"address\": 2,\n\"wait\": 1}");
  assert_int_equal(lml_json_check_keys(document, lml_json_root(document), known, 3, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:3: wait: the key is given twice; remove one");
  lml_json_free(document);
}

static void text_that_is_not_json(void **state) {
  (void)state;
  refused("{\n\"a\": 1, // one\n\"b\": 2}", "w.json:2: a comment, which JSON has not; remove it");
  refused("{\"a\": 1 /* one */}", "w.json:1: a comment, which JSON has not; remove it");
  refused("# settings\n{}", "w.json:1: a comment, which JSON has not; remove it");
  refused("{\"a\": 1}\n{\"b\": 2}", "w.json:2: not JSON from here on: '{\"b\": 2}'");
  refused("{\"a\": 1\n\"b\": 2}", "w.json:2: not JSON from here on: '\"b\": 2}'");
  refused("{\"a\": 1,\n", "w.json:2: the text ends before its last '}' or ']'; is it cut off?");
  refused("{\"a\": \"W.xyz\n\"b\": 2}", "w.json:1: a string without its closing quote '\"'");
  refused("{\"a\": \"W", "w.json:1: a string without its closing quote '\"'");
  refused("{\"a\": \"W\\", "w.json:1: a string without its closing quote '\"'");
  refused("{\"a\": \"W\\u0000\"}", "w.json:1: a NUL character in a string; remove it");
  refused("{'a': 1}", "w.json:1: not JSON from here on: 'a': 1}'");
  refused("", "w.json:1: the JSON text is empty or ends early");
  refused(" \n", "w.json:2: the JSON text is empty or ends early");
  refused("[1, 2]", "w.json: the JSON text must be an object: {\"key\": value, ...}");
  lml_json *document = NULL;
  assert_int_equal(lml_json_parse("{}\0", 3, "w.json", &document, &error), LML_ERR_INPUT);
  assert_string_equal(error.message, "w.json:1: a NUL character; remove it");
}

/** Every prefix of a valid text is refused, and none is read beyond its end (seen under AddressSanitizer). */
static void every_cut_is_refused(void **state) {
  (void)state;
  static const char text[] = "{\"a\": [1, {\"b\\\"\": \"c\\\\\"}], \"d\": {\"e\": [true, null, -1e5]}}";
  for (size_t bytes = 0; bytes < sizeof text - 1; bytes++) {
    char *copy = malloc(bytes > 0 ? bytes : 1);
    memcpy(copy, text, bytes);
    lml_json *document = NULL;
    assert_int_equal(lml_json_parse(copy, bytes, "w.json", &document, &error), LML_ERR_INPUT);
    free(copy);
  }
  lml_json_free(parsed(text));
}

static int allocations_left;

static void *scarce_malloc(size_t bytes) { return allocations_left-- > 0 ? malloc(bytes) : NULL; }

static void lack_of_memory_is_told_from_bad_json(void **state) {
  (void)state;
  lml_sys_table scarce = lml_sys_posix;
  scarce.malloc = scarce_malloc;
  lml_sys = &scarce;
  lml_status status = LML_ERR_MEMORY;
  for (int n = 0; status != LML_OK; n++) {
    assert_in_range(n, 0, 50);
    allocations_left = n;
    lml_json *document = NULL;
    status = lml_json_parse("{\"a\": [\"b\"]}", 12, "w.json", &document, &error);
    assert_true(status == LML_OK || status == LML_ERR_MEMORY);
    lml_json_free(document);
  }
  lml_sys = &lml_sys_posix;
}

/** The verdicts are those of Python's json.loads. */
static void values_are_known_as_python_knows_them(void **state) {
  (void)state;
  static const char *const values[] = {
      "1",         "-0.5e+3", "\"a\\u00e9\\n\"", "[]", "{}",  " [1, {\"a\" : null}] ", "NaN",
      "-Infinity", "true",    "[[1, 2], [NaN]]", "0",  "\"\""};
  static const char *const others[] = {"",         " ",         "01",      "1.",    ".5",    "+1",
                                       "1e",       "nan",       "tru",     "[1,]",  "[1 2]", "[",
                                       "[1",       "{1: 2}",    "{\"a\"}", "\"",    "\"\\",  "\"\\x\"",
                                       "\"a\tb\"", "\"\\u12\"", "[1] 2",   "nullx", "-",     "{\"a\": 1,}"};
  for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
    if (!lml_json_text_is_value(values[k])) fail_msg("%s", values[k]);
  for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
    if (lml_json_text_is_value(others[k])) fail_msg("%s", others[k]);
  char deep[2000];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  assert_false(lml_json_text_is_value(deep));
}

static void nearest_names(void **state) {
  (void)state;
  static const char *const names[] = {"--potential", "--parameters", NULL, "--structure", "unix"};
  assert_string_equal(lml_nearest("--potental", names, 5), "--potential");
  assert_string_equal(lml_nearest("--Structrue", names, 5), "--structure");
  assert_string_equal(lml_nearest("uinx", names, 5), "unix");
  assert_null(lml_nearest("--temperature-of-bath", names, 5));
  assert_null(lml_nearest("x", names, 5));
  assert_null(lml_nearest("", names, 5));
  assert_null(lml_nearest("x", names, 0));
  char longest[200] = "";
  memset(longest, 'x', sizeof longest - 1);
  assert_null(lml_nearest(longest, names, 5));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_of_each_type),
      cmocka_unit_test(missing_keys),
      cmocka_unit_test(wrong_types_name_the_full_key),
      cmocka_unit_test(unknown_and_double_keys),
      cmocka_unit_test(text_that_is_not_json),
      cmocka_unit_test(every_cut_is_refused),
      cmocka_unit_test(lack_of_memory_is_told_from_bad_json),
      cmocka_unit_test(values_are_known_as_python_knows_them),
      cmocka_unit_test(nearest_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
