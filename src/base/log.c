#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/fail.h"
#include "base/print.h"

const char *const lml_log_level_names[] = {"quiet", "error", "info", "debug", NULL};

bool lml_log_wants(const lml_log *log, lml_log_level level) {
  return log != NULL && log->write != NULL && level <= log->level;
}

LML_PRINTF(4, 0)
static void write_line(const lml_log *log, lml_log_level level, const char *prefix, const char *format,
                       va_list arguments) {
  if (!lml_log_wants(log, level)) return;
  char text[LML_ERROR_MESSAGE_SIZE];
  const size_t length = lml_print_cut(text, sizeof text, "%s", prefix);
  lml_print_cut_list(text + length, sizeof text - length, format, arguments);
  log->write(log->context, text);
}

void lml_log_line(const lml_log *log, lml_log_level level, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line(log, level, "", format, arguments);
  va_end(arguments);
}

void lml_log_warning(const lml_log *log, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line(log, LML_LOG_ERROR, "warning: ", format, arguments);
  va_end(arguments);
}
