/** @file retrain_config.h
 *  The JSON configuration of lmlink-retrain; docs/retraining.md has the tables of all keys.
 */
#ifndef LML_PROGRAMS_RETRAIN_CONFIG_H
#define LML_PROGRAMS_RETRAIN_CONFIG_H

#include "programs/keys.h"
#include "retrain/retrain.h"

enum { LML_RETRAIN_CONFIG_VERSION = 1 };

/** Its keys; the structure is an lml_retrain_options. */
extern const lml_key_root lml_retrain_keys;

/** Read the JSON file @p path over @p options; what it does not mention stays. Paths in it are relative to its folder.
 *  Errors name file, line and key. */
lml_status lml_retrain_config_read(const char *path, lml_retrain_options *options, lml_error *error);

#endif
