#include "structure/atom_parts.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/lattice.h"
#include "structure/vec3.h"

static const char what[] = "the sharing out of the atoms";

enum {
  RUN = 4096,      /**< atoms of a run where threads share a loop */
  LEAST_BINS = 64, /**< that there may be; else no more than atoms */
};

/** Bins in fractional coordinates, over all wrapped atoms. Each is at least as wide as the cutoff, so that what is near
 *  an atom is in its bin or one beside it. */
typedef struct grid {
  lml_lattice lattice;
  double low[3], high[3]; /**< fractional */
  double per_unit[3];     /**< bins of a lattice vector */
  size_t bins[3];
  size_t stride[3]; /**< largest along the direction that has most bins: parts are slabs across it, or slices of one */
  size_t nbins;
  double volume; /**< Å³, of a bin */
} grid;

/** What is found out about a run of atoms. */
typedef struct bounds {
  double low[3], high[3];
} bounds;

/** What the loops over atoms work on. */
typedef struct parting {
  const lml_structure *structure;
  grid grid;
  bounds *runs;
  int32_t *bins; /**< of each atom */
} parting;

/** Part of all atoms: those of the bins before @p bin, and the first @p atoms of that one. */
typedef struct cut {
  size_t bin, atoms;
} cut;

/** What is known of the bins. */
typedef struct contents {
  int64_t *atoms;  /**< of each */
  int64_t *around; /**< atoms and images in each and those beside it; later, how many of these have a part's own */
  int64_t *spare;
} contents;

lml_status lml_structure_check_indices(const lml_structure *structure, lml_error *error) {
  if (structure->natoms <= INT32_MAX) return lml_structure_check(structure, error);
  return lml_fail(error, LML_ERR_INPUT, "%zu atoms are more than the %d that can be handled", structure->natoms,
                  INT32_MAX);
}

void lml_atom_part_free(lml_atom_part *part) {
  lml_free(part->atoms);
  lml_free(part->bins);
  *part = (lml_atom_part){0};
}

/* ---- bins ---- */

/** Fractional coordinate @p k of a position, wrapped; @p far is set where it is too far away for that. */
static double place_along(const grid *g, int k, const double position[3], bool *far) {
  const double fractional = lml_dot(g->lattice.reciprocal[k], position);
  if (!g->lattice.periodic[k]) return fractional;
  if (!(fabs(fractional) < LML_FARTHEST_CELL)) {
    *far = true;
    return 0.0;
  }
  const double rest = fractional - (double)(int64_t)fractional;
  return rest < 0.0 ? rest + 1.0 : rest;
}

static lml_status bound_run(void *context, size_t begin, size_t end, lml_error *error) {
  const parting *p = context;
  bounds found = {{INFINITY, INFINITY, INFINITY}, {-INFINITY, -INFINITY, -INFINITY}};
  for (size_t i = begin; i < end; i++) {
    bool far = false;
    double fractional[3];
    for (int k = 0; k < 3; k++) {
      const double place = place_along(&p->grid, k, p->structure->positions + 3 * i, &far);
      found.low[k] = place < found.low[k] ? place : found.low[k];
      found.high[k] = place > found.high[k] ? place : found.high[k];
    }
    if (far) return lml_lattice_fractional_of_atom(&p->grid.lattice, p->structure, i, fractional, error);
  }
  p->runs[begin / RUN] = found;
  return LML_OK;
}

static lml_status find_bounds(parting *p, lml_pool *pool, lml_error *error) {
  const lml_pool_loop loop = {p->structure->natoms, RUN, bound_run, p};
  const size_t nruns = lml_pool_loop_runs(loop.count, loop.length);
  lml_status status = lml_alloc(&p->runs, nruns, sizeof *p->runs, what, error);
  if (status == LML_OK) status = lml_pool_do_loop(pool, &loop, error);
  for (int k = 0; k < 3 && status == LML_OK; k++) {
    p->grid.low[k] = INFINITY;
    p->grid.high[k] = -INFINITY;
    for (size_t r = 0; r < nruns; r++) {
      p->grid.low[k] = fmin(p->grid.low[k], p->runs[r].low[k]);
      p->grid.high[k] = fmax(p->grid.high[k], p->runs[r].high[k]);
    }
  }
  lml_free(p->runs);
  return status;
}

