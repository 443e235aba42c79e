#include "session/adaptive_region.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "mixing/uncertain_region.h"

/** One region of one replica. */
typedef struct track {
  lml_region region;     /**< no labels: the replica was not seen yet */
  lml_cluster *cluster;  /**< perhaps that of other replicas too, or of the mixture as it was made */
  size_t age;            /**< evaluations since the region followed */
  unsigned short *looks; /**< of each atom, of uncertain ones where they are counted; NULL: they are not */
  size_t foremost;       /**< of uncertain atoms: the one that is most so */
  bool restored;         /**< the region and its age are the log's for the evaluation that comes */
} track;

struct lml_adaptive_regions {
  lml_adaptive_regions_settings settings; /**< but for the regions, which are below */
  lml_adaptive_regions_region *regions;
  size_t nregions;
  lml_mixing_region *made, *current; /**< the mixture's regions as they were made, and as it has them */
  track **replicas;                  /**< nregions tracks each */
  size_t nreplicas, capacity;
  lml_region_state *states;
  track *awaited; /**< of the replica whose regions are chosen in its evaluation */
  lml_uncertain_needs needs;
  lml_request request; /**< for these */
  lml_uncertain_scores scores;
  bool *told; /**< of each region: that more atoms are uncertain than may be in it */
};

/** Whether region @p r moves with the uncertainty. */
static bool is_uncertain(const lml_adaptive_regions *adaptive, size_t r) {
  const lml_adaptive_regions_region *region = &adaptive->regions[r];
  return region->update > 0 && region->region->selection == LML_REGION_UNCERTAIN;
}

lml_status lml_adaptive_regions_create(const lml_adaptive_regions_settings *settings, lml_adaptive_regions **adaptive,
                                       lml_error *error) {
  lml_status status = lml_alloc(adaptive, 1, sizeof **adaptive, "regions that move", error);
  if (status != LML_OK) return status;
  lml_adaptive_regions *created = *adaptive;
  created->settings = *settings;
  const lml_mixing_parts parts = lml_mixture_parts(settings->mixture);
  const size_t nregions = parts.nregions;
  status = lml_alloc(&created->regions, nregions, sizeof *created->regions, "regions that move", error);
  if (status == LML_OK) status = lml_alloc(&created->made, nregions, sizeof *created->made, "QM regions", error);
  if (status == LML_OK) status = lml_alloc(&created->current, nregions, sizeof *created->current, "QM regions", error);
  if (status == LML_OK) status = lml_alloc(&created->states, nregions, sizeof *created->states, "QM regions", error);
  if (status == LML_OK) status = lml_alloc(&created->told, nregions, sizeof *created->told, "QM regions", error);
  if (status != LML_OK) {
    lml_adaptive_regions_destroy(created);
    *adaptive = NULL;
    return status;
  }
  created->nregions = nregions;
  memcpy(created->regions, settings->regions, nregions * sizeof *created->regions);
  memcpy(created->made, parts.regions, nregions * sizeof *created->made);
  memcpy(created->current, parts.regions, nregions * sizeof *created->current);
  for (size_t r = 0; r < nregions; r++)
    if (is_uncertain(created, r)) lml_uncertain_needs_add(&created->needs, &created->regions[r].region->uncertain);
  created->request = (lml_request){.names = created->needs.names, .count = created->needs.count};
  return LML_OK;
}

/* ---- clusters, which replicas may share ---- */

static bool same_cell(const double *one, const double *two) {
  for (size_t k = 0; k < 9; k++)
    if (!(fabs(one[k] - two[k]) <= LML_RECALL_TOLERANCE)) return false;
  return true;
}

static bool fits(const lml_cluster *cluster, const lml_region *region, const double *cell) {
  return cluster != NULL && lml_cluster_is_of(cluster, region) &&
         (cell == NULL || same_cell(cluster->structure.cell, cell));
}

/** A cluster of region @p r that has the atoms of @p region, and the cell @p cell unless that is NULL: its own if it
 *  fits, else that of others; NULL where there is none. */
