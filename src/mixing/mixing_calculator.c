#include "mixing/mixing_calculator.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "engine/remote_calculator.h"
#include "mixing/mixture.h"
#include "mixing/side_check.h"
#include "mixing/unknown_species.h"
#include "potential/linear_results.h"

enum { SHARED_WAIT_MS = 20 /**< how long several calculators that wait are waited for, in turn */ };

/* ---- making ---- */

static lml_status check_overlap(const lml_mixing_region *regions, size_t nregions, lml_error *error) {
  for (size_t r = 0; r < nregions; r++)
    for (size_t s = 0; s < r; s++) {
      const lml_mixing_region *one = &regions[s], *two = &regions[r];
      for (size_t i = 0; i < one->region->natoms; i++)
        if (one->region->weights[i] > 0.0 && two->region->weights[i] > 0.0)
          return lml_fail(error, LML_ERR_INPUT,
                          "atom %zu gets a quantum force from both of the regions %s and %s; make them smaller, or one",
                          i, one->name, two->name);
    }
  return LML_OK;
}

static lml_status check_settings(const lml_mixing_settings *settings, lml_error *error) {
  for (size_t r = 0; r < settings->nregions; r++)
    if (settings->regions[r].region->natoms != settings->structure->natoms)
      return lml_fail(error, LML_ERR_INTERNAL, "the region %s is that of another structure", settings->regions[r].name);
  return check_overlap(settings->regions, settings->nregions, error);
}

/** What an engine that makes its own input may ask. */
static const size_t *indices_of(const void *context) {
  const lml_mixing_region *region = context;
  return region->cluster->parents;
}

static lml_status write_cluster(const void *context, const char *path, lml_error *error) {
  const lml_mixing_region *region = context;
  return lml_cluster_write(region->cluster, region->region, path, error);
}

static lml_status prepare(lml_mixture *self, lml_error *error) {
  const lml_mixing_settings *settings = &self->settings;
  lml_status status = lml_structure_copy(&self->parent, settings->structure, error);
  if (status == LML_OK)
    status = lml_alloc(&self->regions, settings->nregions, sizeof *self->regions, "QM regions", error);
  if (status == LML_OK) status = lml_alloc(&self->made, settings->nregions, sizeof *self->made, "QM regions", error);
  if (status == LML_OK)
    status = lml_alloc(&self->children, settings->nregions + 1, sizeof *self->children, "calculators", error);
  if (status != LML_OK) return status;
  memcpy(self->regions, settings->regions, settings->nregions * sizeof *self->regions);
  memcpy(self->made, settings->regions, settings->nregions * sizeof *self->made);
  status = lml_unknown_species_find(&self->unknown, &self->parent, settings->known, settings->nknown, error);
  if (status == LML_OK)
    status = lml_unknown_species_check(&self->unknown, &self->parent, self->regions, settings->nregions, error);
  if (status != LML_OK) return status;
  lml_unknown_species_warn(&self->unknown, &self->parent, self->regions, settings->nregions, settings->foreign_distance,
                           settings->log);
  self->nchildren = settings->nregions + 1;
  self->children[0].calculator = settings->ml;
  for (size_t r = 0; r < settings->nregions; r++) {
    const lml_engine_atoms atoms = {.indices = indices_of, .write = write_cluster, .context = &self->regions[r]};
    self->children[r + 1].calculator = self->regions[r].calculator;
    lml_remote_calculator_set_atoms(self->regions[r].calculator, &atoms);
  }
  return LML_OK;
}

/** Free what the calculator made itself. */
static void free_own(lml_mixture *self) {
  for (size_t c = 0; c < self->nchildren; c++) {
    lml_results_free(&self->children[c].results);
    lml_free(self->children[c].settled);
  }
  lml_free(self->sigmas);
  lml_free(self->children);
  lml_name_set_free(&self->names);
  lml_free(self->regions);
  lml_free(self->made);
  lml_unknown_species_free(&self->unknown);
  lml_structure_free(&self->parent);
  lml_free(self);
}

