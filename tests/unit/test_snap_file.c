#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "potential/bispectrum/snap_file.h"
#include "support/folder.h"
#include "support/near.h"

/* 2J = 2 has 5 components: 6 coefficients, quadratic 21, with chemflag and two elements 41. */
static const char plain_parameters[] = "# made up\n\nrcutfac 4.5 # Å\n twojmax\t2\r\n";
static const char two_elements[] =
    "# made up\n\n  # indented\n2 6 # elements, coefficients\n"
    "In 0.5 1.0\n1\n-2.5\n 3e-3 # B[1]\n4.\n.5\n+6e2\n"
    "'P' 0.25 -0.5 # radius, weight\n11\n12\n13\n14\n15\n16 # B[5]\n\n# End\n";

static lml_status read_files(const char *snapcoeff, const char *snapparam, const lml_element_names *wanted,
                             lml_snap_model *model, lml_error *error) {
  lml_snap_remarks remarks = {0};
  const lml_status status = lml_snap_read(snapcoeff, snapparam, wanted, model, &remarks, error);
  lml_text_list_free(&remarks.warnings);
  return status;
}

static lml_status read_texts(const char *snapcoeff, const char *snapparam, const lml_element_names *wanted,
                             lml_snap_model *model, lml_error *error) {
  return read_files(write_text("A.snapcoeff", snapcoeff), write_text("A.snapparam", snapparam), wanted, model, error);
}

static void fails_with(const char *snapcoeff, const char *snapparam, const char *message) {
  lml_snap_model model = {0};
  lml_error error = {0};
  assert_int_equal(read_texts(snapcoeff, snapparam, NULL, &model, &error), LML_ERR_INPUT);
  if (strstr(error.message, message) == NULL) fail_msg("'%s' is not in '%s'", message, error.message);
  assert_null(model.elements);
  assert_null(model.coefficients);
}

static void coefficients_fail_with(const char *snapcoeff, const char *message) {
  fails_with(snapcoeff, plain_parameters, message);
}

static void parameters_fail_with(const char *line, const char *message) {
  char text[256];
  snprintf(text, sizeof text, "rcutfac 4.5\ntwojmax 2\n%s\n", line);
  fails_with(two_elements, text, message);
}

static void reads_elements_and_coefficients(void **state) {
  (void)state;
  lml_snap_model model = {0};
  assert_int_equal(read_texts(two_elements, plain_parameters, NULL, &model, NULL), LML_OK);
  assert_int_equal(model.nelements, 2);
  assert_int_equal(model.ncoefficients, 6);
  assert_string_equal(model.elements[0].name, "In");
  assert_string_equal(model.elements[1].name, "P");
  assert_int_equal(model.elements[0].number, 49);
  assert_int_equal(model.elements[1].number, 15);
  assert_near(model.elements[1].radius, 0.25, 0.0);
  assert_near(model.elements[1].weight, -0.5, 0.0);
  static const double expected[12] = {1.0, -2.5, 3e-3, 4.0, 0.5, 600.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0};
  assert_memory_equal(model.coefficients, expected, sizeof expected);
  assert_near(lml_snap_cutoff(&model), 4.5, 0.0);
  lml_snap_model_free(&model);
}

static void defaults_are_those_of_lammps(void **state) {
  (void)state;
  lml_snap_model model = {0};
  assert_int_equal(read_texts(two_elements, plain_parameters, NULL, &model, NULL), LML_OK);
  const lml_snap_parameters *p = &model.parameters;
  assert_near(p->rcutfac, 4.5, 0.0);
  assert_int_equal(p->twojmax, 2);
  assert_near(p->rfac0, 0.99363, 0.0);
  assert_near(p->rmin0, 0.0, 0.0);
  assert_true(p->switchflag && p->bzeroflag);
  assert_false(p->quadraticflag || p->chemflag || p->bnormflag || p->wselfallflag || p->switchinnerflag);
  lml_snap_model_free(&model);
}

