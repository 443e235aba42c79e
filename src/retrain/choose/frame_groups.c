#include "retrain/choose/frame_groups.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "retrain/choose/fingerprint.h"

static const char what[] = "groups of frames";

/** Frames are equivalent where they differ by less than this part of what the frame differs from the NEAR-th nearest
 *  other one, or by less than that part of how its own atoms differ. Equivalent images of the relaxed path in the
 *  paper's data are below 0.02 and 0.0011, neighbouring ones above 0.1 and 0.02. */
static const double part_of_distance = 0.05, part_of_spread = 0.002;

/** Number of the near frame whose distance is the measure, as equivalent frames may come in several; and frames that
 * are looked at for it, at most. */
enum { NEAR = 8, SAMPLED = 512 };

/** One target frame. */
typedef struct {
  lml_dataset *set;
  lml_dataset_frame *frame;
  size_t group;
} member;

/** All of them. */
typedef struct {
  member *members;
  size_t count;
  size_t *leaders; /**< of each group, the first member */
  size_t ngroups;
} grouping;

static lml_status list_members(grouping *g, lml_dataset *sets, size_t nsets, lml_error *error) {
  for (size_t s = 0; s < nsets; s++) g->count += sets[s].role == LML_ROLE_TARGET ? sets[s].nframes : 0;
  lml_status status = lml_alloc(&g->members, g->count, sizeof *g->members, what, error);
  if (status == LML_OK) status = lml_alloc(&g->leaders, g->count, sizeof *g->leaders, what, error);
  for (size_t s = 0, k = 0; s < nsets && status == LML_OK; s++)
    for (size_t i = 0; i < sets[s].nframes && sets[s].role == LML_ROLE_TARGET; i++)
      g->members[k++] = (member){.set = &sets[s], .frame = &sets[s].frames[i]};
  return status;
}

static void begin_group(grouping *g, size_t k) {
  g->members[k].group = g->ngroups;
  g->leaders[g->ngroups++] = k;
}

static int by_index(const void *key, const void *element) {
  const size_t a = *(const size_t *)key, b = ((const lml_dataset_frame *)element)->index;
  return a < b ? -1 : a > b;
}

/** The same frame of the same file in an earlier set: its energy may be a target beside its forces. NULL: none. */
static const member *find_same(const grouping *g, size_t k) {
  const member *m = &g->members[k];
  for (size_t i = 0; g->members[i].set != m->set; i += g->members[i].set->nframes) {
    const lml_dataset *set = g->members[i].set;
    if (set->source != m->set->source || strcmp(set->path, m->set->path) != 0) continue;
    const lml_dataset_frame *same = bsearch(&m->frame->index, set->frames, set->nframes, sizeof *set->frames, by_index);
    if (same != NULL) return &g->members[i + (size_t)(same - set->frames)];
  }
  return NULL;
}

/* ---- by fingerprints ---- */

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/** Below what distance another frame is equivalent to frame @p k. @p nleading has room for SAMPLED numbers. */
static double find_tolerance(const lml_fingerprints *prints, size_t k, double *nleading) {
  const size_t stride = 1 + (prints->count - 1) / SAMPLED;
  size_t count = 0;
  for (size_t i = 0; i < prints->count; i += stride) {
    const double distance = i == k ? INFINITY : lml_fingerprint_distance(&prints->frames[k], &prints->frames[i]);
    if (isfinite(distance)) nleading[count++] = distance;
  }
  qsort(nleading, count, sizeof *nleading, by_size);
  const double distance = count == 0 ? 0.0 : nleading[count < NEAR ? count - 1 : NEAR - 1];
  return fmax(part_of_distance * distance, part_of_spread * prints->frames[k].spread);
}

/** The group whose first frame is equivalent to frame @p k; ngroups where there is none. */
static size_t find_group(const grouping *g, const lml_fingerprints *prints, size_t k, double tolerance) {
  for (size_t j = 0; j < g->ngroups; j++)
    if (lml_fingerprint_distance(&prints->frames[k], &prints->frames[g->leaders[j]]) < tolerance) return j;
  return g->ngroups;
}

static lml_status group_by_fingerprints(grouping *g, const lml_fingerprints *prints, lml_error *error) {
  double *nleading;
  const lml_status status = lml_alloc(&nleading, SAMPLED, sizeof *nleading, what, error);
  for (size_t k = 0; k < g->count && status == LML_OK; k++) {
    const member *same = find_same(g, k);
    const size_t group = same != NULL ? same->group : find_group(g, prints, k, find_tolerance(prints, k, nleading));
    g->members[k].group = group;
    if (group == g->ngroups) begin_group(g, k);
  }
  lml_free(nleading);
  return status;
}

