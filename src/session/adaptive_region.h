/** @file adaptive_region.h
 *  Regions of a mixture that follow their seeds, or what the ML calculator is uncertain of. What they were before
 * decides what they are next, so that each replica of the driver has its own; the mixture is given those of the replica
 * that comes next.
 *
 *  A replica begins with the atoms within the inner radius, or above the inner threshold; where the force log has an
 * evaluation with the same atoms at the same places, with the region as it was then. Every `update` of its evaluations
 * the region follows; by uncertainty, it does so within the evaluation, once the ML calculator has looked at that very
 * structure. Clusters with the same atoms, of whichever replica, are one: an engine that goes from one to the other
 * notices nothing.
 */
#ifndef LML_SESSION_ADAPTIVE_REGION_H
#define LML_SESSION_ADAPTIVE_REGION_H

#include <stddef.h>

#include "base/log.h"
#include "mixing/mixing_calculator.h"
#include "session/recorder.h"

/** How a region moves. */
typedef struct lml_adaptive_regions_region {
  const lml_region_settings *region;
  lml_cluster_settings cluster;
  size_t update; /**< evaluations of a replica from one look at the atoms to the next; 0: the region stays */
} lml_adaptive_regions_region;

/** Everything is the caller's and must outlive it; the array is copied. */
typedef struct lml_adaptive_regions_settings {
  lml_mixture *mixture;
  const lml_adaptive_regions_region *regions; /**< one for each of the mixture's */
  lml_recorder *recorder;                     /**< knows regions as they were; NULL: nobody does */
  const unsigned char *held;                  /**< atoms that are held, 1 for each that is; NULL: none is */
  const lml_log *log;
} lml_adaptive_regions_settings;

typedef struct lml_adaptive_regions lml_adaptive_regions;

lml_status lml_adaptive_regions_create(const lml_adaptive_regions_settings *settings, lml_adaptive_regions **adaptive,
                                       lml_error *error);

/** Give the mixture the regions with which replica @p replica, of those numbered from 0, is evaluated at @p structure;
 *  or let it ask for them in the evaluation, which must be the next one (lml_mixture_choose_first). LML_ERR_INPUT where
 *  the mixture cannot be that of the structure, or with these regions. Where it fails, now or then, all replicas are
 *  forgotten. */
lml_status lml_adaptive_regions_follow(lml_adaptive_regions *adaptive, size_t replica, const lml_structure *structure,
                                       lml_error *error);

/** What each region of the replica that was evaluated last is, beyond its atoms; valid until the next evaluation. */
const lml_region_state *lml_adaptive_regions_states(const lml_adaptive_regions *adaptive);

/** What regions need of the ML calculator's results; as long as the regions. */
const lml_request *lml_adaptive_regions_needs(const lml_adaptive_regions *adaptive);

/** Forget all replicas: each begins anew. The mixture has the regions that it was made with. */
void lml_adaptive_regions_forget(lml_adaptive_regions *adaptive);

/** NULL is fine. */
void lml_adaptive_regions_destroy(lml_adaptive_regions *adaptive);

#endif
