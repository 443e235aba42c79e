/** @file uncertainty_file.h
 *  What writing and reading the files of an uncertainty share.
 */
#ifndef LML_POTENTIAL_UNCERTAINTY_FILE_H
#define LML_POTENTIAL_UNCERTAINTY_FILE_H

#include <stddef.h>

#include "base/sha256.h"

#define LML_UNCERTAINTY_FORMAT "lmlink-uncertainty"

/** Checksum of @p count doubles as they lie in memory: numpy's `hashlib.sha256(array.tobytes())`. */
void lml_uncertainty_checksum(const double *numbers, size_t count, char text[LML_SHA256_TEXT]);

#endif
