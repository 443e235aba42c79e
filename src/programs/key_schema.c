#include "programs/key_schema.h"

#include <math.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/text.h"
#include "lmlink/structure.h"

enum { TEXT_SIZE = 2048, MOST_DEFINITIONS = 16, ELEMENTS = 118 };

/** The name of the definition of an object that is one of the variants. */
static const char variant_name[] = "calculator";

/** What is being written. */
typedef struct schema {
  lml_json_writer writer;
  const lml_key_root *root;
  const lml_key_table *definitions[MOST_DEFINITIONS]; /**< that were referred to */
  size_t ndefinitions;
} schema;

static void put_table(schema *s, const lml_key_table *table, const void *structure);

/* ---- references ---- */

static void add_definition(schema *s, const lml_key_table *table) {
  for (size_t k = 0; k < s->ndefinitions; k++)
    if (s->definitions[k] == table) return;
  if (s->ndefinitions < MOST_DEFINITIONS) s->definitions[s->ndefinitions++] = table;
}

static void put_reference(schema *s, const char *name) {
  char address[64];
  lml_print_cut(address, sizeof address, "#/$defs/%s", name);
  lml_json_writer_text(&s->writer, "$ref", address);
}

/** The table of a structure of its own, with the defaults that its init sets. */
static void put_own(schema *s, const lml_key_table *table) {
  char *structure = NULL;
  const lml_status status = lml_alloc(&structure, table->size, 1, "defaults", NULL);
  if (status != LML_OK && s->writer.status == LML_OK) s->writer.status = status;
  if (status != LML_OK) return;
  if (table->init != NULL) table->init(structure);
  put_table(s, table, structure);
  lml_free(structure);
}

/** An object with the keys of @p table, whose structure is @p structure unless it has one of its own. */
static void put_object(schema *s, const lml_key_table *table, const void *structure) {
  if (table->name != NULL) {
    add_definition(s, table);
    put_reference(s, table->name);
  } else if (table->size > 0) {
    put_own(s, table);
  } else {
    put_table(s, table, structure);
  }
}

/* ---- types ---- */

static void put_range(schema *s, const lml_key *key) {
  lml_json_writer *w = &s->writer;
  if (key->range == LML_RANGE_NOT_NEGATIVE) lml_json_writer_integer(w, "minimum", 0);
  if (key->range == LML_RANGE_POSITIVE) lml_json_writer_integer(w, "exclusiveMinimum", 0);
  if (key->range != LML_RANGE_FROM) return;
  lml_json_writer_integer(w, "minimum", key->least);
  if (key->most > 0) lml_json_writer_integer(w, "maximum", key->most);
}

static void put_number(schema *s, const lml_key *key) {
  lml_json_writer_text(&s->writer, "type", "number");
  put_range(s, key);
}

/** An array of values of @p type, at least @p least. */
static void put_array(schema *s, const char *type, size_t least) {
  lml_json_writer_text(&s->writer, "type", "array");
  lml_json_writer_object(&s->writer, "items");
  lml_json_writer_text(&s->writer, "type", type);
  if (strcmp(type, "string") == 0) lml_json_writer_integer(&s->writer, "minLength", 1);
  lml_json_writer_end_object(&s->writer);
  if (least > 0) lml_json_writer_integer(&s->writer, "minItems", (long long)least);
}

static void put_choices(schema *s, const lml_key *key) {
  lml_json_writer_array(&s->writer, "enum");
  for (size_t k = 0; k < lml_key_nchoices(key); k++) lml_json_writer_text(&s->writer, NULL, key->choices[k]);
  lml_json_writer_end_array(&s->writer);
}

static void put_elements(schema *s) {
  lml_json_writer_text(&s->writer, "type", "array");
  lml_json_writer_object(&s->writer, "items");
  lml_json_writer_array(&s->writer, "enum");
  for (int number = 1; number <= ELEMENTS; number++) lml_json_writer_text(&s->writer, NULL, lml_element_symbol(number));
  lml_json_writer_end_array(&s->writer);
  lml_json_writer_end_object(&s->writer);
}

/** One number, or an array of them. */
static void put_reals(schema *s, const lml_key *key) {
  lml_json_writer *w = &s->writer;
  lml_json_writer_array(w, "anyOf");
  lml_json_writer_object(w, NULL);
  put_number(s, key);
  lml_json_writer_end_object(w);
  lml_json_writer_object(w, NULL);
  lml_json_writer_text(w, "type", "array");
  lml_json_writer_object(w, "items");
  put_number(s, key);
  lml_json_writer_end_object(w);
  lml_json_writer_integer(w, "minItems", 1);
  lml_json_writer_end_object(w);
  lml_json_writer_end_array(w);
}

