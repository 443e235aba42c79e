#include "structure/atom_line.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/frame.h"

enum { MOST_WORDS = 10000 /**< in a line, so that Properties can't ask for more memory than there is */ };

static const char plain_layout[] = "species:S:1:pos:R:3";

/* --- Properties ------------------------------------------------------------------------------------------------- */

/** The part of @p *cursor up to the next ':' or the end; false where there is none. */
static bool next_part(const char **cursor, lml_token *part) {
  if (*cursor == NULL) return false;
  const char *end = strchr(*cursor, ':');
  *part = (lml_token){*cursor, end == NULL ? strlen(*cursor) : (size_t)(end - *cursor)};
  *cursor = end == NULL ? NULL : end + 1;
  return true;
}

static bool parse_type(lml_token token, lml_value_type *type) {
  static const char *const names[] = {[LML_REAL] = "R", [LML_INTEGER] = "I", [LML_LOGICAL] = "L", [LML_TEXT] = "S"};
  for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
    if (lml_token_equals(token, names[k])) {
      *type = (lml_value_type)k;
      return true;
    }
  return false;
}

/** Which part of the structure a field is; fails where its type is not what that part needs. */
static lml_status find_role(lml_field *f, lml_error *error) {
  static const struct {
    const char *name, *alias, *wanted;
    lml_field_role role;
    lml_value_type type;
    size_t width;
  } known[] = {{"species", "symbols", "S:1", LML_FIELD_SPECIES, LML_TEXT, 1},
               {"Z", "numbers", "I:1", LML_FIELD_NUMBER, LML_INTEGER, 1},
               {"pos", "positions", "R:3", LML_FIELD_POSITION, LML_REAL, 3}};
  f->role = LML_FIELD_COLUMN;
  for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
    if (strcmp(f->name, known[k].name) != 0 && strcmp(f->name, known[k].alias) != 0) continue;
    f->role = known[k].role;
    if (f->type == known[k].type && f->width == known[k].width) return LML_OK;
    return lml_fail(error, LML_ERR_INPUT, "Properties: %s must be %s:%s", f->name, f->name, known[k].wanted);
  }
  return LML_OK;
}

static const lml_field *find_field(const lml_fields *fields, lml_field_role role, const char *name) {
  for (size_t k = 0; k < fields->count; k++)
    if (fields->list[k].role == role && (name == NULL || strcmp(fields->list[k].name, name) == 0))
      return &fields->list[k];
  return NULL;
}

static bool is_wanted(const lml_fields *fields, const char *name) {
  const char *const *wanted = fields->wanted;
  while (wanted != NULL && *wanted != NULL && strcmp(*wanted, name) != 0) wanted++;
  return wanted == NULL || *wanted != NULL;
}

/** Append a field. */
static lml_status add_field(lml_fields *fields, lml_token name, lml_value_type type, size_t width, lml_error *error) {
  lml_status status =
      lml_grow(&fields->list, &fields->capacity, fields->count + 1, sizeof *fields->list, "the columns", error);
  if (status != LML_OK) return status;
  lml_field f = {.type = type, .width = width, .name = lml_token_copy(name, error)};
  if (f.name == NULL) return LML_ERR_MEMORY;
  status = find_role(&f, error);
  const lml_field_role role = f.role;
  if (status == LML_OK && find_field(fields, role, role == LML_FIELD_COLUMN ? f.name : NULL) != NULL)
    status = lml_fail(error, LML_ERR_INPUT, "Properties name %s twice", f.name);
  if (role == LML_FIELD_COLUMN && !is_wanted(fields, f.name)) f.role = LML_FIELD_SKIPPED;
  fields->list[fields->count++] = f;
  fields->width += width;
  return status;
}

static void forget(lml_fields *fields) {
  for (size_t k = 0; k < fields->count; k++) lml_free(fields->list[k].name);
  fields->count = 0;
  fields->width = 0;
}

void lml_fields_free(lml_fields *fields) {
  forget(fields);
  lml_free(fields->list);
  *fields = (lml_fields){0};
}

lml_status lml_fields_parse(lml_fields *fields, const char *properties, lml_error *error) {
  const char *cursor = properties == NULL ? plain_layout : properties;
  lml_token name, type_name, width_text;
  forget(fields);
  fields->layout = properties == NULL ? LML_LAYOUT_PLAIN : LML_LAYOUT_STATED;
  while (next_part(&cursor, &name)) {
    lml_value_type type;
    int64_t width;
    if (name.length == 0 || !next_part(&cursor, &type_name) || !next_part(&cursor, &width_text) ||
        !parse_type(type_name, &type) || !lml_parse_integer(width_text, &width) || width < 1 ||
        width > (int64_t)(MOST_WORDS - fields->width))
      return lml_fail(error, LML_ERR_INPUT,
                      "Properties: at \"%.*s\", where NAME:TYPE:COLUMNS is expected, TYPE one of S, R, I, L",
                      LML_TOKEN_ARGS(name));
    const lml_status status = add_field(fields, name, type, (size_t)width, error);
    if (status != LML_OK) return status;
  }
  if (find_field(fields, LML_FIELD_POSITION, NULL) == NULL)
    return lml_fail(error, LML_ERR_INPUT, "Properties have no pos:R:3, the positions");
  if (find_field(fields, LML_FIELD_SPECIES, NULL) == NULL && find_field(fields, LML_FIELD_NUMBER, NULL) == NULL)
    return lml_fail(error, LML_ERR_INPUT, "Properties have neither species:S:1 nor Z:I:1");
  return LML_OK;
}

