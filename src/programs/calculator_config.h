/** @file calculator_config.h
 *  What the configuration says about calculators, which may contain one another; config_tables.h has the keys.
 */
#ifndef LML_PROGRAMS_CALCULATOR_CONFIG_H
#define LML_PROGRAMS_CALCULATOR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine_settings.h"
#include "lmlink/potential.h"
#include "mixing/cluster.h"
#include "mixing/mixing_calculator.h"
#include "mixing/region.h"
#include "mixing/rescaled_calculator.h"
#include "session/reload.h"
#include "session/skipping.h"

typedef enum lml_calculator_type {
  LML_CALCULATOR_LINEAR = 0,
  LML_CALCULATOR_REMOTE,
  LML_CALCULATOR_MIXING
} lml_calculator_type;

/** Names of the above; NULL-terminated. */
extern const char *const lml_calculator_type_names[];

/** An engine; its texts with {index} in them are filled in when it is built. */
typedef struct lml_remote_config {
  lml_engine_settings settings; /**< but for texts and address, which are below */
  char *name;                   /**< NULL: none */
  char *address;
  char *socket_prefix; /**< NULL: i-PI's */
  char *launch;        /**< NULL: none */
  char *prepare;       /**< NULL: none */
  char *folder;
  char *output;  /**< NULL: the default */
  char **inputs; /**< files that decide what it computes */
  size_t ninputs;
  char *tag; /**< what decides it beyond these files, in words; NULL: nothing does, or it is not known */
} lml_remote_config;

/** One QM region of a mixture. */
typedef struct lml_region_config {
  char *name;
  lml_region_settings region;
  int *indices, *species; /**< what region points to */
  lml_region_sphere *spheres;
  lml_cluster_settings cluster;
  size_t update; /**< evaluations of a replica after which the region follows; 0: never */
  lml_skipping_region skip;
  struct lml_calculator_config *calculator;
} lml_region_config;

typedef struct lml_mixing_config {
  struct lml_calculator_config *ml;
  lml_region_config *regions;
  size_t nregions;
  bool zero_mean_force;
  lml_mixing_part energy, virial;
  double foreign_distance; /**< Å; negative: the potential's cutoff */
  bool rescales;           /**< the ML side is rescaled: */
  lml_rescaling rescaling;
} lml_mixing_config;

/** Strings and parts belong to it; all paths can be opened from the working directory. All zero is an empty one. */
typedef struct lml_calculator_config {
  lml_calculator_type type;
  char *potential;  /**< linear: .snap or .snapcoeff file */
  char *parameters; /**< linear: .snapparam file; NULL: the one beside the potential */
  lml_fixed_terms fixed_terms;
  double coordination_radius; /**< linear: Å; 0: the cutoff */
  size_t threads;             /**< linear: of each rank; 0: not told */
  lml_reload_when reload;     /**< linear: when new coefficients are taken over */
  lml_remote_config *remote;  /**< remote; else NULL */
  lml_mixing_config *mixing;  /**< mixing; else NULL */
} lml_calculator_config;

/** Let @p calculator, which is empty, be of a type, and allocate what that holds. */
lml_status lml_calculator_config_choose(lml_calculator_config *calculator, lml_calculator_type type, lml_error *error);

/** Free what it holds and make it empty. */
void lml_calculator_config_free(lml_calculator_config *calculator);

#endif
