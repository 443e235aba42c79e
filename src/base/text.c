#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"

enum { LONGEST_NUMBER = 1200 /**< bytes; every double has an exact decimal form that is shorter */ };

bool lml_is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

/* --- tokens ----------------------------------------------------------------------------------------------------- */

lml_token lml_token_of(const char *text) { return (lml_token){text, strlen(text)}; }

bool lml_next_token(const char **cursor, const char *end, lml_token *token) {
  const char *at = *cursor;
  while (at < end && lml_is_blank(*at)) at++;
  const char *begin = at;
  while (at < end && !lml_is_blank(*at)) at++;
  *token = (lml_token){begin, (size_t)(at - begin)};
  *cursor = at;
  return at > begin;
}

size_t lml_split(const char *text, size_t length, lml_token *tokens, size_t max) {
  const char *cursor = text;
  lml_token token;
  size_t count = 0;
  for (; lml_next_token(&cursor, text + length, &token); count++)
    if (count < max) tokens[count] = token;
  return count;
}

lml_token lml_trim(lml_token token) {
  while (token.length > 0 && lml_is_blank(token.text[0])) token = (lml_token){token.text + 1, token.length - 1};
  while (token.length > 0 && lml_is_blank(token.text[token.length - 1])) token.length--;
  return token;
}

bool lml_token_equals(lml_token token, const char *text) {
  return strlen(text) == token.length && memcmp(token.text, text, token.length) == 0;
}

char *lml_token_copy(lml_token token, lml_error *error) {
  char *copy = lml_sys->malloc(token.length + 1);
  if (copy == NULL) {
    lml_fail_memory(error, token.length + 1, "a string");
    return NULL;
  }
  memcpy(copy, token.text, token.length);
  copy[token.length] = '\0';
  return copy;
}

/* --- reading numbers -------------------------------------------------------------------------------------------- */

static size_t skip_digits(lml_token token, size_t at) {
  while (at < token.length && is_digit(token.text[at])) at++;
  return at;
}

/** The digits of a number as they are written: magnitude × 10^power. */
typedef struct decimal {
  uint64_t magnitude;
  int power;
  bool negative;
} decimal;

/** Read a decimal number; false where it is none, or has too many digits. */
static bool read_decimal(lml_token token, decimal *d) {
  enum { MOST_DIGITS = 19 }; /* below 2^64 */
  size_t at = 0, count = 0, significant = 0;
  int written = 0;
  *d = (decimal){.negative = token.length > 0 && token.text[0] == '-'};
  if (d->negative) at++;
  for (bool fraction = false; at < token.length; at++) {
    const char c = token.text[at];
    if (c == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (!is_digit(c)) break;
    count++;
    if ((significant > 0 || c != '0') && ++significant > MOST_DIGITS) return false;
    d->magnitude = 10 * d->magnitude + (uint64_t)(c - '0');
    d->power -= fraction ? 1 : 0;
  }
  if (count == 0) return false;
  if (at < token.length && lower(token.text[at]) == 'e') {
    const bool down = ++at < token.length && token.text[at] == '-';
    if (down || (at < token.length && token.text[at] == '+')) at++;
    const size_t first = at;
    for (; at < token.length && is_digit(token.text[at]) && at < first + 3; at++)
      written = 10 * written + (token.text[at] - '0');
    if (at == first) return false;
    d->power += down ? -written : written;
  }
  return at == token.length;
}

#ifdef __SIZEOF_INT128__
/** The double that is nearest to @p magnitude over @p divisor, neither of them 0: a quotient of at least 63 bits, its
 *  last one set where there is a rest, is rounded by its conversion. */
static double divide(uint64_t magnitude, uint64_t divisor) {
  const int up = __builtin_clzll(magnitude), down = __builtin_clzll(divisor);
  __extension__ const unsigned __int128 dividend = (unsigned __int128)(magnitude << up) << 63;
  const uint64_t quotient = (uint64_t)(dividend / (divisor << down));
  const bool rest = dividend % (divisor << down) != 0;
  return ldexp((double)(quotient | (rest ? 1 : 0)), down - up - 63);
}
#endif

/** Numbers as files mostly have them: up to 2^53 in digits, times or over a power of ten that a double holds exactly,
 *  where one multiplication or division of exact numbers gives the nearest double; or up to 19 digits, that many of
 * them behind the point. False for all others, which may be numbers too. */
static bool convert_short(lml_token token, double *value) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  enum { MOST_POWER = sizeof powers / sizeof powers[0] - 1 };
  decimal d;
  if (!read_decimal(token, &d) || d.power < -MOST_POWER || d.power > MOST_POWER) return false;
  double number;
  if (d.magnitude <= (UINT64_C(1) << 53)) {
    number = d.power < 0 ? (double)d.magnitude / powers[-d.power] : (double)d.magnitude * powers[d.power];
  } else {
#ifdef __SIZEOF_INT128__
    enum { MOST_PLACES = 19 };
    if (d.power > 0 || d.power < -MOST_PLACES) return false;
    number = divide(d.magnitude, (uint64_t)powers[-d.power]);
#else
    return false;
#endif
  }
  *value = d.negative ? -number : number;
  return true;
}

