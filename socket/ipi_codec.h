/** @file ipi_codec.h
 *  The i-PI protocol's messages: from bytes, in pieces of any size, and to bytes. No I/O.
 *
 *  A message is a 12-byte header, upper case and padded with blanks, and what the table says behind it. Numbers are in
 *  the machine's own byte order (int32, float64), without delimiters or checksums.
 *
 *      driver → client
 *        STATUS, GETFORCE, EXIT   nothing
 *        INIT                     replica (int32), length (int32), that many bytes
 *        POSDATA                  cell (9, transposed: its columns are the cell vectors), inverse cell (9; ASE and i-PI
 *                                 disagree on its order, so it is ignored), natoms (int32), positions (3·natoms)
 *      client → driver
 *        NEEDINIT, READY,
 *        HAVEDATA                 nothing
 *        FORCEREADY               energy, natoms (int32), forces (3·natoms), virial (9), length (int32), that many
 * bytes
 *
 *  i-PI 3.3 also knows batches of N > 1 structures with the same number of atoms. Their size is not in the messages:
 *  it was announced in the INIT string (lml_ipi_batch_size reads it). From then on
 *        POSDATA                  natoms, N × (cell, inverse cell), N × positions
 *        FORCEREADY               N energies, natoms, N × forces, N × virial, N × (length, bytes)
 *
 *  i-PI's shared-memory mode sends names of memory segments behind POSDATA instead; it is recognised and refused.
 */
#ifndef LML_SOCKET_IPI_CODEC_H
#define LML_SOCKET_IPI_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "ipi_units.h"
#include "lmlink/error.h"

enum {
  LML_IPI_HEADER_SIZE = 12,           /**< bytes */
  LML_IPI_MAX_TEXT = 1 << 28,         /**< bytes of an INIT string or of extras; more is refused */
  LML_IPI_MAX_BATCH = 1 << 16,        /**< structures; more are refused */
  LML_IPI_MAX_NATOMS = 2147483647 / 8 /**< atoms of one structure; more are refused even where any number is taken */
};

typedef enum lml_ipi_type {
  LML_IPI_STATUS = 0,
  LML_IPI_INIT,
  LML_IPI_POSDATA,
  LML_IPI_GETFORCE,
  LML_IPI_EXIT,
  LML_IPI_NEEDINIT,
  LML_IPI_READY,
  LML_IPI_HAVEDATA,
  LML_IPI_FORCEREADY
} lml_ipi_type;

/** Who sends what is decoded. */
typedef enum lml_ipi_sender { LML_IPI_DRIVER = 0, LML_IPI_CLIENT } lml_ipi_sender;

/** "STATUS", … Static storage. */
const char *lml_ipi_type_name(lml_ipi_type type);

/** Bytes that may hold anything. */
typedef struct lml_ipi_text {
  const char *bytes; /**< decoded: a NUL follows that length does not count; NULL is fine where length is 0 */
  size_t length;
} lml_ipi_text;

/** A whole message. Arrays that its type does not have are not looked at. */
typedef struct lml_ipi_message {
  lml_ipi_type type;
  int32_t replica;            /**< INIT: bead index */
  lml_ipi_text init;          /**< INIT */
  size_t batch;               /**< POSDATA, FORCEREADY: structures; 1 is the plain layout, more the batched one */
  size_t natoms;              /**< POSDATA, FORCEREADY: atoms of each structure, at least 1 */
  const double *cells;        /**< POSDATA: batch × 9, row vectors in rows */
  const double *positions;    /**< POSDATA: batch × natoms × 3 */
  const double *energies;     /**< FORCEREADY: batch */
  const double *forces;       /**< FORCEREADY: batch × natoms × 3 */
  const double *virials;      /**< FORCEREADY: batch × 9, in the wire's order; LAMMPS fills the upper triangle alone */
  const lml_ipi_text *extras; /**< FORCEREADY: batch */
} lml_ipi_message;

/* ---- decoding ---- */

typedef struct lml_ipi_decoder lml_ipi_decoder;

/** A decoder of what @p sender sends, into @p units, for plain messages of any number of atoms. */
lml_status lml_ipi_decoder_create(lml_ipi_sender sender, lml_ipi_units units, lml_ipi_decoder **decoder,
                                  lml_error *error);
void lml_ipi_decoder_destroy(lml_ipi_decoder *decoder);

/** Forget a message that has begun or failed: the next byte is a header's first. Expectations stay. */
void lml_ipi_decoder_restart(lml_ipi_decoder *decoder);

/** Accept @p natoms atoms alone; 0: any number up to @p max_natoms, which 0 makes LML_IPI_MAX_NATOMS. */
void lml_ipi_decoder_expect_natoms(lml_ipi_decoder *decoder, size_t natoms, size_t max_natoms);

/** From the next message on, POSDATA and FORCEREADY have @p batch structures (1: the plain layout). */
void lml_ipi_decoder_expect_batch(lml_ipi_decoder *decoder, size_t batch);

/** Take @p length bytes, up to the end of one message; *@p used says how many were taken, the caller brings the rest
 *  again. *@p message is NULL while bytes are missing, else the message; it and its arrays belong to the decoder and
 *  are valid until the next call. A count or length is checked before memory is taken, and memory is taken as
 *  bytes arrive, so that a number alone costs nothing. Fails with LML_ERR_PROTOCOL, naming message and value, or
 *  LML_ERR_MEMORY; every later call then fails until lml_ipi_decoder_restart. */
lml_status lml_ipi_decoder_feed(lml_ipi_decoder *decoder, const void *bytes, size_t length, size_t *used,
                                const lml_ipi_message **message, lml_error *error);

/** NULL between messages, else which message is under way and what of it is missing, as "POSDATA (positions: 24 of 48
 *  bytes)". Valid until the next call. */
const char *lml_ipi_decoder_inside(lml_ipi_decoder *decoder);

/** Structures per batch that an INIT string announces (i-PI: "batch_size:N" among comma-separated tokens), 1 where
 *  it says nothing or is a JSON object. LML_ERR_PROTOCOL where N is no integer from 1 to LML_IPI_MAX_BATCH. */
lml_status lml_ipi_batch_size(const char *text, size_t length, size_t *batch, lml_error *error);

/* ---- encoding ---- */

/** Bytes to send. Initialise with `lml_ipi_buffer b = {0};`, release with lml_ipi_buffer_free; length may be set to 0
 *  to use the memory again. */
typedef struct lml_ipi_buffer {
  unsigned char *bytes;
  size_t length;
  size_t capacity;
} lml_ipi_buffer;

void lml_ipi_buffer_free(lml_ipi_buffer *buffer);

/** Append @p message, whose numbers are in @p units, in one piece. The inverse cell is the inverse of the transposed
 *  cell as i-PI sends it, zero where there is none. LML_ERR_USAGE where a count does not fit an int32, LML_ERR_MEMORY;
 *  the buffer is then as it was. */
lml_status lml_ipi_encode(const lml_ipi_message *message, lml_ipi_units units, lml_ipi_buffer *buffer,
                          lml_error *error);

#endif
