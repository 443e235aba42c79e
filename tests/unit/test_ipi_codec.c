/* The codec, on recorded conversations and on bytes that no peer should send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/sys.h"
#include "ipi_codec.h"
#include "support/near.h"
#include "support/transcript.h"

enum { MOST = 64 /**< messages of one side of a transcript */ };

/** What a decoder made of bytes: each message encoded again, and where each ended in the bytes. */
typedef struct played {
  lml_ipi_buffer encoded;
  size_t count, ends[MOST];
  lml_ipi_type types[MOST];
} played;

static lml_ipi_decoder *new_decoder(lml_ipi_sender sender, lml_ipi_units units, size_t batch) {
  lml_ipi_decoder *decoder;
  assert_int_equal(lml_ipi_decoder_create(sender, units, &decoder, NULL), LML_OK);
  lml_ipi_decoder_expect_batch(decoder, batch);
  return decoder;
}

/** Feed bytes from to end in pieces of at most step. */
static void play(lml_ipi_decoder *decoder, const lml_ipi_buffer *sent, size_t from, size_t end, size_t step,
                 played *p) {
  for (size_t at = from, used; at < end; at += used) {
    const lml_ipi_message *message;
    lml_error error = {0};
    const size_t piece = end - at < step ? end - at : step;
    if (lml_ipi_decoder_feed(decoder, sent->bytes + at, piece, &used, &message, &error) != LML_OK)
      fail_msg("byte %zu: %s", at, error.message);
    assert_true(used > 0);
    assert_true(message != NULL || used == piece);
    if (message == NULL) continue;
    assert_true(p->count < MOST);
    p->ends[p->count] = at + used;
    p->types[p->count++] = message->type;
    assert_int_equal(lml_ipi_encode(message, lml_ipi_units_atomic, &p->encoded, &error), LML_OK);
  }
}

static void played_free(played *p) { lml_ipi_buffer_free(&p->encoded); }

/** The whole of one side, decoded at once. */
static played play_whole(const transcript *t, lml_ipi_sender sender) {
  played p = {.count = 0};
  lml_ipi_decoder *decoder = new_decoder(sender, lml_ipi_units_atomic, t->batch);
  play(decoder, &t->sent[sender], 0, t->sent[sender].length, SIZE_MAX, &p);
  assert_null(lml_ipi_decoder_inside(decoder));
  lml_ipi_decoder_destroy(decoder);
  return p;
}

/** Where the inverse cell of the structure s is in POSDATA, from the header's first byte. */
static size_t inverse_offset(const transcript *t, size_t s) {
  return LML_IPI_HEADER_SIZE + 9 * sizeof(double) + (t->batch > 1 ? sizeof(int32_t) + s * 18 * sizeof(double) : 0);
}

/** Compare one POSDATA but for the inverse cells; those of i-PI up to rounding, in its own order. */
static void compare_posdata(const transcript *t, const unsigned char *was, const unsigned char *is, size_t length) {
  size_t at = 0;
  for (size_t s = 0; s < t->batch; s++) {
    const size_t offset = inverse_offset(t, s);
    assert_memory_equal(was + at, is + at, offset - at);
    double expected[9], encoded[9];
    memcpy(expected, was + offset, sizeof expected);
    memcpy(encoded, is + offset, sizeof encoded);
    for (size_t i = 0; i < 9 && strncmp(t->name, "i-pi", 4) == 0; i++) assert_near(encoded[i], expected[i], 1e-15);
    at = offset + sizeof expected;
  }
  assert_memory_equal(was + at, is + at, length - at);
}

static void check_encoded(const transcript *t, lml_ipi_sender sender, const played *p) {
  const lml_ipi_buffer *sent = &t->sent[sender];
  assert_int_equal(p->encoded.length, sent->length);
  for (size_t i = 0, from = 0; i < p->count; from = p->ends[i++]) {
    const size_t length = p->ends[i] - from;
    if (p->types[i] == LML_IPI_POSDATA)
      compare_posdata(t, sent->bytes + from, p->encoded.bytes + from, length);
    else
      assert_memory_equal(sent->bytes + from, p->encoded.bytes + from, length);
  }
}

