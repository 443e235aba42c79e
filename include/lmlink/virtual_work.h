/** @file virtual_work.h
 *  Energy along a path from the work that forces do on it: for mixtures of forces, which have no energy.
 *
 *  Positions x and forces F of a row of images are interpolated with not-a-knot cubic splines in λ, the length of the
 *  path by minimum image, divided by the whole: E(λ) = −∫ F·(dx/dλ) dλ. This is equation (4) of the theory
 *  (docs/theory.md), after Swinburne and Kermode, Phys. Rev. B 96, 144102 (2017).
 */
#ifndef LMLINK_VIRTUAL_WORK_H
#define LMLINK_VIRTUAL_WORK_H

#include <stddef.h>

#include "lmlink/structure.h"

LML_BEGIN_DECLS

/** An image of a path. Borrowed. */
typedef struct lml_work_image {
  const lml_structure *structure;
  const double *forces; /**< natoms × 3, eV/Å */
} lml_work_image;

/** Where E is wanted, and how it is integrated. */
typedef enum lml_work_points {
  LML_WORK_IMAGES = 0, /**< at the images; the splines are integrated exactly */
  LML_WORK_FINE,       /**< at LML_WORK_GRID values of λ, equally spaced; exactly too */
  LML_WORK_ASE_GRID    /**< at the same values, by the trapezoid rule on them, as ASE's NEB.integrate_forces does */
} lml_work_points;

enum { LML_WORK_GRID = 1000 };

/** Initialise with `lml_work w = {0};`, release with lml_work_free. */
typedef struct lml_work {
  size_t npoints;
  double *lambda;   /**< npoints, from 0 to 1 */
  double *energies; /**< npoints, eV, 0 at the first */
  double error;     /**< eV: how far E at the images is off at most, from leaving out every second one; infinite for two
                         images, which tell nothing about it */
} lml_work;

/** Integrate along @p nimages images of the same atoms. LML_ERR_INPUT for fewer than two images, other atoms in
 *  one of them, or two neighbours at the same place. @p work is freed first. */
LML_API lml_status lml_virtual_work(const lml_work_image *images, size_t nimages, lml_work_points points,
                                    lml_work *work, lml_error *error);

LML_API void lml_work_free(lml_work *work);

LML_END_DECLS

#endif
