/** @file dataset.h
 *  The structures of a retraining: which files, what of them counts, and reading them frame by frame.
 */
#ifndef LML_RETRAIN_DATA_DATASET_H
#define LML_RETRAIN_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/comm.h"
#include "base/sha256.h"
#include "lmlink/extxyz.h"
#include "lmlink/potential.h"
#include "retrain/data/config_groups.h"
#include "retrain/data/quantity.h"
#include "retrain/data/source.h"
#include "structure/held_atoms.h"

/** What a set is for. */
typedef enum lml_role { LML_ROLE_TARGET = 0, LML_ROLE_HARD, LML_ROLE_SOFT, LML_ROLE_TEST, LML_ROLES } lml_role;

/** Which atoms' forces count. */
typedef enum lml_selection {
  LML_SELECT_LOG = 0, /**< frames with a column forces_qm: that column of QM atoms; others: as unfixed */
  LML_SELECT_ALL,     /**< all atoms, column forces */
  LML_SELECT_UNFIXED, /**< components that no constraint held, see held_atoms.h; column forces */
  LML_SELECT_QM       /**< atoms of region QM; column forces_qm, or else forces */
} lml_selection;

/** What energies per atom that are to be met are compared with. */
typedef enum lml_energy_reference {
  LML_REFERENCE_AUTO = 0, /**< as OFFSET; from scratch, where constants are free, as ABSOLUTE */
  LML_REFERENCE_OFFSET,   /**< the potential's plus an offset for each element, see energy_offset.h */
  LML_REFERENCE_ABSOLUTE  /**< the potential's */
} lml_energy_reference;

/** What a hard constraint does. */
typedef enum lml_hard_mode {
  LML_HARD_KEEP = 0, /**< the starting potential's value stays */
  LML_HARD_SET       /**< the file's value is taken on */
} lml_hard_mode;

/** What a test set is to judge. */
typedef enum lml_test_kind {
  LML_TEST_AUTO = 0, /**< soft where the start gives its forces, or it holds none; else target */
  LML_TEST_TARGET,   /**< how well values are met that were not trained on */
  LML_TEST_SOFT      /**< how much forces change that were not among the soft constraints */
} lml_test_kind;

/** How a file is read. */
typedef enum lml_reading {
  LML_READ_ONCE = 0, /**< a frame that can't be used is an error */
  LML_READ_FOLLOW    /**< of a force log, frames that are appended later count too: it may be empty or missing at first;
                          frames without forces_qm, and any others that can't be used, are left out */
} lml_reading;

/** Their names in options, configuration and report, NULL-terminated. */
extern const char *const lml_role_names[];
extern const char *const lml_value_names[];
extern const char *const lml_selection_names[];
extern const char *const lml_hard_mode_names[];
extern const char *const lml_energy_reference_names[];
extern const char *const lml_test_kind_names[];

/** A frame that is used; of a matrix, a run of rows. */
typedef struct lml_dataset_frame {
  size_t index; /**< in the file, from 0 */
  lml_xyz_place place;
  size_t natoms;
  size_t first; /**< row of the set that its rows begin with */
  size_t nrows;
  size_t nselected;  /**< atoms that have rows of forces */
  size_t group;      /**< among the set's, LML_NO_GROUP: none */
  double weight;     /**< of its rows, beside the set's: from the file and its group, else 1 */
  double row_weight; /**< mean of its rows' own weights, 1 where they have none */
  size_t fold;       /**< of a target, that it is left out with; see frame_groups.h */
} lml_dataset_frame;

/** A frame that was screened by the leverage of its rows. */
typedef struct lml_screened_frame {
  size_t index;    /**< in the file */
  double leverage; /**< largest of its rows' */
  double weight;   /**< of its rows, on the mean, with the set's; 0 where it was left out */
} lml_screened_frame;

