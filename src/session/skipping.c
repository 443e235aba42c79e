#include "session/skipping.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

const char *const lml_skipping_mode_names[] = {"asks", "skips", "stopped", NULL};

static const char what[] = "regions that are skipped";

/** One region of one replica. */
typedef struct track {
  bool sought;   /**< it was looked for what is known of where it begins */
  bool begun;    /**< it was evaluated */
  bool due;      /**< it is to be asked next, whatever σ is */
  bool renewed;  /**< there are other coefficients since */
  bool restored; /**< the next evaluation is one that was made before */
  lml_skipping_state state;
  size_t natoms, capacity, differences_capacity;
  size_t *parents;     /**< natoms: of the atoms with a difference, ascending */
  double *differences; /**< natoms × 3, eV/Å: d */
} track;

struct lml_skipping {
  lml_skipping_settings settings; /**< but for the regions, which are below */
  lml_skipping_region *regions;
  bool *stopped; /**< of each region: σ is wrong */
  size_t nregions;
  track *tracks; /**< nregions for each replica, one replica after the other */
  size_t ntracks, capacity;
  track *current;                 /**< of the replica that is evaluated ... */
  const lml_structure *structure; /**< ... there */
  lml_skipping_state *states;
  double *differences; /**< natoms × 3, eV/Å: of one region, on their way to its track */
};

/* ---- what the mixture asks ---- */

static bool applies(void *context, size_t r) {
  const lml_skipping *skipping = context;
  return skipping->regions[r].below > 0.0;
}

/* ---- what is remembered ---- */

/** Keep d of the atoms whose force is the region's, of the differences w d that stand there. */
static lml_status keep_differences(const lml_skipping *skipping, track *at, const lml_mixing_region *region, double w,
                                   lml_error *error) {
  const lml_cluster *cluster = region->cluster;
  const size_t natoms = cluster->structure.natoms;
  lml_status status = lml_grow(&at->parents, &at->capacity, natoms, sizeof *at->parents, what, error);
  if (status == LML_OK)
    status = lml_grow(&at->differences, &at->differences_capacity, 3 * natoms, sizeof *at->differences, what, error);
  at->natoms = 0;
  for (size_t i = 0; i < natoms && status == LML_OK; i++) {
    const size_t parent = cluster->parents[i];
    if (region->region->weights[parent] <= 0.0) continue;
    for (size_t x = 0; x < 3; x++) at->differences[3 * at->natoms + x] = skipping->differences[3 * parent + x] / w;
    at->parents[at->natoms++] = parent;
  }
  return status;
}

/** Keep d of a region that was asked. */
static lml_status take_differences(lml_skipping *skipping, track *at, const lml_skip_comparison *c, lml_error *error) {
  const lml_cluster *cluster = c->region->cluster;
  for (size_t i = 0; i < cluster->structure.natoms; i++)
    for (size_t x = 0; x < 3; x++) {
      const size_t k = 3 * cluster->parents[i] + x;
      skipping->differences[k] = c->qm[3 * i + x] - c->ml[k];
    }
  return keep_differences(skipping, at, c->region, 1.0, error);
}

/** Nobody else says why a region is not skipped in this run. */
static void tell_stopped(lml_skipping *skipping, size_t r, const lml_mixing_region *region) {
  skipping->stopped[r] = true;
  lml_log_warning(
      skipping->settings.log,
      "region %s: its errors were more than check_ratio times what the potential's uncertainty says when this "
      "configuration was logged: it is not skipped until there are other coefficients",
      region->name);
}

/** A replica that was not seen yet may go on with what is known of the place at which it begins. */
static lml_status restore(lml_skipping *skipping, size_t r, track *at, const lml_mixing_region *region,
                          const lml_structure *structure, lml_error *error) {
  const lml_skipping_memory *memory = &skipping->settings.memory;
  lml_skipping_state state;
  if (memory->find == NULL || !applies(skipping, r)) return LML_OK;
  memset(skipping->differences, 0, 3 * structure->natoms * sizeof *skipping->differences);
  if (!memory->find(memory->context, r, region, structure, &state, skipping->differences)) return LML_OK;
  if (state.mode == LML_SKIPPING_STOPPED && !skipping->stopped[r]) tell_stopped(skipping, r, region);
  at->begun = at->restored = true;
  at->due = state.age == 0;
  at->state = state;
  if (state.age == 0) return LML_OK;
  at->state.age--;
  return state.share > 0.0 ? keep_differences(skipping, at, region, state.share, error) : LML_OK;
}

/** Look once for how things stood, when the replica's regions are known. */
static lml_status seek(lml_skipping *skipping, size_t r, lml_error *error) {
  track *at = &skipping->current[r];
  if (at->sought) return LML_OK;
  const lml_mixing_parts parts = lml_mixture_parts(skipping->settings.mixture);
  const lml_status status = restore(skipping, r, at, &parts.regions[r], skipping->structure, error);
  at->sought = status == LML_OK;
  return status;
}

