#include "programs/keys.h"

#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"

enum { MOST_KEYS = 64, REASON_SIZE = 320, DEFAULT_SIZE = 64 };

lml_status lml_set_text(char **text, const char *value, lml_error *error) {
  char *copy = lml_strdup(value, error);
  if (copy == NULL) return LML_ERR_MEMORY;
  lml_free(*text);
  *text = copy;
  return LML_OK;
}

void *lml_key_value(const lml_key *key, void *target) { return (char *)target + key->offset; }

size_t lml_key_nchoices(const lml_key *key) {
  size_t count = 0;
  while (key->choices != NULL && key->choices[count] != NULL) count++;
  return count;
}

/* ---- ranges ---- */

bool lml_key_holds(const lml_key *key, double value) {
  switch (key->range) {
    case LML_RANGE_ANY:
      return true;
    case LML_RANGE_NOT_NEGATIVE:
      return value >= 0.0;
    case LML_RANGE_POSITIVE:
      return value > 0.0;
    case LML_RANGE_FROM:
      return value >= (double)key->least && (key->most == 0 || value <= (double)key->most);
  }
  return false;
}

lml_status lml_key_fail_range(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              lml_error *error) {
  char reason[REASON_SIZE];
  if (key->range == LML_RANGE_FROM && key->most > 0)
    lml_print_cut(reason, sizeof reason, "must be from %ld to %ld", key->least, key->most);
  else if (key->range == LML_RANGE_FROM)
    lml_print_cut(reason, sizeof reason, "must be at least %ld", key->least);
  else
    lml_print_cut(reason, sizeof reason,
                  key->range == LML_RANGE_POSITIVE ? "must be positive" : "must not be negative");
  return lml_json_fail(reading->document, object, key->name, error, "%s%s%s", reason, key->advice == NULL ? "" : "; ",
                       key->advice == NULL ? "" : key->advice);
}

/* ---- values ---- */

