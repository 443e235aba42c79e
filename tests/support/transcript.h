/** @file transcript.h
 *  Recorded conversations of i-PI peers (tests/data/NAME.ipi, made by record_transcript.py). Trouble fails the test.
 */
#ifndef LML_TESTS_TRANSCRIPT_H
#define LML_TESTS_TRANSCRIPT_H

#include <stddef.h>

#include "ipi_codec.h"

/** All that each side sent, in order. */
typedef struct transcript {
  const char *name;
  lml_ipi_buffer sent[2]; /**< by lml_ipi_sender */
  size_t batch;           /**< what the driver's INIT announces */
} transcript;

transcript transcript_read(const char *name);
void transcript_free(transcript *t);

/** Names of all transcripts, with a NULL at the end. */
extern const char *const transcript_names[];

/** The spring constant that the potential in the transcript has: force = −K × position. */
double transcript_spring(const transcript *t);

#endif
