/* The client end against recorded drivers: it answers what their own clients answered, and may be cut off anywhere. */
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
#include "support/transcript.h"

/* ---- recorded drivers ---- */

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
    if (was == NULL || is == NULL) break;
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

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, session_set_up, session_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(recorded_drivers_get_what_their_own_clients_answered),
      TEST(driver_may_close_at_every_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
