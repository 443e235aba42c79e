#include "structure/neighbours.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/lattice.h"

/* Space is divided into cubic bins, numbered with z fastest. Atoms and ghosts are each sorted by their bin's number;
 * empty bins take no memory, so that vacuum costs nothing. The atoms within the cutoff of a bin lie in ROWS × ROWS
 * rows of bins along z, and each row is one contiguous run of the sorted atoms and one of the ghosts. While the bins
 * are visited in order, the ends of all these runs only move forward. */
enum {
  REACH = 1, /**< bins that the cutoff spans; 2 and 3 are no faster */
  ROWS = 2 * REACH + 1,
  BINS_PER_AXIS = 1 << 20, /**< so that a bin's number fits 63 bits; more extended systems get wider bins */
  RADIX_BITS = 11,
  FARTHEST_CELL = 1000000000
};

typedef struct grid {
  double low[3], high[3]; /**< Å, all atoms and all ghosts that can be neighbours lie inside */
  double width[3];        /**< Å */
  uint64_t bins[3];       /**< with REACH empty bins at both ends, so that a run never leaves its row */
} grid;

struct lml_neighbours_scratch {
  double cutoff;
  grid grid;
  uint64_t *atom_keys, *ghost_keys; /**< bin of each sorted atom or ghost */
  size_t atom_keys_capacity, ghost_keys_capacity;
  uint64_t *spare_keys; /**< the other half of a radix sort, and what it moves */
  size_t spare_keys_capacity;
  int32_t *permutation, *spare_permutation;
  size_t permutation_capacity, spare_permutation_capacity;
  int32_t *ghost_owner, *ghost_image; /**< in the order of their making */
  size_t ghost_owner_capacity, ghost_image_capacity;
};

/** What the ghosts are made from. */
typedef struct image_range {
  double low[3], high[3];       /**< fractional coordinates that matter */
  int32_t smallest[3], size[3]; /**< images that any atom may have, for one index per image */
} image_range;

/* --- memory ----------------------------------------------------------------------------------------------------- */

/** Room for @p count elements; the contents are lost where it grows, so that old and new never exist together. */
static lml_status reserve(void *array, size_t *capacity, size_t count, size_t size, const char *what,
                          lml_error *error) {
  void *old;
  memcpy(&old, array, sizeof old);
  if (old != NULL && count <= *capacity) return LML_OK;
  lml_free(old);
  *capacity = 0;
  const size_t wanted = count + count / 16;
  const lml_status status = lml_alloc(array, wanted, size, what, error);
  if (status == LML_OK) *capacity = wanted;
  return status;
}

static lml_status reserve_atoms(lml_neighbours *n, size_t natoms, size_t nghosts, lml_error *error) {
  struct lml_neighbours_scratch *s = n->scratch;
  const size_t all = natoms + nghosts, most = natoms > nghosts ? natoms : nghosts;
  const char *what = "the neighbour search";
  size_t positions_capacity = n->capacity_all, owner_capacity = n->capacity_all;
  n->capacity_all = 0;
  lml_status status = reserve(&n->order, &n->capacity_atoms, natoms, sizeof *n->order, what, error);
  if (status == LML_OK) status = reserve(&n->positions, &positions_capacity, all, 3 * sizeof(double), what, error);
  if (status == LML_OK) status = reserve(&n->owner, &owner_capacity, all, sizeof *n->owner, what, error);
  if (status != LML_OK) return status;
  n->capacity_all = positions_capacity < owner_capacity ? positions_capacity : owner_capacity;
  const struct {
    void *array;
    size_t *capacity;
    size_t count, size;
  } arrays[] = {
      {&s->atom_keys, &s->atom_keys_capacity, natoms, sizeof *s->atom_keys},
      {&s->ghost_keys, &s->ghost_keys_capacity, nghosts, sizeof *s->ghost_keys},
      {&s->spare_keys, &s->spare_keys_capacity, most, sizeof *s->spare_keys},
      {&s->permutation, &s->permutation_capacity, most, sizeof *s->permutation},
      {&s->spare_permutation, &s->spare_permutation_capacity, most, sizeof *s->spare_permutation},
      {&s->ghost_owner, &s->ghost_owner_capacity, nghosts, sizeof *s->ghost_owner},
      {&s->ghost_image, &s->ghost_image_capacity, nghosts, sizeof *s->ghost_image},
  };
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0] && status == LML_OK; k++)
    status = reserve(arrays[k].array, arrays[k].capacity, arrays[k].count, arrays[k].size, what, error);
  return status;
}

