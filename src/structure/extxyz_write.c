#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "structure/comment_line.h"
#include "structure/frame.h"

struct lml_xyz_writer {
  lml_file_writer *file;
};

lml_status lml_xyz_create(const char *path, lml_xyz_writer **writer, lml_error *error) {
  lml_status status = lml_alloc(writer, 1, sizeof **writer, "a writer", error);
  if (status == LML_OK) status = lml_file_writer_create(path, &(*writer)->file, error);
  if (status == LML_OK) return LML_OK;
  lml_free(*writer);
  *writer = NULL;
  return status;
}

static lml_status put_real(lml_file_writer *file, double value, lml_error *error) {
  char text[LML_REAL_TEXT];
  return lml_file_writer_write(file, text, lml_format_real(value, text), error);
}

/** Lattice="…", unless the cell is zero. */
static lml_status put_lattice(lml_file_writer *file, const double cell[9], lml_error *error) {
  bool any = false;
  for (int k = 0; k < 9; k++) any = any || cell[k] != 0;
  if (!any) return LML_OK;
  lml_status status = lml_file_writer_print(file, error, "Lattice=\"");
  for (int k = 0; k < 9 && status == LML_OK; k++) {
    status = put_real(file, cell[k], error);
    if (status == LML_OK) status = lml_file_writer_print(file, error, "%s", k < 8 ? " " : "\" ");
  }
  return status;
}

static lml_status put_comment(lml_file_writer *file, const lml_frame *frame, lml_error *error) {
  static const char letters[] = {[LML_REAL] = 'R', [LML_INTEGER] = 'I', [LML_LOGICAL] = 'L', [LML_TEXT] = 'S'};
  const bool *pbc = frame->structure.pbc;
  lml_status status = put_lattice(file, frame->structure.cell, error);
  if (status == LML_OK) status = lml_file_writer_print(file, error, "Properties=species:S:1:pos:R:3");
  for (size_t k = 0; k < frame->ncolumns && status == LML_OK; k++) {
    const lml_values *column = &frame->columns[k];
    status = lml_file_writer_print(file, error, ":%s:%c:%zu", column->name, letters[column->type], column->width);
  }
  for (size_t k = 0; k < frame->ninfo && status == LML_OK; k++)
    status = lml_comment_write(file, &frame->info[k], error);
  if (status != LML_OK) return status;
  return lml_file_writer_print(file, error, " pbc=\"%c %c %c\"\n", pbc[0] ? 'T' : 'F', pbc[1] ? 'T' : 'F',
                               pbc[2] ? 'T' : 'F');
}

static lml_status put_atom(lml_file_writer *file, const lml_frame *frame, size_t atom, lml_error *error) {
  const lml_structure *structure = &frame->structure;
  lml_status status = lml_file_writer_print(file, error, "%-2s", lml_element_symbol(structure->numbers[atom]));
  for (size_t axis = 0; axis < 3 && status == LML_OK; axis++) {
    status = lml_file_writer_write(file, " ", 1, error);
    if (status == LML_OK) status = put_real(file, structure->positions[3 * atom + axis], error);
  }
  for (size_t k = 0; k < frame->ncolumns; k++) {
    const lml_values *column = &frame->columns[k];
    for (size_t place = 0; place < column->width && status == LML_OK; place++) {
      status = lml_file_writer_write(file, " ", 1, error);
      if (status == LML_OK) status = lml_write_value(file, column, atom * column->width + place, error);
    }
  }
  return status == LML_OK ? lml_file_writer_write(file, "\n", 1, error) : status;
}

/** A word that has no blank in it and isn't empty. */
static bool is_word(const char *text) {
  for (const char *c = text; *c != '\0'; c++)
    if (lml_is_blank(*c)) return false;
  return text[0] != '\0';
}

/** What the format can't hold. */
static lml_status check_frame(const lml_frame *frame, lml_error *error) {
  const size_t natoms = frame->structure.natoms;
  if (natoms == 0) return lml_fail(error, LML_ERR_USAGE, "a frame without atoms cannot be written as extended XYZ");
  for (size_t i = 0; i < natoms; i++)
    if (frame->structure.numbers[i] < 1 || frame->structure.numbers[i] > 118)
      return lml_fail(error, LML_ERR_USAGE, "atom %zu (counted from 0) has the atomic number %d; it must be 1 to 118",
                      i, frame->structure.numbers[i]);
  for (size_t k = 0; k < frame->ncolumns; k++) {
    const lml_values *column = &frame->columns[k];
    if (!is_word(column->name) || strpbrk(column->name, ":\"'{}[]\\=") != NULL || column->width == 0 ||
        column->count != natoms)
      return lml_fail(error, LML_ERR_USAGE, "column \"%s\" with %zu × %zu values cannot be written for %zu atoms",
                      column->name, column->count, column->width, natoms);
    for (size_t i = 0; column->type == LML_TEXT && i < natoms * column->width; i++)
      if (!is_word(column->texts[i]))
        return lml_fail(error, LML_ERR_USAGE, "column %s: \"%.60s\" is not one word, as extended XYZ needs it",
                        column->name, column->texts[i]);
  }
  return LML_OK;
}

static lml_status put_frame(lml_file_writer *file, const lml_frame *frame, lml_error *error) {
  lml_status status = check_frame(frame, error);
  if (status == LML_OK) status = lml_file_writer_print(file, error, "%zu\n", frame->structure.natoms);
  if (status == LML_OK) status = put_comment(file, frame, error);
  for (size_t i = 0; i < frame->structure.natoms && status == LML_OK; i++) status = put_atom(file, frame, i, error);
  return status;
}

lml_status lml_xyz_write(lml_xyz_writer *writer, const lml_frame *frame, lml_error *error) {
  return put_frame(writer->file, frame, error);
}

lml_status lml_frame_format(const lml_frame *frame, char **text, size_t *length, lml_error *error) {
  lml_file_writer *file;
  *text = NULL;
  *length = 0;
  lml_status status = lml_file_writer_create_in_memory("a frame", &file, error);
  if (status != LML_OK) return status;
  status = put_frame(file, frame, error);
  if (status == LML_OK) return lml_file_writer_take(file, text, length, error);
  lml_file_writer_abort(file);
  return status;
}

lml_status lml_xyz_commit(lml_xyz_writer *writer, lml_error *error) {
  const lml_status status = lml_file_writer_commit(writer->file, error);
  lml_free(writer);
  return status;
}

void lml_xyz_abort(lml_xyz_writer *writer) {
  if (writer == NULL) return;
  lml_file_writer_abort(writer->file);
  lml_free(writer);
}

lml_status lml_frame_write_file(const lml_frame *frame, const char *path, lml_error *error) {
  lml_xyz_writer *writer;
  lml_status status = lml_xyz_create(path, &writer, error);
  if (status != LML_OK) return status;
  status = lml_xyz_write(writer, frame, error);
  if (status == LML_OK) return lml_xyz_commit(writer, error);
  lml_xyz_abort(writer);
  return status;
}
