#include "support/client_session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_driver.h"

enum { MOST_ATOMS = 8 };

/* ---- what the driver says ---- */

lml_ipi_buffer script;
const double SESSION_CELL[9] = {3.0, 0.0, 0.0, 0.1, 4.0, 0.0, 0.2, 0.3, 5.0};

void say_message(const lml_ipi_message *message) {
  assert_int_equal(lml_ipi_encode(message, lml_ipi_units_ev, &script, NULL), LML_OK);
}

void say(lml_ipi_type type) { say_message(&(const lml_ipi_message){.type = type}); }

void say_init(int32_t replica, const char *text) {
  say_message(&(const lml_ipi_message){
      .type = LML_IPI_INIT, .replica = replica, .init = {.bytes = text, .length = strlen(text)}});
}

void say_positions(size_t natoms, double value) {
  double positions[3 * MOST_ATOMS];
  for (size_t i = 0; i < 3 * natoms; i++) positions[i] = value + (double)i;
  say_message(&(const lml_ipi_message){
      .type = LML_IPI_POSDATA, .batch = 1, .natoms = natoms, .cells = SESSION_CELL, .positions = positions});
}

void say_evaluation(size_t natoms, double value) {
  say(LML_IPI_STATUS);
  say_positions(natoms, value);
  say(LML_IPI_STATUS);
  say(LML_IPI_GETFORCE);
}

/* ---- the caller of the client ---- */

lml_ipi_client_settings session_settings;

int session_set_up(void **state) {
  (void)state;
  session_settings = (lml_ipi_client_settings){.wait_limit = -1.0, .stop = &fake.stop};
  assert_int_equal(lml_ipi_address_parse("unix:test", NULL, &session_settings.address, NULL), LML_OK);
  script.length = 0;
  return 0;
}

int session_tear_down(void **state) {
  (void)state;
  fake_remove();
  lml_ipi_buffer_free(&script);
  return 0;
}

lml_ipi_client *new_client(void) {
  lml_ipi_client *client;
  assert_int_equal(lml_ipi_client_create(&session_settings, &client, NULL), LML_OK);
  return client;
}

lml_ipi_client *connected(void) {
  fake_install(script.bytes, script.length);
  lml_ipi_client *client = new_client();
  assert_int_equal(lml_ipi_client_connect(client, NULL), LML_OK);
  return client;
}

lml_status answer(lml_ipi_client *client, const lml_ipi_event *event, served *s) {
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

void serve(lml_ipi_client *client, served *s) {
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

/* ---- what was sent ---- */

const lml_ipi_message *read_message(lml_ipi_decoder *decoder, const lml_ipi_buffer *sent, size_t *at) {
  const lml_ipi_message *message = NULL;
  for (size_t used; message == NULL && *at < sent->length; *at += used)
    assert_int_equal(lml_ipi_decoder_feed(decoder, sent->bytes + *at, sent->length - *at, &used, &message, NULL),
                     LML_OK);
  return message;
}
