#include "retrain/report/validation.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "lmlink/calculator.h"
#include "potential/linear_calculator.h"
#include "potential/potential.h"
#include "structure/lattice.h"
#include "structure/log_keys.h"
#include "structure/vec3.h"

const double lml_validation_bin_width = 1.0;
const char *const lml_validation_region_names[] = {"QM", "buffer", "MM", "other", NULL};

lml_status lml_validation_make(lml_validation *validation, const lml_dataset *set, lml_error *error) {
  *validation = (lml_validation){.set = set};
  validation->stride =
      set->nrows > LML_VALIDATION_SAMPLES ? (set->nrows + LML_VALIDATION_SAMPLES - 1) / LML_VALIDATION_SAMPLES : 1;
  validation->nsamples = (set->nrows + validation->stride - 1) / validation->stride;
  lml_status status = lml_alloc(&validation->frames, set->nframes, sizeof *validation->frames, "errors", error);
  if (status == LML_OK)
    status = lml_alloc(&validation->samples, validation->nsamples, sizeof *validation->samples, "errors", error);
  if (status == LML_OK && set->noffsets > 0)
    status = lml_alloc(&validation->energies, set->nrows * (3 + set->noffsets), sizeof(double), "errors", error);
  return status;
}

void lml_validation_free(lml_validation *validation) {
  lml_free(validation->frames);
  lml_free(validation->samples);
  lml_free(validation->energies);
  *validation = (lml_validation){0};
}

/* ---- rows ---- */

static void add_sums(lml_error_sums *sums, const double row[3], bool has_values) {
  sums->count += 1.0;
  sums->change += (row[2] - row[1]) * (row[2] - row[1]);
  if (!has_values) return;
  sums->baseline += (row[1] - row[0]) * (row[1] - row[0]);
  sums->after += (row[2] - row[0]) * (row[2] - row[0]);
  sums->absolute_baseline += fabs(row[1] - row[0]);
  sums->absolute_after += fabs(row[2] - row[0]);
  sums->values += row[0] * row[0];
  sums->baselines += row[1] * row[1];
}

/** Where a sample of the row is kept, NULL where none is. */
static lml_value_sample *sample_of(lml_validation *validation, size_t in_frame, size_t index) {
  const size_t position = validation->set->frames[in_frame].first + index;
  return position % validation->stride == 0 ? &validation->samples[position / validation->stride] : NULL;
}

void lml_validation_add_row(lml_validation *validation, size_t in_frame, size_t index, const double row[3]) {
  const bool has_values = validation->set->has_values;
  lml_frame_errors *frame = &validation->frames[in_frame];
  lml_value_sample *sample = sample_of(validation, in_frame, index);
  add_sums(&frame->sums, row, has_values);
  frame->largest_change = fmax(frame->largest_change, fabs(row[2] - row[1]));
  if (has_values) {
    frame->largest_baseline = fmax(frame->largest_baseline, fabs(row[1] - row[0]));
    frame->largest_after = fmax(frame->largest_after, fabs(row[2] - row[0]));
  }
  if (sample != NULL) *sample = (lml_value_sample){row[0], row[1], row[2], -1.0};
}

void lml_validation_keep_energy(lml_validation *validation, size_t in_frame, size_t index, const double row[3],
                                const double *fractions, size_t stride) {
  const size_t count = validation->set->noffsets;
  double *to = validation->energies + (validation->set->frames[in_frame].first + index) * (3 + count);
  memcpy(to, row, 3 * sizeof *to);
  for (size_t e = 0; e < count; e++) to[3 + e] = fractions[e * stride];
}

void lml_validation_of_hard(lml_validation *validation, const lml_constraint_rows *rows, size_t first,
                            const double *baseline, const double *delta, size_t width) {
  for (size_t f = 0; f < validation->set->nframes; f++)
    for (size_t k = 0; k < validation->set->frames[f].nrows; k++) {
      const size_t row = validation->set->frames[f].first + k, i = first + row;
      const double change = cblas_ddot((int)width, rows->rows + i * width, 1, delta, 1);
      const double value = validation->set->has_values ? baseline[row] + rows->deviations[i] : 0.0;
      lml_validation_add_row(validation, f, k, (const double[]){value, baseline[row], baseline[row] + change});
    }
}

