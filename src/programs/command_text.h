/** @file command_text.h
 *  What is printed about a program's options, all from one table: --help, the manual page, and what shells complete by.
 *
 *  Each text is written into @p text of @p size bytes like snprintf does, and its whole length returned.
 */
#ifndef LML_PROGRAMS_COMMAND_TEXT_H
#define LML_PROGRAMS_COMMAND_TEXT_H

#include "programs/command_line.h"

/** 79 columns wide. */
size_t lml_command_help(const lml_command *command, char *text, size_t size);

/** In roff, for man(1). */
size_t lml_command_man(const lml_command *command, char *text, size_t size);

/** A function for bash, `_PROGRAM` with underscores for what is no letter, and the line that binds it. */
size_t lml_command_bash(const lml_command *command, char *text, size_t size);

/** A function for zsh, as a file _PROGRAM of its fpath. */
size_t lml_command_zsh(const lml_command *command, char *text, size_t size);

#endif
