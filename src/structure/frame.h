/** @file frame.h
 *  Building the info keys and columns of a frame, and its text.
 */
#ifndef LML_STRUCTURE_FRAME_H
#define LML_STRUCTURE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/extxyz.h"

/** Keys of the comment line and columns that are part of the structure, under all their names. */
bool lml_frame_reserved_info(const char *name);
bool lml_frame_reserved_column(const char *name);

/** Append an entry that has a name and nothing else, in place of an old one of that name. It moves when another is
 *  appended. */
lml_status lml_frame_add_info(lml_frame *frame, const char *name, lml_values **values, lml_error *error);
lml_status lml_frame_add_column(lml_frame *frame, const char *name, lml_values **values, lml_error *error);

/** Allocate the zeroed array of @p type for count × width values; the entry has no array yet. */
lml_status lml_values_allocate(lml_values *values, lml_value_type type, size_t count, size_t width, lml_error *error);

/** Free the name and the array, and make the entry empty. */
void lml_values_release(lml_values *values);

/** Change the count; what there is up to it is kept, the rest is zero. */
lml_status lml_values_resize(lml_values *values, size_t count, lml_error *error);

/** Give @p frame a column @p name of one integer per atom. */
lml_status lml_frame_set_indices(lml_frame *frame, const char *name, const size_t *values, lml_error *error);

/** Write @p frame as the only one to the file @p path, which is there as a whole or not at all. */
lml_status lml_frame_write_file(const lml_frame *frame, const char *path, lml_error *error);

/** The frame as it stands in a file: *@p length bytes of text, to be freed with lml_free. */
lml_status lml_frame_format(const lml_frame *frame, char **text, size_t *length, lml_error *error);

/** Read the frame that @p length bytes of @p text hold, with those of its columns that @p columns names (NULL after
 * the last; NULL: all); @p name stands for the file's in messages. */
lml_status lml_frame_parse(const char *name, const char *text, size_t length, const char *const *columns,
                           lml_frame *frame, lml_error *error);

#endif
