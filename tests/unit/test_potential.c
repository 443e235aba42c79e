#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "lmlink/potential.h"
#include "potential/bispectrum/snap_file.h"
#include "potential/bispectrum/snap_format.h"
#include "support/fault.h"
#include "support/folder.h"
#include "support/near.h"

static const char coefficients[] = "2 6\nW 0.5 1\n1\n2\n3\n4\n5\n6\nBe 0.4 0.9\n7\n8\n9\n10\n11\n12\n";
static const char parameters[] = "rcutfac 4.5\ntwojmax 2\n";
static const char with_zbl[] =
    "pair_style hybrid/overlay zbl 4 4.8 snap\npair_coeff 1 1 zbl 4 4\npair_coeff * * snap A.snapcoeff A.snapparam "
    "Be\n";
static const char without_zbl[] = "pair_style snap\npair_coeff * * A.snapcoeff A.snapparam Be W\n";

static lml_potential *potential;

/** Its ZBL term; where there is none, one that ends at 0. */
static lml_zbl zbl(void) {
  assert_true(potential->nterms <= 1);
  return potential->nterms == 0 ? (lml_zbl){0} : *lml_zbl_of(potential->terms[0]);
}

/** A coefficient and a parameter file named A, and nothing else. */
static int start_with_files(void **state) {
  (void)state;
  empty_folder();
  write_text("A.snapcoeff", coefficients);
  write_text("A.snapparam", parameters);
  return 0;
}

static int release(void **state) {
  (void)state;
  lml_potential_destroy(potential);
  potential = NULL;
  return 0;
}

static void reads(const char *name, lml_fixed_terms fixed_terms) {
  lml_error error = {0};
  lml_potential_destroy(potential);
  if (lml_potential_read(in_folder(name), NULL, fixed_terms, &potential, &error) != LML_OK)
    fail_msg("%s", error.message);
}

static void fails_with(const char *name, const char *parameter_file, lml_fixed_terms fixed_terms, lml_status status,
                       const char *message) {
  lml_error error = {0};
  release(NULL);
  assert_int_equal(lml_potential_read(in_folder(name), parameter_file, fixed_terms, &potential, &error), status);
  if (strstr(error.message, message) == NULL) fail_msg("'%s' is not in '%s'", message, error.message);
  assert_null(potential);
}

