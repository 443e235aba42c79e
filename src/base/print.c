#include "base/print.h"

#include <stdio.h>
#include <string.h>

size_t lml_print_cut_list(char *text, size_t size, const char *format, va_list arguments) {
  if (size == 0) return 0;
  const int length = vsnprintf(text, size, format, arguments);
  if (length < 0) {
    text[0] = '\0';
    return 0;
  }
  return (size_t)length < size ? (size_t)length : size - 1;
}

size_t lml_print_cut(char *text, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const size_t length = lml_print_cut_list(text, size, format, arguments);
  va_end(arguments);
  return length;
}

void lml_print_behind(char *text, size_t size, const char *format, ...) {
  const size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  if (used < size) lml_print_cut_list(text + used, size - used, format, arguments);
  va_end(arguments);
}