/* ---- an evaluation ---- */

static bool asks(void *context, size_t r) {
  lml_skipping *skipping = context;
  const track *at = &skipping->current[r];
  if (seek(skipping, r, NULL) != LML_OK) return true; /* which fails once more when forces are settled */
  if (skipping->stopped[r] || !at->begun || at->due) return true;
  if (at->state.mode != LML_SKIPPING_SKIPS) return !at->renewed;
  return at->state.age + 1 >= skipping->regions[r].check_every;
}

/** A region that is asked is skipped at once where other coefficients are as sure as that. */
static bool doubts(void *context, size_t r, double largest) {
  const lml_skipping *skipping = context;
  const lml_skipping_region *region = &skipping->regions[r];
  return skipping->current[r].state.mode == LML_SKIPPING_SKIPS ? !(largest <= region->above)
                                                               : !(largest < region->below);
}

/** F_ML + w d. An atom that was in the region when d was found, and is not any more, has no weight there; one that has
 *  come since has no d. */
static void add_differences(const track *at, const lml_skip_comparison *c, double share, double *forces) {
  const lml_cluster *cluster = c->region->cluster;
  for (size_t i = 0, k = 0; i < cluster->structure.natoms; i++) {
    const size_t parent = cluster->parents[i];
    while (k < at->natoms && at->parents[k] < parent) k++;
    const bool has = share > 0.0 && k < at->natoms && at->parents[k] == parent;
    for (size_t x = 0; x < 3; x++)
      forces[3 * i + x] = c->ml[3 * parent + x] + (has ? share * at->differences[3 * k + x] : 0.0);
  }
}

/** The share of this evaluation, of a region that is skipped from now on or asked. */
static double next_share(const lml_skipping_region *region, const track *at, bool skips) {
  const double step = region->blend > 1 ? 1.0 / (double)region->blend : 1.0;
  if (!at->begun) return skips ? 0.0 : 1.0;
  if (at->restored) return at->state.share;
  if (skips && at->natoms == 0) return 0.0; /* other coefficients know what d was of */
  return skips ? fmax(at->state.share - step, 0.0) : fmin(at->state.share + step, 1.0);
}

/** The region's answer has told how large the error is. */
static void check(lml_skipping *skipping, size_t r, const lml_skip_comparison *c) {
  const lml_skipping_region *region = &skipping->regions[r];
  const double ratio = c->error / c->sigma;
  lml_log_line(skipping->settings.log, LML_LOG_INFO,
               "region %s: error of the potential's forces %.4f eV/Å, sigma %.4f eV/Å (largest %.4f), ratio %.2f",
               c->region->name, c->error, c->sigma, c->largest, ratio);
  if (!(ratio > region->check_ratio) || skipping->stopped[r]) return;
  skipping->stopped[r] = true;
  lml_log_warning(skipping->settings.log,
                  "region %s: the errors of the potential's forces are %.2f times what its uncertainty says, more than "
                  "check_ratio, %g: the region is not skipped any more until there are other coefficients",
                  c->region->name, ratio, region->check_ratio);
}

static void tell_change(const lml_skipping *skipping, const lml_skip_comparison *c, lml_skipping_mode before,
                        lml_skipping_mode after) {
  if ((before == LML_SKIPPING_SKIPS) == (after == LML_SKIPPING_SKIPS)) return;
  lml_log_line(skipping->settings.log, LML_LOG_INFO, "region %s: %s, sigma is %.4f eV/Å", c->region->name,
               after == LML_SKIPPING_SKIPS ? "is skipped from now on" : "is asked again", c->largest);
}

static lml_status settle(void *context, size_t r, const lml_skip_comparison *c, double *forces, double *share,
                         lml_error *error) {
  lml_skipping *skipping = context;
  const lml_skipping_region *region = &skipping->regions[r];
  track *at = &skipping->current[r];
  const bool asked = c->qm != NULL;
  lml_status status = seek(skipping, r, error);
  const lml_skipping_mode before = at->state.mode;
  if (status == LML_OK && asked) status = take_differences(skipping, at, c, error);
  if (status != LML_OK) return status;
  if (asked) check(skipping, r, c);
  const bool trusted = !skipping->stopped[r];
  const bool goes_on = before == LML_SKIPPING_SKIPS && !doubts(context, r, c->largest);
  const bool skips = trusted && (!asked || goes_on);
  *share = next_share(region, at, skips);
  add_differences(at, c, *share, forces);
  /* A region that is asked all the time is asked once more in the evaluation in which σ has become small. */
  const bool next = skips || (asked && trusted && c->largest < region->below);
  at->state = (lml_skipping_state){.mode = !trusted ? LML_SKIPPING_STOPPED
                                           : next   ? LML_SKIPPING_SKIPS
                                                    : LML_SKIPPING_ASKS,
                                   .share = *share,
                                   .age = asked ? 0 : at->state.age + 1};
  at->begun = true;
  at->due = at->renewed = at->restored = false;
  skipping->states[r] = at->state;
  tell_change(skipping, c, before, at->state.mode);
  return LML_OK;
}