void lml_neighbours_free(lml_neighbours *neighbours) {
  struct lml_neighbours_scratch *s = neighbours->scratch;
  if (s != NULL) {
    lml_free(s->atom_keys);
    lml_free(s->ghost_keys);
    lml_free(s->spare_keys);
    lml_free(s->permutation);
    lml_free(s->spare_permutation);
    lml_free(s->ghost_owner);
    lml_free(s->ghost_image);
    lml_free(s);
  }
  lml_neighbours_forget(neighbours);
  lml_free(neighbours->order);
  lml_free(neighbours->positions);
  lml_free(neighbours->owner);
  lml_free(neighbours->first);
  lml_free(neighbours->list);
  *neighbours = (lml_neighbours){0};
}

/* --- bins ------------------------------------------------------------------------------------------------------- */

static uint64_t bin_of(const grid *g, const double position[3]) {
  uint64_t index[3];
  for (int axis = 0; axis < 3; axis++) {
    const double last = (double)(g->bins[axis] - 2 * REACH - 1);
    index[axis] = REACH + (uint64_t)fmin(fmax((position[axis] - g->low[axis]) / g->width[axis], 0), last);
  }
  return (index[0] * g->bins[1] + index[1]) * g->bins[2] + index[2];
}

/** Bins over the box from low to high, which are set. */
static void make_bins(grid *g, double cutoff) {
  for (int axis = 0; axis < 3; axis++) {
    const double extent = g->high[axis] - g->low[axis];
    /* A little wider than the cutoff demands, so that rounding can't put a neighbour one bin too far. */
    g->width[axis] = fmax(cutoff / REACH * (1 + 1e-6), extent / BINS_PER_AXIS);
    g->bins[axis] = (uint64_t)fmin(floor(extent / g->width[axis]), BINS_PER_AXIS) + 1 + 2 * REACH;
  }
}

/** Stable sort of @p count keys below @p end_key; @p permutation becomes the old index of each. */
static void sort_keys(uint64_t *keys, int32_t *permutation, size_t count, uint64_t end_key, uint64_t *spare_keys,
                      int32_t *spare_permutation) {
  for (size_t i = 0; i < count; i++) permutation[i] = (int32_t)i;
  for (int shift = 0; shift < 64 && (end_key >> shift) != 0; shift += RADIX_BITS) {
    size_t start[(1 << RADIX_BITS) + 1] = {0};
    for (size_t i = 0; i < count; i++) start[((keys[i] >> shift) & ((1 << RADIX_BITS) - 1)) + 1]++;
    for (size_t digit = 1; digit < 1 << RADIX_BITS; digit++) start[digit] += start[digit - 1];
    for (size_t i = 0; i < count; i++) {
      const size_t to = start[(keys[i] >> shift) & ((1 << RADIX_BITS) - 1)]++;
      spare_keys[to] = keys[i];
      spare_permutation[to] = permutation[i];
    }
    memcpy(keys, spare_keys, count * sizeof *keys);
    memcpy(permutation, spare_permutation, count * sizeof *permutation);
  }
}

static uint64_t end_key(const grid *g) { return g->bins[0] * g->bins[1] * g->bins[2]; }

/* --- atoms and ghosts ------------------------------------------------------------------------------------------- */

/** Wrap atom @p i into the cell. Fails where it is so many cells away that its place in the cell is lost to rounding.
 */
static lml_status wrap_atom(const lml_lattice *lattice, const lml_structure *structure, size_t i, double wrapped[3],
                            lml_error *error) {
  const double *position = structure->positions + 3 * i;
  double fractional[3];
  lml_lattice_fractional(lattice, position, fractional);
  for (int k = 0; k < 3; k++)
    if (lattice->periodic[k] && !(fabs(fractional[k]) < FARTHEST_CELL))
      return lml_fail(error, LML_ERR_INPUT, "atom %zu (counted from 0) at %g %g %g is more than %d cells away", i,
                      position[0], position[1], position[2], FARTHEST_CELL);
  lml_lattice_wrap(lattice, position, wrapped);
  return LML_OK;
}

