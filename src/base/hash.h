/** @file hash.h
 *  Short hashes, for looking things up; what has to be sure has a SHA-256 checksum.
 */
#ifndef LML_BASE_HASH_H
#define LML_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** What a hash begins with. */
#define LML_HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/** @p hash with @p bytes bytes of @p data added: FNV-1a. */
static inline uint64_t lml_hash(uint64_t hash, const void *data, size_t bytes) {
  const unsigned char *byte = data;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/** A number from @p number whose bits look random (the finaliser of SplitMix64). */
static inline uint64_t lml_hash_mix(uint64_t number) {
  number *= UINT64_C(0x9e3779b97f4a7c15);
  number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
  return number ^ (number >> 31);
}

#endif
