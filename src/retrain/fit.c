#include "retrain/fit.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/lattice.h"

const double lml_fit_bin_width = 1.0;
const char *const lml_fit_region_names[] = {"QM", "buffer", "MM", "other", NULL};

lml_status lml_fit_make(lml_fit *fit, const lml_dataset *set, lml_error *error) {
  *fit = (lml_fit){.set = set};
  fit->stride = set->nrows > LML_FIT_SAMPLES ? (set->nrows + LML_FIT_SAMPLES - 1) / LML_FIT_SAMPLES : 1;
  fit->nsamples = (set->nrows + fit->stride - 1) / fit->stride;
  lml_status status = lml_alloc(&fit->frames, set->nframes, sizeof *fit->frames, "errors", error);
  if (status == LML_OK) status = lml_alloc(&fit->samples, fit->nsamples, sizeof *fit->samples, "errors", error);
  return status;
}

void lml_fit_free(lml_fit *fit) {
  lml_free(fit->frames);
  lml_free(fit->samples);
  *fit = (lml_fit){0};
}

/* ---- one frame ---- */

/** What a frame's rows are measured with. */
typedef struct {
  lml_dataset_walk walk;
  lml_results results[2];
  double reference[3]; /**< energy per atom of the first frame: file, before, after */
  lml_lattice lattice;
  bool has_centre;
  double centre[3];
  const lml_values *region;
} frame_work;

static void add_sums(lml_fit_sums *sums, const double row[3], bool has_values) {
  sums->count += 1.0;
  sums->change += (row[2] - row[1]) * (row[2] - row[1]);
  if (!has_values) return;
  sums->before += (row[1] - row[0]) * (row[1] - row[0]);
  sums->after += (row[2] - row[0]) * (row[2] - row[0]);
}

void lml_fit_add_row(lml_fit *fit, size_t in_frame, size_t index, const double row[3], size_t region, double distance) {
  const bool has_values = fit->set->has_values;
  lml_fit_frame *frame = &fit->frames[in_frame];
  const size_t position = fit->set->frames[in_frame].first + index;
  add_sums(&frame->sums, row, has_values);
  frame->largest_change = fmax(frame->largest_change, fabs(row[2] - row[1]));
  if (has_values) {
    frame->largest_before = fmax(frame->largest_before, fabs(row[1] - row[0]));
    frame->largest_after = fmax(frame->largest_after, fabs(row[2] - row[0]));
  }
  if (region < LML_FIT_REGIONS) add_sums(&fit->regions[region], row, has_values);
  if (distance >= 0.0) {
    const double bin = floor(distance / lml_fit_bin_width);
    add_sums(&fit->bins[bin < LML_FIT_BINS - 1 ? (size_t)bin : LML_FIT_BINS - 1], row, has_values);
  }
  if (position % fit->stride == 0)
    fit->samples[position / fit->stride] = (lml_fit_sample){row[0], row[1], row[2], distance};
}

/* ---- forces ---- */

static bool is_qm(const lml_values *region, size_t atom) {
  return region != NULL && region->type == LML_TEXT && strcmp(region->texts[atom], "QM") == 0;
}

