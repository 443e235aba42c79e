#include "potential/script/pair_styles.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "potential/descriptor.h"
#include "potential/script/atom_types.h"
#include "potential/script/pair_lines.h"
#include "potential/script/script.h"

static const char what_is_supported[] =
    "a .snap file may have 'pair_style snap' or 'pair_style hybrid/overlay zbl INNER OUTER snap', or mliap, uf3 or "
    "pace in place of snap, and 'table linear|spline N' beside it, and forces without another style would be wrong";

enum { MLIAP_WORDS = 7 /**< of the style and its settings */, MOST_POINTS = 1000000 /**< of a table */ };

/** Numbers of the styles of fixed terms, for their pair_coeff lines. */
enum { ZBL = 0, FIRST_TABLE = 1 };

/** A file being read. */
typedef struct reader {
  const char *path;
  lml_script *script;
  lml_pair_styles *styles;
  enum { STYLE_NONE, STYLE_ALONE, STYLE_HYBRID } pair_style;
  bool has_descriptors, has_zbl, has_zero; /* styles of the pair_style line */
  double inner, outer;                     /* Å */
  lml_pair_lines lines;
  lml_type_names types;
} reader;

const char *lml_pair_kind_name(lml_pair_kind kind) {
  static const char *const names[] = {
      [LML_PAIR_SNAP] = "snap", [LML_PAIR_MLIAP] = "mliap", [LML_PAIR_UF3] = "uf3", [LML_PAIR_PACE] = "pace"};
  return names[kind];
}

/* ---- pair_style ---- */

static lml_status read_number(const reader *r, const char *word, const char *what, double *value, lml_error *error) {
  if (lml_parse_real(lml_token_of(word), value)) return LML_OK;
  return lml_script_fail(r->script, error, "%s '%s' is not a finite number", what, word);
}

/** `zbl INNER OUTER` */
static lml_status read_zbl_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  if (r->has_zbl) return lml_script_fail(r->script, error, "pair style zbl is there twice: one is supported");
  if (count < 3) return lml_script_fail(r->script, error, "pair style zbl needs two radii: zbl INNER OUTER");
  r->has_zbl = true;
  *used = 3;
  lml_status status = read_number(r, words[1], "the inner radius of zbl", &r->inner, error);
  if (status == LML_OK) status = read_number(r, words[2], "the outer radius of zbl", &r->outer, error);
  if (status == LML_OK && (r->inner <= 0.0 || r->outer <= r->inner))
    return lml_script_fail(r->script, error, "zbl %s %s: the radii must be 0 < INNER < OUTER", words[1], words[2]);
  return status;
}

/** `table linear|spline N` */
static lml_status read_table_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  lml_pair_styles *s = r->styles;
  int64_t npoints;
  if (count < 3) return lml_script_fail(r->script, error, "pair style table needs a form and a number: table spline N");
  const bool spline = strcmp(words[1], "spline") == 0;
  if (!spline && strcmp(words[1], "linear") != 0)
    return lml_script_fail(r->script, error, "pair style table %s is not supported: table linear and spline are",
                           words[1]);
  if (!lml_parse_integer(lml_token_of(words[2]), &npoints) || npoints < 2 || npoints > MOST_POINTS)
    return lml_script_fail(r->script, error, "table %s %s: the number of points must be 2 to %d", words[1], words[2],
                           MOST_POINTS);
  if (s->ntables == LML_PAIR_TABLES_LIMIT)
    return lml_script_fail(r->script, error, "more than %d pair styles table: put them into one",
                           LML_PAIR_TABLES_LIMIT);
  s->tables[s->ntables++].style =
      (lml_table_style){.form = spline ? LML_TABLE_SPLINE : LML_TABLE_LINEAR, .npoints = (size_t)npoints};
  *used = 3;
  return LML_OK;
}

/** `zero CUTOFF [nocoeff] [full]`, which adds nothing. */
static lml_status read_zero_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  double cutoff;
  if (count < 2) return lml_script_fail(r->script, error, "pair style zero needs a cutoff: zero CUTOFF");
  r->has_zero = true;
  for (*used = 2; *used < count; ++*used)
    if (strcmp(words[*used], "nocoeff") != 0 && strcmp(words[*used], "full") != 0) break;
  return read_number(r, words[1], "the cutoff of zero", &cutoff, error);
}

/** `snap` has no settings. */
static lml_status read_snap_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  (void)r;
  (void)words;
  (void)count;
  (void)error;
  *used = 1;
  return LML_OK;
}

