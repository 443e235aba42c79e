#include "retrain/rows/descriptor_shift.h"

#include "base/memory.h"

lml_status lml_shift_make(lml_shift *shift, size_t nelements, size_t ncomponents, lml_error *error) {
  *shift = (lml_shift){.nelements = nelements, .ncomponents = ncomponents};
  return lml_alloc(&shift->values, nelements * ncomponents, sizeof(double), "a centre of the descriptors", error);
}

void lml_shift_free(lml_shift *shift) {
  lml_free(shift->values);
  *shift = (lml_shift){0};
}

static size_t columns(const lml_shift *shift) { return (shift->ncomponents + 1) * (shift->ncomponents + 2) / 2; }

/* With b = B − c: bᵢbⱼ = BᵢBⱼ − cᵢBⱼ − cⱼBᵢ + cᵢcⱼ, and half of that for i = j. In each function below, q runs over
 * the quadratic columns in their order, from the first after the linear ones. */

/** From the highest columns down, as each needs the lower ones for B. */
void lml_shift_row(const lml_shift *shift, double *row) {
  const size_t n = shift->ncomponents;
  for (size_t e = 0; e < shift->nelements; e++, row += columns(shift)) {
    const double *c = shift->values + e * n;
    double *linear = row + 1, *q = row + 1 + n;
    for (size_t i = 0; i < n; i++) {
      *q++ += c[i] * (0.5 * c[i] * row[0] - linear[i]);
      for (size_t j = i + 1; j < n; j++) *q++ += c[i] * (c[j] * row[0] - linear[j]) - c[j] * linear[i];
    }
    for (size_t i = 0; i < n; i++) linear[i] -= c[i] * row[0];
  }
}

void lml_shift_coefficients(const lml_shift *shift, double *coefficients) {
  const size_t n = shift->ncomponents;
  for (size_t e = 0; e < shift->nelements; e++, coefficients += columns(shift)) {
    const double *c = shift->values + e * n, *q = coefficients + 1 + n;
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

/** What lml_shift_restore does to one element's part, in its rows from @p first on alone. */
static void restore_part(size_t n, const double *c, double *part, size_t first) {
  const double constant = part[0];
  double *linear = part + 1, *q = part + 1 + n;
  for (size_t i = 0; i < n; q += n - i, i++) {
    const double *end = q + (n - i), *begin = part + first > q ? part + first : q;
    if (begin == q) *q += c[i] * (0.5 * c[i] * constant + linear[i]);
    double *of_j = q - i; /* that of i and j is of_j[j] */
    for (size_t j = begin > q ? (size_t)(begin - of_j) : i + 1; of_j + j < end; j++)
      of_j[j] += c[i] * (c[j] * constant + linear[j]) + c[j] * linear[i];
  }
  for (size_t i = first > 1 ? first - 1 : 0; i < n; i++) linear[i] += c[i] * constant;
}

void lml_shift_restore(const lml_shift *shift, double *vector) {
  const size_t n = shift->ncomponents;
  for (size_t e = 0; e < shift->nelements; e++) restore_part(n, shift->values + e * n, vector + e * columns(shift), 0);
}

/** Complete the constant and linear rows of all elements from the lower triangle. */
static void mirror_linear(const lml_shift *shift, double *matrix, size_t width) {
  for (size_t e = 0; e < shift->nelements; e++)
    for (size_t k = 0; k <= shift->ncomponents; k++) {
      const size_t row = e * columns(shift) + k;
      for (size_t column = row + 1; column < width; column++)
        matrix[column * width + row] = matrix[row * width + column];
    }
}

/** Add to @p to, from row @p first to @p end, what the products c a' of a column's two components give. */
static void add_columns(const double *constant, const double *a, const double *b, double of_a, double of_b, double half,
                        size_t first, size_t end, double *restrict to) {
  for (size_t row = first; row < end; row++) to[row] += half * (of_a * (of_b * constant[row] + b[row]) + of_b * a[row]);
}

/** Do with one element's columns what restore_part does with rows, within the lower triangle. */
static void combine_columns(size_t n, const double *c, double *matrix, size_t width, size_t first) {
  const double *constant = matrix + first * width, *linear = constant + width;
  size_t q = first + 1 + n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j < n; j++, q++)
      add_columns(constant, linear + i * width, linear + j * width, c[i], c[j], i == j ? 0.5 : 1.0, q, width,
                  matrix + q * width);
  for (size_t i = 0; i < n; i++) {
    const size_t column = first + 1 + i;
    for (size_t row = column; row < width; row++) matrix[column * width + row] += c[i] * constant[row];
  }
}

void lml_shift_restore_matrix(const lml_shift *shift, double *matrix) {
  const size_t n = shift->ncomponents, each = columns(shift), width = shift->nelements * each;
  mirror_linear(shift, matrix, width);
  for (size_t column = 0; column < width; column++)
    for (size_t e = column / each; e < shift->nelements; e++)
      restore_part(n, shift->values + e * n, matrix + column * width + e * each,
                   column > e * each ? column - e * each : 0);
  for (size_t e = 0; e < shift->nelements; e++) combine_columns(n, shift->values + e * n, matrix, width, e * each);
}
