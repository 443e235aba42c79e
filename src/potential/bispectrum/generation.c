#include "potential/bispectrum/generation.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sha256.h"
#include "potential/bispectrum/snap_file.h"
#include "potential/bispectrum/snap_parameters.h"

enum { CHECKSUM = 17 /**< bytes of a checksum in a mark, with the NUL */ };

/** What a mark says of the files that are known here. */
typedef struct mark {
  char coefficients[CHECKSUM], parameters[CHECKSUM];
} mark;

/* ---- checksums of values ---- */

typedef lml_status (*value_writer)(lml_file_writer *writer, const lml_snap_model *model, lml_error *error);

/** Parameters that have their defaults are not written, so that a new one doesn't change the checksums of old files. */
static lml_status write_parameters(lml_file_writer *writer, const lml_snap_model *model, lml_error *error) {
  return lml_snap_parameters_write(writer, model, LML_KEYWORDS_CHANGED, error);
}

static lml_status checksum_of(value_writer write, const lml_snap_model *model, char checksum[CHECKSUM],
                              lml_error *error) {
  lml_file_writer *writer;
  char *text = NULL, sum[LML_SHA256_TEXT];
  size_t length = 0;
  lml_status status = lml_file_writer_create_in_memory("the values of a potential", &writer, error);
  if (status != LML_OK) return status;
  status = write(writer, model, error);
  if (status != LML_OK)
    lml_file_writer_abort(writer);
  else
    status = lml_file_writer_take(writer, &text, &length, error);
  if (status != LML_OK) return status;
  lml_sha256 sha;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, text, length);
  lml_sha256_end(&sha, sum);
  lml_free(text);
  lml_print_cut(checksum, CHECKSUM, "%.*s", CHECKSUM - 1, sum);
  return LML_OK;
}

/* ---- marks ---- */

lml_status lml_generation_make(const lml_snap_model *model, lml_lammps_remark *remark, lml_error *error) {
  mark of;
  lml_status status = checksum_of(lml_snap_coefficients_write, model, of.coefficients, error);
  if (status == LML_OK) status = checksum_of(write_parameters, model, of.parameters, error);
  if (status == LML_OK)
    lml_print_cut(remark->text, sizeof remark->text, "%s coefficients=%s parameters=%s", LML_GENERATION_WORD,
                  of.coefficients, of.parameters);
  return status;
}

static void find_word(const char *text, const char *key, char checksum[CHECKSUM]) {
  const char *at = strstr(text, key);
  checksum[0] = '\0';
  if (at != NULL)
    lml_print_cut(checksum, CHECKSUM, "%.*s", (int)strspn(at + strlen(key), "0123456789abcdef"), at + strlen(key));
}

static mark read_mark(const lml_lammps_remark *remark) {
  mark m;
  find_word(remark->text, " coefficients=", m.coefficients);
  find_word(remark->text, " parameters=", m.parameters);
  return m;
}

bool lml_generation_differs(const lml_generation_pair *pair) {
  const lml_lammps_remark *one = &pair->coefficients.generation, *two = &pair->parameters.generation;
  return one->line != 0 && two->line != 0 && strcmp(one->text, two->text) != 0;
}

/* ---- what is told ---- */

#define ACCEPT "sed -i '/^# *" LML_GENERATION_WORD "/d' %s"

lml_status lml_generation_fail(const lml_generation_pair *pair, lml_error *error) {
  return lml_fail(
      error, LML_ERR_INPUT,
      "%s: was not written together with %s, as the lines '# " LML_GENERATION_WORD
      " …' of both differ: the run that wrote one of them was interrupted, or one was copied alone. Write or "
      "copy both again; or, if they do belong together, delete these lines: " ACCEPT " %s",
      pair->snapcoeff, pair->snapparam, pair->snapcoeff, pair->snapparam);
}

static lml_status warn_edited(const lml_generation_pair *pair, const char *path, lml_text_list *warnings,
                              lml_error *error) {
  return lml_text_list_print(warnings, error,
                             "%s: its values were changed since lmlink wrote it (line '# " LML_GENERATION_WORD
                             " …'); if that is meant, say so by deleting these lines: " ACCEPT " %s",
                             path, pair->snapcoeff, pair->snapparam);
}

/** Coefficients with a mark, and parameters without one that are other values than theirs. */
static lml_status fail_replaced(const lml_generation_pair *pair, lml_error *error) {
  return lml_fail(
      error, LML_ERR_INPUT,
      "%s: lmlink wrote it for other parameters than those of %s, as its line '# " LML_GENERATION_WORD
      " …' says: give it the .snapparam file that was written with it; or, if they do belong together, delete "
      "that line: " ACCEPT,
      pair->snapcoeff, pair->snapparam, pair->snapcoeff);
}

static lml_status warn_replaced(const lml_generation_pair *pair, lml_text_list *warnings, lml_error *error) {
  return lml_text_list_print(
      warnings, error,
      "%s: lmlink wrote it with other coefficients than those of %s; if they belong together, say "
      "so by deleting its line '# " LML_GENERATION_WORD " …': " ACCEPT,
      pair->snapparam, pair->snapcoeff, pair->snapparam);
}

lml_status lml_generation_check(const lml_generation_pair *pair, const lml_snap_model *file,
                                const lml_snap_model *model, lml_text_list *warnings, lml_error *error) {
  const bool coefficients_marked = pair->coefficients.generation.line != 0;
  const bool parameters_marked = pair->parameters.generation.line != 0;
  if (!coefficients_marked && !parameters_marked) return LML_OK;
  if (lml_generation_differs(pair)) return lml_generation_fail(pair, error);
  const mark said = read_mark(coefficients_marked ? &pair->coefficients.generation : &pair->parameters.generation);
  mark now;
  lml_status status = checksum_of(lml_snap_coefficients_write, file, now.coefficients, error);
  if (status == LML_OK) status = checksum_of(write_parameters, model, now.parameters, error);
  if (status != LML_OK) return status;
  if (strcmp(said.parameters, now.parameters) != 0) {
    if (!parameters_marked) return fail_replaced(pair, error);
    status = warn_edited(pair, pair->snapparam, warnings, error);
  }
  if (status == LML_OK && strcmp(said.coefficients, now.coefficients) != 0)
    status = coefficients_marked ? warn_edited(pair, pair->snapcoeff, warnings, error)
                                 : warn_replaced(pair, warnings, error);
  return status;
}