/** Fractional and Cartesian bounds of the wrapped atoms, widened by the cutoff. */
static lml_status find_bounds(const lml_lattice *lattice, const lml_structure *structure, double cutoff,
                              image_range *range, grid *g, lml_error *error) {
  for (int k = 0; k < 3; k++) {
    range->low[k] = g->low[k] = INFINITY;
    range->high[k] = g->high[k] = -INFINITY;
  }
  for (size_t i = 0; i < structure->natoms; i++) {
    double position[3], fractional[3];
    const lml_status status = wrap_atom(lattice, structure, i, position, error);
    if (status != LML_OK) return status;
    lml_lattice_fractional(lattice, position, fractional);
    for (int k = 0; k < 3; k++) {
      range->low[k] = fmin(range->low[k], fractional[k]);
      range->high[k] = fmax(range->high[k], fractional[k]);
      g->low[k] = fmin(g->low[k], position[k]);
      g->high[k] = fmax(g->high[k], position[k]);
    }
  }
  const double margin = cutoff * (1 + 1e-6);
  for (int k = 0; k < 3; k++) {
    range->low[k] -= margin / lattice->heights[k];
    range->high[k] += margin / lattice->heights[k];
    g->low[k] -= margin;
    g->high[k] += margin;
  }
  return LML_OK;
}

/** The images that any atom may have. Fails where there are too many for 32-bit indices. */
static lml_status bound_images(const lml_lattice *lattice, size_t natoms, double cutoff, image_range *range,
                               lml_error *error) {
  double images = 1, all = (double)natoms, shortest = INFINITY;
  for (int k = 0; k < 3; k++) {
    if (!lattice->periodic[k]) continue;
    const double length = range->high[k] - range->low[k];
    images *= ceil(length) + 3;
    all *= fmax(length, 1);
    shortest = fmin(shortest, lattice->heights[k]);
  }
  if (!(images <= INT32_MAX && all <= INT32_MAX))
    return lml_fail(error, LML_ERR_INPUT,
                    "%zu atoms have more than %d periodic images within the cutoff of %g Å, as the cell's planes are "
                    "only %g Å apart; check the cell's unit",
                    natoms, INT32_MAX, cutoff, shortest);
  for (int k = 0; k < 3; k++) {
    const double length = ceil(range->high[k] - range->low[k]);
    range->smallest[k] = lattice->periodic[k] ? (int32_t)floor(range->low[k]) - 1 : 0;
    range->size[k] = lattice->periodic[k] ? (int32_t)length + 3 : 1;
  }
  return LML_OK;
}

/** Images of one atom: first and last along each direction. */
static void images_of(const lml_lattice *lattice, const image_range *range, const double position[3], int32_t first[3],
                      int32_t last[3]) {
  double fractional[3];
  lml_lattice_fractional(lattice, position, fractional);
  for (int k = 0; k < 3; k++) {
    first[k] = lattice->periodic[k] ? (int32_t)ceil(range->low[k] - fractional[k]) : 0;
    last[k] = lattice->periodic[k] ? (int32_t)floor(range->high[k] - fractional[k]) : 0;
  }
}

static bool inside(const grid *g, const double position[3]) {
  for (int axis = 0; axis < 3; axis++)
    if (!(position[axis] >= g->low[axis] && position[axis] <= g->high[axis])) return false;
  return true;
}

/** Where the ghosts of an atom go; without keys they are only counted. */
typedef struct ghost_sink {
  size_t count;
  uint64_t *keys;
  int32_t *owner, *image;
} ghost_sink;

/** Make the ghosts of the atom @p owner at @p position, inside the cell. */
static void make_ghosts(const lml_lattice *lattice, const image_range *range, const grid *g, const double position[3],
                        int32_t owner, ghost_sink *sink) {
  int32_t first[3], last[3];
  images_of(lattice, range, position, first, last);
  for (int32_t a = first[0]; a <= last[0]; a++)
    for (int32_t b = first[1]; b <= last[1]; b++)
      for (int32_t c = first[2]; c <= last[2]; c++) {
        const double image[3] = {a, b, c};
        double shifted[3];
        if (a == 0 && b == 0 && c == 0) continue;
        lml_lattice_shift(lattice, position, image, shifted);
        if (!inside(g, shifted)) continue;
        if (sink->keys != NULL) {
          sink->keys[sink->count] = bin_of(g, shifted);
          sink->owner[sink->count] = owner;
          sink->image[sink->count] =
              ((a - range->smallest[0]) * range->size[1] + (b - range->smallest[1])) * range->size[2] +
              (c - range->smallest[2]);
        }
        sink->count++;
      }
}