/* ---- who measures ---- */

/** What frames are measured with at one slot. */
typedef struct lml_validation_slot {
  lml_calculator *calculators[2]; /**< NULL as long as it is not needed */
  lml_results results[2];
  lml_dataset_walk walk;
  const double *baseline; /**< of the frame's rows; NULL: not known */
  double *values[3];      /**< of the frame's rows: file, before, after; in one array */
  size_t capacity;
  double reference[3][LML_FRAME_ROWS]; /**< those of the first frame, where others count from it */
  lml_lattice lattice;
  bool has_centre;
  double centre[3];
  const lml_values *region;
  lml_error_places places; /**< of the frames that are not reduced yet */
} frame_work;

lml_status lml_validation_room_make(lml_validation_room *room, const lml_workers *workers,
                                    const lml_potential *baseline, const lml_potential *after, lml_error *error) {
  *room = (lml_validation_room){.workers = workers, .potentials = {baseline, after}};
  return lml_alloc(&room->slots, lml_pool_slots(workers->nthreads), sizeof *room->slots, "errors", error);
}

void lml_validation_room_free(lml_validation_room *room) {
  for (size_t k = 0; room->slots != NULL && k < lml_pool_slots(room->workers->nthreads); k++) {
    lml_dataset_walk_end(&room->slots[k].walk);
    lml_free(room->slots[k].values[0]);
    for (int which = 0; which < 2; which++) {
      lml_calculator_destroy(room->slots[k].calculators[which]);
      lml_results_free(&room->slots[k].results[which]);
    }
  }
  lml_free(room->slots);
  *room = (lml_validation_room){0};
}

/* ---- where atoms are ---- */

/** The mean position of the QM atoms, unwrapped around the first of them. */
static lml_status find_centre(frame_work *work, lml_error *error) {
  const lml_structure *structure = &work->walk.frame.structure;
  const double *first = NULL;
  double sum[3] = {0.0, 0.0, 0.0}, count = 0.0;
  const lml_status status = lml_lattice_make(&work->lattice, structure, error);
  work->region = lml_frame_column(&work->walk.frame, LML_LOG_REGION);
  for (size_t i = 0; i < structure->natoms && status == LML_OK; i++) {
    double d[3];
    if (!lml_region_column_is(work->region, i, LML_REGION_QM)) continue;
    if (first == NULL) first = structure->positions + 3 * i;
    lml_lattice_difference(&work->lattice, first, structure->positions + 3 * i, d);
    for (int k = 0; k < 3; k++) sum[k] += d[k];
    count += 1.0;
  }
  work->has_centre = first != NULL;
  for (int k = 0; k < 3 && first != NULL; k++) work->centre[k] = first[k] + sum[k] / count;
  return status;
}

static size_t region_of(const frame_work *work, size_t atom) {
  if (work->region == NULL || work->region->type != LML_TEXT) return LML_VALIDATION_REGIONS;
  size_t k = 0;
  while (k < LML_VALIDATION_REGIONS - 1 && strcmp(work->region->texts[atom], lml_validation_region_names[k]) != 0) k++;
  return k;
}

/** Count the row where its atom is. */
static void place_row(lml_validation *validation, frame_work *work, size_t index, const double row[3], size_t region,
                      double distance) {
  const bool has_values = validation->set->has_values;
  if (region < LML_VALIDATION_REGIONS) add_sums(&work->places.regions[region], row, has_values);
  if (distance < 0.0) return;
  const double bin = floor(distance / lml_validation_bin_width);
  lml_value_sample *sample = sample_of(validation, work->walk.position, index);
  add_sums(&work->places.bins[bin < LML_VALIDATION_BINS - 1 ? (size_t)bin : LML_VALIDATION_BINS - 1], row, has_values);
  if (sample != NULL) sample->distance = distance;
}

