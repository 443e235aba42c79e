/** @file retrain_options.h
 *  The command line of lmlink-retrain.
 */
#ifndef LML_PROGRAMS_RETRAIN_OPTIONS_H
#define LML_PROGRAMS_RETRAIN_OPTIONS_H

#include "base/log.h"
#include "programs/command_line.h"
#include "retrain/retrain.h"

extern const lml_command lml_retrain_command;

/** What a command line means: its JSON file, if there is one, with the options over it; structure files of the
 *  command line come to those of the file. @p options has been initialised and is to be freed whatever the status. */
lml_status lml_retrain_options_read(const lml_arguments *arguments, lml_retrain_options *options, lml_log_level *level,
                                    lml_error *error);

#endif
