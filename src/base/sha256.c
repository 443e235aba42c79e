#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fail.h"
#include "base/sys.h"

/** Bytes that are read from a file at a time. */
enum { READ_BYTES = 65536 };

void lml_sha256_begin(lml_sha256 *sha) { sha256_init(&sha->context); }

void lml_sha256_add(lml_sha256 *sha, const void *data, size_t bytes) { sha256_update(&sha->context, bytes, data); }

void lml_sha256_end(lml_sha256 *sha, char text[LML_SHA256_TEXT]) {
  static const char digits[] = "0123456789abcdef";
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&sha->context, sizeof digest, digest);
  for (size_t i = 0; i < sizeof digest; i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  text[2 * sizeof digest] = '\0';
}

static lml_status add_all(lml_sha256 *sha, int file, const char *path, lml_error *error) {
  unsigned char buffer[READ_BYTES];
  for (;;) {
    const ssize_t count = lml_sys->read(file, buffer, sizeof buffer);
    if (count == 0) return LML_OK;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lml_fail_errno(error, errno, "%s: can't be read", path);
    lml_sha256_add(sha, buffer, (size_t)count);
  }
}

lml_status lml_sha256_file(const char *path, char text[LML_SHA256_TEXT], lml_error *error) {
  lml_sha256 sha;
  const int file = lml_sys->open(path, O_RDONLY, 0);
  if (file < 0) return lml_fail_errno(error, errno, "%s: can't be opened", path);
  lml_sha256_begin(&sha);
  const lml_status status = add_all(&sha, file, path, error);
  lml_sys->close(file);
  if (status == LML_OK) lml_sha256_end(&sha, text);
  return status;
}