static lml_status read_text(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  const char *value = NULL;
  const lml_status status = lml_json_text(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  if (status != LML_OK) return status;
  if (value[0] == '\0') return lml_json_fail(reading->document, object, key->name, error, "must not be empty");
  return lml_set_text(lml_key_value(key, target), value, error);
}

lml_status lml_keys_read_path(const lml_keys_reading *reading, const lml_json_value *object, const char *key,
                              char **path, lml_error *error) {
  const char *value = NULL;
  const lml_status status = lml_json_text(reading->document, object, key, LML_JSON_REQUIRED, &value, error);
  if (status != LML_OK) return status;
  if (value[0] == '\0') return lml_json_fail(reading->document, object, key, error, "must not be empty");
  char *beside = lml_path_beside(reading->path, value, error);
  if (beside == NULL) return LML_ERR_MEMORY;
  lml_free(*path);
  *path = beside;
  return LML_OK;
}

static lml_status read_path(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  return lml_keys_read_path(reading, object, key->name, lml_key_value(key, target), error);
}

static lml_status read_real(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  double *value = lml_key_value(key, target);
  const lml_status status = lml_json_number(reading->document, object, key->name, LML_JSON_REQUIRED, value, error);
  if (status != LML_OK || lml_key_holds(key, *value)) return status;
  return lml_key_fail_range(reading, object, key, error);
}

static lml_status read_reals(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                             void *target, lml_error *error) {
  double **values = lml_key_value(key, target);
  size_t *count = (size_t *)((char *)target + key->count_offset);
  const lml_status status =
      lml_json_numbers(reading->document, object, key->name, LML_JSON_REQUIRED, values, count, error);
  for (size_t i = 0; status == LML_OK && i < *count; i++)
    if (!lml_key_holds(key, (*values)[i])) return lml_key_fail_range(reading, object, key, error);
  return status;
}

static lml_status read_count(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                             void *target, lml_error *error) {
  int value = 0;
  const lml_status status = lml_json_integer(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  if (status != LML_OK) return status;
  if (value < 0 || !lml_key_holds(key, value)) return lml_key_fail_range(reading, object, key, error);
  *(size_t *)lml_key_value(key, target) = (size_t)value;
  return LML_OK;
}

static lml_status read_logical(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  return lml_json_logical(reading->document, object, key->name, LML_JSON_REQUIRED, lml_key_value(key, target), error);
}

static lml_status read_switch(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              void *target, lml_error *error) {
  bool on = false;
  const lml_status status = lml_json_logical(reading->document, object, key->name, LML_JSON_REQUIRED, &on, error);
  if (status == LML_OK) *(int *)lml_key_value(key, target) = on ? key->on : key->off;
  return status;
}

static lml_status read_choice(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              void *target, lml_error *error) {
  size_t index = 0;
  const lml_status status = lml_json_choice(reading->document, object, key->name, LML_JSON_REQUIRED, key->choices,
                                            lml_key_nchoices(key), &index, error);
  if (status == LML_OK && key->type == LML_KEY_CHOICE) *(int *)lml_key_value(key, target) = key->first + (int)index;
  return status;
}

static lml_status read_true(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  bool value = false;
  (void)target;
  const lml_status status = lml_json_logical(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  if (status != LML_OK || value) return status;
  return lml_json_fail(reading->document, object, key->name, error, "must be true%s%s", key->advice == NULL ? "" : "; ",
                       key->advice == NULL ? "" : key->advice);
}

static lml_status read_version(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  int version = 0;
  (void)target;
  const lml_status status = lml_json_integer(reading->document, object, key->name, LML_JSON_REQUIRED, &version, error);
  if (status != LML_OK || version == key->least) return status;
  return lml_json_fail(reading->document, object, key->name, error,
                       "version %d is not known; this lmlink reads version %ld", version, key->least);
}

static lml_status read_vector(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              void *target, lml_error *error) {
  double *values = NULL;
  size_t count = 0;
  lml_status status = lml_json_numbers(reading->document, object, key->name, LML_JSON_REQUIRED, &values, &count, error);
  if (status == LML_OK && count != 3)
    status = lml_json_fail(reading->document, object, key->name, error, "must be an array of three numbers, Å");
  if (status == LML_OK) memcpy(lml_key_value(key, target), values, 3 * sizeof *values);
  lml_free(values);
  return status;
}

static lml_status read_object(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              void *target, lml_error *error) {
  const lml_json_value *value = NULL;
  const lml_status status = lml_json_object(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  if (status == LML_OK) return lml_keys_read(reading, value, key->object, lml_key_value(key, target), error);
  if (!lml_json_is_object(object, key->name)) /* what it looks like, as a file's name alone is often meant */
    lml_print_behind(error->message, sizeof error->message, ": {\"%s\": ...}", key->object->keys[0].name);
  return status;
}

static lml_status read_variant(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  const lml_json_value *value = NULL;
  const lml_status status = lml_json_object(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  return status == LML_OK ? lml_keys_read_variant(reading, value, lml_key_value(key, target), error) : status;
}

lml_status lml_key_read(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key, void *target,
                        lml_error *error) {
  /* Without a reader: types whose keys have one of their own. */
  static const lml_key_reader readers[] = {
      [LML_KEY_TEXT] = read_text,     [LML_KEY_PATH] = read_path,       [LML_KEY_REAL] = read_real,
      [LML_KEY_REALS] = read_reals,   [LML_KEY_COUNT] = read_count,     [LML_KEY_LOGICAL] = read_logical,
      [LML_KEY_SWITCH] = read_switch, [LML_KEY_CHOICE] = read_choice,   [LML_KEY_CONSTANT] = read_choice,
      [LML_KEY_TRUE] = read_true,     [LML_KEY_VERSION] = read_version, [LML_KEY_VECTOR] = read_vector,
      [LML_KEY_OBJECT] = read_object, [LML_KEY_VARIANT] = read_variant};
  return readers[key->type](reading, object, key, target, error);
}

/* ---- objects ---- */

lml_status lml_keys_check_names(const lml_keys_reading *reading, const lml_json_value *object,
                                const lml_key_table *table, lml_error *error) {
  const char *names[MOST_KEYS];
  for (size_t k = 0; k < table->nkeys; k++) names[k] = table->keys[k].name;
  return lml_json_check_keys(reading->document, object, names, table->nkeys, error);
}

static lml_status check_alternatives(const lml_keys_reading *reading, const lml_json_value *object,
                                     const lml_key_table *table, lml_error *error) {
  const size_t count = table->nalternatives;
  const char *purpose = table->purpose == NULL ? "" : table->purpose;
  char names[REASON_SIZE] = "";
  size_t found = 0;
  for (size_t k = 0; k < count; k++) {
    found += lml_json_has(object, table->keys[k].name);
    lml_print_behind(names, sizeof names, "%s%s", k == 0 ? "" : count == 2 ? " or " : ", ", table->keys[k].name);
  }
  if (count == 0 || found == 1) return LML_OK;
  if (count == 2) return lml_json_fail(reading->document, object, NULL, error, "needs either %s%s", names, purpose);
  return lml_json_fail(reading->document, object, NULL, error, "needs one of %s%s, but has %zu of them", names, purpose,
                       found);
}

/** An object that stands for a value of another type. */
static lml_status read_in_place(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                                void *target, lml_error *error) {
  const lml_json_value *value = NULL;
  const lml_status status = lml_json_object(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  return status == LML_OK ? lml_keys_read(reading, value, key->object, target, error) : status;
}

static lml_status read_key(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                           void *target, lml_error *error) {
  if (!lml_json_has(object, key->name)) {
    if (key->presence == LML_JSON_OPTIONAL) return LML_OK;
    return lml_json_fail(reading->document, object, key->name, error, "the key is missing; add it");
  }
  if (key->needs != NULL && !lml_json_has(object, key->needs))
    return lml_json_fail(reading->document, object, key->name, error, "%s", key->because);
  if (key->object != NULL && key->type < LML_KEY_OBJECTS && lml_json_is_object(object, key->name))
    return read_in_place(reading, object, key, target, error);
  return (key->read == NULL ? lml_key_read : key->read)(reading, object, key, target, error);
}

lml_status lml_keys_read(const lml_keys_reading *reading, const lml_json_value *object, const lml_key_table *table,
                         void *target, lml_error *error) {
  if (table->init != NULL) table->init(target);
  lml_status status = lml_keys_check_names(reading, object, table, error);
  if (status == LML_OK) status = check_alternatives(reading, object, table, error);
  for (size_t k = 0; k < table->nkeys && status == LML_OK; k++)
    status = read_key(reading, object, &table->keys[k], target, error);
  return status == LML_OK && table->check != NULL ? table->check(reading, object, target, error) : status;
}

lml_status lml_keys_read_variant(const lml_keys_reading *reading, const lml_json_value *object, void *target,
                                 lml_error *error) {
  const lml_key_root *root = reading->root;
  const char *names[MOST_KEYS];
  size_t index = 0;
  void *structure = NULL;
  for (size_t k = 0; k < root->nvariants; k++) names[k] = root->variants[k].name;
  lml_status status =
      lml_json_choice(reading->document, object, "type", LML_JSON_REQUIRED, names, root->nvariants, &index, error);
  if (status == LML_OK) status = root->variants[index].choose(target, &structure, error);
  return status == LML_OK ? lml_keys_read(reading, object, root->variants[index].table, structure, error) : status;
}

lml_status lml_keys_each(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                         void *target, lml_status (*begin)(void *target, size_t count, lml_error *error),
                         lml_status (*visit)(const lml_keys_reading *reading, const lml_json_value *element,
                                             const lml_key *key, size_t index, void *target, lml_error *error),
                         lml_error *error) {
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_status status = lml_json_array(reading->document, object, key->name, LML_JSON_REQUIRED, &array, &count, error);
  if (status == LML_OK && key->range == LML_RANGE_FROM && count < (size_t)key->least)
    return lml_json_fail(reading->document, object, key->name, error, "%s", key->advice);
  if (status == LML_OK && begin != NULL) status = begin(target, count, error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const lml_json_value *element = NULL;
    status = lml_json_element(reading->document, array, i, &element, error);
    if (status == LML_OK) status = visit(reading, element, key, i, target, error);
  }
  return status;
}

/* ---- files ---- */

/** The first two keys before the others: another format or version may have other keys. */
static lml_status read_root(const lml_keys_reading *reading, void *target, lml_error *error) {
  const lml_json_value *object = lml_json_root(reading->document);
  lml_status status = LML_OK;
  for (size_t k = 0; k < 2 && status == LML_OK; k++)
    status = read_key(reading, object, &reading->root->table->keys[k], target, error);
  return status == LML_OK ? lml_keys_read(reading, object, reading->root->table, target, error) : status;
}

lml_status lml_keys_read_file(const lml_key_root *root, const char *path, void *target, lml_error *error) {
  char *text;
  size_t length;
  lml_json *document = NULL;
  lml_status status = lml_file_read(path, &text, &length, error);
  if (status != LML_OK) return status;
  status = lml_json_parse(text, length, path, &document, error);
  lml_free(text);
  const lml_keys_reading reading = {.document = document, .path = path, .root = root};
  if (status == LML_OK) status = read_root(&reading, target, error);
  lml_json_free(document);
  return status;
}

/* ---- what tables say ---- */

static lml_status walk(const lml_key_root *root, const lml_key_table *table, size_t base, lml_key_visitor visit,
                       void *context, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < table->nkeys && status == LML_OK; k++) {
    const lml_key *key = &table->keys[k];
    if (key->type == LML_KEY_OBJECT)
      status = walk(root, key->object, base + key->offset, visit, context, error);
    else if (key->type == LML_KEY_VARIANT)
      status = walk(root, root->variants[0].table, base + key->offset, visit, context, error);
    else
      status = visit(key, base, context, error);
  }
  return status;
}

lml_status lml_keys_walk(const lml_key_root *root, lml_key_visitor visit, void *context, lml_error *error) {
  return walk(root, root->table, 0, visit, context, error);
}

void lml_key_default(const lml_key *key, const void *structure, char *text, size_t size) {
  const void *value = (const char *)structure + key->offset;
  text[0] = '\0';
  if (key->otherwise != NULL || key->presence == LML_JSON_REQUIRED || key->read != NULL) return;
  if (key->type == LML_KEY_REAL)
    lml_print_cut(text, size, "%g", *(const double *)value);
  else if (key->type == LML_KEY_COUNT)
    lml_print_cut(text, size, "%zu", *(const size_t *)value);
  else if (key->type == LML_KEY_LOGICAL)
    lml_print_cut(text, size, *(const bool *)value ? "true" : "false");
  else if (key->type == LML_KEY_SWITCH)
    lml_print_cut(text, size, *(const int *)value == key->on ? "true" : "false");
  else if (key->type == LML_KEY_CHOICE)
    lml_print_cut(text, size, "\"%s\"", key->choices[*(const int *)value - key->first]);
}

/** `code` without its marks, and of [text](address) the text. */
static void put_plain(const char *markdown, char *text, size_t size) {
  size_t length = 0;
  const char *end = NULL; /* of a link's text */
  for (const char *c = markdown; *c != '\0' && length + 1 < size; c++) {
    if (c == end) {
      c += strcspn(c, ")");
      end = NULL;
    } else if (*c == '[' && strstr(c, "](") != NULL) {
      end = strstr(c, "](");
    } else if (*c != '`') {
      text[length++] = *c;
    }
  }
  text[length] = '\0';
}

void lml_key_describe(const lml_key *key, const void *structure, char *text, size_t size) {
  char value[DEFAULT_SIZE];
  put_plain(key->help, text, size);
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = (char)(text[0] - 'a' + 'A');
  size_t used = strlen(text);
  if (key->unit != NULL) used += lml_print_cut(text + used, size - used, " (%s)", key->unit);
  lml_key_default(key, structure, value, sizeof value);
  if (key->otherwise != NULL) {
    used += lml_print_cut(text + used, size - used, "; by default: ");
    put_plain(key->otherwise, text + used, size - used);
    used += strlen(text + used);
  } else if (value[0] != '\0' && key->type != LML_KEY_LOGICAL && key->type != LML_KEY_SWITCH) {
    const size_t quote = value[0] == '"';
    const int length = (int)(strlen(value) - 2 * quote);
    used += lml_print_cut(text + used, size - used, "; by default: %.*s", length, value + quote);
  }
  lml_print_cut(text + used, size - used, ".");
}
