#include "potential/term_lines.h"

#include <string.h>

#include "base/print.h"

void lml_term_styles(const lml_potential *potential, char text[LML_TERM_STYLES_TEXT]) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t k = 0; k < potential->nterms; k++) {
    const lml_pair_term *term = potential->terms[k];
    if (term->ops->style == NULL) continue;
    if (used > 0) used += lml_print_cut(text + used, LML_TERM_STYLES_TEXT - used, " ");
    used += term->ops->style(term, text + used, LML_TERM_STYLES_TEXT - used);
  }
}

/** Number of @p term among those of its kind, counted from 1 as LAMMPS does; 0 where it is the only one. */
static size_t number_of(const lml_potential *potential, const lml_pair_term *term) {
  size_t count = 0, number = 0;
  for (size_t k = 0; k < potential->nterms; k++) {
    if (potential->terms[k]->ops != term->ops) continue;
    count++;
    if (potential->terms[k] == term) number = count;
  }
  return count > 1 ? number : 0;
}

lml_status lml_term_lines_write(const lml_potential *potential, const char *file, const char *before,
                                lml_file_writer *writer, lml_error *error) {
  const size_t n = lml_potential_nelements(potential);
  lml_status status = LML_OK;
  for (size_t k = 0; k < potential->nterms; k++) {
    const lml_pair_term *term = potential->terms[k];
    const size_t number = number_of(potential, term);
    for (size_t p = 0; p < n * n && term->ops->style != NULL && status == LML_OK; p++) {
      const lml_term_line line = {.file = file, .before = before, .i = p / n, .j = p % n, .number = number};
      if (line.i <= line.j) status = term->ops->write_line(term, &line, writer, error);
    }
  }
  return status;
}

lml_status lml_term_remark_write(const lml_potential *potential, const char *file, const char *before,
                                 lml_file_writer *writer, lml_error *error) {
  char styles[LML_TERM_STYLES_TEXT];
  lml_term_styles(potential, styles);
  if (styles[0] == '\0') return LML_OK;
  const lml_status status = lml_file_writer_print(
      writer, error, "%sfitted to what is left after subtracting\n%spair_style hybrid/overlay %s\n", before, before,
      styles);
  return status == LML_OK ? lml_term_lines_write(potential, file, before, writer, error) : status;
}

lml_status lml_term_remark_read(lml_potential *potential, const char *path, lml_error *error) {
  lml_lammps_remarks remarks;
  const lml_status status = lml_lammps_remarks_read(path, &remarks, error);
  if (status == LML_OK) potential->reference = remarks.pair_style;
  return status;
}
