/** @file key_schema.h
 *  The JSON schema of a configuration, draft 2020-12: for editors, which complete and check by it, and for the tables
 * of the documentation (tests/checks/key_tables.py).
 */
#ifndef LML_PROGRAMS_KEY_SCHEMA_H
#define LML_PROGRAMS_KEY_SCHEMA_H

#include "programs/keys.h"

/** The schema of @p root as JSON text with a final line break, to be freed with lml_free. Beside the standard's words a
 *  key has `x-help` (Markdown), and where there is something to say `x-unit`, `x-path` (true: it is a path, or paths),
 *  `x-otherwise` (what holds where it is missing, in words) and `x-option`. */
lml_status lml_key_schema(const lml_key_root *root, char **text, lml_error *error);

#endif
