#include "support/small_mixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

const lml_cluster_settings usual_cluster = {.vacuum = 5.0, .rounding = 3.0};

lml_structure small_crystal(size_t nx, size_t ny, size_t nz, size_t more) {
  const double a = 2.0;
  lml_structure s = {.pbc = {true, true, true},
                     .cell = {a * (double)nx, 0, 0, 0, a * (double)ny, 0, 0, 0, a * (double)nz}};
  assert_int_equal(lml_structure_resize(&s, nx * ny * nz + more, NULL), LML_OK);
  for (size_t i = 0; i < nx * ny * nz; i++) {
    const size_t plane = i / (ny * nz), row = i / nz % ny, column = i % nz;
    const double place[3] = {a * (double)plane, a * (double)row, a * (double)column};
    memcpy(s.positions + 3 * i, place, sizeof place);
    s.numbers[i] = 1;
  }
  return s;
}

lml_region *make_region(const lml_region_settings *settings, const lml_structure *structure) {
  lml_error error = {0};
  lml_region *region;
  assert_int_equal(lml_alloc(&region, 1, sizeof *region, "a region", &error), LML_OK);
  if (lml_region_make(region, settings, structure, NULL, &error) != LML_OK) fail_msg("%s", error.message);
  return region;
}

lml_cluster *make_cluster(const lml_region *region, const lml_structure *structure) {
  lml_error error = {0};
  lml_cluster *cluster;
  assert_int_equal(lml_alloc(&cluster, 1, sizeof *cluster, "a cluster", &error), LML_OK);
  if (lml_cluster_make(cluster, region, structure, &usual_cluster, &error) != LML_OK) fail_msg("%s", error.message);
  return cluster;
}
