#include "potential/potential_variant.h"

#include <string.h>

#include "base/memory.h"
#include "potential/potential.h"

/** All but the coefficients. */
static lml_status copy_rest(const lml_potential *from, lml_potential *p, lml_error *error) {
  const size_t n = from->descriptor->nelements;
  p->descriptor = lml_descriptor_share(from->descriptor);
  p->format = from->format;
  for (size_t k = 0; k < from->nterms; k++) p->terms[p->nterms++] = lml_pair_term_share(from->terms[k]);
  const lml_status status = lml_alloc(&p->numbers, n, sizeof *p->numbers, "a potential", error);
  if (status != LML_OK) return status;
  memcpy(p->numbers, from->numbers, n * sizeof *p->numbers);
  p->path = lml_strdup(from->path, error);
  return p->path == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** A copy with zero coefficients. */
static lml_status make(const lml_potential *from, bool quadratic, lml_potential **potential, lml_error *error) {
  lml_potential *p;
  *potential = NULL;
  lml_status status = lml_alloc(&p, 1, sizeof *p, "a potential", error);
  if (status != LML_OK) return status;
  status = copy_rest(from, p, error);
  const size_t n = from->descriptor->nelements;
  p->quadratic = quadratic;
  p->ncoefficients = lml_potential_count(from->descriptor->ncomponents, quadratic);
  if (status == LML_OK)
    status = lml_alloc(&p->coefficients, n * p->ncoefficients, sizeof(double), "coefficients", error);
  if (status == LML_OK)
    *potential = p;
  else
    lml_potential_destroy(p);
  return status;
}

lml_status lml_potential_with_coefficients(const lml_potential *from, const double *coefficients,
                                           lml_potential **potential, lml_error *error) {
  const lml_status status = make(from, from->quadratic, potential, error);
  const size_t count = from->descriptor->nelements * from->ncoefficients;
  if (status == LML_OK && coefficients != NULL)
    memcpy((*potential)->coefficients, coefficients, count * sizeof *coefficients);
  return status;
}

lml_status lml_potential_quadratic(const lml_potential *from, lml_potential **potential, lml_error *error) {
  const lml_status status = make(from, true, potential, error);
  if (status != LML_OK) return status;
  const size_t n = (*potential)->ncoefficients, old = from->ncoefficients;
  for (size_t e = 0; e < from->descriptor->nelements; e++)
    memcpy((*potential)->coefficients + e * n, from->coefficients + e * old, old * sizeof(double));
  return LML_OK;
}
