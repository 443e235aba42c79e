#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_writer.h"
#include "engine/init.h"
#include "session/session.h"
#include "support/near.h"
#include "support/scripted_driver.h"
#include "support/spring_calculator.h"

static double positions[] = {1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.25, 0.5, 0.125};
static int numbers[] = {74, 2, 74};

/** A structure of the first @p natoms atoms above, in a cubic cell of 10 Å. */
static lml_structure structure_of(size_t natoms) {
  return (lml_structure){.natoms = natoms,
                         .cell = {10.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 10.0},
                         .pbc = {true, true, true},
                         .numbers = numbers,
                         .positions = positions};
}

/* ---- one session from script to end ---- */

typedef struct fixture {
  scripted_driver driver;
  spring_script springs;
  lml_structure structure;
  lml_session_settings settings;
  volatile sig_atomic_t stop;
  lml_error error;
  char log[4096]; /**< lines, each with its newline */
} fixture;

static void keep_line(void *context, const char *line) {
  fixture *f = context;
  const size_t used = strlen(f->log);
  snprintf(f->log + used, sizeof f->log - used, "%s\n", line);
}

static int set_up(void **state) {
  static fixture f;
  memset(&f, 0, sizeof f);
  scripted_driver_open(&f.driver);
  f.structure = structure_of(2);
  f.settings.structure = &f.structure;
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  scripted_driver_close(&f->driver);
  return 0;
}

static lml_status serve(fixture *f) {
  const lml_log log = {.level = LML_LOG_DEBUG, .write = keep_line, .context = f};
  lml_ipi_client_settings client_settings = {.stop = &f->stop};
  lml_session *session;
  lml_ipi_client *client;
  f->settings.calculator = spring_calculator(&f->springs);
  f->settings.log = &log;
  assert_int_equal(lml_ipi_address_parse("unix:x", NULL, &client_settings.address, NULL), LML_OK);
  assert_int_equal(lml_ipi_client_create(&client_settings, &client, NULL), LML_OK);
  assert_int_equal(lml_session_create(&f->settings, &session, NULL), LML_OK);
  assert_int_equal(lml_ipi_client_connect(client, &f->error), LML_OK);
  const lml_status status = lml_session_serve(session, client, &f->error);
  lml_session_destroy(session);
  lml_ipi_client_destroy(client);
  lml_calculator_destroy(f->settings.calculator);
  return status;
}

static void ask(fixture *f, const lml_structure *structure) {
  scripted_driver_posdata(&f->driver, structure);
  scripted_driver_say(&f->driver, LML_IPI_GETFORCE);
}

static const lml_ipi_message *hear(fixture *f, lml_ipi_type type) {
  const lml_ipi_message *message;
  assert_true(scripted_driver_hear(&f->driver, &message));
  assert_string_equal(lml_ipi_type_name(message->type), lml_ipi_type_name(type));
  return message;
}

static void hear_extras(fixture *f, const char *text) {
  const lml_ipi_message *message = hear(f, LML_IPI_FORCEREADY);
  assert_int_equal(message->extras[0].length, strlen(text));
  assert_memory_equal(message->extras[0].bytes, text, strlen(text));
}

/** The session fails, says why, and has closed the connection without another word. */
static void fails(fixture *f, lml_status status, const char *message) {
  const lml_ipi_message *heard;
  assert_int_equal(serve(f), status);
  assert_non_null(strstr(f->error.message, message));
  assert_false(scripted_driver_hear(&f->driver, &heard));
  assert_true(scripted_driver_is_alone(&f->driver));
}

/* ---- what is served ---- */

