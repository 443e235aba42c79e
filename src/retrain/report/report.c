#include "retrain/report/report.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json_writer.h"
#include "base/path.h"
#include "base/proc.h"
#include "retrain/choose/trade_off.h"

static double root_mean(double square, double count) { return count > 0.0 ? sqrt(square / count) : 0.0; }

static double mean(double sum, double count) { return count > 0.0 ? sum / count : 0.0; }

/* ---- errors ---- */

static void write_sums(lml_json_writer *w, const lml_error_sums *sums, bool has_values) {
  lml_json_writer_integer(w, "count", (long long)sums->count);
  if (has_values) {
    lml_json_writer_number(w, "rms_before", root_mean(sums->baseline, sums->count));
    lml_json_writer_number(w, "rms_after", root_mean(sums->after, sums->count));
    lml_json_writer_number(w, "mae_before", mean(sums->absolute_baseline, sums->count));
    lml_json_writer_number(w, "mae_after", mean(sums->absolute_after, sums->count));
  }
  lml_json_writer_number(w, "rms_change", root_mean(sums->change, sums->count));
}

static void write_frame_errors(lml_json_writer *w, const lml_frame_errors *frame, bool has_values) {
  write_sums(w, &frame->sums, has_values);
  if (has_values) {
    lml_json_writer_number(w, "largest_before", frame->largest_baseline);
    lml_json_writer_number(w, "largest_after", frame->largest_after);
  }
  lml_json_writer_number(w, "largest_change", frame->largest_change);
}

