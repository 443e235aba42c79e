#include "mixing/mixture.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potential/linear_results.h"

bool lml_mixture_may_skip(const struct lml_mixture *self, size_t r) {
  return self->skip.applies != NULL && self->skip.applies(self->skip.context, r) &&
         self->regions[r].cluster->structure.natoms > 0;
}

/** What is told of regions that may be skipped, of one after the other. */
static lml_status add_skips(const struct lml_mixture *self, lml_results *results, lml_error *error) {
  enum { SIGMA, RATIO, PART, KINDS };
  static const char *const names[KINDS] = {"skip_sigma", "skip_ratio", "skip_part"}, *const units[KINDS] = {"eV/Å", "",
                                                                                                            ""};
  const size_t nregions = self->settings.nregions;
  double *values;
  long long skipped = 0;
  if (self->sigmas == NULL) return LML_OK;
  lml_status status = lml_alloc(&values, KINDS * nregions, sizeof *values, "what is told of regions", error);
  for (size_t r = 0; r < nregions && status == LML_OK; r++) {
    const lml_mixture_child *at = &self->children[r + 1];
    const bool may = lml_mixture_may_skip(self, r);
    skipped += at->answer == LML_MIXING_SKIPPED;
    values[SIGMA * nregions + r] = may ? at->comparison.largest : NAN;
    values[RATIO * nregions + r] = may ? at->comparison.error / at->comparison.sigma : NAN;
    values[PART * nregions + r] = 1.0 - at->share;
  }
  if (status == LML_OK) status = lml_results_add_integer(results, "skipped_regions", skipped, error);
  for (size_t k = 0; k < KINDS && status == LML_OK; k++)
    status = lml_results_add_numbers(results, names[k], units[k], values + k * nregions, nregions, error);
  lml_free(values);
  return status;
}

static lml_status add_extras(const struct lml_mixture *self, lml_results *results, const lml_mix *mix,
                             lml_error *error) {
  double seconds = 0.0;
  long long recalled = 0;
  for (size_t c = 1; c < self->nchildren; c++) {
    seconds = fmax(seconds, self->children[c].seconds);
    recalled += self->children[c].answer == LML_MIXING_RECALLED;
  }
  const lml_results *ml = &self->children[0].results;
  const lml_result_form energy_ml = {.name = "energy_ml", .unit = "eV", .width = 1};
  lml_result *energy;
  lml_status status = lml_results_add(results, &energy_ml, ml->list[LML_RESULTS_ENERGY].origin, &energy, error);
  if (status == LML_OK) energy->reals[0] = *ml->energy;
  if (status == LML_OK) status = lml_mix_report(mix, results, error);
  if (status == LML_OK) status = lml_results_add_number(results, "engine_seconds", "s", seconds, error);
  if (status == LML_OK) status = lml_results_add_integer(results, "recalled_regions", recalled, error);
  return status == LML_OK ? add_skips(self, results, error) : status;
}

/** The energy and the virial that stand for what there is none of. */
static void give_parts(const struct lml_mixture *self, lml_results *results) {
  const lml_results *ml = &self->children[0].results;
  if (self->settings.energy == LML_MIXING_ML) {
    *results->energy = *ml->energy;
    results->list[LML_RESULTS_ENERGY].origin = LML_ORIGIN_ML_PART;
  }
  if (self->settings.virial == LML_MIXING_ML) {
    memcpy(results->virial, ml->virial, 9 * sizeof *ml->virial);
    results->list[LML_RESULTS_VIRIAL].origin = LML_ORIGIN_ML_PART;
  }
}

/** Whether @p part, of the ML calculator, has a meaning in the mixture: there are no energies of atoms where there is
 *  none of the whole. What it knows of its own energy, a number of columns, says so. */
static bool counts(const struct lml_mixture *self, const lml_result *part) {
  return self->settings.energy == LML_MIXING_ML || part->scope == LML_PER_STRUCTURE || strcmp(part->unit, "eV") != 0;
}

/** What the ML calculator knows of its own errors counts where it sees all neighbours, and the force is its own. */
static lml_status adjust_uncertainty(const struct lml_mixture *self, lml_result *result, lml_error *error) {
  const char *name = result->name;
  const lml_request one = {&name, 1};
  if (result->scope != LML_PER_ATOM || lml_linear_results_needs(lml_linear_results_named(&one)) == 0) return LML_OK;
  const lml_status status = lml_unknown_species_blank(&self->unknown, self->structure, self->settings.foreign_distance,
                                                      result->width, result->reals, error);
  if (status != LML_OK || strcmp(result->unit, "eV/Å") != 0) return status;
  for (size_t r = 0; r < self->settings.nregions; r++)
    lml_mix_sigmas(&self->regions[r], self->children[r + 1].share, result->rows, result->width, result->reals);
  return LML_OK;
}

/** Add a result of the ML calculator; zero on atoms that it does not see. */
static lml_status add_part(const struct lml_mixture *self, const lml_result *part, lml_results *results,
                           lml_error *error) {
  const lml_result_form form = {part->name, part->unit, part->scope, part->type, part->width};
  lml_result *whole;
  if (part->type == LML_RESULT_TEXT) return lml_results_add_text(results, part->name, part->text, error);
  const lml_status status = lml_results_add(results, &form, LML_ORIGIN_ML_PART, &whole, error);
  for (size_t i = 0; status == LML_OK && i < part->rows; i++) {
    const size_t to = part->width * (part->scope == LML_PER_ATOM ? lml_unknown_species_parent(&self->unknown, i) : i);
    if (part->type == LML_RESULT_REAL)
      memcpy(whole->reals + to, part->reals + part->width * i, part->width * sizeof *part->reals);
    else
      memcpy(whole->integers + to, part->integers + part->width * i, part->width * sizeof *part->integers);
  }
  return status == LML_OK ? adjust_uncertainty(self, whole, error) : status;
}

/** Add what was asked for, is none of the mixture's own results, and the ML calculator knows. */
static lml_status give_requested(const struct lml_mixture *self, lml_results *results, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; self->request != NULL && k < self->request->count && status == LML_OK; k++) {
    const char *name = self->request->names[k];
    const lml_result *part = lml_results_find(&self->children[0].results, name);
    if (part != NULL && counts(self, part) && lml_results_find(results, name) == NULL)
      status = add_part(self, part, results, error);
  }
  return status;
}

lml_status lml_mixture_report(const struct lml_mixture *self, const lml_mix *mix, lml_results *results,
                              lml_error *error) {
  give_parts(self, results);
  const lml_status status = add_extras(self, results, mix, error);
  return status == LML_OK ? give_requested(self, results, error) : status;
}
