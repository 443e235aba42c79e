#include "potential/ace/ace_write.h"

#include "base/file.h"
#include "base/text.h"
#include "lmlink/structure.h"
#include "potential/ace/ace_family.h"
#include "potential/term_lines.h"

static lml_status write_reals(lml_file_writer *writer, const double *numbers, size_t count, double factor,
                              lml_error *error) {
  lml_status status = lml_file_writer_print(writer, error, "[");
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    char text[LML_REAL_TEXT];
    lml_format_real(numbers[k] * factor, text);
    status = lml_file_writer_print(writer, error, "%s%s", k == 0 ? "" : ", ", text);
  }
  return status == LML_OK ? lml_file_writer_print(writer, error, "]") : status;
}

/** ", KEY: NUMBER". */
static lml_status write_real(lml_file_writer *writer, const char *key, double number, lml_error *error) {
  char text[LML_REAL_TEXT];
  lml_format_real(number, text);
  return lml_file_writer_print(writer, error, ", %s: %s", key, text);
}

static lml_status write_head(lml_file_writer *writer, const lml_potential *potential, const char *path,
                             const char *comment, lml_error *error) {
  const lml_ace_model *model = lml_ace_model_of(potential->descriptor);
  char step[LML_REAL_TEXT];
  lml_status status = comment == NULL ? LML_OK : lml_file_writer_print(writer, error, "# %s\n", comment);
  if (status == LML_OK) status = lml_term_remark_write(potential, path, "# ", writer, error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "elements: [");
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++)
    status = lml_file_writer_print(writer, error, "%s%s", e == 0 ? "" : ", ", lml_element_symbol(model->numbers[e]));
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "]\nE0: [");
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++) {
    char text[LML_REAL_TEXT];
    lml_format_real(potential->coefficients[e * potential->ncoefficients], text);
    status = lml_file_writer_print(writer, error, "%s%s", e == 0 ? "" : ", ", text);
  }
  lml_format_real(model->spline_step, step);
  return status == LML_OK ? lml_file_writer_print(writer, error, "]\ndeltaSplineBins: %s\n", step) : status;
}

static lml_status write_embedding(lml_file_writer *writer, const lml_ace_embedding *embedding, size_t element,
                                  lml_error *error) {
  const char *kind = embedding->kind == LML_ACE_FINNIS_SINCLAIR ? "FinnisSinclair" : "FinnisSinclairShiftedScaled";
  double parameters[2 * LML_ACE_MOST_DENSITIES] = {0.0};
  for (int p = 0; p < embedding->ndensities; p++) {
    parameters[2 * p] = embedding->weight[p];
    parameters[2 * p + 1] = embedding->power[p];
  }
  lml_status status =
      lml_file_writer_print(writer, error, "  %zu: {ndensity: %d, FS_parameters: ", element, embedding->ndensities);
  if (status == LML_OK) status = write_reals(writer, parameters, 2 * (size_t)embedding->ndensities, 1.0, error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, ", npoti: %s", kind);
  if (status == LML_OK) status = write_real(writer, "rho_core_cutoff", embedding->core_cutoff, error);
  if (status == LML_OK) status = write_real(writer, "drho_core_cutoff", embedding->core_width, error);
  return status == LML_OK ? lml_file_writer_print(writer, error, "}\n") : status;
}

static lml_status write_radial_coefficients(lml_file_writer *writer, const lml_ace_bond *bond, lml_error *error) {
  const size_t nl = (size_t)bond->lmax + 1, nbase = (size_t)bond->nbase;
  lml_status status = lml_file_writer_print(writer, error, ", radcoefficients: [");
  for (size_t k = 0; k < (size_t)bond->nradial * nl && status == LML_OK; k++) {
    status = lml_file_writer_print(writer, error, "%s%s", k == 0 ? "" : ", ", k % nl == 0 ? "[" : "");
    if (status == LML_OK) status = write_reals(writer, bond->coefficients + k * nbase, nbase, 1.0, error);
    if (status == LML_OK && k % nl == nl - 1) status = lml_file_writer_print(writer, error, "]");
  }
  return status == LML_OK ? lml_file_writer_print(writer, error, "]") : status;
}

