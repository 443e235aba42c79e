/** @file sha256.h
 *  SHA-256 checksums as text, by Nettle: a report names by them the files that it came from.
 */
#ifndef LML_BASE_SHA256_H
#define LML_BASE_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

#include "lmlink/error.h"

enum { LML_SHA256_TEXT = 65 /**< bytes of the checksum in hexadecimal, with the NUL */ };

typedef struct lml_sha256 {
  struct sha256_ctx context;
} lml_sha256;

void lml_sha256_begin(lml_sha256 *sha);
void lml_sha256_add(lml_sha256 *sha, const void *data, size_t bytes);
void lml_sha256_end(lml_sha256 *sha, char text[LML_SHA256_TEXT]);

/** The checksum of the file @p path, as `sha256sum` prints it. */
lml_status lml_sha256_file(const char *path, char text[LML_SHA256_TEXT], lml_error *error);

#endif
