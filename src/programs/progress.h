/** @file progress.h
 *  How far a long work is, on the standard error: on a terminal a bar with an estimate that is written over and over,
 *  elsewhere a line now and then. Short works show nothing. Times are those of lml_sys->clock.
 */
#ifndef LML_PROGRAMS_PROGRESS_H
#define LML_PROGRAMS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"

typedef enum lml_progress_style {
  LML_PROGRESS_NONE = 0,
  LML_PROGRESS_BAR,  /**< five times a second */
  LML_PROGRESS_LINES /**< after 30 s, and then whenever a quarter of the time so far has passed: 30 s to 10 min */
} lml_progress_style;

/** One after another, any number of works. Initialise by lml_progress_start; a zeroed one shows nothing. */
typedef struct lml_progress {
  lml_progress_style style;
  FILE *stream;
  const char *program; /**< that lines begin with */
  const char *what;    /**< the work; NULL: none that is known */
  double begin, next;  /**< s: of the work, and when it is shown again */
  bool dirty;          /**< whether something stands on the terminal's line */
} lml_progress;

/** That of a program which tells things of @p level, and shows progress from @p least on. Texts stay the caller's. */
lml_progress lml_progress_start(const char *program, lml_log_level level, lml_log_level least);

/** A work begins. */
void lml_progress_begin(lml_progress *progress, const char *what);

/** @p done of @p total is done, in any unit; total 0: it is not known how much there is. @p detail says it in words,
 * such as "frame 3, 1200 atoms" (may be empty). */
void lml_progress_show(lml_progress *progress, double done, double total, const char *detail);

/** Take the bar away, before something else is printed, and at the end. */
void lml_progress_clear(lml_progress *progress);

#endif