static void for_each_side(void (*check)(const transcript *t, lml_ipi_sender sender)) {
  for (size_t i = 0; transcript_names[i] != NULL; i++) {
    transcript t = transcript_read(transcript_names[i]);
    check(&t, LML_IPI_DRIVER);
    check(&t, LML_IPI_CLIENT);
    transcript_free(&t);
  }
}

static void whole_side(const transcript *t, lml_ipi_sender sender) {
  played p = play_whole(t, sender);
  assert_true(p.count >= 7);
  check_encoded(t, sender, &p);
  played_free(&p);
}

static void recorded_conversations_decode_and_encode_to_the_same_bytes(void **state) {
  (void)state;
  for_each_side(whole_side);
}

static void side_in_single_bytes(const transcript *t, lml_ipi_sender sender) {
  played whole = play_whole(t, sender), single = {.count = 0};
  lml_ipi_decoder *decoder = new_decoder(sender, lml_ipi_units_atomic, t->batch);
  play(decoder, &t->sent[sender], 0, t->sent[sender].length, 1, &single);
  lml_ipi_decoder_destroy(decoder);
  assert_int_equal(single.count, whole.count);
  assert_memory_equal(single.ends, whole.ends, whole.count * sizeof *whole.ends);
  assert_memory_equal(single.encoded.bytes, whole.encoded.bytes, whole.encoded.length);
  played_free(&single);
  played_free(&whole);
}

static void recorded_conversations_decode_byte_by_byte(void **state) {
  (void)state;
  for_each_side(side_in_single_bytes);
}

/** Cut at every byte: before the cut there is no message that has not ended, and the rest completes the same ones. */
static void side_cut_everywhere(const transcript *t, lml_ipi_sender sender) {
  const lml_ipi_buffer *sent = &t->sent[sender];
  played whole = play_whole(t, sender);
  for (size_t cut = 0; cut <= sent->length; cut++) {
    played p = {.count = 0};
    lml_ipi_decoder *decoder = new_decoder(sender, lml_ipi_units_atomic, t->batch);
    play(decoder, sent, 0, cut, SIZE_MAX, &p);
    size_t ended = 0;
    while (ended < whole.count && whole.ends[ended] <= cut) ended++;
    assert_int_equal(p.count, ended);
    const bool between = cut == (ended == 0 ? 0 : whole.ends[ended - 1]);
    assert_int_equal(lml_ipi_decoder_inside(decoder) == NULL, between);
    play(decoder, sent, cut, sent->length, SIZE_MAX, &p);
    assert_int_equal(p.encoded.length, whole.encoded.length);
    assert_memory_equal(p.encoded.bytes, whole.encoded.bytes, whole.encoded.length);
    lml_ipi_decoder_destroy(decoder);
    played_free(&p);
  }
  played_free(&whole);
}

static void recorded_conversations_may_be_cut_at_every_byte(void **state) {
  (void)state;
  for_each_side(side_cut_everywhere);
}

static const double zeros[9];
static const lml_ipi_message nothing = {.cells = zeros, .positions = zeros};

/** Decode up to the next message of a type; false, with *@p message as it was, where there is none. */
static bool next_of_type(lml_ipi_decoder *decoder, const lml_ipi_buffer *sent, size_t *at, lml_ipi_type type,
                         const lml_ipi_message **message) {
  while (*at < sent->length) {
    size_t used;
    const lml_ipi_message *next;
    assert_int_equal(lml_ipi_decoder_feed(decoder, sent->bytes + *at, sent->length - *at, &used, &next, NULL), LML_OK);
    *at += used;
    if (next == NULL || next->type != type) continue;
    *message = next;
    return true;
  }
  return false;
}

/** The peers' potential: force = −K r and energy = ½ K Σ r², whatever the units on the wire. */
static void check_springs(const transcript *t, const lml_ipi_message *posdata, const lml_ipi_message *reply) {
  const double spring = transcript_spring(t);
  const size_t width = 3 * posdata->natoms;
  assert_int_equal(posdata->batch, t->batch);
  assert_int_equal(reply->batch, t->batch);
  assert_int_equal(reply->natoms, posdata->natoms);
  for (size_t s = 0; s < t->batch; s++) {
    double energy = 0.0;
    for (size_t i = s * width; i < (s + 1) * width; i++) {
      energy += 0.5 * spring * posdata->positions[i] * posdata->positions[i];
      assert_near(reply->forces[i], -spring * posdata->positions[i], 1e-14);
    }
    assert_near(reply->energies[s], energy, 1e-13);
    const bool ase = strncmp(t->name, "ase", 3) == 0;
    assert_int_equal(reply->extras[s].length, ase ? 1 : 4);
    assert_memory_equal(reply->extras[s].bytes, ase ? "" : "nada", reply->extras[s].length);
  }
}

