/** @file model.h
 *  The constants of a bispectrum descriptor that one work space goes by: its plan for a kernel, and what depends on the
 *  elements.
 */
#ifndef LML_BISPECTRUM_MODEL_H
#define LML_BISPECTRUM_MODEL_H

#include "potential/bispectrum/kernel.h"

typedef struct lml_bispectrum_model {
  const lml_snap_model *snap;
  const lml_bispectrum_kernel *kernel;
  lml_bispectrum_plan plan;
  double *rcut;   /**< nelements², Å: cutoff of each pair */
  double *shifts; /**< nelements × ncomponents: what bzeroflag subtracts from each component */
} lml_bispectrum_model;

/** Make @p model for the descriptor of @p snap, which must outlive it. Free with lml_bispectrum_model_free, also after
 * a failure. */
lml_status lml_bispectrum_model_make(const lml_snap_model *snap, const lml_isa *isa, lml_bispectrum_model *model,
                                     lml_error *error);
void lml_bispectrum_model_free(lml_bispectrum_model *model);

#endif