/* ---- one evaluation ---- */

static lml_status check_cell(const lml_mixture *self, const lml_structure *structure, lml_error *error) {
  static const char names[3] = {'a', 'b', 'c'};
  static const double tolerance = 1e-5; /* relative: drivers' units differ by 1e-7 */
  for (int k = 0; k < 3 && self->settings.virial == LML_MIXING_NOTHING; k++) {
    const double *now = structure->cell + 3 * k, *then = self->parent.cell + 3 * k;
    const double change = hypot(hypot(now[0] - then[0], now[1] - then[1]), now[2] - then[2]);
    if (!self->parent.pbc[k] || change <= tolerance * hypot(hypot(then[0], then[1]), then[2])) continue;
    return lml_fail(
        error, LML_ERR_INPUT,
        "the driver has another cell than the structure file (vector %c differs by %g Å), but a mixture has "
        "no virial; keep the cell fixed, or let virial be ml",
        names[k], change);
  }
  return LML_OK;
}

/** Regions are those of one structure: other atoms have none. */
static lml_status check_structure(const lml_mixture *self, const lml_structure *structure, lml_error *error) {
  const lml_structure *parent = &self->parent;
  if (structure->natoms != parent->natoms)
    return lml_fail(error, LML_ERR_INPUT,
                    "the driver has %zu atoms, but the regions are those of a structure of %zu; configure the driver's "
                    "structure",
                    structure->natoms, parent->natoms);
  for (size_t i = 0; i < parent->natoms; i++)
    if (structure->numbers[i] != parent->numbers[i])
      return lml_fail(error, LML_ERR_INPUT,
                      "atom %zu is %s for the driver, but %s in the structure that the regions are those of; configure "
                      "the driver's structure",
                      i, lml_element_symbol(structure->numbers[i]), lml_element_symbol(parent->numbers[i]));
  if (memcmp(structure->pbc, parent->pbc, sizeof parent->pbc) != 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "the driver's structure is periodic in other directions than that which the regions are those of; "
                    "configure the driver's structure");
  return check_cell(self, structure, error);
}

static void cancel_all(lml_mixture *self) {
  for (size_t c = 0; c < self->nchildren; c++) lml_calculator_cancel(self->children[c].calculator);
}

static lml_status in_region(const lml_mixture *self, size_t r, lml_status status, lml_error *error) {
  if (status != LML_OK && self->settings.nregions > 1) lml_fail_context(error, "region %s", self->regions[r].name);
  return status;
}

/** Take the forces of region @p r from memory, where they are known. */
static lml_status recall_region(lml_mixture *self, size_t r, lml_error *error) {
  lml_mixture_child *at = &self->children[r + 1];
  if (self->cache.find == NULL) return LML_OK;
  const lml_status status = lml_results_reset(&at->results, self->regions[r].cluster->structure.natoms, error);
  if (status != LML_OK) return status;
  if (!self->cache.find(self->cache.context, r, &self->regions[r], self->structure, at->results.forces)) return LML_OK;
  at->done = at->finished = true;
  at->answer = LML_MIXING_RECALLED;
  return LML_OK;
}

static lml_status ask_region(const lml_mixture *self, size_t r, lml_error *error) {
  return lml_calculator_start(self->children[r + 1].calculator, &self->regions[r].cluster->structure, NULL, error);
}

static lml_status start_region(lml_mixture *self, size_t r, lml_error *error) {
  lml_cluster *cluster = self->regions[r].cluster;
  lml_mixture_child *at = &self->children[r + 1];
  at->deferred = false;
  if (cluster->structure.natoms == 0) { /* there is nothing to ask */
    at->done = at->finished = true;
    return lml_results_reset(&at->results, 0, error);
  }
  lml_status status = lml_cluster_update(cluster, self->structure, error);
  if (status == LML_OK) status = recall_region(self, r, error);
  if (status == LML_OK && !at->finished) {
    at->deferred = lml_mixture_may_skip(self, r) && !self->skip.asks(self->skip.context, r);
    if (!at->deferred) status = ask_region(self, r, error);
  }
  return in_region(self, r, status, error);
}