/** The mean position of the QM atoms, unwrapped around the first of them. */
static lml_status find_centre(frame_work *work, lml_error *error) {
  const lml_structure *structure = &work->walk.frame.structure;
  const double *first = NULL;
  double sum[3] = {0.0, 0.0, 0.0}, count = 0.0;
  const lml_status status = lml_lattice_make(&work->lattice, structure, error);
  work->region = lml_frame_column(&work->walk.frame, "region");
  for (size_t i = 0; i < structure->natoms && status == LML_OK; i++) {
    double d[3];
    if (!is_qm(work->region, i)) continue;
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
  if (work->region == NULL || work->region->type != LML_TEXT) return LML_FIT_REGIONS;
  size_t k = 0;
  while (k < LML_FIT_REGIONS - 1 && strcmp(work->region->texts[atom], lml_fit_region_names[k]) != 0) k++;
  return k;
}

static lml_status add_forces(lml_fit *fit, frame_work *work, lml_error *error) {
  const lml_dataset_walk *walk = &work->walk;
  const lml_status status = find_centre(work, error);
  for (size_t k = 0; k < walk->natoms && status == LML_OK; k++) {
    const size_t atom = walk->atoms[k];
    double d[3], distance = -1.0;
    if (work->has_centre) {
      lml_lattice_difference(&work->lattice, work->centre, walk->frame.structure.positions + 3 * atom, d);
      distance = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    }
    for (size_t axis = 0; axis < 3; axis++) {
      const size_t i = 3 * atom + axis;
      const double row[3] = {walk->forces == NULL ? 0.0 : walk->forces[i], work->results[0].forces[i],
                             work->results[1].forces[i]};
      lml_fit_add_row(fit, walk->position, 3 * k + axis, row, region_of(work, atom), distance);
    }
  }
  return status;
}

/* ---- energies and virials ---- */

static lml_status add_energy(lml_fit *fit, frame_work *work, lml_error *error) {
  const double natoms = (double)work->walk.frame.structure.natoms;
  double energy = 0.0;
  if (fit->set->has_values) {
    const lml_status status = lml_dataset_energy(&work->walk, &energy, error);
    if (status != LML_OK) return status;
  }
  double row[3] = {energy / natoms, work->results[0].energy / natoms, work->results[1].energy / natoms};
  if (fit->set->quantity == LML_QUANTITY_DIFFERENCE) {
    if (work->walk.position == 0) memcpy(work->reference, row, sizeof row);
    for (int k = 0; k < 3; k++) row[k] -= work->reference[k];
    if (work->walk.position == 0) return LML_OK;
  }
  lml_fit_add_row(fit, work->walk.position, 0, row, LML_FIT_REGIONS, -1.0);
  return LML_OK;
}

static lml_status add_virial(lml_fit *fit, frame_work *work, lml_error *error) {
  static const size_t components[6] = {0, 4, 8, 5, 2, 1};
  const double natoms = (double)work->walk.frame.structure.natoms;
  double virial[9] = {0.0};
  if (fit->set->has_values) {
    const lml_status status = lml_dataset_virial(&work->walk, virial, error);
    if (status != LML_OK) return status;
  }
  for (size_t k = 0; k < 6; k++) {
    const size_t c = components[k];
    const double row[3] = {virial[c] / natoms, work->results[0].virial[c] / natoms,
                           work->results[1].virial[c] / natoms};
    lml_fit_add_row(fit, work->walk.position, k, row, LML_FIT_REGIONS, -1.0);
  }
  return LML_OK;
}

/* ---- all frames ---- */

static lml_status add_frame(lml_fit *fit, frame_work *work, lml_calculator *const calculators[2], lml_error *error) {
  lml_status status = LML_OK;
  for (int k = 0; k < 2 && status == LML_OK; k++)
    status = lml_calculator_evaluate(calculators[k], &work->walk.frame.structure, LML_WANT_DEFAULT, &work->results[k],
                                     error);
  if (status != LML_OK) return status;
  switch (fit->set->quantity) {
    case LML_QUANTITY_FORCES:
      return add_forces(fit, work, error);
    case LML_QUANTITY_VIRIAL:
      return add_virial(fit, work, error);
    default:
      return add_energy(fit, work, error);
  }
}

static lml_status evaluate_share(lml_fit *fit, frame_work *work, lml_calculator *const calculators[2], lml_comm *comm,
                                 void (*tell)(void *context), void *context, lml_error *error) {
  const size_t part = (size_t)lml_comm_rank(comm), share = (size_t)lml_comm_size(comm);
  const bool from_first = fit->set->quantity == LML_QUANTITY_DIFFERENCE;
  lml_status status = lml_dataset_walk_begin(&work->walk, fit->set, error);
  for (size_t position = 0; position < fit->set->nframes && status == LML_OK; position++) {
    if (position % share == part || (from_first && position == 0)) {
      status = lml_dataset_walk_to(&work->walk, position, error);
      if (status == LML_OK) {
        status = add_frame(fit, work, calculators, error);
        if (status != LML_OK)
          lml_fail_context(error, "%s: frame %zu", fit->set->path, fit->set->frames[position].index);
      }
    }
    if (status == LML_OK && tell != NULL) tell(context);
  }
  return status;
}

lml_status lml_fit_evaluate(lml_fit *fit, lml_calculator *const calculators[2], lml_comm *comm,
                            void (*tell)(void *context), void *context, lml_error *error) {
  frame_work work = {0};
  lml_status status = evaluate_share(fit, &work, calculators, comm, tell, context, error);
  for (int k = 0; k < 2; k++) lml_results_free(&work.results[k]);
  lml_dataset_walk_end(&work.walk);
  return lml_fit_collect(fit, comm, status, error);
}

lml_status lml_fit_collect(lml_fit *fit, lml_comm *comm, lml_status status, lml_error *error) {
  const struct {
    void *data;
    size_t bytes;
  } parts[] = {{fit->frames, fit->set->nframes * sizeof *fit->frames},
               {fit->regions, sizeof fit->regions},
               {fit->bins, sizeof fit->bins},
               {fit->samples, fit->nsamples * sizeof *fit->samples}};
  status = lml_comm_agree(comm, status, error);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == LML_OK; i++)
    status = lml_comm_sum(comm, parts[i].data, parts[i].bytes / sizeof(double), error);
  return status;
}

lml_fit_frame lml_fit_total(const lml_fit *fit) {
  lml_fit_frame total = {0};
  for (size_t k = 0; k < fit->set->nframes; k++) {
    const lml_fit_frame *frame = &fit->frames[k];
    total.sums.count += frame->sums.count;
    total.sums.before += frame->sums.before;
    total.sums.after += frame->sums.after;
    total.sums.change += frame->sums.change;
    total.largest_before = fmax(total.largest_before, frame->largest_before);
    total.largest_after = fmax(total.largest_after, frame->largest_after);
    total.largest_change = fmax(total.largest_change, frame->largest_change);
  }
  return total;
}