/** Whether @p token is a decimal number, and where its point is (its length where there is none). */
static bool is_decimal(lml_token token, size_t *point) {
  size_t at = token.length > 0 && (token.text[0] == '+' || token.text[0] == '-') ? 1 : 0;
  const size_t whole = at;
  at = skip_digits(token, at);
  size_t digits = at - whole;
  *point = token.length;
  if (at < token.length && token.text[at] == '.') {
    *point = at;
    const size_t fraction = at + 1;
    at = skip_digits(token, fraction);
    digits += at - fraction;
  }
  if (digits == 0) return false;
  if (at < token.length && lower(token.text[at]) == 'e') {
    at++;
    if (at < token.length && (token.text[at] == '+' || token.text[at] == '-')) at++;
    const size_t exponent = at;
    at = skip_digits(token, at);
    if (at == exponent) return false;
  }
  return at == token.length;
}

/** Convert what is_decimal approved. strtod wants the locale's decimal point, so it gets that one. */
static bool convert_decimal(lml_token token, size_t point, double *value) {
  char number[LONGEST_NUMBER + 32];
  if (token.length > LONGEST_NUMBER) return false;
  const char *mark = localeconv()->decimal_point;
  const size_t mark_length = strlen(mark);
  memcpy(number, token.text, point);
  size_t length = point;
  if (point < token.length && mark_length < 16) {
    memcpy(number + length, mark, mark_length);
    length += mark_length;
    memcpy(number + length, token.text + point + 1, token.length - point - 1);
    length += token.length - point - 1;
  }
  number[length] = '\0';
  char *end;
  *value = strtod(number, &end);
  return end == number + length;
}

bool lml_parse_real(lml_token token, double *value) {
  size_t point;
  double parsed;
  if (convert_short(token, value)) return true;
  if (!is_decimal(token, &point) || !convert_decimal(token, point, &parsed) || !isfinite(parsed)) return false;
  *value = parsed;
  return true;
}

static bool equals_lowered(lml_token token, const char *text) {
  if (strlen(text) != token.length) return false;
  for (size_t k = 0; k < token.length; k++)
    if (lower(token.text[k]) != text[k]) return false;
  return true;
}

bool lml_parse_any_real(lml_token token, double *value) {
  size_t point;
  if (convert_short(token, value)) return true;
  if (is_decimal(token, &point)) return convert_decimal(token, point, value);
  const bool negative = token.length > 0 && token.text[0] == '-';
  if (token.length > 0 && (negative || token.text[0] == '+')) token = (lml_token){token.text + 1, token.length - 1};
  const bool infinite = equals_lowered(token, "inf") || equals_lowered(token, "infinity");
  if (!infinite && !equals_lowered(token, "nan")) return false;
  *value = copysign(infinite ? INFINITY : NAN, negative ? -1 : 1);
  return true;
}

bool lml_parse_integer(lml_token token, int64_t *value) {
  const bool negative = token.length > 0 && token.text[0] == '-';
  size_t at = negative || (token.length > 0 && token.text[0] == '+') ? 1 : 0;
  const uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
  uint64_t magnitude = 0;
  if (at == token.length || skip_digits(token, at) != token.length) return false;
  for (; at < token.length; at++) {
    const uint64_t digit = (uint64_t)(token.text[at] - '0');
    if (magnitude > (limit - digit) / 10) return false;
    magnitude = 10 * magnitude + digit;
  }
  *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  return true;
}

size_t lml_format_integer(int64_t value, char text[LML_INTEGER_TEXT]) {
  char digits[LML_INTEGER_TEXT];
  uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  size_t count = 0, length = 0;
  do digits[count++] = (char)('0' + magnitude % 10);
  while ((magnitude /= 10) > 0);
  if (value < 0) text[length++] = '-';
  while (count > 0) text[length++] = digits[--count];
  text[length] = '\0';
  return length;
}