/** `mliap model linear|quadratic FILE descriptor sna FILE`, the parts in any order. */
static lml_status read_mliap_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  lml_pair_styles *styles = r->styles;
  *used = MLIAP_WORDS;
  for (size_t k = 1; k < MLIAP_WORDS; k += 3) {
    const char *key = k < count ? words[k] : "", *value = k + 1 < count ? words[k + 1] : "";
    const bool is_model = strcmp(key, "model") == 0, is_descriptor = strcmp(key, "descriptor") == 0;
    char **file = is_model ? &styles->file : &styles->parameters;
    if (k + 2 >= count || !(is_model || is_descriptor) || *file != NULL)
      return lml_script_fail(r->script, error,
                             "expected 'mliap model linear|quadratic FILE descriptor sna FILE', as other models and "
                             "descriptors of mliap are not supported");
    const bool quadratic = strcmp(value, "quadratic") == 0;
    if (is_model && !quadratic && strcmp(value, "linear") != 0)
      return lml_script_fail(r->script, error,
                             "mliap model %s is not supported: linear and quadratic ones are, whose energies are a sum "
                             "of coefficients times descriptors",
                             value);
    if (is_descriptor && strcmp(value, "sna") != 0)
      return lml_script_fail(r->script, error, "mliap descriptor %s is not supported: sna is, that of SNAP", value);
    if (is_model) styles->quadratic = quadratic;
    *file = lml_path_beside(r->path, words[k + 2], error);
    if (*file == NULL) return LML_ERR_MEMORY;
  }
  return LML_OK;
}

/** `uf3 2|3` */
static lml_status read_uf3_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  *used = 2;
  const bool two = count > 1 && strcmp(words[1], "2") == 0;
  if (!two && (count < 2 || strcmp(words[1], "3") != 0))
    return lml_script_fail(r->script, error, "pair style uf3 needs the number of atoms of its terms: uf3 2 or uf3 3");
  r->styles->order = two ? 2 : 3;
  return LML_OK;
}

/** `pace [recursive|product] [chunksize N]`, which say how it is evaluated. */
static lml_status read_pace_settings(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  double number;
  for (*used = 1; *used < count; ++*used) {
    if (strcmp(words[*used], "recursive") == 0 || strcmp(words[*used], "product") == 0) continue;
    if (strcmp(words[*used], "chunksize") != 0 || *used + 1 == count) break;
    const lml_status status = read_number(r, words[++*used], "chunksize", &number, error);
    if (status != LML_OK) return status;
  }
  return LML_OK;
}

/** A style of the pair_style line; its settings begin with its name. */
typedef struct known_style {
  const char *name;
  enum { DESCRIPTORS, TERM } what;
  lml_pair_kind kind; /* of descriptors */
  lml_status (*read)(reader *r, char *const *words, size_t count, size_t *used, lml_error *error);
} known_style;

static const known_style known_styles[] = {
    {"zbl", TERM, LML_PAIR_SNAP, read_zbl_settings},
    {"table", TERM, LML_PAIR_SNAP, read_table_settings},
    {"zero", TERM, LML_PAIR_SNAP, read_zero_settings},
    {"snap", DESCRIPTORS, LML_PAIR_SNAP, read_snap_settings},
    {"mliap", DESCRIPTORS, LML_PAIR_MLIAP, read_mliap_settings},
    {"uf3", DESCRIPTORS, LML_PAIR_UF3, read_uf3_settings},
    {"pace", DESCRIPTORS, LML_PAIR_PACE, read_pace_settings},
};

static lml_status read_style(reader *r, char *const *words, size_t count, size_t *used, lml_error *error) {
  const size_t nknown = sizeof known_styles / sizeof known_styles[0];
  size_t k = 0;
  while (k < nknown && strcmp(words[0], known_styles[k].name) != 0) k++;
  if (k == nknown)
    return lml_script_fail(r->script, error, "pair style %s is not supported: %s", words[0], what_is_supported);
  const known_style *style = &known_styles[k];
  if (style->what == DESCRIPTORS) {
    if (r->has_descriptors)
      return lml_script_fail(r->script, error,
                             "pair style %s is there twice, or beside another of snap, mliap, uf3 and pace: one is "
                             "supported",
                             words[0]);
    r->has_descriptors = true;
    r->styles->kind = style->kind;
  }
  return style->read(r, words, count, used, error);
}

