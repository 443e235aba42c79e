#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/print.h"
#include "base/sys.h"
#include "base/text.h"
#include "structure/atom_line.h"
#include "structure/checked_frame.h"
#include "structure/comment_line.h"
#include "structure/frame.h"

enum {
  FIRST_ROWS = 256,  /**< atoms that room is made for before any was read */
  MOST_KEYS = 10000, /**< of a comment line */
  MOST_ATOMS = 2147483647
};

struct lml_xyz_reader {
  lml_lines *lines;
  lml_fields fields; /**< of the frame that is read */
  char *scratch;
  size_t scratch_capacity;
  bool torn;             /**< the file ended within a frame */
  size_t first;          /**< line with which the frame began */
  lml_checked_lines sum; /**< of the frame, as far as it was read */
};

/* --- lines ------------------------------------------------------------------------------------------------------ */

#define HERE_FORMAT "%s:%zu: "
#define HERE(reader) lml_lines_path((reader)->lines), lml_lines_number((reader)->lines)

/** "FILE:LINE: " in front of a message from elsewhere. */
static lml_status add_place(const lml_xyz_reader *reader, lml_status status, lml_error *error) {
  if (status != LML_OK) lml_fail_context(error, "%s:%zu", HERE(reader));
  return status;
}

/** The next line, NULL at the end of the file. A line without a newline is taken for what an interrupted writer left,
 *  unless it is blank. */
static lml_status next_line(lml_xyz_reader *reader, lml_token *line, lml_error *error) {
  const lml_status status = lml_lines_next(reader->lines, &line->text, &line->length, error);
  if (status != LML_OK || line->text == NULL) return status;
  if (memchr(line->text, '\0', line->length) != NULL)
    return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "the line holds a NUL byte; this is no text file", HERE(reader));
  reader->torn = lml_lines_torn(reader->lines) && lml_trim(*line).length > 0;
  if (reader->torn)
    return lml_fail(error, LML_ERR_INPUT,
                    HERE_FORMAT
                    "the file's last line has no newline, so it may have been cut off; add one if it is "
                    "whole",
                    HERE(reader));
  return LML_OK;
}

/** Read the number of atoms; 0 at the end of the file, before which there may be blank lines. */
static lml_status read_natoms(lml_xyz_reader *reader, size_t *natoms, lml_error *error) {
  lml_token line, whole;
  bool blank = false;
  int64_t count;
  *natoms = 0;
  for (;;) {
    const lml_status status = next_line(reader, &line, error);
    if (status != LML_OK || line.text == NULL) return status;
    whole = line;
    line = lml_trim(line);
    if (line.length > 0) break;
    blank = true;
  }
  if (blank)
    return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "there is a blank line before this frame; remove it",
                    HERE(reader));
  if (!lml_parse_integer(line, &count))
    return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "\"%.*s\" is not a number of atoms", HERE(reader),
                    LML_TOKEN_ARGS(line));
  reader->first = lml_lines_number(reader->lines);
  lml_checked_lines_begin(&reader->sum, whole.text, whole.length);
  if (count <= 0 || count > MOST_ATOMS)
    return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "the number of atoms is %lld; it must be from 1 to %d",
                    HERE(reader), (long long)count, MOST_ATOMS);
  *natoms = (size_t)count;
  return LML_OK;
}

static lml_status read_comment(lml_xyz_reader *reader, lml_token *line, lml_error *error) {
  const lml_status status = next_line(reader, line, error);
  if (status != LML_OK || line->text != NULL) return status;
  reader->torn = true;
  return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "the file ends before the frame's comment line", HERE(reader));
}

static lml_status read_atom_line(lml_xyz_reader *reader, size_t index, size_t natoms, lml_token *line,
                                 lml_error *error) {
  const lml_status status = next_line(reader, line, error);
  if (status != LML_OK || line->text != NULL) return status;
  reader->torn = true;
  return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "the file ends after %zu of the frame's %zu atoms", HERE(reader),
                  index, natoms);
}

/* --- the comment line ------------------------------------------------------------------------------------------- */

static lml_status take_lattice(const lml_xyz_reader *reader, lml_structure *structure, const char *value,
                               lml_error *error) {
  lml_token words[10];
  const size_t count = lml_split(value, strlen(value), words, 10);
  for (size_t k = 0; k < 9 && count == 9; k++)
    if (!lml_parse_real(words[k], &structure->cell[k]))
      return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "Lattice: \"%.*s\" is not a finite number", HERE(reader),
                      LML_TOKEN_ARGS(words[k]));
  if (count == 9) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "Lattice has %zu numbers; it must have 9: a, b, c", HERE(reader),
                  count);
}

