/** @file leftovers.h
 *  Temporary files of programs that were killed while they wrote: who still needs one, and removing those that nobody
 *  does.
 */
#ifndef LML_BASE_LEFTOVERS_H
#define LML_BASE_LEFTOVERS_H

#include <stdbool.h>

#include "lmlink/error.h"

/** printf format of a temporary file's name: the final path, the process (long), a number (int). */
#define LML_LEFTOVER_NAME "%s.%ld-%d.tmp"

/** Claim the temporary file that was created as @p fd for as long as it is open. False: another process took it for a
 *  leftover in the meantime and removes it. */
bool lml_leftover_claim(int fd);

/** Remove the temporary files of @p path whose process has ended. Another host's processes are known by their claim.
 *  What cannot be removed stays: it does no harm. Fails where memory is out alone. */
lml_status lml_leftovers_remove(const char *path, lml_error *error);

#endif