static lml_cluster *find_cluster(const lml_adaptive_regions *adaptive, size_t r, const track *own,
                                 const lml_region *region, const double *cell) {
  if (fits(own->cluster, region, cell)) return own->cluster;
  if (fits(adaptive->made[r].cluster, region, cell)) return adaptive->made[r].cluster;
  for (size_t i = 0; i < adaptive->nreplicas; i++) {
    lml_cluster *cluster = adaptive->replicas[i] == NULL ? NULL : adaptive->replicas[i][r].cluster;
    if (fits(cluster, region, cell)) return cluster;
  }
  return NULL;
}

static lml_status make_cluster(const lml_adaptive_regions *adaptive, size_t r, const lml_region *region,
                               const lml_structure *structure, const double *cell, lml_cluster **cluster,
                               lml_error *error) {
  lml_cluster_settings settings = adaptive->regions[r].cluster;
  settings.cell = cell;
  lml_status status = lml_alloc(cluster, 1, sizeof **cluster, "a cluster", error);
  if (status != LML_OK) return status;
  status = lml_cluster_make(*cluster, region, structure, &settings, error);
  if (status == LML_OK) return LML_OK;
  lml_free(*cluster);
  *cluster = NULL;
  return status;
}

/** Let go of a track's cluster, and free it where nobody else has it. */
static void release_cluster(const lml_adaptive_regions *adaptive, size_t r, track *own) {
  lml_cluster *cluster = own->cluster;
  own->cluster = NULL;
  if (cluster == NULL || cluster == adaptive->made[r].cluster) return;
  for (size_t i = 0; i < adaptive->nreplicas; i++)
    if (adaptive->replicas[i] != NULL && adaptive->replicas[i][r].cluster == cluster) return;
  lml_cluster_free(cluster);
  lml_free(cluster);
}

/* ---- one region of one replica ---- */

/** The region is @p next from now on, which is emptied. */
static lml_status settle(const lml_adaptive_regions *adaptive, size_t r, track *own, lml_region *next,
                         const double *cell, const lml_structure *structure, lml_error *error) {
  lml_cluster *cluster = find_cluster(adaptive, r, own, next, cell);
  lml_status status = LML_OK;
  if (cluster == NULL) status = make_cluster(adaptive, r, next, structure, cell, &cluster, error);
  if (status != LML_OK) {
    lml_region_free(next);
    return status;
  }
  if (own->cluster != NULL && own->cluster != cluster)
    lml_log_line(adaptive->settings.log, LML_LOG_INFO, "region %s: other atoms, %zu QM of %zu in the cluster",
                 adaptive->made[r].name, next->counts[LML_REGION_QM], cluster->structure.natoms);
  if (own->cluster != cluster) release_cluster(adaptive, r, own);
  own->cluster = cluster;
  lml_region_free(&own->region);
  own->region = *next;
  *next = (lml_region){0};
  return LML_OK;
}

/** Room for the looks at atoms, where they are counted. */
static lml_status count_looks(const lml_adaptive_regions *adaptive, size_t r, track *own, size_t natoms,
                              lml_error *error) {
  if (!is_uncertain(adaptive, r) || !lml_uncertain_counts_looks(&adaptive->regions[r].region->uncertain)) return LML_OK;
  return own->looks != NULL ? LML_OK
                            : lml_alloc(&own->looks, natoms, sizeof *own->looks, "looks at uncertain atoms", error);
}

/** Make the region that was known at this place. */
static lml_status restore(const lml_adaptive_regions *adaptive, size_t r, track *own,
                          const lml_result_cache_region *known, const lml_structure *structure, lml_region *region,
                          lml_error *error) {
  unsigned char *labels;
  lml_status status = lml_alloc(&labels, structure->natoms, 1, "region labels", error);
  if (status == LML_OK) status = count_looks(adaptive, r, own, structure->natoms, error);
  for (size_t i = 0; i < known->natoms && status == LML_OK; i++) labels[known->parents[i]] = known->labels[i];
  for (size_t k = 0; k < known->nrows && own->looks != NULL && status == LML_OK; k++)
    if (known->looks[k] >= 0 && known->looks[k] <= LML_UNCERTAIN_LOOKS_MAX)
      own->looks[known->atoms[k]] = (unsigned short)known->looks[k];
  own->age = known->age;
  own->restored = true;
  own->foremost = known->foremost;
  if (status == LML_OK) status = lml_region_restore(region, adaptive->regions[r].region, structure, labels, error);
  lml_free(labels);
  return status;
}

