/* The client end against a driver behind the seam: states, batches, messages out of turn, drivers that go away. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/client_session.h"
#include "support/fake_driver.h"
#include "support/near.h"

/** Serve the script to its end and compare the headers that the driver got. */
static served serve_script(int at_end, const char *headers) {
  served s = {.spring = 1.0};
  lml_ipi_client *client = connected();
  fake.at_end = at_end;
  serve(client, &s);
  lml_ipi_client_destroy(client);
  char got[512] = "";
  lml_ipi_decoder *decoder;
  assert_int_equal(lml_ipi_decoder_create(LML_IPI_CLIENT, lml_ipi_units_ev, &decoder, NULL), LML_OK);
  for (size_t at = 0, used; at < fake.got.length; at += used) {
    const lml_ipi_message *message;
    assert_int_equal(lml_ipi_decoder_feed(decoder, fake.got.bytes + at, fake.got.length - at, &used, &message, NULL),
                     LML_OK);
    assert_non_null(message);
    const size_t length = strlen(got);
    snprintf(got + length, sizeof got - length, "%s%s", length == 0 ? "" : " ", lml_ipi_type_name(message->type));
  }
  lml_ipi_decoder_destroy(decoder);
  assert_string_equal(got, headers);
  return s;
}

/** Serving the script fails with this status and a message that holds @p expected; the connection is closed. */
static void fails_with(lml_status status, const char *expected) {
  served s = {.spring = 1.0};
  lml_ipi_client *client = connected();
  serve(client, &s);
  assert_int_equal(s.status, status);
  if (strstr(s.error.message, expected) == NULL) fail_msg("'%s' does not hold '%s'", s.error.message, expected);
  assert_non_null(strstr(s.error.message, "unix:/tmp/ipi_test: "));
  lml_ipi_event event;
  assert_int_equal(lml_ipi_client_next(client, &event, &s.error), LML_ERR_USAGE);
  assert_int_equal(lml_ipi_client_check(client, &s.error), LML_ERR_USAGE);
  lml_ipi_client_destroy(client);
}

/* ---- states ---- */

static void plain_conversation_asks_for_init_once(void **state) {
  (void)state;
  say(LML_IPI_STATUS);
  say_init(3, " ");
  say_evaluation(2, 0.5);
  say_evaluation(2, 0.6);
  say(LML_IPI_STATUS);
  say(LML_IPI_EXIT);
  const served s = serve_script(EAGAIN, "NEEDINIT READY HAVEDATA FORCEREADY READY HAVEDATA FORCEREADY READY");
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.end, LML_IPI_END_EXIT);
  assert_int_equal(s.evaluations, 2);
  assert_int_equal(s.replicas[1], 3);
  assert_true(s.current[0]);
  assert_false(s.current[1]);
}

static void init_may_be_asked_for_before_every_evaluation(void **state) {
  (void)state;
  session_settings.init = LML_IPI_INIT_EVERY_EVALUATION;
  say(LML_IPI_STATUS);
  say_init(3, " ");
  say_evaluation(2, 0.5);
  say(LML_IPI_STATUS);
  say_init(7, " ");
  say_evaluation(2, 0.6);
  say(LML_IPI_STATUS);
  const served s = serve_script(0, "NEEDINIT READY HAVEDATA FORCEREADY NEEDINIT READY HAVEDATA FORCEREADY NEEDINIT");
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.end, LML_IPI_END_CLOSED);
  assert_int_equal(s.inits, 2);
  assert_int_equal(s.replicas[0], 3);
  assert_int_equal(s.replicas[1], 7);
  assert_true(s.current[0] && s.current[1]);
}

static void driver_that_never_sends_init_is_served(void **state) {
  (void)state;
  say_evaluation(2, 0.5);
  const served s = serve_script(0, "NEEDINIT HAVEDATA FORCEREADY");
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.evaluations, 1);
  assert_int_equal(s.replicas[0], -1);
  assert_false(s.current[0]);
}

static void init_string_reaches_the_caller_whole(void **state) {
  (void)state;
  say_init(0, "{\"lmlink\": 1, \"species\": [\"W\", \"He\"]}");
  lml_ipi_client *client = connected();
  lml_ipi_event event;
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(event.type, LML_IPI_EVENT_INIT);
  assert_string_equal(event.text, "{\"lmlink\": 1, \"species\": [\"W\", \"He\"]}");
  assert_int_equal(event.length, strlen(event.text));
  lml_ipi_client_destroy(client);
}

