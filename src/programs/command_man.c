#include <stdbool.h>
#include <string.h>

#include "lmlink/version.h"
#include "programs/command_text.h"
#include "programs/text_printer.h"

/** The programs, for "see also". */
static const char *const pages[] = {"lmlink", "lmlink-eval", "lmlink-retrain", "lmlink-serve"};
enum { NPAGES = sizeof pages / sizeof pages[0] };

/** @p text as roff prints it: a hyphen is one that can be copied, and no line is taken for a request. */
static void put_text(lml_printer *p, const char *text) {
  for (; *text != '\0'; text++) {
    if (p->column == 0 && (*text == '.' || *text == '\'')) lml_put(p, "\\&");
    if (*text == '-')
      lml_put(p, "\\-");
    else if (*text == '\\')
      lml_put(p, "\\e");
    else
      lml_put_char(p, *text);
  }
}

/** Words in capitals are what a user puts something else for. */
static bool is_placeholder(const char *word, size_t length) {
  bool letters = false;
  for (size_t k = 0; k < length; k++) {
    if (word[k] >= 'A' && word[k] <= 'Z') letters = true;
    if (word[k] >= 'a' && word[k] <= 'z') return false;
  }
  return letters;
}

static void put_word(lml_printer *p, const char *word, size_t length) {
  const size_t stem = strcspn(word, ".") < length ? strcspn(word, ".") : length; /* CONFIG.json */
  const bool placeholder = word[0] != '-' && is_placeholder(word, stem);
  if (placeholder || word[0] == '-') lml_put(p, placeholder ? "\\fI" : "\\fB");
  for (size_t k = 0; k < length; k++) put_text(p, (const char[2]){word[k], '\0'});
  if (placeholder || word[0] == '-') lml_put(p, "\\fR");
}

static void put_synopsis(lml_printer *p, const lml_command *command) {
  for (const char *line = command->usage; *line != '\0';) {
    if (line != command->usage) lml_put(p, ".br\n");
    lml_put(p, "\\fB");
    put_text(p, command->program);
    lml_put(p, "\\fR");
    while (*line != '\0' && *line != '\n') {
      const size_t brackets = strspn(line, "[] ");
      lml_put_char(p, ' ');
      for (size_t k = 0; k < brackets; k++)
        if (line[k] != ' ') lml_put_char(p, line[k]);
      line += brackets;
      const size_t length = strcspn(line, "] \n");
      put_word(p, line, length);
      line += length;
      if (*line == ']') lml_put_char(p, *line++);
      line += strspn(line, " ");
    }
    lml_put_char(p, '\n');
    if (*line == '\n') line++;
  }
}

static void put_option(lml_printer *p, const lml_option *option, const char *help) {
  lml_put(p, ".TP\n\\fB\\-\\-");
  put_text(p, option->name);
  lml_put(p, "\\fR");
  for (size_t k = 0; option->choices != NULL && option->choices[k] != NULL; k++) {
    lml_put(p, k == 0 ? " \\fB" : "\\fR|\\fB");
    put_text(p, option->choices[k]);
  }
  if (option->choices == NULL && option->value != NULL) {
    lml_put(p, " \\fI");
    put_text(p, option->value);
  }
  lml_put(p, option->value != NULL ? "\\fR\n" : "\n");
  put_text(p, help);
  lml_put_char(p, '\n');
}

/** The summary's first sentence, as man -k shows it. */
static void put_name(lml_printer *p, const lml_command *command) {
  const char *end = strstr(command->summary, ". ");
  size_t length = end != NULL ? (size_t)(end - command->summary) : strlen(command->summary);
  if (end == NULL && length > 0 && command->summary[length - 1] == '.') length--;
  put_text(p, command->program);
  lml_put(p, " \\- ");
  for (size_t k = 0; k < length; k++) {
    const char c = command->summary[k];
    put_text(p, (const char[2]){k == 0 && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c, '\0'});
  }
  lml_put_char(p, '\n');
}

static void put_see_also(lml_printer *p, const lml_command *command) {
  bool first = true;
  for (size_t k = 0; k < NPAGES; k++) {
    if (strcmp(pages[k], command->program) == 0) continue;
    lml_put(p, first ? "\\fB" : ", \\fB");
    put_text(p, pages[k]);
    lml_put(p, "\\fR(1)");
    first = false;
  }
  lml_put_char(p, '\n');
}

size_t lml_command_man(const lml_command *command, char *text, size_t size) {
  lml_printer p = {.text = text, .size = size};
  lml_put(&p, ".TH ");
  for (const char *c = command->program; *c != '\0'; c++)
    put_text(&p, (const char[2]){*c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c, '\0'});
  lml_put(&p, " 1 \"\" \"lmlink ");
  lml_put(&p, lml_version());
  lml_put(&p, "\" \"User Commands\"\n.SH NAME\n");
  put_name(&p, command);
  lml_put(&p, ".SH SYNOPSIS\n");
  put_synopsis(&p, command);
  lml_put(&p, ".SH DESCRIPTION\n");
  put_text(&p, command->summary);
  lml_put(&p, "\n.SH OPTIONS\n");
  lml_put_options(&p, command, put_option);
  if (command->notes != NULL) {
    lml_put(&p, ".SH NOTES\n.nf\n");
    put_text(&p, command->notes);
    lml_put(&p, ".fi\n");
  }
  lml_put(&p, ".SH SEE ALSO\n");
  put_see_also(&p, command);
  return lml_put_end(&p);
}
