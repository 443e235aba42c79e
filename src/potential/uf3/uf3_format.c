#include "potential/uf3/uf3_format.h"

#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/text.h"
#include "lmlink/structure.h"
#include "potential/term_lines.h"
#include "potential/uf3/uf3_family.h"
#include "potential/uf3/uf3_read.h"

/* ---- reading ---- */

/** Put @p count coefficients of a block, which begin at @p place of the element's tensor, where their components are.
 */
static void put_block(const lml_uf3_file *file, int element, size_t place, size_t count, const double *theta,
                      lml_potential *potential) {
  const int32_t *component = file->model.tensors[element].component + place;
  double *row = potential->coefficients + (size_t)element * potential->ncoefficients + 1;
  for (size_t k = 0; k < count; k++)
    if (component[k] >= 0) row[component[k]] = theta[k];
}

/** Each element has its constant, the coefficients of its pairs and triplets, and zeros for the others. */
static lml_status put_coefficients(const lml_uf3_file *file, lml_potential *potential, lml_error *error) {
  const lml_uf3_model *model = &file->model;
  const size_t n = model->nelements, width = 1 + model->ncomponents;
  potential->ncoefficients = width;
  const lml_status status = lml_alloc(&potential->coefficients, n * width, sizeof(double), "a UF3 potential", error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < n; e++) potential->coefficients[e * width] = file->constants[file->numbers[e]];
  const double *theta = file->pairs.values;
  for (size_t p = 0; p < model->npairs; p++) {
    const lml_uf3_pair *pair = &model->pairs[p];
    const size_t count = lml_uf3_spline_count(&pair->spline);
    put_block(file, pair->a, pair->first, count, theta, potential);
    put_block(file, pair->b, pair->first, count, theta, potential);
    theta += count;
  }
  theta = file->triplets.values;
  for (size_t t = 0; t < model->ntriplets; t++) {
    const size_t count = lml_uf3_triplet_count(&model->triplets[t]);
    put_block(file, model->triplets[t].centre, model->triplets[t].first, count, theta, potential);
    theta += count;
  }
  return LML_OK;
}

static lml_status take(lml_uf3_file *file, const char *path, lml_potential *potential, lml_error *error) {
  const lml_status status = put_coefficients(file, potential, error);
  if (status != LML_OK) return status;
  potential->numbers = file->numbers;
  file->numbers = NULL;
  potential->coefficient_file = lml_strdup(path, error);
  if (potential->coefficient_file == NULL) return LML_ERR_MEMORY;
  return lml_uf3_create(&file->model, &potential->descriptor, error);
}

static lml_status read_file(const char *path, lml_potential *potential, lml_error *error) {
  lml_uf3_file file = {0};
  lml_status status = lml_uf3_read(path, &file, &potential->warnings, error);
  if (status == LML_OK) status = take(&file, path, potential, error);
  lml_uf3_file_free(&file);
  return status == LML_OK ? lml_term_remark_read(potential, path, error) : status;
}

/** Atoms of its largest terms. */
static int order_of(const lml_potential *potential) {
  return lml_uf3_model_of(potential->descriptor)->ntriplets > 0 ? 3 : 2;
}

/** `pair_style uf3 2` leaves out triplets that a file has, and `uf3 3` needs them. */
static lml_status read_styles(const lml_pair_styles *styles, lml_potential *potential, lml_error *error) {
  const lml_status status = read_file(styles->file, potential, error);
  if (status != LML_OK) return status;
  const int order = order_of(potential);
  if (styles->order == order) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s: is of pair_style uf3 %d, as it has %s3B blocks, and not of uf3 %d",
                  styles->file, order, order == 3 ? "" : "no ", styles->order);
}

static lml_status read(const lml_potential_request *request, lml_potential *potential, lml_error *error) {
  if (request->parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a UF3 file has no parameter file: omit %s", request->path,
                    request->parameters);
  if (request->fixed_terms == LML_FIXED_TERMS_SNAP)
    return lml_fail(error, LML_ERR_USAGE, "%s: a UF3 file has no .snap file: omit --fixed-terms", request->path);
  return read_file(request->path, potential, error);
}

/* ---- writing ---- */

/** Where a block goes, and what it is of. */
typedef struct {
  lml_file_writer *writer;
  const lml_potential *potential;
  const lml_uf3_model *model;
  const char *comment;
} block;

static lml_status write_number(lml_file_writer *writer, double number, const char *after, lml_error *error) {
  char text[LML_REAL_TEXT];
  lml_format_real(number, text);
  return lml_file_writer_print(writer, error, "%s%s", text, after);
}

static lml_status write_line(lml_file_writer *writer, const double *numbers, size_t count, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < count && status == LML_OK; k++)
    status = write_number(writer, numbers[k], k + 1 < count ? " " : "\n", error);
  return status;
}

static lml_status write_head(const block *b, const char *kind, const int *elements, size_t count, lml_error *error) {
  lml_status status = lml_file_writer_print(b->writer, error, LML_UF3_HEADER " UNITS: metal %s\n%s",
                                            b->comment == NULL ? "" : b->comment, kind);
  for (size_t k = 0; k < count && status == LML_OK; k++)
    status = lml_file_writer_print(b->writer, error, " %s", lml_element_symbol(b->potential->numbers[elements[k]]));
  return status == LML_OK ? lml_file_writer_print(b->writer, error, " 0 3 nk\n") : status;
}

/** The coefficient at @p place of an element's tensor: 0 where it is none of its components. */
static double coefficient(const block *b, int element, size_t place) {
  const int32_t component = b->model->tensors[element].component[place];
  const double *row = b->potential->coefficients + (size_t)element * b->potential->ncoefficients + 1;
  return component < 0 ? 0.0 : row[component];
}