static lml_status read_pair_style(reader *r, const lml_script_command *command, lml_error *error) {
  if (r->pair_style != STYLE_NONE) return lml_script_fail(r->script, error, "a second pair_style: one is supported");
  if (command->count < 2) return lml_script_fail(r->script, error, "pair_style without a style: %s", what_is_supported);
  const char *style = command->words[1];
  const bool overlay = strcmp(style, "hybrid/overlay") == 0, hybrid = overlay || strcmp(style, "hybrid") == 0;
  r->pair_style = hybrid ? STYLE_HYBRID : STYLE_ALONE;
  for (size_t k = hybrid ? 2 : 1, used = 0; k < command->count; k += used) {
    const lml_status status = read_style(r, command->words + k, command->count - k, &used, error);
    if (status != LML_OK) return status;
  }
  if (!r->has_descriptors)
    return lml_script_fail(r->script, error, "no SNAP, UF3 or ACE potential here: %s", what_is_supported);
  if (overlay || !(r->has_zbl || r->has_zero || r->styles->ntables > 0)) return LML_OK;
  if (!hybrid) return lml_script_fail(r->script, error, "several styles need hybrid/overlay: %s", what_is_supported);
  return lml_script_fail(r->script, error,
                         "pair style hybrid is not supported with more than %s, as it would not add the terms: %s",
                         lml_pair_kind_name(r->styles->kind), what_is_supported);
}

/* ---- pair_coeff of fixed terms ---- */

static lml_status read_ranges(const reader *r, char *const *words, lml_pair_line *line, lml_error *error) {
  lml_type_range *ranges[] = {&line->i, &line->j};
  for (size_t k = 0; k < 2; k++)
    if (!lml_type_range_parse(words[1 + k], ranges[k]))
      return lml_script_fail(r->script, error, "'%s' is no range of atom types such as 1, *, 2*, *3 or 1*2",
                             words[1 + k]);
  /* LAMMPS puts two plain types in order by itself; of ranges it takes the pairs with i ≤ j alone. */
  if (strchr(words[1], '*') == NULL && strchr(words[2], '*') == NULL && line->i.low > line->j.low) {
    const lml_type_range swap = line->i;
    line->i = line->j;
    line->j = swap;
  }
  return LML_OK;
}

/** `pair_coeff I J zbl Zi Zj` */
static lml_status read_zbl_line(reader *r, const lml_script_command *command, lml_error *error) {
  char *const *words = command->words;
  if (command->count != 6)
    return lml_script_fail(r->script, error, "expected 'pair_coeff I J zbl Zi Zj' with two nuclear charges");
  lml_pair_line line = {.line = command->line, .style = ZBL};
  lml_status status = read_ranges(r, words, &line, error);
  if (status == LML_OK) status = read_number(r, words[4], "the nuclear charge", &line.zi, error);
  if (status == LML_OK) status = read_number(r, words[5], "the nuclear charge", &line.zj, error);
  if (status != LML_OK) return status;
  if (line.zi < 0.0 || line.zj < 0.0)
    return lml_script_fail(r->script, error, "zbl %s %s: a nuclear charge is negative", words[4], words[5]);
  return lml_pair_lines_take(&r->lines, line, error);
}

/** Which of the table styles a line is of: its number stands there where there are several. *@p first becomes the word
 *  behind it. */
static lml_status read_table_number(const reader *r, const lml_script_command *command, size_t *style, size_t *first,
                                    lml_error *error) {
  int64_t number = 1;
  const char *word = command->count > 4 ? command->words[4] : "";
  *first = r->styles->ntables > 1 ? 5 : 4;
  if (r->styles->ntables > 1 &&
      (!lml_parse_integer(lml_token_of(word), &number) || number < 1 || (size_t)number > r->styles->ntables))
    return lml_script_fail(r->script, error, "after table must follow which of the %zu table styles is meant, not '%s'",
                           r->styles->ntables, word);
  *style = FIRST_TABLE + (size_t)number - 1;
  return LML_OK;
}

