#include "mixing/cluster.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/frame.h"
#include "structure/lattice.h"
#include "structure/log_keys.h"
#include "structure/vec3.h"

/** Å that atoms of neighbouring images of a cluster keep from each other at least. */
static const double smallest_gap = 2.0;

static const char direction_names[3] = {'a', 'b', 'c'};

/** The vector with these coordinates in the rows of @p cell. */
static void from_cell(const double cell[9], const double fractional[3], double vector[3]) {
  for (int x = 0; x < 3; x++)
    vector[x] = fractional[0] * cell[x] + fractional[1] * cell[3 + x] + fractional[2] * cell[6 + x];
}

/* ---- one piece ---- */

/** Place atom @p i by the image that is nearest to atom @p at, which has its place. Its distance. */
static double nearest_place(const lml_lattice *lattice, const lml_structure *structure, const double *places, size_t at,
                            size_t i, const size_t *parents, double place[3]) {
  const double *from = structure->positions + 3 * parents[at], *to = structure->positions + 3 * parents[i];
  double vector[3], nearest[3];
  lml_subtract(to, from, vector);
  lml_lattice_nearest(lattice, vector, nearest);
  for (int x = 0; x < 3; x++) place[x] = places[3 * at + x] + nearest[x];
  return lml_norm(nearest);
}

/** What is known, while a tree grows over the QM atoms, of an atom that is not in it. */
typedef struct leaf {
  double distance; /**< to the nearest atom of the tree */
  double place[3]; /**< beside that atom */
  bool grown;
} leaf;

/** Place the QM atoms: the nearest one to those that have a place goes beside its neighbour. */
static void place_qm(const lml_cluster *cluster, const lml_lattice *lattice, const lml_region *region,
                     const lml_structure *structure, double *places, leaf *leaves) {
  const size_t natoms = cluster->structure.natoms;
  for (size_t i = 0; i < natoms; i++) leaves[i] = (leaf){.distance = INFINITY};
  memcpy(places + 3 * cluster->anchor, structure->positions + 3 * cluster->parents[cluster->anchor],
         3 * sizeof *places);
  for (size_t newest = cluster->anchor; newest < natoms;) {
    size_t next = natoms;
    leaves[newest].grown = true;
    for (size_t i = 0; i < natoms; i++) {
      if (leaves[i].grown || region->labels[cluster->parents[i]] != LML_REGION_QM) continue;
      double place[3];
      const double distance = nearest_place(lattice, structure, places, newest, i, cluster->parents, place);
      if (distance < leaves[i].distance) {
        leaves[i].distance = distance;
        memcpy(leaves[i].place, place, sizeof place);
      }
      if (next == natoms || leaves[i].distance < leaves[next].distance) next = i;
    }
    if (next < natoms) memcpy(places + 3 * next, leaves[next].place, 3 * sizeof *places);
    newest = next;
  }
}

/** Place all others, each beside the QM atom that is nearest to it. */
static void place_others(const lml_cluster *cluster, const lml_lattice *lattice, const lml_region *region,
                         const lml_structure *structure, double *places) {
  const size_t natoms = cluster->structure.natoms;
  for (size_t i = 0; i < natoms; i++) {
    if (region->labels[cluster->parents[i]] == LML_REGION_QM) continue;
    double shortest = INFINITY;
    for (size_t k = 0; k < natoms; k++) {
      if (region->labels[cluster->parents[k]] != LML_REGION_QM) continue;
      double place[3];
      const double distance = nearest_place(lattice, structure, places, k, i, cluster->parents, place);
      /* Of several at the same distance, but for rounding, the first. */
      if (distance >= shortest * (1.0 - 1e-12)) continue;
      shortest = distance;
      memcpy(places + 3 * i, place, sizeof place);
    }
  }
}

static lml_status place_all(const lml_cluster *cluster, const lml_region *region, const lml_structure *structure,
                            double *places, lml_error *error) {
  lml_lattice lattice;
  leaf *leaves;
  lml_status status = lml_lattice_make(&lattice, structure, error);
  if (status == LML_OK)
    status = lml_alloc(&leaves, cluster->structure.natoms, sizeof *leaves, "places of QM atoms", error);
  if (status != LML_OK) return status;
  place_qm(cluster, &lattice, region, structure, places, leaves);
  place_others(cluster, &lattice, region, structure, places);
  lml_free(leaves);
  return LML_OK;
}

/* ---- the cell ---- */

/** Smallest and largest coordinate along @p unit of the places, of QM atoms alone or of all. */
static void extent(const lml_cluster *cluster, const lml_region *region, const double *places, const double unit[3],
                   lml_region_label least, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    if (region->labels[cluster->parents[i]] < least) continue;
    const double along = lml_dot(places + 3 * i, unit);
    *low = fmin(*low, along);
    *high = fmax(*high, along);
  }
}

static double half_extent(const lml_cluster *cluster, const lml_region *region, const double *places,
                          const double unit[3]) {
  double low, high;
  extent(cluster, region, places, unit, LML_REGION_QM, &low, &high);
  return 0.5 * (high - low);
}

