/** @file power.h
 *  Power failures by simulation, as SQLite is tested: the seam records what a piece of work does to the files of one
 *  folder, and what the disk may hold if the power fails at any moment of it is laid into that folder.
 *
 *      power *p = power_record(folder);
 *      … the work, which says with power_promise what must not be lost from here on …
 *      power_stop(p);
 *      power_each(p, 5, check, context);    check looks at what is in the folder now, again and again
 *      power_free(p);
 *
 *  What fsync has not confirmed may be there or not: bytes of a file until the file is flushed, and names (of new
 * files, renames, removals) until the folder is. Blocks of 512 bytes are there or not as a whole.
 */
#ifndef LML_TESTS_POWER_H
#define LML_TESTS_POWER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct power power;

/** Which of the unconfirmed is there. */
typedef enum power_model {
  POWER_LOST,     /**< nothing */
  POWER_NAMES,    /**< all names, no bytes: new files are empty */
  POWER_ORDERED,  /**< of each file, and of the names, what came first; the last write is torn at a block */
  POWER_SHUFFLED, /**< each block, change of length, and name by itself; lost blocks before others read as zeros */
  POWER_MODELS
} power_model;

/** Begin to record. Only what happens directly in @p folder counts, and files that are there already are flushed. */
power *power_record(const char *folder);

/** What the work has promised so far: a number that power_each gives to its check for failures from here on. */
void power_promise(power *p, size_t promise);

/** Put the seam back. */
void power_stop(power *p);

/** Calls that were recorded. */
size_t power_calls(const power *p);

typedef void (*power_check)(void *context, size_t promise);

/** For a failure before and after each recorded call, for each model, and for @p seeds choices where a model leaves
 * one: fill the folder and call @p check. Returns the number of states. */
size_t power_each(const power *p, unsigned seeds, power_check check, void *context);

/** "call 7 of 31 (rename), shuffled, choice 2": the state that the folder was filled with last. */
const char *power_where(void);

/** An assertion that says after what failure it is wrong. */
#define REQUIRE(condition) power_require(condition, #condition)
void power_require(bool condition, const char *text);

void power_free(power *p);

#endif
