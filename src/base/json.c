#include "base/json.h"

#include <cJSON.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/print.h"
#include "base/sys.h"

struct lml_json {
  char *name;
  char *text; /**< with a final NUL */
  cJSON *root;
};

enum { PATH_SIZE = 256 };

/* ---- parsing ---- */

/** cJSON does not tell a lack of memory from a syntax error. */
static _Thread_local bool out_of_memory;

static void *seam_malloc(size_t bytes) {
  void *memory = lml_sys->malloc(bytes);
  if (memory == NULL) out_of_memory = true;
  return memory;
}

static void seam_free(void *memory) { lml_sys->free(memory); }

static lml_status fail_syntax(const lml_json *document, const char *position, lml_error *error) {
  const size_t line = lml_json_text_line(document->text, position);
  if (*position == '\0')
    return lml_fail(error, LML_ERR_INPUT, "%s:%zu: the JSON text is empty or ends early", document->name, line);
  const int shown = (int)strcspn(position, "\r\n");
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: not JSON from here on: '%.*s'", document->name, line,
                  shown < 30 ? shown : 30, position);
}

static lml_status parse(lml_json *document, size_t bytes, lml_error *error) {
  static cJSON_Hooks hooks = {.malloc_fn = seam_malloc, .free_fn = seam_free};
  lml_status status = lml_json_text_check(document->text, bytes, document->name, error);
  if (status != LML_OK) return status;

  cJSON_InitHooks(&hooks);
  out_of_memory = false;
  const char *end = document->text;
  document->root = cJSON_ParseWithLengthOpts(document->text, bytes + 1, &end, 0);
  if (document->root == NULL && out_of_memory) return lml_fail_memory(error, bytes, "a JSON document");
  if (document->root == NULL) return fail_syntax(document, end, error);

  end += strspn(end, " \t\r\n");
  if (*end != '\0') return fail_syntax(document, end, error);
  if (!cJSON_IsObject(document->root))
    return lml_fail(error, LML_ERR_INPUT, "%s: the JSON text must be an object: {\"key\": value, ...}", document->name);
  return LML_OK;
}

lml_status lml_json_parse(const char *text, size_t bytes, const char *name, lml_json **document, lml_error *error) {
  lml_status status = lml_alloc(document, 1, sizeof **document, "a JSON document", error);
  if (status != LML_OK) return status;
  (*document)->name = lml_strdup(name, error);
  status =
      (*document)->name == NULL ? LML_ERR_MEMORY : lml_alloc(&(*document)->text, bytes + 1, 1, "a JSON text", error);
  if (status == LML_OK) {
    memcpy((*document)->text, text, bytes);
    status = parse(*document, bytes, error);
  }
  if (status != LML_OK) {
    lml_json_free(*document);
    *document = NULL;
  }
  return status;
}

void lml_json_free(lml_json *document) {
  if (document == NULL) return;
  cJSON_Delete(document->root);
  lml_free(document->text);
  lml_free(document->name);
  lml_free(document);
}

const lml_json_value *lml_json_root(const lml_json *document) { return document->root; }

/* ---- messages ---- */

/** Find @p wanted below @p value, counting the values before it and writing its full key behind the first @p used
 *  bytes of @p path. */
static bool locate(const cJSON *value, const cJSON *wanted, size_t *index, char *path, size_t used) {
  if (value == wanted) return true;
  size_t element = 0;
  for (const cJSON *child = value->child; child != NULL; child = child->next, element++) {
    (*index)++;
    const size_t length = child->string != NULL
                              ? lml_print_cut(path + used, PATH_SIZE - used, "%s%s", used > 0 ? "." : "", child->string)
                              : lml_print_cut(path + used, PATH_SIZE - used, "[%zu]", element);
    if (locate(child, wanted, index, path, used + length)) return true;
    path[used] = '\0';
  }
  return false;
}

