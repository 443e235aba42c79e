/** @file skipping.h
 *  When the calculator of a mixture's region is asked, and when the ML calculator's forces stand in for its own.
 *
 *  A region is *asked* at first. At an evaluation in which it was asked and σ, the largest uncertainty of the ML
 *  calculator's force on a QM atom, is below `below`, skipping begins, from the next evaluation on. It ends in the
 *  evaluation in which σ is above `above`, or undefined: the region is then asked in that one already. While skipping
 *  goes on it is asked every `check_every`-th evaluation all the same, without a change of the forces that are given.
 *
 *  Whenever it was asked, its answer checks σ: the ratio of error to σ (root mean squares over QM atoms). Where that is
 *  larger than `check_ratio`, σ is wrong, and the region is asked until there are other coefficients.
 *
 *  Other coefficients come with a σ of their own, which is believed until a check: a region that is asked is skipped at
 *  once where it is below `below`, and one that is skipped goes on so. d, which was of the old forces, is zero then
 * until the region is asked: what was learnt last is what it was.
 *
 *  With d the difference F_QM − F_ML, of this evaluation where the region was asked, else of the last one in which it
 *  was, the forces that count as the region's are F_ML + w d. The *share* w is 1 while the region is asked and 0 while
 * it is skipped; with `blend` it goes from the one to the other in that many evaluations, so that forces do not jump.
 *
 *  A region that moves may be without atoms for a while: it begins anew with the first, and so is asked.
 *
 *  All of this is kept for each replica of the driver; but σ being wrong, which is the potential's, is of all. A
 *  replica that begins where the log has a frame with all atoms at the same places goes on as the replica of that
 * frame.
 */
#ifndef LML_SESSION_SKIPPING_H
#define LML_SESSION_SKIPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "mixing/mixing_calculator.h"

/** What is done with one region. */
typedef struct lml_skipping_region {
  double below;       /**< eV/Å; 0: it is never skipped */
  double above;       /**< eV/Å, not below `below` */
  size_t check_every; /**< evaluations; at least 1 */
  double check_ratio; /**< the largest ratio that is believed */
  size_t blend;       /**< evaluations in which the share changes; 0 and 1: at once */
} lml_skipping_region;

/** What is done with it from the next evaluation on. */
typedef enum lml_skipping_mode {
  LML_SKIPPING_ASKS = 0, /**< it is asked */
  LML_SKIPPING_SKIPS,    /**< it is skipped */
  LML_SKIPPING_STOPPED   /**< it is asked, as σ is wrong */
} lml_skipping_mode;

/** Their names in the force log; NULL-terminated. */
extern const char *const lml_skipping_mode_names[];

/** How things stand with a region of a replica behind an evaluation. */
typedef struct lml_skipping_state {
  lml_skipping_mode mode;
  double share; /**< w of the evaluation */
  size_t age;   /**< evaluations since it was asked: 0 where it was in this one */
} lml_skipping_state;

/** Who may know how things stood when the atoms were where they are in @p structure: whether the state of region @p r
 *  is known, in *@p state, and where it was skipped with a share above 0, the difference w d on each atom in
 *  @p differences (natoms of the parent × 3, eV/Å, zero before). */
typedef struct lml_skipping_memory {
  bool (*find)(void *context, size_t r, const lml_mixing_region *region, const lml_structure *structure,
               lml_skipping_state *state, double *differences);
  void *context;
} lml_skipping_memory;

/** Everything is the caller's and must outlive it; the array is copied. */
typedef struct lml_skipping_settings {
  lml_mixture *mixture;
  const lml_skipping_region *regions; /**< one for each of the mixture's */
  lml_skipping_memory memory;         /**< without find: nobody knows */
  const lml_log *log;
} lml_skipping_settings;

typedef struct lml_skipping lml_skipping;

/** LML_ERR_INPUT where the ML calculator cannot stand in for a region, or does not know its errors. */
lml_status lml_skipping_create(const lml_skipping_settings *settings, lml_skipping **skipping, lml_error *error);

/** Replica @p replica, of those numbered from 0, is evaluated next, at @p structure, which must stay until then. */
lml_status lml_skipping_begin(lml_skipping *skipping, size_t replica, const lml_structure *structure, lml_error *error);

/** For each region how things stand with that replica behind its evaluation. */
const lml_skipping_state *lml_skipping_states(const lml_skipping *skipping);

/** For each atom of the mixture's last evaluation the part of @p forces (natoms × 3, eV/Å) on it in which the ML
 *  calculator stands in for a region's, into @p parts (likewise). */
void lml_skipping_part(const lml_skipping *skipping, const double *forces, double *parts);

/** There are other coefficients, and σ is believed again. */
void lml_skipping_renew(lml_skipping *skipping);

/** Forget all replicas: each begins anew. */
void lml_skipping_forget(lml_skipping *skipping);

/** NULL is fine. */
void lml_skipping_destroy(lml_skipping *skipping);

#endif
