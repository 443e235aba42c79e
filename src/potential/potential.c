#include "potential/potential.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "lmlink/structure.h"

void lml_potential_destroy(lml_potential *potential) {
  if (potential == NULL) return;
  lml_descriptor_destroy(potential->descriptor);
  for (size_t k = 0; k < potential->nterms; k++) lml_pair_term_destroy(potential->terms[k]);
  lml_free(potential->numbers);
  lml_free(potential->coefficients);
  lml_free(potential->path);
  lml_free(potential->coefficient_file);
  lml_free(potential->parameter_file);
  lml_free(potential->script);
  lml_text_list_free(&potential->warnings);
  lml_free(potential);
}

lml_status lml_potential_add_term(lml_potential *potential, lml_pair_term *term, lml_error *error) {
  if (term == NULL) return LML_OK;
  if (potential->nterms == LML_PAIR_TERMS_LIMIT) {
    lml_pair_term_destroy(term);
    return lml_fail(error, LML_ERR_INPUT, "a potential has at most %d fixed terms", LML_PAIR_TERMS_LIMIT);
  }
  potential->terms[potential->nterms++] = term;
  return LML_OK;
}

/* ---- queries ---- */

size_t lml_potential_count(size_t ncomponents, bool quadratic) {
  return quadratic ? (ncomponents + 1) * (ncomponents + 2) / 2 : ncomponents + 1;
}

lml_status lml_potential_need_components(const lml_potential *potential, lml_error *error) {
  const char *reason = potential->descriptor->closed;
  if (reason == NULL) reason = potential->descriptor->untrained;
  if (reason == NULL) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s: can be evaluated, but has no descriptors and can't be retrained: %s",
                  potential->path, reason);
}

size_t lml_potential_nelements(const lml_potential *potential) { return potential->descriptor->nelements; }

int lml_potential_element(const lml_potential *potential, size_t index) { return potential->numbers[index]; }

int lml_potential_element_index(const lml_potential *potential, int atomic_number) {
  for (size_t e = 0; e < potential->descriptor->nelements; e++)
    if (potential->numbers[e] == atomic_number) return (int)e;
  return -1;
}

size_t lml_potential_ncoefficients(const lml_potential *potential) { return potential->ncoefficients; }

const double *lml_potential_coefficients(const lml_potential *potential) { return potential->coefficients; }

size_t lml_potential_nwarnings(const lml_potential *potential) { return potential->warnings.count; }

const char *lml_potential_warning(const lml_potential *potential, size_t index) {
  return potential->warnings.texts[index];
}

void lml_potential_log_warnings(const lml_potential *potential, const lml_log *log) {
  for (size_t k = 0; k < potential->warnings.count; k++) lml_log_warning(log, "%s", potential->warnings.texts[k]);
}

double lml_potential_terms_cutoff(const lml_potential *potential) {
  double cutoff = 0.0;
  for (size_t k = 0; k < potential->nterms; k++)
    if (potential->terms[k]->cutoff > cutoff) cutoff = potential->terms[k]->cutoff;
  return cutoff;
}

double lml_potential_cutoff(const lml_potential *potential) {
  const double cutoff = potential->descriptor->cutoff, of_terms = lml_potential_terms_cutoff(potential);
  return of_terms > cutoff ? of_terms : cutoff;
}

void lml_potential_hash_descriptor(const lml_potential *potential, char text[LML_SHA256_TEXT]) {
  lml_sha256 sum;
  lml_sha256_begin(&sum);
  potential->descriptor->ops->hash(potential->descriptor, &sum);
  lml_sha256_end(&sum, text);
}

void lml_potential_hash_terms(const lml_potential *potential, char text[LML_SHA256_TEXT]) {
  lml_sha256 sum;
  lml_sha256_begin(&sum);
  for (size_t k = 0; k < potential->nterms; k++) potential->terms[k]->ops->hash(potential->terms[k], &sum);
  lml_sha256_end(&sum, text);
}

/** printf behind what *@p text holds already, with what room is left in *@p size. */
static void append(char **text, size_t *size, const char *format, ...) LML_PRINTF(3, 4);
static void append(char **text, size_t *size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const size_t used = lml_print_cut_list(*text, *size, format, arguments);
  va_end(arguments);
  *text += used;
  *size -= used;
}

void lml_potential_describe(const lml_potential *potential, char *text, size_t size) {
  if (size == 0) return;
  text[0] = '\0';
  const lml_descriptor *d = potential->descriptor;
  append(&text, &size, "%s%s of", potential->quadratic ? "quadratic " : "", d->title);
  for (size_t e = 0; e < d->nelements; e++) append(&text, &size, " %s", lml_element_symbol(potential->numbers[e]));
  append(&text, &size, ", %s, cutoff %g Å, %zu coefficients%s", d->detail, d->cutoff, potential->ncoefficients,
         d->nelements > 1 ? " per element" : "");
  for (size_t k = 0; k < potential->nterms; k++) {
    char words[80];
    potential->terms[k]->ops->describe(potential->terms[k], words, sizeof words);
    append(&text, &size, ", %s", words);
  }
  if (potential->nterms == 0) append(&text, &size, ", no fixed terms");
}
