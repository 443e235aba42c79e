/** @file log.h
 *  What lmlink tells its user while it runs, line by line, to whoever wants it. The library itself never prints.
 */
#ifndef LML_BASE_LOG_H
#define LML_BASE_LOG_H

#include <stdbool.h>

#include "lmlink/error.h"

/** How much is told; each level includes those before it. */
typedef enum lml_log_level {
  LML_LOG_QUIET = 0, /**< nothing */
  LML_LOG_ERROR,     /**< what went wrong, warnings, and the one line that says what is being served */
  LML_LOG_INFO,      /**< drivers that come and go, a line per evaluation */
  LML_LOG_DEBUG      /**< what a driver says about itself */
} lml_log_level;

/** Their names in options and configurations, NULL-terminated. */
extern const char *const lml_log_level_names[];

typedef struct lml_log {
  lml_log_level level;
  void (*write)(void *context, const char *line); /**< @p line has no newline; NULL: nothing is wanted */
  void *context;
} lml_log;

/** Whether lines of @p level are wanted; @p log may be NULL. */
bool lml_log_wants(const lml_log *log, lml_log_level level);

/** Write a printf-style line, if lines of @p level are wanted; cut to LML_ERROR_MESSAGE_SIZE bytes. */
void lml_log_line(const lml_log *log, lml_log_level level, const char *format, ...) LML_PRINTF(3, 4);

/** Write a line of level LML_LOG_ERROR that begins with "warning: ": the work goes on, but its result may not be what
 *  the user expects. The Python calculator hands such lines on as Python's warnings. */
void lml_log_warning(const lml_log *log, const char *format, ...) LML_PRINTF(2, 3);

#endif
