#include "structure/log_keys.h"

#include <string.h>
#include "base/print.h"

static const char *const label_names[LML_REGION_LABELS] = {"MM", "buffer", "blend", "QM"};

void lml_log_name(char name[LML_LOG_NAME_SIZE], const char *base, size_t r, size_t nregions) {
  if (nregions == 1)
    lml_print_cut(name, LML_LOG_NAME_SIZE, "%s", base);
  else
    lml_print_cut(name, LML_LOG_NAME_SIZE, "%s_%zu", base, r + 1);
}

const char *lml_region_label_name(lml_region_label label) { return label_names[label]; }

bool lml_region_label_find(const char *name, lml_region_label *label) {
  for (int i = 0; i < LML_REGION_LABELS; i++) {
    if (strcmp(name, label_names[i]) != 0) continue;
    *label = (lml_region_label)i;
    return true;
  }
  return false;
}

bool lml_region_column_is(const lml_values *column, size_t atom, lml_region_label label) {
  return column != NULL && column->type == LML_TEXT && strcmp(column->texts[atom], label_names[label]) == 0;
}
