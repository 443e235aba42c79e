/* The configuration of lmlink-serve, from JSON and from the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "programs/serve_options.h"
#include "support/folder.h"

#define HEAD "{\"format\": \"lmlink-serve\", \"version\": 1,\n"
#define LINEAR "\"calculator\": {\"type\": \"linear\", \"potential\": {\"file\": \"W.snap\"}}"

static const char *json_path;
static lml_error error;

static void write_json(const char *text) { json_path = write_text("w.json", text); }

/** Read a configuration from `lmlink-serve WORD ...`; words are separated by single blanks. */
static lml_status read_line(const char *line, lml_serve_config *config) {
  static char copy[1024];
  char *argv[24] = {copy};
  int argc = 1;
  snprintf(copy, sizeof copy, "lmlink-serve %s", line);
  for (char *c = strchr(copy, ' '); c != NULL && c[1] != '\0'; c = strchr(c + 1, ' ')) {
    *c = '\0';
    argv[argc++] = c + 1;
  }
  lml_arguments arguments;
  lml_serve_config_init(config);
  lml_status status = lml_arguments_parse(&lml_serve_command, argc, argv, &arguments, &error);
  if (status == LML_OK) status = lml_serve_options_read(&arguments, config, &error);
  lml_arguments_free(&arguments);
  return status;
}

static lml_status read_json(const char *text, lml_serve_config *config) {
  write_json(text);
  return read_line(json_path, config);
}

static void assert_beside_json(const char *path, const char *name) {
  char expected[1024];
  snprintf(expected, sizeof expected, "%s/%s", folder_name, name);
  assert_string_equal(path, expected);
}

/* ---- what is right ---- */

static void every_key_arrives(void **state) {
  (void)state;
  lml_serve_config config;
  assert_int_equal(read_json(HEAD "\"structure\": \"cells/W.xyz\", \"driver\": {\"address\": \"localhost:31415\",\n"
                                  "\"socket_prefix\": \"/run/ipi_\", \"wait\": 2.5, \"reconnect\": true,\n"
                                  "\"reinit\": true}, \"calculator\": {\"type\": \"linear\", \"potential\": {\n"
                                  "\"file\": \"/pot/W.snapcoeff\", \"parameters\": \"../W.snapparam\",\n"
                                  "\"fixed_terms\": \"snap\"}}, \"extras\": \"json\", \"log_level\": \"debug\"}",
                             &config),
                   LML_OK);
  assert_beside_json(config.structure, "cells/W.xyz");
  assert_string_equal(config.calculator.potential, "/pot/W.snapcoeff");
  assert_beside_json(config.calculator.parameters, "../W.snapparam");
  assert_int_equal(config.calculator.fixed_terms, LML_FIXED_TERMS_SNAP);
  assert_string_equal(config.driver.address, "localhost:31415");
  assert_string_equal(config.driver.socket_prefix, "/run/ipi_");
  assert_true(config.driver.wait == 2.5);
  assert_true(config.driver.reconnect && config.driver.reinit);
  assert_int_equal(config.extras, LML_SESSION_EXTRAS_JSON);
  assert_int_equal(config.log_level, LML_LOG_DEBUG);
  lml_serve_config_free(&config);
}

static void defaults(void **state) {
  (void)state;
  lml_serve_config config;
  assert_int_equal(read_json(HEAD "\"driver\": {\"address\": \"unix:w\"},\n" LINEAR "}", &config), LML_OK);
  assert_null(config.structure);
  assert_null(config.calculator.parameters);
  assert_null(config.driver.socket_prefix);
  assert_int_equal(config.calculator.fixed_terms, LML_FIXED_TERMS_UNSTATED);
  assert_true(config.driver.wait < 0.0);
  assert_false(config.driver.reconnect || config.driver.reinit);
  assert_int_equal(config.extras, LML_SESSION_EXTRAS_NONE);
  assert_int_equal(config.log_level, LML_LOG_ERROR);
  lml_serve_config_free(&config);
}

