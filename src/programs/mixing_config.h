/** @file mixing_config.h
 *  The objects of the configuration that describe engines and mixtures.
 */
#ifndef LML_PROGRAMS_MIXING_CONFIG_H
#define LML_PROGRAMS_MIXING_CONFIG_H

#include "programs/calculator_config.h"

/** Read a calculator of type remote or mixing; see lml_calculator_config_read. */
lml_status lml_remote_config_read(const lml_json *document, const lml_json_value *object, const char *json_path,
                                  lml_calculator_config *calculator, lml_error *error);
lml_status lml_mixing_config_read(const lml_json *document, const lml_json_value *object, const char *json_path,
                                  lml_calculator_config *calculator, lml_error *error);

/** Free, with what they hold; NULL is fine. */
void lml_remote_config_free(lml_remote_config *remote);
void lml_mixing_config_free(lml_mixing_config *mixing);

#endif
