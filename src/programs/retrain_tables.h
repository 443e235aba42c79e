/** @file retrain_tables.h
 *  The keys of the objects that lmlink-retrain's configuration is made of.
 */
#ifndef LML_PROGRAMS_RETRAIN_TABLES_H
#define LML_PROGRAMS_RETRAIN_TABLES_H

#include "programs/keys.h"
#include "retrain/retrain.h"

extern const lml_key_table lml_set_keys; /**< of an lml_dataset */

/** Reads an array of sets, whose role is @p key's `first`, into lml_retrain_options. */
lml_status lml_sets_read(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                         void *target, lml_error *error);

#endif
