#include "retrain/uncertainty/training_atoms.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "lmlink/structure.h"

static const char what[] = "distances of training atoms";

/** ε, relative to the mean variance of the components: small beside the variances that matter, so that singular
 *  covariances have an inverse. */
static const double relative_epsilon = 1e-8;

/** Where the sum of variances is this small beside the square of the mean, atoms differ by a file's digits alone. */
static const double smallest_variance = 1e-12;

/* ---- which sets ---- */

static bool is_listed(const lml_training_sets *training, const char *path) {
  for (size_t k = 0; k < training->nsets; k++)
    if (strcmp(training->sets[k].path, path) == 0) return true;
  return false;
}

/** Add the sets for one role. */
static lml_status add_sets(lml_training_sets *training, const lml_dataset *sets, size_t nsets, lml_role role,
                           lml_error *error) {
  lml_status status = LML_OK;
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    lml_dataset *copy = &training->sets[training->nsets];
    if (sets[s].role != role || !lml_dataset_has_structures(&sets[s]) || is_listed(training, sets[s].path)) continue;
    *copy = sets[s];
    if (role == LML_ROLE_TARGET) {
      status = lml_dataset_restrict(&sets[s], copy, error);
      training->nrestricted++;
    }
    training->nsets++;
    training->nframes += sets[s].nframes;
  }
  return status;
}

lml_status lml_training_sets_make(lml_training_sets *training, const lml_dataset *sets, size_t nsets,
                                  lml_error *error) {
  *training = (lml_training_sets){0};
  lml_status status = lml_alloc(&training->sets, nsets, sizeof *training->sets, what, error);
  if (status == LML_OK) status = add_sets(training, sets, nsets, LML_ROLE_TARGET, error);
  return status == LML_OK ? add_sets(training, sets, nsets, LML_ROLE_SOFT, error) : status;
}

void lml_training_sets_free(lml_training_sets *training) {
  for (size_t k = 0; k < training->nrestricted; k++) lml_free(training->sets[k].frames);
  lml_free(training->sets);
  *training = (lml_training_sets){0};
}

/* ---- one frame ---- */

/** What one thread looks at frames with. */
typedef struct {
  lml_dataset_walk walk;
  unsigned char *selected; /**< for each atom of the structure */
  double *squares;         /**< for each sorted atom: of its distance */
  size_t selected_capacity, squares_capacity;
} frame_room;

typedef enum { PASS_MEAN = 0, PASS_COVARIANCE, PASS_DISTANCE } pass_kind;

/** One pass over all frames. */
typedef struct {
  pass_kind kind;
  const lml_workers *workers;
  lml_uncertainty *uncertainty;
  frame_room *rooms;    /**< of each thread */
  double *sums, *slots; /**< of all, and of each slot: for each element 1 + n + n² numbers, the atoms, Σ B, and Σ of
                             squares, the lower triangle by columns */
  size_t nsums;
  double *distances; /**< of all training atoms in their order */
  double *elements;  /**< of each, its index */
} pass;

/** The same for one set: the context of its job. */
typedef struct {
  pass *of;
  const lml_dataset *set;
  size_t *first; /**< of each frame, its first training atom's number */
} set_pass;

static size_t count_atoms(const lml_dataset *set, size_t position) {
  return lml_dataset_selects_atoms(set) ? set->frames[position].nselected : set->frames[position].natoms;
}

static void put_components(const lml_descriptors *descriptors, size_t lane, double *components) {
  const size_t n = lml_descriptors_ncomponents(descriptors), width = lml_descriptors_width(descriptors);
  for (size_t c = 0; c < n; c++) components[c] = descriptors->components[c * width + lane];
}

/** Add one atom to the sums of a slot. */
static void add_atom(const pass *p, double *sums, const lml_descriptors *descriptors, size_t lane, double *components) {
  const size_t n = p->uncertainty->ncomponents, e = (size_t)descriptors->element[lane];
  double *of = sums + e * (1 + n + n * n);
  put_components(descriptors, lane, components);
  if (p->kind == PASS_MEAN) {
    of[0] += 1.0;
    cblas_daxpy((int)n, 1.0, components, 1, of + 1, 1);
    return;
  }
  cblas_daxpy((int)n, -1.0, p->uncertainty->distances[e].mean, 1, components, 1);
  cblas_dsyr(CblasColMajor, CblasLower, (int)n, 1.0, components, 1, of + 1 + n, (int)n);
}

