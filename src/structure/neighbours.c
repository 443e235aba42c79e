#include "structure/neighbours.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/lattice.h"
#include "structure/neighbours_scratch.h"

enum {
  BINS_PER_AXIS = 1 << 20, /**< so that a bin's number fits 63 bits; more extended systems get wider bins */
  RADIX_BITS = 11
};

/** What the ghosts are made from. */
typedef struct image_range {
  double low[3], high[3];       /**< fractional coordinates that matter */
  int32_t smallest[3], size[3]; /**< images that any atom may have, for one index per image */
} image_range;

/* --- memory ----------------------------------------------------------------------------------------------------- */

lml_status lml_neighbours_reserve(void *array, size_t *capacity, size_t count, size_t size, lml_error *error) {
  void *old;
  memcpy(&old, array, sizeof old);
  if (old != NULL && count <= *capacity) return LML_OK;
  lml_free(old);
  *capacity = 0;
  const size_t wanted = count + count / 16;
  const lml_status status = lml_alloc(array, wanted, size, "the neighbour search", error);
  if (status == LML_OK) *capacity = wanted;
  return status;
}

typedef struct {
  void *array;
  size_t *capacity;
  size_t count, size;
} room;

static lml_status reserve_all(const room *rooms, size_t count, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < count && status == LML_OK; k++)
    status = lml_neighbours_reserve(rooms[k].array, rooms[k].capacity, rooms[k].count, rooms[k].size, error);
  return status;
}

/** For sorting the atoms. */
static lml_status reserve_atoms(lml_neighbours *n, size_t natoms, lml_error *error) {
  struct lml_neighbours_scratch *s = n->scratch;
  const room rooms[] = {
      {&n->order, &n->capacity_atoms, natoms, sizeof *n->order},
      {&s->atom_keys, &s->atom_keys_capacity, natoms, sizeof *s->atom_keys},
      {&s->spare_keys, &s->spare_keys_capacity, natoms, sizeof *s->spare_keys},
      {&s->spare_permutation, &s->spare_permutation_capacity, natoms, sizeof *s->spare_permutation},
  };
  return reserve_all(rooms, sizeof rooms / sizeof rooms[0], error);
}

/** For the ghosts, and what there is of atoms and ghosts. */
static lml_status reserve_ghosts(lml_neighbours *n, size_t natoms, size_t nghosts, lml_error *error) {
  struct lml_neighbours_scratch *s = n->scratch;
  const size_t all = natoms + nghosts;
  size_t positions_capacity = n->capacity_all, owner_capacity = n->capacity_all;
  n->capacity_all = 0;
  const room rooms[] = {
      {&n->positions, &positions_capacity, all, 3 * sizeof(double)},
      {&n->owner, &owner_capacity, all, sizeof *n->owner},
      {&s->ghost_keys, &s->ghost_keys_capacity, nghosts, sizeof *s->ghost_keys},
      {&s->spare_keys, &s->spare_keys_capacity, nghosts, sizeof *s->spare_keys},
      {&s->permutation, &s->permutation_capacity, nghosts, sizeof *s->permutation},
      {&s->spare_permutation, &s->spare_permutation_capacity, nghosts, sizeof *s->spare_permutation},
      {&s->ghost_owner, &s->ghost_owner_capacity, nghosts, sizeof *s->ghost_owner},
      {&s->ghost_image, &s->ghost_image_capacity, nghosts, sizeof *s->ghost_image},
  };
  const lml_status status = reserve_all(rooms, sizeof rooms / sizeof rooms[0], error);
  if (status == LML_OK) n->capacity_all = positions_capacity < owner_capacity ? positions_capacity : owner_capacity;
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
    lml_free(s->sort_runs);
    lml_free(s->list_runs);
    lml_free(s);
  }
  lml_neighbours_forget(neighbours);
  lml_free(neighbours->order);
  lml_free(neighbours->positions);
  lml_free(neighbours->owner);
  lml_free(neighbours->first);
  lml_free(neighbours->count);
  lml_free(neighbours->list);
  *neighbours = (lml_neighbours){0};
}

/* --- bins ------------------------------------------------------------------------------------------------------- */

