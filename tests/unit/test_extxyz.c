#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/sys.h"
#include "lmlink/extxyz.h"
#include "support/folder.h"

static char path[2 * FOLDER_PATH_SIZE];

static int set_up(void **state) {
  const int failure = make_folder(state);
  snprintf(path, sizeof path, "%s", in_folder("a.xyz"));
  return failure;
}

static void put(const char *text, size_t length) { write_bytes(path, text, length); }

static void read_text(const char *text, lml_frame *frame) {
  lml_error error = {0};
  put(text, strlen(text));
  if (lml_xyz_read_file(path, 0, frame, &error) != LML_OK) fail_msg("%s", error.message);
}

/* As ASE 3.29 writes it: any columns, info of all kinds. */
static const char ase_text[] =
    "2\n"
    "Lattice=\"6.32 0.0 0.0 0.0 6.32 0.0 1.5 0.0 6.32\" "
    "Properties=species:S:1:pos:R:3:momenta:R:3:region:S:1:fix_mask:L:1:pair:I:2 number=3 real=1.5e-300 flag=T "
    "noflag=F text=plain words=\"two words\" quote=\"say \\\"hi\\\" it's\" array=\"1 2 -3\" reals=\"1.5 2.0 1e+20\" "
    "logicals=\"T F\" nested=\"_JSON [[1, 2], [3, 4]]\" nothing uid=12345 brace={a b} list=[1, 2] equation=a=b "
    "spaced = 7 digits=\"_JSON \\\"12\\\"\" stress=\"1 0 0 0 2 0 0 0 3.5\" pbc=\"T F T\"\n"
    "W        0.00000000       0.10000000      -0.20000000       1.00000000       2.00000000       3.00000000 QM  T "
    "      1       -2\n"
    "He       3.16000000       3.16000000       3.16000000       4.00000000       5.00000000       6.00000000 MM  F "
    "      3        4\n"
    "1\n"
    "Properties=species:S:1:pos:R:3 pbc=\"F F F\"\n"
    "H        0.50000000       0.00000000       1.00000000\n";

/* --- reading ---------------------------------------------------------------------------------------------------- */

static void structure_is_read(void **state) {
  (void)state;
  lml_frame f = {0};
  read_text(ase_text, &f);
  const double cell[9] = {6.32, 0, 0, 0, 6.32, 0, 1.5, 0, 6.32}, positions[6] = {0, 0.1, -0.2, 3.16, 3.16, 3.16};
  assert_int_equal(f.structure.natoms, 2);
  assert_memory_equal(f.structure.cell, cell, sizeof cell);
  assert_memory_equal(f.structure.positions, positions, sizeof positions);
  assert_true(f.structure.pbc[0] && !f.structure.pbc[1] && f.structure.pbc[2]);
  assert_int_equal(f.structure.numbers[0], 74);
  assert_int_equal(f.structure.numbers[1], 2);
  lml_frame_free(&f);
}

static const lml_values *info_of(lml_frame *f, const char *name, lml_value_type type, size_t width) {
  const lml_values *v = lml_frame_info(f, name);
  if (v == NULL || v->type != type || v->width != width || v->count != 1) fail_msg("info key %s", name);
  return v;
}

static void assert_text(lml_frame *f, const char *name, const char *expected) {
  assert_string_equal(info_of(f, name, LML_TEXT, 1)->texts[0], expected);
}

static void info_has_the_types_that_ase_gives(void **state) {
  (void)state;
  lml_frame f = {0};
  read_text(ase_text, &f);
  assert_int_equal(f.ninfo, 19);
  assert_int_equal(info_of(&f, "number", LML_INTEGER, 1)->integers[0], 3);
  assert_true(info_of(&f, "number", LML_INTEGER, 1)->scalar);
  assert_true(info_of(&f, "real", LML_REAL, 1)->reals[0] == 1.5e-300);
  assert_true(info_of(&f, "flag", LML_LOGICAL, 1)->logicals[0]);
  assert_false(info_of(&f, "noflag", LML_LOGICAL, 1)->logicals[0]);
  assert_true(info_of(&f, "nothing", LML_LOGICAL, 1)->logicals[0]);
  assert_text(&f, "text", "plain");
  assert_text(&f, "words", "two words");
  assert_text(&f, "quote", "say \"hi\" it's");
  assert_text(&f, "nested", "_JSON [[1, 2], [3, 4]]");
  assert_text(&f, "uid", "12345");
  assert_text(&f, "brace", "a b");
  assert_text(&f, "equation", "a=b");
  assert_text(&f, "digits", "12");
  assert_int_equal(info_of(&f, "array", LML_INTEGER, 3)->integers[2], -3);
  assert_int_equal(info_of(&f, "list", LML_INTEGER, 2)->integers[1], 2);
  assert_int_equal(info_of(&f, "spaced", LML_INTEGER, 1)->integers[0], 7);
  assert_true(info_of(&f, "reals", LML_REAL, 3)->reals[2] == 1e20);
  assert_true(info_of(&f, "stress", LML_REAL, 9)->reals[8] == 3.5);
  assert_false(info_of(&f, "logicals", LML_LOGICAL, 2)->logicals[1]);
  assert_null(lml_frame_info(&f, "pbc"));
  lml_frame_free(&f);
}