static void look_at_run(const pass *p, frame_room *room, lml_descriptors *descriptors, size_t first, double *sums,
                        double *components) {
  const lml_neighbours *neighbours = &descriptors->atoms.neighbours;
  const lml_uncertainty *u = p->uncertainty;
  lml_descriptors_run(descriptors, first);
  for (size_t lane = 0; lane < descriptors->count; lane++) {
    if (p->kind == PASS_DISTANCE) {
      const lml_atom_distance *distance = &u->distances[descriptors->element[lane]];
      put_components(descriptors, lane, components);
      room->squares[first + lane] = lml_atom_distance_square(distance, u->ncomponents, components, 1);
    } else if (room->selected[neighbours->order[first + lane]]) {
      add_atom(p, sums, descriptors, lane, components);
    }
  }
}

/** Root mean square over sorted atom @p i and its neighbours within the cutoff. */
static double neighbour_mean(const frame_room *room, const lml_descriptors *descriptors, size_t i) {
  const lml_neighbours *neighbours = &descriptors->atoms.neighbours;
  const double cutoff = descriptors->model.cutoff;
  double sum = room->squares[i], count = 1.0;
  const int32_t *list;
  const size_t length = lml_neighbours_of(neighbours, i, &list);
  for (size_t k = 0; k < length; k++) {
    const int32_t j = list[k];
    if (lml_neighbours_square(neighbours, i, (size_t)j) >= cutoff * cutoff) continue;
    sum += room->squares[neighbours->owner[j]];
    count += 1.0;
  }
  return sqrt(sum / count);
}

/** The distances of the frame's training atoms, from @p first on. */
static void put_distances(const pass *p, const frame_room *room, const lml_descriptors *descriptors, size_t first) {
  const lml_neighbours *neighbours = &descriptors->atoms.neighbours;
  for (size_t i = 0; i < neighbours->natoms; i++) {
    if (!room->selected[neighbours->order[i]]) continue;
    p->elements[first] = descriptors->atoms.elements[i];
    p->distances[first++] = neighbour_mean(room, descriptors, i);
  }
}

static lml_status select_atoms(frame_room *room, const lml_dataset *set, lml_error *error) {
  const size_t natoms = room->walk.frame.structure.natoms;
  const bool forces = lml_dataset_selects_atoms(set);
  lml_status status = lml_grow(&room->selected, &room->selected_capacity, natoms, 1, what, error);
  if (status == LML_OK) status = lml_grow(&room->squares, &room->squares_capacity, natoms, sizeof(double), what, error);
  for (size_t i = 0; i < natoms && status == LML_OK; i++) room->selected[i] = !forces;
  for (size_t k = 0; k < room->walk.natoms && forces && status == LML_OK; k++) room->selected[room->walk.atoms[k]] = 1;
  return status;
}

static lml_status look_at_frame(void *context, lml_pool_place place, size_t position, lml_error *error) {
  const set_pass *s = context;
  const pass *p = s->of;
  frame_room *room = &p->rooms[place.thread];
  lml_descriptors *descriptors = &p->workers->designs[place.thread].descriptors;
  double *components, *sums = p->slots + place.slot * p->nsums;
  lml_status status = LML_OK;
  if (room->walk.set != s->set) {
    lml_dataset_walk_end(&room->walk);
    status = lml_dataset_walk_begin(&room->walk, s->set, error);
  }
  if (status == LML_OK) status = lml_dataset_walk_to(&room->walk, position, error);
  if (status == LML_OK) status = select_atoms(room, s->set, error);
  if (status == LML_OK) status = lml_descriptors_begin(descriptors, &room->walk.frame.structure, error);
  if (status == LML_OK) status = lml_alloc(&components, p->uncertainty->ncomponents, sizeof(double), what, error);
  if (status != LML_OK) return status;
  for (size_t first = 0; first < room->walk.frame.structure.natoms; first += descriptors->count)
    look_at_run(p, room, descriptors, first, sums, components);
  if (p->kind == PASS_DISTANCE) put_distances(p, room, descriptors, s->first[position]);
  lml_free(components);
  return LML_OK;
}