static size_t count_ghosts(const lml_lattice *lattice, const lml_structure *structure, const image_range *range,
                           const grid *g) {
  ghost_sink counter = {0};
  for (size_t i = 0; i < structure->natoms; i++) {
    double position[3];
    lml_lattice_wrap(lattice, structure->positions + 3 * i, position);
    make_ghosts(lattice, range, g, position, 0, &counter);
  }
  return counter.count;
}

static void sort_atoms(lml_neighbours *n, const lml_lattice *lattice, const lml_structure *structure) {
  struct lml_neighbours_scratch *s = n->scratch;
  const size_t natoms = structure->natoms;
  for (size_t i = 0; i < natoms; i++) {
    double position[3];
    lml_lattice_wrap(lattice, structure->positions + 3 * i, position);
    s->atom_keys[i] = bin_of(&s->grid, position);
  }
  sort_keys(s->atom_keys, n->order, natoms, end_key(&s->grid), s->spare_keys, s->spare_permutation);
  for (size_t i = 0; i < natoms; i++) {
    lml_lattice_wrap(lattice, structure->positions + 3 * (size_t)n->order[i], n->positions + 3 * i);
    n->owner[i] = (int32_t)i;
  }
}

static void sort_ghosts(lml_neighbours *n, const lml_lattice *lattice, const image_range *range) {
  struct lml_neighbours_scratch *s = n->scratch;
  ghost_sink sink = {0, s->ghost_keys, s->ghost_owner, s->ghost_image};
  for (size_t i = 0; i < n->natoms; i++) make_ghosts(lattice, range, &s->grid, n->positions + 3 * i, (int32_t)i, &sink);
  sort_keys(s->ghost_keys, s->permutation, sink.count, end_key(&s->grid), s->spare_keys, s->spare_permutation);
  for (size_t k = 0; k < sink.count; k++) {
    const int32_t from = s->permutation[k], owner = s->ghost_owner[from], packed = s->ghost_image[from];
    const int32_t first = packed / range->size[2] / range->size[1], second = packed / range->size[2] % range->size[1];
    const double image[3] = {first + range->smallest[0], second + range->smallest[1],
                             packed % range->size[2] + range->smallest[2]};
    n->owner[n->natoms + k] = owner;
    lml_lattice_shift(lattice, n->positions + 3 * (size_t)owner, image, n->positions + 3 * (n->natoms + k));
  }
}

static lml_status check_arguments(const lml_structure *structure, double cutoff, lml_error *error) {
  if (!(cutoff > 0 && isfinite(cutoff)))
    return lml_fail(error, LML_ERR_USAGE, "the cutoff is %g Å; it must be positive and finite", cutoff);
  if (structure->natoms > INT32_MAX)
    return lml_fail(error, LML_ERR_INPUT, "%zu atoms are more than the %d that can be handled", structure->natoms,
                    INT32_MAX);
  return lml_structure_check(structure, error);
}

