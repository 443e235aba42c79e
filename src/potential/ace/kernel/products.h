/** @file products.h
 *  From moments to nodes, and the way back: the adjoints ∂E/∂(Re, Im) of each node.
 */
#ifndef LML_ACE_KERNEL_PRODUCTS_H
#define LML_ACE_KERNEL_PRODUCTS_H

#include "potential/ace/ace_kernel.h"
#include "potential/simd/vector.h"

/** N_lm of a block, by m. */
ALWAYS_INLINE const double *norms_of(const lml_ace_plan *plan, const lml_ace_block *block) {
  return plan->norm + block->l * (block->l + 1) / 2;
}

/** The A's of a block, for m from −l to l: A_−m = (−1)^m conj A_m. */
ALWAYS_INLINE void set_leaves(const lml_ace_plan *plan, const lml_ace_element_plan *of, const lml_ace_block *block,
                              const vec *moments, vec *nodes) {
  const double *norms = norms_of(plan, block);
  vec *middle = nodes + 2 * (block->leaf + block->l);
  vec sums[2 * LML_ACE_MOST_L + 1];
  for (int c = 0; c < 2 * block->l + 1; c++) sums[c] = splat(0.0);
  for (int p = block->first; p < block->first + block->nparts; p++) {
    const vec *from = moments + of->parts[p].moment;
    for (int c = 0; c < 2 * block->l + 1; c++) sums[c] += of->parts[p].coefficient * from[c];
  }
  middle[0] = norms[0] * sums[0];
  middle[1] = splat(0.0);
  for (int m = 1; m <= block->l; m++) {
    const vec real = norms[m] * sums[2 * m - 1], imaginary = norms[m] * sums[2 * m];
    middle[2 * m] = real;
    middle[2 * m + 1] = imaginary;
    middle[-2 * m] = m % 2 == 0 ? real : -real;
    middle[-2 * m + 1] = m % 2 == 0 ? -imaginary : imaginary;
  }
}

static void products(const lml_ace_plan *plan, size_t element, lml_ace_workspace *workspace) {
  const lml_ace_element_plan *of = &plan->elements[element];
  vec *nodes = as_vec_mutable(workspace->nodes), *to = nodes + 2 * of->nleaves;
  for (int b = 0; b < of->nblocks; b++) set_leaves(plan, of, &of->blocks[b], as_vec(workspace->moments), nodes);
  for (int k = 0; k < of->nproducts; k++, to += 2) {
    const vec *a = nodes + 2 * of->products[k].a, *b = nodes + 2 * of->products[k].b;
    to[0] = a[0] * b[0] - a[1] * b[1];
    to[1] = a[0] * b[1] + a[1] * b[0];
  }
}

/** A term: the real part of a product. */
ALWAYS_INLINE vec term_of(const lml_ace_product *term, const vec *nodes) {
  const vec *a = nodes + 2 * term->a;
  if (term->b < 0) return a[0];
  const vec *b = nodes + 2 * term->b;
  return a[0] * b[0] - a[1] * b[1];
}

static void functions(const lml_ace_element_plan *plan, const lml_ace_workspace *workspace, const double *mask,
                      double *values) {
  const vec *nodes = as_vec(workspace->nodes), here = *as_vec(mask);
  vec *to = as_vec_mutable(values);
  for (int f = 0; f < plan->nfunctions; f++) {
    vec sum = splat(0.0);
    for (int t = plan->first_term[f]; t < plan->first_term[f + 1]; t++)
      sum += plan->weights[t] * term_of(&plan->terms[t], nodes);
    to[f] += here * sum;
  }
}

static void densities(const lml_ace_element_plan *plan, const lml_ace_workspace *workspace, double *to) {
  const vec *nodes = as_vec(workspace->nodes);
  const int n = plan->ndensities;
  vec sums[LML_ACE_MOST_DENSITIES];
  for (int p = 0; p < n; p++) sums[p] = splat(0.0);
  for (int t = 0; t < plan->nterms; t++) {
    const vec term = term_of(&plan->terms[t], nodes);
    for (int p = 0; p < n; p++) sums[p] += plan->weights[t * n + p] * term;
  }
  for (int p = 0; p < n; p++) as_vec_mutable(to)[p] = sums[p];
}

