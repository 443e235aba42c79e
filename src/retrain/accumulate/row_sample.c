#include "retrain/accumulate/row_sample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "potential/potential.h"
#include "retrain/accumulate/subspace.h"
#include "structure/lattice.h"
#include "structure/vec3.h"

/** Frames, where there are so many; clusters in all of them; atoms of a cluster; atoms of a frame that a cluster may be
 *  around. */
enum { FRAMES = 4, CLUSTERS = 20, CLUSTER_ATOMS = LML_SUBSPACE_SAMPLE / 3 / CLUSTERS, CENTRES = 256 };

static const char what[] = "a sample of rows";

/** What is drawn of all frames. */
typedef struct {
  const lml_workers *workers;
  const lml_dataset *set;
  size_t nframes;         /**< that the sample is from */
  size_t nclusters;       /**< of each */
  size_t counts[FRAMES];  /**< atoms that were taken */
  lml_row_sample *sample; /**< with room for as many of each frame as there may be */
} drawing;

/** An atom, and what it is sorted by. */
typedef struct {
  double key;
  size_t atom;
} candidate;

/** One frame. */
typedef struct {
  lml_design *design;
  lml_dataset_walk walk;
  lml_lattice lattice;
  candidate *all;          /**< selected atoms; those that were taken are infinitely far */
  candidate *centres;      /**< selected atoms whose descriptors are known, the farthest first */
  size_t *atoms, natoms;   /**< that were taken */
  double *shares;          /**< of each */
  unsigned char *selected; /**< for each atom of the structure */
  size_t ncentres;
} frame_work;

void lml_row_sample_free(lml_row_sample *sample) {
  lml_free(sample->rows);
  lml_free(sample->shares);
  *sample = (lml_row_sample){0};
}

static int by_key(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->atom < y->atom ? -1 : x->atom > y->atom;
}

/* ---- what clusters are around ---- */

/** Note B − centre of the selected atoms of a run. */
static void record_run(frame_work *work, size_t first, double *deviations) {
  const lml_descriptors *descriptors = &work->design->descriptors;
  const size_t n = lml_descriptors_ncomponents(descriptors), width = lml_descriptors_width(descriptors);
  for (size_t lane = 0; lane < descriptors->count; lane++) {
    const size_t atom = (size_t)descriptors->atoms.neighbours.order[first + lane];
    const double *centre = work->design->shift->values + (size_t)descriptors->element[lane] * n;
    if (!work->selected[atom]) continue;
    for (size_t c = 0; c < n; c++)
      deviations[work->ncentres * n + c] = descriptors->components[c * width + lane] - centre[c];
    work->centres[work->ncentres++].atom = atom;
  }
}

/** Sort by the squared lengths of deviations, each component in units of its mean square, the longest first. */
static void sort_centres(frame_work *work, const double *deviations) {
  const size_t n = lml_descriptors_ncomponents(&work->design->descriptors);
  for (size_t c = 0; c < n; c++) {
    double sum = 0.0;
    for (size_t k = 0; k < work->ncentres; k++) sum += deviations[k * n + c] * deviations[k * n + c];
    for (size_t k = 0; k < work->ncentres && sum > 0.0; k++)
      work->centres[k].key -= deviations[k * n + c] * deviations[k * n + c] / sum;
  }
  qsort(work->centres, work->ncentres, sizeof *work->centres, by_key);
}

/** Whether any atom of the run that begins with sorted atom @p first is selected. */
static bool has_selected(const frame_work *work, size_t first, size_t width) {
  const lml_neighbours *neighbours = &work->design->descriptors.atoms.neighbours;
  for (size_t s = first; s < first + width && s < neighbours->natoms; s++)
    if (work->selected[neighbours->order[s]]) return true;
  return false;
}

/** Find how far the descriptors of selected atoms, here and there in the frame, are from the centre, and sort them. */
static lml_status find_centres(frame_work *work, lml_error *error) {
  lml_descriptors *descriptors = &work->design->descriptors;
  const lml_structure *structure = &work->walk.frame.structure;
  const size_t natoms = structure->natoms, n = lml_descriptors_ncomponents(descriptors);
  const size_t width = lml_descriptors_width(descriptors), most = CENTRES + width;
  double *deviations = NULL;
  size_t nruns = 0, passed = 0;
  for (size_t k = 0; k < work->walk.natoms; k++) work->selected[work->walk.atoms[k]] = 1;
  lml_status status = lml_alloc(&work->centres, most, sizeof *work->centres, what, error);
  if (status == LML_OK) status = lml_alloc(&deviations, most * n, sizeof *deviations, what, error);
  if (status == LML_OK) status = lml_descriptors_begin(descriptors, structure, error);
  for (size_t first = 0; first < natoms && status == LML_OK; first += width) nruns += has_selected(work, first, width);
  const size_t stride = 1 + nruns * width / CENTRES;
  for (size_t first = 0; first < natoms && status == LML_OK; first += width) {
    if (!has_selected(work, first, width) || passed++ % stride != 0) continue;
    lml_descriptors_run(descriptors, first);
    record_run(work, first, deviations);
  }
  if (status == LML_OK) sort_centres(work, deviations);
  lml_free(deviations);
  return status;
}

/* ---- clusters ---- */

