#include <ctype.h>
#include <string.h>

#include "base/fail.h"
#include "base/file_reader.h"
#include "base/file_texts.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "potential/ace/ace_format.h"
#include "potential/bispectrum/milady_format.h"
#include "potential/bispectrum/snap_format.h"
#include "potential/format.h"
#include "potential/script/script_format.h"
#include "potential/script/style_words.h"
#include "potential/uf3/uf3_format.h"

/** All formats, in the order in which they are asked whether a file is theirs: MiLaDy's would be LAMMPS's as well but
 *  for the comment that they begin with. */
static const lml_format *const formats[] = {
    &lml_milady_format, &lml_script_format, &lml_snap_format, &lml_uf3_format, &lml_ace_format, NULL,
};

enum { BEGINNING = 4096 /**< bytes of a file that are looked at */ };

static void copy_beginning(const lml_file_text *from, char text[BEGINNING + 1]) {
  const size_t length = from->length < BEGINNING ? from->length : BEGINNING;
  memcpy(text, from->text, length);
  text[length] = '\0';
}

static lml_status read_beginning(const char *path, char text[BEGINNING + 1], lml_error *error) {
  const lml_file_text *handed_over;
  lml_file_reader *reader;
  lml_status status = lml_file_texts_find(path, &handed_over, error);
  if (status == LML_OK && handed_over != NULL) {
    copy_beginning(handed_over, text);
    return LML_OK;
  }
  if (status == LML_OK) status = lml_file_reader_open(path, &reader, error);
  if (status != LML_OK) return status;
  const uint64_t size = lml_file_reader_size(reader);
  const size_t length = size < BEGINNING ? (size_t)size : BEGINNING;
  status = lml_file_reader_read(reader, 0, text, length, error);
  text[length] = '\0';
  lml_file_reader_close(reader);
  return status;
}

static lml_status refuse(const char *path, lml_error *error) {
  char known[256] = "";
  for (size_t k = 0; formats[k] != NULL; k++) {
    const size_t used = strlen(known);
    lml_print_cut(known + used, sizeof known - used, "%s%s (%s)", k == 0 ? "" : ", ", formats[k]->name,
                  formats[k]->files);
  }
  return lml_fail(error, LML_ERR_INPUT, "%s: is no potential that lmlink reads, which are %s", path, known);
}

static const lml_format *by_content(const char *beginning) {
  for (size_t k = 0; formats[k] != NULL; k++)
    if (formats[k]->is_content(beginning)) return formats[k];
  return NULL;
}

static const lml_format *by_name(const lml_potential_request *request) {
  for (size_t k = 0; formats[k] != NULL; k++)
    if (formats[k]->is_name(request)) return formats[k];
  return NULL;
}

lml_status lml_format_find(const lml_potential_request *request, const lml_format **format, lml_error *error) {
  char beginning[BEGINNING + 1];
  *format = NULL;
  const lml_status status = read_beginning(request->path, beginning, error);
  if (status != LML_OK) return status;
  *format = by_content(beginning);
  if (*format == NULL) *format = by_name(request);
  return *format == NULL ? refuse(request->path, error) : LML_OK;
}

const lml_format *lml_format_of_style(lml_pair_kind kind) {
  size_t k = 0;
  while (formats[k] != NULL && (formats[k]->pair_kinds >> kind & 1u) == 0) k++;
  return formats[k];
}

const char *lml_format_first_line(const char *text) {
  for (;;) {
    text += strspn(text, " \t\r\n");
    if (*text != '#') return text;
    text += strcspn(text, "\n");
  }
}

bool lml_format_begins_with(const char *text, const char *const *words) {
  for (size_t k = 0; words[k] != NULL; k++) {
    const size_t length = strlen(words[k]);
    if (strncmp(text, words[k], length) == 0 && (isspace((unsigned char)text[length]) || text[length] == '\0'))
      return true;
  }
  return false;
}

const lml_format *lml_format_written_to(const char *path) {
  for (size_t k = 0; formats[k] != NULL; k++)
    if (formats[k]->extension != NULL && lml_path_has_extension(path, formats[k]->extension)) return formats[k];
  return NULL;
}

