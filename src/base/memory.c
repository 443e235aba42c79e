#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/print.h"
#include "base/sys.h"

/** All members are pointers to objects, which have one representation on every platform with POSIX. */
static void store_pointer(void *array, void *memory) { memcpy(array, &memory, sizeof memory); }

static lml_status total_bytes(size_t count, size_t size, const char *what, size_t *bytes, lml_error *error) {
  if (size != 0 && count > (SIZE_MAX - LML_ALIGNMENT) / size) return lml_fail_memory(error, SIZE_MAX, what);
  *bytes = count * size == 0 ? 1 : count * size;
  return LML_OK;
}

lml_status lml_alloc_untouched(void *array, size_t count, size_t size, const char *what, lml_error *error) {
  size_t bytes = 0;
  store_pointer(array, NULL);
  const lml_status status = total_bytes(count, size, what, &bytes, error);
  if (status != LML_OK) return status;
  void *memory = lml_sys->aligned_alloc(LML_ALIGNMENT, bytes);
  if (memory == NULL) return lml_fail_memory(error, bytes, what);
  store_pointer(array, memory);
  return LML_OK;
}

lml_status lml_alloc(void *array, size_t count, size_t size, const char *what, lml_error *error) {
  const lml_status status = lml_alloc_untouched(array, count, size, what, error);
  if (status != LML_OK) return status;
  void *memory;
  memcpy(&memory, array, sizeof memory);
  memset(memory, 0, count * size);
  return LML_OK;
}

lml_status lml_grow(void *array, size_t *capacity, size_t count, size_t size, const char *what, lml_error *error) {
  void *old;
  memcpy(&old, array, sizeof old);
  if (old != NULL && count <= *capacity) return LML_OK;
  const size_t half_more = *capacity + *capacity / 2;
  const size_t wanted = count > half_more ? count : half_more;
  size_t bytes = 0;
  const lml_status status = total_bytes(wanted, size, what, &bytes, error);
  if (status != LML_OK) return status;
  void *memory = lml_sys->aligned_alloc(LML_ALIGNMENT, bytes);
  if (memory == NULL) return lml_fail_memory(error, bytes, what);
  if (old != NULL) memcpy(memory, old, *capacity * size);
  lml_sys->free(old);
  store_pointer(array, memory);
  *capacity = wanted;
  return LML_OK;
}

void lml_free(void *array) { lml_sys->free(array); }

char *lml_strdup(const char *text, lml_error *error) {
  const size_t bytes = strlen(text) + 1;
  char *copy = lml_sys->malloc(bytes);
  if (copy == NULL) {
    lml_fail_memory(error, bytes, "a string");
    return NULL;
  }
  memcpy(copy, text, bytes);
  return copy;
}

char *lml_print_new(const char *what, lml_error *error, const char *format, ...) {
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0) {
    lml_fail(error, LML_ERR_INTERNAL, "%s could not be formatted", what);
    return NULL;
  }
  if (lml_alloc(&text, (size_t)length + 1, 1, what, error) != LML_OK) return NULL;
  va_start(arguments, format);
  lml_print_cut_list(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return text;
}
