#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "ipi_codec.h"

enum {
  NFIELDS = 6,    /**< the longest list of fields */
  WIRE_CELL = 18, /**< numbers of a cell on the wire: itself and its inverse */
  MATRIX = 9,     /**< numbers of a cell or virial */
  INT_SIZE = sizeof(int32_t)
};

/** The parts of a message, in wire order. NATOMS comes before the arrays that it sizes. */
typedef enum field {
  END = 0,
  HEADER,
  REPLICA,
  NATOMS,
  CELLS,
  POSITIONS,
  ENERGIES,
  FORCES,
  VIRIALS,
  LENGTH,
  TEXT
} field;

static const char *const field_names[] = {"",       "header", "replica", "natoms", "cell", "positions",
                                          "energy", "forces", "virial",  "length", "text"};

typedef struct layout {
  const char *name;
  lml_ipi_sender sender;
  field plain[NFIELDS + 1];
  field batched[NFIELDS + 1];
} layout;

#define PLAIN_INIT \
  { REPLICA, LENGTH, TEXT }
#define PLAIN_FORCEREADY \
  { ENERGIES, NATOMS, FORCES, VIRIALS, LENGTH, TEXT }

static const layout layouts[] = {
    [LML_IPI_STATUS] = {"STATUS", LML_IPI_DRIVER, {END}, {END}},
    [LML_IPI_INIT] = {"INIT", LML_IPI_DRIVER, PLAIN_INIT, PLAIN_INIT},
    [LML_IPI_POSDATA] = {"POSDATA", LML_IPI_DRIVER, {CELLS, NATOMS, POSITIONS}, {NATOMS, CELLS, POSITIONS}},
    [LML_IPI_GETFORCE] = {"GETFORCE", LML_IPI_DRIVER, {END}, {END}},
    [LML_IPI_EXIT] = {"EXIT", LML_IPI_DRIVER, {END}, {END}},
    [LML_IPI_NEEDINIT] = {"NEEDINIT", LML_IPI_CLIENT, {END}, {END}},
    [LML_IPI_READY] = {"READY", LML_IPI_CLIENT, {END}, {END}},
    [LML_IPI_HAVEDATA] = {"HAVEDATA", LML_IPI_CLIENT, {END}, {END}},
    [LML_IPI_FORCEREADY] = {"FORCEREADY", LML_IPI_CLIENT, PLAIN_FORCEREADY, PLAIN_FORCEREADY},
};
enum { NTYPES = sizeof layouts / sizeof layouts[0] };

static const char *const sender_names[] = {"the driver", "the client"};

const char *lml_ipi_type_name(lml_ipi_type type) { return layouts[type].name; }

typedef struct doubles {
  double *values;
  size_t capacity;
} doubles;

struct lml_ipi_decoder {
  lml_ipi_sender sender;
  lml_ipi_units units;
  size_t expected_natoms; /**< 0: any */
  size_t max_natoms;
  size_t expected_batch;
  bool failed;
  const field *fields;                      /**< of the message under way, from the current one on; NULL: the header */
  size_t wanted;                            /**< bytes of the current field */
  size_t filled;                            /**< of those that have arrived */
  unsigned char small[LML_IPI_HEADER_SIZE]; /**< a header or an integer that arrives */
  doubles cells, vectors, energies, virials;
  char *text; /**< INIT string, or all extras with a NUL behind each */
  size_t text_capacity, text_used;
  lml_ipi_text *extras;
  size_t extras_capacity, ntexts;
  lml_ipi_message message;
  char inside[96];
};

lml_status lml_ipi_decoder_create(lml_ipi_sender sender, lml_ipi_units units, lml_ipi_decoder **decoder,
                                  lml_error *error) {
  const lml_status status = lml_alloc(decoder, 1, sizeof **decoder, "a decoder of i-PI messages", error);
  if (status != LML_OK) return status;
  (*decoder)->sender = sender;
  (*decoder)->units = units;
  lml_ipi_decoder_expect_natoms(*decoder, 0, 0);
  lml_ipi_decoder_expect_batch(*decoder, 1);
  lml_ipi_decoder_restart(*decoder);
  return LML_OK;
}