static lml_status fail_at(const lml_json *document, const cJSON *value, const char *missing_key, const char *reason,
                          lml_error *error) {
  char path[PATH_SIZE] = "";
  size_t index = 0;
  locate(document->root, value, &index, path, 0);
  const size_t line = lml_json_text_line(document->text, lml_json_text_value(document->text, index));
  const char *dot = path[0] != '\0' && missing_key[0] != '\0' ? "." : "";
  const char *colon = path[0] != '\0' || missing_key[0] != '\0' ? ": " : "";
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s%s%s%s%s", document->name, line, path, dot, missing_key, colon,
                  reason);
}

lml_status lml_json_fail(const lml_json *document, const lml_json_value *object, const char *key, lml_error *error,
                         const char *format, ...) {
  char reason[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(reason, sizeof reason, format, arguments);
  va_end(arguments);
  const cJSON *value = key != NULL ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
  if (value != NULL) return fail_at(document, value, "", reason, error);
  return fail_at(document, object, key != NULL ? key : "", reason, error);
}

static const char *type_name(const cJSON *value) {
  if (cJSON_IsObject(value)) return "an object";
  if (cJSON_IsArray(value)) return "an array";
  if (cJSON_IsString(value)) return "a string";
  if (cJSON_IsNumber(value)) return "a number";
  if (cJSON_IsBool(value)) return "true or false";
  return "null";
}

static lml_status fail_type(const lml_json *document, const cJSON *value, const char *wanted, lml_error *error) {
  char reason[128];
  lml_print_cut(reason, sizeof reason, "must be %s, not %s", wanted, type_name(value));
  return fail_at(document, value, "", reason, error);
}

static lml_status fail_name(const lml_json *document, const cJSON *value, const char *const *names, size_t count,
                            lml_error *error) {
  char reason[512];
  lml_print_cut(reason, sizeof reason, "'%.60s' is none of:", value->valuestring);
  for (size_t i = 0; i < count; i++) lml_print_behind(reason, sizeof reason, "%s %s", i > 0 ? "," : "", names[i]);
  return fail_at(document, value, "", reason, error);
}

/* ---- objects ---- */

static size_t name_index(const char *name, const char *const *names, size_t count) {
  size_t i = 0;
  while (i < count && strcmp(name, names[i]) != 0) i++;
  return i;
}

static lml_status fail_unknown_key(const lml_json *document, const cJSON *value, const char *const *known, size_t count,
                                   lml_error *error) {
  char reason[128] = "no such key; remove it";
  const char *nearest = lml_nearest(value->string, known, count);
  if (nearest != NULL) lml_print_cut(reason, sizeof reason, "no such key; is '%s' meant?", nearest);
  return fail_at(document, value, "", reason, error);
}

lml_status lml_json_check_keys(const lml_json *document, const lml_json_value *object, const char *const *known,
                               size_t count, lml_error *error) {
  for (const cJSON *value = object->child; value != NULL; value = value->next) {
    if (name_index(value->string, known, count) == count) return fail_unknown_key(document, value, known, count, error);
    /* All keys before this one are known and different, so that the search is short. */
    if (cJSON_GetObjectItemCaseSensitive(object, value->string) != value)
      return fail_at(document, value, "", "the key is given twice; remove one", error);
  }
  return LML_OK;
}

bool lml_json_has(const lml_json_value *object, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(object, key) != NULL;
}

const char *lml_json_member(const lml_json_value *object, size_t index) {
  const cJSON *member = object->child;
  while (member != NULL && index-- > 0) member = member->next;
  return member == NULL ? NULL : member->string;
}

bool lml_json_is_object(const lml_json_value *object, const char *key) {
  return cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(object, key));
}

/** The value of the key, NULL where an optional one is missing. */
static lml_status find(const lml_json *document, const cJSON *object, const char *key, lml_json_presence presence,
                       const cJSON **value, lml_error *error) {
  *value = cJSON_GetObjectItemCaseSensitive(object, key);
  if (*value == NULL && presence == LML_JSON_REQUIRED)
    return fail_at(document, object, key, "the key is missing; add it", error);
  return LML_OK;
}

lml_status lml_json_object(const lml_json *document, const lml_json_value *object, const char *key,
                           lml_json_presence presence, const lml_json_value **value, lml_error *error) {
  const cJSON *found;
  const lml_status status = find(document, object, key, presence, &found, error);
  if (found == NULL) return status;
  if (!cJSON_IsObject(found)) return fail_type(document, found, "an object", error);
  *value = found;
  return LML_OK;
}