/* ---- by names ---- */

/** The value of a frame's info key as text: a text, or a whole number. */
static lml_status read_name(lml_dataset_walk *walk, const char *key, char **name, lml_error *error) {
  const lml_values *value = lml_frame_info(&walk->frame, key);
  char digits[32];
  const bool single = value != NULL && value->count * value->width == 1;
  if (single && value->type == LML_INTEGER) lml_print_cut(digits, sizeof digits, "%" PRId64, value->integers[0]);
  if (!single || (value->type != LML_TEXT && value->type != LML_INTEGER))
    return lml_fail(error, LML_ERR_INPUT, "%s: frame %zu: no text or whole number %s, which fold_groups names",
                    walk->set->path, walk->set->frames[walk->position].index, key);
  *name = lml_strdup(value->type == LML_TEXT ? value->texts[0] : digits, error);
  return *name == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Read the names of the frames of member @p first's set. */
static lml_status read_names(const grouping *g, size_t first, const char *key, char **names, lml_error *error) {
  const lml_dataset *set = g->members[first].set;
  lml_dataset_walk walk = {0};
  if (!lml_dataset_has_structures(set)) return LML_OK;
  lml_status status = lml_dataset_walk_begin(&walk, set, error);
  for (size_t i = 0; i < set->nframes && status == LML_OK; i++) {
    status = lml_dataset_walk_to(&walk, i, error);
    if (status == LML_OK) status = read_name(&walk, key, &names[first + i], error);
  }
  lml_dataset_walk_end(&walk);
  return status;
}

/** The group of that name; a matrix has none, and each of its frames is a group. */
static size_t find_named(const grouping *g, char *const *names, const char *name) {
  size_t j = 0;
  while (j < g->ngroups && (name == NULL || names[g->leaders[j]] == NULL || strcmp(names[g->leaders[j]], name) != 0))
    j++;
  return j;
}

static lml_status group_by_names(grouping *g, const char *key, lml_error *error) {
  char **names;
  lml_status status = lml_alloc(&names, g->count, sizeof *names, what, error);
  for (size_t k = 0; k < g->count && status == LML_OK; k += g->members[k].set->nframes)
    status = read_names(g, k, key, names, error);
  for (size_t k = 0; k < g->count && status == LML_OK; k++) {
    g->members[k].group = find_named(g, names, names[k]);
    if (g->members[k].group == g->ngroups) begin_group(g, k);
  }
  for (size_t k = 0; names != NULL && k < g->count; k++) lml_free(names[k]);
  lml_free(names);
  return status;
}

/* ---- folds ---- */

/** Give each frame its fold on rank 0, and all ranks what they need of that. */
static lml_status share_folds(grouping *g, size_t numbers[2], lml_comm *comm, lml_error *error) {
  for (size_t k = 0; k < g->count && numbers[0] > 0; k++)
    g->members[k].frame->fold = g->members[k].group * numbers[1] / numbers[0];
  lml_status status = lml_comm_broadcast(comm, numbers, 2 * sizeof *numbers, error);
  for (size_t k = 0; k < g->count && status == LML_OK; k++)
    status = lml_comm_broadcast(comm, &g->members[k].frame->fold, sizeof g->members[k].frame->fold, error);
  return status;
}

lml_status lml_frame_groups_find(lml_dataset *sets, size_t nsets, const lml_folding *folding,
                                 const lml_workers *workers, size_t *ngroups, size_t *nfolds, lml_error *error) {
  grouping g = {0};
  lml_fingerprints prints = {0};
  lml_status status = list_members(&g, sets, nsets, error);
  status = lml_comm_agree(workers->comm, status, error);
  if (status == LML_OK && folding->key == NULL) status = lml_fingerprints_make(&prints, workers, sets, nsets, error);
  if (status == LML_OK && lml_comm_rank(workers->comm) == 0)
    status = folding->key == NULL ? group_by_fingerprints(&g, &prints, error) : group_by_names(&g, folding->key, error);
  status = lml_comm_agree(workers->comm, status, error);
  const size_t wanted = folding->nfolds > 0 ? folding->nfolds : LML_FOLDS;
  size_t numbers[2] = {g.ngroups, wanted < g.ngroups ? wanted : g.ngroups};
  if (status == LML_OK) status = share_folds(&g, numbers, workers->comm, error);
  *ngroups = numbers[0];
  *nfolds = numbers[1];
  lml_fingerprints_free(&prints);
  lml_free(g.members);
  lml_free(g.leaders);
  return status;
}
