/** @file ace_graph.h
 *  Sharing products among the terms of an ACE potential.
 */
#ifndef LML_ACE_ACE_GRAPH_H
#define LML_ACE_ACE_GRAPH_H

#include "potential/ace/ace_plan.h"

/** Products so far, found by their two nodes. Initialise with zeros but for nleaves, release with lml_ace_graph_free.
 */
typedef struct lml_ace_graph {
  int nleaves, nproducts;
  lml_ace_product *products;
  int *table; /**< hash table of products, −1 in free places; its size is a power of 2 */
  size_t capacity, table_size;
} lml_ace_graph;

void lml_ace_graph_free(lml_ace_graph *graph);

/** The two nodes whose product is that of the @p rank ≥ 2 @p leaves, in ascending order: those that need the fewest new
 *  products, which are added. */
lml_status lml_ace_graph_split(lml_ace_graph *graph, const int *leaves, int rank, lml_ace_product *term,
                               lml_error *error);

#endif