/* ---- scalars ---- */

lml_status lml_json_text(const lml_json *document, const lml_json_value *object, const char *key,
                         lml_json_presence presence, const char **value, lml_error *error) {
  const cJSON *found;
  const lml_status status = find(document, object, key, presence, &found, error);
  if (found == NULL) return status;
  if (!cJSON_IsString(found)) return fail_type(document, found, "a string", error);
  *value = found->valuestring;
  return LML_OK;
}

static lml_status number_of(const lml_json *document, const cJSON *found, double *value, lml_error *error) {
  if (!cJSON_IsNumber(found)) return fail_type(document, found, "a number", error);
  if (!isfinite(found->valuedouble)) return fail_at(document, found, "", "the number is too large", error);
  *value = found->valuedouble;
  return LML_OK;
}

lml_status lml_json_number(const lml_json *document, const lml_json_value *object, const char *key,
                           lml_json_presence presence, double *value, lml_error *error) {
  const cJSON *found;
  const lml_status status = find(document, object, key, presence, &found, error);
  return found == NULL ? status : number_of(document, found, value, error);
}

static lml_status integer_of(const lml_json *document, const cJSON *found, int *value, lml_error *error) {
  if (!cJSON_IsNumber(found)) return fail_type(document, found, "an integer", error);
  const double number = found->valuedouble;
  if (!(number >= INT_MIN && number <= INT_MAX) || number != floor(number))
    return fail_at(document, found, "", "must be an integer", error);
  *value = (int)number;
  return LML_OK;
}

lml_status lml_json_integer(const lml_json *document, const lml_json_value *object, const char *key,
                            lml_json_presence presence, int *value, lml_error *error) {
  const cJSON *found;
  const lml_status status = find(document, object, key, presence, &found, error);
  return found == NULL ? status : integer_of(document, found, value, error);
}

static lml_status logical_of(const lml_json *document, const cJSON *found, bool *value, lml_error *error) {
  if (!cJSON_IsBool(found)) return fail_type(document, found, "true or false", error);
  *value = cJSON_IsTrue(found);
  return LML_OK;
}

lml_status lml_json_logical(const lml_json *document, const lml_json_value *object, const char *key,
                            lml_json_presence presence, bool *value, lml_error *error) {
  const cJSON *found;
  const lml_status status = find(document, object, key, presence, &found, error);
  return found == NULL ? status : logical_of(document, found, value, error);
}

static lml_status choice_of(const lml_json *document, const cJSON *found, const char *const *names, size_t count,
                            size_t *value, lml_error *error) {
  if (!cJSON_IsString(found)) return fail_type(document, found, "a string", error);
  const size_t index = name_index(found->valuestring, names, count);
  if (index == count) return fail_name(document, found, names, count, error);
  *value = index;
  return LML_OK;
}

lml_status lml_json_choice(const lml_json *document, const lml_json_value *object, const char *key,
                           lml_json_presence presence, const char *const *names, size_t count, size_t *value,
                           lml_error *error) {
  const cJSON *found;
  const lml_status status = find(document, object, key, presence, &found, error);
  return found == NULL ? status : choice_of(document, found, names, count, value, error);
}

/* ---- arrays ---- */

/** Like find, for an array, whose length goes into @p count. */
static lml_status find_array(const lml_json *document, const cJSON *object, const char *key, lml_json_presence presence,
                             const cJSON **value, size_t *count, lml_error *error) {
  const lml_status status = find(document, object, key, presence, value, error);
  if (*value == NULL) return status;
  if (!cJSON_IsArray(*value)) return fail_type(document, *value, "an array", error);
  *count = (size_t)cJSON_GetArraySize(*value);
  return LML_OK;
}

lml_status lml_json_texts(const lml_json *document, const lml_json_value *object, const char *key,
                          lml_json_presence presence, lml_text_list *texts, lml_error *error) {
  const cJSON *found;
  size_t length = 0;
  lml_status status = find_array(document, object, key, presence, &found, &length, error);
  if (status != LML_OK || found == NULL) return status;
  for (const cJSON *element = found->child; status == LML_OK && element != NULL; element = element->next) {
    if (!cJSON_IsString(element)) return fail_type(document, element, "a string", error);
    if (element->valuestring[0] == '\0') return fail_at(document, element, "", "must not be empty", error);
    status = lml_text_list_take(texts, lml_strdup(element->valuestring, error), error);
  }
  return status;
}