static void reads_every_keyword(void **state) {
  (void)state;
  lml_snap_model model = {0};
  assert_int_equal(
      read_texts(two_elements,
                 "switchflag 0\nbzeroflag 0\nbnormflag 1\nwselfallflag 1\nswitchinnerflag 1\nsinner 1.5 2\n"
                 "dinner 0.25 0.5\nrfac0 0.9\nrmin0 0.1\ntwojmax 2\nrcutfac 3\nquadraticflag 0\n"
                 "chemflag 0\nchunksize 4096\nparallelthresh 8192\ndiagonalstyle 3\n",
                 NULL, &model, NULL),
      LML_OK);
  const lml_snap_parameters *p = &model.parameters;
  assert_near(p->rfac0, 0.9, 0.0);
  assert_near(p->rmin0, 0.1, 0.0);
  assert_true(p->bnormflag && p->wselfallflag && p->switchinnerflag);
  assert_false(p->switchflag || p->bzeroflag || p->quadraticflag || p->chemflag);
  assert_near(model.elements[0].sinner, 1.5, 0.0);
  assert_near(model.elements[1].sinner, 2.0, 0.0);
  assert_near(model.elements[0].dinner, 0.25, 0.0);
  assert_near(model.elements[1].dinner, 0.5, 0.0);
  lml_snap_model_free(&model);
}

static void takes_wanted_elements_in_their_order(void **state) {
  (void)state;
  char names[2][LML_ELEMENT_NAME_SIZE] = {"P", "In"};
  lml_element_names wanted = {.count = 1, .names = names};
  lml_snap_model model = {0};
  assert_int_equal(read_texts(two_elements, plain_parameters, &wanted, &model, NULL), LML_OK);
  assert_int_equal(model.nelements, 1);
  assert_int_equal(model.elements[0].number, 15);
  assert_near(model.coefficients[5], 16.0, 0.0);

  wanted.count = 2;
  assert_int_equal(read_texts(two_elements, plain_parameters, &wanted, &model, NULL), LML_OK);
  assert_int_equal(model.elements[1].number, 49);
  assert_near(model.coefficients[6], 1.0, 0.0);
  lml_snap_model_free(&model);

  memcpy(names[1], "W", 2);
  lml_error error = {0};
  assert_int_equal(read_texts(two_elements, plain_parameters, &wanted, &model, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "A.snapcoeff: there is no element W"));
}

static void elements_that_are_not_wanted_may_have_any_name(void **state) {
  (void)state;
  char name[1][LML_ELEMENT_NAME_SIZE] = {"P"};
  const lml_element_names wanted = {.count = 1, .names = name};
  lml_snap_model model = {0};
  assert_int_equal(
      read_texts("2 2\nCarbon_sp2 1 1\n5\n6\nP 1 1\n7\n8\n", "rcutfac 1\ntwojmax 0\n", &wanted, &model, NULL), LML_OK);
  assert_near(model.coefficients[1], 8.0, 0.0);
  lml_snap_model_free(&model);
  fails_with("2 2\nCarbon_sp2 1 1\n5\n6\nP 1 1\n7\n8\n", "rcutfac 1\ntwojmax 0\n",
             "A.snapcoeff: element name 'Carbon_sp2' is no chemical symbol");
}

static void chemflag_needs_all_elements_in_order(void **state) {
  (void)state;
  static const char parameters[] = "rcutfac 1\ntwojmax 0\nchemflag 1\n"; /* 1 component, 8 blocks */
  static const char text[] = "2 9\nIn 1 1\n0\n1\n2\n3\n4\n5\n6\n7\n8\nP 1 1\n0\n1\n2\n3\n4\n5\n6\n7\n8\n";
  char names[2][LML_ELEMENT_NAME_SIZE] = {"P", "In"};
  lml_element_names wanted = {.count = 2, .names = names};
  lml_snap_model model = {0};
  lml_error error = {0};
  assert_int_equal(read_texts(text, parameters, NULL, &model, NULL), LML_OK);
  assert_int_equal(model.ncoefficients, 9);
  for (wanted.count = 1; wanted.count <= 2; wanted.count++) {
    assert_int_equal(read_texts(text, parameters, &wanted, &model, &error), LML_ERR_INPUT);
    assert_non_null(strstr(error.message, "with chemflag all elements of the file must be used, in its order: In P"));
  }
}