static void serves_until_exit(void **state) {
  fixture *f = *state;
  scripted_driver_say(&f->driver, LML_IPI_STATUS);
  scripted_driver_init(&f->driver, 3, " batch : none,");
  scripted_driver_say(&f->driver, LML_IPI_STATUS);
  ask(f, &f->structure);
  ask(f, &f->structure);
  scripted_driver_say(&f->driver, LML_IPI_EXIT);
  assert_int_equal(serve(f), LML_OK);

  hear(f, LML_IPI_NEEDINIT);
  hear(f, LML_IPI_READY);
  for (int i = 0; i < 2; i++) {
    const lml_ipi_message *message = hear(f, LML_IPI_FORCEREADY);
    assert_int_equal(message->natoms, 2);
    assert_near(message->energies[0], 0.5 * 74 * 1.0 + 0.5 * 2 * 4.0, 1e-12);
    assert_near(message->forces[0], -74.0, 1e-12);
    assert_near(message->forces[4], -4.0, 1e-12);
    assert_near(message->virials[0], -74.0, 1e-12);
    assert_near(message->virials[4], -8.0, 1e-12);
    assert_int_equal(message->extras[0].length, 0);
  }
  assert_int_equal(f->springs.last_number, 2);
  assert_non_null(strstr(f->log, "evaluation 2: replica 3, 2 atoms, energy 41.000000000 eV, max |F| 74.000000 eV/Å, "));
  assert_non_null(strstr(f->log, "the driver sent EXIT after 2 evaluations"));
}

static void ends_cleanly_where_the_driver_closes(void **state) {
  fixture *f = *state;
  ask(f, &f->structure);
  scripted_driver_hang_up(&f->driver);
  assert_int_equal(serve(f), LML_OK);
  hear(f, LML_IPI_FORCEREADY);
  assert_non_null(strstr(f->log, "the driver closed the connection after 1 evaluations"));
}

static void sends_json_where_wanted(void **state) {
  fixture *f = *state;
  f->settings.extras = LML_SESSION_EXTRAS_JSON;
  ask(f, &f->structure);
  scripted_driver_say(&f->driver, LML_IPI_EXIT);
  assert_int_equal(serve(f), LML_OK);
  hear_extras(f,
              "{\"energy_kind\": \"exact\", \"virial_kind\": \"exact\", \"springs\": 2, \"tension\": 0.5, "
              "\"maker\": \"a \\\"test\\\"\"}");
  assert_string_equal(f->springs.asked, "");
}

static void results_nobody_knows_are_told_of_once(void **state) {
  fixture *f = *state;
  const char *const always[] = {"energies", "charges"};
  f->settings.extras = LML_SESSION_EXTRAS_JSON;
  f->settings.results = (lml_request){.names = always, .count = 2};
  scripted_driver_init(&f->driver, 0,
                       "{\"lmlink\": 1, \"species\": [74, 2], \"pbc\": [true, true, true], \"results\": [\"spins\", "
                       "\"energies\"]}");
  ask(f, &f->structure);
  ask(f, &f->structure);
  scripted_driver_say(&f->driver, LML_IPI_EXIT);
  assert_int_equal(serve(f), LML_OK);
  for (int i = 0; i < 2; i++)
    hear_extras(f,
                "{\"energy_kind\": \"exact\", \"virial_kind\": \"exact\", \"springs\": 2, \"tension\": 0.5, "
                "\"maker\": \"a \\\"test\\\"\", \"energies\": [37.0, 4.0]}");
  assert_string_equal(f->springs.asked, "energies charges spins ");
  const char *charges = strstr(f->log, "the result 'charges' is asked for, but the spring calculator does not give it");
  assert_non_null(charges);
  assert_null(strstr(charges + 1, "the result 'charges'"));
  assert_non_null(strstr(f->log, "the result 'spins' is asked for"));
}

/* ---- species and periodicity ---- */