static lml_status reduce(void *context, size_t slot, size_t position, lml_error *error) {
  const set_pass *s = context;
  double *from = s->of->slots + slot * s->of->nsums;
  (void)position, (void)error;
  for (size_t i = 0; i < s->of->nsums; i++) s->of->sums[i] += from[i];
  memset(from, 0, s->of->nsums * sizeof *from);
  return LML_OK;
}

/* ---- passes ---- */

/** The sums of all ranks, on all of them. */
static lml_status share(lml_comm *comm, double *numbers, size_t count, lml_error *error) {
  const lml_status status = lml_comm_sum(comm, numbers, count, error);
  return status == LML_OK ? lml_comm_broadcast(comm, numbers, count * sizeof *numbers, error) : status;
}

static lml_status run_pass(pass *p, pass_kind kind, set_pass *sets, size_t nsets, lml_error *error) {
  lml_frame_job *jobs;
  lml_status status = lml_alloc(&jobs, nsets, sizeof *jobs, what, error);
  p->kind = kind;
  for (size_t i = 0; i < p->nsums; i++) p->sums[i] = 0.0;
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    jobs[s] = (lml_frame_job){.set = sets[s].set, .work = look_at_frame, .reduce = reduce, .context = &sets[s]};
  if (status == LML_OK) status = lml_workers_run(p->workers, jobs, nsets, error);
  lml_free(jobs);
  status = lml_comm_agree(p->workers->comm, status, error);
  return status == LML_OK ? share(p->workers->comm, p->sums, p->nsums, error) : status;
}

static void take_means(const pass *p) {
  const size_t n = p->uncertainty->ncomponents;
  for (size_t e = 0; e < p->uncertainty->nelements; e++) {
    const double *of = p->sums + e * (1 + n + n * n);
    p->uncertainty->distances[e].natoms = (size_t)of[0];
    for (size_t c = 0; c < n && of[0] > 0.0; c++) p->uncertainty->distances[e].mean[c] = of[1 + c] / of[0];
  }
}

/** R = K⁻ᵀ, where K Kᵀ, K a lower triangle, is the covariance + ε. */
static lml_status take_factor(lml_atom_distance *distance, double *covariance, size_t n, int number, lml_error *error) {
  const double count = (double)distance->natoms;
  double trace = 0.0, square = 0.0;
  for (size_t i = 0; i < n * n; i++) covariance[i] /= count;
  for (size_t c = 0; c < n; c++) {
    trace += covariance[c * (n + 1)];
    square += distance->mean[c] * distance->mean[c];
  }
  if (!(trace > smallest_variance * square))
    return lml_fail(error, LML_ERR_INPUT,
                    "all %zu training atoms of %s have the same environment, and no other atom a distance from them: "
                    "name structures at a temperature with --uncertainty-from",
                    distance->natoms, lml_element_symbol(number));
  distance->epsilon = relative_epsilon * trace / (double)n;
  for (size_t c = 0; c < n; c++) covariance[c * (n + 1)] += distance->epsilon;
  int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)n, covariance, (int)n);
  if (info == 0) info = LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'L', 'N', (int)n, covariance, (int)n);
  if (info != 0) return lml_fail(error, LML_ERR_INTERNAL, "the covariance of training atoms has no factor (%d)", info);
  for (size_t row = 0; row < n; row++) /* K⁻¹ by columns is R by rows */
    for (size_t column = row; column < n; column++) distance->factor[row * n + column] = covariance[row * n + column];
  return LML_OK;
}

