/** @file gradients.h
 *  The gradient of each term by itself, for the design matrix: of each label, the adjoints of all its terms times the
 *  derivatives of its U by its neighbours. That is a product of matrices in each lane, done tile by tile.
 */
#ifndef LML_BISPECTRUM_KERNEL_GRADIENTS_H
#define LML_BISPECTRUM_KERNEL_GRADIENTS_H

#include "potential/bispectrum/kernel.h"
#include "potential/bispectrum/kernel/derivatives.h"
#include "potential/bispectrum/kernel/products.h"
#include "potential/simd/vector.h"

/** Terms of a tile: with the columns its sums fill the registers, 32 or 16. */
enum { TILE_TERMS = LML_LANES == 8 ? LML_TILE_TERMS : 2 };

/** u → adjoints of all terms, and terms. */
static void pack_adjoints(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace, vec *adjoints) {
  const cell_walk w = {
      .list = &plan->couplings, .targets = plan->by_term.targets, .adjoints = adjoints, .workspace = workspace};
  memset(workspace->terms, 0, (size_t)plan->nterms * sizeof(vec));
  walk_list(plan->nlabel_elements, LML_PACK_ADJOINTS, &w);
}

/** Add to the gradients of a tile of terms by a tile of columns what one label gives. */
ALWAYS_INLINE void add_tile(const vec *adjoints, const vec *derivatives, int size, const int *terms, vec *gradients,
                            size_t stride) {
  vec sums[TILE_TERMS][TILE_COLUMNS];
  for (int t = 0; t < TILE_TERMS; t++)
    for (int c = 0; c < TILE_COLUMNS; c++) sums[t][c] = splat(0.0);
  for (int m = 0; m < size; m++, adjoints += LML_TILE_TERMS, derivatives += TILE_COLUMNS)
    for (int c = 0; c < TILE_COLUMNS; c++) {
      const vec derivative = in_register(derivatives[c]);
      for (int t = 0; t < TILE_TERMS; t++) sums[t][c] += adjoints[t] * derivative;
    }
  for (int t = 0; t < TILE_TERMS && terms[t] >= 0; t++)
    for (int c = 0; c < TILE_COLUMNS; c++) gradients[(size_t)terms[t] * stride + (size_t)c] += sums[t][c];
}

static void gradients(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                      lml_bispectrum_workspace *workspace, const lml_bispectrum_gradients *room) {
  const neighbour *geometry = (const neighbour *)(const void *)workspace->geometry;
  vec *adjoints = as_vec_mutable(room->adjoints), *derivatives = as_vec_mutable(room->derivatives);
  vec *values = as_vec_mutable(room->values);
  const int J = plan->twojmax, ntiles = batch->tiles[plan->nlabel_elements];
  pack_adjoints(plan, workspace, adjoints);
  for (int term = 0; term < plan->nterms; term++)
    memset(values + (size_t)term * room->stride, 0, TILE_COLUMNS * (size_t)ntiles * sizeof(vec));
  for (int e = 0; e < plan->nlabel_elements; e++)
    for (int tile = batch->tiles[e]; tile < batch->tiles[e + 1]; tile++) {
      differentiate(plan, geometry, batch->tile + 2 * tile, derivatives);
      for (int j = 0; j <= J; j++) {
        const lml_label_terms *label = &plan->by_term.labels[e * (J + 1) + j];
        const int size = (j + 1) * (j + 1);
        const vec *of_label = derivatives + TILE_COLUMNS * lml_bispectrum_u_offset(j);
        const int *terms = plan->by_term.terms + label->first;
        for (int t = 0; t < label->count && terms[t] >= 0; t += TILE_TERMS)
          add_tile(adjoints + label->packed + t / LML_TILE_TERMS * LML_TILE_TERMS * size + t % LML_TILE_TERMS, of_label,
                   size, terms + t, values + TILE_COLUMNS * tile, room->stride);
      }
    }
}

#endif