lml_status lml_format_write(const lml_potential *potential, const char *path, const char *comment, lml_error *error) {
  const lml_format *format = potential->format;
  if (format == NULL) return lml_fail(error, LML_ERR_INTERNAL, "%s: the potential is of no format", path);
  if (lml_format_written_to(path) != format)
    return lml_fail(error, LML_ERR_USAGE, "%s: %s is written to a %s file", path, format->name, format->extension);
  char *parameters = NULL;
  if (format->parameter_extension != NULL) {
    parameters = lml_path_with_extension(path, format->parameter_extension, error);
    if (parameters == NULL) return LML_ERR_MEMORY;
  }
  const lml_status status = format->write(potential, path, parameters, comment, error);
  lml_free(parameters);
  return status;
}

void lml_format_extensions(char *text, size_t size) {
  text[0] = '\0';
  for (size_t k = 0; formats[k] != NULL; k++) {
    const size_t used = strlen(text);
    if (formats[k]->extension != NULL)
      lml_print_cut(text + used, size - used, "%sa %s file", used == 0 ? "" : " or ", formats[k]->extension);
  }
}

/* ---- potentials ---- */

const char *lml_potential_subtracted_terms(const lml_potential *potential) {
  const char *words = potential->reference.text;
  return potential->script == NULL && lml_style_words_add_terms(words) ? words : NULL;
}

/** Refuse where a comment of the files says that the fit subtracted terms, and no script adds them. */
static lml_status check_reference(const lml_potential *potential, lml_error *error) {
  const lml_lammps_remark *reference = &potential->reference;
  if (lml_potential_subtracted_terms(potential) == NULL) return LML_OK;
  return lml_fail(
      error, LML_ERR_INPUT,
      "%s:%zu: the comment '%s' says that the coefficients were fitted to what is left after subtracting these "
      "terms, which %s does not have: give a .snap or .mod file that adds them (write one that does, if there is "
      "none), or say --fixed-terms none to go without",
      potential->parameter_file != NULL ? potential->parameter_file : potential->coefficient_file, reference->line,
      reference->text, lml_path_name(potential->coefficient_file));
}

lml_status lml_potential_read(const char *path, const char *parameters, lml_fixed_terms fixed_terms,
                              lml_potential **potential, lml_error *error) {
  const lml_potential_request request = {.path = path, .parameters = parameters, .fixed_terms = fixed_terms};
  const lml_format *format;
  lml_potential *p;
  *potential = NULL;
  lml_status status = lml_format_find(&request, &format, error);
  if (status == LML_OK) status = lml_alloc(&p, 1, sizeof *p, "a potential", error);
  if (status != LML_OK) return status;
  p->format = format;
  p->path = lml_strdup(path, error);
  status = p->path == NULL ? LML_ERR_MEMORY : format->read(&request, p, error);
  if (status == LML_OK && fixed_terms == LML_FIXED_TERMS_UNSTATED) status = check_reference(p, error);
  if (status == LML_OK)
    *potential = p;
  else
    lml_potential_destroy(p);
  return status;
}

lml_status lml_potential_read_text(const lml_potential_text *text, const lml_potential_text *parameters,
                                   lml_potential **potential, lml_error *error) {
  lml_file_text texts[2] = {{text->name, text->text, text->length}};
  const size_t count = parameters == NULL ? 1 : 2;
  if (parameters != NULL) texts[1] = (lml_file_text){parameters->name, parameters->text, parameters->length};
  lml_file_texts_use(texts, count);
  const lml_status status = lml_potential_read(text->name, parameters == NULL ? NULL : parameters->name,
                                               LML_FIXED_TERMS_NONE, potential, error);
  lml_file_texts_use(NULL, 0);
  return status;
}

lml_status lml_potential_write(const lml_potential *potential, const char *path, const char *parameters,
                               const char *comment, lml_error *error) {
  return potential->format->write(potential, path, parameters, comment, error);
}