/** Take the free atoms nearest to @p around. */
static void take_cluster(frame_work *work, size_t around, double share) {
  const double *positions = work->walk.frame.structure.positions;
  const size_t nall = work->walk.natoms;
  for (size_t k = 0; k < nall; k++) {
    double d[3];
    if (work->all[k].key == INFINITY) continue;
    lml_lattice_difference(&work->lattice, positions + 3 * around, positions + 3 * work->all[k].atom, d);
    work->all[k].key = lml_dot(d, d);
  }
  qsort(work->all, nall, sizeof *work->all, by_key);
  for (size_t k = 0; k < CLUSTER_ATOMS && k < nall && work->all[k].key < INFINITY; k++) {
    work->shares[work->natoms] = share;
    work->atoms[work->natoms++] = work->all[k].atom;
    work->all[k].key = INFINITY;
  }
}

/** Choose atoms of the frame at hand: with u spread evenly between 0 and 1 over the clusters of all frames, a cluster
 * is around the atom at the part u² of the sorted ones, and stands for a share of all atoms in proportion to u. */
static void choose_atoms(const drawing *d, frame_work *work, size_t task) {
  for (size_t k = 0; k < work->walk.natoms; k++) work->all[k] = (candidate){0.0, work->walk.atoms[k]};
  for (size_t c = 0; c < d->nclusters && work->ncentres > 0; c++) {
    const double within = ((double)task + 0.5) / (double)d->nframes, u = ((double)c + within) / (double)d->nclusters;
    take_cluster(work, work->centres[(size_t)(u * u * (double)work->ncentres)].atom, u);
  }
}

/* ---- frames ---- */

static lml_status draw(drawing *d, frame_work *work, size_t task, lml_error *error) {
  const size_t room = d->nclusters * CLUSTER_ATOMS, width = d->sample->width;
  const size_t natoms = work->walk.frame.structure.natoms;
  lml_status status = lml_alloc(&work->all, work->walk.natoms, sizeof *work->all, what, error);
  if (status == LML_OK) status = lml_alloc(&work->selected, natoms, 1, what, error);
  if (status == LML_OK) status = lml_alloc(&work->atoms, room, sizeof *work->atoms, what, error);
  if (status == LML_OK) status = lml_alloc(&work->shares, room, sizeof *work->shares, what, error);
  if (status == LML_OK) status = lml_lattice_make(&work->lattice, &work->walk.frame.structure, error);
  if (status == LML_OK) status = find_centres(work, error);
  if (status != LML_OK) return status;
  choose_atoms(d, work, task);
  d->counts[task] = work->natoms;
  for (size_t k = 0; k < 3 * work->natoms; k++) d->sample->shares[3 * task * room + k] = work->shares[k / 3];
  return lml_design_force_rows(work->design, &work->walk.frame.structure, work->atoms, work->natoms,
                               d->sample->rows + 3 * task * room * width, error);
}

static lml_status draw_frame(void *context, lml_pool_place place, size_t task, lml_error *error) {
  drawing *d = context;
  frame_work work = {.design = &d->workers->designs[place.thread]};
  const size_t position = task * d->set->nframes / d->nframes;
  lml_status status = lml_dataset_walk_begin(&work.walk, d->set, error);
  if (status == LML_OK) status = lml_dataset_walk_to(&work.walk, position, error);
  if (status == LML_OK) {
    status = draw(d, &work, task, error);
    if (status != LML_OK) lml_fail_context(error, "%s: frame %zu", d->set->path, d->set->frames[position].index);
  }
  lml_dataset_walk_end(&work.walk);
  lml_free(work.all);
  lml_free(work.centres);
  lml_free(work.selected);
  lml_free(work.atoms);
  lml_free(work.shares);
  return status;
}

/** Close the gaps where a frame had fewer atoms. */
static void close_gaps(const drawing *d) {
  lml_row_sample *sample = d->sample;
  const size_t room = 3 * d->nclusters * CLUSTER_ATOMS, width = sample->width;
  for (size_t k = 0; k < d->nframes; k++) {
    const size_t count = 3 * d->counts[k];
    memmove(sample->rows + sample->count * width, sample->rows + k * room * width, count * width * sizeof(double));
    memmove(sample->shares + sample->count, sample->shares + k * room, count * sizeof(double));
    sample->count += count;
  }
}

lml_status lml_row_sample_draw(lml_row_sample *sample, const lml_workers *workers, const lml_dataset *set,
                               lml_error *error) {
  drawing d = {
      .workers = workers, .set = set, .nframes = set->nframes < FRAMES ? set->nframes : FRAMES, .sample = sample};
  *sample = (lml_row_sample){.width = workers->designs[0].width};
  if (d.nframes == 0) return LML_OK;
  d.nclusters = CLUSTERS / d.nframes;
  const size_t room = d.nframes * 3 * d.nclusters * CLUSTER_ATOMS;
  lml_status status = lml_alloc(&sample->rows, room * sample->width, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&sample->shares, room, sizeof(double), what, error);
  if (status != LML_OK) return status;
  const lml_pool_tasks tasks = {.count = d.nframes, .work = draw_frame, .context = &d};
  status = lml_pool_run(workers->nthreads, &tasks, error);
  if (status == LML_OK) close_gaps(&d);
  return status;
}
