#include "potential/bispectrum/snap_style.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "potential/bispectrum/snap_script.h"

static const char what_is_supported[] =
    "a .snap file may have 'pair_style snap' or 'pair_style hybrid/overlay zbl INNER OUTER snap', or mliap in place of "
    "snap, and forces without another style would be wrong";

enum { MLIAP_WORDS = 7 /**< of the style and its settings */ };

/** A range of atom types as it is written: "2", "*", "2*", "*3", "1*2"; high is 0 where it is open. */
typedef struct type_range {
  size_t low, high;
} type_range;

/** A `pair_coeff … zbl` line. It is applied when the number of types is known, behind the last line. */
typedef struct zbl_line {
  size_t line;
  type_range i, j;
  double zi, zj;
} zbl_line;

/** A file being read. */
typedef struct reader {
  const char *path;
  lml_script *script;
  lml_snap_style *style;
  enum { STYLE_NONE, STYLE_SNAP, STYLE_HYBRID } pair_style;
  bool has_snap, has_zbl, has_zero; /* styles of the pair_style line */
  double inner, outer;              /* Å */
  zbl_line *zbl_lines;
  size_t nzbl_lines, zbl_lines_capacity;
  size_t ntypes;
  size_t *element_of_type;
} reader;

/* ---- pair_style ---- */

static lml_status read_number(const reader *r, const char *word, const char *what, double *value, lml_error *error) {
  if (lml_parse_real((lml_token){.text = word, .length = strlen(word)}, value)) return LML_OK;
  return lml_script_fail(r->script, error, "%s '%s' is not a finite number", what, word);
}

static lml_status read_zbl_settings(reader *r, char *const *words, size_t count, lml_error *error) {
  if (r->has_zbl) return lml_script_fail(r->script, error, "pair style zbl is there twice: one is supported");
  if (count < 3) return lml_script_fail(r->script, error, "pair style zbl needs two radii: zbl INNER OUTER");
  r->has_zbl = true;
  lml_status status = read_number(r, words[1], "the inner radius of zbl", &r->inner, error);
  if (status == LML_OK) status = read_number(r, words[2], "the outer radius of zbl", &r->outer, error);
  if (status == LML_OK && (r->inner <= 0.0 || r->outer <= r->inner))
    return lml_script_fail(r->script, error, "zbl %s %s: the radii must be 0 < INNER < OUTER", words[1], words[2]);
  return status;
}

/** `zero CUTOFF [nocoeff] [full]`, which adds nothing; *@p used becomes the number of its words. */
static lml_status read_zero_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  double cutoff;
  if (count < 2) return lml_script_fail(r->script, error, "pair style zero needs a cutoff: zero CUTOFF");
  r->has_zero = true;
  for (*used = 2; *used < count; ++*used)
    if (strcmp(words[*used], "nocoeff") != 0 && strcmp(words[*used], "full") != 0) break;
  return read_number(r, words[1], "the cutoff of zero", &cutoff, error);
}

/** `mliap model linear|quadratic FILE descriptor sna FILE`, the parts in any order. */
static lml_status read_mliap_settings(reader *r, char *const *words, size_t count, lml_error *error) {
  static const char *const forms[] = {[LML_MLIAP_LINEAR] = "linear", [LML_MLIAP_QUADRATIC] = "quadratic"};
  lml_snap_style *style = r->style;
  style->kind = LML_MLIAP_FILES;
  for (size_t k = 1; k < MLIAP_WORDS; k += 3) {
    const char *key = k < count ? words[k] : "", *value = k + 1 < count ? words[k + 1] : "";
    const bool is_model = strcmp(key, "model") == 0, is_descriptor = strcmp(key, "descriptor") == 0;
    char **file = is_model ? &style->snapcoeff : &style->snapparam;
    if (k + 2 >= count || !(is_model || is_descriptor) || *file != NULL)
      return lml_script_fail(r->script, error,
                             "expected 'mliap model linear|quadratic FILE descriptor sna FILE', as other models and "
                             "descriptors of mliap are not supported");
    if (is_model && strcmp(value, forms[LML_MLIAP_LINEAR]) != 0 && strcmp(value, forms[LML_MLIAP_QUADRATIC]) != 0)
      return lml_script_fail(r->script, error,
                             "mliap model %s is not supported: linear and quadratic ones are, whose energies are a sum "
                             "of coefficients times descriptors",
                             value);
    if (is_descriptor && strcmp(value, "sna") != 0)
      return lml_script_fail(r->script, error, "mliap descriptor %s is not supported: sna is, that of SNAP", value);
    if (is_model && strcmp(value, forms[LML_MLIAP_QUADRATIC]) == 0) style->form = LML_MLIAP_QUADRATIC;
    *file = lml_path_beside(r->path, words[k + 2], error);
    if (*file == NULL) return LML_ERR_MEMORY;
  }
  return LML_OK;
}

