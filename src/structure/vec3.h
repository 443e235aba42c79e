/** @file vec3.h
 *  Vectors of three components, cells of three of them, and the order of a symmetric tensor's parts.
 */
#ifndef LML_STRUCTURE_VEC3_H
#define LML_STRUCTURE_VEC3_H

#include <math.h>
#include <stddef.h>

static inline double lml_dot(const double u[3], const double v[3]) { return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]; }

static inline double lml_norm(const double u[3]) { return sqrt(lml_dot(u, u)); }

/** @p product may not be one of the factors. */
static inline void lml_cross(const double u[3], const double v[3], double product[3]) {
  product[0] = u[1] * v[2] - u[2] * v[1];
  product[1] = u[2] * v[0] - u[0] * v[2];
  product[2] = u[0] * v[1] - u[1] * v[0];
}

static inline void lml_subtract(const double u[3], const double v[3], double difference[3]) {
  for (int x = 0; x < 3; x++) difference[x] = u[x] - v[x];
}

/** Normal of the face that vectors k + 1 and k + 2 of @p cell (9, rows) span, as long as the face is large. */
static inline void lml_cell_normal(const double cell[9], int k, double normal[3]) {
  lml_cross(cell + 3 * ((k + 1) % 3), cell + 3 * ((k + 2) % 3), normal);
}

/** Volume of @p cell (9, rows), negative where its vectors are left-handed. */
static inline double lml_determinant(const double cell[9]) {
  double normal[3];
  lml_cell_normal(cell, 0, normal);
  return lml_dot(cell, normal);
}

/** The parts of a symmetric tensor in Voigt's order, xx, yy, zz, yz, xz, xy. */
enum { LML_VOIGT_PARTS = 6 };

/** Row and column of part @p k. */
static inline size_t lml_voigt_row(size_t k) {
  static const unsigned char rows[LML_VOIGT_PARTS] = {0, 1, 2, 1, 0, 0};
  return rows[k];
}
static inline size_t lml_voigt_column(size_t k) {
  static const unsigned char columns[LML_VOIGT_PARTS] = {0, 1, 2, 2, 2, 1};
  return columns[k];
}

/** Where part @p k stands in a tensor of 3 × 3 numbers. */
static inline size_t lml_voigt_place(size_t k) { return 3 * lml_voigt_row(k) + lml_voigt_column(k); }

#endif