static void write_regions(lml_json_writer *w, const lml_validation *validation) {
  lml_json_writer_object(w, "regions");
  for (size_t k = 0; k < LML_VALIDATION_REGIONS; k++) {
    if (validation->places.regions[k].count == 0.0) continue;
    lml_json_writer_object(w, lml_validation_region_names[k]);
    write_sums(w, &validation->places.regions[k], validation->set->has_values);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_object(w);
  lml_json_writer_array(w, "distances");
  for (size_t k = 0; k < LML_VALIDATION_BINS; k++) {
    if (validation->places.bins[k].count == 0.0) continue;
    lml_json_writer_object(w, NULL);
    lml_json_writer_number(w, "from", (double)k * lml_validation_bin_width);
    if (k + 1 < LML_VALIDATION_BINS) lml_json_writer_number(w, "to", (double)(k + 1) * lml_validation_bin_width);
    write_sums(w, &validation->places.bins[k], validation->set->has_values);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
}

/** Errors of each group of frames, where there are several. */
static void write_groups(lml_json_writer *w, const lml_validation *validation) {
  const lml_group_names *groups = &validation->set->groups;
  if (groups->count == 0) return;
  lml_json_writer_object(w, "groups");
  for (size_t k = 0; k < groups->count; k++) {
    const lml_frame_errors frame = lml_validation_group(validation, k);
    lml_json_writer_object(w, groups->list[k]);
    write_frame_errors(w, &frame, validation->set->has_values);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_object(w);
}

static void write_samples(lml_json_writer *w, const lml_validation *validation) {
  lml_json_writer_object(w, "samples");
  lml_json_writer_integer(w, "stride", (long long)validation->stride);
  const char *names[] = {"value", "before", "after", "distance"};
  for (size_t part = validation->set->has_values ? 0 : 1; part < 4; part++) {
    lml_json_writer_array(w, names[part]);
    for (size_t k = 0; k < validation->nsamples; k++) {
      const lml_value_sample *s = &validation->samples[k];
      const double values[] = {s->value, s->baseline, s->after, s->distance < 0.0 ? NAN : s->distance};
      lml_json_writer_number(w, NULL, values[part]);
    }
    lml_json_writer_end_array(w);
  }
  lml_json_writer_end_object(w);
}

/** @p folds: 0 where there are none. */
static void write_frames(lml_json_writer *w, const lml_validation *validation, size_t folds) {
  lml_json_writer_array(w, "frames");
  for (size_t k = 0; k < validation->set->nframes; k++) {
    lml_json_writer_object(w, NULL);
    lml_json_writer_integer(w, "frame", (long long)validation->set->frames[k].index);
    if (validation->set->frames[k].group != LML_NO_GROUP)
      lml_json_writer_text(w, "group", validation->set->groups.list[validation->set->frames[k].group]);
    if (folds > 0) lml_json_writer_integer(w, "fold", (long long)validation->set->frames[k].fold);
    lml_json_writer_number(w, "weight", validation->set->frames[k].weight);
    if (validation->set->row_weights != NULL)
      lml_json_writer_number(w, "mean_row_weight", validation->set->frames[k].row_weight);
    if (lml_dataset_has_structures(validation->set))
      lml_json_writer_integer(w, "atoms", (long long)validation->set->frames[k].natoms);
    write_frame_errors(w, &validation->frames[k], validation->set->has_values);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
}

static double effective_weight(const lml_retrain *retrain, const lml_dataset *set) {
  const double factor = set->role == LML_ROLE_SOFT ? retrain->trials[retrain->chosen].lambda_soft : 1.0;
  return set->role == LML_ROLE_TARGET || set->role == LML_ROLE_SOFT ? factor * set->weight : 0.0;
}

/** Names in the file that were chosen, and how its masks were read. */
static void write_keys(lml_json_writer *w, const lml_dataset *set) {
  bool named = false;
  for (size_t k = 0; k < LML_VALUE_COUNT; k++) named |= set->keys[k] != NULL;
  if (named) lml_json_writer_object(w, "keys");
  for (size_t k = 0; k < LML_VALUE_COUNT; k++)
    if (set->keys[k] != NULL) lml_json_writer_text(w, lml_value_names[k], set->keys[k]);
  if (named) lml_json_writer_end_object(w);
  if (set->move_mask != LML_MOVE_MASK_AUTO)
    lml_json_writer_text(w, "move_mask", lml_move_mask_names[set->move_mask]);
  else if (set->ncorrected > 0)
    lml_json_writer_text(w, "move_mask", lml_move_mask_names[LML_MOVE_MASK_ASE_323]);
}

/** What of the file counts, and what stands beside a design matrix. */
static void write_settings(lml_json_writer *w, const lml_dataset *set) {
  const bool matrix = !lml_dataset_has_structures(set);
  if (matrix && set->has_values) {
    lml_json_writer_text(w, "targets", set->values);
    lml_json_writer_text(w, "targets_sha256", set->values_checksum);
  }
  if (matrix) lml_json_writer_integer(w, "frame_rows", (long long)set->frame_rows);
  if (!matrix && lml_dataset_selects_atoms(set)) lml_json_writer_text(w, "select", lml_selection_names[set->selection]);
  if (lml_dataset_quantity(set)->has_offsets && lml_dataset_compares(set))
    lml_json_writer_text(w, "reference", lml_energy_reference_names[set->reference]);
  write_keys(w, set);
  if (set->role == LML_ROLE_HARD) lml_json_writer_text(w, "mode", lml_hard_mode_names[set->mode]);
  if (set->min_displacement > 0.0) lml_json_writer_number(w, "min_displacement", set->min_displacement);
  if (set->weights != NULL) lml_json_writer_text(w, "frame_weights", set->weights);
  if (set->row_weights != NULL) lml_json_writer_text(w, "row_weights", set->row_weights);
  if (matrix && set->row_weights != NULL) lml_json_writer_text(w, "row_weights_sha256", set->weights_checksum);
}

static void write_leverages(lml_json_writer *w, const lml_retrain *retrain, const lml_dataset *set) {
  if (set->leverage == 0.0) return;
  lml_json_writer_object(w, "leverage");
  lml_json_writer_number(w, "threshold", set->leverage);
  lml_json_writer_number(w, "lambda_ridge", retrain->options->lambda_ridge[0]);
  lml_json_writer_array(w, "frames");
  for (size_t k = 0; k < set->nscreened; k++) {
    lml_json_writer_object(w, NULL);
    lml_json_writer_integer(w, "frame", (long long)set->screened[k].index);
    lml_json_writer_number(w, "leverage", set->screened[k].leverage);
    lml_json_writer_number(w, "effective_weight", set->screened[k].weight);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
  lml_json_writer_end_object(w);
}

static void write_set(lml_json_writer *w, const lml_retrain *retrain, const lml_validation *validation) {
  const lml_dataset *set = validation->set;
  const lml_frame_errors total = lml_validation_total(validation);
  lml_json_writer_object(w, NULL);
  lml_json_writer_text(w, "role", lml_role_names[set->role]);
  lml_json_writer_text(w, "file", set->path);
  lml_json_writer_text(w, "sha256", set->checksum);
  lml_json_writer_text(w, "quantity", lml_quantity_names[set->quantity]);
  lml_json_writer_text(w, "unit", lml_dataset_quantity(set)->unit);
  write_settings(w, set);
  lml_json_writer_integer(w, "frames_read", (long long)set->nread);
  lml_json_writer_integer(w, "frames_used", (long long)set->nframes);
  if (set->truncated[0] != '\0') lml_json_writer_text(w, "skipped", set->truncated);
  lml_json_writer_integer(w, "rows", (long long)set->nrows);
  if (set->role == LML_ROLE_TARGET || set->role == LML_ROLE_SOFT) {
    lml_json_writer_number(w, "weight", set->weight);
    lml_json_writer_number(w, "effective_weight", effective_weight(retrain, set));
  }
  write_leverages(w, retrain, set);
  if (set->role == LML_ROLE_TEST && set->kind != LML_TEST_AUTO)
    lml_json_writer_text(w, "kind", lml_test_kind_names[set->kind]);
  lml_json_writer_text(w, "errors_from", lml_dataset_is_evaluated(set) ? "evaluation" : "rows");
  lml_json_writer_object(w, "errors");
  write_frame_errors(w, &total, set->has_values);
  const lml_zero_forces zeros = lml_validation_find_zeros(validation);
  if (zeros.nframes > 0) lml_json_writer_integer(w, "zero_forces", (long long)zeros.components);
  write_groups(w, validation);
  write_regions(w, validation);
  write_frames(w, validation, set->role == LML_ROLE_TARGET ? retrain->nfolds : 0);
  lml_json_writer_end_object(w);
  write_samples(w, validation);
  lml_json_writer_end_object(w);
}

/** What was added to energies before they were compared. */
static void write_offsets(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_energy_offsets *offsets = &retrain->offsets;
  if (offsets->count == 0) return;
  lml_json_writer_object(w, "energy_offsets");
  lml_json_writer_text(w, "fitted_to", offsets->from == LML_ROLE_TARGET ? "targets" : "test");
  lml_json_writer_text(w, "unit", "eV/atom");
  lml_json_writer_integer(w, "rank", (long long)offsets->rank);
  lml_json_writer_object(w, "elements");
  for (size_t e = 0; e < offsets->count; e++) {
    lml_json_writer_object(w, lml_element_symbol(lml_potential_element(retrain->result, e)));
    lml_json_writer_number(w, "before", offsets->baseline[e]);
    lml_json_writer_number(w, "after", offsets->after[e]);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_object(w);
  lml_json_writer_end_object(w);
}

/* ---- constraints ---- */

static void write_kind(lml_json_writer *w, const lml_retrain *retrain, lml_hard_mode mode) {
  const lml_constraint_rows *rows = &retrain->constraints.kinds[mode];
  if (rows->count == 0) return;
  const size_t n = retrain->width;
  const double *vectors[] = {lml_potential_coefficients(retrain->start), lml_potential_coefficients(retrain->result),
                             retrain->delta};
  const char *names[] = {"before", "after", "change"};
  lml_json_writer_object(w, lml_hard_mode_names[mode]);
  lml_json_writer_integer(w, "rows", (long long)rows->count);
  lml_json_writer_integer(w, "rank", (long long)rows->rank);
  lml_json_writer_number(w, "tolerance", rows->tolerance);
  if (rows->rank > 0) lml_json_writer_number(w, "last_kept", rows->singular[rows->rank - 1]);
  if (rows->rank < rows->nsingular) lml_json_writer_number(w, "first_dropped", rows->singular[rows->rank]);
  lml_json_writer_numbers(w, "singular_values", rows->singular, rows->nsingular);
  lml_json_writer_number(w, "largest_deviation", lml_constraints_deviation(rows, n, retrain->delta));
  for (size_t part = 0; part < 3; part++) {
    lml_json_writer_array(w, names[part]);
    for (size_t i = 0; i < rows->count; i++)
      lml_json_writer_number(w, NULL, cblas_ddot((int)n, rows->rows + i * n, 1, vectors[part], 1));
    lml_json_writer_end_array(w);
  }
  if (mode == LML_HARD_SET) lml_json_writer_numbers(w, "wanted_change", rows->changes, rows->count);
  lml_json_writer_end_object(w);
}

static void write_constraints(lml_json_writer *w, const lml_retrain *retrain) {
  lml_json_writer_object(w, "hard");
  lml_json_writer_integer(w, "rank", (long long)retrain->constraints.rank);
  write_kind(w, retrain, LML_HARD_KEEP);
  write_kind(w, retrain, LML_HARD_SET);
  lml_json_writer_end_object(w);
}

/* ---- solution ---- */

static void write_trial(lml_json_writer *w, const lml_trial *trial) {
  lml_json_writer_number(w, "lambda_soft", trial->lambda_soft);
  lml_json_writer_number(w, "lambda_ridge", trial->lambda_ridge);
  lml_json_writer_number(w, "rms_target", trial->rms_target);
  lml_json_writer_number(w, "rms_soft", trial->rms_soft);
  lml_json_writer_number(w, "rms_choice", trial->rms_choice);
  lml_json_writer_number(w, "soft_change", trial->soft_change);
  lml_json_writer_number(w, "condition", trial->condition);
}

/** Factors of the ridge penalty, where they are not all 1. */
static void write_ridge(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_ridge_scale *scale = &retrain->options->ridge_scale;
  if (retrain->ridge.smallest == 1.0 && retrain->ridge.largest == 1.0) return;
  lml_json_writer_object(w, "lambda_ridge_scale");
  if (scale->path != NULL) {
    lml_json_writer_text(w, "file", scale->path);
    lml_json_writer_text(w, "sha256", retrain->ridge.checksum);
  }
  for (size_t k = 0; scale->path == NULL && k < LML_DEGREES; k++)
    lml_json_writer_number(w, lml_degree_names[k], scale->degrees[k]);
  lml_json_writer_number(w, "smallest", retrain->ridge.smallest);
  lml_json_writer_number(w, "largest", retrain->ridge.largest);
  lml_json_writer_end_object(w);
}

static void write_cache(lml_json_writer *w, const lml_retrain *retrain) {
  static const char *const states[] = {"absent", "other", "damaged", "used"};
  if (retrain->options->cache == NULL) return;
  lml_json_writer_object(w, "cache");
  lml_json_writer_text(w, "file", retrain->options->cache);
  lml_json_writer_text(w, "found", states[retrain->cache.state]);
  if (retrain->cache.state == LML_CACHE_OTHER) lml_json_writer_text(w, "changed", retrain->cache.changed);
  lml_json_writer_end_object(w);
}

/** How the targets were summed; see accumulate/subspace.h. */
static void write_sums_kind(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_normal *target = &retrain->target;
  lml_json_writer_object(w, "sums");
  lml_json_writer_integer(w, "rows", (long long)target->nrows);
  lml_json_writer_integer(w, "subspace_rank", (long long)target->dimension);
  lml_json_writer_integer(w, "rows_inside", (long long)target->ninside);
  lml_json_writer_number(w, "left_out", target->neglected / fmax(target->nrows * (double)target->width, 1.0));
  lml_json_writer_end_object(w);
}

static void write_solution(lml_json_writer *w, const lml_retrain *retrain) {
  lml_json_writer_object(w, "solution");
  lml_json_writer_text(w, "method", retrain->used_qr ? "qr" : "cholesky");
  lml_json_writer_number(w, "lambda_soft", retrain->trials[retrain->chosen].lambda_soft);
  lml_json_writer_number(w, "lambda_ridge", retrain->trials[retrain->chosen].lambda_ridge);
  write_ridge(w, retrain);
  lml_json_writer_number(w, "condition", retrain->solution.condition);
  if (retrain->used_qr) lml_json_writer_number(w, "qr_condition", retrain->qr_condition);
  lml_json_writer_integer(w, "refinements", retrain->solution.refinements);
  lml_json_writer_number(w, "last_correction", retrain->solution.correction);
  write_sums_kind(w, retrain);
  lml_json_writer_integer(w, "target_rank", (long long)retrain->target_rank);
  lml_json_writer_number(w, "target_largest_eigenvalue", retrain->target_largest);
  if (retrain->soft.gram != NULL) {
    lml_json_writer_integer(w, "soft_rank", (long long)retrain->soft_rank);
    lml_json_writer_number(w, "soft_largest_eigenvalue", retrain->soft_largest);
  }
  lml_json_writer_end_object(w);
}

static void write_search(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_retrain_options *options = retrain->options;
  const size_t most = lml_retrain_trials(options);
  if (retrain->by == LML_CHOICE_NONE) return;
  lml_json_writer_object(w, "search");
  lml_json_writer_text(w, "by", lml_choice_by_names[retrain->by]);
  if (retrain->nfolds > 0) lml_json_writer_integer(w, "folds", (long long)retrain->nfolds);
  if (retrain->nfolds > 0) lml_json_writer_integer(w, "groups", (long long)retrain->ngroups);
  lml_json_writer_text(w, "watched_by", lml_watch_names[retrain->watch]);
  lml_json_writer_number(w, "soft_limit", options->soft_limit);
  lml_json_writer_number(w, "rms_before", lml_trade_off_baseline(retrain));
  if (most > 0) lml_json_writer_integer(w, "most_trials", (long long)most);
  if (most > 0) lml_json_writer_number(w, "tolerance", options->search.tolerance);
  lml_json_writer_array(w, "at_end_of_range");
  for (size_t i = 0; i < LML_LAMBDAS; i++)
    if (retrain->at_end[i]) lml_json_writer_text(w, NULL, lml_lambda_names[i]);
  lml_json_writer_end_array(w);
  lml_json_writer_integer(w, "coarse", (long long)retrain->ngrid);
  lml_json_writer_integer(w, "chosen", (long long)retrain->chosen);
  lml_json_writer_array(w, "grid");
  for (size_t k = 0; k < retrain->ntrials; k++) {
    lml_json_writer_object(w, NULL);
    write_trial(w, &retrain->trials[k]);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
  lml_json_writer_end_object(w);
}

static void write_coverages(lml_json_writer *w, const lml_retrain *retrain) {
  lml_json_writer_array(w, "sets");
  for (size_t s = 0; s < retrain->options->nsets; s++) {
    const lml_coverage *c = &retrain->coverages[s];
    const lml_dataset *set = &retrain->options->sets[s];
    if (c->count == 0.0) continue;
    lml_json_writer_object(w, NULL);
    lml_json_writer_text(w, "role", lml_role_names[set->role]);
    lml_json_writer_text(w, "file", set->path);
    lml_json_writer_text(w, "quantity", lml_quantity_names[set->quantity]);
    lml_json_writer_text(w, "error", set->has_values ? "deviation" : "change");
    lml_json_writer_integer(w, "rows", (long long)c->count);
    lml_json_writer_number(w, "rms_error", root_mean(c->square_error, c->count));
    lml_json_writer_number(w, "rms_sigma", root_mean(c->square_sigma, c->count));
    lml_json_writer_number(w, "inside_2_sigma", c->inside / c->count);
    if (set->has_values) lml_json_writer_number(w, "inside_2_sigma_with_noise", c->inside_noise / c->count);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
}

/** What the uncertainty is; its numbers are in its own files. */
static void write_uncertainty(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_uncertainty *u = &retrain->uncertainty;
  const lml_uncertainty_options *options = &retrain->options->uncertainty;
  if (u->factor == NULL && u->distances == NULL) return;
  lml_json_writer_object(w, "uncertainty");
  lml_json_writer_text(w, "kind", lml_uncertainty_names[u->kind]);
  if (u->factor != NULL) {
    lml_json_writer_integer(w, "rows", (long long)u->nrows);
    lml_json_writer_integer(w, "rank", (long long)u->rank);
    lml_json_writer_number(w, "trace_kept", u->share);
    lml_json_writer_number(w, "alpha", u->calibration.alpha);
    lml_json_writer_number(w, "alpha_with_noise", u->calibration.alpha_noise);
    lml_json_writer_number(w, "noise", u->calibration.noise);
    lml_json_writer_integer(w, "folds", (long long)u->calibration.nfolds);
    lml_json_writer_integer(w, "rows_left_out", (long long)u->calibration.nrows);
    write_coverages(w, retrain);
  }
  lml_json_writer_array(w, "distance_from");
  for (size_t k = 0; k < options->nfrom; k++) lml_json_writer_text(w, NULL, options->from[k].path);
  lml_json_writer_end_array(w);
  lml_json_writer_end_object(w);
}

static void write_coefficients(lml_json_writer *w, const lml_retrain *retrain) {
  const size_t n = retrain->width;
  const int largest = (int)cblas_idamax((int)n, retrain->delta, 1);
  lml_json_writer_object(w, "coefficients");
  lml_json_writer_integer(w, "count", (long long)n);
  lml_json_writer_integer(w, "per_element", (long long)lml_potential_ncoefficients(retrain->result));
  lml_json_writer_number(w, "largest_change", fabs(retrain->delta[largest]));
  lml_json_writer_integer(w, "largest_change_index", largest);
  lml_json_writer_number(w, "norm_of_change", cblas_dnrm2((int)n, retrain->delta, 1));
  lml_json_writer_numbers(w, "before", lml_potential_coefficients(retrain->start), n);
  lml_json_writer_numbers(w, "after", lml_potential_coefficients(retrain->result), n);
  lml_json_writer_end_object(w);
}

static void write_start(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_retrain_options *options = retrain->options;
  char text[256];
  lml_json_writer_object(w, "start");
  lml_json_writer_text(w, "origin", options->origin == LML_ORIGIN_ZERO ? "zero" : "potential");
  lml_potential_describe(retrain->original, text, sizeof text);
  lml_json_writer_text(w, "potential", text);
  lml_json_writer_array(w, "files");
  for (size_t k = 0; k < LML_START_FILES; k++) {
    if (retrain->start_files[k].path == NULL) continue;
    lml_json_writer_object(w, NULL);
    lml_json_writer_text(w, "file", retrain->start_files[k].path);
    lml_json_writer_text(w, "sha256", retrain->start_files[k].checksum);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
  lml_json_writer_end_object(w);
}

/** What decides the last digits beside the inputs, and the configuration. */
static void write_origin(lml_json_writer *w, const lml_retrain *retrain) {
  const lml_retrain_options *options = retrain->options;
  if (options->configuration != NULL) {
    lml_json_writer_object(w, "configuration");
    lml_json_writer_text(w, "file", options->configuration);
    lml_json_writer_text(w, "sha256", retrain->configuration);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_object(w, "machine");
  lml_json_writer_text(w, "instruction_set", retrain->instruction_set);
  lml_json_writer_text(w, "blas", openblas_get_config());
  lml_json_writer_integer(w, "blas_threads", openblas_get_num_threads());
  lml_json_writer_end_object(w);
}

static void write_costs(lml_json_writer *w, const lml_retrain *retrain) {
  const double peak = lml_proc_bytes("/proc/self/status", "VmHWM:", NAN);
  double total = 0.0;
  lml_json_writer_object(w, "seconds");
  for (size_t k = 0; k < LML_STAGES; k++) {
    lml_json_writer_number(w, lml_stage_names[k], retrain->seconds[k]);
    total += retrain->seconds[k];
  }
  lml_json_writer_number(w, "total", total);
  lml_json_writer_end_object(w);
  lml_json_writer_integer(w, "ranks", lml_comm_size(retrain->comm));
  lml_json_writer_integer(w, "threads", (long long)retrain->nthreads);
  lml_json_writer_number(w, "peak_memory_mb", peak / 1e6);
}

lml_status lml_report_write(const lml_retrain *retrain, const char *path, lml_error *error) {
  lml_json_writer w = {0};
  lml_file_writer *file;
  lml_json_writer_begin(&w);
  lml_json_writer_text(&w, "format", "lmlink-retrain-report");
  lml_json_writer_integer(&w, "version", LML_REPORT_VERSION);
  lml_json_writer_text(&w, "lmlink", lml_version());
  write_origin(&w, retrain);
  write_start(&w, retrain);
  lml_json_writer_text(&w, "output", retrain->options->output);
  write_cache(&w, retrain);
  write_solution(&w, retrain);
  write_search(&w, retrain);
  write_constraints(&w, retrain);
  write_offsets(&w, retrain);
  lml_json_writer_array(&w, "sets");
  for (size_t s = 0; s < retrain->options->nsets; s++) write_set(&w, retrain, &retrain->validations[s]);
  lml_json_writer_end_array(&w);
  write_uncertainty(&w, retrain);
  write_coefficients(&w, retrain);
  write_costs(&w, retrain);
  lml_status status = lml_json_writer_end(&w, error);
  if (status == LML_OK) status = lml_file_writer_create(path, &file, error);
  if (status == LML_OK) {
    status = lml_file_writer_write(file, w.text, w.length, error);
    if (status == LML_OK) status = lml_file_writer_write(file, "\n", 1, error);
    if (status == LML_OK)
      status = lml_file_writer_commit(file, error);
    else
      lml_file_writer_abort(file);
  }
  lml_json_writer_free(&w);
  return status;
}
