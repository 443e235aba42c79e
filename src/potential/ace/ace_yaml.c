#include "potential/ace/ace_yaml.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/text.h"

struct lml_yaml {
  char *path, *text;
  yaml_document_t document;
  bool loaded;
};

void lml_yaml_close(lml_yaml *yaml) {
  if (yaml == NULL) return;
  if (yaml->loaded) yaml_document_delete(&yaml->document);
  lml_free(yaml->path);
  lml_free(yaml->text);
  lml_free(yaml);
}

static lml_status parser_failure(const yaml_parser_t *parser, const char *path, lml_error *error) {
  if (parser->error == YAML_MEMORY_ERROR) return lml_fail(error, LML_ERR_MEMORY, "%s: out of memory", path);
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: is no YAML: %s", path, parser->problem_mark.line + 1,
                  parser->problem == NULL ? "it can't be read" : parser->problem);
}

static lml_status load(lml_yaml *yaml, size_t length, lml_error *error) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return lml_fail(error, LML_ERR_MEMORY, "%s: out of memory", yaml->path);
  yaml_parser_set_input_string(&parser, (const unsigned char *)yaml->text, length);
  lml_status status = LML_OK;
  if (yaml_parser_load(&parser, &yaml->document))
    yaml->loaded = true;
  else
    status = parser_failure(&parser, yaml->path, error);
  yaml_parser_delete(&parser);
  if (status != LML_OK) return status;
  const yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
  if (root == NULL || root->type != YAML_MAPPING_NODE)
    return lml_fail(error, LML_ERR_INPUT, "%s: holds no mapping of keys to values", yaml->path);
  return LML_OK;
}

lml_status lml_yaml_open(const char *path, lml_yaml **yaml, lml_error *error) {
  lml_yaml *self;
  size_t length;
  *yaml = NULL;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "a YAML file", error);
  if (status != LML_OK) return status;
  self->path = lml_strdup(path, error);
  status = self->path == NULL ? LML_ERR_MEMORY : lml_file_read(path, &self->text, &length, error);
  if (status == LML_OK) status = load(self, length, error);
  if (status == LML_OK)
    *yaml = self;
  else
    lml_yaml_close(self);
  return status;
}

const lml_yaml_node *lml_yaml_root(const lml_yaml *yaml) { return yaml->document.nodes.start; }

/** The node of that number, from 1. */
static const yaml_node_t *node_of(const lml_yaml *yaml, int number) { return yaml->document.nodes.start + number - 1; }

lml_status lml_yaml_fail(const lml_yaml *yaml, const lml_yaml_node *node, lml_error *error, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(text, sizeof text, format, arguments);
  va_end(arguments);
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s", yaml->path, node->start_mark.line + 1, text);
}

lml_status lml_yaml_mapping(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, size_t *count,
                            lml_error *error) {
  if (node->type != YAML_MAPPING_NODE)
    return lml_yaml_fail(yaml, node, error, "%s must be a mapping of keys to values", what);
  *count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
  return LML_OK;
}

lml_status lml_yaml_sequence(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, size_t *count,
                             lml_error *error) {
  if (node->type != YAML_SEQUENCE_NODE) return lml_yaml_fail(yaml, node, error, "%s must be a list", what);
  *count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
  return LML_OK;
}

void lml_yaml_pair(const lml_yaml *yaml, const lml_yaml_node *mapping, size_t k, const lml_yaml_node **key,
                   const lml_yaml_node **value) {
  const yaml_node_pair_t *pair = &mapping->data.mapping.pairs.start[k];
  *key = node_of(yaml, pair->key);
  *value = node_of(yaml, pair->value);
}

const lml_yaml_node *lml_yaml_item(const lml_yaml *yaml, const lml_yaml_node *sequence, size_t k) {
  return node_of(yaml, sequence->data.sequence.items.start[k]);
}

lml_status lml_yaml_text(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, const char **text,
                         lml_error *error) {
  if (node->type != YAML_SCALAR_NODE) return lml_yaml_fail(yaml, node, error, "%s must be a single value", what);
  *text = (const char *)node->data.scalar.value;
  if (strlen(*text) != node->data.scalar.length) return lml_yaml_fail(yaml, node, error, "%s has a NUL in it", what);
  return LML_OK;
}

lml_status lml_yaml_keys(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, lml_yaml_key *keys,
                         size_t nkeys, size_t nneeded, lml_error *error) {
  size_t count = 0;
  lml_status status = lml_yaml_mapping(yaml, node, what, &count, error);
  for (size_t k = 0; k < nkeys; k++) keys[k].value = NULL;
  for (size_t p = 0; p < count && status == LML_OK; p++) {
    const lml_yaml_node *key, *value;
    const char *name = "";
    lml_yaml_pair(yaml, node, p, &key, &value);
    status = lml_yaml_text(yaml, key, what, &name, error);
    if (status != LML_OK) return status;
    size_t k = 0;
    while (k < nkeys && strcmp(name, keys[k].name) != 0) k++;
    if (k == nkeys) return lml_yaml_fail(yaml, key, error, "%s has the key '%.40s', which is not known", what, name);
    if (keys[k].value != NULL) return lml_yaml_fail(yaml, key, error, "%s has '%s' twice", what, name);
    keys[k].value = value;
  }
  for (size_t k = 0; k < nneeded && status == LML_OK; k++)
    if (keys[k].value == NULL) return lml_yaml_fail(yaml, node, error, "%s lacks '%s'", what, keys[k].name);
  return status;
}

static lml_token token_of(const lml_yaml_node *node) {
  return (lml_token){(const char *)node->data.scalar.value, node->data.scalar.length};
}

lml_status lml_yaml_real(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, double *value,
                         lml_error *error) {
  if (node->type == YAML_SCALAR_NODE && lml_parse_real(token_of(node), value)) return LML_OK;
  if (node->type != YAML_SCALAR_NODE) return lml_yaml_fail(yaml, node, error, "%s must be a number", what);
  return lml_yaml_fail(yaml, node, error, "%s must be a number, not '%.*s'", what, LML_TOKEN_ARGS(token_of(node)));
}

lml_status lml_yaml_integer(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, int64_t min, int64_t max,
                            int *value, lml_error *error) {
  int64_t number = 0;
  if (node->type != YAML_SCALAR_NODE || !lml_parse_integer(token_of(node), &number))
    return lml_yaml_fail(yaml, node, error, "%s must be a whole number", what);
  if (number < min || number > max || number < INT_MIN || number > INT_MAX)
    return lml_yaml_fail(yaml, node, error, "%s must be from %lld to %lld, not %lld", what, (long long)min,
                         (long long)max, (long long)number);
  *value = (int)number;
  return LML_OK;
}

lml_status lml_yaml_reals(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, size_t count,
                          double *values, lml_error *error) {
  size_t length = 0;
  lml_status status = lml_yaml_sequence(yaml, node, what, &length, error);
  if (status != LML_OK) return status;
  if (length != count)
    return lml_yaml_fail(yaml, node, error, "%s must have %zu numbers, not %zu", what, count, length);
  for (size_t k = 0; k < count && status == LML_OK; k++)
    status = lml_yaml_real(yaml, lml_yaml_item(yaml, node, k), what, &values[k], error);
  return status;
}