static void reads_coefficients_alone(void **state) {
  (void)state;
  reads("A.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  assert_int_equal(lml_potential_nelements(potential), 2);
  assert_int_equal(lml_potential_element(potential, 0), 74);
  assert_int_equal(lml_potential_element_index(potential, 4), 1);
  assert_int_equal(lml_potential_element_index(potential, 2), -1);
  assert_int_equal(lml_potential_ncoefficients(potential), 6);
  assert_near(lml_potential_coefficients(potential)[11], 12.0, 0.0);
  assert_near(lml_potential_cutoff(potential), 4.5, 0.0);
  char text[128];
  lml_potential_describe(potential, text, sizeof text);
  assert_string_equal(text, "SNAP of W Be, 2J = 2, cutoff 4.5 Å, 6 coefficients per element, no fixed terms");
  lml_potential_describe(potential, text, 10);
  assert_string_equal(text, "SNAP of W");
}

static void reads_a_snap_file(void **state) {
  (void)state;
  write_text("B.snap", with_zbl);
  reads("B.snap", LML_FIXED_TERMS_UNSTATED);
  assert_int_equal(lml_potential_nelements(potential), 1);
  assert_int_equal(lml_potential_element(potential, 0), 4);
  assert_near(lml_potential_coefficients(potential)[0], 7.0, 0.0);
  assert_near(lml_potential_cutoff(potential), 4.8, 0.0);
  assert_near(zbl().zi[0], 4.0, 0.0);
  char text[128];
  lml_potential_describe(potential, text, sizeof text);
  assert_string_equal(text, "SNAP of Be, 2J = 2, cutoff 3.6 Å, 6 coefficients, ZBL switched off from 4 to 4.8 Å");
}

static void parameters_may_have_another_name(void **state) {
  (void)state;
  const char *other = write_text("other.txt", "rcutfac 5\ntwojmax 2\n");
  assert_int_equal(lml_potential_read(in_folder("A.snapcoeff"), other, LML_FIXED_TERMS_UNSTATED, &potential, NULL),
                   LML_OK);
  assert_near(lml_potential_cutoff(potential), 5.0, 0.0);
  release(NULL);
  const char *odd_name = write_text("theta.txt", coefficients);
  assert_int_equal(lml_potential_read(odd_name, other, LML_FIXED_TERMS_UNSTATED, &potential, NULL), LML_OK);
  fails_with("theta.txt", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_USAGE, "neither a .snap nor a .snapcoeff file");
  fails_with("A.snapparam", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_USAGE, "the parameters alone are no potential");
}

static void asks_where_the_snap_file_beside_adds_terms(void **state) {
  (void)state;
  static const char *const names[] = {"A.snap", "some-other.snap"};
  for (size_t k = 0; k < 2; k++) {
    start_with_files(NULL);
    write_text("unrelated.snap", "pair_style lj/cut 3\npair_coeff * * B.snapcoeff\n");
    write_text(names[k], with_zbl);
    char message[256];
    snprintf(
        message, sizeof message,
        "A.snapcoeff: the file %s beside it adds fixed terms, ZBL from 4 to 4.8 Å, without which forces are wrong at "
        "short distances: say --fixed-terms snap to add them, --fixed-terms none to go without, or give the .snap "
        "file itself",
        names[k]);
    fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT, message);

    reads("A.snapcoeff", LML_FIXED_TERMS_NONE);
    assert_int_equal(lml_potential_nelements(potential), 2);
    assert_near(zbl().outer, 0.0, 0.0);
    reads("A.snapcoeff", LML_FIXED_TERMS_SNAP);
    assert_int_equal(lml_potential_nelements(potential), 1);
    assert_near(zbl().outer, 4.8, 0.0);
  }
}

static void plain_snap_files_beside_change_nothing(void **state) {
  (void)state;
  write_text("A.snap", without_zbl);
  reads("A.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  assert_int_equal(lml_potential_element(potential, 0), 74);
  reads("A.snapcoeff", LML_FIXED_TERMS_SNAP);
  assert_int_equal(lml_potential_element(potential, 0), 4);
  assert_near(zbl().outer, 0.0, 0.0);
}

static void refuses_what_is_unclear(void **state) {
  (void)state;
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_SNAP, LML_ERR_INPUT, "no .snap or .mod file beside it uses it");
  write_text("b.snap", with_zbl);
  write_text("c.snap", with_zbl);
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_SNAP, LML_ERR_INPUT,
             "2 .snap or .mod files beside it use it, b.snap and c.snap among them: give one itself");
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT,
             "the file b.snap beside it adds fixed terms");
  write_text("A.snap",
             "pair_style hybrid/overlay snap table lookup 10\npair_coeff * * snap A.snapcoeff A.snapparam W\n");
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT,
             "A.snap:1: pair style table lookup is not supported");
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT, "say --fixed-terms none to go without");
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_SNAP, LML_ERR_INPUT,
             "A.snap:1: pair style table lookup is not supported");
  fails_with("b.snap", in_folder("A.snapparam"), LML_FIXED_TERMS_UNSTATED, LML_ERR_USAGE,
             "b.snap: a .snap file names its parameter file itself");
  fails_with("b.snap", NULL, LML_FIXED_TERMS_NONE, LML_ERR_USAGE,
             "b.snap: a .snap file says which fixed terms there are: give the .snapcoeff file to go without");
}