static lml_status start_regions(lml_mixture *self, lml_error *error) {
  lml_status status = LML_OK;
  self->begun = lml_sys->clock();
  for (size_t r = 0; r < self->settings.nregions && status == LML_OK; r++) status = start_region(self, r, error);
  return status;
}

static lml_status join_requests(lml_mixture *self, lml_error *error) {
  lml_status status = LML_OK;
  self->names.count = 0;
  if (self->request != NULL) status = lml_name_set_add_all(&self->names, self->request, error);
  if (status == LML_OK) status = lml_name_set_add_all(&self->names, &self->choice.needs, error);
  if (status == LML_OK && self->sigmas != NULL) status = lml_name_set_add(&self->names, LML_SKIP_SIGMA, error);
  self->both = lml_name_set_request(&self->names);
  return status;
}

static lml_status start_ml(lml_mixture *self, lml_error *error) {
  const lml_structure *seen;
  lml_status status = lml_unknown_species_strip(&self->unknown, self->structure, &seen, error);
  if (status == LML_OK) status = join_requests(self, error);
  return status == LML_OK ? lml_calculator_start(self->settings.ml, seen, &self->both, error) : status;
}

static lml_status mixing_start(void *data, const lml_structure *structure, const lml_request *request,
                               lml_error *error) {
  lml_mixture *self = data;
  lml_status status = check_structure(self, structure, error);
  if (status == LML_OK) status = lml_unknown_species_check_apart(&self->unknown, structure, error);
  self->structure = structure;
  self->request = request;
  for (size_t c = 0; c < self->nchildren; c++) {
    lml_mixture_child *at = &self->children[c];
    at->done = at->finished = false;
    at->deferred = c > 0 && self->choice.choose != NULL;
    at->answer = LML_MIXING_COMPUTED;
    at->seconds = 0.0;
    at->share = 1.0;
  }
  /* Engines first: they are at work while the ML calculator starts. */
  if (status == LML_OK && self->choice.choose == NULL) status = start_regions(self, error);
  if (status == LML_OK) status = start_ml(self, error);
  if (status != LML_OK) cancel_all(self);
  return status;
}

/** σ of the forces on all atoms, undefined near those that the ML calculator does not see. */
static lml_status find_sigmas(lml_mixture *self, lml_error *error) {
  const lml_result *part = lml_results_find(&self->children[0].results, LML_SKIP_SIGMA);
  if (part == NULL)
    return lml_fail(error, LML_ERR_INTERNAL, "the ML calculator gives no %s, by which regions are skipped",
                    LML_SKIP_SIGMA);
  for (size_t i = 0; i < part->rows; i++)
    memcpy(self->sigmas + 3 * lml_unknown_species_parent(&self->unknown, i), part->reals + 3 * i, 3 * sizeof(double));
  return lml_unknown_species_blank(&self->unknown, self->structure, self->settings.foreign_distance, 3, self->sigmas,
                                   error);
}

static lml_status finish_child(lml_mixture *self, size_t c, lml_error *error) {
  lml_mixture_child *at = &self->children[c];
  if (at->finished) return LML_OK;
  const lml_status status = lml_calculator_finish(at->calculator, &at->results, error);
  at->finished = status == LML_OK;
  if (c == 0) return status == LML_OK && self->sigmas != NULL ? find_sigmas(self, error) : status;
  return in_region(self, c - 1, status, error);
}

static lml_status skip_region(lml_mixture *self, size_t r, lml_error *error) {
  lml_mixture_child *at = &self->children[r + 1];
  at->done = at->finished = true;
  at->answer = LML_MIXING_SKIPPED;
  return lml_results_reset(&at->results, self->regions[r].cluster->structure.natoms, error);
}

