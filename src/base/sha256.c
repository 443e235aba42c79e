#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/sys.h"

enum { READ_BYTES = 1 << 16 };

/* The fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static uint32_t big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void expand(const unsigned char *block, uint32_t w[64]) {
  for (int t = 0; t < 16; t++) w[t] = big_endian(block + 4 * t);
  for (int t = 16; t < 64; t++) {
    const uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
    const uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
}

static void take_block(uint32_t state[8], const unsigned char *block) {
  uint32_t w[64], v[8];
  expand(block, w);
  memcpy(v, state, sizeof v);
  for (int t = 0; t < 64; t++) {
    const uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    const uint32_t t1 = v[7] + s1 + choice + constants[t] + w[t];
    const uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + s0 + majority;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

void lml_sha256_begin(lml_sha256 *sha) {
  *sha = (lml_sha256){
      .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void lml_sha256_add(lml_sha256 *sha, const void *data, size_t bytes) {
  const unsigned char *from = data;
  while (bytes > 0) {
    const size_t used = sha->length % sizeof sha->block, room = sizeof sha->block - used;
    const size_t taken = bytes < room ? bytes : room;
    memcpy(sha->block + used, from, taken);
    sha->length += taken;
    from += taken;
    bytes -= taken;
    if (taken == room) take_block(sha->state, sha->block);
  }
}

void lml_sha256_end(lml_sha256 *sha, char text[LML_SHA256_TEXT]) {
  static const unsigned char one = 0x80, zero = 0;
  const uint64_t bits = 8 * sha->length;
  unsigned char length[8];
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)(bits >> (56 - 8 * i));
  lml_sha256_add(sha, &one, 1);
  while (sha->length % sizeof sha->block != 56) lml_sha256_add(sha, &zero, 1);
  lml_sha256_add(sha, length, sizeof length);
  for (int i = 0; i < 8; i++) snprintf(text + 8 * i, 9, "%08lx", (unsigned long)sha->state[i]);
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