/** Å from the middle of the QM atoms to the end of the cluster, along direction @p k. */
static double reach_of(const lml_cluster *cluster, const lml_region *region, int k) {
  return cluster->radius[k] + region->blend + region->buffer + region->margin;
}

/** Decide which directions are periodic; they keep the parent's vectors. */
static void choose_periodic(lml_cluster *cluster, const lml_region *region, const double cell[9], const bool pbc[3],
                            const double *places) {
  for (int k = 0; k < 3; k++) {
    double normal[3];
    lml_cell_normal(cell, k, normal);
    const double norm = lml_norm(normal);
    for (int x = 0; x < 3; x++) normal[x] /= norm;
    cluster->radius[k] = half_extent(cluster, region, places, normal);
    const double height = fabs(lml_dot(cell + 3 * k, normal));
    cluster->structure.pbc[k] = pbc[k] && height < 2.0 * reach_of(cluster, region, k);
    if (cluster->structure.pbc[k])
      memcpy(cluster->structure.cell + 3 * k, cell + 3 * k, 3 * sizeof *cell);
    else
      memset(cluster->structure.cell + 3 * k, 0, 3 * sizeof *cell);
  }
}

/** Unit vectors for the directions that are not periodic: Cartesian axes where they are at right angles to what is
 *  periodic. */
static lml_status choose_units(const lml_cluster *cluster, double units[9], lml_error *error) {
  const lml_status status = lml_structure_complete_cell(&cluster->structure, units, error);
  if (status != LML_OK) return status;
  const double volume = lml_determinant(units);
  for (int k = 0; k < 3 && volume < 0.0; k++) {
    if (cluster->structure.pbc[k]) continue;
    for (int x = 0; x < 3; x++) units[3 * k + x] = -units[3 * k + x];
    break;
  }
  return LML_OK;
}

static double rounded(double edge, double rounding) { return rounding > 0.0 ? rint(edge / rounding) * rounding : edge; }

static lml_status make_edge(lml_cluster *cluster, const lml_region *region, const lml_cluster_settings *settings,
                            const double *places, const double unit[3], int k, lml_error *error) {
  cluster->radius[k] = half_extent(cluster, region, places, unit);
  const double edge = settings->cell != NULL
                          ? lml_norm(settings->cell + 3 * k)
                          : rounded(2.0 * (reach_of(cluster, region, k) + settings->vacuum), settings->rounding);
  double low, high, mean = 0.0;
  extent(cluster, region, places, unit, LML_REGION_BUFFER, &low, &high);
  if (edge - (high - low) < smallest_gap)
    return lml_fail(error, LML_ERR_INPUT,
                    "the cluster of %zu atoms, %g Å long along %c, would be %g Å from its own periodic image in a cell "
                    "of %g Å; raise the vacuum, or lower the rounding of the cell",
                    cluster->structure.natoms, high - low, direction_names[k], edge - (high - low), edge);
  const size_t natoms = cluster->structure.natoms;
  for (size_t i = 0; i < natoms; i++) mean += lml_dot(places + 3 * i, unit) / (double)natoms;
  for (int x = 0; x < 3; x++) {
    cluster->structure.cell[3 * k + x] = edge * unit[x];
    cluster->shift[x] += (0.5 * edge - mean) * unit[x];
  }
  return LML_OK;
}

/** Bring all places into the cell along its periodic directions, those on a face, but for rounding, to its lower face.
 * Around a screw dislocation the nearest images climb by a period with every turn, and LAMMPS, for one, computes wrong
 * forces on atoms several periods outside of its box. */
static void fold_periodic(const lml_cluster *cluster, double *places) {
  const double *cell = cluster->structure.cell;
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    double fractional[3];
    lml_cell_fractional(cell, places + 3 * i, fractional);
    for (int k = 0; k < 3; k++)
      for (int x = 0; cluster->structure.pbc[k] && x < 3; x++)
        places[3 * i + x] -= floor(fractional[k] + 1e-9) * cell[3 * k + x];
  }
}

/** Keep the places, as those beside the anchor in the parent's @p cell. */
static void keep_places(lml_cluster *cluster, const double cell[9], const double *places) {
  const double *anchor = places + 3 * cluster->anchor;
  memcpy(cluster->anchor_place, anchor, sizeof cluster->anchor_place);
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const double *place = places + 3 * i;
    const double vector[3] = {place[0] - anchor[0], place[1] - anchor[1], place[2] - anchor[2]};
    lml_cell_fractional(cell, vector, cluster->fractional + 3 * i);
  }
}

/* ---- all of it ---- */