static lml_status read_sub_styles(reader *r, char *const *words, size_t count, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; status == LML_OK && k < count;) {
    if (strcmp(words[k], "zbl") == 0) {
      status = read_zbl_settings(r, words + k, count - k, error);
      k += 3;
    } else if (strcmp(words[k], "snap") == 0 || strcmp(words[k], "mliap") == 0) {
      const bool mliap = words[k][0] == 'm';
      if (r->has_snap)
        return lml_script_fail(r->script, error,
                               "pair style %s is there twice, or beside another of snap and mliap: one is supported",
                               words[k]);
      r->has_snap = true;
      if (mliap) status = read_mliap_settings(r, words + k, count - k, error);
      k += mliap ? MLIAP_WORDS : 1;
    } else if (strcmp(words[k], "zero") == 0) {
      size_t used = 0;
      status = read_zero_settings(r, words + k, count - k, &used, error);
      k += used;
    } else {
      return lml_script_fail(r->script, error, "pair style %s is not supported: %s", words[k], what_is_supported);
    }
  }
  return status;
}

static lml_status read_pair_style(reader *r, const lml_script_command *command, lml_error *error) {
  if (r->pair_style != STYLE_NONE) return lml_script_fail(r->script, error, "a second pair_style: one is supported");
  if (command->count < 2) return lml_script_fail(r->script, error, "pair_style without a style: %s", what_is_supported);
  const char *style = command->words[1];
  const bool overlay = strcmp(style, "hybrid/overlay") == 0, hybrid = overlay || strcmp(style, "hybrid") == 0;
  r->pair_style = hybrid ? STYLE_HYBRID : STYLE_SNAP;
  const size_t first = hybrid ? 2 : 1;
  const lml_status status = read_sub_styles(r, command->words + first, command->count - first, error);
  if (status != LML_OK) return status;
  if (!r->has_snap) return lml_script_fail(r->script, error, "no SNAP potential here: %s", what_is_supported);
  if (overlay || !(r->has_zbl || r->has_zero)) return LML_OK;
  if (!hybrid) return lml_script_fail(r->script, error, "several styles need hybrid/overlay: %s", what_is_supported);
  return lml_script_fail(r->script, error,
                         "pair style hybrid is not supported with more than snap, as it would not add the terms: %s",
                         what_is_supported);
}

/* ---- pair_coeff ---- */

static bool parse_type(const char *text, size_t length, size_t *type) {
  int64_t number;
  if (!lml_parse_integer((lml_token){.text = text, .length = length}, &number) || number < 1 || number > INT32_MAX)
    return false;
  *type = (size_t)number;
  return true;
}

static lml_status read_range(const reader *r, const char *word, type_range *range, lml_error *error) {
  const char *star = strchr(word, '*');
  *range = (type_range){.low = 1, .high = 0};
  bool valid;
  if (star == NULL) {
    valid = parse_type(word, strlen(word), &range->low);
    range->high = range->low;
  } else {
    const size_t before = (size_t)(star - word), after = strlen(star + 1);
    valid = (before == 0 || parse_type(word, before, &range->low)) &&
            (after == 0 || parse_type(star + 1, after, &range->high));
    if (valid && after != 0) valid = range->low <= range->high;
  }
  if (valid) return LML_OK;
  return lml_script_fail(r->script, error, "'%s' is no range of atom types such as 1, *, 2*, *3 or 1*2", word);
}

/** `pair_coeff I J zbl Zi Zj`; @p words begins with I, behind the style come Zi and Zj. */
static lml_status read_zbl_line(reader *r, const lml_script_command *command, lml_error *error) {
  char *const *words = command->words;
  if (command->count != 6)
    return lml_script_fail(r->script, error, "expected 'pair_coeff I J zbl Zi Zj' with two nuclear charges");
  lml_status status =
      lml_grow(&r->zbl_lines, &r->zbl_lines_capacity, r->nzbl_lines + 1, sizeof *r->zbl_lines, "the ZBL term", error);
  if (status != LML_OK) return status;
  zbl_line *line = &r->zbl_lines[r->nzbl_lines];
  line->line = command->line;
  status = read_range(r, words[1], &line->i, error);
  if (status == LML_OK) status = read_range(r, words[2], &line->j, error);
  if (status == LML_OK) status = read_number(r, words[4], "the nuclear charge", &line->zi, error);
  if (status == LML_OK) status = read_number(r, words[5], "the nuclear charge", &line->zj, error);
  if (status != LML_OK) return status;
  if (line->zi < 0.0 || line->zj < 0.0)
    return lml_script_fail(r->script, error, "zbl %s %s: a nuclear charge is negative", words[4], words[5]);
  /* LAMMPS puts two plain types in order by itself; of ranges it takes the pairs with i ≤ j alone. */
  if (strchr(words[1], '*') == NULL && strchr(words[2], '*') == NULL && line->i.low > line->j.low) {
    const type_range swap = line->i;
    line->i = line->j;
    line->j = swap;
  }
  r->nzbl_lines++;
  return LML_OK;
}

