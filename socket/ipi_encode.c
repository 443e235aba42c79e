#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "ipi_codec.h"

enum {
  WIRE_CELL = 18, /**< numbers of a cell on the wire: itself and its inverse */
  MATRIX = 9,     /**< numbers of a cell or virial */
  INT_SIZE = sizeof(int32_t)
};

void lml_ipi_buffer_free(lml_ipi_buffer *buffer) {
  lml_free(buffer->bytes);
  *buffer = (lml_ipi_buffer){0};
}

/** The inverse of the transposed cell, row-major; zero where the cell is singular. */
static void inverse_transposed(const double cell[MATRIX], double inverse[MATRIX]) {
  memset(inverse, 0, MATRIX * sizeof *inverse);
  double cofactor[MATRIX];
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++) {
      const size_t i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
      cofactor[3 * i + j] = cell[3 * i1 + j1] * cell[3 * i2 + j2] - cell[3 * i1 + j2] * cell[3 * i2 + j1];
    }
  const double determinant = cell[0] * cofactor[0] + cell[1] * cofactor[1] + cell[2] * cofactor[2];
  if (determinant == 0.0) return;
  for (size_t i = 0; i < MATRIX; i++) inverse[i] = cofactor[i] / determinant;
}

/** Bytes of what follows a header. */
static size_t payload_size(const lml_ipi_message *message) {
  const size_t numbers = message->batch * sizeof(double);
  if (message->type == LML_IPI_INIT) return 2 * INT_SIZE + message->init.length;
  if (message->type == LML_IPI_POSDATA) return INT_SIZE + numbers * (WIRE_CELL + 3 * message->natoms);
  if (message->type != LML_IPI_FORCEREADY) return 0;
  size_t size = INT_SIZE + numbers * (1 + 3 * message->natoms + MATRIX);
  for (size_t s = 0; s < message->batch; s++) size += INT_SIZE + message->extras[s].length;
  return size;
}

static lml_status check_counts(const lml_ipi_message *message, lml_error *error) {
  const bool arrays = message->type == LML_IPI_POSDATA || message->type == LML_IPI_FORCEREADY;
  size_t longest = message->type == LML_IPI_INIT ? message->init.length : 0;
  if (arrays && (message->batch == 0 || message->batch > LML_IPI_MAX_BATCH || message->natoms == 0 ||
                 message->natoms > LML_IPI_MAX_NATOMS))
    return lml_fail(error, LML_ERR_USAGE,
                    "a message of %zu structures of %zu atoms cannot be sent; possible are 1 to %d "
                    "structures of 1 to %d atoms",
                    message->batch, message->natoms, LML_IPI_MAX_BATCH, LML_IPI_MAX_NATOMS);
  for (size_t s = 0; message->type == LML_IPI_FORCEREADY && s < message->batch; s++)
    if (message->extras[s].length > longest) longest = message->extras[s].length;
  if (longest > LML_IPI_MAX_TEXT)
    return lml_fail(error, LML_ERR_USAGE, "a text of %zu bytes cannot be sent; at most %d are possible", longest,
                    LML_IPI_MAX_TEXT);
  return LML_OK;
}

static void put(lml_ipi_buffer *buffer, const void *bytes, size_t count) {
  if (count != 0) memcpy(buffer->bytes + buffer->length, bytes, count);
  buffer->length += count;
}

static void put_integer(lml_ipi_buffer *buffer, size_t value) {
  const int32_t integer = (int32_t)value;
  put(buffer, &integer, sizeof integer);
}

static void put_text(lml_ipi_buffer *buffer, lml_ipi_text text) {
  put_integer(buffer, text.length);
  put(buffer, text.bytes, text.length);
}

static void put_divided(lml_ipi_buffer *buffer, const double *values, size_t count, double unit) {
  enum { BLOCK = 64 }; /* the buffer need not be aligned for doubles, a block is */
  double block[BLOCK];
  for (size_t first = 0; first < count; first += BLOCK) {
    const size_t length = count - first < BLOCK ? count - first : BLOCK;
    for (size_t i = 0; i < length; i++) block[i] = values[first + i] / unit;
    put(buffer, block, length * sizeof *block);
  }
}

static void put_cells(lml_ipi_buffer *buffer, const lml_ipi_message *message, double bohr) {
  for (size_t s = 0; s < message->batch; s++) {
    const double *cell = message->cells + MATRIX * s;
    double transposed[MATRIX], inverse[MATRIX];
    for (size_t i = 0; i < MATRIX; i++) transposed[i] = cell[3 * (i % 3) + i / 3];
    inverse_transposed(cell, inverse);
    put_divided(buffer, transposed, MATRIX, bohr);
    put_divided(buffer, inverse, MATRIX, 1.0 / bohr);
  }
}

static void put_posdata(lml_ipi_buffer *buffer, const lml_ipi_message *message, double bohr) {
  if (message->batch > 1) put_integer(buffer, message->natoms);
  put_cells(buffer, message, bohr);
  if (message->batch == 1) put_integer(buffer, message->natoms);
  put_divided(buffer, message->positions, message->batch * message->natoms * 3, bohr);
}

static void put_forceready(lml_ipi_buffer *buffer, const lml_ipi_message *message, lml_ipi_units units) {
  put_divided(buffer, message->energies, message->batch, units.hartree);
  put_integer(buffer, message->natoms);
  put_divided(buffer, message->forces, message->batch * message->natoms * 3, units.hartree / units.bohr);
  put_divided(buffer, message->virials, message->batch * MATRIX, units.hartree);
  for (size_t s = 0; s < message->batch; s++) put_text(buffer, message->extras[s]);
}

lml_status lml_ipi_encode(const lml_ipi_message *message, lml_ipi_units units, lml_ipi_buffer *buffer,
                          lml_error *error) {
  lml_status status = check_counts(message, error);
  if (status == LML_OK)
    status = lml_grow(&buffer->bytes, &buffer->capacity, buffer->length + LML_IPI_HEADER_SIZE + payload_size(message),
                      1, "an i-PI message", error);
  if (status != LML_OK) return status;
  char header[LML_IPI_HEADER_SIZE + 1];
  lml_print_cut(header, sizeof header, "%-*s", LML_IPI_HEADER_SIZE, lml_ipi_type_name(message->type));
  put(buffer, header, LML_IPI_HEADER_SIZE);
  if (message->type == LML_IPI_INIT) {
    put(buffer, &message->replica, sizeof message->replica);
    put_text(buffer, message->init);
  }
  if (message->type == LML_IPI_POSDATA) put_posdata(buffer, message, units.bohr);
  if (message->type == LML_IPI_FORCEREADY) put_forceready(buffer, message, units);
  return LML_OK;
}
