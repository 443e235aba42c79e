#include "retrain/result.h"

#include <math.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/format.h"
#include "potential/potential_variant.h"
#include "potential/script/script_write.h"
#include "retrain/report/files.h"
#include "retrain/report/report.h"
#include "retrain/solve/solve.h"
#include "retrain/uncertainty/uncertainty.h"

static lml_status make_result(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const double *start = lml_potential_coefficients(retrain->start);
  double *sum;
  lml_status status = lml_alloc(&sum, retrain->width, sizeof *sum, "coefficients", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < retrain->width && status == LML_OK; i++) {
    sum[i] = start[i] + retrain->delta[i];
    if (!isfinite(sum[i]))
      status = lml_fail(error, LML_ERR_INTERNAL, "coefficient %zu of the solution is not finite", i);
  }
  const lml_descriptor *descriptor = retrain->start->descriptor;
  if (status == LML_OK && descriptor->ops->average != NULL)
    status = descriptor->ops->average(descriptor, retrain->start->quadratic, sum, error);
  for (size_t i = 0; i < retrain->width && status == LML_OK; i++)
    if (sum[i] != start[i] + retrain->delta[i]) retrain->delta[i] = sum[i] - start[i];
  if (status == LML_OK) status = lml_potential_with_coefficients(retrain->start, sum, &retrain->result, error);
  lml_free(sum);
  return status;
}

/** Hard constraints on energies and virials are known from their rows, on rank 0, exactly. */
static lml_status measure_hard(lml_run *r, size_t index, lml_error *error) {
  const lml_retrain *retrain = r->retrain;
  const lml_dataset *sets = r->options->sets;
  size_t first = 0;
  for (size_t s = 0; s < index; s++)
    if (sets[s].role == LML_ROLE_HARD && sets[s].mode == sets[index].mode) first += sets[s].nrows;
  if (lml_run_is_root(r))
    lml_validation_of_hard(&retrain->validations[index], &retrain->constraints.kinds[sets[index].mode], first,
                           r->baseline[index], retrain->delta, retrain->width);
  for (size_t k = 0; k < sets[index].nframes; k++) lml_run_report_one(r);
  return lml_validation_collect(&retrain->validations[index], r->comm, LML_OK, error);
}

/** Evaluate this rank's share of the frames of all sets that are; and what is still to be found of the sums. */
static lml_status evaluate_sets(lml_run *r, lml_validation_room *room, lml_error *error) {
  const size_t nsets = r->options->nsets;
  lml_measurement *measurements;
  lml_frame_job *jobs = NULL;
  size_t njobs = 0;
  lml_status status = lml_alloc(&measurements, nsets, sizeof *measurements, "errors", error);
  if (status == LML_OK) status = lml_alloc(&jobs, nsets + 1, sizeof *jobs, "errors", error);
  if (status == LML_OK && lml_run_is_root(r)) jobs[njobs++] = (lml_frame_job){.work = lml_run_find_rank, .context = r};
  for (size_t s = 0; s < nsets && status == LML_OK; s++) {
    measurements[s] = (lml_measurement){&r->retrain->validations[s], room, r->baseline[s]};
    if (lml_dataset_is_evaluated(&r->options->sets[s])) jobs[njobs++] = lml_validation_job(&measurements[s]);
  }
  if (status == LML_OK) status = lml_workers_run(&r->workers, jobs, njobs, error);
  lml_free(measurements);
  lml_free(jobs);
  return lml_comm_agree(r->comm, status, error);
}

static lml_status finish_validation(lml_run *r, size_t index, lml_error *error) {
  lml_validation *validation = &r->retrain->validations[index];
  const lml_dataset *set = &r->options->sets[index];
  if (!lml_dataset_has_structures(set))
    return lml_validation_of_rows(validation, &r->workers, lml_potential_coefficients(r->retrain->result), error);
  return lml_dataset_is_evaluated(set) ? lml_validation_collect(validation, r->comm, LML_OK, error)
                                       : measure_hard(r, index, error);
}

/** Warn of forces that constraints may have made zero. */
static void report_zeros(const lml_run *r) {
  for (size_t s = 0; s < r->options->nsets; s++) {
    const lml_dataset *set = &r->options->sets[s];
    const lml_zero_forces zeros = lml_validation_find_zeros(&r->retrain->validations[s]);
    if (zeros.nframes == 0 || !lml_dataset_compares(set) || set->reading == LML_READ_FOLLOW) continue;
    lml_log_warning(
        r->listener->log,
        "%s: %.0f force components that count are exactly zero, in %zu frames (the first is %zu), while the "
        "potential gives forces there: if constraints made them zero, mark the atoms (a column fix_mask, T where "
        "held, or ASE's move_mask, T where free; if they are marked, these may be swapped) and select log or unfixed, "
        "or omit the frames",
        set->path, zeros.components, zeros.nframes, zeros.first);
  }
}

