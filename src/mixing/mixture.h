/** @file mixture.h
 *  A mixing calculator from within. Private to this folder.
 */
#ifndef LML_MIXING_MIXTURE_H
#define LML_MIXING_MIXTURE_H

#include "calculator/result_names.h"
#include "mixing/mix.h"
#include "mixing/mixing_settings.h"
#include "mixing/unknown_species.h"

/** A calculator at work: the ML one, or a region's. */
typedef struct lml_mixture_child {
  lml_calculator *calculator;
  lml_results results;
  bool done;
  bool finished;                  /**< its results are there, or there will be none */
  bool deferred;                  /**< it waits for the ML calculator: for what is chosen then, or skipped */
  bool doubted;                   /**< a warning about its forces was given */
  lml_mixing_answer answer;       /**< of a region */
  double seconds;                 /**< it took */
  double share;                   /**< of a region's forces that is its calculator's */
  lml_skip_comparison comparison; /**< of a region that may be skipped */
  double *settled;                /**< natoms of the cluster × 3, eV/Å: what counts as its forces then */
  size_t capacity;
} lml_mixture_child;

struct lml_mixture {
  lml_mixing_settings settings;
  lml_structure parent; /**< that the regions were made of */
  lml_unknown_species unknown;
  lml_mixing_cache cache;
  lml_mixing_skip skip;
  double *sigmas;              /**< natoms × 3, eV/Å: NULL where no region may be skipped */
  lml_mixing_region *regions;  /**< as they are now */
  lml_mixing_region *made;     /**< as they were made, which are its own */
  lml_mixture_child *children; /**< the ML calculator, then each region's */
  size_t nchildren;
  const lml_structure *structure; /**< under evaluation */
  const lml_request *request;     /**< of this evaluation */
  lml_mixing_choice choice;       /**< that is to be made; none: it was, or all work at once */
  lml_request both;               /**< of the ML calculator: what was asked for, and what choosing and skipping need */
  lml_name_set names;             /**< theirs */
  double begun;                   /**< s, of the clock: when the regions were started */
};

/** Whether region @p r, as it is now, may be skipped; one without atoms has no calculator to ask. */
bool lml_mixture_may_skip(const struct lml_mixture *self, size_t r);

/** Add to @p results, which have the mixed forces, what stands for energy and virial, the extras, @p mix among them,
 * and what was asked for and the ML calculator knows. */
lml_status lml_mixture_report(const struct lml_mixture *self, const lml_mix *mix, lml_results *results,
                              lml_error *error);

#endif
