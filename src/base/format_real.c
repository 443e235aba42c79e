/* The fewest decimal digits that read back to the same double. A double x = m 2^e stands for all reals in the interval
 * from (m − ½) 2^e to (m + ½) 2^e, and the wanted decimal number is the one with the fewest digits in there, the
 * nearest to x of those. For 1e-14 ≤ x < 1e16 the interval, scaled by 10^p so that x has 17 digits before the point, is
 * exact in 128-bit fixed point; numbers beyond are rare and take the way over printf and strtod. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/text.h"

enum { MOST_DIGITS = 17, SHORTEST_DIGITS = 15 /**< up to here printf's rounding is the only candidate */ };

/** A positive decimal number: 0.d₁d₂… × 10^exponent. */
typedef struct decimal {
  char digits[MOST_DIGITS + 1];
  int count;
  int exponent;
} decimal;

static void drop_trailing_zeros(decimal *d) {
  while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
}

/** Round @p x to @p count digits with printf. */
static decimal rounded(double x, int count) {
  char text[LML_REAL_TEXT];
  decimal d = {.count = count};
  lml_print_cut(text, sizeof text, "%.*e", count - 1, x);
  const char *exponent = strchr(text, 'e');
  int stored = 0;
  for (const char *c = text; c < exponent; c++)
    if (*c >= '0' && *c <= '9') d.digits[stored++] = *c;
  d.exponent = (int)strtol(exponent + 1, NULL, 10) + 1;
  return d;
}

static double value_of(const decimal *d) {
  char text[LML_REAL_TEXT];
  double value = 0;
  const size_t length = lml_print_cut(text, sizeof text, "%.*se%d", d->count, d->digits, d->exponent - d->count);
  lml_parse_any_real((lml_token){text, length}, &value);
  return value;
}

/** Add one unit to the last digit. */
static void increment(decimal *d) {
  int at = d->count - 1;
  while (at >= 0 && d->digits[at] == '9') d->digits[at--] = '0';
  if (at >= 0) {
    d->digits[at]++;
    return;
  }
  d->digits[0] = '1';
  d->exponent++;
}

static decimal shortest_by_trial(double x) {
  for (int count = x < DBL_MIN ? 1 : SHORTEST_DIGITS; count < MOST_DIGITS; count++) {
    decimal d = rounded(x, count);
    if (value_of(&d) == x) return d;
    /* Just above a power of two the interval is wider upwards, so that the next number up may be in it. */
    increment(&d);
    if (value_of(&d) == x) return d;
  }
  return rounded(x, MOST_DIGITS);
}

#ifdef __SIZEOF_INT128__

__extension__ typedef unsigned __int128 uint128;

enum {
  LARGEST_POWER = 31, /**< of 5 and m together below 2^126 */
  FRACTION_BITS = 2   /**< of m, for half an interval below a power of two */
};

/** Power of ten that brings @p x, from 1e-14 to 1e16, to 17 digits before the point, or one more. */
static int scaling_power(double x) {
  static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  int exponent = 0;
  if (x >= 1) {
    while (exponent < 15 && x >= powers[exponent + 1]) exponent++;
    return MOST_DIGITS - 1 - exponent;
  }
  while (exponent < 15 && x * powers[exponent] < 1) exponent++; /* rounding may make it one too small: 18 digits */
  return MOST_DIGITS - 1 + exponent;
}

static decimal decimal_of(uint64_t number, int exponent_of_unit) {
  char text[LML_INTEGER_TEXT];
  const size_t length = lml_format_integer((int64_t)number, text);
  decimal d = {.count = (int)length, .exponent = (int)length + exponent_of_unit};
  while (d.count > MOST_DIGITS && text[d.count - 1] == '0') d.count--;
  memcpy(d.digits, text, (size_t)d.count);
  return d;
}