/** One or three logicals, or integers 0 and 1. */
static lml_status take_pbc(const lml_xyz_reader *reader, lml_structure *structure, const char *value,
                           lml_error *error) {
  lml_values parsed = {.name = lml_strdup("pbc", error)};
  if (parsed.name == NULL) return LML_ERR_MEMORY;
  lml_status status = lml_comment_value(&parsed, value, error);
  bool good = status == LML_OK && (parsed.width == 1 || parsed.width == 3) &&
              (parsed.type == LML_LOGICAL || parsed.type == LML_INTEGER);
  for (size_t k = 0; k < 3 && good; k++) {
    const size_t from = parsed.width == 1 ? 0 : k;
    if (parsed.type == LML_INTEGER && (parsed.integers[from] & ~INT64_C(1)) != 0) good = false;
    structure->pbc[k] = parsed.type == LML_LOGICAL ? parsed.logicals[from] : parsed.integers[from] != 0;
  }
  lml_values_release(&parsed);
  if (status == LML_OK && !good)
    status = lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "pbc=\"%.60s\" is not three logicals such as \"T T F\"",
                      HERE(reader), value);
  return status;
}

static lml_status take_info(lml_frame *frame, const char *key, const char *value, lml_error *error) {
  lml_values *info;
  const lml_status status = lml_frame_add_info(frame, key, &info, error);
  return status == LML_OK ? lml_comment_value(info, value, error) : status;
}

/** Room for both words of the longest key and value of the line. */
static lml_status reserve_scratch(lml_xyz_reader *reader, size_t length, lml_error *error) {
  return lml_grow(&reader->scratch, &reader->scratch_capacity, length + 4, 1, "a comment line", error);
}

/** Whether @p info is what the missing key @p name would be, misspelt: nine numbers or three logicals near its name. */
static bool is_misspelt(const lml_values *info, const char *name) {
  const size_t count = info->count * info->width;
  const bool cell = strcmp(name, "Lattice") == 0 && info->type != LML_TEXT && count == 9;
  const bool periods = strcmp(name, "pbc") == 0 && info->type == LML_LOGICAL && count == 3;
  return (cell || periods) && lml_nearest(info->name, &name, 1) != NULL;
}

/** Fail where a key is a name of the format in another case or misspelt, or a cell under another name, and the right
 * one is missing: without it the structure would silently be another. */
static lml_status check_names(const lml_xyz_reader *reader, const lml_frame *frame, bool lattice, bool pbc,
                              const char *properties, lml_error *error) {
  const struct {
    const char *like, *name;
    bool there;
    size_t numbers; /**< that it would hold; 0: no matter */
  } names[] = {{"Lattice", "Lattice", lattice, 9},
               {"cell", "Lattice", lattice, 9},
               {"pbc", "pbc", pbc, 0},
               {"Properties", "Properties", properties != NULL, 0}};
  for (size_t k = 0; k < frame->ninfo; k++)
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      const lml_values *info = &frame->info[k];
      if (names[i].there) continue;
      if (strcasecmp(info->name, names[i].like) != 0) {
        if (!is_misspelt(info, names[i].like)) continue;
        return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "the key %s is not known: is '%s' meant?", HERE(reader),
                        info->name, names[i].name);
      }
      if (names[i].numbers > 0 && (info->type == LML_TEXT || info->count * info->width != names[i].numbers)) continue;
      return lml_fail(error, LML_ERR_INPUT,
                      HERE_FORMAT "the key %s is not known, as its name in extended XYZ is %s: write it so",
                      HERE(reader), info->name, names[i].name);
    }
  return LML_OK;
}

/** Take the comment line into @p frame, and its Properties into *@p properties (the caller frees them; NULL where there
 *  are none). */
