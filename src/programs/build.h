/** @file build.h
 *  Builds the calculator that a configuration describes, and knows its parts.
 */
#ifndef LML_PROGRAMS_BUILD_H
#define LML_PROGRAMS_BUILD_H

#include <stddef.h>

#include "base/comm.h"
#include "base/log.h"
#include "lmlink/calculator.h"
#include "lmlink/potential.h"
#include "programs/config.h"
#include "programs/threads.h"

/** A region of a mixture, as it was built; the pointers' targets belong to the mixture. */
typedef struct lml_built_region {
  const lml_region_config *config;
  const lml_region *region;
  const lml_cluster *cluster;
  lml_calculator *calculator; /**< of the cluster */
  lml_calculator *ml;         /**< of the whole structure */
  size_t nwanted;             /**< of uncertain atoms: how many are, of which max_atoms may be QM atoms */
} lml_built_region;

/** Initialise with `lml_build b = {0};`, release with lml_build_free. */
typedef struct lml_build {
  const lml_serve_config *config;
  const lml_structure *structure; /**< no atoms where none is configured */
  const unsigned char *labels;    /**< its `region` column; NULL: it has none */
  const unsigned char *held;      /**< 1 for each atom that it says is held; NULL: none is */
  const lml_log *log;
  struct lml_built_potential {
    const lml_calculator_config *config;
    lml_potential *potential;
  } * potentials; /**< of the linear calculators, in the order of the configuration */
  size_t npotentials, potentials_capacity;
  struct lml_built_remote {
    const lml_calculator_config *config;
    lml_calculator *calculator; /**< part of the whole */
  } * remotes;
  size_t nremotes, remotes_capacity;
  lml_built_region *regions;
  size_t nregions, regions_capacity;
  lml_calculator *parallel;   /**< the linear calculator that all ranks share, part of the calculator; NULL: none */
  lml_calculator *calculator; /**< on rank 0; elsewhere the parallel one */
  lml_mixture *mixture;       /**< that the calculator is; NULL: it is none */
  lml_threads threads;        /**< of linear calculators that are not told how many to have */
} lml_build;

/** Read the potentials of all linear calculators. Every rank does. */
lml_status lml_build_read(lml_build *build, const lml_serve_config *config, lml_error *error);

/** Make the calculator: on rank 0 all of it, elsewhere the one linear calculator that is shared, which is the ML side
 *  of mixtures. Collective; but once that one is made, rank 0 may fail alone: freeing its build lets the others go. */
lml_status lml_build_make(lml_build *build, lml_comm *comm, lml_error *error);

/** The potential of the calculator itself where that is linear, else NULL. */
const lml_potential *lml_build_potential(const lml_build *build);

/** The potential of the linear calculator @p config; NULL where that is of another kind. */
const lml_potential *lml_build_potential_of(const lml_build *build, const lml_calculator_config *config);

/** The potential of the linear calculator at the end of the ML sides; NULL where that is none. */
const lml_potential *lml_build_shared_potential(const lml_build *build);

/** Its configuration; likewise. */
const lml_calculator_config *lml_build_shared_config(const lml_build *build);

/** The calculator of the engine @p config, which was built. */
lml_calculator *lml_build_remote_of(const lml_build *build, const lml_calculator_config *config);

/** Let all engines connect. */
lml_status lml_build_open(lml_build *build, lml_error *error);

void lml_build_free(lml_build *build);

#endif