static decimal shortest_in_range(double x) {
  int exponent, power = scaling_power(x);
  const uint64_t mantissa = (uint64_t)(frexp(x, &exponent) * 0x1p53);
  uint128 five = 1;
  for (int k = 0; k < power; k++) five *= 5;
  /* x 10^power = centre / 2^bits, and so for the ends of the interval. */
  const int bits = 53 - exponent - power + FRACTION_BITS;
  const uint128 centre = (mantissa << FRACTION_BITS) * five;
  const uint128 low = centre - (mantissa == 1ULL << 52 ? five : 2 * five), high = centre + 2 * five;
  const uint128 fraction = ((uint128)1 << bits) - 1;
  const bool closed = mantissa % 2 == 0; /* ties read back to the even mantissa */
  uint64_t least = (uint64_t)(low >> bits) + ((low & fraction) != 0 || !closed ? 1 : 0);
  uint64_t most = (uint64_t)(high >> bits) - ((high & fraction) == 0 && !closed ? 1 : 0);
  /* The largest power of ten that has a multiple between the two. */
  uint64_t unit = 1;
  int dropped = 0;
  while (most / (10 * unit) * (10 * unit) >= least) {
    unit *= 10;
    dropped++;
  }
  /* Its multiple nearest to the centre. */
  const uint64_t whole = (uint64_t)(centre >> bits);
  uint64_t below = whole / unit;
  const uint128 rest = centre - ((uint128)(below * unit) << bits), step = (uint128)unit << bits;
  bool up = 2 * rest > step || (2 * rest == step && below % 2 == 1);
  if (below * unit < least) up = true;
  if ((below + 1) * unit > most) up = false;
  return decimal_of(up ? below + 1 : below, dropped - power);
}

static decimal shortest(double x) { return x >= 1e-14 && x < 1e16 ? shortest_in_range(x) : shortest_by_trial(x); }

#else

static decimal shortest(double x) { return shortest_by_trial(x); }

#endif

/** Put the name of what is no number behind the sign. */
static size_t write_name(const char *name, char *text, size_t length) {
  const size_t bytes = strlen(name);
  memcpy(text + length, name, bytes + 1);
  return length + bytes;
}

static size_t append(char *text, size_t length, const char *digits, int count) {
  memcpy(text + length, digits, (size_t)count);
  return length + (size_t)count;
}

/** d₁.d₂…e±XX */
static size_t write_scientific(const decimal *d, char *text, size_t length) {
  length = append(text, length, d->digits, 1);
  if (d->count > 1) {
    text[length++] = '.';
    length = append(text, length, d->digits + 1, d->count - 1);
  }
  const int exponent = d->exponent - 1, magnitude = exponent < 0 ? -exponent : exponent;
  text[length++] = 'e';
  text[length++] = exponent < 0 ? '-' : '+';
  if (magnitude < 10) text[length++] = '0';
  return length + lml_format_integer(magnitude, text + length);
}

static size_t write_positional(const decimal *d, char *text, size_t length) {
  static const char zeros[] = "0000000000000000";
  const int whole = d->exponent > 0 ? d->exponent : 0, known = d->count < whole ? d->count : whole;
  length = whole > 0 ? append(text, length, d->digits, known) : append(text, length, zeros, 1);
  length = append(text, length, zeros, whole - known);
  text[length++] = '.';
  if (d->exponent < 0) length = append(text, length, zeros, -d->exponent);
  length =
      d->count > whole ? append(text, length, d->digits + known, d->count - known) : append(text, length, zeros, 1);
  text[length] = '\0';
  return length;
}

size_t lml_format_real(double value, char text[LML_REAL_TEXT]) {
  size_t length = 0;
  if (isnan(value)) return write_name("nan", text, 0);
  if (signbit(value)) text[length++] = '-';
  if (isinf(value)) return write_name("inf", text, length);
  if (value == 0) return write_name("0.0", text, length);
  decimal d = shortest(fabs(value));
  drop_trailing_zeros(&d);
  return d.exponent < -3 || d.exponent > 16 ? write_scientific(&d, text, length) : write_positional(&d, text, length);
}
