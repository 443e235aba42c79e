#include <stdbool.h>
#include <string.h>

#include "programs/command_text.h"
#include "programs/text_printer.h"

/** The name of the function: hyphens become underscores. */
static void put_function(lml_printer *p, const lml_command *command) {
  lml_put_char(p, '_');
  for (const char *c = command->program; *c != '\0'; c++) lml_put_char(p, *c == '-' ? '_' : *c);
}

static bool takes_file(const lml_option *option) {
  return option->value != NULL && option->choices == NULL && strcmp(option->value, "FILE") == 0;
}

/* ---- bash ---- */

static void put_bash_choices(lml_printer *p, const lml_option *option, const char *help) {
  (void)help;
  if (option->choices == NULL) return;
  lml_put(p, "    --");
  lml_put(p, option->name);
  lml_put(p, ") COMPREPLY=($(compgen -W '");
  for (size_t k = 0; option->choices[k] != NULL; k++) {
    if (k > 0) lml_put_char(p, ' ');
    lml_put(p, option->choices[k]);
  }
  lml_put(p, "' -- \"$word\")); return ;;\n");
}

/** Options with a file's name after them, or with anything else that is nobody's guess: alternatives of a pattern. */
static void put_bash_pattern(lml_printer *p, const lml_option *option, const char *help) {
  (void)help;
  if (!takes_file(option)) return;
  lml_put(p, "|--");
  lml_put(p, option->name);
}

static void put_bash_other(lml_printer *p, const lml_option *option, const char *help) {
  (void)help;
  if (option->value == NULL || option->choices != NULL || takes_file(option)) return;
  lml_put(p, "|--");
  lml_put(p, option->name);
}

static void put_bash_word(lml_printer *p, const lml_option *option, const char *help) {
  (void)help;
  lml_put(p, " --");
  lml_put(p, option->name);
}

size_t lml_command_bash(const lml_command *command, char *text, size_t size) {
  lml_printer p = {.text = text, .size = size};
  lml_put(&p, "# What bash completes ");
  lml_put(&p, command->program);
  lml_put(&p, " by; printed by ");
  lml_put(&p, command->program);
  lml_put(&p, " --print-bash-completion.\n");
  put_function(&p, command);
  lml_put(&p,
          "() {\n  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n  COMPREPLY=()\n"
          "  case $before in\n");
  lml_put_options(&p, command, put_bash_choices);
  lml_put(&p, "    none");
  lml_put_options(&p, command, put_bash_pattern);
  lml_put(&p, ") compopt -o default; return ;;\n    none");
  lml_put_options(&p, command, put_bash_other);
  lml_put(&p, ") return ;;\n  esac\n  if [[ $word == -* ]]; then\n    COMPREPLY=($(compgen -W '");
  lml_put_options(&p, command, put_bash_word);
  lml_put(&p, "' -- \"$word\"))\n  else\n    compopt -o default\n  fi\n}\ncomplete -F ");
  put_function(&p, command);
  lml_put_char(&p, ' ');
  lml_put(&p, command->program);
  lml_put_char(&p, '\n');
  return lml_put_end(&p);
}

/* ---- zsh ---- */

/** What stands between the quotes and brackets of an entry. */
static void put_zsh_text(lml_printer *p, const char *text, size_t length) {
  for (size_t k = 0; k < length; k++) {
    if (text[k] == '\'')
      lml_put(p, "'\\'");
    else if (strchr("[]:\\", text[k]) != NULL)
      lml_put_char(p, '\\');
    lml_put_char(p, text[k]);
  }
}

/** Length of what is told of an option in one line: up to the end of its first sentence or clause. */
static size_t first_clause(const char *help) {
  size_t length = 0;
  while (help[length] != '\0') {
    if (strchr(".;:", help[length]) != NULL && (help[length + 1] == ' ' || help[length + 1] == '\0')) break;
    if (length > 0 && help[length] == ' ' && help[length + 1] == '(') break;
    length++;
  }
  return length;
}

static void put_zsh_option(lml_printer *p, const lml_option *option, const char *help) {
  lml_put(p, option->times == LML_OPTION_MANY ? "  '*--" : "  '--");
  lml_put(p, option->name);
  lml_put(p, option->value != NULL ? "=[" : "[");
  put_zsh_text(p, help, first_clause(help));
  lml_put_char(p, ']');
  if (option->value != NULL) {
    lml_put_char(p, ':');
    put_zsh_text(p, option->value, strlen(option->value));
    lml_put(p, takes_file(option) ? ":_files" : option->choices != NULL ? ":(" : ": ");
    for (size_t k = 0; option->choices != NULL && option->choices[k] != NULL; k++) {
      if (k > 0) lml_put_char(p, ' ');
      put_zsh_text(p, option->choices[k], strlen(option->choices[k]));
    }
    if (option->choices != NULL) lml_put_char(p, ')');
  }
  lml_put(p, "' \\\n");
}

size_t lml_command_zsh(const lml_command *command, char *text, size_t size) {
  lml_printer p = {.text = text, .size = size};
  lml_put(&p, "#compdef ");
  lml_put(&p, command->program);
  lml_put(&p, "\n# Printed by ");
  lml_put(&p, command->program);
  lml_put(&p, " --print-zsh-completion.\n_arguments -s \\\n");
  lml_put_options(&p, command, put_zsh_option);
  lml_put(&p, "  '*:file:_files'\n");
  return lml_put_end(&p);
}