void lml_ipi_decoder_destroy(lml_ipi_decoder *decoder) {
  if (decoder == NULL) return;
  lml_free(decoder->cells.values);
  lml_free(decoder->vectors.values);
  lml_free(decoder->energies.values);
  lml_free(decoder->virials.values);
  lml_free(decoder->text);
  lml_free(decoder->extras);
  lml_free(decoder);
}

void lml_ipi_decoder_restart(lml_ipi_decoder *decoder) {
  decoder->failed = false;
  decoder->fields = NULL;
  decoder->wanted = LML_IPI_HEADER_SIZE;
  decoder->filled = 0;
}

void lml_ipi_decoder_expect_natoms(lml_ipi_decoder *decoder, size_t natoms, size_t max_natoms) {
  const bool limited = max_natoms != 0 && max_natoms < LML_IPI_MAX_NATOMS;
  decoder->expected_natoms = natoms;
  decoder->max_natoms = limited ? max_natoms : LML_IPI_MAX_NATOMS;
}

void lml_ipi_decoder_expect_batch(lml_ipi_decoder *decoder, size_t batch) {
  decoder->expected_batch = batch == 0 ? 1 : batch;
}

static field current_field(const lml_ipi_decoder *decoder) {
  return decoder->fields == NULL ? HEADER : decoder->fields[0];
}

const char *lml_ipi_decoder_inside(lml_ipi_decoder *decoder) {
  const field at = current_field(decoder);
  if (at == HEADER && decoder->filled == 0) return NULL;
  lml_print_cut(decoder->inside, sizeof decoder->inside, "%s (%s: %zu of %zu bytes)",
                at == HEADER ? "a message" : layouts[decoder->message.type].name, field_names[at], decoder->filled,
                decoder->wanted);
  return decoder->inside;
}

/** The 12 bytes of a header as printable text, for a message. */
static void show_header(const unsigned char *header, char text[4 * LML_IPI_HEADER_SIZE + 1]) {
  for (size_t i = 0, at = 0; i < LML_IPI_HEADER_SIZE; i++) {
    const bool printable = header[i] >= 0x20 && header[i] < 0x7f && header[i] != '\\' && header[i] != '\'';
    at += lml_print_cut(text + at, 5, printable ? "%c" : "\\x%02x", header[i]);
  }
}

static bool header_is(const unsigned char *header, const char *name) {
  char padded[LML_IPI_HEADER_SIZE + 1];
  lml_print_cut(padded, sizeof padded, "%-*s", LML_IPI_HEADER_SIZE, name);
  return memcmp(header, padded, LML_IPI_HEADER_SIZE) == 0;
}

static lml_status read_header(lml_ipi_decoder *decoder, lml_error *error) {
  size_t type = 0;
  while (type < NTYPES && !header_is(decoder->small, layouts[type].name)) type++;
  const char *sender = sender_names[decoder->sender];
  char shown[4 * LML_IPI_HEADER_SIZE + 1];
  show_header(decoder->small, shown);
  if (type == NTYPES)
    return lml_fail(error, LML_ERR_PROTOCOL,
                    "%s sent '%s', which is no header of the i-PI protocol; is it a program that speaks i-PI?", sender,
                    shown);
  if (layouts[type].sender != decoder->sender)
    return lml_fail(error, LML_ERR_PROTOCOL,
                    "%s sent '%s', which the other side sends in the i-PI protocol; do both ends act as a %s?", sender,
                    shown, sender_names[1 - decoder->sender] + sizeof "the");
  const size_t batch = decoder->expected_batch;
  decoder->fields = batch > 1 ? layouts[type].batched : layouts[type].plain;
  decoder->message = (lml_ipi_message){.type = (lml_ipi_type)type};
  if (decoder->fields[0] != END && type != LML_IPI_INIT) decoder->message.batch = batch;
  decoder->text_used = decoder->ntexts = 0;
  return LML_OK;
}

