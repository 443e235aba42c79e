#include "base/path.h"

#include <string.h>

#include "base/memory.h"

const char *lml_path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

bool lml_path_has_extension(const char *path, const char *extension) {
  const char *name = lml_path_name(path);
  const size_t length = strlen(name), wanted = strlen(extension);
  return length > wanted && strcmp(name + length - wanted, extension) == 0;
}

/** The first @p length bytes of @p head with @p tail behind them. */
static char *join(const char *head, size_t length, const char *tail, lml_error *error) {
  const size_t rest = strlen(tail) + 1;
  char *path;
  if (lml_alloc(&path, length + rest, 1, "a path", error) != LML_OK) return NULL;
  memcpy(path, head, length);
  memcpy(path + length, tail, rest);
  return path;
}

char *lml_path_with_extension(const char *path, const char *extension, lml_error *error) {
  const char *name = lml_path_name(path), *dot = strrchr(name, '.');
  const size_t length = dot == NULL || dot == name ? strlen(path) : (size_t)(dot - path);
  return join(path, length, extension, error);
}

char *lml_path_folder(const char *path, lml_error *error) {
  const size_t length = (size_t)(lml_path_name(path) - path);
  if (length == 0) return join("", 0, ".", error);
  return join(path, length > 1 ? length - 1 : 1, "", error);
}

char *lml_path_beside(const char *path, const char *name, lml_error *error) {
  return join(path, name[0] == '/' ? 0 : (size_t)(lml_path_name(path) - path), name, error);
}

char *lml_path_inside(const char *folder, const char *name, lml_error *error) {
  if (name[0] == '/') return join("", 0, name, error);
  char *begin = join(folder, strlen(folder), "/", error);
  if (begin == NULL) return NULL;
  char *path = join(begin, strlen(begin), name, error);
  lml_free(begin);
  return path;
}