static void positions_and_forces_come_in_electronvolts_and_angstroms(void **state) {
  (void)state;
  for (size_t i = 0; transcript_names[i] != NULL; i++) {
    transcript t = transcript_read(transcript_names[i]);
    lml_ipi_decoder *driver = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, t.batch);
    lml_ipi_decoder *client = new_decoder(LML_IPI_CLIENT, lml_ipi_units_ev, t.batch);
    const lml_ipi_message *posdata = &nothing, *reply = &nothing;
    size_t at[2] = {0, 0}, count = 0;
    while (next_of_type(driver, &t.sent[LML_IPI_DRIVER], &at[0], LML_IPI_POSDATA, &posdata)) {
      assert_true(next_of_type(client, &t.sent[LML_IPI_CLIENT], &at[1], LML_IPI_FORCEREADY, &reply));
      check_springs(&t, posdata, reply);
      count++;
    }
    assert_true(count >= 3);
    lml_ipi_decoder_destroy(driver);
    lml_ipi_decoder_destroy(client);
    transcript_free(&t);
  }
}

static void cell_rows_are_vectors_as_in_ase(void **state) {
  (void)state;
  static const double expected[9] = {3.6, 0.2, 0.1, 0.3, 3.7, -0.2, -0.1, 0.4, 3.8};
  static const double first[3] = {0.1, 0.2, 0.3};
  transcript t = transcript_read("ase-3.29.0-cell");
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
  const lml_ipi_message *posdata = &nothing;
  size_t at = 0;
  assert_true(next_of_type(decoder, &t.sent[LML_IPI_DRIVER], &at, LML_IPI_POSDATA, &posdata));
  assert_int_equal(posdata->natoms, 2);
  for (size_t i = 0; i < 9; i++) assert_near(posdata->cells[i], expected[i], 1e-15);
  for (size_t i = 0; i < 3; i++) assert_near(posdata->positions[i], first[i], 1e-15);
  lml_ipi_decoder_destroy(decoder);
  transcript_free(&t);
}

static void molecule_of_ase_has_a_zero_cell(void **state) {
  (void)state;
  transcript t = transcript_read("ase-3.29.0-molecule");
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
  const lml_ipi_message *posdata = &nothing;
  size_t at = 0;
  assert_true(next_of_type(decoder, &t.sent[LML_IPI_DRIVER], &at, LML_IPI_POSDATA, &posdata));
  assert_int_equal(posdata->natoms, 3);
  for (size_t i = 0; i < 9; i++) assert_true(posdata->cells[i] == 0.0);
  lml_ipi_decoder_destroy(decoder);
  transcript_free(&t);
}

static void singular_cell_has_a_zero_inverse(void **state) {
  (void)state;
  static const double cell[9] = {3.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0}, positions[3] = {1.0, 2.0, 3.0};
  const lml_ipi_message posdata = {
      .type = LML_IPI_POSDATA, .batch = 1, .natoms = 1, .cells = cell, .positions = positions};
  lml_ipi_buffer buffer = {0};
  assert_int_equal(lml_ipi_encode(&posdata, lml_ipi_units_ev, &buffer, NULL), LML_OK);
  assert_int_equal(buffer.length, 12 + 72 + 72 + 4 + 24);
  double inverse[9];
  memcpy(inverse, buffer.bytes + 12 + 72, sizeof inverse);
  for (size_t i = 0; i < 9; i++) assert_true(inverse[i] == 0.0);
  lml_ipi_buffer_free(&buffer);
}

/* ---- bytes that no peer should send ---- */

/** Bytes made of a header and int32 numbers behind a gap of zeros. */
static size_t craft(unsigned char *bytes, const char *header, size_t gap, const int32_t *numbers, size_t count) {
  memcpy(bytes, header, LML_IPI_HEADER_SIZE);
  memset(bytes + LML_IPI_HEADER_SIZE, 0, gap);
  memcpy(bytes + LML_IPI_HEADER_SIZE + gap, numbers, count * sizeof *numbers);
  return LML_IPI_HEADER_SIZE + gap + count * sizeof *numbers;
}

