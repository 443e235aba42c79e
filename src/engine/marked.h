/** @file marked.h
 *  Finding every process that a command started, also those that left its process group: they inherited a variable.
 */
#ifndef LML_ENGINE_MARKED_H
#define LML_ENGINE_MARKED_H

#include <stddef.h>

enum { LML_MARK_SIZE = 64 };

/** The name of an environment variable that no other call, in any process, makes. */
void lml_mark_make(char mark[LML_MARK_SIZE]);

/** Send @p number (0: nothing) to every process of this user whose environment has the variable @p mark; how many
 *  there are. What cannot be looked at counts as not there. */
size_t lml_marked_signal(const char *mark, int number);

#endif