static void counts_coefficients(void **state) {
  (void)state;
  static const struct {
    int twojmax;
    bool quadratic, chem;
    size_t nelements, count;
  } cases[] = {{8, false, false, 1, 56}, {8, true, false, 1, 1596}, {6, false, false, 3, 31}, {6, true, false, 1, 496},
               {6, false, true, 2, 241}, {0, false, false, 1, 2},   {1, false, false, 1, 3},  {3, false, false, 1, 9}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const lml_snap_parameters p = {
        .twojmax = cases[k].twojmax, .quadraticflag = cases[k].quadratic, .chemflag = cases[k].chem};
    assert_int_equal(lml_snap_ncoefficients(&p, cases[k].nelements), cases[k].count);
  }
  fails_with(two_elements, "rcutfac 4\ntwojmax 8\n",
             "A.snapcoeff:4: 6 coefficients per element, but 'twojmax 8', 'quadraticflag 0' and 'chemflag 0' of ");
  fails_with(two_elements, "rcutfac 4\ntwojmax 8\n", "with 2 elements need 56");
  fails_with(two_elements, "rcutfac 4\ntwojmax 2\nquadraticflag 1\n", "need 21");
  fails_with(two_elements, "rcutfac 4\ntwojmax 2\nchemflag 1\n", "need 41");
}

static void names_line_of_bad_coefficient_files(void **state) {
  (void)state;
  coefficients_fail_with("", "A.snapcoeff:0: the file ends too early");
  coefficients_fail_with("# only\n\n", "A.snapcoeff:2: the file ends too early: the line with the numbers");
  coefficients_fail_with("\n1 6 7\n", "A.snapcoeff:2: expected two numbers");
  coefficients_fail_with("1 six\n", "A.snapcoeff:1: the number of coefficients 'six' is not a whole number");
  coefficients_fail_with("0 6\n", "A.snapcoeff:1: the number of elements '0' is not a whole number from 1 to 118");
  coefficients_fail_with("1 6\nW 0.5\n", "A.snapcoeff:2: expected the line 'NAME RADIUS WEIGHT'");
  coefficients_fail_with("1 6\n# W\nW 0.5 1\n", "A.snapcoeff:2: expected the line 'NAME RADIUS WEIGHT'");
  coefficients_fail_with("1 6\nW 0.5 x\n", "A.snapcoeff:2: the weight 'x' is not a finite decimal number");
  coefficients_fail_with("1 6\nW 0 1\n", "A.snapcoeff:2: the radius of W is not positive");
  coefficients_fail_with("1 6\nW nan 1\n", "A.snapcoeff:2: the radius 'nan' is not a finite");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n3\n",
                         "A.snapcoeff:5: the file ends too early: W has 3 of 6 coefficients");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n\n2\n3\n4\n5\n6\n",
                         "A.snapcoeff:4: blank or comment line among the coefficients of W, of which 1 of 6 are read");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n# three\n3\n4\n5\n6\n", "A.snapcoeff:5: blank or comment line");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\ninf\n4\n5\n6\n", "A.snapcoeff:5: coefficient 'inf' is not a finite");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n1e999\n4\n5\n6\n", "A.snapcoeff:5: coefficient '1e999' is not a finite");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n0x10\n4\n5\n6\n", "A.snapcoeff:5: coefficient '0x10' is not a finite");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n3 4\n4\n5\n6\n", "A.snapcoeff:5: coefficient '3 4' is not a finite");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n3\n4\n5\n6.12", "A.snapcoeff:8: the last coefficient has no line break");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n3\n4\n5\n6.12", "A.snapcoeff'");
  coefficients_fail_with("1 6\nW 0.5 1\n1\n2\n3\n4\n5\n6\n7\n",
                         "A.snapcoeff:9: more lines than the header on line 1 announces");
  coefficients_fail_with("2 6\nW 0.5 1\n1\n2\n3\n4\n5\n6\n", "A.snapcoeff:8: the file ends too early: an element");
  coefficients_fail_with("2 6\nW 0.5 1\n1\n2\n3\n4\n5\n6\nW 0.5 1\n1\n2\n3\n4\n5\n6\n",
                         "A.snapcoeff:9: element W is there twice");
  coefficients_fail_with("1 6\nTungsten 0.5 1\n1\n2\n3\n4\n5\n6\n", "element name 'Tungsten' is no chemical symbol");
}

