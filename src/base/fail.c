#include "base/fail.h"

#include <stdarg.h>
#include <string.h>

#include "base/print.h"
#include "lmlink/version.h"

/* The functions themselves are defined here. */
#undef lml_fail
#undef lml_fail_errno
#undef lml_fail_memory

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

const char *lml_version(void) {
  return STRINGIFY(LML_VERSION_MAJOR) "." STRINGIFY(LML_VERSION_MINOR) "." STRINGIFY(LML_VERSION_PATCH);
}

/** A message is one line of printable text, whatever a file or peer put into it. */
static void make_printable(char *text) {
  for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++)
    if (*c < 0x20 || *c == 0x7f) *c = '?';
}

lml_status lml_fail(lml_error *error, lml_status status, const char *format, ...) {
  if (error == NULL) return status;
  error->status = status;
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  make_printable(error->message);
  return status;
}

lml_status lml_fail_errno(lml_error *error, int errno_value, const char *format, ...) {
  if (error == NULL) return LML_ERR_IO;
  error->status = LML_ERR_IO;
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  char reason[128] = "";
  if (strerror_r(errno_value, reason, sizeof reason) != 0)
    lml_print_cut(reason, sizeof reason, "error %d", errno_value);
  lml_print_behind(error->message, sizeof error->message, ": %s", reason);
  make_printable(error->message);
  return LML_ERR_IO;
}

lml_status lml_fail_memory(lml_error *error, size_t bytes, const char *what) {
  return lml_fail(error, LML_ERR_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

lml_status lml_fail_context(lml_error *error, const char *format, ...) {
  if (error == NULL) return LML_ERR_INTERNAL;
  char message[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(message, sizeof message, format, arguments);
  va_end(arguments);
  lml_print_behind(message, sizeof message, ": %s", error->message);
  memcpy(error->message, message, sizeof message);
  make_printable(error->message);
  return error->status;
}

void lml_error_clear(lml_error *error) {
  if (error == NULL) return;
  error->status = LML_OK;
  error->message[0] = '\0';
}