/** The decoder refuses the bytes, at their end and not before, with a message that holds @p expected. */
static void refused(lml_ipi_decoder *decoder, const unsigned char *bytes, size_t length, const char *expected) {
  const lml_ipi_message *message;
  size_t used;
  lml_error error = {0};
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes, length - 1, &used, &message, &error), LML_OK);
  assert_null(message);
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes + length - 1, 1, &used, &message, &error), LML_ERR_PROTOCOL);
  assert_null(message);
  if (strstr(error.message, expected) == NULL) fail_msg("'%s' does not hold '%s'", error.message, expected);
  assert_int_equal(lml_ipi_decoder_feed(decoder, "STATUS      ", 12, &used, &message, &error), LML_ERR_PROTOCOL);
  lml_ipi_decoder_restart(decoder);
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes, 1, &used, &message, &error), LML_OK);
  lml_ipi_decoder_restart(decoder);
}

static void unknown_headers_are_shown(void **state) {
  (void)state;
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
  refused(decoder, (const unsigned char *)"GET / HTTP/1", 12, "the driver sent 'GET / HTTP/1'");
  refused(decoder, (const unsigned char *)"STATUS\0\x01\xff 'x", 12, "'STATUS\\x00\\x01\\xff \\x27x'");
  refused(decoder, (const unsigned char *)"status      ", 12, "'status      '");
  refused(decoder, (const unsigned char *)"STATUS     x", 12, "'STATUS     x'");
  refused(decoder, (const unsigned char *)"READY       ", 12, "the other side sends");
  lml_ipi_decoder_destroy(decoder);
  decoder = new_decoder(LML_IPI_CLIENT, lml_ipi_units_ev, 1);
  refused(decoder, (const unsigned char *)"POSDATA     ", 12, "the client sent 'POSDATA     '");
  lml_ipi_decoder_destroy(decoder);
}

static void impossible_numbers_of_atoms_are_refused_by_value(void **state) {
  (void)state;
  static const struct {
    size_t expected, most;
    int32_t natoms;
    const char *message;
  } cases[] = {
      {0, 0, 0, "POSDATA with natoms = 0"},
      {0, 0, -1, "natoms = -1"},
      {0, 0, INT32_MIN, "natoms = -2147483648"},
      {0, 0, INT32_MAX, "natoms = 2147483647; at most 268435455"},
      {0, 100, 101, "natoms = 101; at most 100"},
      {54, 0, 53, "natoms = 53 where 54 are expected"},
      {54, 0, INT32_MAX, "natoms = 2147483647 where 54"},
  };
  unsigned char bytes[256];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
    lml_ipi_decoder_expect_natoms(decoder, cases[i].expected, cases[i].most);
    size_t length = craft(bytes, "POSDATA     ", 18 * sizeof(double), &cases[i].natoms, 1);
    refused(decoder, bytes, length, cases[i].message);
    lml_ipi_decoder_expect_batch(decoder, 4);
    length = craft(bytes, "POSDATA     ", 0, &cases[i].natoms, 1);
    refused(decoder, bytes, length, cases[i].message);
    lml_ipi_decoder_destroy(decoder);
  }
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_CLIENT, lml_ipi_units_ev, 1);
  const size_t length = craft(bytes, "FORCEREADY  ", sizeof(double), &(const int32_t){-7}, 1);
  refused(decoder, bytes, length, "the client sent FORCEREADY with natoms = -7");
  lml_ipi_decoder_destroy(decoder);
}

static void impossible_lengths_are_refused_by_value(void **state) {
  (void)state;
  static const struct {
    int32_t length;
    const char *message;
  } cases[] = {{-1, "INIT with a text of length -1"},
               {INT32_MAX, "length 2147483647; 0 to 268435456"},
               {LML_IPI_MAX_TEXT + 1, "length 268435457"}};
  unsigned char bytes[256];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
    const int32_t numbers[] = {3, cases[i].length};
    refused(decoder, bytes, craft(bytes, "INIT        ", 0, numbers, 2), cases[i].message);
    lml_ipi_decoder_destroy(decoder);
  }
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_CLIENT, lml_ipi_units_ev, 1);
  unsigned char reply[256];
  size_t length = craft(reply, "FORCEREADY  ", sizeof(double), &(const int32_t){1}, 1);
  memset(reply + length, 0, 12 * sizeof(double));
  length += 12 * sizeof(double);
  memcpy(reply + length, &(const int32_t){-2}, sizeof(int32_t));
  refused(decoder, reply, length + sizeof(int32_t), "FORCEREADY with a text of length -2");
  lml_ipi_decoder_destroy(decoder);
}

