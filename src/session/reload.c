#include "session/reload.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "potential/linear_calculator.h"
#include "potential/potential.h"
#include "potential/uncertainty.h"

/** The files that are watched. */
enum { COEFFICIENTS = 0, PARAMETERS, UNCERTAINTY, NFILES };

struct lml_reload {
  lml_reload_settings settings;
  char *uncertainty;        /**< its file, whether or not there is one */
  struct stat seen[NFILES]; /**< as they were when they were read last */
  char checksum[LML_SHA256_TEXT];
};

/** The files that coefficients come from, and what may lie beside them; NULL: there is none. */
static const char *path_of(const lml_reload *reload, size_t file) {
  const lml_potential *potential = reload->settings.potential;
  if (file == UNCERTAINTY) return reload->uncertainty;
  return file == COEFFICIENTS ? potential->coefficient_file : potential->parameter_file;
}

/** The same, but the uncertainty only where results are from it. They are replaced one after the other, so that all are
 *  watched. */
static const char *watched(const lml_reload *reload, size_t file) {
  const bool counts = file != UNCERTAINTY || lml_linear_calculator_uncertain(reload->settings.calculator) != NULL;
  return counts ? path_of(reload, file) : NULL;
}

/** Remember how all are, also what results will be from later. */
static void look_at_files(lml_reload *reload) {
  for (size_t k = 0; k < NFILES; k++)
    if (path_of(reload, k) != NULL) (void)lml_sys->stat(path_of(reload, k), &reload->seen[k]);
}

static lml_status find_uncertainty(lml_reload *reload, lml_error *error) {
  char *array = NULL;
  const lml_status status =
      lml_uncertainty_paths(reload->settings.potential->coefficient_file, &reload->uncertainty, &array, error);
  lml_free(array);
  return status;
}

lml_status lml_reload_create(const lml_reload_settings *settings, lml_reload **reload, lml_error *error) {
  lml_status status = lml_alloc(reload, 1, sizeof **reload, "a watched file", error);
  if (status != LML_OK) return status;
  (*reload)->settings = *settings;
  status = find_uncertainty(*reload, error);
  look_at_files(*reload);
  if (status == LML_OK) status = lml_sha256_file(settings->potential->coefficient_file, (*reload)->checksum, error);
  if (status == LML_OK) return LML_OK;
  lml_reload_destroy(*reload);
  *reload = NULL;
  return status;
}

void lml_reload_destroy(lml_reload *reload) {
  if (reload == NULL) return;
  lml_free(reload->uncertainty);
  lml_free(reload);
}

/* ---- what may change ---- */

static bool same_descriptor(const lml_potential *a, const lml_potential *b) {
  char one[LML_SHA256_TEXT], two[LML_SHA256_TEXT];
  lml_potential_hash_descriptor(a, one);
  lml_potential_hash_descriptor(b, two);
  return a->descriptor->ops == b->descriptor->ops && a->quadratic == b->quadratic && strcmp(one, two) == 0;
}

static bool same_elements(const lml_potential *a, const lml_potential *b) {
  const size_t n = lml_potential_nelements(a);
  return n == lml_potential_nelements(b) && memcmp(a->numbers, b->numbers, n * sizeof *a->numbers) == 0;
}

static bool same_terms(const lml_potential *a, const lml_potential *b) {
  char one[LML_SHA256_TEXT], two[LML_SHA256_TEXT];
  lml_potential_hash_terms(a, one);
  lml_potential_hash_terms(b, two);
  return strcmp(one, two) == 0;
}

static lml_status check_unchanged(const lml_potential *old, const lml_potential *new, lml_error *error) {
  const char *what = !same_elements(old, new)                   ? "elements"
                     : !same_descriptor(old, new)               ? "parameters"
                     : old->ncoefficients != new->ncoefficients ? "number of coefficients"
                     : !same_terms(old, new)                    ? "fixed terms"
                                                                : NULL;
  if (what == NULL) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "%s: has other %s than the potential in force; coefficients alone may change, start again for more",
                  new->path, what);
}

/* ---- changing ---- */

static bool has_changed(const lml_reload *reload) {
  for (size_t k = 0; k < NFILES; k++) {
    const struct stat *seen = &reload->seen[k];
    struct stat now;
    if (watched(reload, k) == NULL) continue;
    if (lml_sys->stat(watched(reload, k), &now) != 0) {
      if (k == UNCERTAINTY) continue; /* reading says so, where there are new coefficients */
      return false;                   /* it is being replaced */
    }
    if (now.st_mtim.tv_sec != seen->st_mtim.tv_sec || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec ||
        now.st_size != seen->st_size || now.st_ino != seen->st_ino)
      return true;
  }
  return false;
}

/** Read, check, and take over; @p checksum becomes that of the file. */
static lml_status take(const lml_reload *reload, char checksum[LML_SHA256_TEXT], lml_error *error) {
  const lml_reload_settings *s = &reload->settings;
  const char *file = s->potential->coefficient_file;
  char behind[LML_SHA256_TEXT];
  lml_potential *potential = NULL;
  lml_status status = lml_sha256_file(file, checksum, error);
  if (status == LML_OK) status = lml_potential_read(s->path, s->parameters, s->fixed_terms, &potential, error);
  if (status == LML_OK) status = lml_sha256_file(file, behind, error);
  if (status == LML_OK && strcmp(checksum, behind) != 0)
    status = lml_fail(error, LML_ERR_INPUT, "%s: was changed while it was read", file);
  if (status == LML_OK) status = check_unchanged(s->potential, potential, error);
  if (status == LML_OK)
    status = lml_linear_calculator_update(s->calculator, lml_potential_coefficients(potential), error);
  if (status == LML_OK) lml_potential_log_warnings(potential, s->log);
  lml_potential_destroy(potential);
  return status;
}

lml_reload_outcome lml_reload_look(lml_reload *reload) {
  const lml_reload_settings *s = &reload->settings;
  const bool asked = s->asked != NULL && *s->asked != 0;
  if (!asked && (s->when != LML_RELOAD_CHANGED || !has_changed(reload))) return LML_RELOAD_NOTHING;
  if (asked) *s->asked = 0;
  char checksum[LML_SHA256_TEXT];
  lml_error error = {0};
  look_at_files(reload);
  if (take(reload, checksum, &error) != LML_OK) {
    lml_log_line(s->log, LML_LOG_ERROR, "the old coefficients stay in force: %s", error.message);
    return LML_RELOAD_NOTHING;
  }
  const bool other = strcmp(checksum, reload->checksum) != 0;
  memcpy(reload->checksum, checksum, sizeof checksum);
  if (other && s->recorder != NULL) lml_recorder_set_potential(s->recorder, checksum);
  if (!other && !asked) return LML_RELOAD_AGAIN; /* the other file of the two was replaced */
  lml_log_line(s->log, LML_LOG_ERROR, "new coefficients in force: %s, sha256:%.12s…", s->potential->coefficient_file,
               checksum);
  return other ? LML_RELOAD_COEFFICIENTS : LML_RELOAD_AGAIN;
}