static void names_keyword_of_bad_parameter_files(void **state) {
  (void)state;
  parameters_fail_with("twojmx 8", "A.snapparam:3: unknown keyword 'twojmx': did you mean 'twojmax'?");
  parameters_fail_with("qadraticflag 1",
                       "A.snapparam:3: unknown keyword 'qadraticflag': did you mean 'quadraticflag'?");
  parameters_fail_with("elephant 1", "A.snapparam:3: unknown keyword 'elephant'");
  parameters_fail_with("diagonalstyle 2",
                       "A.snapparam:3: diagonalstyle '2' is not supported: LAMMPS dropped the keyword");
  parameters_fail_with("diagonalstyle 3\ndiagonalstyle 3", "A.snapparam:4: diagonalstyle is given again");
  parameters_fail_with("bzeroflag 2", "A.snapparam:3: bzeroflag '2' is not a whole number from 0 to 1");
  parameters_fail_with("switchflag yes", "A.snapparam:3: switchflag 'yes' is not a whole number from 0 to 1");
  parameters_fail_with("rfac0 nan", "A.snapparam:3: rfac0 'nan' is not a finite decimal number");
  parameters_fail_with("rfac0 1.5", "A.snapparam: rfac0 1.5 is above 1: distances are mapped to an angle up to");
  parameters_fail_with("rfac0 0", "A.snapparam: rfac0 0 is not positive");
  parameters_fail_with("rmin0 2.25", "A.snapparam: rmin0 2.25 Å is not below the cutoff of P, 2.25 Å");
  parameters_fail_with("rmin0", "A.snapparam:3: rmin0 has 0 values: give one");
  parameters_fail_with("rmin0 0 0", "A.snapparam:3: rmin0 has 2 values: give one");
  parameters_fail_with("twojmax 2", "A.snapparam:3: twojmax is given again: line 2 has it already");
  parameters_fail_with("sinner 1 2", "A.snapparam:3: sinner has no meaning without 'switchinnerflag 1'");
  parameters_fail_with("sinner 1 2 3", "A.snapparam:3: sinner has 3 values: give one per element, 2");
  parameters_fail_with("switchinnerflag 1\nsinner 1 2", "A.snapparam:3: switchinnerflag 1 needs 'dinner'");
  parameters_fail_with("switchinnerflag 1\nsinner 1 2\ndinner 1 0", "A.snapparam:5: dinner of P is not positive");
  fails_with(two_elements, "twojmax 2\n", "A.snapparam: required keyword 'rcutfac' is missing");
  fails_with(two_elements, "rcutfac 2\n", "A.snapparam: required keyword 'twojmax' is missing");
  fails_with(two_elements, "rcutfac 0\ntwojmax 2\n", "A.snapparam:1: rcutfac is not positive");
  fails_with(two_elements, "rcutfac 1\ntwojmax 21\n", "A.snapparam:2: twojmax '21' is not a whole number from 0 to 20");
  fails_with(two_elements, "rcutfac 1\ntwojmax -2\n", "A.snapparam:2: twojmax '-2' is not a whole number from 0 to 20");
}

static void names_missing_files(void **state) {
  (void)state;
  lml_snap_model model = {0};
  lml_error error = {0};
  assert_int_equal(read_files(in_folder("none.snapcoeff"), in_folder("none.snapparam"), NULL, &model, &error),
                   LML_ERR_IO);
  assert_non_null(strstr(error.message, "none.snapcoeff"));
  const char *snapcoeff = write_text("B.snapcoeff", two_elements);
  assert_int_equal(read_files(snapcoeff, in_folder("B.snapparam"), NULL, &model, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "B.snapparam"));
}