static void options_alone_are_enough(void **state) {
  (void)state;
  lml_serve_config config;
  assert_int_equal(read_line("--potential W.snapcoeff --parameters p --fixed-terms none --structure W.xyz "
                             "--driver unix:w --socket-prefix /tmp/x_ --reconnect --wait 0 --reinit --extras json "
                             "--log-level quiet",
                             &config),
                   LML_OK);
  assert_null(config.path);
  assert_string_equal(config.calculator.potential, "W.snapcoeff");
  assert_string_equal(config.calculator.parameters, "p");
  assert_int_equal(config.calculator.fixed_terms, LML_FIXED_TERMS_NONE);
  assert_string_equal(config.structure, "W.xyz");
  assert_string_equal(config.driver.address, "unix:w");
  assert_string_equal(config.driver.socket_prefix, "/tmp/x_");
  assert_true(config.driver.wait == 0.0);
  assert_true(config.driver.reconnect && config.driver.reinit);
  assert_int_equal(config.extras, LML_SESSION_EXTRAS_JSON);
  assert_int_equal(config.log_level, LML_LOG_QUIET);
  lml_serve_config_free(&config);
}

static void options_count_more_than_the_file(void **state) {
  (void)state;
  write_json(HEAD
             "\"driver\": {\"address\": \"unix:w\", \"wait\": 3},\n\"calculator\": {\"type\": \"linear\", "
             "\"potential\": {\"file\": \"W.snapcoeff\", \"parameters\": \"p\", \"fixed_terms\": \"none\"}}}");
  char line[1024];
  lml_serve_config config;
  snprintf(line, sizeof line, "%s --driver unix:v", json_path);
  assert_int_equal(read_line(line, &config), LML_OK);
  assert_string_equal(config.driver.address, "unix:v");
  assert_true(config.driver.wait == 3.0);
  assert_beside_json(config.calculator.parameters, "p");
  lml_serve_config_free(&config);

  snprintf(line, sizeof line, "--potential Ta.snap --log-level info %s", json_path);
  assert_int_equal(read_line(line, &config), LML_OK);
  assert_string_equal(config.calculator.potential, "Ta.snap");
  assert_null(config.calculator.parameters);
  assert_int_equal(config.calculator.fixed_terms, LML_FIXED_TERMS_UNSTATED);
  assert_string_equal(config.driver.address, "unix:w");
  assert_int_equal(config.log_level, LML_LOG_INFO);
  lml_serve_config_free(&config);
}

/* ---- what is wrong ---- */

/** @p message is what follows the path of the JSON file. */
static void wrong_json(const char *text, const char *message) {
  char expected[1024];
  lml_serve_config config;
  assert_int_not_equal(read_json(text, &config), LML_OK);
  snprintf(expected, sizeof expected, "%s%s", json_path, message);
  assert_string_equal(error.message, expected);
  lml_serve_config_free(&config);
}

static void unknown_keys_name_the_nearest(void **state) {
  (void)state;
  wrong_json(HEAD "\"drivr\": {}}", ":2: drivr: no such key; is 'driver' meant?");
  wrong_json(HEAD "\"driver\": {\n\"adress\": \"unix:w\"}}", ":3: driver.adress: no such key; is 'address' meant?");
  wrong_json(HEAD "\"calculator\": {\"type\": \"linear\",\n\"potentail\": {}}}",
             ":3: calculator.potentail: no such key; is 'potential' meant?");
  wrong_json(HEAD "\"calculator\": {\"type\": \"linear\", \"potential\": {\"file\": \"W\",\n\"Fixed-terms\": 0}}}",
             ":3: calculator.potential.Fixed-terms: no such key; is 'fixed_terms' meant?");
  wrong_json(HEAD "\"cutoff\": 5}", ":2: cutoff: no such key; remove it");
}

static void wrong_types_are_named(void **state) {
  (void)state;
  wrong_json(HEAD "\"structure\": [\"W.xyz\"]}", ":2: structure: must be a string, not an array");
  wrong_json(HEAD "\"structure\": \"\"}", ":2: structure: must not be empty");
  wrong_json(HEAD "\"driver\": \"unix:w\"}", ":2: driver: must be an object, not a string: {\"address\": ...}");
  wrong_json(HEAD "\"driver\": {\"address\": 31415}}", ":2: driver.address: must be a string, not a number");
  wrong_json(HEAD "\"driver\": {\"wait\": \"1\"}}", ":2: driver.wait: must be a number, not a string");
  wrong_json(HEAD "\"driver\": {\"wait\": -1}}",
             ":2: driver.wait: must not be negative; omit it to wait without limit");
  wrong_json(HEAD "\"driver\": {\"reconnect\": 1}}", ":2: driver.reconnect: must be true or false, not a number");
  wrong_json(HEAD "\"driver\": {\"reinit\": null}}", ":2: driver.reinit: must be true or false, not null");
  wrong_json(HEAD "\"calculator\": {\"type\": \"snap\"}}",
             ":2: calculator.type: 'snap' is none of: linear, remote, mixing");
  wrong_json(HEAD LINEAR ", \"extras\": \"all\"}", ":2: extras: 'all' is none of: none, json, ipi-committee");
  wrong_json(HEAD LINEAR ", \"log_level\": \"warn\"}", ":2: log_level: 'warn' is none of: quiet, error, info, debug");
  wrong_json(HEAD "\"calculator\": {\"type\": \"linear\", \"potential\": {\"file\": \"W\", \"fixed_terms\": \"zbl\"}}}",
             ":2: calculator.potential.fixed_terms: 'zbl' is none of: none, snap");
}