/** From the QM centre; negative without one. */
static double distance_of(const frame_work *work, size_t atom) {
  double d[3];
  if (!work->has_centre) return -1.0;
  lml_lattice_difference(&work->lattice, work->centre, work->walk.frame.structure.positions + 3 * atom, d);
  return lml_norm(d);
}

/** A force (eV/Å) below this may be zero by symmetry, but for the digits of positions. */
static const double smallest_force = 1e-5;

/** Rows of an atom so far: how many, which are exactly zero in the file alone. */
typedef struct {
  double count, zeros;
} atom_rows;

static void count_zero(atom_rows *rows, const double row[3]) {
  rows->count += 1.0;
  rows->zeros += row[0] == 0.0 && fmax(fabs(row[1]), fabs(row[2])) > smallest_force;
}

static void record_zeros(lml_frame_errors *frame, const atom_rows *rows) {
  frame->zero_atoms += rows->zeros == rows->count;
  frame->zero_components += rows->zeros;
}

/** Count the rows of atoms, which are in the errors already, by where these are, and those that are zero. */
static lml_status place_rows(lml_validation *validation, frame_work *work, lml_error *error) {
  const lml_dataset_walk *walk = &work->walk;
  const lml_status status = find_centre(work, error);
  size_t index = 0; /* of the frame's rows */
  for (size_t k = 0; k < walk->natoms && status == LML_OK; k++) {
    const size_t atom = walk->atoms[k];
    const double distance = distance_of(work, atom);
    atom_rows rows = {0.0, 0.0};
    for (size_t axis = 0; axis < 3; axis++) {
      if (!lml_dataset_walk_counts(walk, atom, axis)) continue;
      const double row[3] = {work->values[0][index], work->values[1][index], work->values[2][index]};
      place_row(validation, work, index++, row, region_of(work, atom), distance);
      count_zero(&rows, row);
    }
    if (validation->set->has_values) record_zeros(&validation->frames[walk->position], &rows);
  }
  return status;
}

/* ---- one frame ---- */

/** Keep the row with the fractions of elements in the frame. */
static void keep_energy(const lml_measurement *m, const frame_work *work, size_t index, const double row[3]) {
  const lml_structure *structure = &work->walk.frame.structure;
  double fractions[LML_ELEMENTS_LIMIT] = {0.0};
  for (size_t i = 0; i < structure->natoms; i++)
    fractions[lml_potential_element_index(m->room->potentials[1], structure->numbers[i])] +=
        1.0 / (double)structure->natoms;
  lml_validation_keep_energy(m->validation, work->walk.position, index, row, fractions, 1);
}

/** Find the values of the frame's @p nrows rows. */
static lml_status find_values(const lml_measurement *m, frame_work *work, size_t nrows, lml_error *error) {
  const lml_dataset *set = m->validation->set;
  const lml_quantity_ops *quantity = lml_dataset_quantity(set);
  lml_status status =
      lml_grow(&work->values[0], &work->capacity, 3 * nrows, sizeof(double), "values of a frame", error);
  if (status != LML_OK) return status;
  for (size_t part = 1; part < 3; part++) work->values[part] = work->values[0] + part * nrows;
  memset(work->values[0], 0, nrows * sizeof(double));
  if (set->has_values) status = quantity->read(&work->walk, work->values[0], error);
  if (work->baseline != NULL)
    memcpy(work->values[1], work->baseline, nrows * sizeof(double));
  else
    quantity->give(&work->walk, &work->results[0], work->values[1]);
  quantity->give(&work->walk, &work->results[1], work->values[2]);
  return status;
}

/** Count from the first frame's rows, which are kept; the baseline that is known does so already. */
static void subtract_reference(frame_work *work, size_t nrows) {
  for (size_t part = 0; part < 3; part++) {
    if (work->walk.position == 0) memcpy(work->reference[part], work->values[part], nrows * sizeof(double));
    for (size_t k = 0; k < nrows && (part != 1 || work->baseline == NULL); k++)
      work->values[part][k] -= work->reference[part][k];
  }
}

