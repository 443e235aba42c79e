/** @file serve_options.h
 *  The command line of lmlink-serve.
 */
#ifndef LML_PROGRAMS_SERVE_OPTIONS_H
#define LML_PROGRAMS_SERVE_OPTIONS_H

#include "programs/command_line.h"
#include "programs/config.h"

extern const lml_command lml_serve_command;

/** The configuration that a command line means: its JSON file, if there is one, with the options over it.
 *  @p config has been initialised and is to be freed whatever the status. */
lml_status lml_serve_options_read(const lml_arguments *arguments, lml_serve_config *config, lml_error *error);

#endif