lml_status lml_json_logicals(const lml_json *document, const lml_json_value *object, const char *key,
                             lml_json_presence presence, size_t count, bool *values, lml_error *error) {
  const cJSON *found;
  size_t length = 0;
  lml_status status = find_array(document, object, key, presence, &found, &length, error);
  if (status != LML_OK || found == NULL) return status;
  if (length != count)
    return lml_json_fail(document, object, key, error, "must have %zu elements, not %zu", count, length);
  for (const cJSON *element = found->child; status == LML_OK && element != NULL; element = element->next)
    status = logical_of(document, element, values++, error);
  return status;
}

lml_status lml_json_integers(const lml_json *document, const lml_json_value *object, const char *key,
                             lml_json_presence presence, int **values, size_t *count, lml_error *error) {
  const cJSON *found;
  size_t length = 0;
  lml_status status = find_array(document, object, key, presence, &found, &length, error);
  if (status != LML_OK || found == NULL) return status;
  int *array;
  status = lml_alloc(&array, length, sizeof *array, "an array of integers", error);
  size_t i = 0;
  for (const cJSON *element = found->child; status == LML_OK && element != NULL; element = element->next)
    status = integer_of(document, element, &array[i++], error);
  if (status != LML_OK) {
    lml_free(array);
    return status;
  }
  *values = array;
  *count = length;
  return LML_OK;
}

lml_status lml_json_array(const lml_json *document, const lml_json_value *object, const char *key,
                          lml_json_presence presence, const lml_json_value **array, size_t *count, lml_error *error) {
  const cJSON *found;
  size_t length = 0;
  const lml_status status = find_array(document, object, key, presence, &found, &length, error);
  if (status != LML_OK || found == NULL) return status;
  *array = found;
  *count = length;
  return LML_OK;
}

lml_status lml_json_element(const lml_json *document, const lml_json_value *array, size_t index,
                            const lml_json_value **object, lml_error *error) {
  const cJSON *element = cJSON_GetArrayItem(array, (int)index);
  if (!cJSON_IsObject(element)) return fail_type(document, element, "an object", error);
  *object = element;
  return LML_OK;
}

lml_status lml_json_element_choice(const lml_json *document, const lml_json_value *array, size_t index,
                                   const char *const *names, size_t count, size_t *value, lml_error *error) {
  return choice_of(document, cJSON_GetArrayItem(array, (int)index), names, count, value, error);
}

lml_status lml_json_element_text(const lml_json *document, const lml_json_value *array, size_t index,
                                 const char **value, lml_error *error) {
  const cJSON *element = cJSON_GetArrayItem(array, (int)index);
  if (!cJSON_IsString(element)) return fail_type(document, element, "a string", error);
  if (element->valuestring[0] == '\0') return fail_at(document, element, "", "must not be empty", error);
  *value = element->valuestring;
  return LML_OK;
}

lml_status lml_json_numbers(const lml_json *document, const lml_json_value *object, const char *key,
                            lml_json_presence presence, double **values, size_t *count, lml_error *error) {
  const cJSON *found;
  lml_status status = find(document, object, key, presence, &found, error);
  if (status != LML_OK || found == NULL) return status;
  const cJSON *first = found;
  size_t length = 1;
  if (cJSON_IsArray(found)) {
    first = found->child;
    length = (size_t)cJSON_GetArraySize(found);
  }
  if (length == 0) return fail_at(document, found, "", "must have at least one number", error);
  double *array;
  status = lml_alloc(&array, length, sizeof *array, "an array of numbers", error);
  for (size_t i = 0; i < length && status == LML_OK; i++, first = first->next)
    status = number_of(document, first, &array[i], error);
  if (status != LML_OK) {
    lml_free(array);
    return status;
  }
  lml_free(*values);
  *values = array;
  *count = length;
  return LML_OK;
}