static void names_missing_files(void **state) {
  (void)state;
  unlink(in_folder("A.snapparam"));
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_IO,
             "A.snapcoeff: no parameters beside it, and --parameters names no other file: ");
  fails_with("Z.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_IO, "Z.snapcoeff");
  fails_with("Z.snap", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_IO, "Z.snap");
}

static void writes_what_it_has_read(void **state) {
  (void)state;
  reads("A.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  lml_potential *again;
  const char *snapcoeff = in_folder("new.snapcoeff"), *snapparam = in_folder("new.snapparam");
  assert_int_equal(lml_potential_write(potential, snapcoeff, snapparam, "made by a test", NULL), LML_OK);
  assert_int_equal(lml_potential_read(snapcoeff, NULL, LML_FIXED_TERMS_UNSTATED, &again, NULL), LML_OK);
  assert_memory_equal(lml_potential_coefficients(again), lml_potential_coefficients(potential), 12 * sizeof(double));
  lml_potential_destroy(again);
  lml_error error = {0};
  assert_int_equal(lml_potential_write(potential, in_folder("no/new.snapcoeff"), snapparam, NULL, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "no/new.snapcoeff"));
}

/** Text of the file @p name in @p text, of @p size bytes. */
static void read_text(const char *name, char *text, size_t size) {
  FILE *file = fopen(in_folder(name), "r");
  assert_non_null(file);
  text[fread(text, 1, size - 1, file)] = '\0';
  fclose(file);
}

static void marks_what_was_written_together(void **state) {
  (void)state;
  char coefficient_text[512], parameter_text[512], other[512];
  reads("A.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  lml_potential_write(potential, in_folder("new.snapcoeff"), in_folder("new.snapparam"), "new", NULL);
  read_text("new.snapcoeff", coefficient_text, sizeof coefficient_text);
  read_text("new.snapparam", parameter_text, sizeof parameter_text);
  assert_memory_equal(coefficient_text, parameter_text,
                      (size_t)(strchr(coefficient_text + 6, '\n') - coefficient_text));
  reads("new.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  assert_int_equal(lml_potential_nwarnings(potential), 0);

  memcpy(other, parameter_text, sizeof other);
  strstr(other, "rmin0 0.0")[strlen("rmin0 0.")] = '1';
  write_text("new.snapparam", other);
  reads("new.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  assert_int_equal(lml_potential_nwarnings(potential), 1);
  assert_non_null(
      strstr(lml_potential_warning(potential, 0), "new.snapparam: its values were changed since lmlink wrote"));

  lml_snap_model other_model = lml_snap_view(potential);
  other_model.parameters.rmin0 = 0.5;
  lml_snap_write(&other_model, NULL, in_folder("new.snapcoeff"), in_folder("new.snapparam"), "new", NULL);
  write_text("new.snapparam", parameter_text);
  fails_with("new.snapcoeff", NULL, LML_FIXED_TERMS_NONE, LML_ERR_INPUT,
             "new.snapcoeff: was not written together with");
  /* also where the files fit each other in nothing */
  char *count = strstr(parameter_text, "twojmax 2");
  count[strlen("twojmax ")] = '8';
  write_text("new.snapparam", parameter_text);
  fails_with("new.snapcoeff", NULL, LML_FIXED_TERMS_NONE, LML_ERR_INPUT,
             "new.snapcoeff: was not written together with");
}

static void mod_files_are_snap_files(void **state) {
  (void)state;
  write_text("pot.mod", with_zbl);
  reads("pot.mod", LML_FIXED_TERMS_UNSTATED);
  assert_near(zbl().outer, 4.8, 0.0);
  assert_non_null(strstr(potential->script, "/pot.mod"));
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT,
             "the file pot.mod beside it adds fixed terms");
  fails_with("pot.mod", NULL, LML_FIXED_TERMS_NONE, LML_ERR_USAGE, "pot.mod: a .mod file says which fixed terms");
  write_text("pot.mod", "variable f getenv HOME\npair_style ${f}\npair_coeff * * snap A.snapcoeff A.snapparam ${w}\n");
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT,
             "A.snapcoeff: fixed terms are unclear, as the .mod file beside it can't be used (");
  write_text("A.mod", "fix 1 all nve\n"); /* another program's */
  write_text("pot.mod", without_zbl);
  reads("A.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  /* a file of the same name speaks for itself; what another file can't be used for concerns others */
  write_text("A.snap", without_zbl);
  write_text("pot.mod",
             "pair_style hybrid/overlay snap table lookup 10\npair_coeff * * snap A.snapcoeff A.snapparam W\n");
  reads("A.snapcoeff", LML_FIXED_TERMS_UNSTATED);
  write_text("pot.mod", with_zbl);
  fails_with("A.snapcoeff", NULL, LML_FIXED_TERMS_UNSTATED, LML_ERR_INPUT,
             "the file pot.mod beside it adds fixed terms");
  reads("A.snapcoeff", LML_FIXED_TERMS_SNAP);
  assert_near(zbl().outer, 0.0, 0.0);
}

/** Read with the terms of the file beside, write, and read again. */
static lml_status read_and_write(lml_error *error) {
  lml_potential *p;
  lml_status status = lml_potential_read(in_folder("A.snapcoeff"), NULL, LML_FIXED_TERMS_SNAP, &p, error);
  if (status != LML_OK) return status;
  status = lml_potential_write(p, in_folder("new.snapcoeff"), in_folder("new.snapparam"), "new", error);
  lml_potential_destroy(p);
  if (status != LML_OK) return status;
  status = lml_potential_read(in_folder("new.snapcoeff"), NULL, LML_FIXED_TERMS_NONE, &p, error);
  if (status == LML_OK) lml_potential_destroy(p);
  return status;
}

static const char with_table[] =
    "pair_style hybrid/overlay zbl 4 4.8 table spline 9 snap\npair_coeff 1 1 zbl 4 4\npair_coeff 1 2 table t.table "
    "BeW\n"
    "pair_coeff * * snap A.snapcoeff A.snapparam Be NULL\n";

static void write_script_with_table(void) {
  write_text("other.snap", with_table);
  write_text("t.table", "BeW\nN 3\n\n1 1 5 5\n2 2 2 2\n3 4 0.5 0.5\n");
}

static void any_call_may_fail(void **state) {
  (void)state;
  write_script_with_table();
  bool failed = true;
  for (size_t n = 1; failed; n++) {
    lml_error error = {0};
    write_text("new.snapcoeff", "old");
    write_text("new.snapparam", "old");
    fault_begin(FAULT_HARD, n);
    const lml_status status = read_and_write(&error);
    failed = fault_end();
    assert_int_equal(status, error.status);
    assert_true((status == LML_OK) == (error.message[0] == '\0'));
    if (!failed) assert_int_equal(status, LML_OK);
    /* whole or untouched, and no temporary file beside; a folder that cannot be flushed is told too late for that */
    static const char *const names[] = {"new.snapcoeff", "new.snapparam"};
    for (size_t k = 0; k < 2; k++) {
      FILE *file = fopen(in_folder(names[k]), "r");
      char text[8] = "";
      assert_non_null(fgets(text, sizeof text, file));
      fclose(file);
      assert_true(strcmp(text, "# new\n") == 0 || strcmp(text, "old") == 0);
    }
    assert_int_equal(empty_folder(), 6);
    start_with_files(NULL);
    write_script_with_table();
  }
}

/* ---- the published potentials of Debian's lammps-data ---- */

static const struct published {
  const char *name;
  int elements[2];
  size_t ncoefficients;
  double cutoff; /* Å */
  double zbl_inner, zbl_outer;
} published[] = {
    {"Cu_Zuo_JPCA2020.quadratic", {29, 0}, 496, 3.9, 0, 0},
    {"Cu_Zuo_JPCA2020", {29, 0}, 56, 4.1, 0, 0},
    {"Ge_Zuo_JPCA2020.quadratic", {32, 0}, 496, 4.9, 0, 0},
    {"Ge_Zuo_JPCA2020", {32, 0}, 56, 5.5, 0, 0},
    {"InP_JCPA2020", {49, 15}, 241, 7.6589, 4, 4.2},
    {"Li_Zuo_JPCA2020.quadratic", {3, 0}, 496, 5.1, 0, 0},
    {"Li_Zuo_JPCA2020", {3, 0}, 56, 5.1, 0, 0},
    {"Mo_Chen_PRM2017", {42, 0}, 31, 4.615858, 0, 0},
    {"Mo_Zuo_JPCA2020.quadratic", {42, 0}, 496, 5.2, 0, 0},
    {"Mo_Zuo_JPCA2020", {42, 0}, 31, 4.6, 0, 0},
    {"Ni_Zuo_JPCA2020.quadratic", {28, 0}, 496, 3.8, 0, 0},
    {"Ni_Zuo_JPCA2020", {28, 0}, 56, 4.1, 0, 0},
    {"Si_Zuo_JPCA2020.quadratic", {14, 0}, 1596, 4.8, 0, 0},
    {"Si_Zuo_JPCA2020", {14, 0}, 56, 4.9, 0, 0},
    {"Ta06A", {73, 0}, 31, 4.67637, 4, 4.8},
    {"WBe_Wood_PRB2019", {74, 4}, 56, 4.8123, 4, 4.8},
    {"W_2940_2017_2", {74, 0}, 56, 4.73442, 4, 4.8},
};
enum { NPUBLISHED = sizeof published / sizeof published[0] };

/** Path of NAME.EXTENSION among the published potentials; skips the test where they are not installed. */
static const char *published_path(const char *name, const char *extension) {
  static char path[FOLDER_PATH_SIZE];
  const char *folder = getenv("LMLINK_LAMMPS_POTENTIALS");
  if (folder == NULL) folder = "/usr/share/lammps/potentials";
  if (access(folder, R_OK) != 0) {
    print_message("skipped: %s is not there; install Debian's lammps-data or set LMLINK_LAMMPS_POTENTIALS\n", folder);
    skip();
  }
  snprintf(path, sizeof path, "%s/%s%s", folder, name, extension);
  return path;
}

static void is_as_published(const struct published *p) {
  const size_t nelements = p->elements[1] == 0 ? 1 : 2;
  assert_int_equal(lml_potential_nelements(potential), nelements);
  for (size_t e = 0; e < nelements; e++) assert_int_equal(lml_potential_element(potential, e), p->elements[e]);
  assert_int_equal(lml_potential_ncoefficients(potential), p->ncoefficients);
  assert_near(potential->descriptor->cutoff, p->cutoff, 1e-12);
}

static void reads_published_snap_files(void **state) {
  (void)state;
  for (size_t k = 0; k < NPUBLISHED; k++) {
    lml_error error = {0};
    const struct published *p = &published[k];
    if (lml_potential_read(published_path(p->name, ".snap"), NULL, LML_FIXED_TERMS_UNSTATED, &potential, &error) !=
        LML_OK)
      fail_msg("%s", error.message);
    is_as_published(p);
    assert_near(zbl().inner, p->zbl_inner, 0.0);
    assert_near(zbl().outer, p->zbl_outer, 0.0);
    for (size_t i = 0; p->zbl_outer > 0.0 && i < 2 && p->elements[i] != 0; i++)
      assert_near(zbl().zi[i * (lml_potential_nelements(potential) + 1)], p->elements[i], 0.0);
    release(NULL);
  }
}

static void asks_about_terms_of_published_coefficients(void **state) {
  (void)state;
  for (size_t k = 0; k < NPUBLISHED; k++) {
    lml_error error = {0};
    const struct published *p = &published[k];
    const char *path = published_path(p->name, ".snapcoeff");
    const lml_status expected = p->zbl_outer > 0.0 ? LML_ERR_INPUT : LML_OK;
    assert_int_equal(lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &potential, &error), expected);
    if (expected != LML_OK) {
      assert_non_null(strstr(error.message, p->name));
      assert_non_null(strstr(error.message, "--fixed-terms none"));
      assert_int_equal(lml_potential_read(path, NULL, LML_FIXED_TERMS_NONE, &potential, NULL), LML_OK);
    }
    is_as_published(p);
    release(NULL);
  }
}

static void published_coefficients_survive_writing(void **state) {
  (void)state;
  const char *snapcoeff = in_folder("copy.snapcoeff"), *snapparam = in_folder("copy.snapparam");
  for (size_t k = 0; k < NPUBLISHED; k++) {
    const char *path = published_path(published[k].name, ".snapcoeff");
    assert_int_equal(lml_potential_read(path, NULL, LML_FIXED_TERMS_NONE, &potential, NULL), LML_OK);
    lml_potential *copy;
    assert_int_equal(lml_potential_write(potential, snapcoeff, snapparam, NULL, NULL), LML_OK);
    assert_int_equal(lml_potential_read(snapcoeff, NULL, LML_FIXED_TERMS_NONE, &copy, NULL), LML_OK);
    const size_t count = lml_potential_nelements(potential) * lml_potential_ncoefficients(potential);
    assert_memory_equal(lml_potential_coefficients(copy), lml_potential_coefficients(potential),
                        count * sizeof(double));
    const lml_snap_model snap = lml_snap_view(potential), snap_copy = lml_snap_view(copy);
    assert_memory_equal(snap_copy.elements, snap.elements, snap.nelements * sizeof *snap.elements);
    assert_near(lml_potential_cutoff(copy), lml_potential_cutoff(potential), 0.0);
    lml_potential_destroy(copy);
    release(NULL);
  }
}

static void reads_published_tables(void **state) {
  (void)state;
  const char *path = published_path("W_2940_2017_2_He_JW2013", ".snap");
  assert_int_equal(lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &potential, NULL), LML_OK);
  assert_int_equal(lml_potential_nelements(potential), 2);
  assert_int_equal(lml_potential_element(potential, 1), 2);
  assert_int_equal(potential->nterms, 3);
  assert_non_null(strstr(lml_potential_warning(potential, 0), "atom type 2, which is NULL on the pair_coeff line"));
}

/** The checksum of fixed terms: a table of two entries with these slopes of the force at its ends. */
static void hash_of_table(const char *slopes, char text[LML_SHA256_TEXT]) {
  char table[128];
  snprintf(table, sizeof table, "WW\nN 2 FPRIME %s\n\n1 1 5 5\n2 2 2 2\n", slopes);
  write_text("t.table", table);
  write_text("A.snap",
             "pair_style hybrid/overlay table spline 2 snap\npair_coeff 1 1 table t.table WW\n"
             "pair_coeff * * snap A.snapcoeff A.snapparam W Be\n");
  reads("A.snap", LML_FIXED_TERMS_UNSTATED);
  lml_potential_hash_terms(potential, text);
}

static void slopes_of_tables_tell_terms_apart(void **state) {
  (void)state;
  char one[LML_SHA256_TEXT], other[LML_SHA256_TEXT], again[LML_SHA256_TEXT];
  hash_of_table("-3 -3", one);
  hash_of_table("-3 -4", other);
  hash_of_table("-3 -3", again);
  assert_string_equal(one, again);
  assert_string_not_equal(one, other);
}

/* ---- text that a host program hands over ---- */

#define TEXT(name_, text_) \
  &(const lml_potential_text) { .name = (name_), .text = (text_), .length = strlen(text_) }

static void text_gives_what_its_files_give(void **state) {
  (void)state;
  lml_error error = {0};
  lml_potential *from_text;
  reads("A.snapcoeff", LML_FIXED_TERMS_NONE);
  if (lml_potential_read_text(TEXT("elsewhere/B.snapcoeff", coefficients), TEXT("B.snapparam", parameters), &from_text,
                              &error) != LML_OK)
    fail_msg("%s", error.message);
  assert_int_equal(lml_potential_nelements(from_text), 2);
  assert_memory_equal(lml_potential_coefficients(from_text), lml_potential_coefficients(potential),
                      12 * sizeof(double));
  assert_near(lml_potential_cutoff(from_text), lml_potential_cutoff(potential), 0.0);
  lml_potential_destroy(from_text);
}

static void text_fails_with(const lml_potential_text *text, const lml_potential_text *second, const char *message) {
  lml_error error = {0};
  release(NULL);
  assert_int_not_equal(lml_potential_read_text(text, second, &potential, &error), LML_OK);
  if (strstr(error.message, message) == NULL) fail_msg("'%s' is not in '%s'", message, error.message);
  assert_null(potential);
}

static void what_is_wrong_in_text_is_named(void **state) {
  (void)state;
  text_fails_with(TEXT("B.snapcoeff", "1 6\nW 0.5 1\n1\n"), TEXT("B.snapparam", parameters),
                  "B.snapcoeff:3: the file ends too early: W has 1 of 6 coefficients");
  text_fails_with(TEXT("B.snapcoeff", coefficients), TEXT("B.snapparam", "rcutfac 4.5\ntwojmax x\n"),
                  "B.snapparam:2: ");
}

/** Files of the same names lie in the folder, and are not read. */
static void no_file_is_opened_beside_text(void **state) {
  (void)state;
  char *name = lml_strdup(in_folder("A.snapcoeff"), NULL);
  text_fails_with(TEXT(name, coefficients), NULL, "A.snapparam: is not among the files");
  text_fails_with(TEXT(in_folder("A.snap"), without_zbl), NULL, "give the .snapcoeff file");
  reads("A.snapcoeff", LML_FIXED_TERMS_NONE);
  lml_free(name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_coefficients_alone, start_with_files, release),
      cmocka_unit_test_setup_teardown(reads_a_snap_file, start_with_files, release),
      cmocka_unit_test_setup_teardown(parameters_may_have_another_name, start_with_files, release),
      cmocka_unit_test_setup_teardown(asks_where_the_snap_file_beside_adds_terms, start_with_files, release),
      cmocka_unit_test_setup_teardown(plain_snap_files_beside_change_nothing, start_with_files, release),
      cmocka_unit_test_setup_teardown(refuses_what_is_unclear, start_with_files, release),
      cmocka_unit_test_setup_teardown(names_missing_files, start_with_files, release),
      cmocka_unit_test_setup_teardown(writes_what_it_has_read, start_with_files, release),
      cmocka_unit_test_setup_teardown(marks_what_was_written_together, start_with_files, release),
      cmocka_unit_test_setup_teardown(mod_files_are_snap_files, start_with_files, release),
      cmocka_unit_test_setup_teardown(slopes_of_tables_tell_terms_apart, start_with_files, release),
      cmocka_unit_test_setup_teardown(text_gives_what_its_files_give, start_with_files, release),
      cmocka_unit_test_setup_teardown(what_is_wrong_in_text_is_named, start_with_files, release),
      cmocka_unit_test_setup_teardown(no_file_is_opened_beside_text, start_with_files, release),
      cmocka_unit_test_setup_teardown(any_call_may_fail, start_with_files, release),
      cmocka_unit_test_teardown(reads_published_snap_files, release),
      cmocka_unit_test_teardown(asks_about_terms_of_published_coefficients, release),
      cmocka_unit_test_teardown(published_coefficients_survive_writing, release),
      cmocka_unit_test_teardown(reads_published_tables, release),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