static void shared_memory_is_recognised(void **state) {
  (void)state;
  static const char name[] = "ipi_shm_4711_8_pos";
  unsigned char bytes[256];
  const int32_t numbers[] = {54, sizeof name - 1};
  for (size_t batch = 1; batch <= 4; batch += 3) {
    lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, batch);
    const size_t length = craft(bytes, "POSDATA     ", 0, numbers, 2);
    memcpy(bytes + length, name, sizeof name);
    refused(decoder, bytes, length + strlen("ipi_shm_"), "set mode=\"unix\"");
    lml_ipi_decoder_destroy(decoder);
  }
}

static void batch_size_is_read_as_ipi_writes_it(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t batch;
  } good[] = {{"", 1},
              {" ", 1},
              {"  batch_size:8", 8},
              {" depth : 2.5 , , batch_size:64", 64},
              {"batch_size : 1", 1},
              {"my_batch_size:8, batch_sizes:9, batch_size", 1},
              {"{\"note\": \"a, batch_size:8\"}", 1},
              {"batch_size:65536", 65536}};
  static const char *const bad[] = {"batch_size:0",  "batch_size:-3",    "batch_size:",
                                    "batch_size:8x", "batch_size:65537", "a:1, batch_size:99999999999999999999"};
  size_t batch;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_int_equal(lml_ipi_batch_size(good[i].text, strlen(good[i].text), &batch, NULL), LML_OK);
    assert_int_equal(batch, good[i].batch);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    lml_error error;
    assert_int_equal(lml_ipi_batch_size(bad[i], strlen(bad[i]), &batch, &error), LML_ERR_PROTOCOL);
    assert_non_null(strstr(error.message, strstr(bad[i], "batch_size")));
  }
}

static void what_is_missing_is_named(void **state) {
  (void)state;
  unsigned char bytes[256];
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
  const lml_ipi_message *message;
  size_t used;
  const size_t length = craft(bytes, "POSDATA     ", 18 * sizeof(double), &(const int32_t){2}, 1);
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes, 5, &used, &message, NULL), LML_OK);
  assert_string_equal(lml_ipi_decoder_inside(decoder), "a message (header: 5 of 12 bytes)");
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes + 5, 107, &used, &message, NULL), LML_OK);
  assert_string_equal(lml_ipi_decoder_inside(decoder), "POSDATA (cell: 100 of 144 bytes)");
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes + 112, length - 112, &used, &message, NULL), LML_OK);
  assert_string_equal(lml_ipi_decoder_inside(decoder), "POSDATA (positions: 0 of 48 bytes)");
  lml_ipi_decoder_destroy(decoder);
}

/* ---- memory ---- */

static size_t largest, allowed;

/** Notes the largest request; fails when `allowed` requests have been granted. */
static void *counted_alloc(size_t alignment, size_t bytes) {
  if (bytes > largest) largest = bytes;
  if (allowed == 0) return NULL;
  allowed--;
  return lml_sys_posix.aligned_alloc(alignment, bytes);
}

static lml_sys_table counting;

static int count_memory(void **state) {
  (void)state;
  counting = lml_sys_posix;
  counting.aligned_alloc = counted_alloc;
  lml_sys = &counting;
  largest = 0;
  allowed = SIZE_MAX;
  return 0;
}

static int use_posix(void **state) {
  (void)state;
  lml_sys = &lml_sys_posix;
  return 0;
}

static void claimed_atoms_cost_nothing_before_they_arrive(void **state) {
  (void)state;
  static unsigned char bytes[1 << 16];
  const lml_ipi_message *message;
  size_t used;
  lml_ipi_decoder *decoder = new_decoder(LML_IPI_DRIVER, lml_ipi_units_ev, 1);
  const size_t length = craft(bytes, "POSDATA     ", 18 * sizeof(double), &(const int32_t){LML_IPI_MAX_NATOMS}, 1);
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes, length, &used, &message, NULL), LML_OK);
  assert_int_equal(lml_ipi_decoder_feed(decoder, bytes, sizeof bytes, &used, &message, NULL), LML_OK);
  assert_null(message);
  assert_true(largest <= 2 * sizeof bytes);
  lml_ipi_decoder_destroy(decoder);
}