/** `pair_coeff I J table [NUMBER] FILE SECTION [CUTOFF]` */
static lml_status read_table_line(reader *r, const lml_script_command *command, lml_error *error) {
  char *const *words = command->words;
  lml_pair_line line = {.line = command->line};
  size_t first = 0;
  lml_status status = read_table_number(r, command, &line.style, &first, error);
  if (status == LML_OK) status = read_ranges(r, words, &line, error);
  if (status != LML_OK) return status;
  if (command->count < first + 2 || command->count > first + 3)
    return lml_script_fail(r->script, error,
                           "expected 'pair_coeff I J table FILE SECTION' or 'pair_coeff I J table FILE SECTION "
                           "CUTOFF', with a number behind table where there are several");
  if (command->count == first + 3)
    status = read_number(r, words[first + 2], "the cutoff of the table", &line.cutoff, error);
  if (status == LML_OK && command->count == first + 3 && line.cutoff <= 0.0)
    return lml_script_fail(r->script, error, "the cutoff of the table must be positive");
  if (status != LML_OK) return status;
  line.path = lml_path_beside(r->path, words[first], error);
  if (line.path != NULL) line.section = lml_strdup(words[first + 1], error);
  if (line.section == NULL) {
    lml_free(line.path);
    return LML_ERR_MEMORY;
  }
  return lml_pair_lines_take(&r->lines, line, error);
}

/* ---- pair_coeff of descriptors ---- */

/** Files that stand on the pair_coeff line of descriptors. */
static size_t count_files(lml_pair_kind kind) { return kind == LML_PAIR_SNAP ? 2 : kind == LML_PAIR_MLIAP ? 0 : 1; }

static lml_status fail_files(const reader *r, lml_error *error) {
  static const char *const expected[] = {[LML_PAIR_SNAP] = "a .snapcoeff file, a .snapparam file and the elements",
                                         [LML_PAIR_MLIAP] = "the elements",
                                         [LML_PAIR_UF3] = "a .uf3 file and the elements",
                                         [LML_PAIR_PACE] = "a .yace file and the elements"};
  return lml_script_fail(r->script, error, "expected %s", expected[r->styles->kind]);
}

/** `pair_coeff * * [STYLE] FILE... ELEMENT...`; what follows the style begins at word @p first. */
static lml_status read_descriptors_line(reader *r, const lml_script_command *command, size_t first, lml_error *error) {
  char *const *words = command->words;
  lml_pair_styles *styles = r->styles;
  const char *name = lml_pair_kind_name(styles->kind);
  const size_t nfiles = count_files(styles->kind);
  if (r->types.count != 0)
    return lml_script_fail(r->script, error, "a second pair_coeff for %s: one is supported", name);
  if (strcmp(words[1], "*") != 0 || strcmp(words[2], "*") != 0)
    return lml_script_fail(r->script, error, "pair_coeff %s %s … for %s must be 'pair_coeff * * …'", words[1], words[2],
                           name);
  if (command->count < first + nfiles + 1) return fail_files(r, error);
  for (size_t k = 0; k < nfiles; k++) {
    char **file = k == 0 ? &styles->file : &styles->parameters;
    *file = lml_path_beside(r->path, words[first + k], error);
    if (*file == NULL) return LML_ERR_MEMORY;
  }
  const size_t ntypes = command->count - first - nfiles;
  if (ntypes > LML_ELEMENTS_LIMIT)
    return lml_script_fail(r->script, error, "%zu atom types are more than the %d supported", ntypes,
                           LML_ELEMENTS_LIMIT);
  const char *wrong = NULL;
  const lml_status status = lml_type_names_set(&r->types, words + first + nfiles, ntypes, &wrong, error);
  if (status == LML_OK && wrong != NULL) return lml_script_fail(r->script, error, "'%s' is no element", wrong);
  const bool may_be_bare = styles->kind == LML_PAIR_SNAP && r->pair_style == STYLE_HYBRID;
  if (status == LML_OK && !may_be_bare && lml_type_names_has_bare(&r->types))
    return lml_script_fail(r->script, error,
                           "element NULL (atoms without %s) is not supported here: name an element for every type",
                           name);
  return status;
}

static lml_status read_pair_coeff(reader *r, const lml_script_command *command, lml_error *error) {
  if (r->pair_style == STYLE_NONE) return lml_script_fail(r->script, error, "pair_coeff before pair_style");
  if (command->count < 4) return lml_script_fail(r->script, error, "pair_coeff with too few words");
  const char *style = command->words[3], *own = lml_pair_kind_name(r->styles->kind);
  if (r->pair_style == STYLE_ALONE && strcmp(style, own) == 0)
    return lml_script_fail(r->script, error, "with 'pair_style %s' alone the %s follow 'pair_coeff * *' at once", own,
                           r->styles->kind == LML_PAIR_MLIAP ? "elements" : "files");
  if (r->pair_style == STYLE_ALONE) return read_descriptors_line(r, command, 3, error);
  if (strcmp(style, "zbl") == 0 && r->has_zbl) return read_zbl_line(r, command, error);
  if (strcmp(style, "table") == 0 && r->styles->ntables > 0) return read_table_line(r, command, error);
  if (strcmp(style, "zero") == 0 && r->has_zero) return LML_OK;
  if (strcmp(style, own) == 0) return read_descriptors_line(r, command, 4, error);
  return lml_script_fail(r->script, error, "pair_coeff for style '%s', which is not among those of the pair_style line",
                         style);
}