static lml_status check_natoms(lml_ipi_decoder *decoder, int32_t natoms, lml_error *error) {
  const char *sender = sender_names[decoder->sender];
  const char *name = layouts[decoder->message.type].name;
  const size_t expected = decoder->expected_natoms;
  if (natoms <= 0)
    return lml_fail(error, LML_ERR_PROTOCOL, "%s sent %s with natoms = %d; at least 1 is possible", sender, name,
                    (int)natoms);
  if (expected != 0 && (size_t)natoms != expected)
    return lml_fail(error, LML_ERR_PROTOCOL,
                    "%s sent %s with natoms = %d where %zu are expected; give both sides the same structure", sender,
                    name, (int)natoms, expected);
  if (expected == 0 && (size_t)natoms > decoder->max_natoms)
    return lml_fail(error, LML_ERR_PROTOCOL, "%s sent %s with natoms = %d; at most %zu are accepted", sender, name,
                    (int)natoms, decoder->max_natoms);
  if ((size_t)natoms > SIZE_MAX / (4 * 3 * sizeof(double)) / decoder->message.batch)
    return lml_fail(error, LML_ERR_PROTOCOL,
                    "%s sent %s with natoms = %d in a batch of %zu: more than can be addressed", sender, name,
                    (int)natoms, decoder->message.batch);
  decoder->message.natoms = (size_t)natoms;
  return LML_OK;
}

static lml_status check_length(lml_ipi_decoder *decoder, int32_t length, lml_error *error) {
  if (length < 0 || length > LML_IPI_MAX_TEXT)
    return lml_fail(error, LML_ERR_PROTOCOL, "%s sent %s with a text of length %d; 0 to %d bytes are possible",
                    sender_names[decoder->sender], layouts[decoder->message.type].name, (int)length, LML_IPI_MAX_TEXT);
  return LML_OK;
}

/** Bytes of a field; @p integer is the int32 that arrived before it, a text's length. */
static size_t field_size(const lml_ipi_decoder *decoder, field at, int32_t integer) {
  const size_t batch = decoder->message.batch;
  switch (at) {
    case HEADER:
      return LML_IPI_HEADER_SIZE;
    case REPLICA:
    case NATOMS:
    case LENGTH:
      return INT_SIZE;
    case CELLS:
      return batch * WIRE_CELL * sizeof(double);
    case POSITIONS:
    case FORCES:
      return batch * decoder->message.natoms * 3 * sizeof(double);
    case ENERGIES:
      return batch * sizeof(double);
    case VIRIALS:
      return batch * MATRIX * sizeof(double);
    case TEXT:
      return (size_t)integer;
    case END:
      break;
  }
  return 0;
}

static doubles *field_array(lml_ipi_decoder *decoder, field at) {
  switch (at) {
    case CELLS:
      return &decoder->cells;
    case ENERGIES:
      return &decoder->energies;
    case VIRIALS:
      return &decoder->virials;
    case POSITIONS:
    case FORCES:
    case END: /* what follows has no array, and is not asked for */
    case HEADER:
    case REPLICA:
    case NATOMS:
    case LENGTH:
    case TEXT:
      break;
  }
  return &decoder->vectors;
}

/** Where the current field's bytes go, with room for the first @p bytes of them. */
static lml_status make_room(lml_ipi_decoder *decoder, size_t bytes, unsigned char **to, lml_error *error) {
  const field at = current_field(decoder);
  if (at == TEXT) {
    const lml_status status = lml_grow(&decoder->text, &decoder->text_capacity, decoder->text_used + bytes + 1,
                                       sizeof(char), "the text of an i-PI message", error);
    *to = status == LML_OK ? (unsigned char *)decoder->text + decoder->text_used : NULL;
    return status;
  }
  if (at == HEADER || at == REPLICA || at == NATOMS || at == LENGTH) {
    *to = decoder->small;
    return LML_OK;
  }
  doubles *array = field_array(decoder, at);
  const bool known = decoder->expected_natoms != 0 && decoder->message.batch == 1;
  const size_t count = ((known ? decoder->wanted : bytes) + sizeof(double) - 1) / sizeof(double);
  const lml_status status =
      lml_grow(&array->values, &array->capacity, count, sizeof(double), "the numbers of an i-PI message", error);
  *to = (unsigned char *)array->values;
  return status;
}