static void memory_that_is_out_is_an_error_wherever_it_happens(void **state) {
  (void)state;
  transcript t = transcript_read("i-pi-3.3.1-batch");
  for (lml_ipi_sender sender = LML_IPI_DRIVER; sender <= LML_IPI_CLIENT; sender++) {
    const lml_ipi_buffer *sent = &t.sent[sender];
    size_t failures = 0;
    lml_status status = LML_ERR_MEMORY;
    for (size_t grant = 0; status == LML_ERR_MEMORY; grant++) {
      lml_error error = {0};
      lml_ipi_decoder *decoder = NULL;
      allowed = grant;
      status = lml_ipi_decoder_create(sender, lml_ipi_units_ev, &decoder, &error);
      if (status == LML_OK) lml_ipi_decoder_expect_batch(decoder, t.batch);
      for (size_t at = 0, used; status == LML_OK && at < sent->length; at += used) {
        const lml_ipi_message *message;
        status = lml_ipi_decoder_feed(decoder, sent->bytes + at, sent->length - at, &used, &message, &error);
      }
      if (status != LML_OK) {
        failures++;
        assert_int_equal(status, LML_ERR_MEMORY);
        assert_non_null(strstr(error.message, "out of memory"));
      }
      lml_ipi_decoder_destroy(decoder);
    }
    assert_int_equal(status, LML_OK);
    assert_true(failures >= 4);
  }
  allowed = SIZE_MAX;
  transcript_free(&t);
}

/* ---- encoding ---- */

static void what_the_protocol_cannot_say_is_not_sent(void **state) {
  (void)state;
  static const double number = 1.0;
  const lml_ipi_text endless = {.bytes = "", .length = (size_t)LML_IPI_MAX_TEXT + 1};
  const lml_ipi_message messages[] = {
      {.type = LML_IPI_POSDATA, .batch = 1, .natoms = 0, .cells = &number, .positions = &number},
      {.type = LML_IPI_POSDATA, .batch = 0, .natoms = 1, .cells = &number, .positions = &number},
      {.type = LML_IPI_FORCEREADY, .batch = 1, .natoms = (size_t)LML_IPI_MAX_NATOMS + 1, .extras = &endless},
      {.type = LML_IPI_FORCEREADY, .batch = 1, .natoms = 1, .extras = &endless},
      {.type = LML_IPI_INIT, .init = endless},
  };
  for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
    lml_ipi_buffer buffer = {0};
    lml_error error = {0};
    assert_int_equal(lml_ipi_encode(&messages[i], lml_ipi_units_ev, &buffer, &error), LML_ERR_USAGE);
    assert_non_null(strstr(error.message, "cannot be sent"));
    assert_int_equal(buffer.length, 0);
    lml_ipi_buffer_free(&buffer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recorded_conversations_decode_and_encode_to_the_same_bytes),
      cmocka_unit_test(recorded_conversations_decode_byte_by_byte),
      cmocka_unit_test(recorded_conversations_may_be_cut_at_every_byte),
      cmocka_unit_test(positions_and_forces_come_in_electronvolts_and_angstroms),
      cmocka_unit_test(cell_rows_are_vectors_as_in_ase),
      cmocka_unit_test(molecule_of_ase_has_a_zero_cell),
      cmocka_unit_test(singular_cell_has_a_zero_inverse),
      cmocka_unit_test(unknown_headers_are_shown),
      cmocka_unit_test(impossible_numbers_of_atoms_are_refused_by_value),
      cmocka_unit_test(impossible_lengths_are_refused_by_value),
      cmocka_unit_test(shared_memory_is_recognised),
      cmocka_unit_test(batch_size_is_read_as_ipi_writes_it),
      cmocka_unit_test(what_is_missing_is_named),
      cmocka_unit_test_setup_teardown(claimed_atoms_cost_nothing_before_they_arrive, count_memory, use_posix),
      cmocka_unit_test_setup_teardown(memory_that_is_out_is_an_error_wherever_it_happens, count_memory, use_posix),
      cmocka_unit_test(what_the_protocol_cannot_say_is_not_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
