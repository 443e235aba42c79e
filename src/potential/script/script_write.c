#include "potential/script/script_write.h"

#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "lmlink/structure.h"
#include "potential/lammps_text.h"
#include "potential/term_lines.h"

lml_status lml_script_path(const char *path, char **script, lml_error *error) {
  const lml_format *format = lml_format_written_to(path);
  *script = NULL;
  if (format == NULL || format->script_extension == NULL) return LML_OK;
  *script = lml_path_with_extension(path, format->script_extension, error);
  return *script == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status write_style(const lml_potential *potential, lml_file_writer *writer, lml_error *error) {
  char terms[LML_TERM_STYLES_TEXT], own[LML_TERM_STYLES_TEXT];
  potential->format->style(potential, own, sizeof own);
  lml_term_styles(potential, terms);
  return terms[0] == '\0' ? lml_file_writer_print(writer, error, "pair_style %s\n", own)
                          : lml_file_writer_print(writer, error, "pair_style hybrid/overlay %s %s\n", terms, own);
}

/** A blank and the name of @p path, with quotes where it needs some. */
static lml_status write_name(const char *path, lml_file_writer *writer, lml_error *error) {
  const char *name = lml_path_name(path), *quote = strpbrk(name, " \t#$&'\"") == NULL ? "" : lml_lammps_quote(name);
  return lml_file_writer_print(writer, error, " %s%s%s", quote, name, quote);
}

/** The line of the descriptors: files beside this one, and the elements. */
static lml_status write_coefficients(const lml_potential *potential, const char *path, lml_file_writer *writer,
                                     lml_error *error) {
  char terms[LML_TERM_STYLES_TEXT], own[LML_TERM_STYLES_TEXT];
  char *parameters = NULL;
  lml_term_styles(potential, terms);
  potential->format->style(potential, own, sizeof own);
  own[strcspn(own, " ")] = '\0';
  lml_status status = LML_OK;
  if (potential->format->parameter_extension != NULL) {
    parameters = lml_path_with_extension(path, potential->format->parameter_extension, error);
    if (parameters == NULL) return LML_ERR_MEMORY;
  }
  status = lml_file_writer_print(writer, error, "pair_coeff * *%s%s", terms[0] == '\0' ? "" : " ",
                                 terms[0] == '\0' ? "" : own);
  if (status == LML_OK) status = write_name(path, writer, error);
  if (status == LML_OK && parameters != NULL) status = write_name(parameters, writer, error);
  for (size_t e = 0; e < lml_potential_nelements(potential) && status == LML_OK; e++)
    status = lml_file_writer_print(writer, error, " %s", lml_element_symbol(lml_potential_element(potential, e)));
  lml_free(parameters);
  return status == LML_OK ? lml_file_writer_print(writer, error, "\n") : status;
}

static lml_status write_lines(const lml_potential *potential, const char *path, const char *script, const char *comment,
                              lml_file_writer *writer, lml_error *error) {
  lml_status status = lml_file_writer_print(writer, error,
                                            "# %s\n# for LAMMPS, in units metal; files are found in the folder that "
                                            "it runs in, or that LAMMPS_POTENTIALS names\n",
                                            comment);
  if (status == LML_OK) status = write_style(potential, writer, error);
  if (status == LML_OK) status = lml_term_lines_write(potential, script, "", writer, error);
  if (status == LML_OK) status = write_coefficients(potential, path, writer, error);
  return status == LML_OK ? lml_file_writer_prepare(writer, error) : status;
}

lml_status lml_script_write(const lml_potential *potential, const char *path, const char *comment,
                            lml_file_writer **writer, lml_error *error) {
  char *script;
  *writer = NULL;
  lml_status status = lml_script_path(path, &script, error);
  if (status != LML_OK || script == NULL) return status;
  status = lml_file_writer_create(script, writer, error);
  if (status == LML_OK) status = write_lines(potential, path, script, comment, *writer, error);
  lml_free(script);
  if (status == LML_OK) return LML_OK;
  lml_file_writer_abort(*writer);
  *writer = NULL;
  return status;
}
