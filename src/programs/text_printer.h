/** @file text_printer.h
 *  Text that grows like snprintf's: what does not fit is counted.
 */
#ifndef LML_PROGRAMS_TEXT_PRINTER_H
#define LML_PROGRAMS_TEXT_PRINTER_H

#include <stddef.h>

#include "programs/command_line.h"

/** Initialise with the buffer and its size. */
typedef struct lml_printer {
  char *text;
  size_t size, length, column;
} lml_printer;

void lml_put_char(lml_printer *printer, char c);
void lml_put(lml_printer *printer, const char *text);

/** End the text with a zero byte; its whole length. */
size_t lml_put_end(lml_printer *printer);

/** Call @p put with each option of @p command and with what is said about it, with its key's unit and default. Options
 *  of keys are left out where memory is out. */
void lml_put_options(lml_printer *printer, const lml_command *command,
                     void (*put)(lml_printer *printer, const lml_option *option, const char *help));

#endif