static void columns_of_all_types_are_read(void **state) {
  (void)state;
  lml_frame f = {0};
  read_text(ase_text, &f);
  assert_int_equal(f.ncolumns, 4);
  const lml_values *momenta = lml_frame_column(&f, "momenta"), *region = lml_frame_column(&f, "region");
  const lml_values *mask = lml_frame_column(&f, "fix_mask"), *pair = lml_frame_column(&f, "pair");
  assert_int_equal(momenta->type, LML_REAL);
  assert_int_equal(momenta->width, 3);
  assert_true(momenta->reals[5] == 6);
  assert_string_equal(region->texts[0], "QM");
  assert_string_equal(region->texts[1], "MM");
  assert_true(mask->logicals[0] && !mask->logicals[1]);
  assert_int_equal(pair->integers[1], -2);
  assert_int_equal(pair->integers[2], 3);
  lml_frame_free(&f);
}

static void columns_may_have_any_order(void **state) {
  (void)state;
  lml_frame f = {0};
  read_text(
      "2\nProperties=forces:R:3:pos:R:3:tag:I:1:species:S:1 pbc=F\r\n"
      "1 2 3 4 5 6 7 w\n  nan -inf 0 .5 1. +2e1 -7 \tHE\r\n",
      &f);
  assert_int_equal(f.structure.numbers[0], 74);
  assert_int_equal(f.structure.numbers[1], 2);
  assert_true(f.structure.positions[2] == 6 && f.structure.positions[5] == 20);
  const lml_values *forces = lml_frame_column(&f, "forces");
  assert_true(isnan(forces->reals[3]) && forces->reals[4] == -INFINITY);
  read_text("1\nProperties=species:S:1:Z:I:1:pos:R:3\nX 29 0 0 0\n", &f);
  assert_int_equal(f.structure.numbers[0], 29);
  assert_int_equal(f.ncolumns, 0);
  lml_frame_free(&f);
}

static void periodicity_has_ases_defaults(void **state) {
  (void)state;
  lml_frame f = {0};
  read_text("1\nLattice=\"3 0 0 0 3 0 0 0 3\"\nW 0 0 0\n", &f);
  assert_true(f.structure.pbc[0] && f.structure.pbc[1] && f.structure.pbc[2]);
  read_text("1\nLattice=\"3 0 0 0 3 0 0 0 3\" pbc=[0, 1, 0]\nW 0 0 0\n", &f);
  assert_true(!f.structure.pbc[0] && f.structure.pbc[1] && !f.structure.pbc[2]);
  read_text("1\na molecule it's not\nW 0 0 0 extra columns\n\n  \n", &f);
  assert_true(!f.structure.pbc[0] && !f.structure.pbc[1] && !f.structure.pbc[2]);
  assert_true(f.structure.cell[0] == 0);
  read_text("1\n\nW 0 0 0\n", &f);
  assert_int_equal(f.ninfo, 0);
  lml_frame_free(&f);
}

static void frames_are_found_by_index(void **state) {
  (void)state;
  static const struct {
    long index;
    size_t natoms;
  } good[] = {{0, 2}, {1, 1}, {-1, 1}, {-2, 2}};
  lml_frame f = {0};
  lml_error error = {0};
  put(ase_text, strlen(ase_text));
  for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
    assert_int_equal(lml_xyz_read_file(path, good[k].index, &f, NULL), LML_OK);
    assert_int_equal(f.structure.natoms, good[k].natoms);
  }
  static const long bad[] = {2, 3, -3, 1000};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    assert_int_equal(lml_xyz_read_file(path, bad[k], &f, &error), LML_ERR_INPUT);
    assert_non_null(strstr(error.message, "holds 2 frames; there is none of index"));
    assert_int_equal(f.structure.natoms, 0);
  }
  put("\n", 1);
  assert_int_equal(lml_xyz_read_file(path, -1, &f, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "a.xyz: holds no frame"));
  assert_int_equal(lml_xyz_read_file("/nowhere/x.xyz", -1, &f, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "/nowhere/x.xyz"));
  lml_frame_free(&f);
}

