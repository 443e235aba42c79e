/** @file matrix.h
 *  Sets that are rows of the design matrix themselves: .npy files of rows × N_D, in place of structures.
 *
 *  The columns are the coefficients in the order of the potential's file, and a row times Θ is what its value says: the
 *  fixed terms' part has been taken off. Rows are read block by block, so that a matrix need not fit into memory. A
 *  frame is a run of rows that belong together: what ranks and folds are dealt.
 */
#ifndef LML_RETRAIN_DATA_MATRIX_H
#define LML_RETRAIN_DATA_MATRIX_H

#include "retrain/rows/design.h"

enum { LML_MATRIX_FRAME_ROWS = LML_BLOCK_ROWS };

/** What lml_dataset_scan does for structures: check shapes (@p width is N_D) and that all numbers are finite, and fill
 *  the lower part of @p set. The path of its values becomes the one beside the file where the caller gave none. Errors
 *  name file and row. */
lml_status lml_matrix_scan(lml_dataset *set, size_t width, lml_error *error);

/** A set's files, open. */
typedef struct lml_matrix lml_matrix;

/** Open the files of @p set, which was scanned and must outlive it. */
lml_status lml_matrix_open(const lml_dataset *set, size_t width, lml_matrix **matrix, lml_error *error);
void lml_matrix_close(lml_matrix *matrix);
const lml_dataset *lml_matrix_set(const lml_matrix *matrix);

/** What lml_design_frame does for structures; uses the block of @p design. */
lml_status lml_matrix_frame(lml_matrix *matrix, lml_design *design, size_t position, const lml_row_sink *sink,
                            lml_error *error);

#endif
