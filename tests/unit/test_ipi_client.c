/* The client end against a driver behind the seam: every state, every way to fail, without waiting. */
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipi_client.h"
#include "ipi_codec.h"
#include "support/fake_driver.h"
#include "support/near.h"
#include "support/transcript.h"

enum { MOST_ATOMS = 8 };

/* ---- what the driver says ---- */

static lml_ipi_buffer script;

static void say_message(const lml_ipi_message *message) {
  assert_int_equal(lml_ipi_encode(message, lml_ipi_units_ev, &script, NULL), LML_OK);
}

static void say(lml_ipi_type type) { say_message(&(const lml_ipi_message){.type = type}); }

static void say_init(int32_t replica, const char *text) {
  say_message(&(const lml_ipi_message){
      .type = LML_IPI_INIT, .replica = replica, .init = {.bytes = text, .length = strlen(text)}});
}

/** POSDATA of one structure whose coordinates are value, value + 1, … */
static void say_positions(size_t natoms, double value) {
  static const double cell[9] = {3.0, 0.0, 0.0, 0.1, 4.0, 0.0, 0.2, 0.3, 5.0};
  double positions[3 * MOST_ATOMS];
  for (size_t i = 0; i < 3 * natoms; i++) positions[i] = value + (double)i;
  say_message(&(const lml_ipi_message){
      .type = LML_IPI_POSDATA, .batch = 1, .natoms = natoms, .cells = cell, .positions = positions});
}

/** STATUS, POSDATA, STATUS, GETFORCE. */
static void say_evaluation(size_t natoms, double value) {
  say(LML_IPI_STATUS);
  say_positions(natoms, value);
  say(LML_IPI_STATUS);
  say(LML_IPI_GETFORCE);
}

/* ---- the caller of the client ---- */

static lml_ipi_client_settings settings;

static void nothing_heard(void *context, const lml_ipi_address *address, const char *reason) {
  assert_string_equal(address->text, "unix:/tmp/ipi_test");
  snprintf(context, 64, "%s", reason);
}

static int set_up(void **state) {
  (void)state;
  settings = (lml_ipi_client_settings){.wait_limit = -1.0, .stop = &fake.stop};
  assert_int_equal(lml_ipi_address_parse("unix:test", NULL, &settings.address, NULL), LML_OK);
  script.length = 0;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  fake_remove();
  lml_ipi_buffer_free(&script);
  return 0;
}

static lml_ipi_client *new_client(void) {
  lml_ipi_client *client;
  assert_int_equal(lml_ipi_client_create(&settings, &client, NULL), LML_OK);
  return client;
}

/** A client that is connected to a driver that says the script. */
static lml_ipi_client *connected(void) {
  fake_install(script.bytes, script.length);
  lml_ipi_client *client = new_client();
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  return client;
}

/** How the evaluations are answered, and what happened. */
typedef struct served {
  double spring;
  const double *virial;
  const char *extras;
  size_t extras_length;
  size_t inits, evaluations;
  int32_t replicas[16];
  bool current[16];
  lml_status status;
  lml_error error;
  lml_ipi_end end;
} served;

static lml_status answer(lml_ipi_client *client, const lml_ipi_event *event, served *s) {
  double forces[3 * MOST_ATOMS], energy = 0.0;
  assert_true(event->natoms <= MOST_ATOMS);
  for (size_t i = 0; i < 3 * event->natoms; i++) {
    energy += 0.5 * s->spring * event->positions[i] * event->positions[i];
    forces[i] = -s->spring * event->positions[i];
  }
  const lml_ipi_result result = {.energy = energy,
                                 .natoms = event->natoms,
                                 .forces = forces,
                                 .virial = s->virial,
                                 .extras = s->extras,
                                 .extras_length = s->extras_length};
  if (s->evaluations < 16) {
    s->replicas[s->evaluations] = event->replica;
    s->current[s->evaluations] = event->replica_is_current;
  }
  s->evaluations++;
  return lml_ipi_client_reply(client, &result, &s->error);
}

