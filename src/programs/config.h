/** @file config.h
 *  The configuration of lmlink-serve: a JSON file, or options alone (serve_options.h). docs/configuration.md has the
 *  tables of all keys.
 */
#ifndef LML_PROGRAMS_CONFIG_H
#define LML_PROGRAMS_CONFIG_H

#include <stdbool.h>

#include "base/log.h"
#include "base/text_list.h"
#include "ipi_address.h"
#include "lmlink/error.h"
#include "programs/calculator_config.h"
#include "programs/keys.h"
#include "session/session.h"

enum { LML_CONFIG_VERSION = 1 };

/** Names of lml_session_extras in their order; NULL-terminated. */
extern const char *const lml_extras_names[];

typedef struct lml_driver_config {
  char *address;       /**< unix:NAME or HOST:PORT */
  char *socket_prefix; /**< NULL: i-PI's */
  double wait;         /**< s to wait for a driver; negative: no limit */
  bool reconnect;      /**< wait for the next driver after one has gone */
  lml_ipi_trust user;  /**< whose driver is served at a unix socket */
  bool reinit;         /**< ask for an INIT before each evaluation */
} lml_driver_config;

/** Whose forces are taken from the force log where they stand in it. */
typedef enum lml_reuse {
  LML_REUSE_KNOWN = 0, /**< those of calculators whose inputs are known to be the same */
  LML_REUSE_ALL,       /**< the same, and all inputs must be known */
  LML_REUSE_NONE       /**< nobody's */
} lml_reuse;

typedef struct lml_force_log_config {
  char *file; /**< {index} stands for the server's number; NULL: nothing is logged */
  enum { LML_FORCE_LOG_NEAR = 0, LML_FORCE_LOG_FULL } atoms; /**< those near QM atoms, or all */
  lml_reuse reuse;
  lml_recorder_reading reading; /**< how much of a log that is there is looked at; no key */
} lml_force_log_config;

/** All paths can be opened from the working directory. Strings belong to the configuration. */
typedef struct lml_serve_config {
  char *path;      /**< the JSON file; NULL: there is none */
  char *structure; /**< extended XYZ file; NULL: none */
  lml_calculator_config calculator;
  lml_driver_config driver;
  lml_force_log_config force_log;
  lml_session_extras extras;
  lml_text_list results; /**< names of those that every evaluation is to give beside the standard ones */
  lml_log_level log_level;
  unsigned index; /**< what {index} stands for in addresses, launch, folder and output */
} lml_serve_config;

/** Nothing named, every default. Release with lml_serve_config_free. */
void lml_serve_config_init(lml_serve_config *config);
void lml_serve_config_free(lml_serve_config *config);

/** Its keys; the structure is an lml_serve_config. */
extern const lml_key_root lml_serve_keys;

/** Read the JSON file @p path over @p config; what it does not mention stays. Paths in it are relative to its
 *  folder. Errors name file, line and key. */
lml_status lml_serve_config_read(const char *path, lml_serve_config *config, lml_error *error);

/** Whether the driver is asked for an INIT before each evaluation: where it shall be, and where something is kept for
 *  each replica, as the work of a mixture's forces is. */
bool lml_serve_config_reinit(const lml_serve_config *config);

/** Check that all there must be is there: a driver, and a potential or the structure of a mixture. LML_ERR_USAGE says
 * what to add. */
lml_status lml_serve_config_check(const lml_serve_config *config, lml_error *error);

#endif