/** The element of the next atom type; an element may be that of several types. */
static lml_status add_type(reader *r, const char *name, lml_error *error) {
  lml_element_names *elements = &r->style->elements;
  if (strcmp(name, "NULL") == 0)
    return lml_script_fail(r->script, error,
                           "element NULL (atoms without SNAP) is not supported: name an element for every type");
  if (strlen(name) >= LML_SNAP_NAME_SIZE) return lml_script_fail(r->script, error, "'%s' is no element", name);
  size_t e = 0;
  while (e < elements->count && strcmp(elements->names[e], name) != 0) e++;
  if (e == elements->count) memcpy(elements->names[elements->count++], name, strlen(name) + 1);
  r->element_of_type[r->ntypes++] = e;
  return LML_OK;
}

/** The elements of all types, which are the words from @p first on. */
static lml_status read_types(reader *r, const lml_script_command *command, size_t first, lml_error *error) {
  const size_t most = command->count - first;
  if (most > LML_SNAP_ELEMENTS_LIMIT)
    return lml_script_fail(r->script, error, "%zu atom types are more than the %d supported", most,
                           LML_SNAP_ELEMENTS_LIMIT);
  lml_status status =
      lml_alloc(&r->style->elements.names, most, sizeof *r->style->elements.names, "the elements", error);
  if (status == LML_OK) status = lml_alloc(&r->element_of_type, most, sizeof(size_t), "the atom types", error);
  for (size_t k = 0; status == LML_OK && k < most; k++) status = add_type(r, command->words[first + k], error);
  return status;
}

/** `pair_coeff * * [snap] SNAPCOEFF SNAPPARAM ELEMENT...`, or `pair_coeff * * [mliap] ELEMENT...`, whose files the
 *  pair_style line has named; what follows the style begins at word @p first. */
static lml_status read_snap_line(reader *r, const lml_script_command *command, size_t first, lml_error *error) {
  char *const *words = command->words;
  const bool mliap = r->style->kind == LML_MLIAP_FILES;
  const char *style = mliap ? "mliap" : "snap";
  if (r->ntypes != 0) return lml_script_fail(r->script, error, "a second pair_coeff for %s: one is supported", style);
  if (strcmp(words[1], "*") != 0 || strcmp(words[2], "*") != 0)
    return lml_script_fail(r->script, error, "pair_coeff %s %s … for %s must be 'pair_coeff * * …'", words[1], words[2],
                           style);
  if (mliap && command->count > first) return read_types(r, command, first, error);
  if (mliap) return lml_script_fail(r->script, error, "expected the elements");
  if (command->count < first + 3)
    return lml_script_fail(r->script, error, "expected a .snapcoeff file, a .snapparam file and the elements");
  r->style->snapcoeff = lml_path_beside(r->path, words[first], error);
  if (r->style->snapcoeff != NULL) r->style->snapparam = lml_path_beside(r->path, words[first + 1], error);
  return r->style->snapparam == NULL ? LML_ERR_MEMORY : read_types(r, command, first + 2, error);
}

static lml_status read_pair_coeff(reader *r, const lml_script_command *command, lml_error *error) {
  if (r->pair_style == STYLE_NONE) return lml_script_fail(r->script, error, "pair_coeff before pair_style");
  if (command->count < 4) return lml_script_fail(r->script, error, "pair_coeff with too few words");
  const char *style = command->words[3], *own = r->style->kind == LML_MLIAP_FILES ? "mliap" : "snap";
  if (r->pair_style == STYLE_SNAP && strcmp(style, own) == 0)
    return lml_script_fail(r->script, error, "with 'pair_style %s' alone the %s follow 'pair_coeff * *' at once", own,
                           r->style->kind == LML_MLIAP_FILES ? "elements" : "files");
  if (r->pair_style == STYLE_SNAP) return read_snap_line(r, command, 3, error);
  if (strcmp(style, "zbl") == 0 && r->has_zbl) return read_zbl_line(r, command, error);
  if (strcmp(style, "zero") == 0 && r->has_zero) return LML_OK;
  if (strcmp(style, own) == 0) return read_snap_line(r, command, 4, error);
  return lml_script_fail(r->script, error, "pair_coeff for style '%s', which is not among those of the pair_style line",
                         style);
}

