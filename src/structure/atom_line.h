/** @file atom_line.h
 *  The atoms' lines of extended XYZ: what their columns are, as Properties say, and reading one.
 */
#ifndef LML_STRUCTURE_ATOM_LINE_H
#define LML_STRUCTURE_ATOM_LINE_H

#include <stddef.h>

#include "base/text.h"
#include "lmlink/extxyz.h"

/** What the words of a field are: part of the structure, or a column of the frame. */
typedef enum lml_field_role {
  LML_FIELD_COLUMN,
  LML_FIELD_SKIPPED, /**< a column that nobody wants */
  LML_FIELD_SPECIES,
  LML_FIELD_NUMBER,
  LML_FIELD_POSITION
} lml_field_role;

/** One of the Properties: a run of words in each atom's line. */
typedef struct lml_field {
  char *name;
  lml_field_role role;
  lml_value_type type;
  size_t width;  /**< words */
  size_t column; /**< index of the frame's column, for that role */
} lml_field;

/** The layout of a frame's lines. Initialise with `lml_fields f = {0};`, reuse for any number of frames. */
typedef struct lml_fields {
  lml_field *list;
  size_t count, capacity;
  size_t width;              /**< words of a line */
  const char *const *wanted; /**< names of the columns that the frame gets, NULL after the last; NULL: all */
  enum { LML_LAYOUT_STATED, LML_LAYOUT_PLAIN /**< plain XYZ: words beyond are ignored */ } layout;
} lml_fields;

/** Take the layout from the value of the key Properties, or that of plain XYZ where it is NULL. This and the others
 *  report errors without file and line. */
lml_status lml_fields_parse(lml_fields *fields, const char *properties, lml_error *error);

/** Give @p frame, which has neither, room for @p rows atoms and the columns of @p fields. */
lml_status lml_fields_add_columns(lml_fields *fields, lml_frame *frame, size_t rows, lml_error *error);

/** Read the line of atom number @p atom into @p frame. */
lml_status lml_fields_read_line(const lml_fields *fields, lml_token line, size_t atom, lml_frame *frame,
                                lml_error *error);

void lml_fields_free(lml_fields *fields);

#endif
