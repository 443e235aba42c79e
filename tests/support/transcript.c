#include "support/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const transcript_names[] = {"ase-3.29.0-cell",     "ase-3.29.0-molecule", "i-pi-3.3.1-consolidated",
                                        "i-pi-3.3.1-separate", "i-pi-3.3.1-batch",    NULL};

static void append(lml_ipi_buffer *to, FILE *file, size_t length) {
  to->bytes = realloc(to->bytes, to->length + length);
  assert_non_null(to->bytes);
  assert_int_equal(fread(to->bytes + to->length, 1, length, file), length);
  to->length += length;
}

/** The batch size that some INIT of the driver announces. */
static size_t announced_batch(const lml_ipi_buffer *sent) {
  lml_ipi_decoder *decoder;
  size_t batch = 1;
  assert_int_equal(lml_ipi_decoder_create(LML_IPI_DRIVER, lml_ipi_units_atomic, &decoder, NULL), LML_OK);
  for (size_t at = 0, used; at < sent->length && batch == 1; at += used) {
    const lml_ipi_message *message;
    assert_int_equal(lml_ipi_decoder_feed(decoder, sent->bytes + at, sent->length - at, &used, &message, NULL), LML_OK);
    if (message != NULL && message->type == LML_IPI_INIT)
      assert_int_equal(lml_ipi_batch_size(message->init.bytes, message->init.length, &batch, NULL), LML_OK);
  }
  lml_ipi_decoder_destroy(decoder);
  return batch;
}

transcript transcript_read(const char *name) {
  static const char magic[] = "i-PI transcript 1\n";
  transcript t = {.name = name};
  char path[512], start[sizeof magic] = "";
  snprintf(path, sizeof path, "%s/%s.ipi", LMLINK_TEST_DATA, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("cannot open %s", path);
  assert_int_equal(fread(start, 1, sizeof magic - 1, file), sizeof magic - 1);
  assert_string_equal(start, magic);
  for (int who = fgetc(file); who != EOF; who = fgetc(file)) {
    unsigned char length[4];
    assert_true(who == 'D' || who == 'C');
    assert_int_equal(fread(length, 1, sizeof length, file), sizeof length);
    const size_t count = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    append(&t.sent[who == 'D' ? LML_IPI_DRIVER : LML_IPI_CLIENT], file, count);
  }
  fclose(file);
  t.batch = announced_batch(&t.sent[LML_IPI_DRIVER]);
  return t;
}

void transcript_free(transcript *t) {
  free(t->sent[LML_IPI_DRIVER].bytes);
  free(t->sent[LML_IPI_CLIENT].bytes);
}

double transcript_spring(const transcript *t) {
  return strncmp(t->name, "ase", 3) == 0 ? 1.5 : 0.01 * LML_IPI_HARTREE / (LML_IPI_BOHR * LML_IPI_BOHR);
}
