/** @file config_tables.h
 *  The keys of the objects that lmlink-serve's configuration is made of.
 */
#ifndef LML_PROGRAMS_CONFIG_TABLES_H
#define LML_PROGRAMS_CONFIG_TABLES_H

#include "programs/keys.h"

extern const lml_key_table lml_linear_keys;    /**< of an lml_calculator_config */
extern const lml_key_table lml_remote_keys;    /**< of an lml_remote_config */
extern const lml_key_table lml_mixing_keys;    /**< of an lml_mixing_config */
extern const lml_key_table lml_region_keys;    /**< which atoms: of an lml_region_config */
extern const lml_key_table lml_force_log_keys; /**< of an lml_force_log_config */

#endif