/* ---- other commands ---- */

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

/** `labelmap atom TYPE LABEL ...` */
static lml_status read_labelmap(reader *r, const lml_script_command *command, lml_error *error) {
  char *const *words = command->words;
  bool valid = command->count > 3 && command->count % 2 == 0 && strcmp(words[1], "atom") == 0;
  for (size_t k = 2; valid && k + 1 < command->count; k += 2) {
    lml_type_range range;
    valid = strchr(words[k], '*') == NULL && lml_type_range_parse(words[k], &range);
    const lml_status status = valid ? lml_type_names_label(&r->types, range.low, words[k + 1], error) : LML_OK;
    if (status != LML_OK) return status;
  }
  return valid ? LML_OK : lml_script_fail(r->script, error, "expected 'labelmap atom TYPE LABEL ...'");
}

static lml_status read_command(reader *r, const lml_script_command *command, lml_error *error) {
  const char *name = command->words[0];
  if (strcmp(name, "pair_style") == 0) return read_pair_style(r, command, error);
  if (strcmp(name, "pair_coeff") == 0) return read_pair_coeff(r, command, error);
  if (strcmp(name, "neigh_modify") == 0) return read_neigh_modify(r, command, error);
  if (strcmp(name, "labelmap") == 0) return read_labelmap(r, command, error);
  if (strcmp(name, "mass") == 0 || strcmp(name, "neighbor") == 0) return LML_OK;
  return lml_script_fail(r->script, error,
                         "command '%s' is not supported: a .snap file may have variable, pair_style, pair_coeff, "
                         "labelmap, mass, neighbor and neigh_modify, as others may change the forces",
                         name);
}

/* ---- the fixed terms, from types to elements ---- */

/** The pairs of elements of one style of fixed terms. */
typedef struct {
  size_t count; /* elements² */
  const lml_pair_line **line;
  bool *swapped;
} pairs;

static lml_status find_pairs(const reader *r, size_t style, const lml_atom_types *types, pairs *found,
                             lml_error *error) {
  *found = (pairs){.count = types->nelements * types->nelements};
  lml_status status = lml_alloc((void *)&found->line, found->count, sizeof(lml_pair_line *), "fixed terms", error);
  if (status == LML_OK) status = lml_alloc(&found->swapped, found->count, sizeof(bool), "fixed terms", error);
  if (status != LML_OK) return status;
  return lml_pair_lines_apply(&r->lines, style, types, r->path, found->line, found->swapped, error);
}

static void free_pairs(pairs *found) {
  lml_free((void *)found->line);
  lml_free(found->swapped);
}

static bool has_lines(const reader *r, size_t style) {
  size_t k = 0;
  while (k < r->lines.count && r->lines.lines[k].style != style) k++;
  return k < r->lines.count;
}

static lml_status build_zbl(const reader *r, const lml_atom_types *types, lml_error *error) {
  lml_zbl *zbl = &r->styles->zbl;
  pairs found = {0};
  if (!r->has_zbl) return LML_OK;
  if (!has_lines(r, ZBL))
    return lml_fail(error, LML_ERR_INPUT, "%s: pair_style has zbl, but no 'pair_coeff I J zbl Zi Zj' line", r->path);
  lml_status status = find_pairs(r, ZBL, types, &found, error);
  if (status == LML_OK) status = lml_alloc(&zbl->zi, found.count, sizeof *zbl->zi, "the ZBL term", error);
  if (status == LML_OK) status = lml_alloc(&zbl->zj, found.count, sizeof *zbl->zj, "the ZBL term", error);
  for (size_t p = 0; p < found.count && status == LML_OK; p++) {
    const lml_pair_line *line = found.line[p];
    if (line == NULL) continue;
    zbl->zi[p] = found.swapped[p] ? line->zj : line->zi;
    zbl->zj[p] = found.swapped[p] ? line->zi : line->zj;
    zbl->inner = r->inner;
    zbl->outer = r->outer;
  }
  free_pairs(&found);
  return status;
}