/** The ML calculator is done: start the regions that it is not certain enough about, and skip the others. */
static lml_status decide(lml_mixture *self, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t r = 0; r < self->settings.nregions && status == LML_OK; r++) {
    lml_mixture_child *at = &self->children[r + 1];
    if (!at->deferred) continue;
    at->deferred = false;
    status = finish_child(self, 0, error);
    if (status != LML_OK) break;
    const double largest = lml_skip_largest(self->regions[r].region, self->sigmas);
    const bool asked = self->skip.doubts(self->skip.context, r, largest);
    status = in_region(self, r, asked ? ask_region(self, r, error) : skip_region(self, r, error), error);
  }
  return status;
}

/** The ML calculator is done: let the regions that are chosen then begin. */
static lml_status choose(lml_mixture *self, lml_error *error) {
  const lml_mixing_choice choice = self->choice;
  if (choice.choose == NULL) return LML_OK;
  lml_mixture_choose_first(self, NULL);
  lml_status status = finish_child(self, 0, error);
  if (status == LML_OK) status = choice.choose(choice.context, self->structure, error);
  return status == LML_OK ? start_regions(self, error) : status;
}

static lml_status progress_child(lml_mixture *self, size_t c, lml_error *error) {
  lml_mixture_child *at = &self->children[c];
  if (at->done || at->deferred) return LML_OK;
  const lml_status status = lml_calculator_progress(at->calculator, &at->done, error);
  if (at->done) at->seconds = lml_sys->clock() - self->begun;
  return c == 0 ? status : in_region(self, c - 1, status, error);
}

static lml_status mixing_progress(void *data, bool *done, lml_error *error) {
  lml_mixture *self = data;
  lml_status status = LML_OK;
  for (size_t c = self->nchildren; c-- > 0 && status == LML_OK;) status = progress_child(self, c, error);
  if (status == LML_OK && self->children[0].done) {
    status = choose(self, error);
    if (status == LML_OK) status = decide(self, error);
  }
  *done = true;
  for (size_t c = 0; c < self->nchildren; c++) *done = *done && self->children[c].done;
  if (status != LML_OK) cancel_all(self);
  return status;
}

static lml_status mixing_wait(void *data, int timeout_ms, lml_error *error) {
  lml_mixture *self = data;
  int waiting = 0;
  for (size_t c = 0; c < self->nchildren; c++) {
    if (self->children[c].done || self->children[c].deferred) continue;
    if (!lml_calculator_waits(self->children[c].calculator)) return LML_OK;
    waiting++;
  }
  if (waiting > 1 && timeout_ms > SHARED_WAIT_MS) timeout_ms = SHARED_WAIT_MS;
  lml_status status = LML_OK;
  for (size_t c = 0; c < self->nchildren && status == LML_OK; c++)
    if (!self->children[c].done && !self->children[c].deferred)
      status = lml_calculator_wait(self->children[c].calculator, timeout_ms / (waiting > 1 ? waiting : 1), error);
  return status;
}

/** Look at the forces of each region that nothing was said about yet. */
static void check_sides(lml_mixture *self, const double *forces) {
  for (size_t r = 0; r < self->settings.nregions; r++) {
    lml_mixture_child *at = &self->children[r + 1];
    if (!at->doubted && at->answer != LML_MIXING_SKIPPED)
      at->doubted = lml_side_check(&self->regions[r], &self->unknown, self->settings.foreign_distance,
                                   at->results.forces, forces, self->settings.log);
  }
}

/** What counts as the forces of each region, in @p qm: those of its calculator, or where it may be skipped, what they
 *  are settled to be. */
