/* libFuzzer target: the decoder on any bytes in any pieces.
 *
 * The first byte of the input says who sends, the second how large batches are and which number of atoms is expected,
 * the third how long the pieces are; the rest are the bytes. Whatever they are, the decoder must
 *   - make the same messages, or the same failure, of the whole as of the pieces,
 *   - make messages whose encoding decodes to the same messages again, and
 *   - leave memory alone (the sanitizers' part).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipi_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL = 3 /**< bytes that steer */ };

typedef struct decoded {
  lml_ipi_buffer encoded;
  size_t messages;
  lml_status status;
  lml_error error;
} decoded;

static void require(bool condition) {
  if (!condition) abort();
}

static lml_ipi_decoder *make_decoder(const uint8_t *control) {
  static const size_t natoms[] = {0, 1, 3}, batches[] = {1, 2, 1, 5};
  lml_ipi_decoder *decoder;
  require(lml_ipi_decoder_create(control[0] % 2 == 0 ? LML_IPI_DRIVER : LML_IPI_CLIENT, lml_ipi_units_atomic, &decoder,
                                 NULL) == LML_OK);
  lml_ipi_decoder_expect_natoms(decoder, natoms[(control[1] >> 2) % 3], 0);
  lml_ipi_decoder_expect_batch(decoder, batches[control[1] & 3]);
  return decoder;
}

static decoded decode(const uint8_t *control, const uint8_t *bytes, size_t length, size_t piece) {
  decoded d = {.messages = 0};
  lml_ipi_decoder *decoder = make_decoder(control);
  for (size_t at = 0, used; at < length && d.status == LML_OK; at += used) {
    const lml_ipi_message *message;
    const size_t count = length - at < piece ? length - at : piece;
    d.status = lml_ipi_decoder_feed(decoder, bytes + at, count, &used, &message, &d.error);
    require(used <= count && (used == count || message != NULL || d.status != LML_OK));
    if (message == NULL) continue;
    require(lml_ipi_encode(message, lml_ipi_units_atomic, &d.encoded, &d.error) == LML_OK);
    size_t batch;
    if (message->type == LML_IPI_INIT) lml_ipi_batch_size(message->init.bytes, message->init.length, &batch, NULL);
    d.messages++;
  }
  require(d.status == LML_OK || d.status == LML_ERR_PROTOCOL);
  lml_ipi_decoder_inside(decoder);
  lml_ipi_decoder_destroy(decoder);
  return d;
}

static bool same_messages(const decoded *one, const decoded *other) {
  return one->messages == other->messages && one->encoded.length == other->encoded.length &&
         (one->messages == 0 || memcmp(one->encoded.bytes, other->encoded.bytes, one->encoded.length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < CONTROL) return 0;
  const uint8_t *bytes = data + CONTROL;
  const size_t length = size - CONTROL;
  decoded whole = decode(data, bytes, length, SIZE_MAX);
  decoded pieces = decode(data, bytes, length, 1 + (size_t)data[2] % 40);
  require(whole.status == pieces.status && same_messages(&whole, &pieces));
  require(strcmp(whole.error.message, pieces.error.message) == 0);
  require(whole.encoded.length <= length);
  decoded again = decode(data, whole.encoded.bytes, whole.encoded.length, SIZE_MAX);
  require(again.status == LML_OK && same_messages(&whole, &again));
  lml_ipi_buffer_free(&whole.encoded);
  lml_ipi_buffer_free(&pieces.encoded);
  lml_ipi_buffer_free(&again.encoded);
  return 0;
}
