/** @file region.h
 *  Which atoms get quantum forces, and which are only there so that those forces are right.
 *
 *  QM atoms are selected. Around them may lie a blend, where the quantum force goes over into the potential's, and
 *  around both lies the buffer: atoms that are computed with the quantum code, and whose forces are thrown away.
 */
#ifndef LML_MIXING_REGION_H
#define LML_MIXING_REGION_H

#include <stddef.h>

#include "lmlink/extxyz.h"
#include "lmlink/structure.h"
#include "mixing/uncertain_atoms.h"
#include "structure/log_keys.h"

typedef enum lml_region_selection {
  LML_REGION_BY_LABEL = 0, /**< QM where the structure file says so */
  LML_REGION_BY_INDEX,
  LML_REGION_BY_SPECIES,
  LML_REGION_BY_SPHERE,
  LML_REGION_BY_CYLINDER,
  LML_REGION_AROUND,   /**< seed atoms, which may move */
  LML_REGION_UNCERTAIN /**< where the ML calculator is uncertain; there may be no such atom */
} lml_region_selection;

/** How the weight of the quantum force falls from 1 to 0 across the blend, x being 0 at its inner and 1 at its outer
 *  edge. */
typedef enum lml_region_blend {
  LML_REGION_LINEAR = 0, /**< 1 − x */
  LML_REGION_CUBIC       /**< 1 − 3x² + 2x³, without a kink at either edge */
} lml_region_blend;

typedef struct lml_region_sphere {
  long atom;        /**< index of the atom at the centre; negative: `centre` counts */
  double centre[3]; /**< Å */
  double radius;    /**< Å; atoms nearer than this, by minimum image, are in */
} lml_region_sphere;

typedef struct lml_region_settings {
  lml_region_selection selection;
  const int *indices; /**< by index, from 0; around: of the seeds */
  size_t nindices;
  const int *species; /**< by species: atomic numbers; around: of the seeds, where there are no indices */
  size_t nspecies;
  const lml_region_sphere *spheres; /**< by sphere: atoms in any of them */
  size_t nspheres;
  struct {
    int axis;        /**< 0, 1, 2: along the cell vector a, b, c */
    double point[3]; /**< Å, on the cylinder's axis */
    double radius;   /**< Å */
  } cylinder;
  struct {
    double inner; /**< Å from a seed within which atoms become QM atoms */
    double outer; /**< Å from all seeds beyond which they stop being QM atoms; not below `inner` */
  } around;
  lml_uncertain_settings uncertain;
  double buffer; /**< Å beyond the QM atoms and the blend; negative: the structure file's labels */
  double blend;  /**< Å beyond the QM atoms; 0: forces change abruptly */
  lml_region_blend blend_shape;
} lml_region_settings;

/** Initialise with `lml_region r = {0};`, release with lml_region_free. */
typedef struct lml_region {
  size_t natoms;
  unsigned char *labels; /**< natoms lml_region_label */
  double *distances; /**< natoms, Å to the nearest QM atom: 0 for one, infinite where the atom is not in the cluster */
  double *weights;   /**< natoms: of the quantum force, 1 for QM atoms, 0 outside the blend */
  size_t counts[LML_REGION_LABELS];
  double blend;  /**< Å */
  double buffer; /**< Å; where it came from labels, the largest distance of a buffer atom beyond the blend */
  double margin; /**< Å beyond the buffer within which an atom stays in it; 0 where the region does not move */
} lml_region;

/** The labels of the `region` column of @p frame into a new array @p labels, to be freed with lml_free; NULL where the
 *  frame has none. @p path names the file in messages. */
lml_status lml_region_read_labels(lml_frame *frame, const char *path, unsigned char **labels, lml_error *error);

/** Give @p frame a column @p name of the labels' names: that of @p labels[atoms[i]] for its atom i, or of labels[i]
 * where
 *  @p atoms is NULL. */
lml_status lml_region_write_labels(lml_frame *frame, const char *name, const unsigned char *labels, const size_t *atoms,
                                   lml_error *error);

/** Select. An atom is in the buffer where it is strictly nearer to a QM atom, by minimum image, than blend + buffer, in
 *  a cell of any shape. @p labels are the structure file's, NULL where it has none. LML_ERR_INPUT where no atom is
 *  selected, or one that the structure has not, or labels are wanted that are not there. */
lml_status lml_region_make(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                           const unsigned char *labels, lml_error *error);

/** Make the region whose QM atoms are those that @p chosen (natoms) labels so, perhaps none: of uncertain atoms. Blend
 *  and buffer are those of the QM atoms, but that an atom that is in the cluster by the labels @p last (natoms; NULL:
 *  there is none yet) stays in the buffer until it is farther out by the margin. */
lml_status lml_region_make_of(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                              const unsigned char *chosen, const unsigned char *last, lml_error *error);

/** Make the region around seeds that follows one whose labels (natoms) are @p last, in a structure that has moved
 * since. An atom becomes a QM atom within the inner radius of a seed and stops being one beyond the outer radius;
 * between the two it is what it was. Blend and buffer are those of the QM atoms, but that an atom of the last cluster
 * stays in the buffer until it is farther out by the difference of the radii: atoms that vibrate change nothing. */
lml_status lml_region_follow(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                             const unsigned char *last, lml_error *error);

/** Make the region that has these @p labels (natoms), which are those of such a region as it once was; distances, and
 *  the weights of a blend, are those of the places that the atoms have now. */
lml_status lml_region_restore(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                              const unsigned char *labels, lml_error *error);

void lml_region_free(lml_region *region);

#endif
