/** @file dataset.h
 *  The structures of a retraining: which files, what of them counts, and reading them frame by frame.
 */
#ifndef LML_RETRAIN_DATASET_H
#define LML_RETRAIN_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/comm.h"
#include "base/sha256.h"
#include "lmlink/extxyz.h"
#include "lmlink/potential.h"

/** What a set is for. */
typedef enum lml_role { LML_ROLE_TARGET = 0, LML_ROLE_HARD, LML_ROLE_SOFT, LML_ROLE_TEST, LML_ROLES } lml_role;

/** What is compared or constrained. */
typedef enum lml_quantity {
  LML_QUANTITY_FORCES = 0, /**< three rows per selected atom, eV/Å */
  LML_QUANTITY_ENERGY,     /**< one row per frame, eV per atom */
  LML_QUANTITY_DIFFERENCE, /**< one row per frame but the first: energy per atom less that of the set's first frame */
  LML_QUANTITY_VIRIAL      /**< six rows per frame: xx, yy, zz, yz, xz, xy, eV per atom */
} lml_quantity;

enum { LML_QUANTITIES = LML_QUANTITY_VIRIAL + 1 };

/** Which atoms' forces count. */
typedef enum lml_selection {
  LML_SELECT_LOG = 0, /**< frames with a column forces_qm: that column of QM atoms; others: as unfixed */
  LML_SELECT_ALL,     /**< all atoms, column forces */
  LML_SELECT_UNFIXED, /**< atoms whose fix_mask is false, all without that column; column forces */
  LML_SELECT_QM       /**< atoms of region QM; column forces_qm, or else forces */
} lml_selection;

/** What a hard constraint does. */
typedef enum lml_hard_mode {
  LML_HARD_KEEP = 0, /**< the starting potential's value stays */
  LML_HARD_SET       /**< the file's value is taken on */
} lml_hard_mode;

/** What a file holds. */
typedef enum lml_source {
  LML_SOURCE_STRUCTURES = 0, /**< extended XYZ */
  LML_SOURCE_MATRIX          /**< rows of the design matrix themselves, a .npy file: see matrix.h */
} lml_source;

/** How a file is read. */
typedef enum lml_reading {
  LML_READ_ONCE = 0, /**< a frame that can't be used is an error */
  LML_READ_FOLLOW    /**< of a force log, frames that are appended later count too: it may be empty or missing at first;
                          frames without forces_qm, and any others that can't be used, are left out */
} lml_reading;

/** Their names in options, configuration and report, NULL-terminated. */
extern const char *const lml_role_names[];
extern const char *const lml_quantity_names[];
extern const char *const lml_selection_names[];
extern const char *const lml_hard_mode_names[];

/** A frame that is used; of a matrix, a run of rows. */
typedef struct lml_dataset_frame {
  size_t index; /**< in the file, from 0 */
  lml_xyz_place place;
  size_t natoms;
  size_t first; /**< row of the set that its rows begin with */
  size_t nrows;
  double weight;     /**< of its rows, beside the set's: from the file, else 1 */
  double row_weight; /**< mean of its rows' own weights, 1 where they have none */
} lml_dataset_frame;

/** A frame that was judged by the leverage of its rows. */
typedef struct lml_judged_frame {
  size_t index;    /**< in the file */
  double leverage; /**< largest of its rows' */
  double weight;   /**< of its rows, on the mean, with the set's; 0 where it was left out */
} lml_judged_frame;

