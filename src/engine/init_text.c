#include "engine/init_text.h"

#include <stdio.h>

#include "base/memory.h"

enum { FRAME_SIZE = 96, NUMBER_SIZE = 12 };

lml_status lml_init_text(const lml_structure *structure, char **text, size_t *capacity, size_t *length,
                         lml_error *error) {
  const size_t size = FRAME_SIZE + NUMBER_SIZE * structure->natoms;
  const lml_status status = lml_grow(text, capacity, size, 1, "the INIT for an engine", error);
  if (status != LML_OK) return status;
  const char *const words[] = {"false", "true"};
  const bool *pbc = structure->pbc;
  size_t used = (size_t)snprintf(*text, size, "{\"lmlink\": 1, \"pbc\": [%s, %s, %s], \"species\": [", words[pbc[0]],
                                 words[pbc[1]], words[pbc[2]]);
  for (size_t i = 0; i < structure->natoms; i++)
    used += (size_t)snprintf(*text + used, size - used, "%s%d", i == 0 ? "" : ",", structure->numbers[i]);
  used += (size_t)snprintf(*text + used, size - used, "]}");
  *length = used;
  return LML_OK;
}
