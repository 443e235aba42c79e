/* Fuzz target: values that are filled into a command. Whatever both are, the shell must take a value for itself: what
 * it makes of the command must be what it makes of the command with a letter in the value's place, and the value there.
 * The first byte of the input is the value's length, before the value and the command. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/template.h"
#include "memory_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 1 << 9, STAND_IN = 1 /**< the byte that stands for the value */ };

/** A byte as the shell sees it when quotes are gone. */
typedef struct letter {
  char byte;
  bool quoted;
} letter;

/** Where quotes, comments, and backslashes stand by the shell's rules (POSIX, Shell Command Language, 2.2 and 2.3). */
typedef struct shell {
  const char *value;
  size_t length;
  letter *out;
  bool in_word; /**< where # begins no comment */
} shell;

static void put(shell *s, char byte, bool quoted) { s->out[s->length++] = (letter){byte, quoted}; }

static void put_byte(shell *s, char byte, bool quoted) {
  if (byte != STAND_IN)
    put(s, byte, quoted);
  else
    for (const char *c = s->value; *c != '\0'; c++) put(s, *c, true);
}

static const char *single_quoted(shell *s, const char *at) {
  for (; *at != '\0' && *at != '\''; at++) put_byte(s, *at, true);
  return *at == '\0' ? at : at + 1;
}

static const char *double_quoted(shell *s, const char *at) {
  for (; *at != '\0' && *at != '"'; at++) {
    const bool escapes = *at == '\\' && at[1] != '\0' && strchr("$`\"\\\n", at[1]) != NULL;
    if (escapes) at++;
    if (!(escapes && *at == '\n')) put_byte(s, *at, escapes || (*at != '$' && *at != '`'));
  }
  return *at == '\0' ? at : at + 1;
}

static const char *unquoted(shell *s, const char *at) {
  if (*at == '\\' && at[1] == '\n') return at + 2;
  if (*at == '#' && !s->in_word) return at + strcspn(at, "\n");
  s->in_word = strchr(" \t\n;&|()<>", *at) == NULL;
  if (*at == '\'') return single_quoted(s, at + 1);
  if (*at == '"') return double_quoted(s, at + 1);
  const bool escapes = *at == '\\' && at[1] != '\0';
  put_byte(s, escapes ? at[1] : *at, escapes);
  return escapes ? at + 2 : at + 1;
}

static void read_command(shell *s, const char *command) {
  for (const char *at = command; *at != '\0';) at = unquoted(s, at);
}

static bool is_plain(char byte) { return byte > ' ' && strchr("\"'\\$`|&;<>()*?[]#~{}!", byte) == NULL; }

/** Letters that mean nothing to a shell are the same with quotes and without. */
static bool same(const letter *one, const letter *two) {
  return one->byte == two->byte && (one->quoted == two->quoted || is_plain(one->byte));
}

static void compare(const char *filled, const char *with_stand_in, const char *value) {
  static letter one[LONGEST * UINT8_MAX], two[LONGEST * UINT8_MAX];
  shell got = {.value = value, .out = one}, wanted = {.value = value, .out = two};
  read_command(&got, filled);
  read_command(&wanted, with_stand_in);
  REQUIRE(got.length == wanted.length);
  for (size_t k = 0; k < got.length; k++) REQUIRE(same(&one[k], &two[k]));
}

static void fill(const char *command, const char *text) {
  static const char stand_in[] = {STAND_IN, '\0'};
  const lml_template_value value = {"v", text}, sign = {"v", stand_in};
  lml_error error = {0};
  char *filled = NULL;
  if (lml_template_fill_command(command, &value, 1, &filled, &error) != LML_OK) {
    REQUIRE(filled == NULL && error.message[0] != '\0');
    return;
  }
  char *with_stand_in = lml_template_fill(command, &sign, 1, NULL);
  if (with_stand_in == NULL) abort();
  compare(filled, with_stand_in, text);
  lml_free(with_stand_in);
  lml_free(filled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char value[UINT8_MAX + 1], command[LONGEST];
  if (size < 1 || size > sizeof command) return 0;
  const size_t length = data[0] < size - 1 ? data[0] : size - 1, rest = size - 1 - length;
  memcpy(value, data + 1, length);
  memcpy(command, data + 1 + length, rest);
  value[length] = command[rest] = '\0';
  if (strchr(command, STAND_IN) != NULL) return 0;
  fill(command, value);
  return 0;
}