static void new_structure_may_have_another_number_of_atoms(void **state) {
  (void)state;
  session_settings.natoms = 2;
  say_evaluation(2, 0.5);
  say_evaluation(3, 0.5);
  served s = {.spring = 1.0};
  lml_ipi_event event;
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(event.natoms, 2);
  lml_ipi_client_expect(client, 3, 0);
  assert_int_equal(answer(client, &event, &s), LML_OK);
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(event.natoms, 3);
  lml_ipi_client_destroy(client);
}

static void structure_arrives_in_angstroms_with_rows(void **state) {
  (void)state;
  say_positions(2, 0.25);
  lml_ipi_event event;
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  static const double cell[9] = {3.0, 0.0, 0.0, 0.1, 4.0, 0.0, 0.2, 0.3, 5.0};
  for (size_t i = 0; i < 9; i++) assert_near(event.cell[i], cell[i], 1e-15);
  for (size_t i = 0; i < 6; i++) assert_near(event.positions[i], 0.25 + (double)i, 1e-15);
  assert_int_equal(event.batch_size, 1);
  lml_ipi_client_destroy(client);
}

static void virial_is_sent_symmetric(void **state) {
  (void)state;
  static const double virial[9] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0};
  static const double symmetric[9] = {1.0, 3.0, 5.0, 3.0, 5.0, 7.0, 5.0, 7.0, 9.0};
  say_positions(1, 0.5);
  say(LML_IPI_GETFORCE);
  served s = {.spring = 1.0, .virial = virial};
  lml_ipi_client *client = connected();
  fake.at_end = 0;
  serve(client, &s);
  double sent[9];
  assert_int_equal(fake.got.length, 12 + 8 + 4 + 24 + 72 + 4);
  memcpy(sent, fake.got.bytes + 12 + 8 + 4 + 24, sizeof sent);
  for (size_t i = 0; i < 9; i++) assert_near(sent[i] * LML_IPI_HARTREE, symmetric[i], 1e-14);
  lml_ipi_client_destroy(client);
}

/** i-PI asks for the forces right behind the positions: they go out with the reply, not with the next wait. */
static void forces_that_are_asked_for_leave_with_the_reply(void **state) {
  (void)state;
  say_positions(2, 0.5);
  say(LML_IPI_GETFORCE);
  served s = {.spring = 1.0};
  lml_ipi_event event;
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(fake.got.length, 0);
  assert_int_equal(answer(client, &event, &s), LML_OK);
  assert_int_equal(fake.got.length, 12 + 8 + 4 + 48 + 72 + 4);
  lml_ipi_client_destroy(client);
}

/* ---- batches ---- */

/** A batch of 4 structures of one atom, of which the last two repeat the second. */
static void say_batch(void) {
  double cells[36], positions[12] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0};
  for (size_t i = 0; i < 36; i++) cells[i] = i % 9 % 4 == 0 ? 5.0 : 0.0;
  say_init(9, "  batch_size:4");
  say_message(&(const lml_ipi_message){
      .type = LML_IPI_POSDATA, .batch = 4, .natoms = 1, .cells = cells, .positions = positions});
  say(LML_IPI_GETFORCE);
}

static void batch_is_handed_out_one_by_one_and_answered_whole(void **state) {
  (void)state;
  say_batch();
  served s = {.spring = 2.0, .extras = "{}", .extras_length = 2};
  lml_ipi_client *client = connected();
  fake.at_end = 0;
  serve(client, &s);
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.evaluations, 2);
  assert_int_equal(s.replicas[0], 9);
  assert_int_equal(s.replicas[1], -1);
  assert_true(s.current[0] && !s.current[1]);
  lml_ipi_decoder *decoder;
  assert_int_equal(lml_ipi_decoder_create(LML_IPI_CLIENT, lml_ipi_units_ev, &decoder, NULL), LML_OK);
  lml_ipi_decoder_expect_batch(decoder, 4);
  size_t at = 0;
  const lml_ipi_message *reply = read_message(decoder, &fake.got, &at);
  assert_non_null(reply);
  assert_int_equal(at, fake.got.length);
  for (size_t i = 0; i < 4; i++) {
    assert_near(reply->energies[i], i == 0 ? 14.0 : 77.0, 1e-13);
    assert_near(reply->forces[3 * i], i == 0 ? -2.0 : -8.0, 1e-14);
    assert_int_equal(reply->extras[i].length, 2);
    assert_string_equal(reply->extras[i].bytes, "{}");
  }
  lml_ipi_decoder_destroy(decoder);
  lml_ipi_client_destroy(client);
}

