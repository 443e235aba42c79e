#include "potential/ace/ace_format.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "potential/ace/ace_core.h"
#include "potential/ace/ace_family.h"
#include "potential/ace/ace_read.h"
#include "potential/ace/ace_write.h"
#include "potential/term_lines.h"

/** Make a function's c̃ a component and its coefficient: the component's c̃ have the norm 1, and the first that is not 0
 *  is positive. */
static double split(lml_ace_function *function, double weight) {
  double square = 0.0, sign = 0.0;
  for (int k = 0; k < function->ncombinations; k++) {
    square += function->shape[k] * function->shape[k];
    if (sign == 0.0 && function->shape[k] != 0.0) sign = copysign(1.0, function->shape[k]);
  }
  const double norm = sign * sqrt(square);
  for (int k = 0; k < function->ncombinations && norm != 0.0; k++) function->shape[k] /= norm;
  return norm * weight;
}

/** Functions whose c̃ are all 0 have no shape that a retraining could scale. */
static lml_status warn_of_zeros(lml_potential *potential, const char *path, size_t count, lml_error *error) {
  if (count == 0) return LML_OK;
  return lml_text_list_print(&potential->warnings, error,
                             "%s: ctildes of %zu functions are all 0; a retraining leaves them so", path, count);
}

static lml_status set_coefficients(lml_potential *potential, lml_ace_model *model, const double *constants,
                                   const char *path, lml_error *error) {
  const size_t n = model->linear ? lml_ace_model_most_functions(model) : 0;
  size_t zeros = 0;
  potential->ncoefficients = 1 + n;
  const lml_status status =
      lml_alloc(&potential->coefficients, model->nelements * (1 + n), sizeof(double), "an ACE potential", error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++) {
    double *theta = potential->coefficients + e * (1 + n);
    theta[0] = constants[e];
    for (size_t f = 0; f < model->nfunctions[e] && model->linear; f++) {
      theta[1 + f] = split(&model->functions[e][f], model->embeddings[e].weight[0]);
      if (theta[1 + f] == 0.0) zeros++;
    }
  }
  return warn_of_zeros(potential, path, zeros, error);
}

static lml_status add_core(lml_potential *potential, const lml_ace_model *model, lml_error *error) {
  lml_pair_term *term;
  const lml_status status = lml_ace_core_term_create(model, &term, error);
  return status == LML_OK ? lml_potential_add_term(potential, term, error) : status;
}

static lml_status fill(lml_potential *potential, lml_ace_model *model, const double *constants, const char *path,
                       lml_error *error) {
  lml_status status =
      lml_alloc(&potential->numbers, model->nelements, sizeof *potential->numbers, "an ACE potential", error);
  if (status != LML_OK) return status;
  memcpy(potential->numbers, model->numbers, model->nelements * sizeof *potential->numbers);
  potential->coefficient_file = lml_strdup(path, error);
  status =
      potential->coefficient_file == NULL ? LML_ERR_MEMORY : set_coefficients(potential, model, constants, path, error);
  if (status == LML_OK) status = add_core(potential, model, error);
  return status == LML_OK ? lml_ace_create(model, &potential->descriptor, error) : status;
}

/** Files of ACE in other forms, by their names. */
static lml_status check_request(const lml_potential_request *request, lml_error *error) {
  if (lml_path_has_extension(request->path, ".ace"))
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: is in ACE's former text format: convert it to .yace, as python-ace does with "
                    "ACECTildeBasisSet('FILE.ace').save_yaml('FILE.yace')",
                    request->path);
  if (lml_path_has_extension(request->path, ".yaml"))
    return lml_fail(error, LML_ERR_INPUT, "%s: convert it to .yace with python-ace's pace_yaml2yace", request->path);
  if (request->parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a .yace file has no parameter file: omit %s", request->path,
                    request->parameters);
  if (request->fixed_terms == LML_FIXED_TERMS_SNAP)
    return lml_fail(error, LML_ERR_USAGE, "%s: a .yace file has its core repulsion in it: omit --fixed-terms",
                    request->path);
  return LML_OK;
}

static lml_status read_file(const char *path, lml_potential *potential, lml_error *error) {
  lml_ace_model model;
  double *constants;
  lml_status status = lml_ace_read(path, &model, &constants, error);
  if (status == LML_OK) status = fill(potential, &model, constants, path, error);
  lml_ace_model_free(&model);
  lml_free(constants);
  return status == LML_OK ? lml_term_remark_read(potential, path, error) : status;
}

static lml_status read_styles(const lml_pair_styles *styles, lml_potential *potential, lml_error *error) {
  return read_file(styles->file, potential, error);
}

static lml_status read(const lml_potential_request *request, lml_potential *potential, lml_error *error) {
  const lml_status status = check_request(request, error);
  return status == LML_OK ? read_file(request->path, potential, error) : status;
}

static lml_status write(const lml_potential *potential, const char *path, const char *parameters, const char *comment,
                        lml_error *error) {
  (void)parameters;
  return lml_ace_write(potential, path, comment, error);
}

static size_t style(const lml_potential *potential, char *text, size_t size) {
  (void)potential;
  return lml_print_cut(text, size, "pace");
}

static bool is_content(const char *text) {
  return strstr(text, "elements:") != NULL && strstr(text, "deltaSplineBins:") != NULL;
}

static bool is_name(const lml_potential_request *request) {
  return lml_path_has_extension(request->path, ".yace") || lml_path_has_extension(request->path, ".ace") ||
         lml_path_has_extension(request->path, ".yaml");
}

const lml_format lml_ace_format = {
    .name = "ACE",
    .files = ".yace",
    .extension = ".yace",
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
    .pair_kinds = 1u << LML_PAIR_PACE,
    .read_styles = read_styles,
    .style = style,
    .script_extension = ".mod",
    .write = write,
};