/** Note a text that has arrived: its place in the text buffer, which may still move. */
static lml_status close_text(lml_ipi_decoder *decoder, lml_error *error) {
  unsigned char *to;
  lml_status status = make_room(decoder, decoder->wanted, &to, error);
  if (status == LML_OK)
    status = lml_grow(&decoder->extras, &decoder->extras_capacity, decoder->ntexts + 1, sizeof(lml_ipi_text),
                      "the texts of an i-PI message", error);
  if (status != LML_OK) return status;
  to[decoder->wanted] = '\0';
  decoder->extras[decoder->ntexts++] = (lml_ipi_text){.bytes = NULL, .length = decoder->wanted};
  decoder->text_used += decoder->wanted + 1;
  return LML_OK;
}

static void multiply(double *values, size_t count, double factor) {
  for (size_t i = 0; i < count; i++) values[i] *= factor;
}

/** From batch × (transposed cell, inverse) in Bohr to batch × cell, in place. */
static void unpack_cells(double *cells, size_t batch, double bohr) {
  for (size_t s = 0; s < batch; s++) {
    double wire[MATRIX];
    memcpy(wire, cells + WIRE_CELL * s, sizeof wire);
    for (size_t i = 0; i < 3; i++)
      for (size_t j = 0; j < 3; j++) cells[MATRIX * s + 3 * i + j] = wire[3 * j + i] * bohr;
  }
}

/** The last field is there: convert the numbers and point to everything. */
static void complete(lml_ipi_decoder *decoder) {
  lml_ipi_message *message = &decoder->message;
  const lml_ipi_units units = decoder->units;
  const size_t nvectors = message->batch * message->natoms * 3;
  const char *text = decoder->text;
  for (size_t i = 0; i < decoder->ntexts; i++) {
    decoder->extras[i].bytes = text;
    text += decoder->extras[i].length + 1;
  }
  if (message->type == LML_IPI_INIT) message->init = decoder->extras[0];
  if (message->type == LML_IPI_POSDATA) {
    unpack_cells(decoder->cells.values, message->batch, units.bohr);
    multiply(decoder->vectors.values, nvectors, units.bohr);
    message->cells = decoder->cells.values;
    message->positions = decoder->vectors.values;
  }
  if (message->type == LML_IPI_FORCEREADY) {
    multiply(decoder->energies.values, message->batch, units.hartree);
    multiply(decoder->vectors.values, nvectors, units.hartree / units.bohr);
    multiply(decoder->virials.values, message->batch * MATRIX, units.hartree);
    message->energies = decoder->energies.values;
    message->forces = decoder->vectors.values;
    message->virials = decoder->virials.values;
    message->extras = decoder->extras;
  }
  lml_ipi_decoder_restart(decoder);
}

/** The current field is whole: look at it and go on to the next that has bytes. *@p done: it was the last. */
static lml_status next_field(lml_ipi_decoder *decoder, bool *done, lml_error *error) {
  do {
    const field at = current_field(decoder);
    int32_t integer;
    memcpy(&integer, decoder->small, sizeof integer);
    lml_status status = LML_OK;
    if (at == HEADER) {
      status = read_header(decoder, error);
    } else {
      if (at == REPLICA) decoder->message.replica = integer;
      if (at == NATOMS) status = check_natoms(decoder, integer, error);
      if (at == LENGTH) status = check_length(decoder, integer, error);
      if (at == TEXT) status = close_text(decoder, error);
      const bool again = at == TEXT && decoder->ntexts < decoder->message.batch;
      decoder->fields += again ? -1 : 1;
    }
    if (status != LML_OK) return status;
    decoder->filled = 0;
    decoder->wanted = field_size(decoder, current_field(decoder), integer);
    *done = current_field(decoder) == END;
  } while (!*done && decoder->wanted == 0);
  if (*done) complete(decoder);
  return LML_OK;
}

