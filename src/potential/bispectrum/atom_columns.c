#include "potential/bispectrum/atom_columns.h"

#include <string.h>

#include "base/memory.h"

static const char what[] = "a batch of atoms";

lml_status lml_atom_columns_make(lml_atom_columns *columns, size_t limit, lml_error *error) {
  *columns = (lml_atom_columns){.limit = limit};
  lml_status status = lml_alloc(&columns->list, 2 * limit, sizeof *columns->list, what, error);
  if (status == LML_OK) status = lml_alloc(&columns->of, limit, sizeof *columns->of, what, error);
  return status == LML_OK ? lml_alloc(&columns->order, 2 * limit, sizeof *columns->order, what, error) : status;
}

void lml_atom_columns_free(lml_atom_columns *columns) {
  lml_free(columns->list);
  lml_free(columns->of);
  lml_free(columns->order);
  memset(columns, 0, sizeof *columns);
}

void lml_atom_columns_begin(lml_atom_columns *columns) { columns->count = 0; }

void lml_atom_columns_add(lml_atom_columns *columns, size_t i, int32_t owner, int label) {
  size_t c = 0;
  while (c < columns->count && columns->list[c].owner != owner) c++;
  if (c == columns->count) columns->list[columns->count++] = (lml_atom_column){.owner = owner, .label = label};
  columns->list[c].count++;
  columns->of[i] = (int)c;
}

static int comes_before(const lml_atom_column *a, const lml_atom_column *b) {
  return a->label != b->label ? a->label < b->label : a->count > b->count;
}

void lml_atom_columns_sort(lml_atom_columns *columns, size_t nnear) {
  lml_atom_column *list = columns->list, *sorted = list + columns->limit;
  size_t *order = columns->order, *place = order + columns->limit;
  for (size_t c = 0, k; c < columns->count; c++) { /* few, and often in order */
    for (k = c; k > 0 && comes_before(&list[c], &list[order[k - 1]]); k--) order[k] = order[k - 1];
    order[k] = c;
  }
  for (size_t k = 0; k < columns->count; k++) {
    sorted[k] = list[order[k]];
    place[order[k]] = k;
  }
  memcpy(list, sorted, columns->count * sizeof *list);
  for (size_t i = 0; i < nnear; i++)
    if (columns->of[i] >= 0) columns->of[i] = (int)place[columns->of[i]];
}
