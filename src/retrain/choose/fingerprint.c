#include "retrain/choose/fingerprint.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

static const char what[] = "fingerprints of frames";

void lml_fingerprints_free(lml_fingerprints *prints) {
  lml_free(prints->frames);
  lml_free(prints->values);
  *prints = (lml_fingerprints){0};
}

double lml_fingerprint_distance(const lml_fingerprint *a, const lml_fingerprint *b) {
  double sum = 0.0;
  if (a->count != b->count || a->count == 0) return INFINITY;
  for (size_t k = 0; k < a->count; k++) sum += (a->values[k] - b->values[k]) * (a->values[k] - b->values[k]);
  return sqrt(sum / (double)a->count);
}

/* ---- one frame ---- */

/** What is known of one atom; it is sorted by one of its sums. */
typedef struct {
  signed char element;
  double key, sums[LML_FINGERPRINT_SUMS];
} mark;

static int by_element_and_key(const void *a, const void *b) {
  const mark *x = a, *y = b;
  if (x->element != y->element) return x->element - y->element;
  return x->key < y->key ? -1 : x->key > y->key;
}

/** One thread's work on frames of one set after another. */
typedef struct {
  lml_dataset_walk walk;
  mark *marks;
  unsigned char *selected; /**< for each atom of the frame */
  size_t marks_capacity, selected_capacity, nmarks;
} frame_work;

/** Weights that have nothing to do with each other. */
static void add_component(mark *m, size_t c, double root) {
  const double angle = (double)c,
               weights[LML_FINGERPRINT_SUMS] = {1.0, c % 2 == 0 ? 1.0 : -1.0, cos(angle), sin(angle)};
  for (size_t k = 0; k < LML_FINGERPRINT_SUMS; k++) m->sums[k] += weights[k] * root;
}

/** Mark the selected atoms of the run that begins with sorted atom @p first. */
static void mark_run(frame_work *w, lml_descriptors *descriptors, size_t first) {
  const lml_neighbours *neighbours = &descriptors->atoms.neighbours;
  const size_t n = lml_descriptors_ncomponents(descriptors), width = lml_descriptors_width(descriptors);
  bool wanted = false;
  for (size_t s = first; s < first + width && s < neighbours->natoms && !wanted; s++)
    wanted = w->selected[neighbours->order[s]] != 0;
  if (!wanted) return;
  lml_descriptors_run(descriptors, first);
  for (size_t lane = 0; lane < descriptors->count; lane++) {
    if (!w->selected[neighbours->order[first + lane]]) continue;
    mark *m = &w->marks[w->nmarks++];
    *m = (mark){.element = (signed char)descriptors->element[lane]};
    for (size_t c = 0; c < n; c++) add_component(m, c, cbrt(descriptors->components[c * width + lane]));
  }
}

static lml_status mark_atoms(frame_work *w, lml_descriptors *descriptors, lml_error *error) {
  const lml_structure *structure = &w->walk.frame.structure;
  const size_t natoms = structure->natoms, width = lml_descriptors_width(descriptors);
  const bool forces = lml_dataset_selects_atoms(w->walk.set);
  lml_status status = lml_grow(&w->marks, &w->marks_capacity, natoms, sizeof *w->marks, what, error);
  if (status == LML_OK) status = lml_grow(&w->selected, &w->selected_capacity, natoms, 1, what, error);
  if (status == LML_OK) status = lml_descriptors_begin(descriptors, structure, error);
  if (status != LML_OK) return status;
  w->nmarks = 0;
  for (size_t i = 0; i < natoms; i++) w->selected[i] = !forces;
  for (size_t k = 0; forces && k < w->walk.natoms; k++) w->selected[w->walk.atoms[k]] = 1;
  for (size_t first = 0; first < natoms; first += width) mark_run(w, descriptors, first);
  return LML_OK;
}

/** Squared deviations from the mean of each element. */
static double add_deviations(const mark *marks, size_t count) {
  double square = 0.0;
  for (size_t begin = 0, end; begin < count; begin = end) {
    double mean = 0.0;
    for (end = begin; end < count && marks[end].element == marks[begin].element; end++) mean += marks[end].key;
    mean /= (double)(end - begin);
    for (size_t k = begin; k < end; k++) square += (marks[k].key - mean) * (marks[k].key - mean);
  }
  return square;
}

static void fill(lml_fingerprint *print, frame_work *w) {
  double square = 0.0;
  for (size_t sum = 0, i = 0; sum < LML_FINGERPRINT_SUMS; sum++) {
    for (size_t k = 0; k < w->nmarks; k++) w->marks[k].key = w->marks[k].sums[sum];
    qsort(w->marks, w->nmarks, sizeof *w->marks, by_element_and_key);
    for (size_t k = 0; k < w->nmarks; k++) print->values[i++] = w->marks[k].key;
    square += add_deviations(w->marks, w->nmarks);
  }
  print->spread = sqrt(square / (double)print->count);
}

