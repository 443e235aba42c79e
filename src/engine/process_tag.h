/** @file process_tag.h
 *  Finding every process that a command started, also those that left its process group: they inherited a variable.
 */
#ifndef LML_ENGINE_PROCESS_TAG_H
#define LML_ENGINE_PROCESS_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { LML_MARK_SIZE = 64 };

/** The name of an environment variable that no other call, in any process, makes. */
void lml_mark_make(char mark[LML_MARK_SIZE]);

/** Whether @p text may be such a name, and not that of a variable that other processes have. */
bool lml_mark_is_one(const char *text);

/** Whether the environment of @p process has the variable @p mark. What cannot be looked at has not. */
bool lml_process_tag_has(pid_t process, const char *mark);

/** Send @p number (0: nothing) to every process of this user whose environment has the variable @p mark; how many
 *  there are. What cannot be looked at counts as not there. */
size_t lml_process_tag_signal(const char *mark, int number);

/** End them: SIGTERM, and SIGKILL for what is left after @p patience s. How many there were; *@p left is how many the
 *  operating system has not ended 5 s later. */
size_t lml_process_tag_end(const char *mark, double patience, size_t *left);

#endif