/** Bins along direction @p k; @p limit: of them at most. */
static void make_bins(grid *g, int k, double cutoff, size_t limit) {
  const double least = cutoff * (1 + 1e-6) / g->lattice.heights[k], extent = g->high[k] - g->low[k];
  const double fitting = fmax(1.0, fmin(floor(extent / least), (double)limit));
  const double width = fmax(least, extent / fitting);
  g->bins[k] = (size_t)fitting;
  g->per_unit[k] = 1.0 / width;
  g->volume *= width;
}

/** No more bins than @p limit: those along the direction that has most are made wider. */
static void make_grid(grid *g, double cutoff, size_t limit) {
  size_t most[3] = {limit, limit, limit};
  double cell[9];
  memcpy(cell, g->lattice.vectors, sizeof cell);
  for (;;) {
    g->volume = fabs(lml_determinant(cell));
    for (int k = 0; k < 3; k++) make_bins(g, k, cutoff, most[k]);
    int longest = 0;
    for (int k = 1; k < 3; k++) longest = g->bins[k] > g->bins[longest] ? k : longest;
    const double all = (double)g->bins[0] * (double)g->bins[1] * (double)g->bins[2];
    g->nbins = (size_t)all;
    if (all <= (double)limit) break;
    most[longest] = g->bins[longest] / 2;
  }
  for (int k = 0; k < 3; k++) {
    g->stride[k] = 1;
    for (int other = 0; other < 3; other++)
      if (g->bins[other] < g->bins[k] || (g->bins[other] == g->bins[k] && other > k)) g->stride[k] *= g->bins[other];
  }
}

static lml_status bin_run(void *context, size_t begin, size_t end, lml_error *error) {
  const parting *p = context;
  const grid *g = &p->grid;
  const double last[3] = {(double)(g->bins[0] - 1), (double)(g->bins[1] - 1), (double)(g->bins[2] - 1)};
  bool far = false; /* none is: bound_run has seen all */
  (void)error;
  for (size_t i = begin; i < end; i++) {
    size_t bin = 0;
    for (int k = 0; k < 3; k++) {
      const double place = (place_along(g, k, p->structure->positions + 3 * i, &far) - g->low[k]) * g->per_unit[k];
      bin += g->stride[k] * (size_t)(place > 0.0 ? place < last[k] ? place : last[k] : 0.0);
    }
    p->bins[i] = (int32_t)bin;
  }
  return LML_OK;
}

/** Each bin's number and those of the two beside it along direction @p k, added up. Beside the last bin of a periodic
 *  direction is the first: images. */
static void spread_along(const grid *g, int k, const int64_t *from, int64_t *to) {
  const size_t stride = g->stride[k], length = stride * g->bins[k];
  for (size_t begin = 0; begin < g->nbins; begin += stride) {
    const bool first = begin % length == 0, last = (begin + stride) % length == 0;
    const int64_t *middle = from + begin;
    const int64_t *below = first ? middle + length - stride : middle - stride;
    const int64_t *above = last ? middle + stride - length : middle + stride;
    const int64_t with_below = !first || g->lattice.periodic[k], with_above = !last || g->lattice.periodic[k];
    for (size_t s = 0; s < stride; s++) to[begin + s] = middle[s] + with_below * below[s] + with_above * above[s];
  }
}

/** The same along all three directions: @p values become those of 27 bins. */
static void spread(const grid *g, int64_t *values, int64_t *spare) {
  spread_along(g, 0, values, spare);
  spread_along(g, 1, spare, values);
  spread_along(g, 2, values, spare);
  memcpy(values, spare, g->nbins * sizeof *values);
}

/* ---- a part ---- */

/** The work of each atom of a bin. */
static double work_in(const grid *g, const contents *c, const lml_atom_parting *how, size_t bin) {
  const double sphere = 4.0 / 3.0 * 3.14159265358979323846 * how->cutoff * how->cutoff * how->cutoff;
  return 1.0 + how->per_neighbour * c->around[bin] * sphere / (27.0 * g->volume);
}

/** The cuts before and after part @p number. */
static void find_cuts(const grid *g, const contents *c, const lml_atom_parting *how, size_t number, cut cuts[2]) {
  double all = 0.0;
  for (size_t b = 0; b < g->nbins; b++) all += c->atoms[b] * work_in(g, c, how, b);
  for (size_t side = 0; side < 2; side++) {
    const double share = all * (double)(number + side) / (double)how->parts;
    double before = 0.0;
    cuts[side] = (cut){number + side == how->parts ? g->nbins : 0, 0};
    if (number + side == 0 || number + side == how->parts) continue;
    for (size_t b = 0; b < g->nbins; b++) {
      const double each = work_in(g, c, how, b), after = before + c->atoms[b] * each;
      cuts[side] = (cut){b, (size_t)c->atoms[b]};
      if (after > share) {
        cuts[side].atoms = (size_t)fmin((share - before) / each, c->atoms[b]);
        break;
      }
      before = after;
    }
  }
}