/* ---- all frames ---- */

typedef struct {
  const lml_workers *workers;
  frame_work *rooms;       /**< one for each thread */
  lml_fingerprint *prints; /**< of the set's frames */
  const lml_dataset *set;
} making;

static lml_status make_frame(void *context, lml_pool_place place, size_t position, lml_error *error) {
  const making *m = context;
  frame_work *w = &m->rooms[place.thread];
  lml_fingerprint *print = &m->prints[position];
  lml_status status = LML_OK;
  if (w->walk.set != m->set) {
    lml_dataset_walk_end(&w->walk);
    status = lml_dataset_walk_begin(&w->walk, m->set, error);
  }
  if (status == LML_OK) status = lml_dataset_walk_to(&w->walk, position, error);
  if (status == LML_OK) status = mark_atoms(w, &m->workers->designs[place.thread].descriptors, error);
  if (status == LML_OK && print->count > 0) fill(print, w);
  return status;
}

static bool is_printed(const lml_dataset *set) {
  return set->role == LML_ROLE_TARGET && lml_dataset_has_structures(set);
}

/** Numbers of the frame. */
static size_t count_values(const lml_dataset *set, const lml_dataset_frame *frame) {
  if (!is_printed(set)) return 0;
  return LML_FINGERPRINT_SUMS * (lml_dataset_selects_atoms(set) ? frame->nrows / 3 : frame->natoms);
}

static lml_status make_room(lml_fingerprints *prints, const lml_dataset *sets, size_t nsets, lml_error *error) {
  size_t nvalues = 0, k = 0;
  for (size_t s = 0; s < nsets; s++) {
    if (sets[s].role == LML_ROLE_TARGET) prints->count += sets[s].nframes;
    for (size_t i = 0; i < sets[s].nframes; i++) nvalues += count_values(&sets[s], &sets[s].frames[i]);
  }
  lml_status status = lml_alloc(&prints->frames, prints->count, sizeof *prints->frames, what, error);
  if (status == LML_OK) status = lml_alloc(&prints->values, nvalues, sizeof(double), what, error);
  double *values = prints->values;
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    for (size_t i = 0; i < sets[s].nframes && sets[s].role == LML_ROLE_TARGET; i++, k++) {
      const size_t count = count_values(&sets[s], &sets[s].frames[i]);
      prints->frames[k] = (lml_fingerprint){.values = values, .count = count};
      values += count;
    }
  return status;
}

/** Make this rank's share, a set after the other. */
static lml_status make_share(lml_fingerprints *prints, const lml_workers *workers, const lml_dataset *sets,
                             size_t nsets, lml_error *error) {
  frame_work *rooms;
  size_t k = 0;
  lml_status status = lml_alloc(&rooms, workers->nthreads, sizeof *rooms, what, error);
  if (status != LML_OK) return status;
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    making m = {.workers = workers, .rooms = rooms, .prints = prints->frames + k, .set = &sets[s]};
    const lml_frame_job job = {.set = &sets[s], .work = make_frame, .context = &m};
    if (is_printed(&sets[s])) status = lml_workers_run(workers, &job, 1, error);
    if (sets[s].role == LML_ROLE_TARGET) k += sets[s].nframes;
  }
  for (size_t t = 0; t < workers->nthreads; t++) {
    lml_dataset_walk_end(&rooms[t].walk);
    lml_free(rooms[t].marks);
    lml_free(rooms[t].selected);
  }
  lml_free(rooms);
  return status;
}

/** Rank 0 gets what the others have made. */
static lml_status collect(lml_fingerprints *prints, lml_comm *comm, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < prints->count && status == LML_OK && lml_comm_size(comm) > 1; k++) {
    status = lml_comm_sum(comm, prints->frames[k].values, prints->frames[k].count, error);
    if (status == LML_OK) status = lml_comm_sum(comm, &prints->frames[k].spread, 1, error);
  }
  return status;
}

lml_status lml_fingerprints_make(lml_fingerprints *prints, const lml_workers *workers, const lml_dataset *sets,
                                 size_t nsets, lml_error *error) {
  *prints = (lml_fingerprints){0};
  lml_status status = make_room(prints, sets, nsets, error);
  status = lml_comm_agree(workers->comm, status, error);
  if (status == LML_OK) status = lml_comm_agree(workers->comm, make_share(prints, workers, sets, nsets, error), error);
  return status == LML_OK ? collect(prints, workers->comm, error) : status;
}