/** A file and its use; the upper part is the caller's, the lower one comes from lml_dataset_scan. */
typedef struct lml_dataset {
  lml_role role;
  lml_quantity quantity;
  lml_selection selection;
  lml_hard_mode mode;
  double weight; /**< of the squared deviations; 1 by default */
  double
      min_displacement; /**< Å: frames in which no selected atom has moved this far since the last one are left out */
  double leverage;      /**< frames of which no row has more leverage are left out; 0: none. See leverage.h */
  char *path;
  lml_source source;
  lml_reading reading;
  char *weights;     /**< info key of the frames that holds their weights; NULL: all 1 */
  char *row_weights; /**< column that holds each atom's weight, of forces; of a matrix, a .npy vector of each row's;
                        NULL: all 1 */
  char *values;      /**< of a matrix: .npy vector of what its rows times Θ shall be; NULL: the one beside it */
  size_t frame_rows; /**< of a matrix: rows of a frame; 0: LML_MATRIX_FRAME_ROWS */

  lml_dataset_frame *frames;
  size_t nframes, frames_capacity;
  lml_judged_frame *judged; /**< by leverage, in order; rank 0 alone */
  size_t njudged, judged_capacity;
  size_t nread;       /**< whole frames in the file */
  size_t nleft_out;   /**< those of them that could not be used */
  lml_xyz_place end;  /**< behind the last whole frame */
  lml_structure last; /**< the frame that was taken last, for min_displacement */
  size_t nrows;
  size_t largest;                        /**< atoms of the largest frame */
  bool has_values;                       /**< the file says what the quantity shall be */
  char torn[LML_ERROR_MESSAGE_SIZE];     /**< why the last frame was skipped, empty where none was */
  char left_out[LML_ERROR_MESSAGE_SIZE]; /**< why the last of those was left out */
  char checksum[LML_SHA256_TEXT];
  char values_checksum[LML_SHA256_TEXT], weights_checksum[LML_SHA256_TEXT]; /**< of a matrix's further files */
} lml_dataset;

/** Free what the scan has made, and the texts. */
void lml_dataset_free(lml_dataset *set);

/** Whether the set's quantity must be in its file: targets and values to set need it. */
bool lml_dataset_needs_values(const lml_dataset *set);

/** Read the file and check every frame against @p potential: elements, forces or energies where they are needed,
 *  finite numbers, complete neighbourhoods. Fills the lower part of @p set. Errors name file and frame; a torn last
 *  frame is no error, a set without rows is one. */
lml_status lml_dataset_scan(lml_dataset *set, const lml_potential *potential, lml_error *error);

/** Read on where the last look at the file ended, and add what has been appended since. A file that is shorter than it
 *  was is an LML_ERR_INPUT. */
lml_status lml_dataset_extend(lml_dataset *set, const lml_potential *potential, lml_error *error);

/** Give rank 0's frames from position @p first on, and what the set knows of the file, to all ranks. */
lml_status lml_dataset_share(lml_dataset *set, size_t first, lml_comm *comm, lml_error *error);

/** Reading frames that are used, best in order. Initialise with `lml_dataset_walk w = {0};`. */
typedef struct lml_dataset_walk {
  const lml_dataset *set;
  lml_xyz_reader *reader;
  lml_frame frame;
  size_t next;     /**< index in the file of the frame that is read next */
  size_t position; /**< index among the set's frames of the one that was read last */
  size_t *atoms;   /**< selected atoms of the frame, for forces */
  size_t natoms;
  size_t atoms_capacity;
  const double *forces;  /**< column of the frame, natoms × 3, eV/Å; NULL where the set has no values */
  const double *weights; /**< column of the frame, natoms: of each atom's rows; NULL: all 1 */
} lml_dataset_walk;

lml_status lml_dataset_walk_begin(lml_dataset_walk *walk, const lml_dataset *set, lml_error *error);

/** The frame at @p position among those that are used, with its selected atoms. */
lml_status lml_dataset_walk_to(lml_dataset_walk *walk, size_t position, lml_error *error);

/** NULL-safe; also after a failed begin. */
void lml_dataset_walk_end(lml_dataset_walk *walk);

/** The energy of the frame in eV, or its virial in eV (its own, or from the stress: W = −V·stress), of a set with
 *  values. */
lml_status lml_dataset_energy(lml_dataset_walk *walk, double *energy, lml_error *error);
lml_status lml_dataset_virial(lml_dataset_walk *walk, double virial[9], lml_error *error);

#endif