/** One pair: of its two elements' coefficients, of which energies depend on the sum alone, the mean. */
static lml_status write_pair(const block *b, const lml_uf3_pair *pair, lml_error *error) {
  const size_t n = lml_uf3_spline_count(&pair->spline);
  lml_status status = write_head(b, "2B", (const int[]){pair->a, pair->b}, 2, error);
  if (status == LML_OK) status = write_number(b->writer, pair->cutoff, " ", error);
  if (status == LML_OK) status = lml_file_writer_print(b->writer, error, "%zu\n", pair->spline.nknots);
  if (status == LML_OK) status = write_line(b->writer, pair->spline.knots, pair->spline.nknots, error);
  if (status == LML_OK) status = lml_file_writer_print(b->writer, error, "%zu\n", n);
  for (size_t k = 0; k < n && status == LML_OK; k++) {
    const double mean = 0.5 * (coefficient(b, pair->a, pair->first + k) + coefficient(b, pair->b, pair->first + k));
    status = write_number(b->writer, mean, k + 1 < n ? " " : "\n", error);
  }
  return status;
}

static lml_status write_splines(const block *b, const lml_uf3_triplet *triplet, lml_error *error) {
  static const size_t order[] = {LML_UF3_BETWEEN, LML_UF3_TO_B, LML_UF3_TO_A};
  const double cutoffs[] = {2.0 * triplet->cutoff, triplet->cutoff, triplet->cutoff};
  lml_status status = LML_OK;
  for (size_t k = 0; k < LML_UF3_DISTANCES && status == LML_OK; k++)
    status = write_number(b->writer, cutoffs[k], " ", error);
  for (size_t k = 0; k < LML_UF3_DISTANCES && status == LML_OK; k++)
    status = lml_file_writer_print(b->writer, error, "%zu%s", triplet->splines[order[k]].nknots,
                                   k + 1 < LML_UF3_DISTANCES ? " " : "\n");
  for (size_t k = 0; k < LML_UF3_DISTANCES && status == LML_OK; k++)
    status = write_line(b->writer, triplet->splines[order[k]].knots, triplet->splines[order[k]].nknots, error);
  return status;
}

static lml_status write_triplet(const block *b, const lml_uf3_triplet *triplet, lml_error *error) {
  const size_t count = lml_uf3_triplet_count(triplet);
  size_t n[LML_UF3_DISTANCES];
  for (size_t d = 0; d < LML_UF3_DISTANCES; d++) n[d] = lml_uf3_spline_count(&triplet->splines[d]);
  const size_t depth = n[LML_UF3_BETWEEN];
  lml_status status = write_head(b, "3B", (const int[]){triplet->centre, triplet->a, triplet->b}, 3, error);
  if (status == LML_OK) status = write_splines(b, triplet, error);
  if (status == LML_OK)
    status = lml_file_writer_print(b->writer, error, "%zu %zu %zu\n", n[LML_UF3_TO_A], n[LML_UF3_TO_B], depth);
  for (size_t k = 0; k < count && status == LML_OK; k++)
    status = write_number(b->writer, coefficient(b, triplet->centre, triplet->first + k),
                          (k + 1) % depth > 0 ? " " : "\n", error);
  return status;
}

/** The energy of an atom by itself, where there is one. */
static lml_status write_constant(const block *b, size_t element, lml_error *error) {
  const double constant = b->potential->coefficients[element * b->potential->ncoefficients];
  if (constant == 0.0) return LML_OK;
  const lml_status status = lml_file_writer_print(b->writer, error, LML_UF3_CONSTANT_MARK " %s ",
                                                  lml_element_symbol(b->potential->numbers[element]));
  return status == LML_OK ? write_number(b->writer, constant, "\n", error) : status;
}

static lml_status write(const lml_potential *potential, const char *path, const char *parameters, const char *comment,
                        lml_error *error) {
  block b = {.potential = potential, .model = lml_uf3_model_of(potential->descriptor), .comment = comment};
  (void)parameters;
  lml_status status = lml_file_writer_create(path, &b.writer, error);
  if (status != LML_OK) return status;
  for (size_t p = 0; p < b.model->npairs && status == LML_OK; p++) status = write_pair(&b, &b.model->pairs[p], error);
  for (size_t t = 0; t < b.model->ntriplets && status == LML_OK; t++)
    status = write_triplet(&b, &b.model->triplets[t], error);
  for (size_t e = 0; e < b.model->nelements && status == LML_OK; e++) status = write_constant(&b, e, error);
  if (status == LML_OK) status = lml_term_remark_write(potential, path, "#", b.writer, error);
  if (status == LML_OK) return lml_file_writer_commit(b.writer, error);
  lml_file_writer_abort(b.writer);
  return status;
}

/* ---- the format ---- */

static size_t style(const lml_potential *potential, char *text, size_t size) {
  return lml_print_cut(text, size, "uf3 %d", order_of(potential));
}

static bool is_content(const char *text) { return strncmp(text, LML_UF3_HEADER, sizeof LML_UF3_HEADER - 1) == 0; }

static bool is_name(const lml_potential_request *request) { return lml_path_has_extension(request->path, ".uf3"); }

const lml_format lml_uf3_format = {
    .name = "LAMMPS UF3",
    .files = ".uf3",
    .extension = ".uf3",
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
    .pair_kinds = 1u << LML_PAIR_UF3,
    .read_styles = read_styles,
    .style = style,
    .script_extension = ".mod",
    .write = write,
};