static void put_objects(schema *s, const lml_key *key) {
  lml_json_writer_text(&s->writer, "type", "array");
  lml_json_writer_object(&s->writer, "items");
  put_object(s, key->object, NULL);
  lml_json_writer_end_object(&s->writer);
  if (key->range == LML_RANGE_FROM) lml_json_writer_integer(&s->writer, "minItems", key->least);
}

/** What values the key's type has. */
static void put_type(schema *s, const lml_key *key, const void *structure) {
  lml_json_writer *w = &s->writer;
  switch (key->type) {
    case LML_KEY_TEXT:
    case LML_KEY_PATH:
      lml_json_writer_text(w, "type", "string");
      lml_json_writer_integer(w, "minLength", 1);
      if (key->type == LML_KEY_PATH) lml_json_writer_logical(w, "x-path", true);
      return;
    case LML_KEY_REAL:
      put_number(s, key);
      return;
    case LML_KEY_REALS:
      put_reals(s, key);
      return;
    case LML_KEY_COUNT:
      lml_json_writer_text(w, "type", "integer");
      put_range(s, key);
      return;
    case LML_KEY_LOGICAL:
    case LML_KEY_SWITCH:
      lml_json_writer_text(w, "type", "boolean");
      return;
    case LML_KEY_CHOICE:
      put_choices(s, key);
      return;
    case LML_KEY_CONSTANT:
      lml_json_writer_text(w, "const", key->choices[0]);
      return;
    case LML_KEY_TRUE:
      lml_json_writer_logical(w, "const", true);
      return;
    case LML_KEY_VERSION:
      lml_json_writer_integer(w, "const", key->least);
      return;
    case LML_KEY_VECTOR:
      put_array(s, "number", 3);
      lml_json_writer_integer(w, "maxItems", 3);
      return;
    case LML_KEY_INTEGERS:
      put_array(s, "integer", 0);
      return;
    case LML_KEY_ELEMENTS:
      put_elements(s);
      return;
    case LML_KEY_PATHS:
      put_array(s, "string", 1);
      return;
    case LML_KEY_TEXTS:
      put_array(s, "string", 0);
      return;
    case LML_KEY_NUMBERS:
      lml_json_writer_text(w, "type", "object");
      lml_json_writer_object(w, "additionalProperties");
      put_number(s, key);
      lml_json_writer_end_object(w);
      return;
    case LML_KEY_OBJECTS:
      put_objects(s, key);
      return;
    case LML_KEY_OBJECT:
      put_object(s, key->object, (const char *)structure + key->offset);
      return;
    case LML_KEY_VARIANT:
      put_reference(s, variant_name);
      return;
  }
}

/** A value, or an object that stands for it. */
static void put_value(schema *s, const lml_key *key, const void *structure) {
  lml_json_writer *w = &s->writer;
  if (key->object == NULL || key->type >= LML_KEY_OBJECTS) {
    put_type(s, key, structure);
    return;
  }
  lml_json_writer_array(w, "anyOf");
  lml_json_writer_object(w, NULL);
  put_type(s, key, structure);
  lml_json_writer_end_object(w);
  lml_json_writer_object(w, NULL);
  put_object(s, key->object, structure);
  lml_json_writer_end_object(w);
  lml_json_writer_end_array(w);
}

/* ---- keys ---- */

/** The option, as the documentation shows it. */
static void put_option(schema *s, const lml_key *key) {
  char text[TEXT_SIZE];
  const char *argument = key->argument == NULL ? "" : key->argument;
  if (key->option != NULL)
    lml_print_cut(text, sizeof text, "`--%s%s%s`", key->option, argument[0] == '\0' ? "" : " ", argument);
  else if (key->options != NULL)
    lml_print_cut(text, sizeof text, "%s", key->options);
  if (key->option != NULL || key->options != NULL) lml_json_writer_text(&s->writer, "x-option", text);
}

static void put_default(schema *s, const lml_key *key, const void *structure) {
  char text[TEXT_SIZE];
  double number = 0.0;
  lml_key_default(key, structure, text, sizeof text);
  const size_t length = strlen(text);
  if (text[0] == '"') {
    text[length - 1] = '\0';
    lml_json_writer_text(&s->writer, "default", text + 1);
  } else if (text[0] == 't' || text[0] == 'f') {
    lml_json_writer_logical(&s->writer, "default", text[0] == 't');
  } else if (length > 0 && lml_parse_real((lml_token){text, length}, &number)) {
    if (number == rint(number))
      lml_json_writer_integer(&s->writer, "default", (long long)number);
    else
      lml_json_writer_number(&s->writer, "default", number);
  }
}