/** Terms → adjoints of their nodes; returns Σ factor · weight · term. */
ALWAYS_INLINE vec adjoint_of_terms(const lml_ace_element_plan *of, int ndensities, const vec *factors, size_t stride,
                                   const vec *nodes, vec *adjoints) {
  vec total = splat(0.0);
  for (int f = 0; f < of->nfunctions; f++, factors += stride)
    for (int t = of->first_term[f]; t < of->first_term[f + 1]; t++) {
      const lml_ace_product *term = &of->terms[t];
      vec weight = of->weights[t * ndensities] * factors[0];
      for (int p = 1; p < ndensities; p++) weight += of->weights[t * ndensities + p] * factors[p];
      const vec *a = nodes + 2 * term->a;
      vec *to_a = adjoints + 2 * term->a;
      if (term->b < 0) {
        total += weight * a[0];
        to_a[0] += weight;
        continue;
      }
      const vec *b = nodes + 2 * term->b;
      vec *to_b = adjoints + 2 * term->b;
      const vec real = weight * a[0], imaginary = weight * a[1];
      total += real * b[0] - imaginary * b[1];
      to_a[0] += weight * b[0];
      to_a[1] -= weight * b[1];
      to_b[0] += real;
      to_b[1] -= imaginary;
    }
  return total;
}

/** Adjoints of products → those of their two nodes, the last product first. */
ALWAYS_INLINE void adjoint_of_products(const lml_ace_element_plan *of, const vec *nodes, vec *adjoints) {
  for (int k = of->nproducts - 1; k >= 0; k--) {
    const vec real = adjoints[2 * (of->nleaves + k)], imaginary = adjoints[2 * (of->nleaves + k) + 1];
    const vec *a = nodes + 2 * of->products[k].a, *b = nodes + 2 * of->products[k].b;
    vec *to_a = adjoints + 2 * of->products[k].a, *to_b = adjoints + 2 * of->products[k].b;
    to_a[0] += real * b[0] + imaginary * b[1];
    to_a[1] += imaginary * b[0] - real * b[1];
    to_b[0] += real * a[0] + imaginary * a[1];
    to_b[1] += imaginary * a[0] - real * a[1];
  }
}

/** Adjoints of a block's A's, by the real and imaginary parts for m ≥ 0, with N_lm. */
ALWAYS_INLINE void gather_leaves(const lml_ace_plan *plan, const lml_ace_block *block, const vec *adjoints, vec *to) {
  const double *norms = norms_of(plan, block);
  const vec *middle = adjoints + 2 * (block->leaf + block->l);
  to[0] = norms[0] * middle[0];
  for (int m = 1; m <= block->l; m++) {
    const double sign = m % 2 == 0 ? 1.0 : -1.0;
    to[2 * m - 1] = norms[m] * (middle[2 * m] + sign * middle[-2 * m]);
    to[2 * m] = norms[m] * (middle[2 * m + 1] - sign * middle[-2 * m + 1]);
  }
}

static void adjoint(const lml_ace_plan *plan, size_t element, const double *factors, size_t stride,
                    lml_ace_workspace *workspace, double *sums) {
  const lml_ace_element_plan *of = &plan->elements[element];
  const vec *nodes = as_vec(workspace->nodes);
  vec *adjoints = as_vec_mutable(workspace->node_adjoints), *moments = as_vec_mutable(workspace->moment_adjoints);
  for (int k = 0; k < 2 * (of->nleaves + of->nproducts); k++) adjoints[k] = splat(0.0);
  *as_vec_mutable(sums) = of->ndensities == 1
                              ? adjoint_of_terms(of, 1, as_vec(factors), stride, nodes, adjoints)
                              : adjoint_of_terms(of, of->ndensities, as_vec(factors), stride, nodes, adjoints);
  adjoint_of_products(of, nodes, adjoints);
  for (int b = 0; b < of->nblocks; b++) {
    const lml_ace_block *block = &of->blocks[b];
    vec gathered[2 * LML_ACE_MOST_L + 1];
    gather_leaves(plan, block, adjoints, gathered);
    for (int p = block->first; p < block->first + block->nparts; p++) {
      vec *to = moments + of->parts[p].moment;
      for (int c = 0; c < 2 * block->l + 1; c++) to[c] += of->parts[p].coefficient * gathered[c];
    }
  }
}

#endif