/** The source that @p line names, which is added where it is a new one; 1 + its index. */
static lml_status find_source(lml_pair_tables *tables, const lml_pair_line *line, size_t *place, lml_error *error) {
  for (size_t k = 0; k < tables->nsources; k++) {
    const lml_table_source *known = &tables->sources[k];
    *place = k + 1;
    if (strcmp(known->path, line->path) == 0 && strcmp(known->section, line->section) == 0 &&
        known->cutoff == line->cutoff)
      return LML_OK;
  }
  lml_table_source *source = &tables->sources[tables->nsources++];
  *place = tables->nsources;
  source->cutoff = line->cutoff;
  source->path = lml_strdup(line->path, error);
  if (source->path != NULL) source->section = lml_strdup(line->section, error);
  return source->section == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status build_tables(const reader *r, size_t number, const lml_atom_types *types, lml_error *error) {
  lml_pair_tables *tables = &r->styles->tables[number];
  pairs found = {0};
  if (!has_lines(r, FIRST_TABLE + number))
    return lml_fail(error, LML_ERR_INPUT, "%s: pair_style has table, but no 'pair_coeff I J table FILE SECTION' line",
                    r->path);
  lml_status status = find_pairs(r, FIRST_TABLE + number, types, &found, error);
  if (status == LML_OK) status = lml_alloc(&tables->of_pair, found.count, sizeof(size_t), "tables", error);
  if (status == LML_OK) status = lml_alloc(&tables->sources, found.count, sizeof *tables->sources, "tables", error);
  for (size_t p = 0; p < found.count && status == LML_OK; p++)
    if (found.line[p] != NULL) status = find_source(tables, found.line[p], &tables->of_pair[p], error);
  free_pairs(&found);
  return status;
}

static lml_status build_terms(const reader *r, const lml_atom_types *types, lml_error *error) {
  lml_status status = build_zbl(r, types, error);
  for (size_t k = 0; k < r->styles->ntables && status == LML_OK; k++) status = build_tables(r, k, types, error);
  return status;
}

/* ---- the file ---- */

static lml_status read_commands(reader *r, lml_error *error) {
  lml_script_command command;
  lml_atom_types types = {0};
  bool end = false;
  lml_status status = LML_OK;
  while (status == LML_OK && !end) {
    status = lml_script_next(r->script, &command, &end, error);
    if (status == LML_OK && !end) status = read_command(r, &command, error);
  }
  if (status != LML_OK) return status;
  if (r->pair_style == STYLE_NONE) return lml_fail(error, LML_ERR_INPUT, "%s: no pair_style line", r->path);
  if (r->types.count == 0)
    return lml_fail(error, LML_ERR_INPUT, "%s: no 'pair_coeff * * …' line that names the potential's elements",
                    r->path);
  status = lml_type_names_resolve(&r->types, &r->lines, r->path, &r->styles->warnings, error);
  if (status == LML_OK)
    status = lml_type_names_elements(&r->types, &r->styles->elements, &r->styles->nbare, &types, r->path, error);
  if (status == LML_OK) status = build_terms(r, &types, error);
  lml_free(types.element);
  return status;
}

bool lml_pair_styles_is_name(const char *path) {
  return lml_path_has_extension(path, ".snap") || lml_path_has_extension(path, ".mod") ||
         lml_path_has_extension(path, ".mliap");
}

lml_status lml_pair_styles_read(const char *path, lml_pair_styles *styles, lml_error *error) {
  lml_pair_styles_free(styles);
  reader r = {.path = path, .styles = styles};
  lml_status status = lml_script_open(path, &r.script, error);
  if (status == LML_OK) status = read_commands(&r, error);
  lml_script_close(r.script);
  lml_pair_lines_free(&r.lines);
  lml_type_names_free(&r.types);
  if (status != LML_OK) lml_pair_styles_free(styles);
  return status;
}

void lml_pair_styles_free(lml_pair_styles *styles) {
  lml_free(styles->file);
  lml_free(styles->parameters);
  lml_free(styles->elements.names);
  lml_zbl_free(&styles->zbl);
  for (size_t k = 0; k < styles->ntables; k++) {
    lml_pair_tables *tables = &styles->tables[k];
    for (size_t s = 0; s < tables->nsources; s++) {
      lml_free(tables->sources[s].path);
      lml_free(tables->sources[s].section);
    }
    lml_free(tables->sources);
    lml_free(tables->of_pair);
  }
  lml_text_list_free(&styles->warnings);
  *styles = (lml_pair_styles){0};
}
