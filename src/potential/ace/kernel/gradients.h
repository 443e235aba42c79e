/** @file gradients.h
 *  Gradients of single functions by each neighbour, for the rows of a retraining.
 */
#ifndef LML_ACE_KERNEL_GRADIENTS_H
#define LML_ACE_KERNEL_GRADIENTS_H

#include "potential/ace/kernel/forces.h"
#include "potential/ace/kernel/products.h"

static void turns(const lml_ace_plan *plan, const lml_ace_slots *slots, lml_ace_workspace *workspace) {
  const int count = (plan->lmax + 1) * (plan->lmax + 1);
  for (int slot = 0; slot < slots->group[plan->nelements]; slot++) {
    const vec *y = geometry_of(plan, workspace, slot).harmonics;
    vec *to = as_vec_mutable(workspace->turns) + 3 * (size_t)slot * (size_t)count;
    for (int k = 0; k < 3 * count; k++) to[k] = splat(0.0);
    for (int l = 1; l <= plan->lmax; l++)
      for (int c = 0; c < 2 * l + 1; c++) {
        vec unit[2 * LML_ACE_MOST_L + 1];
        for (int other = 0; other < 2 * l + 1; other++) unit[other] = splat(other == c ? 1.0 : 0.0);
        add_turn(l, unit, y + (l - 1) * (l - 1), to + 3 * (l * l + c));
      }
  }
}

static void radials(const lml_ace_plan *plan, size_t element, const lml_ace_slots *slots,
                    lml_ace_workspace *workspace) {
  const lml_ace_element_plan *of = &plan->elements[element];
  for (int b = 0; b < of->nblocks; b++) {
    const lml_ace_block *block = &of->blocks[b];
    for (int slot = slots->group[block->element]; slot < slots->group[block->element + 1]; slot++) {
      const geometry from = geometry_of(plan, workspace, slot);
      vec value = splat(0.0), slope = splat(0.0);
      for (int p = block->first; p < block->first + block->nparts; p++) {
        value += of->parts[p].coefficient * from.g[of->parts[p].k];
        slope += of->parts[p].coefficient * from.slopes[of->parts[p].k];
      }
      vec *to = as_vec_mutable(workspace->radials) + 2 * ((size_t)slot * (size_t)plan->most_blocks + (size_t)b);
      to[0] = value * from.direction[3];
      to[1] = slope - block->l * to[0];
    }
  }
}

/** Adjoints of one function's leaves: of each term, the product of all its leaves but one. */
ALWAYS_INLINE void adjoint_of_function(const lml_ace_element_plan *of, size_t function, const vec *nodes,
                                       vec *adjoints) {
  const int rank = of->rank[function];
  for (int t = of->first_term[function]; t < of->first_term[function + 1]; t++) {
    const int *legs = of->legs + t * LML_ACE_MOST_RANK;
    vec real[LML_ACE_MOST_RANK], imaginary[LML_ACE_MOST_RANK]; /* products of the leaves before each */
    real[0] = splat(of->weights[t]);
    imaginary[0] = splat(0.0);
    for (int k = 1; k < rank; k++) {
      const vec *a = nodes + 2 * legs[k - 1];
      real[k] = real[k - 1] * a[0] - imaginary[k - 1] * a[1];
      imaginary[k] = real[k - 1] * a[1] + imaginary[k - 1] * a[0];
    }
    vec after_real = splat(1.0), after_imaginary = splat(0.0);
    for (int k = rank - 1; k >= 0; k--) {
      vec *to = adjoints + 2 * legs[k];
      const vec *a = nodes + 2 * legs[k];
      to[0] += real[k] * after_real - imaginary[k] * after_imaginary;
      to[1] -= real[k] * after_imaginary + imaginary[k] * after_real;
      const vec next = after_real * a[0] - after_imaginary * a[1];
      after_imaginary = after_real * a[1] + after_imaginary * a[0];
      after_real = next;
    }
  }
}

/** Add what one block contributes to the slopes. */
ALWAYS_INLINE void add_slopes(const lml_ace_plan *plan, int number, const lml_ace_block *block,
                              const lml_ace_slots *slots, const lml_ace_workspace *workspace) {
  const int count = (plan->lmax + 1) * (plan->lmax + 1), l = block->l;
  vec w[2 * LML_ACE_MOST_L + 1];
  gather_leaves(plan, block, as_vec(workspace->node_adjoints), w);
  for (int slot = slots->group[block->element]; slot < slots->group[block->element + 1]; slot++) {
    const geometry from = geometry_of(plan, workspace, slot);
    const vec *radial = as_vec(workspace->radials) + 2 * ((size_t)slot * (size_t)plan->most_blocks + (size_t)number);
    const vec *turn = as_vec(workspace->turns) + 3 * ((size_t)slot * (size_t)count + (size_t)(l * l));
    vec *to = as_vec_mutable(workspace->slopes) + 3 * slot;
    vec along = splat(0.0), across[3] = {splat(0.0), splat(0.0), splat(0.0)};
    for (int c = 0; c < 2 * l + 1; c++, turn += 3) {
      along += w[c] * from.harmonics[l * l + c];
      for (int d = 0; d < 3; d++) across[d] += w[c] * turn[d];
    }
    along *= radial[1];
    for (int d = 0; d < 3; d++) to[d] += along * from.direction[d] + radial[0] * across[d];
  }
}

static void slopes(const lml_ace_plan *plan, size_t element, size_t function, const lml_ace_slots *slots,
                   lml_ace_workspace *workspace) {
  const lml_ace_element_plan *of = &plan->elements[element];
  const int *blocks = of->blocks_of + function * LML_ACE_MOST_RANK;
  vec *adjoints = as_vec_mutable(workspace->node_adjoints), *to = as_vec_mutable(workspace->slopes);
  for (int k = 0; k < 3 * slots->group[plan->nelements]; k++) to[k] = splat(0.0);
  for (int t = 0; t < of->rank[function]; t++) {
    const lml_ace_block *block = &of->blocks[blocks[t]];
    for (int k = 2 * block->leaf; k < 2 * (block->leaf + 2 * block->l + 1); k++) adjoints[k] = splat(0.0);
  }
  adjoint_of_function(of, function, as_vec(workspace->nodes), adjoints);
  for (int t = 0; t < of->rank[function]; t++) {
    bool again = false; /* a block that two legs have in common counts once */
    for (int other = 0; other < t; other++) again = again || blocks[other] == blocks[t];
    if (!again) add_slopes(plan, blocks[t], &of->blocks[blocks[t]], slots, workspace);
  }
}

#endif