/** Serve until the end or a failure. */
static void serve(lml_ipi_client *client, served *s) {
  lml_ipi_event event = {.type = LML_IPI_EVENT_INIT};
  do {
    s->status = lml_ipi_client_next(client, &event, &s->error);
    if (s->status != LML_OK || event.type == LML_IPI_EVENT_END) break;
    if (event.type == LML_IPI_EVENT_INIT)
      s->inits++;
    else
      s->status = answer(client, &event, s);
  } while (s->status == LML_OK);
  s->end = event.end;
  assert_int_equal(fake.open, 0);
}

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

/* ---- recorded drivers ---- */

/** The next message of one side of a conversation, NULL at its end. */
static const lml_ipi_message *read_message(lml_ipi_decoder *decoder, const lml_ipi_buffer *sent, size_t *at) {
  const lml_ipi_message *message = NULL;
  for (size_t used; message == NULL && *at < sent->length; *at += used)
    assert_int_equal(lml_ipi_decoder_feed(decoder, sent->bytes + *at, sent->length - *at, &used, &message, NULL),
                     LML_OK);
  return message;
}

static void compare_forceready(const lml_ipi_message *was, const lml_ipi_message *is) {
  assert_int_equal(is->batch, was->batch);
  assert_int_equal(is->natoms, was->natoms);
  for (size_t s = 0; s < was->batch; s++) {
    assert_near(is->energies[s], was->energies[s], 1e-13);
    assert_int_equal(is->extras[s].length, was->extras[s].length);
    assert_memory_equal(is->extras[s].bytes, was->extras[s].bytes, was->extras[s].length);
  }
  for (size_t i = 0; i < was->batch * was->natoms * 3; i++) assert_near(is->forces[i], was->forces[i], 1e-14);
  for (size_t i = 0; i < was->batch * 9; i++) assert_near(is->virials[i], was->virials[i], 1e-14);
}

/** What the driver got is what its own client answered. */
static void compare_with_recorded(const transcript *t) {
  const lml_ipi_buffer *sent = &t->sent[LML_IPI_CLIENT];
  lml_ipi_decoder *decoders[2];
  size_t was_at = 0, is_at = 0;
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(lml_ipi_decoder_create(LML_IPI_CLIENT, lml_ipi_units_ev, &decoders[i], NULL), LML_OK);
    lml_ipi_decoder_expect_batch(decoders[i], t->batch);
  }
  for (;;) {
    const lml_ipi_message *was = read_message(decoders[0], sent, &was_at);
    const lml_ipi_message *is = read_message(decoders[1], &fake.got, &is_at);
    assert_int_equal(was == NULL, is == NULL);
    if (was == NULL) break;
    assert_int_equal(was->type, is->type);
    if (was->type == LML_IPI_FORCEREADY) compare_forceready(was, is);
  }
  for (size_t i = 0; i < 2; i++) lml_ipi_decoder_destroy(decoders[i]);
}

/** Answer the driver of the transcript, whose bytes arrive and are taken in pieces of that size. */
static void replay(const transcript *t, size_t step) {
  static const double virial[9] = {1.0, 6.0, 5.0, 6.0, 2.0, 4.0, 5.0, 4.0, 3.0};
  const bool ase = strncmp(t->name, "ase", 3) == 0;
  served s = {.spring = transcript_spring(t),
              .virial = strcmp(t->name, "ase-3.29.0-cell") == 0 ? virial : NULL,
              .extras = ase ? "" : "nada",
              .extras_length = ase ? 1 : 4};
  fake_install(t->sent[LML_IPI_DRIVER].bytes, t->sent[LML_IPI_DRIVER].length);
  fake.read_step = fake.send_step = step;
  fake.slow = step == 1;
  fake.at_end = 0;
  lml_ipi_client *client = new_client();
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  serve(client, &s);
  lml_ipi_client_destroy(client);
  if (s.status != LML_OK) fail_msg("%s: %s", t->name, s.error.message);
  assert_int_equal(s.end, ase ? LML_IPI_END_CLOSED : LML_IPI_END_EXIT);
  assert_int_equal(s.inits, 1);
  compare_with_recorded(t);
}