static lml_status settle(lml_mixture *self, const double *ml, const double **qm, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t r = 0; r < self->settings.nregions && status == LML_OK; r++) {
    lml_mixture_child *at = &self->children[r + 1];
    const lml_mixing_region *region = &self->regions[r];
    qm[r] = at->results.forces;
    at->comparison = (lml_skip_comparison){.largest = NAN, .sigma = NAN, .error = NAN};
    if (!lml_mixture_may_skip(self, r)) {
      if (self->skip.applies != NULL && self->skip.applies(self->skip.context, r))
        self->skip.rests(self->skip.context, r);
      continue;
    }
    status = lml_grow(&at->settled, &at->capacity, 3 * region->cluster->structure.natoms, sizeof *at->settled,
                      "forces of a region", error);
    if (status != LML_OK) break;
    at->comparison = (lml_skip_comparison){
        .region = region, .qm = at->answer == LML_MIXING_SKIPPED ? NULL : at->results.forces, .ml = ml};
    lml_skip_compare(&at->comparison, self->sigmas);
    status = self->skip.settle(self->skip.context, r, &at->comparison, at->settled, &at->share, error);
    qm[r] = at->settled;
  }
  return status;
}

/** Compare the two sides, and mix their forces in @p forces, which are the ML calculator's at first. */
static lml_status mix_regions(lml_mixture *self, lml_mix *mix, double *forces, lml_error *error) {
  const size_t nregions = self->settings.nregions;
  const double **qm;
  lml_status status = lml_alloc(&qm, nregions, sizeof(double *), "forces of regions", error);
  for (size_t r = 0; r < nregions && status == LML_OK; r++) {
    const lml_mixture_child *at = &self->children[r + 1];
    const double *known = at->answer == LML_MIXING_SKIPPED ? NULL : at->results.forces;
    lml_mix_compare(mix, &self->regions[r], &self->unknown, known, forces);
  }
  if (status == LML_OK) check_sides(self, forces);
  if (status == LML_OK) status = settle(self, forces, qm, error);
  for (size_t r = 0; r < nregions && status == LML_OK; r++) lml_mix_region(&self->regions[r], qm[r], forces);
  lml_free(qm);
  return status;
}

static lml_status mix_all(lml_mixture *self, lml_results *results, lml_error *error) {
  const size_t natoms = self->parent.natoms;
  const lml_results *ml = &self->children[0].results;
  lml_status status = lml_results_reset(results, natoms, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < ml->natoms; i++)
    memcpy(results->forces + 3 * lml_unknown_species_parent(&self->unknown, i), ml->forces + 3 * i, 3 * sizeof(double));
  lml_mix mix = {0};
  status = mix_regions(self, &mix, results->forces, error);
  if (status != LML_OK) return status;
  lml_mix_mean(&mix, results->forces, natoms);
  if (self->settings.zero_mean_force)
    for (size_t i = 0; i < 3 * natoms; i++) results->forces[i] -= mix.mean[i % 3];
  results->list[LML_RESULTS_FORCES].origin = LML_ORIGIN_EXACT;
  return lml_mixture_report(self, &mix, results, error);
}

static lml_status mixing_finish(void *data, lml_results *results, lml_error *error) {
  lml_mixture *self = data;
  lml_status status = LML_OK;
  for (size_t c = 0; c < self->nchildren && status == LML_OK; c++) status = finish_child(self, c, error);
  if (status != LML_OK) {
    cancel_all(self);
    return status;
  }
  return mix_all(self, results, error);
}

static void mixing_cancel(void *data) { cancel_all(data); }

static void mixing_destroy(void *data) {
  lml_mixture *self = data;
  for (size_t r = 0; r < self->settings.nregions; r++) {
    lml_calculator_destroy(self->made[r].calculator);
    lml_cluster_free(self->made[r].cluster);
    lml_free(self->made[r].cluster);
    lml_region_free(self->made[r].region);
    lml_free(self->made[r].region);
  }
  lml_calculator_destroy(self->settings.ml);
  free_own(self);
}

static const lml_calculator_ops mixing_ops = {
    .name = "mixing",
    .start = mixing_start,
    .progress = mixing_progress,
    .wait = mixing_wait,
    .finish = mixing_finish,
    .cancel = mixing_cancel,
    .destroy = mixing_destroy,
};

