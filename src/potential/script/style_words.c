#include "potential/script/style_words.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/** Of radii, Å. */
static const double same = 1e-6;

/** The next word at *@p at, which moves behind it; of no length at the end. */
static lml_token take_word(const char **at) {
  lml_token word;
  (void)lml_next_token(at, *at + strlen(*at), &word);
  return word;
}

/** In any case. */
static bool are_same(lml_token one, lml_token two) {
  return one.length == two.length && strncasecmp(one.text, two.text, one.length) == 0;
}

static bool is_word(lml_token word, const char *name) { return are_same(word, lml_token_of(name)); }

static bool is_one_of(lml_token word, const char *const *names, size_t count) {
  size_t k = 0;
  while (k < count && !is_word(word, names[k])) k++;
  return k < count;
}

/** The next style that adds forces to those of descriptors; of no length where there is none. */
static lml_token take_term(const char **at) {
  static const char *const without[] = {"pair_style", "hybrid", "hybrid/overlay", "zero", "nocoeff",
                                        "full",       "snap",   "pace",           "uf3"};
  for (;;) {
    const lml_token word = take_word(at);
    double number;
    if (word.length == 0) return word;
    if (!is_one_of(word, without, sizeof without / sizeof without[0]) && !lml_parse_real(word, &number)) return word;
  }
}

bool lml_style_words_add_terms(const char *pair_style) { return take_term(&pair_style).length > 0; }

/** How many words belong to a term's style. */
static size_t settings_of(lml_token term) { return is_word(term, "zbl") || is_word(term, "table") ? 2 : 0; }

/** A setting is a number or, of tables, one of these. */
static bool same_setting(lml_token one, lml_token two) {
  static const char *const forms[] = {"linear", "spline", "lookup", "bitmap"};
  double first, second;
  if (lml_parse_real(one, &first) && lml_parse_real(two, &second)) return fabs(first - second) <= same;
  const size_t count = sizeof forms / sizeof forms[0];
  return !(is_one_of(one, forms, count) && is_one_of(two, forms, count)) || are_same(one, two);
}

bool lml_style_words_same_terms(const char *one, const char *two) {
  for (;;) {
    const lml_token first = take_term(&one), second = take_term(&two);
    if (!are_same(first, second)) return false;
    if (first.length == 0) return true;
    for (size_t k = settings_of(first); k > 0; k--)
      if (!same_setting(take_word(&one), take_word(&two))) return false;
  }
}