static lml_status write_bond(lml_file_writer *writer, const lml_ace_model *model, size_t number, lml_error *error) {
  static const char *const radials[] = {
      [LML_ACE_CHEB_EXP_COS] = "ChebExpCos", [LML_ACE_CHEB_POW] = "ChebPow", [LML_ACE_SBESSEL] = "SBessel"};
  static const char *const inners[] = {
      [LML_ACE_INNER_DENSITY] = "density", [LML_ACE_INNER_DISTANCE] = "distance", [LML_ACE_INNER_ZBL] = "zbl"};
  const lml_ace_bond *bond = &model->bonds[number];
  const struct {
    const char *key;
    double value;
  } reals[] = {{"prehc", bond->core_amplitude}, {"lambdahc", bond->core_decay}, {"rcut", bond->cutoff},
               {"dcut", bond->width},           {"rcut_in", bond->inner},       {"dcut_in", bond->inner_width}};
  lml_status status = lml_file_writer_print(
      writer, error, "  [%zu, %zu]: {nradmax: %d, lmax: %d, nradbasemax: %d, radbasename: %s, radparameters: ",
      number / model->nelements, number % model->nelements, bond->nradial, bond->lmax, bond->nbase,
      radials[model->radial]);
  if (status == LML_OK) status = write_reals(writer, &bond->lambda, 1, 1.0, error);
  if (status == LML_OK) status = write_radial_coefficients(writer, bond, error);
  for (size_t k = 0; k < sizeof reals / sizeof *reals && status == LML_OK; k++)
    status = write_real(writer, reals[k].key, reals[k].value, error);
  if (status != LML_OK) return status;
  return lml_file_writer_print(writer, error, ", inner_cutoff_type: %s}\n", inners[model->inner]);
}

/** ", KEY: [n, …]" of a number of each leg. */
static lml_status write_legs(lml_file_writer *writer, const char *key, const lml_ace_function *function, size_t offset,
                             lml_error *error) {
  lml_status status = lml_file_writer_print(writer, error, ", %s: [", key);
  for (int t = 0; t < function->rank && status == LML_OK; t++) {
    const int *number = (const int *)(const void *)((const char *)&function->legs[t] + offset);
    status = lml_file_writer_print(writer, error, "%s%d", t == 0 ? "" : ", ", *number);
  }
  return status == LML_OK ? lml_file_writer_print(writer, error, "]") : status;
}

static lml_status write_function(lml_file_writer *writer, const lml_ace_function *function, size_t element,
                                 int ndensities, double factor, lml_error *error) {
  lml_status status = lml_file_writer_print(writer, error, "    - {mu0: %zu, rank: %d, ndensity: %d, num_ms_combs: %d",
                                            element, function->rank, ndensities, function->ncombinations);
  if (status == LML_OK) status = write_legs(writer, "mus", function, offsetof(lml_ace_leg, element), error);
  if (status == LML_OK) status = write_legs(writer, "ns", function, offsetof(lml_ace_leg, n), error);
  if (status == LML_OK) status = write_legs(writer, "ls", function, offsetof(lml_ace_leg, l), error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, ", ms_combs: [");
  for (int k = 0; k < function->ncombinations * function->rank && status == LML_OK; k++)
    status = lml_file_writer_print(writer, error, "%s%d", k == 0 ? "" : ", ", function->ms[k]);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "], ctildes: ");
  if (status == LML_OK)
    status = write_reals(writer, function->shape, (size_t)(function->ncombinations * ndensities), factor, error);
  return status == LML_OK ? lml_file_writer_print(writer, error, "}\n") : status;
}

static lml_status write_functions(lml_file_writer *writer, const lml_potential *potential, const lml_ace_model *model,
                                  size_t element, lml_error *error) {
  const lml_ace_embedding *embedding = &model->embeddings[element];
  const double *theta = potential->coefficients + element * potential->ncoefficients + 1;
  lml_status status = lml_file_writer_print(writer, error, "  %zu:\n", element);
  for (size_t f = 0; f < model->nfunctions[element] && status == LML_OK; f++)
    status = write_function(writer, &model->functions[element][f], element, embedding->ndensities,
                            model->linear ? theta[f] / embedding->weight[0] : 1.0, error);
  return status;
}

lml_status lml_ace_write(const lml_potential *potential, const char *path, const char *comment, lml_error *error) {
  const lml_ace_model *model = lml_ace_model_of(potential->descriptor);
  const size_t n = model->nelements;
  lml_file_writer *writer;
  lml_status status = lml_file_writer_create(path, &writer, error);
  if (status != LML_OK) return status;
  status = write_head(writer, potential, path, comment, error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "embeddings:\n");
  for (size_t e = 0; e < n && status == LML_OK; e++) status = write_embedding(writer, &model->embeddings[e], e, error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "bonds:\n");
  for (size_t b = 0; b < n * n && status == LML_OK; b++) status = write_bond(writer, model, b, error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "functions:\n");
  for (size_t e = 0; e < n && status == LML_OK; e++) status = write_functions(writer, potential, model, e, error);
  if (status == LML_OK) return lml_file_writer_commit(writer, error);
  lml_file_writer_abort(writer);
  return status;
}
