#include "potential/gradient_columns.h"

#include <string.h>

size_t lml_gradient_columns_find(const lml_gradient_columns *columns, const lml_run_of_atoms *run,
                                 const int32_t *places, size_t lane) {
  const size_t width = columns->width;
  const int32_t *owner = run->atoms->owner, centre = run->centres[lane];
  const int32_t place = places == NULL ? 0 : places[centre];
  int32_t *list = columns->columns + lane;
  size_t end = 0; /* of the list: columns so far × width */
  for (size_t k = lane; k < columns->nslots * width; k += width) {
    const int32_t j = columns->neighbour[k];
    columns->column[k] = -1;
    if (j < 0) continue;
    const int32_t own = owner[j];
    if (places != NULL && (own == centre || (place < 0 && (place == LML_NO_PLACE || places[own] < 0)))) continue;
    size_t at = places == NULL ? end : 0;
    while (at < end && owner[list[at]] != own) at += width;
    if (at == end) {
      list[at] = j;
      end += width;
    }
    columns->column[k] = (int32_t)(at / width);
  }
  return end / width;
}

void lml_gradient_place_clear(const lml_gradient_place *place, size_t stride) {
  if (!place->filled) memset(place->to, 0, 3 * stride * sizeof *place->to);
}
