#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/fail.h"

bool lml_log_wants(const lml_log *log, lml_log_level level) {
  return log != NULL && log->write != NULL && level <= log->level;
}

void lml_log_line(const lml_log *log, lml_log_level level, const char *format, ...) {
  if (!lml_log_wants(log, level)) return;
  char text[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  log->write(log->context, text);
}
