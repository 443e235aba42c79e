/** @file environments.h
 *  Atoms whose surroundings are alike but for the last digits that a file has of positions, as all of a perfect
 *  crystal's are. The mean of their descriptors is that of one atom in the mean of their surroundings, as descriptors
 *  are linear in changes that small.
 */
#ifndef LML_RETRAIN_ROWS_ENVIRONMENTS_H
#define LML_RETRAIN_ROWS_ENVIRONMENTS_H

#include <stdbool.h>

#include "structure/neighbours.h"

enum { LML_ENVIRONMENT_CLASSES = 16 /**< at most: where there are more, each atom is better taken by itself */ };

/** Initialise with `lml_environments a = {0};`, reuse, release with lml_environments_free. */
typedef struct lml_environments {
  size_t counts[LML_ENVIRONMENT_CLASSES]; /**< atoms of each class */
  lml_neighbours mean;   /**< one atom for each class, and behind the classes, as ghosts, their neighbours */
  signed char *elements; /**< of all of them */
  double *deviations;    /**< × 3: sums over the atoms of a class, from the first one's neighbours */
  int32_t *places;       /**< which of the first one's neighbours each of an atom's is */
  size_t longest;        /**< neighbours of a class that there is room for */
} lml_environments;

/** Sort the atoms of @p neighbours, whose lists are of all of them, by classes; @p elements are the sorted atoms'.
 * Returns false where there are too many classes, and where memory is out. */
bool lml_environments_find(lml_environments *environments, const lml_neighbours *neighbours,
                           const signed char *elements);

void lml_environments_free(lml_environments *environments);

#endif