/* --- bad files -------------------------------------------------------------------------------------------------- */

static void bad_files_are_refused_by_line(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } bad[] = {
      {"x\n\nW 0 0 0\n", ":1: \"x\" is not a number of atoms"},
      {"1.5\n\nW 0 0 0\n", ":1: \"1.5\" is not a number of atoms"},
      {"0\n\n", ":1: the number of atoms is 0"},
      {"-4\n\n", ":1: the number of atoms is -4"},
      {"4294967296\n\nW 0 0 0\n", ":1: the number of atoms is 4294967296"},
      {"2147483647\n\nW 0 0 0\n", ":3: the file ends after 1 of the frame's 2147483647 atoms"},
      {"2\n", ":1: the file ends before the frame's comment line"},
      {"2\n\nW 0 0 0\n", ":3: the file ends after 1 of the frame's 2 atoms"},
      {"1\n\nW 0 0 0", ":3: the file's last line has no newline"},
      {"1\n\nW 0 0 0\n1\n\nW 0 0", ":6: the file's last line has no newline"},
      {"1\n\nW 0 0 0\n\n1\n\nW 0 0 0\n", ":5: there is a blank line before this frame"},
      {"1\n\nW 0 0\n", ":3: 3 columns, of 4 that Properties name; pos is missing"},
      {"1\n\nW 0 0,5 0\n", ":3: pos: \"0,5\" is not a finite number"},
      {"1\n\nW 0 nan 0\n", ":3: pos: \"nan\" is not a finite number"},
      {"2\n\nW 0 0 0\nXy 0 0 0\n", ":4: species: \"Xy\" is not a chemical symbol"},
      {"1\n\n74 0 0 0\n", ":3: species: \"74\" is not a chemical symbol"},
      {"1\nProperties=Z:I:1:pos:R:3\n119 0 0 0\n", ":3: Z: \"119\" is not an atomic number"},
      {"1\nProperties=species:S:1:pos:R:3:tag:I:1\nW 0 0 0 1.0\n", ":3: tag: \"1.0\" is not an integer"},
      {"1\nProperties=species:S:1:pos:R:3:fix:L:1\nW 0 0 0 2\n", ":3: fix: \"2\" is not T or F"},
      {"1\nProperties=species:S:1:pos:R:3:f:R:3\nW 0 0 0 1 2 3x\n", ":3: f: \"3x\" is not a number"},
      {"1\nProperties=species:S:1:pos:R:3\nW 0 0 0 1\n", ":3: \"1\" is one column more than the 4"},
      {"1\nProperties=species:S:1\nW\n", ":2: Properties have no pos:R:3"},
      {"1\nProperties=pos:R:3\n0 0 0\n", ":2: Properties have neither species:S:1 nor Z:I:1"},
      {"1\nProperties=species:S:1:pos:R:2\nW 0 0\n", ":2: Properties: pos must be pos:R:3"},
      {"1\nProperties=species:S:1:pos:R:3:pos:R:3\nW 0 0 0 0 0 0\n", ":2: Properties name pos twice"},
      {"1\nProperties=species:S:1:pos:R:3:a:X:1\nW 0 0 0 0\n", "at \"a\", where NAME:TYPE:COLUMNS is expected"},
      {"1\nProperties=species:S:1:pos:R:3:a:R:0\nW 0 0 0\n", "at \"a\", where NAME:TYPE:COLUMNS is expected"},
      {"1\nProperties=species:S:1:pos:R:3:a:R:99999999999\nW 0 0 0\n", "at \"a\", where NAME:TYPE:COLUMNS"},
      {"1\nProperties=species:S:1:pos:R:3:a:R:10000\nW 0 0 0\n", "at \"a\", where NAME:TYPE:COLUMNS"},
      {"1\nProperties=species:S:1:pos:R:3:a\nW 0 0 0\n", "at \"a\", where NAME:TYPE:COLUMNS is expected"},
      {"1\nLattice=\"3 0 0 0 3 0 0 0\"\nW 0 0 0\n", ":2: Lattice has 8 numbers"},
      {"1\nLattice=\"3 0 0 0 3 0 0 0 3 1\"\nW 0 0 0\n", ":2: Lattice has 10 numbers"},
      {"1\nLattice=\"3 0 0 0 b 0 0 0 3\"\nW 0 0 0\n", ":2: Lattice: \"b\" is not a finite number"},
      {"1\nLattice=\"3 0 0 0 inf 0 0 0 3\"\nW 0 0 0\n", ":2: Lattice: \"inf\" is not a finite number"},
      {"1\nLattice=\"3 0 0 0 3 0 0 0 3\nW 0 0 0\n", ":2: the quotes or brackets of key Lattice are not closed"},
      {"1\npbc=\"T T\"\nW 0 0 0\n", ":2: pbc=\"T T\" is not three logicals"},
      {"1\npbc=\"1 2 0\"\nW 0 0 0\n", ":2: pbc=\"1 2 0\" is not three logicals"},
      {"1\n = 5\nW 0 0 0\n", ":2: a '=' of the comment line has no key before it"},
  };
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    lml_frame f = {0};
    lml_error error = {0};
    lml_xyz_reader *reader;
    bool end;
    lml_status status;
    put(bad[k].text, strlen(bad[k].text));
    assert_int_equal(lml_xyz_open(path, &reader, NULL), LML_OK);
    do status = lml_xyz_read(reader, &f, &end, &error);
    while (status == LML_OK && !end);
    if (status != LML_ERR_INPUT) fail_msg("status %d for \"%s\"", status, bad[k].text);
    if (strncmp(error.message, path, strlen(path)) != 0 || strstr(error.message, bad[k].message) == NULL)
      fail_msg("\"%s\" does not say \"%s\"", error.message, bad[k].message);
    assert_int_equal(f.structure.natoms, 0);
    lml_xyz_close(reader);
  }
  lml_frame f = {0};
  lml_error error = {0};
  put("1\n\nW 0 \0 0 0\n", 13);
  assert_int_equal(lml_xyz_read_file(path, 0, &f, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, ":3: the line holds a NUL byte"));
}

