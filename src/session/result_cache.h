/** @file result_cache.h
 *  What quantum codes have computed already, so that it is never paid for twice: which frames of the force log may hold
 *  it, without their numbers, which stay in the log.
 *
 *  A cluster is looked up by a few sums over its atoms that do not change when an atom is moved by a lattice vector,
 * and little when it is moved a little. They say what can't be the same; what may be is read from the log and compared.
 */
#ifndef LML_SESSION_RESULT_CACHE_H
#define LML_SESSION_RESULT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/structure.h"
#include "session/force_log.h"

enum {
  LML_RECALL_KEYS = 4,     /**< sums over a cluster's atoms */
  LML_RECALL_PROBES = 2,   /**< atoms of a cluster whose places are kept */
  LML_RECALL_MOST = 200000 /**< results that are remembered, 37 MB; one more, and the older half of them is forgotten */
};

/** Coordinates count as the same that differ by less than the larger of this, in Å, and this part of their size: an
 *  i-PI restart has nine digits of them. */
#define LML_RECALL_TOLERANCE 1e-8

/** Å, for what is but rounding. */
#define LML_RECALL_ROUNDING 1e-10

/** A region's cluster as it lies in its parent, with the forces on it. Row rows[i] of positions, labels and forces
 *  belongs to the cluster's atom i, whose index in the parent is parents[i]. All is borrowed. */
typedef struct lml_result_cache_point {
  size_t region; /**< number of the region, from 0 */
  size_t natoms; /**< of the cluster */
  const size_t *parents;
  const size_t *rows;
  const double *positions;     /**< Å, three per row */
  const unsigned char *labels; /**< lml_region_label, one per row; NULL, where points are compared: any */
  const double *cell;          /**< 9, Å, of the parent */
  const bool *pbc;             /**< 3, of the parent */
  const double *cluster_cell;  /**< 9, Å */
  const double *forces;        /**< eV/Å, three per row; NULL: not known */
  const char *engine;          /**< what decides the forces */
  const char *rule;            /**< how the region moves; NULL: it stays */
  long age;                    /**< evaluations since it had followed its seeds; negative: it did not */
  size_t foremost; /**< of a region without atoms: the index of the most uncertain one, which it is found by */
  const double *foremost_at; /**< its place, Å; NULL: it is not known */
  bool recalled;             /**< its forces were found, not computed */
} lml_result_cache_point;

/** What is kept of a point that stands in the log; plain data. */
typedef struct lml_result_cache_entry {
  lml_log_place place;
  uint32_t region; /**< LML_RECALL_NOTHING: there is nothing to find in this frame */
  uint32_t natoms;
  int64_t age;
  uint64_t engine, rule, shape; /**< hashes; the last of atoms, labels and periodicity */
  double keys[LML_RECALL_KEYS];
  double places[LML_RECALL_PROBES][3]; /**< Å */
  uint32_t probes[LML_RECALL_PROBES];  /**< indices in the parent */
  uint64_t recalled;
} lml_result_cache_entry;

#define LML_RECALL_NOTHING UINT32_MAX

/** What a point looks like in the log; @p widths (may be NULL) is by how much each key may be another for a point that
 *  counts as the same. */
lml_result_cache_entry lml_result_cache_describe(const lml_result_cache_point *point, double widths[LML_RECALL_KEYS]);

/** An entry's place by its first key. */
typedef struct lml_result_cache_order {
  double key;
  uint32_t entry;
} lml_result_cache_order;

/** Initialise with `lml_result_cache r = {0};`, release with lml_result_cache_free. */
typedef struct lml_result_cache {
  lml_result_cache_entry *entries; /**< in the order of the log */
  size_t nentries, capacity;
  lml_result_cache_order *order; /**< of all of them; in order up to nordered */
  size_t nordered, order_capacity;
  size_t nforgotten; /**< since there were LML_RECALL_MOST */
} lml_result_cache;

/** Remember a point, and forget the older half of all where there are too many; one with nothing to find is passed
 * over. Entries that were given out are not valid any more. */
lml_status lml_result_cache_add(lml_result_cache *cache, const lml_result_cache_entry *entry, lml_error *error);

/** The next entry that may be the same as @p asked, as far as the keys tell, the most alike first; NULL: there is none.
 *  @p last is the one before it; NULL: give the first. */
const lml_result_cache_entry *lml_result_cache_next(lml_result_cache *cache, const lml_result_cache_entry *asked,
                                                    const double widths[LML_RECALL_KEYS],
                                                    const lml_result_cache_entry *last);

/** The next entry, the newest first, of a region that moved by the rule of @p asked, with the same engine, whose probes
 *  are where they are in @p structure; the same for @p last. */
const lml_result_cache_entry *lml_result_cache_next_region(const lml_result_cache *cache,
                                                           const lml_result_cache_entry *asked,
                                                           const lml_structure *structure,
                                                           const lml_result_cache_entry *last);

/** Whether two points have the same region, atoms, labels, cells and engine, and every atom, but for periodic images,
 * at the same place; *@p apart, in Å, is then how far two coordinates differ at most. */
bool lml_result_cache_same(const lml_result_cache_point *known, const lml_result_cache_point *asked, double *apart);

/** Whether the two have the same cell, and each atom of @p known, whose number among those of @p asked is in
 *  @p atoms, is at the same place there, likewise. */
bool lml_result_cache_same_places(const lml_structure *known, const int64_t *atoms, const lml_structure *asked);

/** A region as it was, its cluster's atoms in order; valid until the next search. */
typedef struct lml_result_cache_region {
  size_t natoms;
  const size_t *parents;       /**< index in the parent */
  const unsigned char *labels; /**< lml_region_label */
  const double *cluster_cell;  /**< 9, Å */
  size_t age;                  /**< evaluations since it had followed its seeds */
  size_t foremost;             /**< of uncertain atoms: the one that is most so */
  size_t nrows;                /**< atoms of the frame: */
  const int64_t *atoms;        /**< their indices in the parent */
  const int64_t *looks;        /**< as in uncertain_atoms.h; none where nrows is 0 */
} lml_result_cache_region;

/** How many results of region @p r that @p engine has computed there are. */
size_t lml_result_cache_count(const lml_result_cache *cache, size_t r, const char *engine);

void lml_result_cache_free(lml_result_cache *cache);

#endif