/** Warn of values whose size or sign can hardly be meant. */
static void report_factors(const lml_run *r) {
  for (size_t s = 0; s < r->options->nsets; s++) {
    const lml_dataset *set = &r->options->sets[s];
    const lml_quantity_ops *quantity = lml_dataset_quantity(set);
    if (!lml_dataset_compares(set) || quantity->has_offsets || set->reading == LML_READ_FOLLOW) continue;
    const lml_likeness like = lml_validation_compare(&r->retrain->validations[s]);
    if (!lml_likeness_is_doubtful(&like)) continue;
    lml_log_warning(r->listener->log,
                    "%s: %s: the file's values are like %.3g times those of the starting potential (correlation %.2f): "
                    "are units and sign right? Forces are in eV/Å, virials in eV, stresses in eV/Å^3 with ASE's sign",
                    set->path, lml_quantity_names[set->quantity], lml_likeness_factor(&like),
                    lml_likeness_correlation(&like));
  }
}

static lml_status validate(lml_run *r, lml_error *error) {
  lml_retrain *retrain = r->retrain;
  const size_t nsets = r->options->nsets;
  size_t total = 0;
  for (size_t s = 0; s < nsets; s++) total += r->options->sets[s].nframes;
  lml_run_begin_stage(r, LML_STAGE_VALIDATION, total);
  lml_validation_room room;
  lml_status status = lml_validation_room_make(&room, &r->workers, retrain->start, retrain->result, error);
  if (status == LML_OK) status = lml_alloc(&retrain->validations, nsets, sizeof *retrain->validations, "errors", error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    status = lml_validation_make(&retrain->validations[s], &r->options->sets[s], error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = evaluate_sets(r, &room, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++) status = finish_validation(r, s, error);
  if (status == LML_OK && lml_run_is_root(r))
    status = lml_energy_offsets_find(&retrain->offsets, retrain->validations, nsets, error);
  if (status == LML_OK && lml_run_is_root(r)) report_zeros(r);
  if (status == LML_OK && lml_run_is_root(r)) report_factors(r);
  status = lml_comm_agree(r->comm, status, error);
  lml_validation_room_free(&room);
  lml_run_end_stage(r);
  return status;
}

static bool has_uncertainty(const lml_retrain *retrain) {
  return retrain->uncertainty.factor != NULL || retrain->uncertainty.distances != NULL;
}

static lml_status write_outputs(lml_run *r, lml_error *error) {
  const lml_retrain *retrain = r->retrain;
  const lml_retrain_options *options = r->options;
  char comment[128 + LML_SHA256_TEXT];
  lml_start_files_comment(retrain->start_files, comment, sizeof comment);
  lml_uncertainty_files beside = {0};
  lml_file_writer *script; /* all files are on the disk before the first is renamed */
  lml_status status = lml_script_write(retrain->result, options->output, comment, &script, error);
  if (status == LML_OK && has_uncertainty(retrain))
    status = lml_uncertainty_write(&retrain->uncertainty, retrain->result, options->output, &beside, error);
  if (status == LML_OK) status = lml_format_write(retrain->result, options->output, comment, error);
  if (status == LML_OK)
    status = lml_uncertainty_commit(&beside, error);
  else
    lml_uncertainty_abort(&beside);
  if (status != LML_OK)
    lml_file_writer_abort(script);
  else if (script != NULL)
    status = lml_file_writer_commit(script, error);
  if (status == LML_OK && options->report != NULL) status = lml_report_write(retrain, options->report, error);
  return status;
}

lml_status lml_run_finish(lml_run *r, lml_error *error) {
  lml_retrain_forget_result(r->retrain);
  lml_status status = make_result(r, error);
  status = lml_comm_agree(r->comm, status, error);
  if (status == LML_OK) status = validate(r, error);
  if (status == LML_OK) status = lml_run_find_uncertainty(r, error);
  if (status != LML_OK) return status;
  if (lml_run_is_root(r)) status = write_outputs(r, error);
  return lml_comm_agree(r->comm, status, error);
}