/** What a reader makes of a file that was cut: all whole frames, and then an error unless the cut is between two. */
static void a_file_cut_anywhere_is_noticed(void **state) {
  (void)state;
  const size_t second = (size_t)(strstr(ase_text, "\n1\n") + 1 - ase_text), length = strlen(ase_text);
  for (size_t cut = 0; cut <= length; cut++) {
    lml_frame f = {0};
    lml_error error = {0};
    lml_xyz_reader *reader;
    bool end = false;
    size_t frames = 0;
    lml_status status;
    put(ase_text, cut);
    assert_int_equal(lml_xyz_open(path, &reader, NULL), LML_OK);
    while ((status = lml_xyz_read(reader, &f, &end, &error)) == LML_OK && !end) frames++;
    lml_xyz_close(reader);
    const bool between = cut == 0 || cut == second || cut == length;
    assert_int_equal(frames, cut == length ? 2 : cut >= second ? 1 : 0);
    assert_int_equal(status, between ? LML_OK : LML_ERR_INPUT);
    if (!between) assert_non_null(strstr(error.message, path));
    lml_frame_free(&f);
  }
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static void write_frame(const lml_frame *frame) {
  lml_xyz_writer *writer;
  lml_error error = {0};
  assert_int_equal(lml_xyz_create(path, &writer, NULL), LML_OK);
  if (lml_xyz_write(writer, frame, &error) != LML_OK) fail_msg("%s", error.message);
  assert_int_equal(lml_xyz_commit(writer, NULL), LML_OK);
}

static void assert_file(const char *expected) {
  char *text;
  size_t length;
  assert_int_equal(lml_file_read(path, &text, &length, NULL), LML_OK);
  assert_string_equal(text, expected);
  lml_free(text);
}

static void what_was_read_is_written_the_same(void **state) {
  (void)state;
  lml_frame f = {0};
  read_text(ase_text, &f);
  write_frame(&f);
  assert_file(
      "2\n"
      "Lattice=\"6.32 0.0 0.0 0.0 6.32 0.0 1.5 0.0 6.32\" "
      "Properties=species:S:1:pos:R:3:momenta:R:3:region:S:1:fix_mask:L:1:pair:I:2 number=3 real=1.5e-300 flag=T "
      "noflag=F text=plain words=\"two words\" quote=\"say \\\"hi\\\" it's\" array=\"1 2 -3\" reals=\"1.5 2.0 1e+20\" "
      "logicals=\"T F\" nested=\"_JSON [[1, 2], [3, 4]]\" nothing=T uid=12345 brace=\"a b\" list=\"1 2\" "
      "equation=\"a=b\" spaced=7 digits=\"_JSON \\\"12\\\"\" stress=\"1.0 0.0 0.0 0.0 2.0 0.0 0.0 0.0 3.5\" "
      "pbc=\"T F T\"\n"
      "W  0.0 0.1 -0.2 1.0 2.0 3.0 QM T 1 -2\n"
      "He 3.16 3.16 3.16 4.0 5.0 6.0 MM F 3 4\n");
  lml_frame_free(&f);
}

static void numbers_are_written_without_loss(void **state) {
  (void)state;
  lml_frame f = {0}, g = {0};
  const double cell[9] = {1.0 / 3, 0, 0, 0, 1e22, 0, 0, 0, M_PI}, forces[6] = {-1e-17, 0.1 + 0.2, NAN, 5e-324, -0.0, 7};
  assert_int_equal(lml_structure_resize(&f.structure, 2, NULL), LML_OK);
  memcpy(f.structure.cell, cell, sizeof cell);
  f.structure.pbc[1] = true;
  for (int k = 0; k < 6; k++) f.structure.positions[k] = sqrt(k + 2.0);
  f.structure.numbers[0] = f.structure.numbers[1] = 92;
  assert_int_equal(lml_frame_set_column(&f, "forces", forces, 3, NULL), LML_OK);
  assert_int_equal(lml_frame_set_real(&f, "energy", -2.0 / 3, NULL), LML_OK);
  assert_int_equal(lml_frame_set_real(&f, "energy", 4, NULL), LML_OK);
  assert_int_equal(lml_frame_set_integer(&f, "steps", INT64_MIN, NULL), LML_OK);
  assert_int_equal(lml_frame_set_logical(&f, "done", false, NULL), LML_OK);
  assert_int_equal(lml_frame_set_reals(&f, "virial", cell, 9, NULL), LML_OK);
  write_frame(&f);
  assert_int_equal(lml_xyz_read_file(path, -1, &g, NULL), LML_OK);
  assert_memory_equal(g.structure.cell, f.structure.cell, sizeof f.structure.cell);
  assert_memory_equal(g.structure.positions, f.structure.positions, 6 * sizeof(double));
  assert_memory_equal(g.structure.pbc, f.structure.pbc, sizeof f.structure.pbc);
  assert_memory_equal(lml_frame_column(&g, "forces")->reals, forces, sizeof forces);
  assert_memory_equal(info_of(&g, "virial", LML_REAL, 9)->reals, cell, sizeof cell);
  assert_true(info_of(&g, "energy", LML_REAL, 1)->reals[0] == 4);
  assert_true(info_of(&g, "steps", LML_INTEGER, 1)->integers[0] == INT64_MIN);
  assert_false(info_of(&g, "done", LML_LOGICAL, 1)->logicals[0]);
  lml_frame_free(&f);
  lml_frame_free(&g);
}

static void texts_come_back_as_texts(void **state) {
  (void)state;
  static const char *texts[] = {"12",   "-1.5",     "1e5",        "nan",    "T",      "F T",  "1 2 3", "1,2",
                                "",     "  ",       " a ",        "a\nb",   "\t",     "\"",   "'",     "\\",
                                "a\\",  "\\\"",     "{",          "[1, 2]", "a=b",    "=",    "#",     "1_000",
                                "0x10", "\xc3\xbc", "1\302\2402", ",",      "_JSONx", "plain"};
  const size_t count = sizeof texts / sizeof texts[0];
  lml_frame f = {0}, g = {0};
  char key[16];
  assert_int_equal(lml_structure_resize(&f.structure, 1, NULL), LML_OK);
  f.structure.numbers[0] = 1;
  for (size_t k = 0; k < count; k++) {
    snprintf(key, sizeof key, "key%zu", k);
    assert_int_equal(lml_frame_set_text(&f, key, texts[k], NULL), LML_OK);
  }
  assert_int_equal(lml_frame_set_text(&f, "a key \"quoted\"", "v", NULL), LML_OK);
  write_frame(&f);
  assert_int_equal(lml_xyz_read_file(path, 0, &g, NULL), LML_OK);
  assert_int_equal(g.ninfo, count + 1);
  for (size_t k = 0; k < count; k++) {
    snprintf(key, sizeof key, "key%zu", k);
    assert_text(&g, key, texts[k]);
  }
  assert_text(&g, "a key \"quoted\"", "v");
  lml_frame_free(&f);
  lml_frame_free(&g);
}

static void assert_unwritable(const lml_frame *frame, const char *part) {
  lml_xyz_writer *writer;
  lml_error error = {0};
  assert_int_equal(lml_xyz_create(path, &writer, NULL), LML_OK);
  assert_int_equal(lml_xyz_write(writer, frame, &error), LML_ERR_USAGE);
  if (strstr(error.message, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
  lml_xyz_abort(writer);
}

static void what_the_format_cannot_hold_is_refused(void **state) {
  (void)state;
  lml_frame f = {0};
  lml_error error = {0};
  const double values[3] = {1, 2, 3};
  assert_unwritable(&f, "without atoms");
  read_text("1\nProperties=species:S:1:pos:R:3:region:S:1\nW 0 0 0 MM\n", &f);
  assert_int_equal(lml_frame_set_real(&f, "pbc", 1, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "\"pbc\" cannot be the name of an info key"));
  assert_int_equal(lml_frame_set_column(&f, "pos", values, 3, &error), LML_ERR_USAGE);
  assert_int_equal(lml_frame_set_column(&f, "a:b", values, 3, &error), LML_ERR_USAGE);
  assert_int_equal(lml_frame_set_column(&f, "a b", values, 3, &error), LML_OK);
  assert_unwritable(&f, "column \"a b\"");
  read_text("1\nProperties=species:S:1:pos:R:3:region:S:1\nW 0 0 0 MM\n", &f);
  memcpy(lml_frame_column(&f, "region")->texts[0], " ", 2);
  assert_unwritable(&f, "column region: \" \" is not one word");
  memcpy(lml_frame_column(&f, "region")->texts[0], "M", 2);
  f.structure.numbers[0] = 0;
  assert_unwritable(&f, "atom 0 (counted from 0) has the atomic number 0");
  lml_frame_free(&f);
}

/* --- a system without memory ------------------------------------------------------------------------------------ */

static size_t calls, fail_at;

static void *scarce_aligned_alloc(size_t alignment, size_t bytes) {
  return ++calls == fail_at ? NULL : lml_sys_posix.aligned_alloc(alignment, bytes);
}

static void *scarce_malloc(size_t bytes) { return ++calls == fail_at ? NULL : lml_sys_posix.malloc(bytes); }

static lml_status copy_file(lml_error *error) {
  lml_xyz_writer *writer = NULL;
  lml_frame f = {0};
  lml_status status = lml_xyz_read_file(path, 0, &f, error);
  if (status == LML_OK) status = lml_frame_set_text(&f, "added", "1", error);
  if (status == LML_OK) status = lml_xyz_create(path, &writer, error);
  if (status == LML_OK) status = lml_xyz_write(writer, &f, error);
  if (status == LML_OK)
    status = lml_xyz_commit(writer, error);
  else
    lml_xyz_abort(writer);
  lml_frame_free(&f);
  return status;
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state) {
  (void)state;
  lml_sys_table scarce = lml_sys_posix;
  scarce.aligned_alloc = scarce_aligned_alloc;
  scarce.malloc = scarce_malloc;
  put(ase_text, strlen(ase_text));
  size_t failures = 0;
  for (fail_at = 1; fail_at < 1000; fail_at++) {
    lml_error error = {0};
    calls = 0;
    lml_sys = &scarce;
    const lml_status status = copy_file(&error);
    lml_sys = &lml_sys_posix;
    if (status == LML_OK) break;
    assert_int_equal(status, LML_ERR_MEMORY);
    assert_non_null(strstr(error.message, "out of memory"));
    failures++;
  }
  assert_in_range(failures, 50, 300);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(structure_is_read),
      cmocka_unit_test(info_has_the_types_that_ase_gives),
      cmocka_unit_test(columns_of_all_types_are_read),
      cmocka_unit_test(columns_may_have_any_order),
      cmocka_unit_test(periodicity_has_ases_defaults),
      cmocka_unit_test(frames_are_found_by_index),
      cmocka_unit_test(bad_files_are_refused_by_line),
      cmocka_unit_test(a_file_cut_anywhere_is_noticed),
      cmocka_unit_test(what_was_read_is_written_the_same),
      cmocka_unit_test(numbers_are_written_without_loss),
      cmocka_unit_test(texts_come_back_as_texts),
      cmocka_unit_test(what_the_format_cannot_hold_is_refused),
      cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, set_up, remove_folder);
}
