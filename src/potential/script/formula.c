#include "potential/script/formula.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>

enum { DEEPEST = 50 /**< parentheses and signs inside each other */ };

typedef struct formula {
  const char *at;
  lml_formula_lookup lookup;
  const void *context;
  int depth;
  const char *wrong; /* the first failure */
} formula;

static double fail(formula *f, const char *reason) {
  if (f->wrong == NULL) f->wrong = reason;
  return 0.0;
}

static char next(formula *f) {
  while (lml_is_blank(*f->at)) f->at++;
  return *f->at;
}

static double sum(formula *f);

static double number(formula *f) {
  const char *end = f->at;
  while (isdigit((unsigned char)*end) || *end == '.') end++;
  if (*end == 'e' || *end == 'E') {
    end++;
    if (*end == '+' || *end == '-') end++;
    while (isdigit((unsigned char)*end)) end++;
  }
  double value = 0.0;
  const lml_token digits = {.text = f->at, .length = (size_t)(end - f->at)};
  f->at = end;
  return lml_parse_real(digits, &value) ? value : fail(f, "a number in it can't be read");
}

static double variable(formula *f) {
  const char *begin = f->at + 2;
  const char *end = begin;
  while (isalnum((unsigned char)*end) || *end == '_') end++;
  f->at = end;
  const char *text = f->lookup(f->context, (lml_token){.text = begin, .length = (size_t)(end - begin)});
  if (text == NULL) return fail(f, "a variable in it is not defined above");
  double value = 0.0;
  const bool valid = lml_parse_real(lml_token_of(text), &value);
  return valid ? value : fail(f, "a variable in it is no number");
}

static double operand(formula *f) {
  const char c = next(f);
  double value;
  if (f->wrong != NULL || f->depth == DEEPEST) return fail(f, "it is nested too deeply");
  f->depth++;
  if (c == '-') {
    f->at++;
    value = -operand(f);
  } else if (c == '(') {
    f->at++;
    value = sum(f);
    if (next(f) == ')')
      f->at++;
    else
      fail(f, "a parenthesis isn't closed");
  } else if (isdigit((unsigned char)c) || c == '.') {
    value = number(f);
  } else if (c == 'v' && f->at[1] == '_') {
    value = variable(f);
  } else {
    value = fail(f, "it may have numbers, v_NAME, + - * / % ^ and parentheses");
  }
  f->depth--;
  return value;
}

static double power(formula *f) {
  double value = operand(f);
  while (f->wrong == NULL && next(f) == '^') {
    f->at++;
    value = pow(value, operand(f));
  }
  return value;
}

static double product(formula *f) {
  double value = power(f);
  while (f->wrong == NULL && (next(f) == '*' || *f->at == '/' || *f->at == '%')) {
    const char operation = *f->at++;
    const double other = power(f);
    if (operation != '*' && other == 0.0) return fail(f, "it divides by zero");
    value = operation == '*' ? value * other : operation == '/' ? value / other : fmod(value, other);
  }
  return value;
}

static double sum(formula *f) {
  double value = product(f);
  while (f->wrong == NULL && (next(f) == '+' || *f->at == '-')) {
    const char operation = *f->at++;
    const double other = product(f);
    value = operation == '+' ? value + other : value - other;
  }
  return value;
}

const char *lml_formula_evaluate(const char *text, lml_formula_lookup lookup, const void *context, double *value) {
  formula f = {.at = text, .lookup = lookup, .context = context};
  *value = sum(&f);
  if (f.wrong == NULL && next(&f) != '\0') fail(&f, "it may have numbers, v_NAME, + - * / % ^ and parentheses");
  if (f.wrong == NULL && !isfinite(*value)) fail(&f, "its value is not finite");
  return f.wrong;
}