static lml_status gather_atoms(lml_cluster *cluster, const lml_region *region, const lml_structure *structure,
                               lml_error *error) {
  size_t natoms = 0;
  for (size_t i = 0; i < region->natoms; i++) natoms += region->labels[i] != LML_REGION_MM;
  lml_status status = lml_structure_resize(&cluster->structure, natoms, error);
  if (status == LML_OK)
    status = lml_alloc(&cluster->parents, natoms, sizeof *cluster->parents, "the atoms of a cluster", error);
  if (status == LML_OK)
    status = lml_alloc(&cluster->fractional, 3 * natoms, sizeof(double), "places of a cluster's atoms", error);
  if (status != LML_OK) return status;
  cluster->anchor = natoms;
  size_t count = 0;
  for (size_t i = 0; i < region->natoms; i++) {
    if (region->labels[i] == LML_REGION_MM) continue;
    if (cluster->anchor == natoms && region->labels[i] == LML_REGION_QM) cluster->anchor = count;
    cluster->structure.numbers[count] = structure->numbers[i];
    cluster->parents[count++] = i;
  }
  return LML_OK;
}

static lml_status shape(lml_cluster *cluster, const lml_region *region, const lml_structure *structure,
                        const lml_cluster_settings *settings, double *places, lml_error *error) {
  double cell[9], units[9];
  lml_status status = place_all(cluster, region, structure, places, error);
  if (status == LML_OK) status = lml_structure_complete_cell(structure, cell, error);
  if (status != LML_OK) return status;
  choose_periodic(cluster, region, cell, structure->pbc, places);
  status = choose_units(cluster, units, error);
  for (int k = 0; k < 3 && status == LML_OK; k++)
    if (!cluster->structure.pbc[k]) status = make_edge(cluster, region, settings, places, units + 3 * k, k, error);
  if (status != LML_OK) return status;
  fold_periodic(cluster, places);
  keep_places(cluster, cell, places);
  return LML_OK;
}

lml_status lml_cluster_make(lml_cluster *cluster, const lml_region *region, const lml_structure *structure,
                            const lml_cluster_settings *settings, lml_error *error) {
  lml_cluster_free(cluster);
  double *places = NULL;
  lml_status status = gather_atoms(cluster, region, structure, error);
  if (status == LML_OK)
    status = lml_alloc(&places, cluster->structure.natoms, 3 * sizeof *places, "places of a cluster's atoms", error);
  if (status == LML_OK && cluster->structure.natoms > 0) {
    status = shape(cluster, region, structure, settings, places, error);
    if (status == LML_OK) status = lml_cluster_update(cluster, structure, error);
  }
  lml_free(places);
  if (status != LML_OK) lml_cluster_free(cluster);
  return status;
}

lml_status lml_cluster_update(lml_cluster *cluster, const lml_structure *structure, lml_error *error) {
  lml_lattice lattice;
  double cell[9], anchor[3], moved[3];
  lml_status status = lml_lattice_make(&lattice, structure, error);
  if (status == LML_OK) status = lml_structure_complete_cell(structure, cell, error);
  if (status != LML_OK) return status;
  for (int k = 0; k < 3; k++)
    if (cluster->structure.pbc[k]) memcpy(cluster->structure.cell + 3 * k, cell + 3 * k, 3 * sizeof *cell);
  /* The image of the anchor that has moved least; all others go with it. */
  const double *at = structure->positions + 3 * cluster->parents[cluster->anchor];
  for (int x = 0; x < 3; x++) moved[x] = at[x] - cluster->anchor_place[x];
  lml_lattice_nearest(&lattice, moved, anchor);
  for (int x = 0; x < 3; x++) anchor[x] -= moved[x];
  for (size_t i = 0; i < cluster->structure.natoms; i++) {
    const double *r = structure->positions + 3 * cluster->parents[i];
    double place[3], nearest[3];
    from_cell(cell, cluster->fractional + 3 * i, place);
    for (int x = 0; x < 3; x++) moved[x] = r[x] - at[x] - place[x];
    lml_lattice_nearest(&lattice, moved, nearest);
    for (int x = 0; x < 3; x++)
      cluster->structure.positions[3 * i + x] = r[x] + (nearest[x] - moved[x]) + anchor[x] + cluster->shift[x];
  }
  return LML_OK;
}

bool lml_cluster_is_of(const lml_cluster *cluster, const lml_region *region) {
  size_t count = 0;
  for (size_t i = 0; i < region->natoms; i++) {
    if (region->labels[i] == LML_REGION_MM) continue;
    if (count == cluster->structure.natoms || cluster->parents[count] != i) return false;
    count++;
  }
  return count == cluster->structure.natoms;
}

lml_status lml_cluster_write(const lml_cluster *cluster, const lml_region *region, const char *path, lml_error *error) {
  lml_frame frame = {0};
  lml_status status = lml_structure_copy(&frame.structure, &cluster->structure, error);
  if (status == LML_OK)
    status = lml_region_write_labels(&frame, LML_LOG_REGION, region->labels, cluster->parents, error);
  if (status == LML_OK) status = lml_frame_set_indices(&frame, LML_LOG_INDEX, cluster->parents, error);
  if (status == LML_OK) status = lml_frame_write_file(&frame, path, error);
  lml_frame_free(&frame);
  return status;
}

void lml_cluster_free(lml_cluster *cluster) {
  lml_structure_free(&cluster->structure);
  lml_free(cluster->parents);
  lml_free(cluster->fractional);
  *cluster = (lml_cluster){0};
}