static lml_status take_comment(lml_xyz_reader *reader, lml_token line, lml_frame *frame, char **properties,
                               lml_error *error) {
  lml_structure *structure = &frame->structure;
  bool end = false, lattice = false, pbc = false;
  lml_status status = reserve_scratch(reader, line.length, error);
  lml_comment comment = {.at = line.text, .scratch = reader->scratch};
  for (size_t keys = 0; status == LML_OK; keys++) {
    status = lml_comment_next(&comment, &end, error);
    if (status != LML_OK) return add_place(reader, status, error);
    if (end) break;
    if (keys == MOST_KEYS)
      return lml_fail(error, LML_ERR_INPUT, HERE_FORMAT "the comment line has more than %d keys", HERE(reader),
                      MOST_KEYS);
    if (strcmp(comment.key, "Lattice") == 0) {
      lattice = true;
      status = take_lattice(reader, structure, comment.value, error);
    } else if (strcmp(comment.key, "pbc") == 0) {
      pbc = true;
      status = take_pbc(reader, structure, comment.value, error);
    } else if (strcmp(comment.key, "Properties") == 0) {
      lml_free(*properties);
      *properties = lml_strdup(comment.value, error);
      status = *properties == NULL ? LML_ERR_MEMORY : LML_OK;
    } else {
      status = take_info(frame, comment.key, comment.value, error);
    }
  }
  if (status == LML_OK) status = check_names(reader, frame, lattice, pbc, *properties, error);
  if (status == LML_OK && lattice && !pbc) structure->pbc[0] = structure->pbc[1] = structure->pbc[2] = true;
  return status;
}

/* --- atoms ------------------------------------------------------------------------------------------------------ */

static lml_status resize_rows(lml_frame *frame, size_t rows, lml_error *error) {
  lml_status status = lml_structure_resize(&frame->structure, rows, error);
  for (size_t k = 0; k < frame->ncolumns && status == LML_OK; k++)
    status = lml_values_resize(&frame->columns[k], rows, error);
  return status;
}

/** Room grows with the atoms that are really there, as the number that the file states is just a claim. */
static lml_status read_atoms(lml_xyz_reader *reader, lml_frame *frame, size_t natoms, lml_error *error) {
  size_t rows = natoms < FIRST_ROWS ? natoms : FIRST_ROWS;
  lml_status status = lml_fields_add_columns(&reader->fields, frame, rows, error);
  for (size_t atom = 0; atom < natoms && status == LML_OK; atom++) {
    lml_token line;
    status = read_atom_line(reader, atom, natoms, &line, error);
    if (status == LML_OK) lml_checked_lines_add(&reader->sum, line.text, line.length);
    if (status == LML_OK && atom == rows) {
      rows = natoms / 2 < rows ? natoms : 2 * rows;
      status = resize_rows(frame, rows, error);
    }
    if (status != LML_OK) break;
    status = add_place(reader, lml_fields_read_line(&reader->fields, line, atom, frame, error), error);
  }
  return status;
}

/* --- frames ----------------------------------------------------------------------------------------------------- */

lml_status lml_xyz_open(const char *path, lml_xyz_reader **reader, lml_error *error) {
  lml_status status = lml_alloc(reader, 1, sizeof **reader, "a reader", error);
  if (status == LML_OK) status = lml_lines_open(path, &(*reader)->lines, error);
  if (status == LML_OK) return LML_OK;
  lml_free(*reader);
  *reader = NULL;
  return status;
}

bool lml_xyz_torn(const lml_xyz_reader *reader) { return reader->torn; }

lml_xyz_place lml_xyz_tell(const lml_xyz_reader *reader) {
  const lml_lines_place place = lml_lines_tell(reader->lines);
  return (lml_xyz_place){.offset = place.offset, .line = place.number};
}

lml_status lml_xyz_seek(lml_xyz_reader *reader, lml_xyz_place place, lml_error *error) {
  reader->torn = false;
  return lml_lines_seek(reader->lines, (lml_lines_place){.offset = place.offset, .number = place.line}, error);
}

void lml_xyz_close(lml_xyz_reader *reader) {
  if (reader == NULL) return;
  lml_fields_free(&reader->fields);
  lml_free(reader->scratch);
  lml_lines_close(reader->lines);
  lml_free(reader);
}

/** Of a frame that says what its checksum is: how to go on where it is not that frame any more. */
static lml_status fail_changed(const lml_xyz_reader *reader, const char *reason, lml_error *error) {
  return lml_fail(
      error, LML_ERR_INPUT,
      "%.300s; the frame of a force log that begins in line %zu was changed or damaged since it was written: "
      "lmlink-serve --check with this file as its log sets it aside; where the change is meant, remove "
      "lmlink_log, log_bytes and log_checksum from its comment line",
      reason, reader->first);
}

/** What was read must be what was written, where the frame says what that was. */
static lml_status check_sum(lml_xyz_reader *reader, lml_status status, lml_error *error) {
  char reason[LML_ERROR_MESSAGE_SIZE];
  if (status == LML_OK && !lml_checked_lines_end(&reader->sum)) {
    lml_print_cut(reason, sizeof reason, HERE_FORMAT "the checksum of the frame does not fit", HERE(reader));
    return fail_changed(reader, reason, error);
  }
  if (status != LML_ERR_INPUT || error == NULL || reader->torn || !reader->sum.has_header) return status;
  memcpy(reason, error->message, sizeof reason);
  return fail_changed(reader, reason, error);
}

