#include "programs/text_printer.h"

#include "base/memory.h"

enum { HELP_SIZE = 1600 };

void lml_put_char(lml_printer *printer, char c) {
  if (printer->length + 1 < printer->size) printer->text[printer->length] = c;
  printer->length++;
  /* A character of UTF-8 counts once. */
  if (((unsigned char)c & 0xC0u) != 0x80u) printer->column = c == '\n' ? 0 : printer->column + 1;
}

void lml_put(lml_printer *printer, const char *text) {
  while (*text != '\0') lml_put_char(printer, *text++);
}

size_t lml_put_end(lml_printer *printer) {
  const size_t length = printer->length, size = printer->size;
  if (size > 0) printer->text[length < size ? length : size - 1] = '\0';
  return length;
}

void lml_put_options(lml_printer *printer, const lml_command *command,
                     void (*put)(lml_printer *printer, const lml_option *option, const char *help)) {
  lml_option_list list;
  char *defaults = NULL;
  lml_command_options(command, &list);
  if (command->keys != NULL && lml_alloc(&defaults, command->keys->size, 1, "defaults", NULL) == LML_OK)
    command->keys->init(defaults);
  for (size_t k = 0; k < list.count; k++) {
    const lml_option *option = &list.options[k];
    char text[HELP_SIZE] = "";
    if (option->key != NULL && defaults == NULL) continue;
    if (option->key != NULL) lml_key_describe(option->key, defaults + option->base, text, sizeof text);
    put(printer, option, option->key != NULL ? text : option->help);
  }
  if (defaults != NULL) command->keys->free(defaults);
  lml_free(defaults);
}
