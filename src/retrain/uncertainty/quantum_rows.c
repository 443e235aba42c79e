#include "retrain/uncertainty/quantum_rows.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const char what[] = "rows with quantum forces";

/* ---- sets ---- */

static bool is_force(const lml_dataset *set) { return lml_dataset_selects_atoms(set); }

/** Whether the set's rows count, where some target is of forces, or none is. */
static bool is_used(const lml_dataset *set, bool forces) {
  return set->role == LML_ROLE_TARGET && (forces ? is_force(set) : set->noffsets == 0);
}

/** Number the clusters of the set's frames: an atom each, or a row where it has no atoms. */
static lml_status number_clusters(lml_quantum_sets *quantum, size_t index, lml_error *error) {
  const lml_dataset *set = &quantum->sets[index];
  const bool atoms = is_force(set) && lml_dataset_has_structures(set);
  const lml_status status = lml_alloc(&quantum->first[index], set->nframes, sizeof(size_t), what, error);
  for (size_t k = 0; k < set->nframes && status == LML_OK; k++) {
    quantum->first[index][k] = quantum->nclusters;
    quantum->nclusters += atoms ? set->frames[k].nselected : set->frames[k].nrows;
  }
  quantum->nrows += set->nrows;
  quantum->nframes += set->nframes;
  return status;
}

lml_status lml_quantum_sets_make(lml_quantum_sets *quantum, const lml_dataset *sets, size_t nsets, lml_error *error) {
  bool forces = false;
  *quantum = (lml_quantum_sets){0};
  for (size_t s = 0; s < nsets; s++) forces |= sets[s].role == LML_ROLE_TARGET && is_force(&sets[s]);
  lml_status status = lml_alloc(&quantum->sets, nsets, sizeof *quantum->sets, what, error);
  if (status == LML_OK) status = lml_alloc(&quantum->first, nsets, sizeof *quantum->first, what, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    if (!is_used(&sets[s], forces)) continue;
    status = lml_dataset_restrict(&sets[s], &quantum->sets[quantum->nsets++], error);
    if (status == LML_OK) status = number_clusters(quantum, quantum->nsets - 1, error);
  }
  return status;
}

void lml_quantum_sets_free(lml_quantum_sets *quantum) {
  for (size_t s = 0; s < quantum->nsets; s++) {
    lml_free(quantum->sets[s].frames);
    lml_free(quantum->first[s]);
  }
  lml_free(quantum->sets);
  lml_free(quantum->first);
  *quantum = (lml_quantum_sets){0};
}

/* ---- rows ---- */

/** Numbers that are kept beside a row. */
enum { DEVIATION, WEIGHT, ROOT, FOLD, CLUSTER, NUMBERS };

/** Room for the rows of clusters in their order, some of which may have fewer than LML_CLUSTER_ROWS. */
typedef struct {
  const lml_quantum_sets *quantum;
  const lml_cluster_sink *sink;
  size_t width, stride, nplaces;
  double *rows;    /**< nplaces × width */
  double *numbers; /**< nplaces × NUMBERS; the root is 0 where there is no row */
} collecting;

/** The same for one set: the sink's context. */
typedef struct {
  const collecting *all;
  size_t index;
} of_set;

static void hold_row(const collecting *c, const lml_row_block *block, size_t k, size_t place, const double *numbers) {
  memcpy(c->rows + place * c->width, block->rows + k * c->width, c->width * sizeof(double));
  memcpy(c->numbers + place * NUMBERS, numbers, NUMBERS * sizeof(double));
}

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  const of_set *of = context;
  const collecting *c = of->all;
  const lml_dataset *set = &c->quantum->sets[of->index];
  const lml_dataset_frame *frame = &set->frames[block->position];
  const size_t first = c->quantum->first[of->index][block->position];
  size_t clusters[LML_BLOCK_ROWS], in_cluster = 0;
  for (size_t k = 0; k < block->count; k++) {
    clusters[k] = first + (block->atoms != NULL ? block->atoms[k] : block->first - frame->first + k);
    in_cluster = k > 0 && clusters[k] == clusters[k - 1] ? in_cluster + 1 : 0;
    if (clusters[k] % c->stride != 0) continue;
    const double numbers[NUMBERS] = {[DEVIATION] = block->targets[k] - block->predicted[k],
                                     [WEIGHT] = set->weight * block->weight,
                                     [ROOT] = block->roots == NULL ? 1.0 : block->roots[k],
                                     [FOLD] = (double)frame->fold,
                                     [CLUSTER] = (double)clusters[k]};
    hold_row(c, block, k, clusters[k] / c->stride * LML_CLUSTER_ROWS + in_cluster, numbers);
  }
  if (c->sink == NULL) return LML_OK;
  return c->sink->accumulate(c->sink->context, block, set->weight * block->weight, clusters, error);
}

