#include "retrain/centre.h"

#include "base/memory.h"

lml_status lml_centre_make(lml_centre *centre, size_t nelements, size_t ncomponents, lml_error *error) {
  *centre = (lml_centre){.nelements = nelements, .ncomponents = ncomponents};
  return lml_alloc(&centre->values, nelements * ncomponents, sizeof(double), "a centre of the descriptors", error);
}

void lml_centre_free(lml_centre *centre) {
  lml_free(centre->values);
  *centre = (lml_centre){0};
}

/** Rows and columns of matrices that are gone through together. */
enum { TILE = 32 };

static size_t columns(const lml_centre *centre) { return (centre->ncomponents + 1) * (centre->ncomponents + 2) / 2; }

/* With b = B − c: bᵢbⱼ = BᵢBⱼ − cᵢBⱼ − cⱼBᵢ + cᵢcⱼ, and half of that for i = j. In each function below, q runs over
 * the quadratic columns in their order, from the first behind the linear ones. */

/** From the highest columns down, as each needs the lower ones for B. */
void lml_centre_row(const lml_centre *centre, double *row) {
  const size_t n = centre->ncomponents;
  for (size_t e = 0; e < centre->nelements; e++, row += columns(centre)) {
    const double *c = centre->values + e * n;
    double *linear = row + 1, *q = row + 1 + n;
    for (size_t i = 0; i < n; i++) {
      *q++ += c[i] * (0.5 * c[i] * row[0] - linear[i]);
      for (size_t j = i + 1; j < n; j++) *q++ += c[i] * (c[j] * row[0] - linear[j]) - c[j] * linear[i];
    }
    for (size_t i = 0; i < n; i++) linear[i] -= c[i] * row[0];
  }
}

void lml_centre_coefficients(const lml_centre *centre, double *coefficients) {
  const size_t n = centre->ncomponents;
  for (size_t e = 0; e < centre->nelements; e++, coefficients += columns(centre)) {
    const double *c = centre->values + e * n, *q = coefficients + 1 + n;
    double *linear = coefficients + 1;
    for (size_t i = 0; i < n; i++) coefficients[0] += c[i] * linear[i];
    for (size_t i = 0; i < n; i++) {
      coefficients[0] += 0.5 * c[i] * c[i] * *q;
      linear[i] += c[i] * *q++;
      for (size_t j = i + 1; j < n; j++, q++) {
        coefficients[0] += c[i] * c[j] * *q;
        linear[i] += c[j] * *q;
        linear[j] += c[i] * *q;
      }
    }
  }
}

void lml_centre_restore(const lml_centre *centre, double *vector) {
  const size_t n = centre->ncomponents;
  for (size_t e = 0; e < centre->nelements; e++, vector += columns(centre)) {
    const double *c = centre->values + e * n, constant = vector[0];
    double *linear = vector + 1, *q = vector + 1 + n;
    for (size_t i = 0; i < n; i++) {
      *q++ += c[i] * (0.5 * c[i] * constant + linear[i]);
      for (size_t j = i + 1; j < n; j++) *q++ += c[i] * (c[j] * constant + linear[j]) + c[j] * linear[i];
    }
    for (size_t i = 0; i < n; i++) linear[i] += c[i] * constant;
  }
}

/** Complete the matrix from its lower triangle by columns, tile by tile. */
static void mirror(double *matrix, size_t width) {
  for (size_t first = 0; first < width; first += TILE)
    for (size_t row = first; row < width; row++)
      for (size_t column = first; column < first + TILE && column < row; column++)
        matrix[row * width + column] = matrix[column * width + row];
}

static void transpose(double *matrix, size_t width) {
  for (size_t first = 0; first < width; first += TILE)
    for (size_t row = first; row < width; row++)
      for (size_t column = first; column < first + TILE && column < row; column++) {
        const double swapped = matrix[row * width + column];
        matrix[row * width + column] = matrix[column * width + row];
        matrix[column * width + row] = swapped;
      }
}

static void restore_columns(const lml_centre *centre, double *matrix, size_t width) {
  for (size_t column = 0; column < width; column++) lml_centre_restore(centre, matrix + column * width);
}

void lml_centre_restore_matrix(const lml_centre *centre, double *matrix) {
  const size_t width = centre->nelements * columns(centre);
  mirror(matrix, width);
  restore_columns(centre, matrix, width); /* G M */
  transpose(matrix, width);               /* M Gᵀ */
  restore_columns(centre, matrix, width);
}