static lml_status read_frame(lml_xyz_reader *reader, size_t natoms, lml_frame *frame, lml_error *error) {
  lml_token line;
  char *properties = NULL;
  lml_status status = read_comment(reader, &line, error);
  if (status == LML_OK) lml_checked_lines_comment(&reader->sum, line.text, line.length);
  if (status == LML_OK) status = take_comment(reader, line, frame, &properties, error);
  if (status == LML_OK) status = add_place(reader, lml_fields_parse(&reader->fields, properties, error), error);
  lml_free(properties);
  if (status == LML_OK) status = read_atoms(reader, frame, natoms, error);
  return check_sum(reader, status, error);
}

lml_status lml_xyz_read(lml_xyz_reader *reader, lml_frame *frame, bool *end, lml_error *error) {
  size_t natoms;
  lml_frame_free(frame);
  *end = false;
  lml_status status = read_natoms(reader, &natoms, error);
  if (status != LML_OK) return status;
  *end = natoms == 0;
  if (*end) return LML_OK;
  status = read_frame(reader, natoms, frame, error);
  if (status != LML_OK) lml_frame_free(frame);
  return status;
}

lml_status lml_frame_parse(const char *name, const char *text, size_t length, const char *const *columns,
                           lml_frame *frame, lml_error *error) {
  lml_xyz_reader *reader;
  bool end = false;
  lml_frame_free(frame);
  lml_status status = lml_alloc(&reader, 1, sizeof *reader, "a reader", error);
  if (status != LML_OK) return status;
  reader->fields.wanted = columns;
  status = lml_lines_open_text(name, text, length, &reader->lines, error);
  if (status == LML_OK) status = lml_xyz_read(reader, frame, &end, error);
  if (status == LML_OK && end) status = lml_fail(error, LML_ERR_INPUT, "%s: there is no frame", name);
  lml_xyz_close(reader);
  return status;
}

/* --- one frame of a file ---------------------------------------------------------------------------------------- */

/** Step over a frame without looking at its contents. */
static lml_status skip_frame(lml_xyz_reader *reader, bool *end, lml_error *error) {
  size_t natoms;
  lml_token line;
  lml_status status = read_natoms(reader, &natoms, error);
  *end = status == LML_OK && natoms == 0;
  if (status != LML_OK || *end) return status;
  status = read_comment(reader, &line, error);
  for (size_t atom = 0; atom < natoms && status == LML_OK; atom++)
    status = read_atom_line(reader, atom, natoms, &line, error);
  return status;
}

/** Step over up to @p most frames; *@p count is the number of those that there were. */
static lml_status skip_frames(lml_xyz_reader *reader, long most, long *count, lml_error *error) {
  bool end = false;
  for (*count = 0; *count < most; ++*count) {
    const lml_status status = skip_frame(reader, &end, error);
    if (status != LML_OK || end) return status;
  }
  return LML_OK;
}

static lml_status count_frames(const char *path, long *count, lml_error *error) {
  lml_xyz_reader *reader;
  lml_status status = lml_xyz_open(path, &reader, error);
  if (status != LML_OK) return status;
  status = skip_frames(reader, MOST_ATOMS, count, error);
  lml_xyz_close(reader);
  return status;
}

static lml_status no_such_frame(const char *path, long count, long index, lml_error *error) {
  if (count == 0) return lml_fail(error, LML_ERR_INPUT, "%s: holds no frame", path);
  return lml_fail(error, LML_ERR_INPUT, "%s: holds %ld frame%s; there is none of index %ld", path, count,
                  count == 1 ? "" : "s", index);
}

lml_status lml_xyz_read_file(const char *path, long index, lml_frame *frame, lml_error *error) {
  lml_xyz_reader *reader;
  long count = 0, wanted = index;
  bool end = false;
  lml_frame_free(frame);
  lml_status status = index < 0 ? count_frames(path, &count, error) : LML_OK;
  if (status != LML_OK) return status;
  if (index < 0) wanted = count + index;
  if (wanted < 0) return no_such_frame(path, count, index, error);
  status = lml_xyz_open(path, &reader, error);
  if (status != LML_OK) return status;
  status = skip_frames(reader, wanted, &count, error);
  if (status == LML_OK) {
    end = count < wanted;
    if (!end) status = lml_xyz_read(reader, frame, &end, error);
  }
  lml_xyz_close(reader);
  return status == LML_OK && end ? no_such_frame(path, count, index, error) : status;
}