static void batch_that_is_not_whole_is_not_answered(void **state) {
  (void)state;
  say_batch();
  served s = {.spring = 2.0};
  lml_ipi_event event;
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(event.batch_index, 0);
  assert_int_equal(event.batch_size, 4);
  assert_int_equal(answer(client, &event, &s), LML_OK);
  assert_int_equal(fake.got.length, 0);
  lml_ipi_client_destroy(client);
}

/* ---- what the driver should not say ---- */

static void wrong_number_of_atoms_closes_the_connection(void **state) {
  (void)state;
  session_settings.natoms = 3;
  say_positions(2, 0.5);
  fails_with(LML_ERR_PROTOCOL, "natoms = 2 where 3 are expected");
}

static void garbage_closes_the_connection(void **state) {
  (void)state;
  say(LML_IPI_STATUS);
  say(LML_IPI_READY);
  fails_with(LML_ERR_PROTOCOL, "the driver sent 'READY       '");
}

static void bad_batch_size_closes_the_connection(void **state) {
  (void)state;
  say_init(0, " batch_size:-2");
  fails_with(LML_ERR_PROTOCOL, "INIT with 'batch_size:-2'");
}

static void messages_out_of_turn_close_the_connection(void **state) {
  (void)state;
  say(LML_IPI_GETFORCE);
  fails_with(LML_ERR_PROTOCOL, "the driver sent GETFORCE without positions before it");
  script.length = 0;
  say_positions(1, 0.5);
  say_positions(1, 0.5);
  fails_with(LML_ERR_PROTOCOL, "the driver sent POSDATA before it fetched the forces");
  script.length = 0;
  say_positions(1, 0.5);
  say_init(1, "");
  fails_with(LML_ERR_PROTOCOL, "the driver sent INIT before it fetched the forces");
}

/* ---- what the caller should not do ---- */

static void calls_out_of_turn_are_refused_and_harmless(void **state) {
  (void)state;
  say_evaluation(2, 0.5);
  served s = {.spring = 1.0};
  lml_ipi_event event = {.natoms = 2, .positions = (const double[6]){0.0}}, other;
  fake_install(script.bytes, script.length);
  lml_ipi_client *client = new_client();
  assert_int_equal(lml_ipi_client_next(client, &event, &s.error), LML_ERR_USAGE);
  assert_non_null(strstr(s.error.message, "connect first"));
  assert_int_equal(answer(client, &event, &s), LML_ERR_USAGE);
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  assert_int_equal(answer(client, &event, &s), LML_ERR_USAGE);
  assert_int_equal(lml_ipi_client_next(client, &event, &s.error), LML_OK);
  assert_int_equal(lml_ipi_client_next(client, &other, &s.error), LML_ERR_USAGE);
  assert_non_null(strstr(s.error.message, "wants its reply"));
  const lml_ipi_result short_result = {.natoms = 1, .forces = event.positions};
  assert_int_equal(lml_ipi_client_reply(client, &short_result, &s.error), LML_ERR_USAGE);
  assert_non_null(strstr(s.error.message, "a result of 1 atoms does not answer an evaluation of 2"));
  assert_int_equal(answer(client, &event, &s), LML_OK);
  lml_ipi_client_destroy(client);
  lml_ipi_client_destroy(NULL);
}

/* ---- drivers that go away ---- */

static void driver_that_hangs_up_while_computing_is_noticed(void **state) {
  (void)state;
  say_positions(1, 0.5);
  lml_error error;
  lml_ipi_event event;
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(lml_ipi_client_check(client, &error), LML_OK);
  assert_int_equal(lml_ipi_client_check(client, &error), LML_OK);
  assert_near(event.positions[2], 2.5, 1e-15);
  fake.at_end = 0;
  assert_int_equal(lml_ipi_client_check(client, &error), LML_ERR_CLOSED);
  assert_string_equal(error.message, "unix:/tmp/ipi_test: the driver closed the connection during an evaluation");
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
}