static void put_key(schema *s, const lml_key *key, const void *structure) {
  lml_json_writer *w = &s->writer;
  char text[TEXT_SIZE];
  lml_json_writer_object(w, key->name);
  lml_key_describe(key, structure, text, sizeof text);
  lml_json_writer_text(w, "description", text);
  put_value(s, key, structure);
  put_default(s, key, structure);
  lml_json_writer_text(w, "x-help", key->help);
  if (key->unit != NULL) lml_json_writer_text(w, "x-unit", key->unit);
  if (key->otherwise != NULL) lml_json_writer_text(w, "x-otherwise", key->otherwise);
  put_option(s, key);
  lml_json_writer_end_object(w);
}

/** Which keys must be there. */
static void put_required(schema *s, const lml_key_table *table) {
  lml_json_writer *w = &s->writer;
  lml_json_writer_array(w, "required");
  for (size_t k = 0; k < table->nkeys; k++)
    if (table->keys[k].presence == LML_JSON_REQUIRED) lml_json_writer_text(w, NULL, table->keys[k].name);
  lml_json_writer_end_array(w);
  lml_json_writer_object(w, "dependentRequired");
  for (size_t k = 0; k < table->nkeys; k++) {
    if (table->keys[k].needs == NULL) continue;
    lml_json_writer_array(w, table->keys[k].name);
    lml_json_writer_text(w, NULL, table->keys[k].needs);
    lml_json_writer_end_array(w);
  }
  lml_json_writer_end_object(w);
  if (table->nalternatives == 0) return;
  lml_json_writer_array(w, "oneOf");
  for (size_t k = 0; k < table->nalternatives; k++) {
    lml_json_writer_object(w, NULL);
    lml_json_writer_array(w, "required");
    lml_json_writer_text(w, NULL, table->keys[k].name);
    lml_json_writer_end_array(w);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
}

static void put_table(schema *s, const lml_key_table *table, const void *structure) {
  lml_json_writer *w = &s->writer;
  lml_json_writer_text(w, "type", "object");
  lml_json_writer_object(w, "properties");
  for (size_t k = 0; k < table->nkeys; k++) put_key(s, &table->keys[k], structure);
  lml_json_writer_end_object(w);
  put_required(s, table);
  lml_json_writer_logical(w, "additionalProperties", false);
}

/* ---- the schema ---- */

/** The object that is one of the variants, told by its key `type`: errors are those of the variant that it names. */
static void put_variants(schema *s) {
  lml_json_writer *w = &s->writer;
  const lml_key_root *root = s->root;
  if (root->nvariants == 0) return;
  lml_json_writer_object(w, variant_name);
  lml_json_writer_text(w, "type", "object");
  lml_json_writer_array(w, "oneOf");
  for (size_t k = 0; k < root->nvariants; k++) {
    lml_json_writer_object(w, NULL);
    add_definition(s, root->variants[k].table);
    put_reference(s, root->variants[k].table->name);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_array(w);
  lml_json_writer_end_object(w);
}

lml_status lml_key_schema(const lml_key_root *root, char **text, lml_error *error) {
  schema s = {.writer = {.indent = 2}, .root = root};
  lml_json_writer *w = &s.writer;
  char *structure = NULL;
  lml_status status = lml_alloc(&structure, root->size, 1, "defaults", error);
  if (status != LML_OK) return status;
  root->init(structure);
  lml_json_writer_begin(w);
  lml_json_writer_text(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
  lml_json_writer_text(w, "title", root->title);
  put_table(&s, root->table, structure);
  lml_json_writer_object(w, "$defs");
  put_variants(&s);
  /* Definitions refer to further ones. */
  for (size_t k = 0; k < s.ndefinitions; k++) {
    lml_json_writer_object(w, s.definitions[k]->name);
    put_own(&s, s.definitions[k]);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_object(w);
  status = lml_json_writer_end(w, error);
  if (status == LML_OK) *text = lml_strdup(w->text, error);
  if (status == LML_OK && *text == NULL) status = LML_ERR_MEMORY;
  lml_json_writer_free(w);
  root->free(structure);
  lml_free(structure);
  return status;
}