static void a_file_cut_anywhere_is_noticed(void **state) {
  (void)state;
  lml_snap_model model = {0};
  char text[sizeof two_elements];
  const size_t whole = (size_t)(strstr(two_elements, "16 # B[5]") - two_elements) + strlen("16 #");
  for (size_t length = 0; length < whole; length++) {
    snprintf(text, sizeof text, "%.*s", (int)length, two_elements);
    assert_int_equal(read_texts(text, plain_parameters, NULL, &model, NULL), LML_ERR_INPUT);
  }
  for (size_t length = whole; length < sizeof two_elements; length++) {
    snprintf(text, sizeof text, "%.*s", (int)length, two_elements);
    assert_int_equal(read_texts(text, plain_parameters, NULL, &model, NULL), LML_OK);
  }
  lml_snap_model_free(&model);
  fails_with(two_elements, "twojmax 2\nrcutfac 4.5", "A.snapparam:2: rcutfac has no line break after it");
  assert_int_equal(read_texts(two_elements, "rcutfac 4.5\ntwojmax 2", NULL, &model, NULL), LML_OK);
  lml_snap_model_free(&model);
}

static void what_is_written_reads_back_the_same(void **state) {
  (void)state;
  lml_snap_model model = {0}, again = {0};
  assert_int_equal(read_texts(two_elements,
                              "rcutfac 4.73442\ntwojmax 2\nswitchflag 0\nbnormflag 1\nrmin0 0.1\nswitchinnerflag 1\n"
                              "sinner 1.1 1.3\ndinner 0.7 0.1\n",
                              NULL, &model, NULL),
                   LML_OK);
  for (size_t k = 0; k < 12; k++) model.coefficients[k] = sin((double)k) * pow(10.0, 30.0 * cos((double)k));
  model.coefficients[3] = 5e-324;
  const char *snapcoeff = in_folder("new.snapcoeff"), *snapparam = in_folder("new.snapparam");
  assert_int_equal(lml_snap_write(&model, NULL, snapcoeff, snapparam, "first line\nsecond", NULL), LML_OK);
  assert_int_equal(read_files(snapcoeff, snapparam, NULL, &again, NULL), LML_OK);
  assert_memory_equal(again.coefficients, model.coefficients, 12 * sizeof(double));
  assert_memory_equal(again.elements, model.elements, 2 * sizeof *model.elements);
  assert_near(again.parameters.rcutfac, 4.73442, 0.0);
  assert_near(again.parameters.rmin0, 0.1, 0.0);
  assert_true(again.parameters.bnormflag && again.parameters.switchinnerflag && again.parameters.bzeroflag);
  assert_false(again.parameters.switchflag || again.parameters.quadraticflag || again.parameters.wselfallflag);
  lml_snap_model_free(&again);

  model.coefficients[7] = NAN;
  lml_error error = {0};
  assert_int_equal(lml_snap_write(&model, NULL, in_folder("bad.snapcoeff"), in_folder("bad.snapparam"), NULL, &error),
                   LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "bad.snapcoeff: not written: coefficient 1 of P is not finite"));
  assert_int_equal(access(in_folder("bad.snapcoeff"), F_OK), -1);
  lml_snap_model_free(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_elements_and_coefficients),
      cmocka_unit_test(defaults_are_those_of_lammps),
      cmocka_unit_test(reads_every_keyword),
      cmocka_unit_test(takes_wanted_elements_in_their_order),
      cmocka_unit_test(elements_that_are_not_wanted_may_have_any_name),
      cmocka_unit_test(chemflag_needs_all_elements_in_order),
      cmocka_unit_test(counts_coefficients),
      cmocka_unit_test(names_line_of_bad_coefficient_files),
      cmocka_unit_test(names_keyword_of_bad_parameter_files),
      cmocka_unit_test(names_missing_files),
      cmocka_unit_test(a_file_cut_anywhere_is_noticed),
      cmocka_unit_test(what_is_written_reads_back_the_same),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