static uint64_t bin_of(const lml_bins *g, const double position[3]) {
  uint64_t index[3];
  for (int axis = 0; axis < 3; axis++) {
    const double last = (double)(g->bins[axis] - 2 * LML_BINS_REACH - 1);
    index[axis] = LML_BINS_REACH + (uint64_t)fmin(fmax((position[axis] - g->low[axis]) / g->width[axis], 0), last);
  }
  return (index[0] * g->bins[1] + index[1]) * g->bins[2] + index[2];
}

/** Bins over the box from low to high, which are set. */
static void make_bins(lml_bins *g, double cutoff) {
  for (int axis = 0; axis < 3; axis++) {
    const double extent = g->high[axis] - g->low[axis];
    /* A little wider than the cutoff demands, so that rounding can't put a neighbour one bin too far. */
    g->width[axis] = fmax(cutoff / LML_BINS_REACH * (1 + 1e-6), extent / BINS_PER_AXIS);
    g->bins[axis] = (uint64_t)fmin(floor(extent / g->width[axis]), BINS_PER_AXIS) + 1 + 2 * LML_BINS_REACH;
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

static uint64_t end_key(const lml_bins *g) { return g->bins[0] * g->bins[1] * g->bins[2]; }

/* --- atoms and ghosts ------------------------------------------------------------------------------------------- */

/** What the loops over atoms work on. */
typedef struct sorting {
  lml_neighbours *n;
  lml_lattice lattice;
  const lml_structure *structure;
  const lml_atom_part *part; /**< whose atoms are sorted; NULL: all */
  size_t natoms, nown;       /**< that are sorted, and the part's own among them */
  image_range range;
} sorting;

/** Index in the structure of the atom that is number @p i before the sort. */
static size_t index_of(const sorting *s, size_t i) { return s->part == NULL ? i : (size_t)s->part->atoms[i]; }

/** A loop of @p work over all atoms that are sorted, shared by the caller's threads. */
static lml_status for_atoms(sorting *s, lml_status (*work)(void *, size_t, size_t, lml_error *), lml_error *error) {
  const lml_pool_loop loop = {s->natoms, LML_SORT_RUN, work, s};
  return lml_pool_do_loop(s->n->pool, &loop, error);
}

static void widen(double low[3], double high[3], const double by_low[3], const double by_high[3]) {
  for (int k = 0; k < 3; k++) {
    low[k] = fmin(low[k], by_low[k]);
    high[k] = fmax(high[k], by_high[k]);
  }
}

/** Fractional and Cartesian bounds of a run of atoms, wrapped. */
static lml_status bound_run(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *s = context;
  lml_sort_run *run = &s->n->scratch->sort_runs[begin / LML_SORT_RUN];
  for (int k = 0; k < 3; k++) {
    run->low[k] = run->low_fractional[k] = INFINITY;
    run->high[k] = run->high_fractional[k] = -INFINITY;
  }
  for (size_t i = begin; i < end; i++) {
    double position[3], fractional[3];
    const lml_status status =
        lml_lattice_fractional_of_atom(&s->lattice, s->structure, index_of(s, i), fractional, error);
    if (status != LML_OK) return status;
    lml_lattice_wrap(&s->lattice, s->structure->positions + 3 * index_of(s, i), position);
    lml_lattice_fractional(&s->lattice, position, fractional);
    widen(run->low, run->high, position, position);
    widen(run->low_fractional, run->high_fractional, fractional, fractional);
  }
  return LML_OK;
}

/** The same of all atoms, widened by the cutoff: of a part's own, where there are any. Others that lie outside are too
 *  far from these to be their neighbours, in whichever bin they come to be. */
static lml_status find_bounds(sorting *s, double cutoff, lml_error *error) {
  struct lml_neighbours_scratch *scratch = s->n->scratch;
  const lml_pool_loop loop = {s->nown > 0 ? s->nown : s->natoms, LML_SORT_RUN, bound_run, s};
  const size_t nruns = lml_pool_loop_runs(loop.count, loop.length);
  lml_bins *g = &scratch->bins;
  image_range *range = &s->range;
  lml_status status =
      lml_neighbours_reserve(&scratch->sort_runs, &scratch->sort_runs_capacity,
                             lml_pool_loop_runs(s->natoms, LML_SORT_RUN), sizeof *scratch->sort_runs, error);
  if (status == LML_OK) status = lml_pool_do_loop(s->n->pool, &loop, error);
  if (status != LML_OK) return status;
  for (int k = 0; k < 3; k++) {
    range->low[k] = g->low[k] = INFINITY;
    range->high[k] = g->high[k] = -INFINITY;
  }
  for (size_t r = 0; r < nruns; r++) {
    const lml_sort_run *run = &scratch->sort_runs[r];
    widen(g->low, g->high, run->low, run->high);
    widen(range->low, range->high, run->low_fractional, run->high_fractional);
  }
  const double margin = cutoff * (1 + 1e-6);
  for (int k = 0; k < 3; k++) {
    range->low[k] -= margin / s->lattice.heights[k];
    range->high[k] += margin / s->lattice.heights[k];
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

static bool inside(const lml_bins *g, const double position[3]) {
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
static void make_ghosts(const lml_lattice *lattice, const image_range *range, const lml_bins *g,
                        const double position[3], int32_t owner, ghost_sink *sink) {
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

static lml_status make_keys(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *s = context;
  (void)error;
  for (size_t i = begin; i < end; i++) {
    double position[3];
    lml_lattice_wrap(&s->lattice, s->structure->positions + 3 * index_of(s, i), position);
    s->n->scratch->atom_keys[i] = bin_of(&s->n->scratch->bins, position);
  }
  return LML_OK;
}

static void wrap_sorted(const sorting *s, size_t i, double position[3]) {
  lml_lattice_wrap(&s->lattice, s->structure->positions + 3 * (size_t)s->n->order[i], position);
}

static lml_status count_ghosts(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *s = context;
  struct lml_neighbours_scratch *scratch = s->n->scratch;
  ghost_sink counter = {0};
  (void)error;
  for (size_t i = begin; i < end; i++) {
    double position[3];
    wrap_sorted(s, i, position);
    make_ghosts(&s->lattice, &s->range, &scratch->bins, position, 0, &counter);
  }
  scratch->sort_runs[begin / LML_SORT_RUN].nghosts = counter.count;
  return LML_OK;
}

/** Positions of a run of sorted atoms, and their ghosts, in the order of their making. */
static lml_status place_run(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *s = context;
  lml_neighbours *n = s->n;
  struct lml_neighbours_scratch *scratch = n->scratch;
  const size_t before = scratch->sort_runs[begin / LML_SORT_RUN].ghosts_before;
  ghost_sink sink = {0, scratch->ghost_keys + before, scratch->ghost_owner + before, scratch->ghost_image + before};
  (void)error;
  for (size_t i = begin; i < end; i++) {
    wrap_sorted(s, i, n->positions + 3 * i);
    n->owner[i] = (int32_t)i;
    make_ghosts(&s->lattice, &s->range, &scratch->bins, n->positions + 3 * i, (int32_t)i, &sink);
  }
  return LML_OK;
}

/** Positions and owners of a run of sorted ghosts. */
static lml_status place_ghosts(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *s = context;
  lml_neighbours *n = s->n;
  const struct lml_neighbours_scratch *scratch = n->scratch;
  const image_range *range = &s->range;
  (void)error;
  for (size_t k = begin; k < end; k++) {
    const int32_t from = scratch->permutation[k], owner = scratch->ghost_owner[from];
    const int32_t packed = scratch->ghost_image[from];
    const int32_t first = packed / range->size[2] / range->size[1], second = packed / range->size[2] % range->size[1];
    const double image[3] = {first + range->smallest[0], second + range->smallest[1],
                             packed % range->size[2] + range->smallest[2]};
    n->owner[n->natoms + k] = owner;
    lml_lattice_shift(&s->lattice, n->positions + 3 * (size_t)owner, image, n->positions + 3 * (n->natoms + k));
  }
  return LML_OK;
}

/** Ghosts of all atoms; each run gets to know how many are before its own. */
static size_t sum_ghosts(const sorting *s) {
  size_t sum = 0;
  for (size_t r = 0; r < lml_pool_loop_runs(s->natoms, LML_SORT_RUN); r++) {
    lml_sort_run *run = &s->n->scratch->sort_runs[r];
    run->ghosts_before = sum;
    sum += run->nghosts;
  }
  return sum;
}

/** Sort atoms @p begin to @p end − 1 by their keys. */
static void sort_range(const sorting *s, size_t begin, size_t end) {
  struct lml_neighbours_scratch *scratch = s->n->scratch;
  int32_t *order = s->n->order + begin;
  sort_keys(scratch->atom_keys + begin, order, end - begin, end_key(&scratch->bins), scratch->spare_keys,
            scratch->spare_permutation);
  for (size_t i = 0; s->part != NULL && i < end - begin; i++) order[i] = s->part->atoms[begin + (size_t)order[i]];
}

static lml_status sort_atoms(sorting *s, lml_error *error) {
  lml_status status = reserve_atoms(s->n, s->natoms, error);
  if (status == LML_OK) status = for_atoms(s, make_keys, error);
  if (status != LML_OK) return status;
  sort_range(s, 0, s->nown);
  sort_range(s, s->nown, s->natoms);
  return for_atoms(s, count_ghosts, error);
}

static lml_status sort_ghosts(sorting *s, size_t nghosts, lml_error *error) {
  lml_neighbours *n = s->n;
  struct lml_neighbours_scratch *scratch = n->scratch;
  lml_status status = reserve_ghosts(n, s->natoms, nghosts, error);
  if (status == LML_OK) status = for_atoms(s, place_run, error);
  if (status != LML_OK) return status;
  sort_keys(scratch->ghost_keys, scratch->permutation, nghosts, end_key(&scratch->bins), scratch->spare_keys,
            scratch->spare_permutation);
  n->natoms = s->natoms;
  n->nown = s->nown;
  n->nghosts = nghosts;
  const lml_pool_loop loop = {nghosts, LML_SORT_RUN, place_ghosts, s};
  status = lml_pool_do_loop(n->pool, &loop, error);
  if (status != LML_OK) n->natoms = n->nown = n->nghosts = 0;
  return status;
}

static lml_status check_cutoff(double cutoff, lml_error *error) {
  if (cutoff > 0 && isfinite(cutoff)) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "the cutoff is %g Å; it must be positive and finite", cutoff);
}

/** Sort what is to be sorted of a structure that is in order. */
static lml_status sort_checked(sorting *s, double cutoff, lml_error *error) {
  lml_neighbours *n = s->n;
  lml_status status = lml_lattice_make(&s->lattice, s->structure, error);
  if (status == LML_OK && n->scratch == NULL)
    status = lml_alloc(&n->scratch, 1, sizeof *n->scratch, "the neighbour search", error);
  if (status != LML_OK) return status;
  n->scratch->cutoff = cutoff;
  status = find_bounds(s, cutoff, error);
  if (status == LML_OK) status = bound_images(&s->lattice, s->natoms, cutoff, &s->range, error);
  if (status != LML_OK) return status;
  make_bins(&n->scratch->bins, cutoff);
  status = sort_atoms(s, error);
  if (status != LML_OK) return status;
  const size_t nghosts = sum_ghosts(s);
  if (nghosts > INT32_MAX - s->natoms)
    return lml_fail(error, LML_ERR_INPUT,
                    "%zu atoms and their %zu periodic images within the cutoff of %g Å are more than the %d that can "
                    "be handled",
                    s->natoms, nghosts, cutoff, INT32_MAX);
  return sort_ghosts(s, nghosts, error);
}

static void forget_order(lml_neighbours *n) { n->natoms = n->nown = n->nghosts = n->begin = n->end = 0; }

lml_status lml_neighbours_sort(lml_neighbours *neighbours, const lml_structure *structure, double cutoff,
                               lml_error *error) {
  sorting s = {.n = neighbours, .structure = structure, .natoms = structure->natoms, .nown = structure->natoms};
  forget_order(neighbours);
  lml_status status = check_cutoff(cutoff, error);
  if (status == LML_OK) status = lml_structure_check_indices(structure, error);
  return status == LML_OK ? sort_checked(&s, cutoff, error) : status;
}

lml_status lml_neighbours_sort_part(lml_neighbours *neighbours, const lml_structure *structure,
                                    const lml_atom_part *part, double cutoff, lml_error *error) {
  sorting s = {.n = neighbours, .structure = structure, .part = part, .natoms = part->count, .nown = part->nown};
  forget_order(neighbours);
  const lml_status status = check_cutoff(cutoff, error);
  return status == LML_OK ? sort_checked(&s, cutoff, error) : status;
}
