/** @file scatter.h
 *  The gradients of the terms, which lie atom beside atom, become −∂B/∂r of one atom by another, component beside
 *  component.
 */
#ifndef LML_BISPECTRUM_KERNEL_SCATTER_H
#define LML_BISPECTRUM_KERNEL_SCATTER_H

#include "potential/bispectrum/kernel.h"
#include "potential/simd/vector.h"

/** One lane's LML_LANES components. */
ALWAYS_INLINE void put_lane(const lml_gradient_place *place, size_t offset, vec components) {
  vec *to = as_vec_mutable(place->to + offset);
  if (place->filled) components += *to;
  *to = components;
}

/** The gradients of up to LML_LANES components from @p first on, by all neighbours and by the atoms themselves. */
ALWAYS_INLINE void scatter_group(const lml_bispectrum_plan *plan, const lml_bispectrum_gradients *gradients,
                                 int ncolumns, const lml_gradient_place *places, const lml_gradient_place *own,
                                 size_t stride, int first) {
  const vec *from[LML_LANES];
  double scale[LML_LANES];
  vec sums[3][LML_LANES];
  for (int c = 0; c < LML_LANES; c++) {
    const lml_component *component = &plan->components[first + c < plan->ncomponents ? first + c : first];
    from[c] = as_vec(gradients->values) + (size_t)component->term * gradients->stride;
    scale[c] = first + c < plan->ncomponents ? component->scale : 0.0;
    for (int d = 0; d < 3; d++) sums[d][c] = splat(0.0);
  }
  for (int column = 0; column < ncolumns; column++, places += LML_LANES)
    for (int d = 0; d < 3; d++) {
      vec v[LML_LANES];
      for (int c = 0; c < LML_LANES; c++) {
        const vec slope = scale[c] * from[c][3 * column + d];
        sums[d][c] += slope;
        v[c] = -slope;
      }
      transpose(v);
      for (int lane = 0; lane < LML_LANES; lane++) put_lane(&places[lane], (size_t)d * stride + (size_t)first, v[lane]);
    }
  for (int d = 0; d < 3; d++) {
    transpose(sums[d]);
    for (int lane = 0; lane < LML_LANES; lane++)
      put_lane(&own[lane], (size_t)d * stride + (size_t)first, sums[d][lane]);
  }
}

static void scatter(const lml_bispectrum_plan *plan, const lml_bispectrum_gradients *gradients, int ncolumns,
                    const lml_gradient_place *places, const lml_gradient_place *own, size_t stride) {
  for (int first = 0; first < plan->ncomponents; first += LML_LANES)
    scatter_group(plan, gradients, ncolumns, places, own, stride, first);
}

#endif