static lml_status add_rows(const lml_measurement *m, frame_work *work, lml_error *error) {
  lml_validation *validation = m->validation;
  const lml_quantity_ops *quantity = lml_dataset_quantity(validation->set);
  const size_t nrows = quantity->count_rows(&work->walk);
  if (nrows == 0) return LML_OK;
  const lml_status status = find_values(m, work, nrows, error);
  if (status != LML_OK) return status;
  if (quantity->from_first) subtract_reference(work, nrows);
  if (quantity->from_first && work->walk.position == 0) return LML_OK;
  for (size_t k = 0; k < nrows; k++) {
    const double row[3] = {work->values[0][k], work->values[1][k], work->values[2][k]};
    if (validation->set->noffsets > 0)
      keep_energy(m, work, k, row);
    else
      lml_validation_add_row(validation, work->walk.position, k, row);
  }
  return quantity->extent == LML_EXTENT_ATOMS ? place_rows(validation, work, error) : LML_OK;
}

static lml_status evaluate(const lml_measurement *m, frame_work *work, int which, lml_error *error) {
  lml_status status = LML_OK;
  if (work->calculators[which] == NULL)
    status = lml_linear_calculator_create(m->room->potentials[which], &work->calculators[which], error);
  if (status != LML_OK) return status;
  const bool selected = lml_dataset_selects_atoms(m->validation->set);
  return lml_linear_calculator_evaluate_atoms(work->calculators[which], &work->walk.frame.structure,
                                              selected ? work->walk.atoms : NULL, work->walk.natoms, NULL,
                                              &work->results[which], error);
}

static lml_status add_frame(const lml_measurement *m, frame_work *work, lml_error *error) {
  const lml_dataset_frame *frame = &m->validation->set->frames[work->walk.position];
  const double *baseline = m->baseline == NULL || frame->nrows == 0 ? NULL : m->baseline + frame->first;
  work->baseline = baseline != NULL && !isnan(baseline[0]) ? baseline : NULL;
  lml_status status = evaluate(m, work, 1, error);
  if (status == LML_OK && work->baseline == NULL) status = evaluate(m, work, 0, error);
  return status == LML_OK ? add_rows(m, work, error) : status;
}

/* ---- all frames ---- */

static lml_status visit(const lml_measurement *m, frame_work *work, size_t position, lml_error *error) {
  const lml_dataset *set = m->validation->set;
  lml_status status = lml_dataset_walk_to(&work->walk, position, error);
  if (status != LML_OK) return status;
  status = add_frame(m, work, error);
  if (status != LML_OK) lml_fail_context(error, "%s: frame %zu", set->path, set->frames[position].index);
  return status;
}

static lml_status measure(void *context, lml_pool_place place, size_t position, lml_error *error) {
  const lml_measurement *m = context;
  const lml_dataset *set = m->validation->set;
  frame_work *work = &m->room->slots[place.slot];
  lml_status status = LML_OK;
  if (work->walk.set != set) {
    lml_dataset_walk_end(&work->walk);
    status = lml_dataset_walk_begin(&work->walk, set, error);
    if (status == LML_OK && lml_dataset_quantity(set)->from_first && position > 0) status = visit(m, work, 0, error);
  }
  return status == LML_OK ? visit(m, work, position, error) : status;
}

static lml_status reduce(void *context, size_t slot, size_t position, lml_error *error) {
  const lml_measurement *m = context;
  frame_work *work = &m->room->slots[slot];
  double *to = (double *)&m->validation->places, *from = (double *)&work->places; /* doubles throughout */
  (void)position;
  (void)error;
  for (size_t k = 0; k < sizeof work->places / sizeof *to; k++) {
    to[k] += from[k];
    from[k] = 0.0;
  }
  return LML_OK;
}

lml_frame_job lml_validation_job(lml_measurement *measurement) {
  return (lml_frame_job){
      .set = measurement->validation->set, .work = measure, .reduce = reduce, .context = measurement};
}