static void unread_forces_end_as_abandoned(void **state) {
  (void)state;
  say_positions(1, 0.5);
  say(LML_IPI_GETFORCE);
  served s = {.spring = 1.0};
  lml_ipi_client *client = connected();
  fake.takes = 40;
  serve(client, &s);
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.end, LML_IPI_END_ABANDONED);
  assert_int_equal(fake.got.length, 40);
  lml_ipi_client_destroy(client);
}

/** i-PI asks for the status, sends EXIT and closes without reading the answer. */
static void exit_behind_an_unread_answer_is_an_exit(void **state) {
  (void)state;
  say(LML_IPI_STATUS);
  say(LML_IPI_STATUS);
  say(LML_IPI_EXIT);
  served s = {.spring = 1.0};
  lml_ipi_client *client = connected();
  fake.takes = 12;
  fake.read_step = 12;
  serve(client, &s);
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.end, LML_IPI_END_EXIT);
  lml_ipi_client_destroy(client);
}

/** Connect again, to a driver that says the script, and serve it. */
static served serve_again(lml_ipi_client *client) {
  served s = {.spring = 1.0};
  fake.bytes = script.bytes;
  fake.length = script.length;
  fake.position = 0;
  fake.at_end = 0;
  fake.got.length = 0;
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  serve(client, &s);
  return s;
}

static void client_connects_again_after_the_end(void **state) {
  (void)state;
  say_init(4, " batch_size:2");
  say(LML_IPI_EXIT);
  served s = {.spring = 1.0};
  lml_ipi_client *client = connected();
  serve(client, &s);
  assert_int_equal(s.end, LML_IPI_END_EXIT);
  script.length = 0;
  say_evaluation(2, 0.5);
  s = serve_again(client);
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.evaluations, 1);
  assert_int_equal(s.replicas[0], -1);
  assert_memory_equal(fake.got.bytes, "NEEDINIT    HAVEDATA    FORCEREADY  ", 36);
  lml_ipi_client_destroy(client);
}

static void client_connects_again_after_a_failure(void **state) {
  (void)state;
  say(LML_IPI_STATUS);
  say(LML_IPI_READY);
  say(LML_IPI_STATUS);
  for (size_t i = 0; i < 2; i++) {
    served s = {.spring = 1.0};
    lml_ipi_client *client = connected();
    fake.at_end = 0;
    if (i == 0) fake.length = 17; /* inside the second header */
    serve(client, &s);
    assert_int_equal(s.status, i == 0 ? LML_ERR_CLOSED : LML_ERR_PROTOCOL);
    lml_ipi_buffer bad = script;
    script = (lml_ipi_buffer){0};
    say_evaluation(2, 0.5);
    s = serve_again(client);
    assert_int_equal(s.status, LML_OK);
    assert_int_equal(s.evaluations, 1);
    lml_ipi_client_destroy(client);
    lml_ipi_buffer_free(&script);
    script = bad;
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, session_set_up, session_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(plain_conversation_asks_for_init_once),
      TEST(init_may_be_asked_for_before_every_evaluation),
      TEST(driver_that_never_sends_init_is_served),
      TEST(init_string_reaches_the_caller_whole),
      TEST(new_structure_may_have_another_number_of_atoms),
      TEST(structure_arrives_in_angstroms_with_rows),
      TEST(virial_is_sent_symmetric),
      TEST(forces_that_are_asked_for_leave_with_the_reply),
      TEST(batch_is_handed_out_one_by_one_and_answered_whole),
      TEST(batch_that_is_not_whole_is_not_answered),
      TEST(wrong_number_of_atoms_closes_the_connection),
      TEST(garbage_closes_the_connection),
      TEST(bad_batch_size_closes_the_connection),
      TEST(messages_out_of_turn_close_the_connection),
      TEST(calls_out_of_turn_are_refused_and_harmless),
      TEST(driver_that_hangs_up_while_computing_is_noticed),
      TEST(unread_forces_end_as_abandoned),
      TEST(exit_behind_an_unread_answer_is_an_exit),
      TEST(client_connects_again_after_the_end),
      TEST(client_connects_again_after_a_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
