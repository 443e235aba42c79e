#include <string.h>

#include "programs/command_text.h"
#include "programs/text_printer.h"

enum { HELP_WIDTH = 79, HELP_COLUMN = 26 };

static void put_spaces_to(lml_printer *p, size_t column) {
  while (p->column < column) lml_put_char(p, ' ');
}

/** Words of @p text, with line breaks before HELP_WIDTH and every line from @p indent on. */
static void put_wrapped(lml_printer *p, const char *text, size_t indent) {
  put_spaces_to(p, indent);
  while (*text != '\0') {
    const size_t word = strcspn(text, " ");
    if (p->column > indent && p->column + 1 + word > HELP_WIDTH) {
      lml_put_char(p, '\n');
      put_spaces_to(p, indent);
    } else if (p->column > indent) {
      lml_put_char(p, ' ');
    }
    for (size_t k = 0; k < word; k++) lml_put_char(p, text[k]);
    text += word + strspn(text + word, " ");
  }
  lml_put_char(p, '\n');
}

static void put_usage(lml_printer *p, const lml_command *command) {
  const char *lead = "Usage: ";
  for (const char *line = command->usage; *line != '\0'; lead = "       ") {
    lml_put(p, lead);
    lml_put(p, command->program);
    lml_put_char(p, ' ');
    while (*line != '\0' && *line != '\n') lml_put_char(p, *line++);
    lml_put_char(p, '\n');
    if (*line == '\n') line++;
  }
}

static void put_option(lml_printer *p, const lml_option *option, const char *help) {
  lml_put(p, "  --");
  lml_put(p, option->name);
  for (size_t k = 0; option->choices != NULL && option->choices[k] != NULL; k++) {
    lml_put_char(p, k == 0 ? ' ' : '|');
    lml_put(p, option->choices[k]);
  }
  if (option->choices == NULL && option->value != NULL) {
    lml_put_char(p, ' ');
    lml_put(p, option->value);
  }
  if (p->column + 2 > HELP_COLUMN) lml_put_char(p, '\n');
  put_wrapped(p, help, HELP_COLUMN);
}

size_t lml_command_help(const lml_command *command, char *text, size_t size) {
  lml_printer p = {.text = text, .size = size};
  put_usage(&p, command);
  lml_put_char(&p, '\n');
  put_wrapped(&p, command->summary, 0);
  lml_put(&p, "\nOptions:\n");
  lml_put_options(&p, command, put_option);
  if (command->notes != NULL) {
    lml_put_char(&p, '\n');
    lml_put(&p, command->notes);
  }
  return lml_put_end(&p);
}