static lml_status reduce(void *context, size_t slot, size_t position, lml_error *error) {
  const of_set *of = context;
  (void)position;
  return of->all->sink == NULL ? LML_OK : of->all->sink->reduce(of->all->sink->context, slot, error);
}

/** Close the gaps of rows that there are not, or that have no weight. */
static lml_status close_gaps(const collecting *c, lml_held_rows *held, lml_error *error) {
  double **const columns[] = {&held->deviations, &held->weights, &held->roots};
  lml_status status = LML_OK;
  for (size_t i = 0; i < sizeof columns / sizeof columns[0] && status == LML_OK; i++)
    status = lml_alloc(columns[i], c->nplaces, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&held->clusters, c->nplaces, sizeof *held->clusters, what, error);
  if (status == LML_OK) status = lml_alloc(&held->folds, c->nplaces, sizeof *held->folds, what, error);
  for (size_t p = 0; p < c->nplaces && status == LML_OK; p++) {
    const double *numbers = c->numbers + p * NUMBERS;
    const size_t k = held->count;
    if (numbers[ROOT] == 0.0 || numbers[WEIGHT] == 0.0) continue;
    memmove(c->rows + k * c->width, c->rows + p * c->width, c->width * sizeof(double));
    held->deviations[k] = numbers[DEVIATION];
    held->weights[k] = numbers[WEIGHT];
    held->roots[k] = numbers[ROOT];
    held->folds[k] = (size_t)numbers[FOLD];
    held->clusters[k] = (size_t)numbers[CLUSTER];
    held->nclusters += k == 0 || held->clusters[k] != held->clusters[k - 1];
    held->count++;
  }
  return status;
}

static lml_status make_rows(const collecting *c, const lml_workers *workers, lml_error *error) {
  lml_row_job *jobs = NULL;
  of_set *contexts = NULL;
  const size_t nsets = c->quantum->nsets;
  lml_status status = lml_alloc(&jobs, nsets, sizeof *jobs, what, error);
  if (status == LML_OK) status = lml_alloc(&contexts, nsets, sizeof *contexts, what, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    contexts[s] = (of_set){.all = c, .index = s};
    jobs[s] = (lml_row_job){
        .set = &c->quantum->sets[s], .sink = {.accumulate = accumulate, .context = &contexts[s]}, .reduce = reduce};
  }
  if (status == LML_OK) status = lml_workers_make_rows(workers, jobs, nsets, NULL, error);
  lml_free(jobs);
  lml_free(contexts);
  return lml_comm_agree(workers->comm, status, error);
}

lml_status lml_quantum_rows_make(const lml_quantum_sets *quantum, const lml_workers *workers, lml_held_rows *held,
                                 const lml_cluster_sink *sink, lml_error *error) {
  const size_t stride = (quantum->nclusters + LML_HELD_CLUSTERS - 1) / LML_HELD_CLUSTERS;
  collecting c = {.quantum = quantum, .sink = sink, .width = workers->designs[0].width, .stride = stride};
  *held = (lml_held_rows){.width = c.width, .stride = (double)stride};
  if (stride > 0) c.nplaces = (quantum->nclusters + stride - 1) / stride * LML_CLUSTER_ROWS;
  lml_status status = lml_alloc(&c.rows, c.nplaces * c.width, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&c.numbers, c.nplaces * NUMBERS, sizeof(double), what, error);
  status = lml_comm_agree(workers->comm, status, error);
  if (status == LML_OK) status = make_rows(&c, workers, error);
  if (status == LML_OK) status = lml_comm_sum(workers->comm, c.rows, c.nplaces * c.width, error);
  if (status == LML_OK) status = lml_comm_sum(workers->comm, c.numbers, c.nplaces * NUMBERS, error);
  if (status == LML_OK && lml_comm_rank(workers->comm) == 0) status = close_gaps(&c, held, error);
  held->rows = c.rows;
  lml_free(c.numbers);
  return lml_comm_agree(workers->comm, status, error);
}

void lml_held_rows_free(lml_held_rows *held) {
  lml_free(held->rows);
  lml_free(held->deviations);
  lml_free(held->weights);
  lml_free(held->roots);
  lml_free(held->clusters);
  lml_free(held->folds);
  *held = (lml_held_rows){0};
}
