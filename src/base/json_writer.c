#include "base/json_writer.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/text.h"

/** Make room for @p bytes more and return where they go, NULL after a failure. */
static char *reserve(lml_json_writer *writer, size_t bytes) {
  if (writer->status == LML_OK)
    writer->status = lml_grow(&writer->text, &writer->capacity, writer->length + bytes, 1, "a JSON text", NULL);
  return writer->status == LML_OK ? writer->text + writer->length : NULL;
}

static void append(lml_json_writer *writer, const char *text, size_t bytes) {
  char *place = reserve(writer, bytes);
  if (place == NULL) return;
  memcpy(place, text, bytes);
  writer->length += bytes;
}

static void append_string(lml_json_writer *writer, const char *text) {
  append(writer, "\"", 1);
  for (const char *c = text; *c != '\0'; c++) {
    char escaped[8];
    if (*c == '"' || *c == '\\')
      append(writer, escaped, lml_print_cut(escaped, sizeof escaped, "\\%c", *c));
    else if ((unsigned char)*c < 0x20)
      append(writer, escaped, lml_print_cut(escaped, sizeof escaped, "\\u%04x", (unsigned)*c));
    else
      append(writer, c, 1);
  }
  append(writer, "\"", 1);
}

/** The line on which a key, or an object's brace, stands. */
static void begin_line(lml_json_writer *writer, size_t depth) {
  if (writer->indent == 0) return;
  append(writer, "\n", 1);
  for (size_t k = 0; k < depth * writer->indent; k++) append(writer, " ", 1);
}

static void append_key(lml_json_writer *writer, const char *key) {
  const bool breaks = key != NULL && writer->indent > 0;
  if (!writer->first) append(writer, ", ", breaks ? 1 : 2);
  writer->first = false;
  if (key == NULL) return;
  begin_line(writer, writer->depth + 1);
  append_string(writer, key);
  append(writer, ": ", 2);
}

static void append_number(lml_json_writer *writer, double value) {
  if (!isfinite(value)) {
    append(writer, "null", 4);
    return;
  }
  char *place = reserve(writer, LML_REAL_TEXT);
  if (place != NULL) writer->length += lml_format_real(value, place);
}

void lml_json_writer_begin(lml_json_writer *writer) {
  writer->length = 0;
  writer->status = LML_OK;
  writer->first = true;
  writer->depth = 0;
  append(writer, "{", 1);
}

static void begin_nested(lml_json_writer *writer, const char *key, const char *bracket) {
  append_key(writer, key);
  append(writer, bracket, 1);
  writer->first = true;
}

static void end_nested(lml_json_writer *writer, const char *bracket) {
  append(writer, bracket, 1);
  writer->first = false;
}

void lml_json_writer_object(lml_json_writer *writer, const char *key) {
  begin_nested(writer, key, "{");
  writer->depth++;
}

void lml_json_writer_array(lml_json_writer *writer, const char *key) { begin_nested(writer, key, "["); }

void lml_json_writer_end_object(lml_json_writer *writer) {
  writer->depth--;
  if (!writer->first) begin_line(writer, writer->depth + 1);
  end_nested(writer, "}");
}

void lml_json_writer_end_array(lml_json_writer *writer) { end_nested(writer, "]"); }

void lml_json_writer_number(lml_json_writer *writer, const char *key, double value) {
  append_key(writer, key);
  append_number(writer, value);
}

void lml_json_writer_integer(lml_json_writer *writer, const char *key, long long value) {
  char text[LML_INTEGER_TEXT];
  append_key(writer, key);
  append(writer, text, lml_format_integer(value, text));
}

void lml_json_writer_logical(lml_json_writer *writer, const char *key, bool value) {
  append_key(writer, key);
  append(writer, value ? "true" : "false", value ? 4 : 5);
}

void lml_json_writer_text(lml_json_writer *writer, const char *key, const char *value) {
  append_key(writer, key);
  append_string(writer, value);
}

void lml_json_writer_numbers(lml_json_writer *writer, const char *key, const double *values, size_t count) {
  append_key(writer, key);
  append(writer, "[", 1);
  for (size_t i = 0; i < count; i++) {
    if (i > 0) append(writer, ", ", 2);
    append_number(writer, values[i]);
  }
  append(writer, "]", 1);
}

lml_status lml_json_writer_end(lml_json_writer *writer, lml_error *error) {
  begin_line(writer, 0);
  append(writer, "}", 1);
  append(writer, "", 1);
  if (writer->status != LML_OK) return lml_fail_memory(error, writer->length, "a JSON text");
  writer->length--;
  return LML_OK;
}

void lml_json_writer_free(lml_json_writer *writer) {
  lml_free(writer->text);
  memset(writer, 0, sizeof *writer);
}
