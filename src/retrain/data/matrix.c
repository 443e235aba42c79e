/* Sets that are rows of the design matrix themselves: .npy files of rows × N_D, in place of structures.
 *
 * The columns are the coefficients in the order of the potential's file, and a row times Θ is what its value says: the
 * fixed terms' part has been taken off. Rows are read block by block, so that a matrix need not fit into memory. A
 * frame is a run of rows that belong together: what ranks and folds are dealt. */
#include <errno.h>
#include <math.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/path.h"
#include "base/sys.h"
#include "retrain/rows/design.h"

/** A set's files, open. */
typedef struct {
  const lml_dataset *set;
  lml_npy_reader *rows;
  lml_npy_reader *values;  /**< NULL where the set has none */
  lml_npy_reader *weights; /**< likewise */
} matrix;

static void close_files(matrix *files) {
  if (files == NULL) return;
  lml_npy_close(files->rows);
  lml_npy_close(files->values);
  lml_npy_close(files->weights);
  lml_free(files);
}

static lml_status check_rows(const lml_dataset *set, const lml_npy_array *shape, size_t width, lml_error *error) {
  if (shape->dimensions != 2)
    return lml_fail(error, LML_ERR_INPUT, "%s: an array of %zu dimensions; a design matrix has two: rows × %zu",
                    set->path, shape->dimensions, width);
  if (shape->shape[1] != width)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: has %zu columns; there are %zu coefficients, and each must have its column, in the order of "
                    "the potential's file",
                    set->path, shape->shape[1], width);
  if (shape->shape[0] == 0) return lml_fail(error, LML_ERR_INPUT, "%s: holds no row", set->path);
  return LML_OK;
}

/** Open a vector that has one number for each row. */
static lml_status open_vector(const char *path, const lml_dataset *set, size_t nrows, lml_npy_reader **reader,
                              lml_error *error) {
  const lml_status status = lml_npy_open(path, reader, error);
  if (status != LML_OK) return status;
  const lml_npy_array *shape = lml_npy_shape(*reader);
  if (shape->count == nrows && shape->dimensions == 1) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s: must be a vector of %zu numbers, one for each row of %s; it holds %zu",
                  path, nrows, set->path, shape->count);
}

static lml_status open_files(matrix *files, size_t width, lml_error *error) {
  const lml_dataset *set = files->set;
  lml_status status = lml_npy_open(set->path, &files->rows, error);
  if (status == LML_OK) status = check_rows(set, lml_npy_shape(files->rows), width, error);
  if (status != LML_OK) return status;
  const size_t nrows = lml_npy_shape(files->rows)->shape[0];
  if (set->has_values) status = open_vector(set->values, set, nrows, &files->values, error);
  if (status == LML_OK && set->row_weights != NULL)
    status = open_vector(set->row_weights, set, nrows, &files->weights, error);
  return status;
}

static lml_status open_matrix(const lml_dataset *set, size_t width, matrix **files, lml_error *error) {
  lml_status status = lml_alloc(files, 1, sizeof **files, "a design matrix", error);
  if (status != LML_OK) return status;
  (*files)->set = set;
  status = open_files(*files, width, error);
  if (status == LML_OK) return LML_OK;
  close_files(*files);
  *files = NULL;
  return status;
}

/* ---- looking at the files ---- */

/** Whether the set has values, and where: targets must have them, tests may, the others need none. */
static lml_status find_values(lml_dataset *set, lml_error *error) {
  struct stat about;
  const bool needed = lml_dataset_needs_values(set), given = set->values != NULL;
  set->has_values = needed || (given && set->role == LML_ROLE_TEST);
  if (given || (!needed && set->role != LML_ROLE_TEST)) return LML_OK;
  set->values = lml_path_with_extension(set->path, ".targets.npy", error);
  if (set->values == NULL) return LML_ERR_MEMORY;
  if (lml_sys->stat(set->values, &about) == 0) {
    set->has_values = true;
  } else if (errno != ENOENT) {
    return lml_fail_errno(error, errno, "%s: can't be looked at", set->values);
  } else if (needed) {
    return lml_fail(error, LML_ERR_INPUT, "%s: what its rows shall give is missing: write it to %s, or name it in %s",
                    set->path, set->values, "\"targets\"");
  }
  return LML_OK;
}

static lml_status find_checksums(lml_dataset *set, lml_error *error) {
  lml_status status = lml_sha256_file(set->path, set->checksum, error);
  if (status == LML_OK && set->has_values) status = lml_sha256_file(set->values, set->values_checksum, error);
  if (status == LML_OK && set->row_weights != NULL)
    status = lml_sha256_file(set->row_weights, set->weights_checksum, error);
  return status;
}

/** Fail where one of @p count rows of @p width numbers, of which @p first is the first, is not finite, or negative
 * where it must not be. */
static lml_status check_numbers(const char *path, const double *numbers, size_t first, size_t count, size_t width,
                                double least, lml_error *error) {
  for (size_t i = 0; i < count * width; i++)
    if (!isfinite(numbers[i]) || numbers[i] < least)
      return lml_fail(error, LML_ERR_INPUT, "%s: row %zu, column %zu (counted from 0) is %g", path, first + i / width,
                      i % width, numbers[i]);
  return LML_OK;
}

