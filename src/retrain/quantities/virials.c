/* Virials per atom, W = −V·stress. */
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/fail.h"
#include "base/print.h"
#include "base/text.h"
#include "retrain/data/frame_walk.h"
#include "retrain/rows/design.h"
#include "structure/vec3.h"

static size_t count_rows(const lml_dataset_walk *walk) {
  (void)walk;
  return LML_FRAME_ROWS;
}

static double share_of_atom(const lml_dataset_walk *walk) { return 1.0 / (double)walk->frame.structure.natoms; }

/* ---- values ---- */

static bool is_there(lml_dataset_walk *walk) {
  return lml_frame_info(&walk->frame, lml_dataset_key(walk->set, LML_VALUE_VIRIAL)) != NULL ||
         lml_frame_info(&walk->frame, lml_dataset_key(walk->set, LML_VALUE_STRESS)) != NULL;
}

/** Relative deviation that is none: constants by which units are converted differ by that. */
static const double same_value = 1e-6;

/** Tensors of a frame are written row by row. */
static const char *const component_names[9] = {"xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz"};

/** The unit of the last digit that a number needs, 0 for zero. */
static double last_digit(double value) {
  char text[LML_REAL_TEXT];
  int digits = 0, exponent = 0;
  bool fraction = false;
  if (value == 0.0) return 0.0;
  lml_format_real(value, text);
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == 'e') {
      exponent = atoi(c + 1);
      break;
    }
    if (*c == '.')
      fraction = true;
    else if (fraction)
      digits++;
  }
  return pow(10.0, exponent - digits);
}

/** A deviation of two of @p values (9, of a tensor) that their digits in the file, or constants, may make. */
static double uncertainty(const double *values) {
  double finest = INFINITY, largest = 0.0;
  for (size_t k = 0; k < 9; k++) {
    const double digit = last_digit(values[k]);
    if (digit > 0.0) finest = fmin(finest, digit);
    largest = fmax(largest, fabs(values[k]));
  }
  return largest > 0.0 ? finest + same_value * largest : 0.0;
}

static lml_status check_symmetry(const lml_dataset_walk *walk, const char *name, const double *values,
                                 lml_error *error) {
  const double most = uncertainty(values);
  for (size_t i = 0; i < 3; i++)
    for (size_t k = 0; k < i; k++) {
      const size_t lower = 3 * i + k, upper = 3 * k + i;
      if (fabs(values[lower] - values[upper]) <= most) continue;
      return lml_fail(error, LML_ERR_INPUT,
                      LML_FRAME_FORMAT "%s is not symmetric: %s is %.9g and %s is %.9g: correct it, or omit virials",
                      LML_FRAME(walk), name, component_names[upper], values[upper], component_names[lower],
                      values[lower]);
    }
  return LML_OK;
}

/** A tensor of 9 numbers, NULL where the frame has none or where the set does not use @p value: where it names the key
 *  of one of virial and stress, the other counts only if it is named too. */
static lml_status find_tensor(lml_dataset_walk *walk, lml_value value, const double **values, lml_error *error) {
  char *const *keys = walk->set->keys;
  const bool named = keys[LML_VALUE_VIRIAL] != NULL || keys[LML_VALUE_STRESS] != NULL;
  const char *name = lml_dataset_key(walk->set, value);
  *values = NULL;
  if (named && keys[value] == NULL) return LML_OK;
  const lml_status status = lml_frame_numbers(walk, name, 9, values, error);
  return status == LML_OK && *values != NULL ? check_symmetry(walk, name, *values, error) : status;
}

/** Fail where W and −V·stress are not the same. */
static lml_status compare(const lml_dataset_walk *walk, const double *virial, const double *stress, double volume,
                          lml_error *error) {
  const double most = uncertainty(virial) + volume * uncertainty(stress);
  for (size_t k = 0; k < 9; k++) {
    if (fabs(virial[k] + volume * stress[k]) <= most) continue;
    const char *names[] = {lml_dataset_key(walk->set, LML_VALUE_VIRIAL), lml_dataset_key(walk->set, LML_VALUE_STRESS)};
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT
                    "%s and %s contradict each other: %s is %.9g eV by the first and %.9g eV (minus volume times "
                    "stress) by the second: correct one, or say which counts: --virial-key %s or --stress-key %s",
                    LML_FRAME(walk), names[0], names[1], component_names[k], virial[k], -volume * stress[k], names[0],
                    names[1]);
  }
  return LML_OK;
}