static lml_status take_factors(const pass *p, lml_error *error) {
  const size_t n = p->uncertainty->ncomponents;
  const lml_potential *potential = p->workers->designs[0].potential;
  lml_status status = LML_OK;
  for (size_t e = 0; e < p->uncertainty->nelements && status == LML_OK; e++)
    if (p->uncertainty->distances[e].natoms > 1)
      status = take_factor(&p->uncertainty->distances[e], p->sums + e * (1 + n + n * n) + 1 + n, n,
                           lml_potential_element(potential, e), error);
  return status;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/** The smallest distance that the share of the element's atoms does not exceed. */
static lml_status take_quantiles(const pass *p, size_t natoms, lml_error *error) {
  double *sorted;
  const lml_status status = lml_alloc(&sorted, natoms, sizeof *sorted, what, error);
  for (size_t e = 0; e < p->uncertainty->nelements && status == LML_OK; e++) {
    size_t count = 0;
    for (size_t k = 0; k < natoms; k++)
      if (p->elements[k] == (double)e) sorted[count++] = p->distances[k];
    qsort(sorted, count, sizeof *sorted, by_size);
    for (size_t q = 0; q < LML_DISTANCE_QUANTILES && count > 0; q++)
      p->uncertainty->distances[e].quantiles[q] = sorted[(size_t)ceil(lml_distance_shares[q] * (double)count) - 1];
  }
  lml_free(sorted);
  return status;
}

static lml_status run_passes(pass *p, set_pass *sets, size_t nsets, lml_error *error) {
  lml_status status = run_pass(p, PASS_MEAN, sets, nsets, error);
  if (status == LML_OK) take_means(p);
  if (status == LML_OK) status = run_pass(p, PASS_COVARIANCE, sets, nsets, error);
  if (status == LML_OK) status = take_factors(p, error);
  return status == LML_OK ? run_pass(p, PASS_DISTANCE, sets, nsets, error) : status;
}

/* ---- all of it ---- */

static lml_status make_pass(pass *p, size_t natoms, lml_error *error) {
  const size_t n = p->uncertainty->ncomponents, nthreads = p->workers->nthreads;
  p->nsums = p->uncertainty->nelements * (1 + n + n * n);
  lml_status status = lml_alloc(&p->rooms, nthreads, sizeof *p->rooms, what, error);
  if (status == LML_OK) status = lml_alloc(&p->sums, p->nsums, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&p->slots, lml_pool_slots(nthreads) * p->nsums, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&p->distances, natoms, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&p->elements, natoms, sizeof(double), what, error) : status;
}

static void free_pass(pass *p) {
  for (size_t t = 0; p->rooms != NULL && t < p->workers->nthreads; t++) {
    lml_dataset_walk_end(&p->rooms[t].walk);
    lml_free(p->rooms[t].selected);
    lml_free(p->rooms[t].squares);
  }
  lml_free(p->rooms);
  lml_free(p->sums);
  lml_free(p->slots);
  lml_free(p->distances);
  lml_free(p->elements);
}

/** Number the training atoms. */
static lml_status make_sets(const lml_training_sets *training, pass *p, set_pass **sets, size_t *natoms,
                            lml_error *error) {
  lml_status status = lml_alloc(sets, training->nsets, sizeof **sets, what, error);
  *natoms = 0;
  for (size_t s = 0; s < training->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &training->sets[s];
    (*sets)[s] = (set_pass){.of = p, .set = set};
    status = lml_alloc(&(*sets)[s].first, set->nframes, sizeof(size_t), what, error);
    for (size_t k = 0; k < set->nframes && status == LML_OK; k++) {
      (*sets)[s].first[k] = *natoms;
      *natoms += count_atoms(set, k);
    }
  }
  return status;
}

lml_status lml_training_distances(const lml_training_sets *training, const lml_workers *workers,
                                  lml_uncertainty *uncertainty, lml_error *error) {
  const lml_potential *potential = workers->designs[0].potential;
  pass p = {.workers = workers, .uncertainty = uncertainty};
  set_pass *sets = NULL;
  size_t natoms = 0;
  lml_status status = lml_uncertainty_make_distances(uncertainty, lml_potential_nelements(potential),
                                                     potential->descriptor->ncomponents, error);
  if (status == LML_OK) status = make_sets(training, &p, &sets, &natoms, error);
  if (status == LML_OK) status = make_pass(&p, natoms, error);
  status = lml_comm_agree(workers->comm, status, error);
  if (status == LML_OK && p.sums != NULL) status = run_passes(&p, sets, training->nsets, error);
  if (status == LML_OK) status = lml_comm_sum(workers->comm, p.distances, natoms, error);
  if (status == LML_OK) status = lml_comm_sum(workers->comm, p.elements, natoms, error);
  if (status == LML_OK) status = take_quantiles(&p, natoms, error);
  for (size_t s = 0; sets != NULL && s < training->nsets; s++) lml_free(sets[s].first);
  lml_free(sets);
  free_pass(&p);
  return status;
}