static void recorded_drivers_get_what_their_own_clients_answered(void **state) {
  (void)state;
  for (size_t i = 0; transcript_names[i] != NULL; i++) {
    transcript t = transcript_read(transcript_names[i]);
    replay(&t, 0);
    replay(&t, 1);
    replay(&t, 7);
    transcript_free(&t);
  }
}

/** Where the messages of one side end, and which messages they are. */
static size_t message_ends(const lml_ipi_buffer *sent, size_t batch, size_t *ends, lml_ipi_type *types) {
  lml_ipi_decoder *decoder;
  size_t count = 0, at = 0;
  assert_int_equal(lml_ipi_decoder_create(LML_IPI_DRIVER, lml_ipi_units_ev, &decoder, NULL), LML_OK);
  lml_ipi_decoder_expect_batch(decoder, batch);
  for (const lml_ipi_message *message; (message = read_message(decoder, sent, &at)) != NULL; count++) {
    assert_true(count < 64);
    ends[count] = at;
    types[count] = message->type;
  }
  lml_ipi_decoder_destroy(decoder);
  return count;
}

/** A driver that goes away after any of its bytes: inside a message that is an error, between messages an end. */
static void driver_may_close_at_every_byte(void **state) {
  (void)state;
  static const char *const names[] = {"ase-3.29.0-molecule", "i-pi-3.3.1-batch"};
  for (size_t n = 0; n < 2; n++) {
    transcript t = transcript_read(names[n]);
    const lml_ipi_buffer *sent = &t.sent[LML_IPI_DRIVER];
    size_t ends[64], done = 0;
    lml_ipi_type types[64];
    const size_t count = message_ends(sent, t.batch, ends, types);
    for (size_t cut = 0; cut < sent->length; cut++) {
      served s = {.spring = 1.0};
      fake_install(sent->bytes, cut);
      fake.at_end = cut % 2 == 0 ? 0 : ECONNRESET;
      lml_ipi_client *client = new_client();
      assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
      serve(client, &s);
      lml_ipi_client_destroy(client);
      while (done < count && ends[done] <= cut) done++;
      const bool between = cut == (done == 0 ? 0 : ends[done - 1]);
      assert_int_equal(s.status, between ? LML_OK : LML_ERR_CLOSED);
      if (between) {
        lml_ipi_type last = LML_IPI_EXIT;
        for (size_t i = 0; i < done; i++)
          if (types[i] == LML_IPI_POSDATA || types[i] == LML_IPI_GETFORCE) last = types[i];
        assert_int_equal(s.end, last == LML_IPI_POSDATA ? LML_IPI_END_ABANDONED : LML_IPI_END_CLOSED);
      } else {
        assert_non_null(strstr(s.error.message, "the driver closed the connection inside "));
        const bool in_header = cut - (done == 0 ? 0 : ends[done - 1]) < LML_IPI_HEADER_SIZE;
        assert_non_null(strstr(s.error.message, in_header ? "a message (header" : lml_ipi_type_name(types[done])));
      }
    }
    transcript_free(&t);
  }
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
  settings.init = LML_IPI_INIT_EVERY_EVALUATION;
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
  settings.natoms = 2;
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
  settings.natoms = 3;
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
  fake.bytes = script.bytes;
  fake.length = script.length;
  fake.position = 0;
  fake.at_end = 0;
  fake.got.length = 0;
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  s = (served){.spring = 1.0};
  serve(client, &s);
  assert_int_equal(s.status, LML_OK);
  assert_int_equal(s.evaluations, 1);
  assert_int_equal(s.replicas[0], -1);
  assert_memory_equal(fake.got.bytes, "NEEDINIT    HAVEDATA    FORCEREADY  ", 36);
  lml_ipi_client_destroy(client);
}

