#include "potential/script/atom_types.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "lmlink/structure.h"

lml_status lml_type_names_set(lml_type_names *types, char *const *names, size_t count, const char **wrong,
                              lml_error *error) {
  *wrong = NULL;
  lml_status status = lml_alloc(&types->names, count, sizeof *types->names, "the elements", error);
  if (status == LML_OK) status = lml_alloc(&types->bare, count, sizeof *types->bare, "the elements", error);
  for (size_t k = 0; k < count && status == LML_OK && *wrong == NULL; k++) {
    const size_t length = strlen(names[k]);
    types->bare[k] = strcmp(names[k], "NULL") == 0;
    if (length >= LML_ELEMENT_NAME_SIZE)
      *wrong = names[k];
    else if (!types->bare[k])
      memcpy(types->names[k], names[k], length + 1);
  }
  types->count = count;
  return status;
}

bool lml_type_names_has_bare(const lml_type_names *types) {
  size_t k = 0;
  while (k < types->count && !types->bare[k]) k++;
  return k < types->count;
}

lml_status lml_type_names_label(lml_type_names *types, size_t type, const char *label, lml_error *error) {
  lml_status status =
      lml_grow(&types->labels, &types->labels_capacity, types->nlabels + 1, sizeof *types->labels, "labels", error);
  if (status != LML_OK) return status;
  lml_type_label *new_one = &types->labels[types->nlabels];
  *new_one = (lml_type_label){.type = type, .label = lml_strdup(label, error)};
  if (new_one->label == NULL) return LML_ERR_MEMORY;
  types->nlabels++;
  return LML_OK;
}

/* ---- types that are NULL ---- */

static bool take_name(lml_type_names *types, size_t k, const char *name) {
  if (lml_element_number(name) == 0) return false;
  memcpy(types->names[k], name, strlen(name) + 1);
  return true;
}

static bool take_label(lml_type_names *types, size_t k) {
  for (size_t l = types->nlabels; l-- > 0;)
    if (types->labels[l].type == k + 1) return take_name(types, k, types->labels[l].label);
  return false;
}

/** What is left of @p section without the element @p known at one of its ends, and '-' or '_' there; empty where that
 * is no element. */
static void strip(const char *section, const char *known, char rest[LML_ELEMENT_NAME_SIZE]) {
  const size_t all = strlen(section), taken = strlen(known);
  rest[0] = '\0';
  for (int at_end = 0; at_end < 2 && all > taken; at_end++) {
    size_t begin = at_end ? 0 : taken, end = at_end ? all - taken : all;
    if (strncmp(section + (at_end ? end : 0), known, taken) != 0) continue;
    if (end - begin > 1 && strchr("-_", section[at_end ? end - 1 : begin]) != NULL) {
      begin += at_end ? 0 : 1;
      end -= at_end ? 1 : 0;
    }
    char text[LML_ELEMENT_NAME_SIZE];
    lml_print_cut(text, sizeof text, "%.*s", (int)(end - begin), section + begin);
    if (lml_element_number(text) != 0) memcpy(rest, text, sizeof text);
  }
}

/** The element of type @p k by the names of the sections of its tables with atoms whose element is known; empty where
 *  they give none, or several. */
static void guess(const lml_type_names *types, size_t k, const lml_pair_lines *lines,
                  char element[LML_ELEMENT_NAME_SIZE]) {
  element[0] = '\0';
  for (size_t l = 0; l < lines->count; l++) {
    char one[LML_ELEMENT_NAME_SIZE];
    size_t other;
    if (lines->lines[l].path == NULL || !lml_pair_line_is_of(&lines->lines[l], k + 1, &other)) continue;
    if (other > types->count || types->bare[other - 1]) continue;
    strip(lines->lines[l].section, types->names[other - 1], one);
    if (one[0] == '\0' || (element[0] != '\0' && strcmp(one, element) != 0)) {
      element[0] = '\0';
      return;
    }
    memcpy(element, one, sizeof one);
  }
}

lml_status lml_type_names_resolve(lml_type_names *types, const lml_pair_lines *lines, const char *path,
                                  lml_text_list *warnings, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < types->count && status == LML_OK; k++) {
    char element[LML_ELEMENT_NAME_SIZE];
    if (!types->bare[k] || take_label(types, k)) continue;
    guess(types, k, lines, element);
    if (element[0] == '\0')
      return lml_fail(error, LML_ERR_INPUT,
                      "%s: atom type %zu is NULL on the pair_coeff line of snap, so that its element is not known: add "
                      "a line 'labelmap atom %zu ELEMENT'",
                      path, k + 1, k + 1);
    take_name(types, k, element);
    status = lml_text_list_print(warnings, error,
                                 "%s: atom type %zu, which is NULL on the pair_coeff line of snap, is taken for %s by "
                                 "the names of its tables: a line 'labelmap atom %zu %s' says so",
                                 path, k + 1, element, k + 1, element);
  }
  return status;
}

/* ---- elements ---- */

/** Add the elements of the types that are, or are not, bare. */
static bool add_elements(const lml_type_names *names, bool bare, lml_element_names *elements, lml_atom_types *types) {
  const size_t before = elements->count;
  for (size_t k = 0; k < names->count; k++) {
    size_t e = 0;
    if (names->bare[k] != bare) continue;
    while (e < elements->count && strcmp(elements->names[e], names->names[k]) != 0) e++;
    if (bare && e < before) return false;
    if (e == elements->count) memcpy(elements->names[elements->count++], names->names[k], LML_ELEMENT_NAME_SIZE);
    types->element[k] = e;
  }
  return true;
}

lml_status lml_type_names_elements(const lml_type_names *names, lml_element_names *elements, size_t *nbare,
                                   lml_atom_types *types, const char *path, lml_error *error) {
  *types = (lml_atom_types){.count = names->count};
  lml_status status = lml_alloc(&elements->names, names->count, sizeof *elements->names, "the elements", error);
  if (status == LML_OK) status = lml_alloc(&types->element, names->count, sizeof(size_t), "the atom types", error);
  if (status != LML_OK) return status;
  (void)add_elements(names, false, elements, types);
  const size_t with = elements->count;
  if (with == 0)
    return lml_fail(error, LML_ERR_INPUT, "%s: no atom type has an element on the pair_coeff line of snap", path);
  if (!add_elements(names, true, elements, types))
    return lml_fail(error, LML_ERR_INPUT, "%s: an atom type that is NULL has the element of one that is not", path);
  *nbare = elements->count - with;
  types->nelements = elements->count;
  return LML_OK;
}

void lml_type_names_free(lml_type_names *types) {
  for (size_t l = 0; l < types->nlabels; l++) lml_free(types->labels[l].label);
  lml_free(types->labels);
  lml_free(types->names);
  lml_free(types->bare);
  *types = (lml_type_names){0};
}