static void init_brings_structures_and_wishes(void **state) {
  fixture *f = *state;
  const lml_structure three = structure_of(3), one = structure_of(1);
  f->settings.structure = NULL;
  scripted_driver_init(
      &f->driver, 0,
      "{\"lmlink\": 1, \"species\": [74, 2, 4], \"pbc\": [true, false, true], \"results\": [\"energies\"]}");
  ask(f, &three);
  scripted_driver_init(&f->driver, 0, "{\"lmlink\": 1, \"species\": [2], \"pbc\": [false, false, false]}");
  ask(f, &one);
  scripted_driver_say(&f->driver, LML_IPI_EXIT);
  assert_int_equal(serve(f), LML_OK);
  hear_extras(f,
              "{\"energy_kind\": \"exact\", \"virial_kind\": \"exact\", \"springs\": 3, \"tension\": 0.5, "
              "\"maker\": \"a \\\"test\\\"\", \"energies\": [37.0, 4.0, 0.65625]}");
  const lml_ipi_message *message = hear(f, LML_IPI_FORCEREADY);
  assert_int_equal(message->natoms, 1);
  assert_near(message->forces[0], -2.0, 1e-12);
  assert_int_equal(message->extras[0].length, 0);
  assert_string_equal(f->springs.asked, "");
  assert_false(f->springs.pbc[0]);
}

static void another_natoms_is_refused(void **state) {
  fixture *f = *state;
  const lml_structure three = structure_of(3);
  scripted_driver_posdata(&f->driver, &three);
  fails(f, LML_ERR_PROTOCOL, "natoms = 3 where 2 are expected");
  assert_int_equal(f->springs.started, 0);
}

static void another_natoms_than_inits_is_refused(void **state) {
  fixture *f = *state;
  f->settings.element = 74;
  f->settings.structure = NULL;
  scripted_driver_init(&f->driver, 0, "{\"lmlink\": 1, \"species\": [74, 74, 74], \"pbc\": [true, false, true]}");
  scripted_driver_posdata(&f->driver, &f->structure);
  fails(f, LML_ERR_PROTOCOL, "natoms = 2 where 3 are expected");
}

static void one_element_may_come_in_any_number(void **state) {
  fixture *f = *state;
  lml_structure three = structure_of(3);
  const lml_structure one = structure_of(1);
  f->structure = one; /* one tungsten atom, periodic in all directions */
  f->settings.element = 74;
  ask(f, &three);
  ask(f, &one);
  scripted_driver_say(&f->driver, LML_IPI_EXIT);
  assert_int_equal(serve(f), LML_OK);
  const lml_ipi_message *message = hear(f, LML_IPI_FORCEREADY);
  assert_int_equal(message->natoms, 3);
  assert_near(message->forces[4], -2.0 * 74, 1e-12);
  assert_int_equal(hear(f, LML_IPI_FORCEREADY)->natoms, 1);
}

static void the_only_element_needs_no_structure(void **state) {
  fixture *f = *state;
  lml_structure slab = structure_of(3);
  memset(&slab.cell[6], 0, 3 * sizeof(double));
  f->settings.structure = NULL;
  f->settings.element = 74;
  ask(f, &slab);
  scripted_driver_say(&f->driver, LML_IPI_EXIT);
  assert_int_equal(serve(f), LML_OK);
  assert_int_equal(hear(f, LML_IPI_FORCEREADY)->natoms, 3);
  assert_int_equal(f->springs.last_number, 74);
  assert_true(f->springs.pbc[0] && f->springs.pbc[1] && !f->springs.pbc[2]);
}

static void several_elements_need_a_structure(void **state) {
  fixture *f = *state;
  f->settings.structure = NULL;
  ask(f, &f->structure);
  fails(f, LML_ERR_INPUT, "evaluation 1: the species of the driver's 2 atoms are not known");
}

/* ---- what goes wrong ---- */

static void nan_positions_are_refused(void **state) {
  fixture *f = *state;
  double bad[6] = {0.0};
  f->structure.positions = bad;
  ask(f, &f->structure);
  bad[4] = NAN;
  ask(f, &f->structure);
  assert_int_equal(serve(f), LML_ERR_INPUT);
  assert_non_null(strstr(f->error.message, "evaluation 2: "));
  assert_non_null(strstr(f->error.message, "atom 1"));
  const lml_ipi_message *message;
  hear(f, LML_IPI_FORCEREADY);
  assert_false(scripted_driver_hear(&f->driver, &message));
  assert_true(scripted_driver_is_alone(&f->driver));
}

