#include "mixing/skip.h"

#include <math.h>

#include "base/fail.h"
#include "structure/vec3.h"

lml_status lml_skip_check(const lml_mixing_region *region, const lml_unknown_species *unknown,
                          const lml_structure *structure, lml_error *error) {
  const lml_cluster *cluster = region->cluster;
  for (size_t i = 0; i < cluster->structure.natoms && unknown->flags != NULL; i++) {
    const size_t parent = cluster->parents[i];
    if (unknown->flags[parent] != 0)
      return lml_fail(error, LML_ERR_INPUT,
                      "region %s: atom %zu of its cluster is %s, which the ML calculator does not know, so that it "
                      "cannot stand in for the region's calculator; omit skip",
                      region->name, parent, lml_element_symbol(structure->numbers[parent]));
  }
  return LML_OK;
}

double lml_skip_largest(const lml_region *region, const double *sigmas) {
  double largest = 0.0;
  for (size_t i = 0; i < region->natoms; i++) {
    const double length = region->labels[i] == LML_REGION_QM ? lml_norm(sigmas + 3 * i) : 0.0;
    if (isnan(length)) return NAN;
    largest = fmax(largest, length);
  }
  return largest;
}

void lml_skip_compare(lml_skip_comparison *c, const double *sigmas) {
  const lml_cluster *cluster = c->region->cluster;
  double sum_sigma = 0.0, sum_error = 0.0, count = 0.0;
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const size_t parent = cluster->parents[i];
    if (c->region->region->labels[parent] != LML_REGION_QM) continue;
    count += 3.0;
    sum_sigma += lml_dot(sigmas + 3 * parent, sigmas + 3 * parent);
    for (size_t x = 0; x < 3 && c->qm != NULL; x++) {
      const double difference = c->qm[3 * i + x] - c->ml[3 * parent + x];
      sum_error += difference * difference;
    }
  }
  c->largest = lml_skip_largest(c->region->region, sigmas);
  c->sigma = sqrt(sum_sigma / count);
  c->error = c->qm == NULL ? NAN : sqrt(sum_error / count);
}
