/** @file mixing_region.h
 *  What a mixture is made of.
 */
#ifndef LML_MIXING_MIXING_REGION_H
#define LML_MIXING_MIXING_REGION_H

#include "lmlink/calculator.h"
#include "mixing/cluster.h"
#include "mixing/region.h"

/** What stands for the energy and the virial that a mixture does not have. */
typedef enum lml_mixing_part {
  LML_MIXING_NOTHING = 0, /**< zero, of kind absent; a changed cell is refused where the virial is absent */
  LML_MIXING_ML,          /**< the ML calculator's, of kind ML part */
  LML_MIXING_WORK         /**< energy alone: none here; the session, which knows the way, puts the work of the forces */
} lml_mixing_part;

/** One QM region. */
typedef struct lml_mixing_region {
  const char *name; /**< for messages */
  lml_region *region;
  lml_cluster *cluster;       /**< of that region */
  lml_calculator *calculator; /**< evaluates the cluster */
} lml_mixing_region;

#endif