/* ---- waiting for a driver ---- */

static void late_driver_is_waited_for_and_announced_once(void **state) {
  (void)state;
  static const int reasons[] = {ENOENT, ECONNREFUSED, EAGAIN};
  for (size_t i = 0; i < 3; i++) {
    char heard[64] = "";
    settings.waiting = nothing_heard;
    settings.context = heard;
    fake_install(NULL, 0);
    fake.absent = 9;
    fake.absent_errno = reasons[i];
    fake.slow = i == 1;
    lml_ipi_client *client = new_client();
    assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
    assert_int_equal(fake.attempts, 10);
    assert_int_equal(fake.open, 1);
    assert_near(fake.now, 0.02 + 0.04 + 0.08 + 0.16 + 5 * 0.2, 1e-12);
    assert_string_equal(heard, strerror(reasons[i]));
    lml_ipi_client_destroy(client);
  }
}

static void driver_that_is_there_is_not_announced(void **state) {
  (void)state;
  char heard[64] = "";
  settings.waiting = nothing_heard;
  settings.context = heard;
  lml_ipi_client *client = connected();
  assert_string_equal(heard, "");
  assert_true(fake.now == 0.0);
  lml_ipi_client_destroy(client);
}

/** Connecting to a driver that never comes, which fails. */
static void connect_fails(int reason, lml_status status, const char *expected) {
  lml_error error = {0};
  fake.absent = SIZE_MAX;
  fake.absent_errno = reason;
  lml_ipi_client *client = new_client();
  assert_int_equal(lml_ipi_client_connect(client, &error), status);
  if (strstr(error.message, expected) == NULL) fail_msg("'%s' does not hold '%s'", error.message, expected);
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
}

static void waiting_ends_at_its_limit(void **state) {
  (void)state;
  fake_install(NULL, 0);
  settings.wait_limit = 3.0;
  connect_fails(ENOENT, LML_ERR_TIMEOUT, "no driver at unix:/tmp/ipi_test within 3 s (No such file or directory)");
  assert_near(fake.now, 3.0, 1e-12);
  fake_install(NULL, 0);
  settings.wait_limit = 0.0;
  connect_fails(ECONNREFUSED, LML_ERR_TIMEOUT, "Connection refused");
  assert_int_equal(fake.attempts, 1);
}

static void what_waiting_cannot_mend_fails_at_once(void **state) {
  (void)state;
  fake_install(NULL, 0);
  connect_fails(EACCES, LML_ERR_IO, "cannot connect to unix:/tmp/ipi_test: Permission denied");
  assert_int_equal(fake.attempts, 1);
  assert_int_equal(lml_ipi_address_parse("no.such.host:31415", NULL, &settings.address, NULL), LML_OK);
  fake_install(NULL, 0);
  fake.lookup = EAI_NONAME;
  connect_fails(0, LML_ERR_IO, "cannot find the host of no.such.host:31415");
  fake_install(NULL, 0);
  fake.lookup = EAI_AGAIN;
  settings.wait_limit = 1.0;
  connect_fails(0, LML_ERR_TIMEOUT, "no driver at no.such.host:31415 within 1 s");
}

static void host_that_does_not_answer_is_given_up_after_a_while(void **state) {
  (void)state;
  assert_int_equal(lml_ipi_address_parse("192.0.2.1:31415", NULL, &settings.address, NULL), LML_OK);
  fake_install(NULL, 0);
  settings.wait_limit = 60.0;
  connect_fails(EHOSTUNREACH, LML_ERR_TIMEOUT, "No route to host");
  assert_near(fake.now, 60.0, 1e-9);
}

