#include <math.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/neighbours.h"
#include "structure/neighbours_scratch.h"

/** A run of sorted atoms or ghosts: those in the bins of one row near the bin that is visited. */
typedef struct run {
  size_t low, high; /**< high is one past the end */
} run;

/** The runs around the bin that is visited, among the own atoms, the others, or the ghosts. */
typedef struct runs {
  const uint64_t *keys;
  size_t count;
  size_t offset; /**< of the first in the positions */
  run rows[LML_BINS_ROWS * LML_BINS_ROWS];
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

static uint64_t row_key(const lml_bins *g, uint64_t bin, int row) {
  const int64_t bins =
      ((int64_t)(row / LML_BINS_ROWS - LML_BINS_REACH)) * (int64_t)g->bins[1] + (row % LML_BINS_ROWS - LML_BINS_REACH);
  return (uint64_t)((int64_t)bin + bins * (int64_t)g->bins[2]);
}

static runs runs_from(const lml_bins *g, const uint64_t *keys, size_t count, size_t offset, uint64_t bin) {
  runs r = {.keys = keys, .count = count, .offset = offset};
  for (int row = 0; row < LML_BINS_ROWS * LML_BINS_ROWS; row++)
    r.rows[row].low = r.rows[row].high = lower_bound(keys, count, row_key(g, bin, row) - LML_BINS_REACH);
  return r;
}

/** All of them, without those of which there are none. */
typedef struct surroundings {
  runs of[3];
  size_t count;
} surroundings;

static surroundings surroundings_from(const lml_neighbours *n, uint64_t bin) {
  const struct lml_neighbours_scratch *s = n->scratch;
  const uint64_t *keys[3] = {s->atom_keys, s->atom_keys + n->nown, s->ghost_keys};
  const size_t counts[3] = {n->nown, n->natoms - n->nown, n->nghosts};
  surroundings around = {.count = 0};
  for (size_t k = 0, offset = 0; k < 3; offset += counts[k++])
    if (counts[k] > 0) around.of[around.count++] = runs_from(&s->bins, keys[k], counts[k], offset, bin);
  return around;
}

/** Move all runs on to those around @p bin. */
static void move_runs(runs *r, const lml_bins *g, uint64_t bin) {
  for (int row = 0; row < LML_BINS_ROWS * LML_BINS_ROWS; row++) {
    const uint64_t middle = row_key(g, bin, row);
    run *at = &r->rows[row];
    while (at->low < r->count && r->keys[at->low] < middle - LML_BINS_REACH) at->low++;
    while (at->high < r->count && r->keys[at->high] <= middle + LML_BINS_REACH) at->high++;
  }
}

/** Where the neighbours of a run of atoms go. */
typedef struct list_sink {
  int32_t *list;
  size_t room;
  size_t total; /**< of the run */
  double shortest;
} list_sink;

/** Append to the list, as far as there is room, those of the runs that are near atom @p i. */
static void append_near(const lml_neighbours *n, const runs *r, size_t i, list_sink *sink) {
  const double *centre = n->positions + 3 * i;
  const double cutoff_squared = n->scratch->cutoff * n->scratch->cutoff;
  double shortest = sink->shortest;
  size_t total = sink->total;
  for (int row = 0; row < LML_BINS_ROWS * LML_BINS_ROWS; row++) {
    const size_t low = r->offset + r->rows[row].low, high = r->offset + r->rows[row].high;
    for (size_t j = low; j < high; j++) {
      const double *other = n->positions + 3 * j;
      const double x = other[0] - centre[0], y = other[1] - centre[1], z = other[2] - centre[2];
      const double square = x * x + y * y + z * z;
      if (!(square < cutoff_squared) || j == i) continue;
      shortest = square < shortest ? square : shortest;
      if (total < sink->room) sink->list[total] = (int32_t)j;
      total++;
    }
  }
  sink->shortest = shortest;
  sink->total = total;
}

/** List the neighbours of a run of atoms, as far as there is room. Ends at an atom that coincides with another. */
static lml_status list_run(void *context, size_t begin, size_t end, lml_error *error) {
  lml_neighbours *n = context;
  const struct lml_neighbours_scratch *s = n->scratch;
  const size_t number = begin / LML_LIST_RUN, first = n->begin + begin;
  lml_list_run *found = &s->list_runs[number];
  list_sink sink = {.list = n->list + number * n->stride, .room = n->stride, .shortest = INFINITY};
  surroundings around = surroundings_from(n, s->atom_keys[first]);
  (void)error;
  *found = (lml_list_run){.coincident = -1};
  for (size_t i = first; i < n->begin + end && found->coincident < 0; i++) {
    if (i == first || s->atom_keys[i] != s->atom_keys[i - 1])
      for (size_t k = 0; k < around.count; k++) move_runs(&around.of[k], &s->bins, s->atom_keys[i]);
    const size_t before = sink.total;
    for (size_t k = 0; k < around.count; k++) append_near(n, &around.of[k], i, &sink);
    const size_t length = sink.total - before;
    n->first[i - n->begin] = (int64_t)(number * n->stride + before);
    n->count[i - n->begin] = (int32_t)length;
    found->longest = length > found->longest ? length : found->longest;
    if (sink.shortest < LML_COINCIDENT * LML_COINCIDENT) found->coincident = (int64_t)i;
  }
  found->total = sink.total;
  found->shortest = sink.shortest;
  return LML_OK;
}

/** Neighbours of the run that has most of them. */
static size_t most_in_a_run(const lml_neighbours *n, size_t nruns) {
  size_t most = 0;
  for (size_t r = 0; r < nruns; r++)
    most = n->scratch->list_runs[r].total > most ? n->scratch->list_runs[r].total : most;
  return most;
}

/** What the runs have found, together; fails where atoms coincide. */
static lml_status join_runs(lml_neighbours *n, const lml_structure *structure, size_t nruns, lml_error *error) {
  n->shortest = INFINITY;
  n->longest = 0;
  for (size_t r = 0; r < nruns; r++) {
    const lml_list_run *found = &n->scratch->list_runs[r];
    n->shortest = found->shortest < n->shortest ? found->shortest : n->shortest;
    n->longest = found->longest > n->longest ? found->longest : n->longest;
    if (found->coincident >= 0) return lml_neighbours_coincide(n, structure, (size_t)found->coincident, error);
  }
  return LML_OK;
}

/** Fill the lists, a second time where there was too little room. */
static lml_status fill_lists(lml_neighbours *n, const lml_structure *structure, lml_error *error) {
  const lml_pool_loop loop = {n->end - n->begin, LML_LIST_RUN, list_run, n};
  const size_t nruns = lml_pool_loop_runs(loop.count, loop.length);
  size_t room = 1; /* for each run */
  lml_status status;
  do {
    status = lml_neighbours_reserve(&n->list, &n->capacity_list, nruns * room, sizeof *n->list, error);
    if (status != LML_OK) return status;
    n->stride = nruns == 0 ? 0 : n->capacity_list / nruns;
    status = lml_pool_do_loop(n->pool, &loop, error);
    if (status == LML_OK) status = join_runs(n, structure, nruns, error);
    room = most_in_a_run(n, nruns);
  } while (status == LML_OK && room > n->stride);
  return status;
}

lml_status lml_neighbours_list(lml_neighbours *neighbours, const lml_structure *structure, size_t begin, size_t end,
                               lml_error *error) {
  struct lml_neighbours_scratch *s = neighbours->scratch;
  if (begin > end || end > neighbours->nown)
    return lml_fail(error, LML_ERR_USAGE, "neighbours of atoms %zu to %zu were asked for, but %zu atoms are sorted",
                    begin, end, neighbours->nown);
  const size_t count = end - begin;
  size_t first_capacity = neighbours->capacity_first, count_capacity = neighbours->capacity_first;
  neighbours->begin = neighbours->end = neighbours->capacity_first = 0;
  lml_status status = lml_neighbours_reserve(&s->list_runs, &s->list_runs_capacity,
                                             lml_pool_loop_runs(count, LML_LIST_RUN), sizeof *s->list_runs, error);
  if (status == LML_OK)
    status = lml_neighbours_reserve(&neighbours->first, &first_capacity, count, sizeof *neighbours->first, error);
  if (status == LML_OK)
    status = lml_neighbours_reserve(&neighbours->count, &count_capacity, count, sizeof *neighbours->count, error);
  if (status != LML_OK) return status;
  neighbours->capacity_first = first_capacity < count_capacity ? first_capacity : count_capacity;
  neighbours->begin = begin;
  neighbours->end = end;
  status = fill_lists(neighbours, structure, error);
  if (status != LML_OK) neighbours->begin = neighbours->end = 0;
  return status;
}
