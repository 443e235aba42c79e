#include "retrain/data/config_groups.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static void free_texts(char **texts, size_t count) {
  for (size_t k = 0; k < count; k++) lml_free(texts[k]);
  lml_free(texts);
}

void lml_config_groups_free(lml_config_groups *groups) {
  free_texts(groups->names, groups->count);
  lml_free(groups->weights);
  lml_free(groups->key);
  *groups = (lml_config_groups){0};
}

void lml_group_names_free(lml_group_names *names) {
  free_texts(names->list, names->count);
  *names = (lml_group_names){0};
}

const char *lml_config_groups_key(const lml_config_groups *groups) {
  return groups->key != NULL ? groups->key : "config_type";
}

/** Position of @p name among @p count names, or @p count. */
static size_t find_name(char *const *names, size_t count, const char *name) {
  size_t k = 0;
  while (k < count && strcmp(names[k], name) != 0) k++;
  return k;
}

lml_status lml_config_groups_weigh(lml_config_groups *groups, const char *name, double weight, lml_error *error) {
  const size_t k = find_name(groups->names, groups->count, name);
  if (k == groups->count) {
    lml_status status =
        lml_grow(&groups->names, &groups->names_capacity, k + 1, sizeof *groups->names, "groups of frames", error);
    if (status == LML_OK)
      status = lml_grow(&groups->weights, &groups->weights_capacity, k + 1, sizeof *groups->weights, "groups of frames",
                        error);
    if (status != LML_OK) return status;
    if ((groups->names[k] = lml_strdup(name, error)) == NULL) return LML_ERR_MEMORY;
    groups->count++;
  }
  groups->weights[k] = weight;
  return LML_OK;
}

enum { MOST_GROUPS = 1000 /**< of a set that are told apart beside those that have weights */ };

/** The value as text, which may stand in @p number; NULL where it is no single one. */
static const char *get_name(const lml_values *info, char number[LML_REAL_TEXT]) {
  if (info->count * info->width != 1) return NULL;
  switch (info->type) {
    case LML_TEXT:
      return info->texts[0];
    case LML_INTEGER:
      lml_format_integer(info->integers[0], number);
      return number;
    case LML_LOGICAL:
      return info->logicals[0] ? "T" : "F";
    case LML_REAL:
      lml_format_real(info->reals[0], number);
      return number;
  }
  return NULL;
}

lml_status lml_config_groups_find(const lml_config_groups *groups, lml_frame *frame, lml_group_names *names,
                                  size_t *group, double *weight, lml_error *error) {
  char number[LML_REAL_TEXT];
  *group = LML_NO_GROUP;
  *weight = 1.0;
  const lml_values *info = groups == NULL ? NULL : lml_frame_info(frame, lml_config_groups_key(groups));
  const char *name = info == NULL ? NULL : get_name(info, number);
  if (name == NULL) return LML_OK;
  const size_t weighted = find_name(groups->names, groups->count, name);
  if (weighted < groups->count) *weight = groups->weights[weighted];
  *group = find_name(names->list, names->count, name);
  if (*group < names->count) return LML_OK;
  *group = LML_NO_GROUP;
  if (names->count >= MOST_GROUPS && weighted == groups->count) return LML_OK;
  const lml_status status =
      lml_grow(&names->list, &names->capacity, names->count + 1, sizeof *names->list, "groups of frames", error);
  if (status != LML_OK) return status;
  if ((names->list[names->count] = lml_strdup(name, error)) == NULL) return LML_ERR_MEMORY;
  *group = names->count++;
  return LML_OK;
}