static lml_status check_values(const lml_dataset *set, const matrix *files, size_t width, lml_error *error) {
  const size_t nrows = lml_npy_shape(files->rows)->shape[0];
  const struct {
    lml_npy_reader *reader;
    const char *path;
    size_t width;
    double least;
  } parts[] = {{files->rows, set->path, width, -INFINITY},
               {files->values, set->values, 1, -INFINITY},
               {files->weights, set->row_weights, 1, 0.0}};
  double *numbers;
  lml_status status = lml_alloc(&numbers, LML_BLOCK_ROWS * width, sizeof *numbers, "rows of a design matrix", error);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    for (size_t first = 0; parts[i].reader != NULL && first < nrows && status == LML_OK; first += LML_BLOCK_ROWS) {
      const size_t count = nrows - first < LML_BLOCK_ROWS ? nrows - first : LML_BLOCK_ROWS;
      status = lml_npy_read_rows(parts[i].reader, first, count, numbers, error);
      if (status == LML_OK)
        status = check_numbers(parts[i].path, numbers, first, count, parts[i].width, parts[i].least, error);
    }
  lml_free(numbers);
  return status;
}

static lml_status make_frames(lml_dataset *set, size_t nrows, lml_error *error) {
  if (set->frame_rows == 0) set->frame_rows = LML_BLOCK_ROWS;
  if (set->frame_rows > nrows) set->frame_rows = nrows;
  const size_t length = set->frame_rows, count = (nrows - 1) / length + 1;
  const lml_status status =
      lml_grow(&set->frames, &set->frames_capacity, count, sizeof *set->frames, "the frames", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < count; k++)
    set->frames[k] = (lml_dataset_frame){.index = k,
                                         .first = k * length,
                                         .nrows = k + 1 < count ? length : nrows - k * length,
                                         .group = LML_NO_GROUP,
                                         .weight = 1.0,
                                         .row_weight = 1.0};
  set->nframes = set->nread = count;
  set->nrows = nrows;
  return LML_OK;
}

/** The mean weight of each frame's rows. */
static lml_status find_mean_weights(lml_dataset *set, lml_npy_reader *weights, lml_error *error) {
  double *values;
  lml_status status = lml_alloc(&values, set->frame_rows, sizeof *values, "weights of rows", error);
  for (size_t k = 0; k < set->nframes && status == LML_OK && weights != NULL; k++) {
    lml_dataset_frame *frame = &set->frames[k];
    double sum = 0.0;
    status = lml_npy_read_rows(weights, frame->first, frame->nrows, values, error);
    for (size_t i = 0; i < frame->nrows && status == LML_OK; i++) sum += values[i];
    frame->row_weight = sum / (double)frame->nrows;
  }
  lml_free(values);
  return status;
}

static lml_status scan(lml_dataset *set, const lml_potential *potential, lml_error *error) {
  const size_t width = lml_potential_nelements(potential) * lml_potential_ncoefficients(potential);
  matrix *files = NULL;
  lml_status status = find_values(set, error);
  if (status == LML_OK) status = open_matrix(set, width, &files, error);
  if (status == LML_OK) status = check_values(set, files, width, error);
  if (status == LML_OK) status = find_checksums(set, error);
  if (status == LML_OK) status = make_frames(set, lml_npy_shape(files->rows)->shape[0], error);
  if (status == LML_OK) status = find_mean_weights(set, files->weights, error);
  close_files(files);
  return status;
}

/* ---- rows ---- */

/** Rows @p place and later ones of the file, with their values and the square roots of their weights. */
static lml_status read_block(const matrix *files, lml_design *design, size_t place, size_t count, lml_error *error) {
  lml_status status = lml_npy_read_rows(files->rows, place, count, design->block, error);
  for (size_t k = 0; k < count; k++) design->targets[k] = design->baseline[k] = 0.0;
  if (status == LML_OK && files->values != NULL)
    status = lml_npy_read_rows(files->values, place, count, design->targets, error);
  if (status == LML_OK && files->weights != NULL)
    status = lml_npy_read_rows(files->weights, place, count, design->weights, error);
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    if (files->weights != NULL) design->weights[k] = sqrt(design->weights[k]);
    if (files->values != NULL) design->targets[k] -= files->set->energy_zero;
    if (design->shift != NULL) lml_shift_row(design->shift, design->block + k * design->width);
  }
  return status;
}

static lml_status make_frame(lml_design *design, size_t position, const lml_row_sink *sink, lml_error *error) {
  const matrix *files = design->reader;
  const lml_dataset *set = files->set;
  const lml_dataset_frame *frame = &set->frames[position];
  lml_status status = LML_OK;
  for (size_t begin = 0; begin < frame->nrows && status == LML_OK; begin += LML_BLOCK_ROWS) {
    const size_t left = frame->nrows - begin, count = left < LML_BLOCK_ROWS ? left : LML_BLOCK_ROWS;
    status = read_block(files, design, frame->index * set->frame_rows + begin, count, error);
    if (status == LML_OK)
      status = lml_design_emit(design, set, position, begin, count, files->weights == NULL ? NULL : design->weights,
                               sink, error);
  }
  return status;
}

static lml_status open_file(lml_design *design, const lml_dataset *set, lml_error *error) {
  matrix *files;
  const lml_status status = open_matrix(set, design->width, &files, error);
  design->reader = status == LML_OK ? files : NULL;
  return status;
}

static void close_file(lml_design *design) {
  close_files(design->reader);
  design->reader = NULL;
}

const lml_source_ops lml_matrix_source = {.content = LML_CONTENT_ROWS,
                                          .extension = ".npy",
                                          .scan = scan,
                                          .open = open_file,
                                          .frame = make_frame,
                                          .close = close_file};
