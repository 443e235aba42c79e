/** @file script.h
 *  The commands of a LAMMPS input script: joined lines, comments gone, variables and formulas put in, words split.
 */
#ifndef LML_SCRIPT_SCRIPT_H
#define LML_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "lmlink/error.h"

typedef struct lml_script lml_script;

/** A command's words; valid until the next one is read. */
typedef struct lml_script_command {
  size_t line; /**< its first line */
  size_t count;
  char **words; /**< at least one */
} lml_script_command;

lml_status lml_script_open(const char *path, lml_script **script, lml_error *error);

/** The next command that is not `variable`; *@p end becomes true where there is none. `variable NAME equal FORMULA`,
 *  `variable NAME index WORD` and `variable NAME string TEXT` are carried out here, each name once; `${NAME}`, `$N` and
 *  `$(FORMULA)` are replaced, but for those between quotes. After LML_ERR_INPUT the next call goes on with the next
 *  command. */
lml_status lml_script_next(lml_script *script, lml_script_command *command, bool *end, lml_error *error);

/** Whether the command read last, or tried to, has @p text in it as it is written. */
bool lml_script_has(const lml_script *script, const char *text);

/** lml_fail with LML_ERR_INPUT and "path:line: " of the command read last in front. */
lml_status lml_script_fail(const lml_script *script, lml_error *error, const char *format, ...) LML_PRINTF(3, 4);

/** NULL is fine. */
void lml_script_close(lml_script *script);

#endif