/** Atoms of @p bin that are before @p end. */
static size_t atoms_before(const contents *c, cut end, size_t bin) {
  if (bin != end.bin) return bin < end.bin ? (size_t)c->atoms[bin] : 0;
  return end.atoms;
}

/** Mark the bins near the part's own atoms; returns how many these are. */
static size_t mark_near(const grid *g, const contents *c, const cut cuts[2]) {
  size_t nown = 0;
  for (size_t b = 0; b < g->nbins; b++) {
    const size_t count = atoms_before(c, cuts[1], b) - atoms_before(c, cuts[0], b);
    c->around[b] = count > 0;
    nown += count;
  }
  spread(g, c->around, c->spare);
  return nown;
}

static size_t count_near(const grid *g, const contents *c) {
  size_t count = 0;
  for (size_t b = 0; b < g->nbins; b++) count += c->around[b] != 0 ? (size_t)c->atoms[b] : 0;
  return count;
}

/** List the atoms of the near bins, the part's own first. */
static void list_atoms(lml_atom_part *part, size_t natoms, const contents *c, const cut cuts[2]) {
  size_t own = 0, other = part->nown, seen[2] = {0, 0};
  for (size_t i = 0; i < natoms; i++) {
    const size_t bin = (size_t)part->bins[i];
    if (c->around[bin] == 0) continue;
    bool before[2];
    for (size_t side = 0; side < 2; side++)
      before[side] = bin == cuts[side].bin ? seen[side]++ < cuts[side].atoms : bin < cuts[side].bin;
    part->atoms[before[1] && !before[0] ? own++ : other++] = (int32_t)i;
  }
}

static lml_status select_atoms(lml_atom_part *part, const parting *p, const contents *c, const lml_atom_parting *how,
                               size_t number, lml_error *error) {
  const size_t natoms = p->structure->natoms;
  cut cuts[2];
  for (size_t i = 0; i < natoms; i++) c->atoms[part->bins[i]]++;
  memcpy(c->around, c->atoms, p->grid.nbins * sizeof *c->around);
  spread(&p->grid, c->around, c->spare);
  find_cuts(&p->grid, c, how, number, cuts);
  part->nown = mark_near(&p->grid, c, cuts);
  const size_t count = part->nown > 0 ? count_near(&p->grid, c) : 1;
  const lml_status status = lml_grow(&part->atoms, &part->atoms_capacity, count, sizeof *part->atoms, what, error);
  if (status != LML_OK) return status;
  part->count = count;
  if (part->nown > 0)
    list_atoms(part, natoms, c, cuts);
  else
    part->atoms[0] = 0; /* any atom, as nothing works without */
  return LML_OK;
}

lml_status lml_atom_part_find(lml_atom_part *part, const lml_structure *structure, const lml_atom_parting *parting_of,
                              size_t number, lml_pool *pool, lml_error *error) {
  parting p = {.structure = structure};
  contents c;
  part->nown = part->count = 0;
  lml_status status = lml_structure_check_indices(structure, error);
  if (status == LML_OK) status = lml_lattice_make(&p.grid.lattice, structure, error);
  if (status == LML_OK) status = find_bounds(&p, pool, error);
  if (status == LML_OK)
    status = lml_grow(&part->bins, &part->bins_capacity, structure->natoms, sizeof *part->bins, what, error);
  if (status != LML_OK) return status;
  make_grid(&p.grid, parting_of->cutoff, structure->natoms > LEAST_BINS ? structure->natoms : LEAST_BINS);
  status = lml_alloc(&c.atoms, 3 * p.grid.nbins, sizeof *c.atoms, what, error);
  if (status != LML_OK) return status;
  c.around = c.atoms + p.grid.nbins;
  c.spare = c.around + p.grid.nbins;
  p.bins = part->bins;
  const lml_pool_loop loop = {structure->natoms, RUN, bin_run, &p};
  status = lml_pool_do_loop(pool, &loop, error);
  if (status == LML_OK) status = select_atoms(part, &p, &c, parting_of, number, error);
  lml_free(c.atoms);
  return status;
}
