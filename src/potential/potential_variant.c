#include "potential/potential_variant.h"

#include <string.h>

#include "base/memory.h"
#include "potential/snap_model.h"

static lml_status copy_array(void *to, const void *from, size_t count, size_t size, lml_error *error) {
  void *copy;
  const lml_status status = lml_alloc(&copy, count, size, "a potential", error);
  if (status != LML_OK) return status;
  memcpy(copy, from, count * size);
  memcpy(to, &copy, sizeof copy);
  return LML_OK;
}

/** All but the coefficients. */
static lml_status copy_rest(const lml_potential *from, lml_potential *p, lml_error *error) {
  const size_t n = from->snap.nelements;
  p->snap.parameters = from->snap.parameters;
  p->snap.nelements = n;
  p->zbl.inner = from->zbl.inner;
  p->zbl.outer = from->zbl.outer;
  lml_status status = copy_array(&p->snap.elements, from->snap.elements, n, sizeof *p->snap.elements, error);
  if (status == LML_OK && from->zbl.zi != NULL)
    status = copy_array(&p->zbl.zi, from->zbl.zi, n * n, sizeof(double), error);
  if (status == LML_OK && from->zbl.zj != NULL)
    status = copy_array(&p->zbl.zj, from->zbl.zj, n * n, sizeof(double), error);
  if (status != LML_OK) return status;
  p->path = lml_strdup(from->path, error);
  return p->path == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** A copy with room for @p ncoefficients zero coefficients per element. */
static lml_status make(const lml_potential *from, size_t ncoefficients, lml_potential **potential, lml_error *error) {
  lml_potential *p;
  *potential = NULL;
  lml_status status = lml_alloc(&p, 1, sizeof *p, "a potential", error);
  if (status != LML_OK) return status;
  status = copy_rest(from, p, error);
  p->snap.ncoefficients = ncoefficients;
  if (status == LML_OK)
    status =
        lml_alloc(&p->snap.coefficients, from->snap.nelements * ncoefficients, sizeof(double), "coefficients", error);
  if (status == LML_OK)
    *potential = p;
  else
    lml_potential_destroy(p);
  return status;
}

lml_status lml_potential_with_coefficients(const lml_potential *from, const double *coefficients,
                                           lml_potential **potential, lml_error *error) {
  const lml_snap_model *snap = &from->snap;
  const lml_status status = make(from, snap->ncoefficients, potential, error);
  if (status == LML_OK && coefficients != NULL)
    memcpy((*potential)->snap.coefficients, coefficients, snap->nelements * snap->ncoefficients * sizeof(double));
  return status;
}

lml_status lml_potential_quadratic(const lml_potential *from, lml_potential **potential, lml_error *error) {
  lml_snap_parameters parameters = from->snap.parameters;
  parameters.quadraticflag = true;
  const size_t n = lml_snap_ncoefficients(&parameters, from->snap.nelements), old = from->snap.ncoefficients;
  const lml_status status = make(from, n, potential, error);
  if (status != LML_OK) return status;
  (*potential)->snap.parameters = parameters;
  for (size_t e = 0; e < from->snap.nelements; e++)
    memcpy((*potential)->snap.coefficients + e * n, from->snap.coefficients + e * old, old * sizeof(double));
  return LML_OK;
}