/* ---- the ZBL term, from types to elements ---- */

static lml_status fail_at(const reader *r, size_t line, lml_error *error, const char *reason) {
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s", r->path, line, reason);
}

/** Set the charges of all pairs i ≤ j of types that @p line names; tables are ntypes × ntypes. */
static lml_status apply_zbl_line(const reader *r, const zbl_line *line, double *zi, double *zj, lml_error *error) {
  const size_t n = r->ntypes;
  const size_t i_high = line->i.high == 0 ? n : line->i.high, j_high = line->j.high == 0 ? n : line->j.high;
  if (i_high > n || j_high > n || line->i.low > n || line->j.low > n)
    return fail_at(r, line->line, error, "atom type beyond the number of elements on the pair_coeff line of snap");
  size_t count = 0;
  for (size_t i = line->i.low; i <= i_high; i++) {
    for (size_t j = line->j.low < i ? i : line->j.low; j <= j_high; j++, count++) {
      if (i == j && line->zi != line->zj)
        return fail_at(r, line->line, error, "zbl between atoms of one type needs two equal charges");
      zi[(i - 1) * n + j - 1] = zj[(j - 1) * n + i - 1] = line->zi;
      zj[(i - 1) * n + j - 1] = zi[(j - 1) * n + i - 1] = line->zj;
    }
  }
  if (count == 0) return fail_at(r, line->line, error, "no pair of types i ≤ j is in these ranges");
  return LML_OK;
}

/** Types of one element are one species here, so their ZBL terms must agree. */
static lml_status merge_types(const reader *r, const double *zi, const double *zj, lml_error *error) {
  lml_zbl *zbl = &r->style->zbl;
  const size_t n = r->ntypes, m = r->style->elements.count;
  bool *set;
  const lml_status status = lml_alloc(&set, m * m, sizeof *set, "the ZBL term", error);
  if (status != LML_OK) return status;
  bool agree = true;
  for (size_t p = 0; p < n * n; p++) {
    const size_t q = r->element_of_type[p / n] * m + r->element_of_type[p % n];
    const bool same = (zbl->zi[q] == zi[p] && zbl->zj[q] == zj[p]) || (zbl->zi[q] == zj[p] && zbl->zj[q] == zi[p]);
    if (set[q] && !same) agree = false;
    if (set[q]) continue;
    set[q] = true;
    zbl->zi[q] = zi[p];
    zbl->zj[q] = zj[p];
    if (zi[p] * zj[p] == 0.0) continue;
    zbl->inner = r->inner;
    zbl->outer = r->outer;
  }
  lml_free(set);
  if (agree) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s: atom types of the same element have different zbl terms: give them one",
                  r->path);
}

static lml_status build_zbl(const reader *r, lml_error *error) {
  lml_zbl *zbl = &r->style->zbl;
  if (!r->has_zbl) return LML_OK;
  if (r->nzbl_lines == 0)
    return lml_fail(error, LML_ERR_INPUT, "%s: pair_style has zbl, but no 'pair_coeff I J zbl Zi Zj' line", r->path);
  const size_t pairs = r->ntypes * r->ntypes, element_pairs = r->style->elements.count * r->style->elements.count;
  double *zi = NULL, *zj = NULL;
  lml_status status = lml_alloc(&zi, pairs, sizeof *zi, "the ZBL term", error);
  if (status == LML_OK) status = lml_alloc(&zj, pairs, sizeof *zj, "the ZBL term", error);
  if (status == LML_OK) status = lml_alloc(&zbl->zi, element_pairs, sizeof *zbl->zi, "the ZBL term", error);
  if (status == LML_OK) status = lml_alloc(&zbl->zj, element_pairs, sizeof *zbl->zj, "the ZBL term", error);
  for (size_t k = 0; status == LML_OK && k < r->nzbl_lines; k++)
    status = apply_zbl_line(r, &r->zbl_lines[k], zi, zj, error);
  if (status == LML_OK) status = merge_types(r, zi, zj, error);
  lml_free(zi);
  lml_free(zj);
  return status;
}

/* ---- the file ---- */

