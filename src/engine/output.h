/** @file output.h
 *  What a command has printed into a file, for messages.
 */
#ifndef LML_ENGINE_OUTPUT_H
#define LML_ENGINE_OUTPUT_H

#include <stddef.h>
#include <sys/types.h>

/** Bytes that the file @p path has now; 0 where it is missing or no regular file. */
off_t lml_output_size(const char *path);

/** The last lines that were written into @p path after its first @p begin bytes, as one line for a message, at most
 *  @p size bytes long: joined with " | ", without lines that have neither letter nor digit, blanks in a row as one
 *  space, control characters as '?'. Where not all lines fit, the first one that has the word "error" and those after
 *  it get half of the text, before the last ones, as parallel programs print much after it. Empty where nothing was
 *  written, or the file cannot be read. */
void lml_output_tail(const char *path, off_t begin, char *text, size_t size);

#endif
