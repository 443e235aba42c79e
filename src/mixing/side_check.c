#include "mixing/side_check.h"

#include <math.h>

#include "base/likeness.h"

/** Fewer atoms, or smaller forces (eV/Å, root mean square of components), tell nothing. */
enum { FEWEST_ATOMS = 4 };
static const double smallest_force = 0.1, large_force = 0.3;

/** Two sides that describe the same atoms have at least this correlation where forces are large. */
static const double smallest_correlation = 0.3;

/** Add the atoms of the region's cluster that both sides give a force, and that have no unknown one near; how many. */
static size_t add_atoms(const lml_mixing_region *region, const lml_unknown_species *unknown, double distance,
                        const double *qm, const double *forces, lml_likeness *likeness) {
  const lml_cluster *cluster = region->cluster;
  lml_lattice lattice = {0};
  size_t count = 0;
  if (unknown->count > 0 && lml_lattice_make(&lattice, &cluster->structure, NULL) != LML_OK) return 0;
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const size_t parent = cluster->parents[i];
    if (region->region->weights[parent] <= 0.0) continue;
    if (lml_unknown_species_touch(unknown, cluster, &lattice, i, distance)) continue;
    for (size_t x = 0; x < 3; x++) {
      const double one = qm[3 * i + x], two = forces[3 * parent + x];
      likeness->product += one * two;
      likeness->square += one * one;
      likeness->reference += two * two;
    }
    count++;
  }
  return count;
}

bool lml_side_check(const lml_mixing_region *region, const lml_unknown_species *unknown, double distance,
                    const double *qm, const double *forces, const lml_log *log) {
  lml_likeness likeness = {0};
  const size_t count = add_atoms(region, unknown, distance, qm, forces, &likeness);
  if (count < FEWEST_ATOMS) return false;
  const double size = sqrt(likeness.square / (3.0 * (double)count));
  const double reference = sqrt(likeness.reference / (3.0 * (double)count));
  const double correlation = lml_likeness_correlation(&likeness);
  if (reference >= smallest_force && lml_likeness_is_doubtful(&likeness)) {
    lml_log_warning(
        log,
        "region %s: the forces on its %zu atoms are like %.3g times the ML calculator's (correlation %.2f): "
        "does its calculator answer in Hartree/Bohr, with forces and not gradients?",
        region->name, count, lml_likeness_factor(&likeness), correlation);
    return true;
  }
  if (fmin(size, reference) < large_force || correlation >= smallest_correlation) return false;
  lml_log_warning(
      log,
      "region %s: the forces on its %zu atoms are unlike the ML calculator's (correlation %.2f, root mean "
      "squares %.2g and %.2g eV/Å): does its calculator keep the order of the atoms, and know their species "
      "and cell?",
      region->name, count, correlation, size, reference);
  return true;
}