lml_status lml_mixing_calculator_create(const lml_mixing_settings *settings, lml_calculator **calculator,
                                        lml_error *error) {
  lml_mixture *self = NULL;
  *calculator = NULL;
  lml_status status = check_settings(settings, error);
  if (status == LML_OK) status = lml_alloc(&self, 1, sizeof *self, "a mixing calculator", error);
  if (status != LML_OK) return status;
  self->settings = *settings;
  status = prepare(self, error);
  if (status == LML_OK) status = lml_calculator_create(&mixing_ops, self, calculator, error);
  if (status != LML_OK) free_own(self);
  return status;
}

/* ---- what others see of it, and do with it ---- */

lml_mixture *lml_mixture_of(lml_calculator *calculator) { return lml_calculator_self(calculator, &mixing_ops); }

lml_status lml_mixture_check(const lml_mixture *mixture, const lml_structure *structure, lml_error *error) {
  return check_structure(mixture, structure, error);
}

/** Whether the ML calculator can stand in for those of the regions that may be skipped. */
static lml_status check_skips(const lml_mixture *mixture, const lml_mixing_region *regions, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t r = 0; r < mixture->settings.nregions && status == LML_OK; r++)
    if (mixture->skip.applies != NULL && mixture->skip.applies(mixture->skip.context, r))
      status = lml_skip_check(&regions[r], &mixture->unknown, &mixture->parent, error);
  return status;
}

lml_status lml_mixture_take(lml_mixture *mixture, const lml_mixing_region *regions, lml_error *error) {
  const size_t nregions = mixture->settings.nregions;
  lml_status status = check_overlap(regions, nregions, error);
  if (status == LML_OK)
    status = lml_unknown_species_check(&mixture->unknown, &mixture->parent, regions, nregions, error);
  if (status == LML_OK) status = check_skips(mixture, regions, error);
  for (size_t r = 0; r < nregions && status == LML_OK; r++) {
    mixture->regions[r].region = regions[r].region;
    mixture->regions[r].cluster = regions[r].cluster;
  }
  return status;
}

lml_mixing_parts lml_mixture_parts(const lml_mixture *mixture) {
  return (lml_mixing_parts){.regions = mixture->regions,
                            .nregions = mixture->settings.nregions,
                            .unknown = &mixture->unknown,
                            .foreign_distance = mixture->settings.foreign_distance,
                            .cutoff = mixture->settings.cutoff,
                            .ml = &mixture->children[0].results,
                            .energy = mixture->settings.energy};
}

const lml_results *lml_mixture_region(const lml_mixture *mixture, size_t r, lml_mixing_answer *answer) {
  if (answer != NULL) *answer = mixture->children[r + 1].answer;
  return &mixture->children[r + 1].results;
}

double lml_mixture_share(const lml_mixture *mixture, size_t r) { return mixture->children[r + 1].share; }

void lml_mixture_choose_first(lml_mixture *mixture, const lml_mixing_choice *choice) {
  mixture->choice = choice == NULL ? (lml_mixing_choice){.choose = NULL} : *choice;
}

void lml_mixture_set_cache(lml_mixture *mixture, const lml_mixing_cache *cache) { mixture->cache = *cache; }

lml_status lml_mixture_set_skip(lml_mixture *mixture, const lml_mixing_skip *skip, lml_error *error) {
  static const char *const name = LML_SKIP_SIGMA;
  const lml_request wanted = {&name, 1};
  const size_t natoms = mixture->parent.natoms;
  mixture->skip = *skip;
  lml_status status = check_skips(mixture, mixture->regions, error);
  if (status == LML_OK) {
    status = lml_calculator_check(mixture->settings.ml, &wanted, error);
    if (status != LML_OK) lml_fail_context(error, "skip");
  }
  if (status == LML_OK && mixture->sigmas == NULL)
    status = lml_alloc(&mixture->sigmas, 3 * natoms, sizeof *mixture->sigmas, "uncertainties of forces", error);
  if (status != LML_OK) mixture->skip = (lml_mixing_skip){0};
  return status;
}
