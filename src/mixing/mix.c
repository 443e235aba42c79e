#include "mixing/mix.h"

#include <math.h>

static void add_difference(lml_mix_difference *to, const double *one, const double *two) {
  const double length = hypot(hypot(one[0] - two[0], one[1] - two[1]), one[2] - two[2]);
  to->sum += length;
  to->largest = fmax(to->largest, length);
  to->count++;
}

/** Distance (Å) from a QM atom of the buffer atom that is nearest to one. */
static double first_of_buffer(const lml_mixing_region *region) {
  const lml_cluster *cluster = region->cluster;
  double first = INFINITY;
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const size_t parent = cluster->parents[i];
    if (region->region->labels[parent] == LML_REGION_BUFFER) first = fmin(first, region->region->distances[parent]);
  }
  return first;
}

/** The shell that a buffer atom @p distance (Å) from the nearest QM atom lies in, where the first is at @p first. */
static size_t shell_of(const lml_region *region, double first, double distance) {
  const double width = (region->blend + region->buffer - first) / LML_MIX_SHELLS;
  const double x = width > 0.0 ? (distance - first) / width : 0.0;
  return x >= LML_MIX_SHELLS - 1 ? LML_MIX_SHELLS - 1 : (size_t)x;
}

void lml_mix_compare(lml_mix *mix, const lml_mixing_region *region, const lml_unknown_species *unknown,
                     const double *qm, const double *forces) {
  const lml_cluster *cluster = region->cluster;
  const double first = first_of_buffer(region);
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const size_t parent = cluster->parents[i];
    const lml_region_label label = (lml_region_label)region->region->labels[parent];
    mix->counts[label]++;
    if (qm == NULL || (unknown->flags != NULL && unknown->flags[parent] != 0)) continue;
    lml_mix_difference *to = label == LML_REGION_BUFFER
                                 ? &mix->shells[shell_of(region->region, first, region->region->distances[parent])]
                                 : &mix->qm;
    add_difference(to, qm + 3 * i, forces + 3 * parent);
  }
}

void lml_mix_region(const lml_mixing_region *region, const double *qm, double *forces) {
  const lml_cluster *cluster = region->cluster;
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const size_t parent = cluster->parents[i];
    const double weight = region->region->weights[parent];
    if (weight <= 0.0) continue;
    for (size_t x = 0; x < 3; x++) {
      double *force = &forces[3 * parent + x];
      *force = weight >= 1.0 ? qm[3 * i + x] : weight * qm[3 * i + x] + (1.0 - weight) * *force;
    }
  }
}

void lml_mix_sigmas(const lml_mixing_region *region, double share, size_t natoms, size_t width, double *sigmas) {
  for (size_t i = 0; i < natoms; i++) {
    const double weight = share * region->region->weights[i];
    for (size_t x = 0; x < width && weight > 0.0; x++) {
      double *sigma = &sigmas[i * width + x];
      *sigma = weight >= 1.0 ? 0.0 : (1.0 - weight) * *sigma;
    }
  }
}

/** Sums with Neumaier's compensation, so that the mean does not depend on how many atoms there are. */
void lml_mix_mean(lml_mix *mix, const double *forces, size_t natoms) {
  for (size_t x = 0; x < 3; x++) {
    double sum = 0.0, lost = 0.0;
    for (size_t i = 0; i < natoms; i++) {
      const double value = forces[3 * i + x], next = sum + value;
      lost += fabs(sum) >= fabs(value) ? (sum - next) + value : (value - next) + sum;
      sum = next;
    }
    mix->mean[x] = (sum + lost) / (double)natoms;
  }
}

static double mean_of(const lml_mix_difference *difference) {
  return difference->count == 0 ? NAN : difference->sum / (double)difference->count;
}

static double largest_of(const lml_mix_difference *difference) {
  return difference->count == 0 ? NAN : difference->largest;
}

lml_status lml_mix_report(const lml_mix *mix, lml_results *results, lml_error *error) {
  double means[LML_MIX_SHELLS], largest[LML_MIX_SHELLS];
  for (size_t s = 0; s < LML_MIX_SHELLS; s++) {
    means[s] = mean_of(&mix->shells[s]);
    largest[s] = largest_of(&mix->shells[s]);
  }
  lml_status status = lml_results_add_integer(results, "qm_atoms", (long long)mix->counts[LML_REGION_QM], error);
  if (status == LML_OK)
    status = lml_results_add_integer(results, "blend_atoms", (long long)mix->counts[LML_REGION_BLEND], error);
  if (status == LML_OK)
    status = lml_results_add_integer(results, "buffer_atoms", (long long)mix->counts[LML_REGION_BUFFER], error);
  if (status == LML_OK) status = lml_results_add_numbers(results, "mean_force", "eV/Å", mix->mean, 3, error);
  if (status == LML_OK)
    status = lml_results_add_number(results, "qm_difference_mean", "eV/Å", mean_of(&mix->qm), error);
  if (status == LML_OK)
    status = lml_results_add_number(results, "qm_difference_max", "eV/Å", largest_of(&mix->qm), error);
  if (status == LML_OK)
    status = lml_results_add_numbers(results, "buffer_difference_mean", "eV/Å", means, LML_MIX_SHELLS, error);
  if (status == LML_OK)
    status = lml_results_add_numbers(results, "buffer_difference_max", "eV/Å", largest, LML_MIX_SHELLS, error);
  return status;
}
