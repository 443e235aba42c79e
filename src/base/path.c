#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"

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

bool lml_path_is_same(const char *one, const char *other) {
  struct stat a, b;
  return lml_sys->stat(one, &a) == 0 && lml_sys->stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static lml_status share_folder(const char *one, const char *other, bool *same, lml_error *error) {
  char *first = lml_path_folder(one, error), *second = first == NULL ? NULL : lml_path_folder(other, error);
  const lml_status status = second == NULL ? LML_ERR_MEMORY : LML_OK;
  *same = status == LML_OK && lml_path_is_same(first, second);
  lml_free(first);
  lml_free(second);
  return status;
}

lml_status lml_path_from(const char *from, const char *path, char **name, lml_error *error) {
  char folder[PATH_MAX];
  bool same;
  *name = NULL;
  const lml_status status = share_folder(from, path, &same, error);
  if (status != LML_OK) return status;
  if (same || path[0] == '/')
    *name = join("", 0, same ? lml_path_name(path) : path, error);
  else if (lml_sys->getcwd(folder, sizeof folder) == NULL)
    return lml_fail_errno(error, errno, "the working folder can't be found");
  else
    *name = lml_path_inside(folder, path, error);
  return *name == NULL ? LML_ERR_MEMORY : LML_OK;
}
