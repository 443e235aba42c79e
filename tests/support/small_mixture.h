/** @file small_mixture.h
 *  What mixtures in tests are made of: a simple cubic crystal, and regions and clusters in it. Each fails the test
 * where it cannot be made.
 */
#ifndef LML_TESTS_SMALL_MIXTURE_H
#define LML_TESTS_SMALL_MIXTURE_H

#include <stddef.h>

#include "mixing/cluster.h"
#include "mixing/region.h"

/** nx × ny × nz atoms of hydrogen, 2 Å apart, periodic in all directions, and behind them @p more for the test to put
 *  somewhere. */
lml_structure small_crystal(size_t nx, size_t ny, size_t nz, size_t more);

/** From lml_alloc, as a mixture owns them. */
lml_region *make_region(const lml_region_settings *settings, const lml_structure *structure);
lml_cluster *make_cluster(const lml_region *region, const lml_structure *structure);

/** With which make_cluster makes it: 5 Å of vacuum, in threes. */
extern const lml_cluster_settings usual_cluster;

#endif