/** Fail where the tensor @p missing is there under its name in another case, beside @p found, which would count alone
 *  without being compared. */
static lml_status check_case(lml_dataset_walk *walk, lml_value missing, lml_value found, lml_error *error) {
  if (walk->set->keys[missing] != NULL || walk->set->keys[found] != NULL) return LML_OK;
  const char *name = lml_value_names[missing], *other = lml_value_names[found];
  for (size_t k = 0; k < walk->frame.ninfo; k++) {
    const lml_values *info = &walk->frame.info[k];
    if (info->type != LML_REAL || strcasecmp(info->name, name) != 0) continue;
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT
                    "%s is not known, as its name is %s, and %s would count alone: rename it, or say which counts: "
                    "--%s-key %s or --%s-key %s",
                    LML_FRAME(walk), info->name, name, other, name, info->name, other, other);
  }
  return LML_OK;
}

/** The frame's virial, its own or from the stress. One that is not symmetric, or that its stress contradicts, is an
 *  error. */
static lml_status read_virial(lml_dataset_walk *walk, double *values, lml_error *error) {
  const double volume = lml_structure_volume(&walk->frame.structure);
  const double *own, *stress;
  lml_status status = find_tensor(walk, LML_VALUE_VIRIAL, &own, error);
  if (status == LML_OK) status = find_tensor(walk, LML_VALUE_STRESS, &stress, error);
  if (status == LML_OK && own != NULL && stress != NULL) status = compare(walk, own, stress, volume, error);
  if (status == LML_OK && own == NULL && stress != NULL)
    status = check_case(walk, LML_VALUE_VIRIAL, LML_VALUE_STRESS, error);
  if (status == LML_OK && own != NULL && stress == NULL)
    status = check_case(walk, LML_VALUE_STRESS, LML_VALUE_VIRIAL, error);
  if (status != LML_OK) return status;
  if (own == NULL && stress == NULL) {
    char similar[LML_ERROR_MESSAGE_SIZE];
    lml_frame_similar_names(&walk->frame, LML_VALUE_VIRIAL, similar);
    if (similar[0] == '\0') lml_frame_similar_names(&walk->frame, LML_VALUE_STRESS, similar);
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT "neither virial (eV) nor stress (eV/Å³) in its comment line%s", LML_FRAME(walk),
                    similar);
  }
  for (size_t k = 0; k < LML_FRAME_ROWS && values != NULL; k++) {
    const size_t c = lml_voigt_place(k);
    values[k] = (own != NULL ? own[c] : -volume * stress[c]) * share_of_atom(walk);
  }
  return LML_OK;
}

static void give_virial(const lml_dataset_walk *walk, const lml_results *results, double *values) {
  for (size_t k = 0; k < LML_FRAME_ROWS; k++) values[k] = results->virial[lml_voigt_place(k)] * share_of_atom(walk);
}

/* ---- rows ---- */

static size_t scratch_for(const lml_design *design) {
  return LML_FRAME_ROWS * design->nelements * (design->ncoefficients - 1);
}

static size_t memory_for(const lml_design *design, const lml_dataset *set) {
  (void)set;
  return scratch_for(design);
}

static lml_status next_rows(lml_design *design, size_t *count, lml_error *error) {
  const size_t n = design->ncoefficients, inner = n - 1;
  const double share = share_of_atom(&design->walk);
  const lml_status status =
      lml_descriptors_virials(&design->descriptors, &design->walk.frame.structure, design->scratch, error);
  for (size_t k = 0; k < LML_FRAME_ROWS && status == LML_OK; k++)
    for (size_t e = 0; e < design->nelements; e++) {
      double *row = design->block + k * design->width + e * n;
      const double *values = design->scratch + (LML_FRAME_ROWS * e + k) * inner;
      row[0] = 0.0;
      for (size_t c = 0; c < inner; c++) row[1 + c] = values[c] * share;
    }
  *count = LML_FRAME_ROWS;
  return status;
}

const lml_quantity_ops lml_virial_quantity = {.unit = "eV/atom",
                                              .extent = LML_EXTENT_FRAME,
                                              .value = LML_VALUE_VIRIAL,
                                              .count_rows = count_rows,
                                              .is_there = is_there,
                                              .read = read_virial,
                                              .give = give_virial,
                                              .scratch = scratch_for,
                                              .memory = memory_for,
                                              .next = next_rows};