/** Let the region of a replica that was not seen yet be what the log has. */
static lml_status begin_as_logged(const lml_adaptive_regions *adaptive, size_t r, track *own,
                                  const lml_structure *structure, lml_error *error) {
  lml_recorder *recorder = adaptive->settings.recorder;
  lml_result_cache_region known = {0};
  lml_region region = {0};
  if (own->region.labels != NULL || recorder == NULL || !lml_recorder_find_region(recorder, r, structure, &known))
    return LML_OK;
  const lml_status status = restore(adaptive, r, own, &known, structure, &region, error);
  return status == LML_OK ? settle(adaptive, r, own, &region, known.cluster_cell, structure, error) : status;
}

/** The region as the ML calculator's results of this evaluation want it. */
static lml_status look(lml_adaptive_regions *adaptive, size_t r, track *own, const lml_structure *structure,
                       lml_region *next, lml_error *error) {
  const lml_region_settings *settings = adaptive->regions[r].region;
  const lml_mixing_parts parts = lml_mixture_parts(adaptive->settings.mixture);
  const lml_uncertain_source source = {.structure = structure,
                                       .unknown = parts.unknown,
                                       .distance = parts.foreign_distance,
                                       .cutoff = parts.cutoff,
                                       .ml = parts.ml};
  lml_status status = lml_uncertain_scores_take(&adaptive->scores, &settings->uncertain, &source, error);
  if (status == LML_OK) status = count_looks(adaptive, r, own, structure->natoms, error);
  if (status != LML_OK) return status;
  lml_uncertain_choice choice = {.settings = settings,
                                 .structure = structure,
                                 .scores = &adaptive->scores,
                                 .held = adaptive->settings.held,
                                 .last = own->region.labels,
                                 .looks = own->looks};
  status = lml_uncertain_region_make(next, &choice, error);
  own->foremost = choice.foremost;
  if (status == LML_OK && !adaptive->told[r])
    adaptive->told[r] = lml_uncertain_region_tell_bound(&settings->uncertain, adaptive->made[r].name, choice.nwanted,
                                                        adaptive->settings.log);
  return status;
}

static lml_status make_next(lml_adaptive_regions *adaptive, size_t r, track *own, const lml_structure *structure,
                            lml_region *next, lml_error *error) {
  const lml_region_settings *settings = adaptive->regions[r].region;
  if (is_uncertain(adaptive, r)) return look(adaptive, r, own, structure, next, error);
  return own->region.labels == NULL ? lml_region_make(next, settings, structure, NULL, error)
                                    : lml_region_follow(next, settings, structure, own->region.labels, error);
}

/** Whether the region is to be made, or made anew, in the evaluation that comes. */
static bool is_due(const lml_adaptive_regions *adaptive, size_t r, const track *own) {
  return own->region.labels == NULL || (!own->restored && own->age + 1 >= adaptive->regions[r].update);
}

static lml_status follow(lml_adaptive_regions *adaptive, size_t r, track *own, const lml_structure *structure,
                         lml_error *error) {
  const bool due = is_due(adaptive, r, own);
  own->age = due ? 0 : own->age + (own->restored ? 0 : 1);
  own->restored = false;
  if (!due) return LML_OK;
  lml_region next = {0};
  const lml_status status = make_next(adaptive, r, own, structure, &next, error);
  return status == LML_OK ? settle(adaptive, r, own, &next, NULL, structure, error) : status;
}

/* ---- all of them ---- */

static lml_status find_tracks(lml_adaptive_regions *adaptive, size_t replica, track **tracks, lml_error *error) {
  lml_status status = lml_grow(&adaptive->replicas, &adaptive->capacity, replica + 1, sizeof(track *),
                               "replicas of regions that move", error);
  if (status != LML_OK) return status;
  while (adaptive->nreplicas <= replica) adaptive->replicas[adaptive->nreplicas++] = NULL;
  if (adaptive->replicas[replica] == NULL)
    status = lml_alloc(&adaptive->replicas[replica], adaptive->nregions, sizeof **adaptive->replicas,
                       "a replica of regions that move", error);
  *tracks = adaptive->replicas[replica];
  return status;
}