static void missing_keys_are_named(void **state) {
  (void)state;
  wrong_json("{\"version\": 1}", ":1: format: the key is missing; add it");
  wrong_json("{\"format\": \"lmlink-retrain\"}", ":1: format: 'lmlink-retrain' is none of: lmlink-serve");
  wrong_json("{\"format\": \"lmlink-serve\"}", ":1: version: the key is missing; add it");
  wrong_json("{\"format\": \"lmlink-serve\",\n\"version\": 2, \"new\": 3}",
             ":2: version: version 2 is not known; this lmlink reads version 1");
  wrong_json(HEAD "\"driver\": {}}", ":1: calculator: the key is missing; add it");
  wrong_json(HEAD "\"calculator\": {}}", ":2: calculator.type: the key is missing; add it");
  wrong_json(HEAD "\"calculator\": {\"type\": \"linear\"}}", ":2: calculator.potential: the key is missing; add it");
  wrong_json(HEAD "\"calculator\": {\"type\": \"linear\", \"potential\": {}}}",
             ":2: calculator.potential.file: the key is missing; add it");
  wrong_json(HEAD LINEAR "}", ": no driver: add driver.address, or give --driver unix:NAME or HOST:PORT");
}

static void text_that_is_not_json(void **state) {
  (void)state;
  wrong_json("", ":1: the JSON text is empty or ends early");
  wrong_json(HEAD "// the driver\n\"driver\": {}}", ":2: a comment, which JSON has not; remove it");
  wrong_json(HEAD "\"driver\": {\"address\": \"unix:w\"}",
             ":2: the text ends before its last '}' or ']'; is it cut off?");
  wrong_json(HEAD "\"driver\": {}, \"driver\": {}}", ":2: driver: the key is given twice; remove one");
}

static void a_wrong_address_names_the_key(void **state) {
  (void)state;
  lml_serve_config config;
  assert_int_equal(read_json(HEAD "\"driver\": {\"address\":\n\"lmlink\"}}", &config), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "w.json:3: driver.address: "));
  lml_serve_config_free(&config);
}

static void a_missing_file_is_named(void **state) {
  (void)state;
  lml_serve_config config;
  assert_int_equal(read_line("/nowhere/w.json", &config), LML_ERR_IO);
  assert_non_null(strstr(error.message, "/nowhere/w.json"));
  lml_serve_config_free(&config);
}

static void wrong_line(const char *line, const char *message) {
  lml_serve_config config;
  assert_int_equal(read_line(line, &config), LML_ERR_USAGE);
  assert_string_equal(error.message, message);
  lml_serve_config_free(&config);
}

static void wrong_options(void **state) {
  (void)state;
  wrong_line("", "no potential: give a configuration file, or --potential FILE");
  wrong_line("--potential W.snap", "no driver: give --driver unix:NAME or --driver HOST:PORT");
  wrong_line("--potential W.snap --driver unix:w --wait -2", "--wait '-2' is negative: omit it to wait without limit");
  wrong_line("--potential= --driver unix:w", "--potential needs a value: --potential FILE");
  wrong_line("--potental W.snap", "unknown option '--potental': did you mean --potential?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_arrives),
      cmocka_unit_test(defaults),
      cmocka_unit_test(options_alone_are_enough),
      cmocka_unit_test(options_count_more_than_the_file),
      cmocka_unit_test(unknown_keys_name_the_nearest),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(missing_keys_are_named),
      cmocka_unit_test(text_that_is_not_json),
      cmocka_unit_test(a_wrong_address_names_the_key),
      cmocka_unit_test(a_missing_file_is_named),
      cmocka_unit_test(wrong_options),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
