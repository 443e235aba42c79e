#include "retrain/data/frame_values.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/text.h"
#include "lmlink/calculator.h"
#include "structure/log_keys.h"

const char *const lml_value_names[] = {"energy", "forces", "virial", "stress", NULL};

/** Relative deviation that is none: constants by which units are converted differ by that. */
static const double same_value = 1e-6;

lml_status lml_frame_numbers(lml_dataset_walk *walk, const char *name, size_t count, const double **values,
                             lml_error *error) {
  const lml_values *info = lml_frame_info(&walk->frame, name);
  *values = NULL;
  if (info == NULL) return LML_OK;
  if (info->type != LML_REAL || info->count * info->width != count)
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "%s must be %zu real number%s", LML_FRAME(walk), name, count,
                    count == 1 ? "" : "s");
  for (size_t k = 0; k < count; k++)
    if (!isfinite(info->reals[k]))
      return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "%s is not finite", LML_FRAME(walk), name);
  *values = info->reals;
  return LML_OK;
}

lml_status lml_frame_reals(lml_dataset_walk *walk, const char *name, size_t width, const double **values,
                           lml_error *error) {
  const lml_values *column = lml_frame_column(&walk->frame, name);
  *values = NULL;
  if (column == NULL) return LML_OK;
  if (column->type != LML_REAL || column->width != width)
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "column %s must hold %zu real numbers per atom (%s:R:%zu)",
                    LML_FRAME(walk), name, width, name, width);
  *values = column->reals;
  return LML_OK;
}

const char *lml_dataset_key(const lml_dataset *set, lml_value value) {
  return set->keys[value] != NULL ? set->keys[value] : lml_value_names[value];
}

/* ---- names that are nearly right ---- */

/** Whether @p name holds @p stem in any case. */
static bool is_like(const char *name, const char *stem) {
  const size_t length = strlen(stem);
  for (const char *at = name; *at != '\0'; at++) {
    size_t k = 0;
    while (k < length && tolower((unsigned char)at[k]) == stem[k]) k++;
    if (k == length) return true;
  }
  return false;
}

void lml_frame_near_names(const lml_frame *frame, lml_value value, char text[LML_ERROR_MESSAGE_SIZE]) {
  static const char *const stems[LML_VALUE_COUNT] = {"energy", "force", "virial", "stress"};
  const bool columns = value == LML_VALUE_FORCES;
  const lml_values *all = columns ? frame->columns : frame->info;
  const size_t count = columns ? frame->ncolumns : frame->ninfo;
  const char *first = NULL;
  size_t length = 0;
  text[0] = '\0';
  for (size_t k = 0; k < count; k++) {
    if (all[k].type != LML_REAL || !is_like(all[k].name, stems[value])) continue;
    if (first == NULL) first = all[k].name;
    length += (size_t)snprintf(text + length, LML_ERROR_MESSAGE_SIZE - length, "%s %.40s",
                               length == 0 ? "; it has" : ",", all[k].name);
    if (length > LML_ERROR_MESSAGE_SIZE / 3) break;
  }
  if (first != NULL)
    snprintf(text + length, LML_ERROR_MESSAGE_SIZE - length,
             ": if that is meant, say \"keys\": {\"%s\": \"%.40s\"} or --%s-key %.40s", lml_value_names[value], first,
             lml_value_names[value], first);
}

/* ---- energies ---- */

lml_status lml_dataset_energy(lml_dataset_walk *walk, double *energy, lml_error *error) {
  const char *key = lml_dataset_key(walk->set, LML_VALUE_ENERGY);
  const double *value;
  const lml_status status = lml_frame_numbers(walk, key, 1, &value, error);
  if (status != LML_OK) return status;
  const lml_values *kind =
      walk->set->keys[LML_VALUE_ENERGY] == NULL ? lml_frame_info(&walk->frame, LML_LOG_ENERGY_KIND) : NULL;
  if (kind != NULL && kind->type == LML_TEXT && strcmp(kind->texts[0], lml_kind_name(LML_KIND_EXACT)) != 0)
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT "energy_kind=%.40s: that is no energy that can be fitted; leave energies out",
                    LML_FRAME(walk), kind->texts[0]);
  if (value == NULL) {
    char near[LML_ERROR_MESSAGE_SIZE];
    lml_frame_near_names(&walk->frame, LML_VALUE_ENERGY, near);
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "no energy: add the key %.40s (eV) to its comment line%s",
                    LML_FRAME(walk), key, near);
  }
  *energy = *value;
  return LML_OK;
}

/* ---- virials ---- */

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

lml_status lml_dataset_virial(lml_dataset_walk *walk, double virial[9], lml_error *error) {
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
    char near[LML_ERROR_MESSAGE_SIZE];
    lml_frame_near_names(&walk->frame, LML_VALUE_VIRIAL, near);
    if (near[0] == '\0') lml_frame_near_names(&walk->frame, LML_VALUE_STRESS, near);
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT "neither virial (eV) nor stress (eV/Å³) in its comment line%s", LML_FRAME(walk),
                    near);
  }
  for (size_t k = 0; k < 9; k++) virial[k] = own != NULL ? own[k] : -volume * stress[k];
  return LML_OK;
}
