/** @file memory_files.h
 *  A few files in memory, in place of the file system: what a fuzz target's readers and writers see. An input then
 * costs no call to the operating system, and leaves nothing on a disk.
 */
#ifndef LML_TESTS_FUZZ_MEMORY_FILES_H
#define LML_TESTS_FUZZ_MEMORY_FILES_H

#include <stddef.h>
#include <stdint.h>

/** Ends the program, which a fuzzer counts as a finding, where @p condition is false. */
#define REQUIRE(condition) ((condition) ? (void)0 : memory_files_failed(#condition, __FILE__, __LINE__))

void memory_files_failed(const char *condition, const char *file, int line);

/** Put the files in place of the real ones, all of them gone; allocations of more than 64 MiB fail, as on a machine
 *  that has no more. To be called for each input. */
void memory_files_begin(void);

/** Let the file @p name hold these bytes. */
void memory_files_put(const char *name, const uint8_t *data, size_t size);

/** Cut @p data into pieces at lines that hold nothing but "%%", and let the files @p names (NULL-terminated) hold one
 *  each, in order. A piece that is empty or lacking makes no file. */
void memory_files_split(const char *const *names, const uint8_t *data, size_t size);

/** Ends the program where a file is still open, and forgets all files. */
void memory_files_end(void);

#endif
