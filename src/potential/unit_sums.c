#include "potential/unit_sums.h"

#include <string.h>

#include "base/memory.h"

/** Atoms near in space are near in memory: a unit's forces are in a few blocks of this many atoms. */
enum { BLOCK_SHIFT = 3, BLOCK = 1 << BLOCK_SHIFT };

void lml_unit_sums_free(lml_unit_sums *sums) {
  lml_free(sums->forces);
  lml_free(sums->beside);
  lml_free(sums->touched);
  lml_free(sums->blocks);
  *sums = (lml_unit_sums){0};
}

lml_status lml_unit_sums_reserve(lml_unit_sums *sums, size_t natoms, size_t width, lml_error *error) {
  if (natoms <= sums->capacity && width == sums->width) return LML_OK;
  const size_t wanted = natoms + natoms / 16, nblocks = (wanted + BLOCK - 1) / BLOCK;
  lml_unit_sums_free(sums);
  lml_status status = lml_alloc(&sums->forces, 3 * wanted, sizeof(double), "forces", error);
  if (status == LML_OK && width > 0) status = lml_alloc(&sums->beside, width * wanted, sizeof(double), "forces", error);
  if (status == LML_OK) status = lml_alloc(&sums->touched, nblocks, 1, "forces", error);
  if (status == LML_OK) status = lml_alloc(&sums->blocks, nblocks, sizeof *sums->blocks, "forces", error);
  if (status == LML_OK) {
    sums->capacity = wanted;
    sums->width = width;
  } else {
    lml_unit_sums_free(sums);
  }
  return status;
}

void lml_unit_sums_touch(lml_unit_sums *sums, const int32_t *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const int32_t block = list[i] >> BLOCK_SHIFT;
    if (sums->touched[block] != 0) continue;
    sums->touched[block] = 1;
    sums->blocks[sums->nblocks++] = block;
  }
}

/** Add @p count numbers, and set them to zero. */
static void move(double *from, size_t count, double *to) {
  for (size_t i = 0; i < count; i++) to[i] += from[i];
  memset(from, 0, count * sizeof *from);
}

void lml_unit_sums_move(lml_unit_sums *sums, double *forces, double *beside, size_t natoms, double *virial) {
  for (size_t b = 0; b < sums->nblocks; b++) {
    const size_t first = (size_t)sums->blocks[b] << BLOCK_SHIFT;
    const size_t count = natoms - first < BLOCK ? natoms - first : BLOCK;
    move(sums->forces + 3 * first, 3 * count, forces + 3 * first);
    if (sums->width > 0) move(sums->beside + sums->width * first, sums->width * count, beside + sums->width * first);
    sums->touched[sums->blocks[b]] = 0;
  }
  sums->nblocks = 0;
  for (size_t k = 0; k < 9; k++) virial[k] += sums->virial[k];
  memset(sums->virial, 0, sizeof sums->virial);
}