lml_status lml_validation_collect(lml_validation *validation, lml_comm *comm, lml_status status, lml_error *error) {
  const struct {
    void *data;
    size_t bytes;
  } parts[] = {{validation->frames, validation->set->nframes * sizeof *validation->frames},
               {&validation->places, sizeof validation->places},
               {validation->samples, validation->nsamples * sizeof *validation->samples},
               {validation->energies, validation->set->nrows * (3 + validation->set->noffsets) * sizeof(double)}};
  status = lml_comm_agree(comm, status, error);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == LML_OK; i++)
    if (parts[i].data != NULL) status = lml_comm_sum(comm, parts[i].data, parts[i].bytes / sizeof(double), error);
  return status;
}

/* ---- sets without structures ---- */

/** Where rows are measured: the sink's context. */
typedef struct {
  lml_validation *validation;
  size_t width, stride; /**< coefficients, those of one element */
  const double *coefficients;
} row_measure;

static lml_status measure_rows(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const row_measure *m = context;
  const size_t first = block->first - m->validation->set->frames[block->position].first;
  for (size_t k = 0; k < block->count; k++) {
    const double *row = block->rows + k * m->width;
    const double after = cblas_ddot((int)m->width, row, 1, m->coefficients, 1);
    const double values[] = {block->targets[k], block->baseline[k], after};
    if (m->validation->set->noffsets > 0)
      lml_validation_keep_energy(m->validation, block->position, first + k, values, row, m->stride);
    else
      lml_validation_add_row(m->validation, block->position, first + k, values);
  }
  return LML_OK;
}

lml_status lml_validation_of_rows(lml_validation *validation, const lml_workers *workers, const double *coefficients,
                                  lml_error *error) {
  row_measure m = {validation, workers->designs[0].width, workers->designs[0].ncoefficients, coefficients};
  lml_dataset plain = *validation->set; /* errors are of the rows as they are */
  plain.row_weights = NULL;
  plain.noffsets = 0;
  plain.energy_zero = 0.0;
  const lml_row_job job = {.set = &plain, .sink = {.accumulate = measure_rows, .context = &m}};
  return lml_validation_collect(validation, workers->comm, lml_workers_make_rows(workers, &job, 1, NULL, error), error);
}

/* ---- totals ---- */

/** Over the frames of a group, or of all. */
static lml_frame_errors add_up(const lml_validation *validation, size_t group, size_t ngroups) {
  lml_frame_errors total = {0};
  double *to = (double *)&total.sums; /* doubles throughout */
  for (size_t k = 0; k < validation->set->nframes; k++) {
    const lml_frame_errors *frame = &validation->frames[k];
    const double *from = (const double *)&frame->sums;
    if (ngroups > 0 && validation->set->frames[k].group != group) continue;
    for (size_t i = 0; i < sizeof total.sums / sizeof *to; i++) to[i] += from[i];
    total.largest_baseline = fmax(total.largest_baseline, frame->largest_baseline);
    total.largest_after = fmax(total.largest_after, frame->largest_after);
    total.largest_change = fmax(total.largest_change, frame->largest_change);
  }
  return total;
}

lml_frame_errors lml_validation_total(const lml_validation *validation) { return add_up(validation, 0, 0); }

/** Part of a frame's rows that may be zero by accident, as the file has few digits. */
static const double accidental_zeros = 0.02;

lml_zero_forces lml_validation_find_zeros(const lml_validation *validation) {
  lml_zero_forces found = {0};
  for (size_t k = 0; k < validation->set->nframes; k++) {
    const lml_frame_errors *frame = &validation->frames[k];
    const bool several = frame->zero_components > fmax(1.0, accidental_zeros * frame->sums.count);
    if (frame->zero_atoms == 0.0 && !several) continue;
    if (found.nframes++ == 0) found.first = validation->set->frames[k].index;
    found.components += frame->zero_components;
  }
  return found;
}

lml_likeness lml_validation_compare(const lml_validation *validation) {
  const lml_error_sums sums = lml_validation_total(validation).sums;
  return (lml_likeness){.product = 0.5 * (sums.values + sums.baselines - sums.baseline),
                        .square = sums.values,
                        .reference = sums.baselines};
}

lml_frame_errors lml_validation_group(const lml_validation *validation, size_t group) {
  return add_up(validation, group, validation->set->groups.count);
}