/** i-PI in mode "shm" sends the names of its memory segments where the cell would begin. */
static lml_status refuse_shared_memory(const lml_ipi_decoder *decoder, size_t before, lml_error *error) {
  static const char name[] = "ipi_shm_";
  enum { NAME = sizeof name - 1, PLAIN_OFFSET = 2 * INT_SIZE, BATCHED_OFFSET = INT_SIZE };
  const size_t at = decoder->message.batch > 1 ? BATCHED_OFFSET : PLAIN_OFFSET;
  if (current_field(decoder) != CELLS || before >= at + NAME || decoder->filled < at + NAME) return LML_OK;
  if (memcmp((const char *)decoder->cells.values + at, name, NAME) != 0) return LML_OK;
  return lml_fail(error, LML_ERR_PROTOCOL,
                  "the driver sends positions through shared memory, which is not served; set mode=\"unix\" in i-PI's "
                  "<ffsocket>");
}

static lml_status take(lml_ipi_decoder *decoder, const unsigned char *bytes, size_t length, size_t *taken, bool *done,
                       lml_error *error) {
  const size_t before = decoder->filled;
  const size_t missing = decoder->wanted - before;
  const size_t count = missing < length ? missing : length;
  unsigned char *to;
  lml_status status = make_room(decoder, before + count, &to, error);
  if (status != LML_OK) return status;
  memcpy(to + before, bytes, count);
  decoder->filled += count;
  *taken = count;
  status = refuse_shared_memory(decoder, before, error);
  if (status == LML_OK && decoder->filled == decoder->wanted) status = next_field(decoder, done, error);
  return status;
}

lml_status lml_ipi_decoder_feed(lml_ipi_decoder *decoder, const void *bytes, size_t length, size_t *used,
                                const lml_ipi_message **message, lml_error *error) {
  *used = 0;
  *message = NULL;
  if (decoder->failed)
    return lml_fail(error, LML_ERR_PROTOCOL, "nothing more is read from %s after its bad message",
                    sender_names[decoder->sender]);
  bool done = false;
  while (!done && *used < length) {
    size_t taken = 0;
    const lml_status status = take(decoder, (const unsigned char *)bytes + *used, length - *used, &taken, &done, error);
    *used += taken;
    decoder->failed = status != LML_OK;
    if (status != LML_OK) return status;
  }
  if (done) *message = &decoder->message;
  return LML_OK;
}

/** The next token of a comma-separated list without the blanks around it. */
static lml_ipi_text next_token(const char **at, const char *end) {
  const char *from = *at;
  const char *to = memchr(from, ',', (size_t)(end - from));
  if (to == NULL) to = end;
  *at = to == end ? end : to + 1;
  while (from < to && *from == ' ') from++;
  while (to > from && to[-1] == ' ') to--;
  return (lml_ipi_text){.bytes = from, .length = (size_t)(to - from)};
}

/** The digits of "batch_size : N", NULL where the token is another. */
static const char *batch_digits(lml_ipi_text token) {
  static const char key[] = "batch_size";
  const char *const end = token.bytes + token.length;
  if (token.length < sizeof key || memcmp(token.bytes, key, sizeof key - 1) != 0) return NULL;
  const char *at = token.bytes + sizeof key - 1;
  while (at < end && *at == ' ') at++;
  if (at == end || *at++ != ':') return NULL;
  while (at < end && *at == ' ') at++;
  return at;
}

lml_status lml_ipi_batch_size(const char *text, size_t length, size_t *batch, lml_error *error) {
  *batch = 1;
  const char *at = text;
  const char *const end = text + length;
  while (at < end && *at == ' ') at++;
  if (at < end && *at == '{') return LML_OK;
  while (at < end) {
    const lml_ipi_text token = next_token(&at, end);
    const char *digit = batch_digits(token);
    if (digit == NULL) continue;
    const char *const last = token.bytes + token.length;
    size_t value = 0;
    while (digit < last && *digit >= '0' && *digit <= '9' && value <= LML_IPI_MAX_BATCH)
      value = 10 * value + (size_t)(*digit++ - '0');
    if (digit != last || value == 0 || value > LML_IPI_MAX_BATCH)
      return lml_fail(error, LML_ERR_PROTOCOL, "the driver sent INIT with '%.*s'; a batch has 1 to %d structures",
                      token.length < 40 ? (int)token.length : 40, token.bytes, LML_IPI_MAX_BATCH);
    *batch = value;
  }
  return LML_OK;
}
