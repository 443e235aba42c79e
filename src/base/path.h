/** @file path.h
 *  Names of files: folders and extensions. All strings that are returned are freed with lml_free; they are NULL, with
 *  an error, where memory is out.
 */
#ifndef LML_BASE_PATH_H
#define LML_BASE_PATH_H

#include <stdbool.h>

#include "lmlink/error.h"

/** Whether the last component of @p path ends in @p extension (".snap") with something before it. */
bool lml_path_has_extension(const char *path, const char *extension);

/** @p path with the extension of its last component, or nothing where it has none, replaced by @p extension. */
char *lml_path_with_extension(const char *path, const char *extension, lml_error *error);

/** The folder of @p path, "." where it names none. */
char *lml_path_folder(const char *path, lml_error *error);

/** @p name as a file that @p path refers to: relative to the folder of @p path, unless it is absolute. */
char *lml_path_beside(const char *path, const char *name, lml_error *error);

/** @p name as a file in @p folder, unless it is absolute. */
char *lml_path_inside(const char *folder, const char *name, lml_error *error);

/** @p path as a file that @p from refers to (lml_path_beside), so that it is found wherever @p from is read: its name
 *  where both are in one folder, else with all folders from the root on. *@p name is freed with lml_free; NULL after a
 *  failure. */
lml_status lml_path_from(const char *from, const char *path, char **name, lml_error *error);

/** Whether both paths lead to one file or folder, which is there; false where that cannot be seen. */
bool lml_path_is_same(const char *one, const char *other);

/** What stands behind the last '/'; a part of @p path. */
const char *lml_path_name(const char *path);

#endif