/** Let the mixture have the regions of a replica. */
static lml_status follow_all(lml_adaptive_regions *adaptive, track *tracks, const lml_structure *structure,
                             lml_error *error) {
  lml_status status = LML_OK;
  for (size_t r = 0; r < adaptive->nregions && status == LML_OK; r++) {
    track *own = &tracks[r];
    if (adaptive->regions[r].update == 0) continue;
    status = follow(adaptive, r, own, structure, error);
    if (status != LML_OK) lml_fail_context(error, "region %s", adaptive->made[r].name);
    adaptive->current[r].region = &own->region;
    adaptive->current[r].cluster = own->cluster;
    adaptive->states[r] = (lml_region_state){
        .age = own->age, .looks = own->looks, .uncertain = is_uncertain(adaptive, r), .foremost = own->foremost};
  }
  if (status == LML_OK) status = lml_mixture_take(adaptive->settings.mixture, adaptive->current, error);
  if (status != LML_OK) lml_adaptive_regions_forget(adaptive); /* the mixture may have what is freed */
  return status;
}

static lml_status choose(void *context, const lml_structure *structure, lml_error *error) {
  lml_adaptive_regions *adaptive = context;
  return follow_all(adaptive, adaptive->awaited, structure, error);
}

lml_status lml_adaptive_regions_follow(lml_adaptive_regions *adaptive, size_t replica, const lml_structure *structure,
                                       lml_error *error) {
  const lml_mixing_choice choice = {.needs = adaptive->request, .choose = choose, .context = adaptive};
  track *tracks = NULL;
  bool awaits = false;
  lml_status status = lml_structure_check(structure, error);
  if (status == LML_OK) status = lml_mixture_check(adaptive->settings.mixture, structure, error);
  if (status == LML_OK) status = find_tracks(adaptive, replica, &tracks, error);
  for (size_t r = 0; r < adaptive->nregions && status == LML_OK; r++) {
    if (adaptive->regions[r].update == 0) continue;
    status = begin_as_logged(adaptive, r, &tracks[r], structure, error);
    if (status != LML_OK) lml_fail_context(error, "region %s", adaptive->made[r].name);
    awaits = awaits || (is_uncertain(adaptive, r) && is_due(adaptive, r, &tracks[r]));
  }
  lml_mixture_choose_first(adaptive->settings.mixture, status == LML_OK && awaits ? &choice : NULL);
  adaptive->awaited = tracks;
  if (status == LML_OK) return awaits ? LML_OK : follow_all(adaptive, tracks, structure, error);
  lml_adaptive_regions_forget(adaptive);
  return status;
}

const lml_request *lml_adaptive_regions_needs(const lml_adaptive_regions *adaptive) { return &adaptive->request; }

const lml_region_state *lml_adaptive_regions_states(const lml_adaptive_regions *adaptive) { return adaptive->states; }

void lml_adaptive_regions_forget(lml_adaptive_regions *adaptive) {
  if (adaptive->nreplicas == 0) return;
  /* They were taken once. */
  (void)lml_mixture_take(adaptive->settings.mixture, adaptive->made, NULL);
  for (size_t i = 0; i < adaptive->nreplicas; i++) {
    track *tracks = adaptive->replicas[i];
    for (size_t r = 0; tracks != NULL && r < adaptive->nregions; r++) {
      release_cluster(adaptive, r, &tracks[r]);
      lml_region_free(&tracks[r].region);
      lml_free(tracks[r].looks);
    }
    lml_free(tracks);
    adaptive->replicas[i] = NULL;
  }
  adaptive->nreplicas = 0;
}

void lml_adaptive_regions_destroy(lml_adaptive_regions *adaptive) {
  if (adaptive == NULL) return;
  lml_adaptive_regions_forget(adaptive);
  lml_free(adaptive->regions);
  lml_free(adaptive->made);
  lml_free(adaptive->current);
  lml_free(adaptive->states);
  lml_free(adaptive->told);
  lml_uncertain_scores_free(&adaptive->scores);
  lml_free(adaptive->replicas);
  lml_free(adaptive);
}
