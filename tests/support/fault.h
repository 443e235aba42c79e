/** @file fault.h
 *  The seam with one call made to fail, and with what was taken from the operating system counted.
 *
 *      for (size_t n = 1, failed = 1; failed; n++) {
 *        fault_begin(FAULT_HARD, n);
 *        … the code under test …
 *        failed = fault_end();           puts the seam back; checks that everything was given back
 *      }
 */
#ifndef LML_TESTS_FAULT_H
#define LML_TESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fault_kind {
  FAULT_HARD, /**< what nothing can mend: no memory, EIO, ENOSPC, EACCES, EMFILE */
  FAULT_SOFT  /**< what is to be tried again, in calls that can be interrupted: EINTR; reads and writes that come short
                   by all but one byte */
} fault_kind;

/** From now on count the calls of the seam that can fail in the way of @p kind, and make number @p n of them (from 1)
 *  fail; 0: none. */
void fault_begin(fault_kind kind, size_t n);

/** Whether the failure has happened yet, and the name of the call that failed, "read", or "" before. */
bool fault_happened(void);
const char *fault_call(void);

/** Whether the call that failed is one of those that remove temporary files of killed programs (base/leftovers.h),
 *  without which such a file stays and nothing else is lost. */
bool fault_only_tidied(void);

/** Put the seam back and fail the test where memory or descriptors were not given back. Returns fault_happened(). */
bool fault_end(void);

#endif