lml_status lml_fields_add_columns(lml_fields *fields, lml_frame *frame, size_t rows, lml_error *error) {
  lml_status status = lml_structure_resize(&frame->structure, rows, error);
  for (size_t k = 0; k < fields->count && status == LML_OK; k++) {
    lml_field *f = &fields->list[k];
    lml_values *column;
    if (f->role != LML_FIELD_COLUMN) continue;
    f->column = frame->ncolumns;
    status = lml_frame_add_column(frame, f->name, &column, error);
    if (status == LML_OK) status = lml_values_allocate(column, f->type, rows, f->width, error);
  }
  return status;
}

/* --- atoms ------------------------------------------------------------------------------------------------------ */

/** "w" and "SI" are W and Si, as in ASE. */
static int number_of_species(lml_token word) {
  char symbol[4];
  if (word.length == 0 || word.length >= sizeof symbol) return 0;
  for (size_t k = 0; k < word.length; k++) {
    const char c = word.text[k];
    if (k == 0)
      symbol[k] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    else
      symbol[k] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  symbol[word.length] = '\0';
  return lml_element_number(symbol);
}

static bool take_logical(lml_token word, bool *value) {
  *value = lml_token_equals(word, "T") || lml_token_equals(word, "True");
  return *value || lml_token_equals(word, "F") || lml_token_equals(word, "False");
}

static lml_status bad_word(const lml_field *f, lml_token word, const char *wanted, lml_error *error) {
  return lml_fail(error, LML_ERR_INPUT, "%s: \"%.*s\" is not %s", f->name, LML_TOKEN_ARGS(word), wanted);
}

static lml_status take_column_word(const lml_field *f, lml_values *column, size_t index, lml_token word,
                                   lml_error *error) {
  switch (column->type) {
    case LML_REAL:
      return lml_parse_any_real(word, &column->reals[index]) ? LML_OK : bad_word(f, word, "a number", error);
    case LML_INTEGER:
      return lml_parse_integer(word, &column->integers[index]) ? LML_OK : bad_word(f, word, "an integer", error);
    case LML_LOGICAL:
      return take_logical(word, &column->logicals[index]) ? LML_OK : bad_word(f, word, "T or F", error);
    case LML_TEXT:
      break;
  }
  column->texts[index] = lml_token_copy(word, error);
  return column->texts[index] == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status take_word(const lml_fields *fields, const lml_field *f, lml_token word, size_t place, size_t atom,
                            lml_frame *frame, lml_error *error) {
  lml_structure *structure = &frame->structure;
  int64_t number;
  switch (f->role) {
    case LML_FIELD_SPECIES:
      /* Where atomic numbers are given too, they count, as in ASE. */
      if (find_field(fields, LML_FIELD_NUMBER, NULL) != NULL) return LML_OK;
      structure->numbers[atom] = number_of_species(word);
      return structure->numbers[atom] > 0 ? LML_OK : bad_word(f, word, "a chemical symbol", error);
    case LML_FIELD_NUMBER:
      if (!lml_parse_integer(word, &number) || number < 1 || number > 118)
        return bad_word(f, word, "an atomic number", error);
      structure->numbers[atom] = (int)number;
      return LML_OK;
    case LML_FIELD_POSITION:
      return lml_parse_real(word, &structure->positions[3 * atom + place])
                 ? LML_OK
                 : bad_word(f, word, "a finite number", error);
    case LML_FIELD_SKIPPED:
      return LML_OK;
    case LML_FIELD_COLUMN:
      break;
  }
  return take_column_word(f, &frame->columns[f->column], atom * f->width + place, word, error);
}

lml_status lml_fields_read_line(const lml_fields *fields, lml_token line, size_t atom, lml_frame *frame,
                                lml_error *error) {
  const char *cursor = line.text, *end = line.text + line.length;
  lml_token word;
  size_t words = 0;
  for (size_t k = 0; k < fields->count; k++) {
    const lml_field *f = &fields->list[k];
    for (size_t place = 0; place < f->width; place++, words++) {
      if (!lml_next_token(&cursor, end, &word))
        return lml_fail(error, LML_ERR_INPUT, "%zu columns, of %zu that Properties name; %s is missing", words,
                        fields->width, f->name);
      const lml_status status = take_word(fields, f, word, place, atom, frame, error);
      if (status != LML_OK) return status;
    }
  }
  if (fields->layout == LML_LAYOUT_PLAIN || !lml_next_token(&cursor, end, &word)) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "\"%.*s\" is one column more than the %zu that Properties name",
                  LML_TOKEN_ARGS(word), fields->width);
}