static void a_degenerate_periodic_cell_is_refused(void **state) {
  fixture *f = *state;
  lml_structure flat = structure_of(2);
  memset(&flat.cell[3], 0, 3 * sizeof(double));
  ask(f, &flat);
  fails(f, LML_ERR_INPUT, "evaluation 1: ");
  assert_int_equal(f->springs.started, 0);
}

static void a_failed_calculation_closes_the_connection(void **state) {
  fixture *f = *state;
  f->springs.finish_fails = true;
  ask(f, &f->structure);
  fails(f, LML_ERR_INPUT, "evaluation 1: the springs are broken");
  assert_int_equal(f->springs.cancelled, 1);
}

static void forces_that_are_no_numbers_are_not_sent(void **state) {
  fixture *f = *state;
  f->springs.force_is_nan = true;
  ask(f, &f->structure);
  fails(f, LML_ERR_INPUT, "the force on atom 1 is not a finite number");
}

static void hang_up_at_slice(void *context, int slice) {
  fixture *f = context;
  if (slice == 2) scripted_driver_hang_up(&f->driver);
}

static void a_vanished_driver_cancels_a_long_evaluation(void **state) {
  fixture *f = *state;
  f->springs.slices = 1000000;
  f->springs.at_slice = hang_up_at_slice;
  f->springs.context = f;
  ask(f, &f->structure);
  assert_int_equal(serve(f), LML_ERR_CLOSED);
  assert_non_null(strstr(f->error.message, "the driver closed the connection during an evaluation"));
  assert_int_equal(f->springs.cancelled, 1);
}

static void stop_at_slice(void *context, int slice) {
  fixture *f = context;
  if (slice == 2) f->stop = 15;
}

static void a_signal_cancels_a_long_evaluation(void **state) {
  fixture *f = *state;
  f->springs.slices = 1000000;
  f->springs.at_slice = stop_at_slice;
  f->springs.context = f;
  ask(f, &f->structure);
  assert_int_equal(serve(f), LML_ERR_INTERRUPTED);
  assert_int_equal(f->springs.cancelled, 1);
}

static void a_driver_that_leaves_its_forces_is_told_of(void **state) {
  fixture *f = *state;
  scripted_driver_posdata(&f->driver, &f->structure);
  scripted_driver_hang_up(&f->driver);
  fails(f, LML_ERR_CLOSED, "the driver closed the connection before it had fetched evaluation 1");
}

static void an_unknown_header_ends_the_session(void **state) {
  fixture *f = *state;
  scripted_driver_bytes(&f->driver, "GETSTRESS   ", 12);
  fails(f, LML_ERR_PROTOCOL, "GETSTRESS");
}

static void a_bad_init_ends_the_session(void **state) {
  fixture *f = *state;
  scripted_driver_init(&f->driver, 0, "{\"lmlink\": 1, \"specis\": [74, 2], \"pbc\": [true, true, true]}");
  fails(f, LML_ERR_PROTOCOL, "INIT:1: specis: no such key; is 'species' meant?");
}

/* ---- INIT strings ---- */

static void plain_inits_say_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {"", " ", "cutoff:3, batch_size:4", "<parameters>", "[1]"};
  lml_init init = {0};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_int_equal(lml_init_read(texts[i], strlen(texts[i]), &init, NULL), LML_OK);
    assert_false(init.has_structure);
  }
  assert_int_equal(lml_init_read("\0", 1, &init, NULL), LML_OK);
  assert_false(init.has_structure);
}

static void wrong_init(const char *text, const char *message) {
  lml_init init = {0};
  lml_error error = {0};
  assert_int_equal(lml_init_read(text, strlen(text), &init, &error), LML_ERR_PROTOCOL);
  assert_int_equal(error.status, LML_ERR_PROTOCOL);
  assert_string_equal(error.message, message);
  assert_false(init.has_structure);
}

