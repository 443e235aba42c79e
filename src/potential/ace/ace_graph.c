#include "potential/ace/ace_graph.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

static const char what[] = "products of an ACE potential";

void lml_ace_graph_free(lml_ace_graph *graph) {
  lml_free(graph->products);
  lml_free(graph->table);
  memset(graph, 0, sizeof *graph);
}

/** The place of the product of two nodes in the table: it is there, or the place is free. */
static size_t place_of(const lml_ace_graph *graph, int a, int b) {
  const uint64_t key = ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * UINT64_C(0x9e3779b97f4a7c15);
  size_t place = (size_t)(key >> 20) & (graph->table_size - 1);
  while (graph->table[place] >= 0) {
    const lml_ace_product *product = &graph->products[graph->table[place]];
    if (product->a == a && product->b == b) break;
    place = (place + 1) & (graph->table_size - 1);
  }
  return place;
}

/** Keep the table at most half full. */
static lml_status make_room(lml_ace_graph *graph, lml_error *error) {
  lml_status status =
      lml_grow(&graph->products, &graph->capacity, (size_t)graph->nproducts + 1, sizeof *graph->products, what, error);
  if (status != LML_OK || 2 * ((size_t)graph->nproducts + 1) <= graph->table_size) return status;
  const size_t size = graph->table_size == 0 ? 1024 : 2 * graph->table_size;
  lml_free(graph->table);
  graph->table_size = 0;
  status = lml_alloc(&graph->table, size, sizeof *graph->table, what, error);
  if (status != LML_OK) return status;
  graph->table_size = size;
  memset(graph->table, -1, size * sizeof *graph->table);
  for (int k = 0; k < graph->nproducts; k++)
    graph->table[place_of(graph, graph->products[k].a, graph->products[k].b)] = k;
  return LML_OK;
}

static bool is_there(const lml_ace_graph *graph, int a, int b) {
  return graph->table_size > 0 && graph->table[place_of(graph, a < b ? a : b, a < b ? b : a)] >= 0;
}

/** The node that is the product of two others. */
static lml_status multiply(lml_ace_graph *graph, int a, int b, int *node, lml_error *error) {
  const lml_status status = make_room(graph, error);
  if (status != LML_OK) return status;
  const lml_ace_product product = {a < b ? a : b, a < b ? b : a};
  const size_t place = place_of(graph, product.a, product.b);
  if (graph->table[place] < 0) {
    graph->products[graph->nproducts] = product;
    graph->table[place] = graph->nproducts++;
  }
  *node = graph->nleaves + graph->table[place];
  return LML_OK;
}

/** The node that is the product of @p rank leaves: of its halves. */
static lml_status node_of(lml_ace_graph *graph, const int *leaves, int rank, int *node, lml_error *error) {
  int a, b;
  *node = leaves[0];
  if (rank == 1) return LML_OK;
  lml_status status = node_of(graph, leaves, rank / 2, &a, error); /* NOLINT(misc-no-recursion): depth 3 at most */
  if (status == LML_OK) status = node_of(graph, leaves + rank / 2, rank - rank / 2, &b, error);
  return status == LML_OK ? multiply(graph, a, b, node, error) : status;
}

/** Orders of three and of four leaves in which the first two are one side, and the others the other. */
static const signed char three[3][3] = {{0, 1, 2}, {0, 2, 1}, {1, 2, 0}};
static const signed char four[3][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}};

/** The order of three or four leaves that needs the fewest new products. */
static void best_order(const lml_ace_graph *graph, const int *leaves, int rank, int *ordered) {
  int fewest = rank;
  for (int k = 0; k < 3; k++) {
    const signed char *order = rank == 3 ? three[k] : four[k];
    const int first = is_there(graph, leaves[order[0]], leaves[order[1]]) ? 0 : 1;
    const int second = rank == 3 || is_there(graph, leaves[order[2]], leaves[order[3]]) ? 0 : 1;
    if (first + second >= fewest) continue;
    fewest = first + second;
    for (int t = 0; t < rank; t++) ordered[t] = leaves[order[t]];
  }
}

lml_status lml_ace_graph_split(lml_ace_graph *graph, const int *leaves, int rank, lml_ace_product *term,
                               lml_error *error) {
  int ordered[LML_ACE_MOST_RANK];
  memcpy(ordered, leaves, (size_t)rank * sizeof *ordered);
  if (rank == 3 || rank == 4) best_order(graph, leaves, rank, ordered);
  const int first = rank == 3 ? 2 : rank / 2;
  const lml_status status = node_of(graph, ordered, first, &term->a, error);
  return status == LML_OK ? node_of(graph, ordered + first, rank - first, &term->b, error) : status;
}
