/** @file several.h
 *  Gradients of several energies of the same densities, each with weights of the terms of its own: ∂E/∂U of each are
 * sums of the terms' adjoints, which are made once, and are multiplied with the derivatives of U, which are made once
 * for each neighbour. Both are products of matrices in each lane, done tile by tile.
 */
#ifndef LML_BISPECTRUM_KERNEL_SEVERAL_H
#define LML_BISPECTRUM_KERNEL_SEVERAL_H

#include "potential/bispectrum/kernel.h"
#include "potential/bispectrum/kernel/forces.h"
#include "potential/bispectrum/kernel/gradients.h"

/** Rows of ∂t/∂U that are summed at a time: with TILE_TERMS energies they fill the registers. */
enum { TILE_ROWS = 6 };

/** u, weights → adjoint moments and energy, as `adjoint`, and the adjoints of all terms. */
static void adjoint_and_terms(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace,
                              const lml_bispectrum_several *several) {
  const cell_walk w = {.list = &plan->couplings,
                       .targets = plan->by_term.targets,
                       .adjoints = as_vec_mutable(several->adjoints),
                       .workspace = workspace};
  clear_y(plan, workspace);
  walk_list(plan->nlabel_elements, LML_ADD_TO_Y_AND_PACK, &w);
  all_y_to_moments(plan, workspace);
}

/** A label's terms: their adjoints, and the weights that TILE_TERMS energies give them. */
typedef struct {
  const lml_label_terms *label;
  const int *terms;
  const vec *adjoints, *weights;
  size_t stride; /**< of the weights: energies */
  int size;      /**< reals of the label's U */
} label_sums;

/** @p nrows rows of ∂E/∂U of TILE_TERMS energies. */
ALWAYS_INLINE void sum_rows(int nrows, const label_sums *l, int first, vec *to) {
  vec sums[TILE_ROWS][TILE_TERMS];
  for (int r = 0; r < nrows; r++)
    for (int e = 0; e < TILE_TERMS; e++) sums[r][e] = splat(0.0);
  for (int t = 0; t < l->label->count && l->terms[t] >= 0; t++) {
    const vec *weights = l->weights + (size_t)l->terms[t] * l->stride;
    const vec *adjoints = l->adjoints + t / LML_TILE_TERMS * LML_TILE_TERMS * l->size + t % LML_TILE_TERMS;
    for (int e = 0; e < TILE_TERMS; e++) {
      const vec weight = in_register(weights[e]);
      for (int r = 0; r < nrows; r++) sums[r][e] += weight * adjoints[LML_TILE_TERMS * (first + r)];
    }
  }
  for (int r = 0; r < nrows; r++)
    for (int e = 0; e < TILE_TERMS; e++) to[LML_TILE_TERMS * (first + r) + e] = sums[r][e];
}

/** Adjoints of terms, weights → ∂E/∂U of all energies: of each label, LML_TILE_TERMS energies side by side. */
static void combine_adjoints(const lml_bispectrum_plan *plan, const lml_bispectrum_several *several) {
  const int J = plan->twojmax, nenergies = (int)several->count;
  for (int k = 0; k < plan->nlabel_elements * (J + 1); k++) {
    const int j = k % (J + 1);
    const lml_label_terms *label = &plan->by_term.labels[k];
    label_sums l = {.label = label,
                    .terms = plan->by_term.terms + label->first,
                    .adjoints = as_vec(several->adjoints) + label->packed,
                    .stride = several->count,
                    .size = (j + 1) * (j + 1)};
    const size_t first = (size_t)(k / (J + 1) * plan->nmoments + lml_bispectrum_u_offset(j)) * several->count;
    for (int e = 0; e < nenergies; e += TILE_TERMS) {
      vec *to = as_vec_mutable(several->by_u) + first + (size_t)(e / LML_TILE_TERMS * LML_TILE_TERMS * l.size) +
                e % LML_TILE_TERMS;
      int next = 0;
      l.weights = as_vec(several->weights) + e;
      for (; next + TILE_ROWS <= l.size; next += TILE_ROWS) sum_rows(TILE_ROWS, &l, next, to);
      for (; next + 3 <= l.size; next += 3) sum_rows(3, &l, next, to);
      for (; next < l.size; next++) sum_rows(1, &l, next, to);
    }
  }
}

/** Of one tile of neighbours: ∂E/∂U and ∂U/∂r → ∂E/∂r. */
static void contract_tile(const lml_bispectrum_plan *plan, const lml_bispectrum_several *several, int element,
                          const vec *derivatives, vec *to) {
  static const int in_turn[LML_TILE_TERMS] = {0, 1, 2, 3};
  const int nenergies = (int)several->count;
  memset(to, 0, several->count * TILE_COLUMNS * sizeof(vec));
  for (int j = 0; j <= plan->twojmax; j++) {
    const int size = (j + 1) * (j + 1), first = lml_bispectrum_u_offset(j);
    const vec *by_u = as_vec(several->by_u) + (size_t)(element * plan->nmoments + first) * several->count;
    for (int e = 0; e < nenergies; e += TILE_TERMS)
      add_tile(by_u + e / LML_TILE_TERMS * LML_TILE_TERMS * size + e % LML_TILE_TERMS,
               derivatives + TILE_COLUMNS * first, size, in_turn, to + TILE_COLUMNS * e, TILE_COLUMNS);
  }
}

/** One neighbour of each lane: from vectors of lanes to each neighbour's gradients, one behind the other. */
static void put_neighbour(const lml_bispectrum_several *several, const vec *tile, int slot_of_tile, double *to) {
  const int count = 3 * (int)several->count, directions = 3;
  for (int first = 0; first < count; first += LML_LANES) {
    vec v[LML_LANES];
    for (int k = 0; k < LML_LANES; k++) {
      const int number = first + k;
      v[k] = number < count
                 ? tile[TILE_COLUMNS * (number / directions) + directions * slot_of_tile + number % directions]
                 : splat(0.0);
    }
    transpose(v);
    for (int lane = 0; lane < LML_LANES; lane++) *as_vec_mutable(to + (size_t)lane * several->stride + first) = v[lane];
  }
}

static void several_forces(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                           const lml_bispectrum_workspace *workspace, const lml_bispectrum_several *several) {
  const neighbour *geometry = (const neighbour *)(const void *)workspace->geometry;
  vec *derivatives = as_vec_mutable(several->derivatives), *tile_values = as_vec_mutable(several->tile);
  combine_adjoints(plan, several);
  for (int e = 0; e < plan->nlabel_elements; e++)
    for (int slot = batch->group[e]; slot < batch->group[e + 1]; slot += TILE_SLOTS) {
      differentiate_first(plan, geometry + slot, derivatives);
      contract_tile(plan, several, e, derivatives, tile_values);
      for (int k = 0; k < TILE_SLOTS; k++)
        put_neighbour(several, tile_values, k, several->gradient + (size_t)(slot + k) * LML_LANES * several->stride);
    }
}

#endif