static void wrong_inits_name_the_key(void **state) {
  (void)state;
  wrong_init("{}", "INIT:1: lmlink: the key is missing; add it");
  wrong_init("{\"lmlink\": 2}", "INIT:1: lmlink: version 2 is not known; this lmlink reads version 1");
  wrong_init("{\"lmlink\": \"1\"}", "INIT:1: lmlink: must be an integer, not a string");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true]}", "INIT:1: pbc: must have 3 elements, not 2");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, 1]}", "INIT:1: pbc[2]: must be true or false, not a number");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, true]}", "INIT:1: species: the key is missing; add it");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, true], \"species\": []}", "INIT:1: species: names no atom");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, true], \"species\": [74, 0]}",
             "INIT:1: species: 0, of atom 1, is not an atomic number (1 to 118)");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, true], \"species\": [\"W\"]}",
             "INIT:1: species[0]: must be an integer, not a string");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, true], \"species\": [74], \"results\": [3]}",
             "INIT:1: results[0]: must be a string, not a number");
  wrong_init("{\"lmlink\": 1, \"pbc\": [true, true, true], \"species\": [74], \"results\": [\"a\", \"two words\"]}",
             "INIT:1: results: element 1 is no name of a result: letters, digits and _, at most 47");
  wrong_init("{\"lmlink\": 1, \"pbc\"", "INIT:1: the text ends before its last '}' or ']'; is it cut off?");
}

/* ---- extras ---- */

static void numbers_survive_the_way_through_json(void **state) {
  (void)state;
  static const double values[] = {0.1, -1.0 / 3.0, 1e-300, 12345.678901234567};
  lml_json_writer writer = {0};
  for (int i = 0; i < 2; i++) { /* the second time over the first one's memory */
    lml_json_writer_begin(&writer);
    lml_json_writer_numbers(&writer, "energies", values, 4);
    lml_json_writer_number(&writer, "nan", NAN);
    lml_json_writer_text(&writer, "t", "\"\\\n");
    assert_int_equal(lml_json_writer_end(&writer, NULL), LML_OK);
  }
  assert_int_equal(strlen(writer.text), writer.length);
  const char *number = strchr(writer.text, '[');
  for (int i = 0; i < 4; i++) {
    char *end;
    assert_true(strtod(number + 1, &end) == values[i]);
    number = end;
  }
  assert_string_equal(number, "], \"nan\": null, \"t\": \"\\\"\\\\\\u000a\"}");
  lml_json_writer_free(&writer);
}

#define with_driver(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_driver(serves_until_exit),
      with_driver(ends_cleanly_where_the_driver_closes),
      with_driver(sends_json_where_wanted),
      with_driver(results_nobody_knows_are_told_of_once),
      with_driver(init_brings_structures_and_wishes),
      with_driver(another_natoms_is_refused),
      with_driver(another_natoms_than_inits_is_refused),
      with_driver(one_element_may_come_in_any_number),
      with_driver(the_only_element_needs_no_structure),
      with_driver(several_elements_need_a_structure),
      with_driver(nan_positions_are_refused),
      with_driver(a_degenerate_periodic_cell_is_refused),
      with_driver(a_failed_calculation_closes_the_connection),
      with_driver(forces_that_are_no_numbers_are_not_sent),
      with_driver(a_vanished_driver_cancels_a_long_evaluation),
      with_driver(a_signal_cancels_a_long_evaluation),
      with_driver(a_driver_that_leaves_its_forces_is_told_of),
      with_driver(an_unknown_header_ends_the_session),
      with_driver(a_bad_init_ends_the_session),
      cmocka_unit_test(plain_inits_say_nothing),
      cmocka_unit_test(wrong_inits_name_the_key),
      cmocka_unit_test(numbers_survive_the_way_through_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