/** Settings of the lists of neighbours change no forces, but for those that take neighbours away. */
static lml_status read_neigh_modify(const reader *r, const lml_script_command *command, lml_error *error) {
  static const char *const harmless[] = {"delay", "every", "check", "once", "cluster", "page", "one", "binsize"};
  for (size_t k = 1; k < command->count; k += 2) {
    size_t known = 0;
    while (known < sizeof harmless / sizeof harmless[0] && strcmp(command->words[k], harmless[known]) != 0) known++;
    if (known == sizeof harmless / sizeof harmless[0])
      return lml_script_fail(r->script, error,
                             "neigh_modify %s is not supported, as it may take neighbours away and change the forces",
                             command->words[k]);
  }
  return LML_OK;
}

static lml_status read_command(reader *r, const lml_script_command *command, lml_error *error) {
  const char *name = command->words[0];
  if (strcmp(name, "pair_style") == 0) return read_pair_style(r, command, error);
  if (strcmp(name, "pair_coeff") == 0) return read_pair_coeff(r, command, error);
  if (strcmp(name, "neigh_modify") == 0) return read_neigh_modify(r, command, error);
  if (strcmp(name, "mass") == 0 || strcmp(name, "neighbor") == 0) return LML_OK;
  return lml_script_fail(r->script, error,
                         "command '%s' is not supported: a .snap file may have variable, pair_style, pair_coeff, mass, "
                         "neighbor and neigh_modify, as others may change the forces",
                         name);
}

static lml_status read_commands(reader *r, lml_error *error) {
  lml_script_command command;
  bool end = false;
  lml_status status = LML_OK;
  while (status == LML_OK && !end) {
    status = lml_script_next(r->script, &command, &end, error);
    if (status == LML_OK && !end) status = read_command(r, &command, error);
  }
  if (status != LML_OK) return status;
  if (r->pair_style == STYLE_NONE) return lml_fail(error, LML_ERR_INPUT, "%s: no pair_style line", r->path);
  if (r->ntypes == 0)
    return lml_fail(error, LML_ERR_INPUT, "%s: no 'pair_coeff * * …' line that names the SNAP files", r->path);
  return build_zbl(r, error);
}

bool lml_snap_style_is_name(const char *path) {
  return lml_path_has_extension(path, ".snap") || lml_path_has_extension(path, ".mod") ||
         lml_path_has_extension(path, ".mliap");
}

/* ---- pair_style lines in comments ---- */

/** The next word at *@p at, which moves behind it; of no length at the end. */
static lml_token take_word(const char **at) {
  const char *begin = *at + strspn(*at, " \t");
  const lml_token word = {.text = begin, .length = strcspn(begin, " \t")};
  *at = begin + word.length;
  return word;
}

static bool is_word(lml_token word, const char *name) {
  return word.length == strlen(name) && strncasecmp(word.text, name, word.length) == 0;
}

/** The next word that is a style which adds forces to those of snap; of no length where there is none. */
static lml_token take_term(const char **at) {
  static const char *const without[] = {"pair_style", "hybrid", "hybrid/overlay", "zero", "nocoeff", "full", "snap"};
  const size_t nwithout = sizeof without / sizeof without[0];
  for (;;) {
    const lml_token word = take_word(at);
    double number;
    size_t k = 0;
    while (k < nwithout && !is_word(word, without[k])) k++;
    if (word.length == 0 || (k == nwithout && !lml_parse_real(word, &number))) return word;
  }
}

bool lml_snap_style_adds_terms(const char *pair_style) { return take_term(&pair_style).length > 0; }

bool lml_snap_style_is_zbl(const char *pair_style, double inner, double outer) {
  static const double same = 1e-6; /* Å */
  const double radii[2] = {inner, outer};
  if (!is_word(take_term(&pair_style), "zbl")) return false;
  for (size_t k = 0; k < 2; k++) {
    double radius;
    if (lml_parse_real(take_word(&pair_style), &radius) && fabs(radius - radii[k]) > same) return false;
  }
  return take_term(&pair_style).length == 0;
}

lml_status lml_snap_style_read(const char *path, lml_snap_style *style, lml_error *error) {
  lml_snap_style_free(style);
  reader r = {.path = path, .style = style};
  lml_status status = lml_script_open(path, &r.script, error);
  if (status == LML_OK) status = read_commands(&r, error);
  lml_script_close(r.script);
  lml_free(r.zbl_lines);
  lml_free(r.element_of_type);
  if (status != LML_OK) lml_snap_style_free(style);
  return status;
}

void lml_snap_style_free(lml_snap_style *style) {
  lml_free(style->snapcoeff);
  lml_free(style->snapparam);
  lml_free(style->elements.names);
  lml_zbl_free(&style->zbl);
  *style = (lml_snap_style){0};
}
