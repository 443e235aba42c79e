/** @file fail.h
 *  Filling an lml_error.
 */
#ifndef LML_BASE_FAIL_H
#define LML_BASE_FAIL_H

#include "lmlink/error.h"

#include <stddef.h>

/* Each of the functions below returns the status that it is given or named for. The macros of the same name say so to
 * the compiler and to static analysis, which cannot look into fail.c: what follows a failure is then known not to run.
 */
static inline lml_status lml_known_status(lml_status reported, lml_status status) {
  (void)reported;
  return status;
}

/** Set @p error (may be NULL) to @p status with a printf-style one-line message and return @p status, so that
 *  `return lml_fail(error, LML_ERR_INPUT, "%s:%d: ...", path, line);` is the usual form. Control characters in the
 *  finished message become '?', a message that is too long is cut. */
lml_status lml_fail(lml_error *error, lml_status status, const char *format, ...) LML_PRINTF(3, 4);

/** Like lml_fail with LML_ERR_IO, with ": <strerror(errno_value)>" behind the message. */
lml_status lml_fail_errno(lml_error *error, int errno_value, const char *format, ...) LML_PRINTF(3, 4);

/** Like lml_fail with LML_ERR_MEMORY: "out of memory: <bytes> bytes for <what>". */
lml_status lml_fail_memory(lml_error *error, size_t bytes, const char *what);

#define lml_fail(error, status, ...) lml_known_status(lml_fail(error, status, __VA_ARGS__), status)
#define lml_fail_errno(...) lml_known_status(lml_fail_errno(__VA_ARGS__), LML_ERR_IO)
#define lml_fail_memory(error, bytes, what) lml_known_status(lml_fail_memory(error, bytes, what), LML_ERR_MEMORY)

/** Put "<printf-style prefix>: " in front of the message of a failure that is passed on. Returns error's status
 *  (LML_ERR_INTERNAL where error is NULL). */
lml_status lml_fail_context(lml_error *error, const char *format, ...) LML_PRINTF(2, 3);

/** Forget a failure: status LML_OK and an empty message. */
void lml_error_clear(lml_error *error);

#endif