/* ---- stopping ---- */

static void signal_stops_every_wait(void **state) {
  (void)state;
  lml_error error;
  lml_ipi_event event;
  say(LML_IPI_STATUS);
  lml_ipi_client *client = connected();
  fake.stop_at_wait = 3;
  assert_int_equal(lml_ipi_client_next(client, &event, &error), LML_ERR_INTERRUPTED);
  assert_string_equal(error.message, "unix:/tmp/ipi_test: stopped by a signal");
  assert_int_equal(fake.waits, 3);
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
  fake_install(NULL, 0);
  fake.stop_at_wait = 4;
  connect_fails(ENOENT, LML_ERR_INTERRUPTED, "stopped by a signal");
  assert_int_equal(fake.waits, 4);
}

static void signal_stops_an_evaluation_and_a_driver_that_does_not_read(void **state) {
  (void)state;
  lml_error error;
  lml_ipi_event event;
  say_positions(1, 0.5);
  lml_ipi_client *client = connected();
  assert_int_equal(lml_ipi_client_next(client, &event, NULL), LML_OK);
  assert_int_equal(lml_ipi_client_check(client, &error), LML_OK);
  fake.stop = 1;
  assert_int_equal(lml_ipi_client_check(client, &error), LML_ERR_INTERRUPTED);
  assert_int_equal(fake.open, 0);
  lml_ipi_client_destroy(client);
  say(LML_IPI_GETFORCE);
  served s = {.spring = 1.0};
  client = connected();
  fake.send_step = 5;
  fake.stop_at_wait = 4;
  serve(client, &s);
  assert_int_equal(s.status, LML_ERR_INTERRUPTED);
  assert_true(fake.got.length > 0 && fake.got.length < 40);
  lml_ipi_client_destroy(client);
}

/* ---- the operating system ---- */

/** A whole session over TCP in which the call of that number fails. True where all calls succeeded. */
static bool session_succeeds_with(size_t fail_at, int reason) {
  served s = {.spring = 1.0};
  lml_ipi_client *client = NULL;
  fake_install(script.bytes, script.length);
  fake.slow = true;
  fake.at_end = 0;
  fake.read_step = 100;
  fake.fail_at = fail_at;
  fake.fail_errno = reason;
  s.status = lml_ipi_client_create(&settings, &client, &s.error);
  if (s.status == LML_OK) s.status = lml_ipi_client_connect(client, &s.error);
  if (s.status == LML_OK) serve(client, &s);
  assert_int_equal(fake.open, 0);
  if (s.status == LML_OK) assert_int_equal(s.evaluations, 2);
  if (s.status != LML_OK) assert_true(strlen(s.error.message) > 10);
  lml_ipi_client_destroy(client);
  return s.status == LML_OK;
}

static void every_call_may_fail(void **state) {
  (void)state;
  assert_int_equal(lml_ipi_address_parse("localhost:31415", NULL, &settings.address, NULL), LML_OK);
  say(LML_IPI_STATUS);
  say_init(0, " ");
  say_evaluation(4, 0.5);
  say_evaluation(4, 0.6);
  assert_true(session_succeeds_with(0, 0));
  const size_t calls = fake.calls;
  assert_true(calls > 30);
  for (size_t i = 1; i <= calls; i++) assert_false(session_succeeds_with(i, EIO));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(recorded_drivers_get_what_their_own_clients_answered),
      TEST(driver_may_close_at_every_byte),
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
      TEST(late_driver_is_waited_for_and_announced_once),
      TEST(driver_that_is_there_is_not_announced),
      TEST(waiting_ends_at_its_limit),
      TEST(what_waiting_cannot_mend_fails_at_once),
      TEST(host_that_does_not_answer_is_given_up_after_a_while),
      TEST(signal_stops_every_wait),
      TEST(signal_stops_an_evaluation_and_a_driver_that_does_not_read),
      TEST(every_call_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