/** What was known of a region whose atoms have all left it is of other places than where it begins anew. */
static void rests(void *context, size_t r) {
  lml_skipping *skipping = context;
  track *at = &skipping->current[r];
  (void)seek(skipping, r, NULL); /* for whether σ is wrong, which is of all replicas */
  at->begun = at->due = at->renewed = at->restored = false;
  at->natoms = 0;
  at->state = (lml_skipping_state){.mode = skipping->stopped[r] ? LML_SKIPPING_STOPPED : LML_SKIPPING_ASKS};
  skipping->states[r] = at->state;
}

/* ---- making ---- */

lml_status lml_skipping_create(const lml_skipping_settings *settings, lml_skipping **skipping, lml_error *error) {
  const lml_mixing_parts parts = lml_mixture_parts(settings->mixture);
  lml_skipping *created;
  lml_status status = lml_alloc(skipping, 1, sizeof **skipping, what, error);
  if (status != LML_OK) return status;
  created = *skipping;
  created->settings = *settings;
  created->nregions = parts.nregions;
  status = lml_alloc(&created->regions, parts.nregions, sizeof *created->regions, what, error);
  if (status == LML_OK) status = lml_alloc(&created->stopped, parts.nregions, sizeof *created->stopped, what, error);
  if (status == LML_OK) status = lml_alloc(&created->states, parts.nregions, sizeof *created->states, what, error);
  if (status == LML_OK)
    status = lml_alloc(&created->differences, 3 * parts.regions[0].region->natoms, sizeof *created->differences, what,
                       error);
  if (status == LML_OK) {
    memcpy(created->regions, settings->regions, parts.nregions * sizeof *created->regions);
    const lml_mixing_skip skip = {
        .applies = applies, .asks = asks, .doubts = doubts, .settle = settle, .rests = rests, .context = created};
    status = lml_mixture_set_skip(settings->mixture, &skip, error);
  }
  if (status == LML_OK) return LML_OK;
  lml_skipping_destroy(created);
  *skipping = NULL;
  return status;
}

/* ---- replicas ---- */

lml_status lml_skipping_begin(lml_skipping *skipping, size_t replica, const lml_structure *structure,
                              lml_error *error) {
  const size_t first = replica * skipping->nregions, end = first + skipping->nregions;
  const lml_status status =
      lml_grow(&skipping->tracks, &skipping->capacity, end, sizeof *skipping->tracks, what, error);
  if (status != LML_OK) return status;
  while (skipping->ntracks < end) skipping->tracks[skipping->ntracks++] = (track){0};
  skipping->current = &skipping->tracks[first];
  skipping->structure = structure;
  for (size_t r = 0; r < skipping->nregions; r++) skipping->states[r] = skipping->current[r].state;
  return LML_OK;
}

const lml_skipping_state *lml_skipping_states(const lml_skipping *skipping) { return skipping->states; }

void lml_skipping_part(const lml_skipping *skipping, const double *forces, double *parts) {
  const lml_mixing_parts of = lml_mixture_parts(skipping->settings.mixture);
  const size_t natoms = of.regions[0].region->natoms;
  memset(parts, 0, 3 * natoms * sizeof *parts);
  for (size_t r = 0; r < of.nregions; r++) {
    const double missing = 1.0 - lml_mixture_share(skipping->settings.mixture, r);
    for (size_t k = 0; k < 3 * natoms && missing > 0.0; k++)
      parts[k] += missing * of.regions[r].region->weights[k / 3] * forces[k];
  }
}

void lml_skipping_renew(lml_skipping *skipping) {
  for (size_t k = 0; k < skipping->ntracks; k++) {
    track *at = &skipping->tracks[k];
    at->renewed = true;
    at->natoms = 0;
    if (at->state.mode == LML_SKIPPING_STOPPED) at->state.mode = LML_SKIPPING_ASKS;
  }
  memset(skipping->stopped, 0, skipping->nregions * sizeof *skipping->stopped);
}

void lml_skipping_forget(lml_skipping *skipping) {
  for (size_t k = 0; k < skipping->ntracks; k++) {
    lml_free(skipping->tracks[k].parents);
    lml_free(skipping->tracks[k].differences);
  }
  skipping->ntracks = 0;
  skipping->current = NULL;
}

void lml_skipping_destroy(lml_skipping *skipping) {
  if (skipping == NULL) return;
  lml_skipping_forget(skipping);
  lml_free(skipping->tracks);
  lml_free(skipping->regions);
  lml_free(skipping->stopped);
  lml_free(skipping->states);
  lml_free(skipping->differences);
  lml_free(skipping);
}