lml_status lml_neighbours_sort(lml_neighbours *neighbours, const lml_structure *structure, double cutoff,
                               lml_error *error) {
  lml_lattice lattice;
  image_range range;
  neighbours->natoms = neighbours->nghosts = neighbours->begin = neighbours->end = 0;
  lml_status status = check_arguments(structure, cutoff, error);
  if (status == LML_OK) status = lml_lattice_make(&lattice, structure, error);
  if (status == LML_OK && neighbours->scratch == NULL)
    status = lml_alloc(&neighbours->scratch, 1, sizeof *neighbours->scratch, "the neighbour search", error);
  if (status != LML_OK) return status;
  grid *g = &neighbours->scratch->grid;
  neighbours->scratch->cutoff = cutoff;
  status = find_bounds(&lattice, structure, cutoff, &range, g, error);
  if (status == LML_OK) status = bound_images(&lattice, structure->natoms, cutoff, &range, error);
  if (status != LML_OK) return status;
  make_bins(g, cutoff);
  const size_t nghosts = count_ghosts(&lattice, structure, &range, g);
  if (nghosts > INT32_MAX - structure->natoms)
    return lml_fail(error, LML_ERR_INPUT,
                    "%zu atoms and their %zu periodic images within the cutoff of %g Å are more than the %d that can "
                    "be handled",
                    structure->natoms, nghosts, cutoff, INT32_MAX);
  status = reserve_atoms(neighbours, structure->natoms, nghosts, error);
  if (status != LML_OK) return status;
  neighbours->natoms = structure->natoms;
  neighbours->nghosts = nghosts;
  sort_atoms(neighbours, &lattice, structure);
  sort_ghosts(neighbours, &lattice, &range);
  return LML_OK;
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

/** A run of sorted atoms or ghosts: those in the bins of one row near the bin that is visited. */
typedef struct run {
  size_t low, high; /**< high is one past the end */
} run;

/** The runs around the bin that is visited, among the atoms or among the ghosts. */
typedef struct runs {
  const uint64_t *keys;
  size_t count;
  size_t offset; /**< of the first in the positions */
  run rows[ROWS * ROWS];
} runs;

/** First of the keys that is not below @p key. */
static size_t lower_bound(const uint64_t *keys, size_t count, uint64_t key) {
  size_t low = 0;
  while (count > 0) {
    const size_t half = count / 2;
    const bool below = keys[low + half] < key;
    low += below ? half + 1 : 0;
    count = below ? count - half - 1 : half;
  }
  return low;
}

static uint64_t row_key(const grid *g, uint64_t bin, int row) {
  const int64_t bins = ((int64_t)(row / ROWS - REACH)) * (int64_t)g->bins[1] + (row % ROWS - REACH);
  return (uint64_t)((int64_t)bin + bins * (int64_t)g->bins[2]);
}

static runs runs_from(const grid *g, const uint64_t *keys, size_t count, size_t offset, uint64_t bin) {
  runs r = {.keys = keys, .count = count, .offset = offset};
  for (int row = 0; row < ROWS * ROWS; row++)
    r.rows[row].low = r.rows[row].high = lower_bound(keys, count, row_key(g, bin, row) - REACH);
  return r;
}

/** Move all runs on to those around @p bin. */
static void move_runs(runs *r, const grid *g, uint64_t bin) {
  for (int row = 0; row < ROWS * ROWS; row++) {
    const uint64_t middle = row_key(g, bin, row);
    run *at = &r->rows[row];
    while (at->low < r->count && r->keys[at->low] < middle - REACH) at->low++;
    while (at->high < r->count && r->keys[at->high] <= middle + REACH) at->high++;
  }
}

/** Append to the list, as far as there is room, those of the runs that are near atom @p i; *@p total counts all. */
static void append_near(lml_neighbours *n, const runs *r, size_t i, int64_t *total) {
  const double *centre = n->positions + 3 * i;
  const double cutoff_squared = n->scratch->cutoff * n->scratch->cutoff;
  double shortest = n->shortest;
  for (int row = 0; row < ROWS * ROWS; row++)
    for (size_t j = r->offset + r->rows[row].low; j < r->offset + r->rows[row].high; j++) {
      const double *other = n->positions + 3 * j;
      const double x = other[0] - centre[0], y = other[1] - centre[1], z = other[2] - centre[2];
      const double square = x * x + y * y + z * z;
      if (!(square < cutoff_squared) || j == i) continue;
      shortest = square < shortest ? square : shortest;
      if ((uint64_t)*total < n->capacity_list) n->list[*total] = (int32_t)j;
      ++*total;
    }
  n->shortest = shortest;
}

/** Fill the list as far as there is room, and `first` in any case; returns the room that all need. Ends at an atom that
 *  coincides with another: *@p coincident is then its sorted index, else −1. */
static int64_t fill_list(lml_neighbours *n, int64_t *coincident) {
  const struct lml_neighbours_scratch *s = n->scratch;
  int64_t total = 0;
  n->first[0] = 0;
  n->shortest = INFINITY;
  *coincident = -1;
  if (n->begin == n->end) return 0;
  runs atoms = runs_from(&s->grid, s->atom_keys, n->natoms, 0, s->atom_keys[n->begin]);
  runs ghosts = runs_from(&s->grid, s->ghost_keys, n->nghosts, n->natoms, s->atom_keys[n->begin]);
  for (size_t i = n->begin; i < n->end; i++) {
    if (i == n->begin || s->atom_keys[i] != s->atom_keys[i - 1]) {
      move_runs(&atoms, &s->grid, s->atom_keys[i]);
      move_runs(&ghosts, &s->grid, s->atom_keys[i]);
    }
    append_near(n, &atoms, i, &total);
    append_near(n, &ghosts, i, &total);
    n->first[i - n->begin + 1] = total;
    if (n->shortest < LML_COINCIDENT * LML_COINCIDENT) {
      *coincident = (int64_t)i;
      break;
    }
  }
  return total;
}

/** Atoms and ghosts in the bins around the one that is visited. */
static size_t occupancy(const runs *atoms, const runs *ghosts) {
  size_t count = 0;
  for (int row = 0; row < ROWS * ROWS; row++)
    count += atoms->rows[row].high - atoms->rows[row].low + ghosts->rows[row].high - ghosts->rows[row].low;
  return count;
}

lml_status lml_neighbours_split(const lml_neighbours *n, size_t parts, double per_neighbour, size_t *bounds,
                                lml_error *error) {
  const struct lml_neighbours_scratch *s = n->scratch;
  const grid *g = &s->grid;
  const double volume = 27.0 * g->width[0] * g->width[1] * g->width[2];
  const double sphere = 4.0 / 3.0 * 3.14159265358979323846 * s->cutoff * s->cutoff * s->cutoff;
  double *work; /* of all atoms before this one */
  const lml_status status = lml_alloc(&work, n->natoms + 1, sizeof(double), "the sharing out of the atoms", error);
  if (status != LML_OK) return status;
  runs atoms = runs_from(g, s->atom_keys, n->natoms, 0, s->atom_keys[0]);
  runs ghosts = runs_from(g, s->ghost_keys, n->nghosts, n->natoms, s->atom_keys[0]);
  double each = 1.0;
  for (size_t i = 0; i < n->natoms; i++) {
    if (i == 0 || s->atom_keys[i] != s->atom_keys[i - 1]) {
      move_runs(&atoms, g, s->atom_keys[i]);
      move_runs(&ghosts, g, s->atom_keys[i]);
      each = 1.0 + per_neighbour * (double)occupancy(&atoms, &ghosts) * sphere / volume;
    }
    work[i + 1] = work[i] + each;
  }
  bounds[0] = 0;
  for (size_t part = 1, i = 0; part <= parts; part++) {
    const double share = work[n->natoms] * (double)part / (double)parts;
    while (i < n->natoms && (part == parts || work[i + 1] <= share)) i++;
    bounds[part] = i;
  }
  lml_free(work);
  return LML_OK;
}

lml_status lml_neighbours_list(lml_neighbours *neighbours, const lml_structure *structure, size_t begin, size_t end,
                               lml_error *error) {
  int64_t coincident;
  if (begin > end || end > neighbours->natoms)
    return lml_fail(error, LML_ERR_USAGE, "neighbours of atoms %zu to %zu were asked for, but %zu atoms are sorted",
                    begin, end, neighbours->natoms);
  neighbours->begin = neighbours->end = 0;
  lml_status status = reserve(&neighbours->first, &neighbours->capacity_first, end - begin + 1,
                              sizeof *neighbours->first, "neighbour lists", error);
  if (status != LML_OK) return status;
  neighbours->begin = begin;
  neighbours->end = end;
  const int64_t total = fill_list(neighbours, &coincident);
  if (coincident < 0 && neighbours->list != NULL && (uint64_t)total <= neighbours->capacity_list) return LML_OK;
  if (coincident >= 0)
    status = lml_neighbours_coincide(neighbours, structure, (size_t)coincident, error);
  else
    status = reserve(&neighbours->list, &neighbours->capacity_list, (size_t)total, sizeof *neighbours->list,
                     "neighbour lists", error);
  if (status == LML_OK)
    fill_list(neighbours, &coincident);
  else
    neighbours->begin = neighbours->end = 0;
  return status;
}

size_t lml_neighbours_longest(const lml_neighbours *neighbours) {
  size_t longest = 0;
  for (size_t k = 0; k < neighbours->end - neighbours->begin; k++) {
    const size_t length = (size_t)(neighbours->first[k + 1] - neighbours->first[k]);
    if (length > longest) longest = length;
  }
  return longest;
}