/** A file and its use; the upper part is the caller's, the lower one comes from lml_dataset_scan. */
typedef struct lml_dataset {
  lml_role role;
  lml_quantity quantity;
  lml_selection selection;
  lml_hard_mode mode;
  lml_test_kind kind; /**< of a test set; lml_run_plan_choice finds out what AUTO is */
  double weight;      /**< of the squared deviations; 1 by default */
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
  size_t frame_rows; /**< of a matrix: rows of a frame; 0: LML_BLOCK_ROWS */
  char *keys[LML_VALUE_COUNT]; /**< where the file has them; NULL: energy, forces (or forces_qm), virial, stress */
  lml_move_mask move_mask;
  lml_energy_reference reference;
  bool quantum; /**< of the selected atoms, those alone whose region is QM, in frames that have such */
  const lml_config_groups *grouping; /**< how frames are grouped; NULL: not at all */
  double energy_zero; /**< with offsets: eV per atom that is taken off energies, so that digits are not lost */
  size_t noffsets;    /**< elements whose energies are offset, all of the potential's or none: see energy_offset.h */

  lml_dataset_frame *frames;
  size_t nframes, frames_capacity;
  lml_screened_frame *screened; /**< by leverage, in order; rank 0 alone */
  size_t nscreened, screened_capacity;
  size_t nread;       /**< whole frames in the file */
  size_t nskipped;    /**< those of them that could not be used */
  lml_xyz_place end;  /**< after the last whole frame */
  lml_structure last; /**< the frame that was taken last, for min_displacement */
  size_t nrows;
  size_t largest;                         /**< atoms of the largest frame */
  bool has_values;                        /**< the file says what the quantity shall be */
  double first_energy;                    /**< eV per atom, of the first frame of a set of energies with values */
  lml_group_names groups;                 /**< that its frames are of */
  size_t ncorrected;                      /**< frames whose move_mask was taken as ASE 3.23's */
  char similar[LML_ERROR_MESSAGE_SIZE];   /**< what the first frame has in place of missing values, empty: nothing */
  char truncated[LML_ERROR_MESSAGE_SIZE]; /**< why the last frame was skipped, empty where none was */
  char skipped[LML_ERROR_MESSAGE_SIZE];   /**< why the last of those was left out */
  char checksum[LML_SHA256_TEXT];
  char values_checksum[LML_SHA256_TEXT], weights_checksum[LML_SHA256_TEXT]; /**< of a matrix's further files */
} lml_dataset;

/** Free what the scan has made, and the texts. */
void lml_dataset_free(lml_dataset *set);

/** Whether the set's quantity must be in its file: targets and values to set need it. */
bool lml_dataset_needs_values(const lml_dataset *set);

/** Whether values of the file are compared with the potential's: targets and tests. */
bool lml_dataset_compares(const lml_dataset *set);

/** What its file holds, and how that is read. */
const lml_source_ops *lml_dataset_source(const lml_dataset *set);

/** What of it counts. */
const lml_quantity_ops *lml_dataset_quantity(const lml_dataset *set);

/** Whether the set's file holds structures, not rows of the design matrix. */
bool lml_dataset_has_structures(const lml_dataset *set);

/** Whether rows belong to selected atoms, not to frames as a whole. */
bool lml_dataset_selects_atoms(const lml_dataset *set);

/** Whether the set's errors are those of a calculator; else they are known from rows. */
bool lml_dataset_is_evaluated(const lml_dataset *set);

/** The key or column that @p value stands under. */
const char *lml_dataset_key(const lml_dataset *set, lml_value value);

/** Read the file and check every frame against @p potential: elements, forces or energies where they are needed,
 *  finite numbers, complete neighbourhoods. Fills the lower part of @p set. Errors name file and frame; a truncated
 * last frame is no error, a set without rows is one. */
lml_status lml_dataset_scan(lml_dataset *set, const lml_potential *potential, lml_error *error);

/** Give rank 0's frames from position @p first on, and what the set knows of the file, to all ranks. */
lml_status lml_dataset_share(lml_dataset *set, size_t first, lml_comm *comm, lml_error *error);

#endif
