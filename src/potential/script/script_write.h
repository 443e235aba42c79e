/** @file script_write.h
 *  Lines for LAMMPS that are written beside a potential's coefficients: with these and with its fixed terms.
 */
#ifndef LML_SCRIPT_SCRIPT_WRITE_H
#define LML_SCRIPT_SCRIPT_WRITE_H

#include "potential/format.h"

/** The file of these lines for coefficients in @p path, to be freed; NULL and LML_OK where the format has none. */
lml_status lml_script_path(const char *path, char **script, lml_error *error);

/** Write the lines for the coefficients of @p potential in @p path, on the disk but for the final name:
 *  lml_file_writer_commit gives it that. @p comment becomes their first line. *@p writer is NULL after a failure, or
 *  where there are none. */
lml_status lml_script_write(const lml_potential *potential, const char *path, const char *comment,
                            lml_file_writer **writer, lml_error *error);

#endif
