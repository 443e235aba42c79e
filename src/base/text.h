/** @file text.h
 *  Words and numbers in text, the same in every locale.
 */
#ifndef LML_BASE_TEXT_H
#define LML_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

/** A piece of a longer text, which owns it; no NUL at its end. */
typedef struct lml_token {
  const char *text;
  size_t length;
} lml_token;

/** The length and text of a token for "%.*s", cut to 60 bytes so that a message stays readable. */
#define LML_TOKEN_ARGS(token) (int)((token).length < 60 ? (token).length : 60), (token).text

/** All of a text. */
lml_token lml_token_of(const char *text);

/** Blank: space, tab, carriage return, newline, vertical tab, form feed; the same in every locale. */
bool lml_is_blank(char c);

/** Find the next run of non-blank characters from *@p cursor on, before @p end, and move the cursor behind it. False
 *  (and an empty token at @p end) where there is none. */
bool lml_next_token(const char **cursor, const char *end, lml_token *token);

/** Split @p length bytes at blanks: at most @p max tokens are stored, the number of all there are is returned. */
size_t lml_split(const char *text, size_t length, lml_token *tokens, size_t max);

/** The token without the blanks at its ends. */
lml_token lml_trim(lml_token token);

bool lml_token_equals(lml_token token, const char *text);

/** NUL-terminated copy, to be freed with lml_free; NULL and an error where memory is out. */
char *lml_token_copy(lml_token token, lml_error *error);

/** Read the whole of @p token as a decimal number ("-1.5e-3", ".5", "2."), rounded to the nearest double. False, and
 *  *@p value untouched, for anything else: an empty token, blanks, trailing characters, hexadecimal, "nan", "inf", and
 *  a number beyond the range of doubles. */
bool lml_parse_real(lml_token token, double *value);

/** Like lml_parse_real; also takes "nan", "inf" and "infinity" in any case and with a sign, and numbers beyond the
 *  range, which are infinite. */
bool lml_parse_any_real(lml_token token, double *value);

/** Read the whole of @p token as a decimal integer with an optional sign. False, and *@p value untouched, for anything
 *  else and where it doesn't fit. */
bool lml_parse_integer(lml_token token, int64_t *value);

enum {
  LML_REAL_TEXT = 32,   /**< bytes that lml_format_real writes at most, with the NUL */
  LML_INTEGER_TEXT = 24 /**< bytes that lml_format_integer writes at most, with the NUL */
};

/** Write @p value in the fewest digits that read back to the same double, always recognisable as a real: "0.1", "3.0",
 *  "-1e-07", "1.5e+300", "nan", "inf", "-inf". Returns the length without the NUL. */
size_t lml_format_real(double value, char text[LML_REAL_TEXT]);

/** Write @p value in decimal. Returns the length without the NUL. */
size_t lml_format_integer(int64_t value, char text[LML_INTEGER_TEXT]);

#endif
