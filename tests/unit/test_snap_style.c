#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "potential/snap_style.h"
#include "support/folder.h"
#include "support/near.h"

#define OVERLAY "pair_style hybrid/overlay zbl 4 4.8 snap\n"
#define SNAP_LINE "pair_coeff * * snap A.snapcoeff A.snapparam"

static lml_snap_style style;

static void reads(const char *text) {
  lml_error error = {0};
  if (lml_snap_style_read(write_text("A.snap", text), &style, &error) != LML_OK) fail_msg("%s", error.message);
}

static void fails_with(const char *text, const char *message) {
  lml_error error = {0};
  assert_int_equal(lml_snap_style_read(write_text("A.snap", text), &style, &error), LML_ERR_INPUT);
  if (strstr(error.message, message) == NULL) fail_msg("'%s' is not in '%s'", message, error.message);
  assert_null(style.snapcoeff);
}

static int release(void **state) {
  (void)state;
  lml_snap_style_free(&style);
  return 0;
}

/** Charges of the pair of elements (@p i, @p j). */
static void has_charges(size_t i, size_t j, double zi, double zj) {
  const size_t p = i * style.elements.count + j;
  assert_near(style.zbl.zi[p], zi, 0.0);
  assert_near(style.zbl.zj[p], zj, 0.0);
}

static void reads_a_plain_style(void **state) {
  (void)state;
  reads("# comment &\n with more of it\n\npair_style snap # alone\npair_coeff * * A.snapcoeff sub/A.snapparam W\n");
  assert_string_equal(style.snapcoeff, in_folder("A.snapcoeff"));
  assert_string_equal(style.snapparam, in_folder("sub/A.snapparam"));
  assert_int_equal(style.elements.count, 1);
  assert_string_equal(style.elements.names[0], "W");
  assert_near(style.zbl.outer, 0.0, 0.0);
}

static void reads_variables_and_continued_lines(void **state) {
  (void)state;
  reads(
      "variable in equal 4\nvariable out equal 4.8\nvariable z index 74\nvariable zz equal ${z}\n"
      "variable s index snap\n\npair_style hybrid/overlay &\nzbl ${in} ${out} &\n  ${s}\n"
      "pair_coeff\t1 1 zbl ${zz} ${z}\npair_coeff * * snap /else/A.snapcoeff A.snapparam W\n#end");
  assert_string_equal(style.snapcoeff, "/else/A.snapcoeff");
  assert_near(style.zbl.inner, 4.0, 0.0);
  assert_near(style.zbl.outer, 4.8, 0.0);
  has_charges(0, 0, 74.0, 74.0);
}

static void takes_styles_in_any_order(void **state) {
  (void)state;
  reads("pair_style hybrid/overlay snap zbl 1 2\n" SNAP_LINE " W Be\npair_coeff 2 1 zbl 4 74\n");
  has_charges(0, 1, 4.0, 74.0);
  has_charges(1, 0, 74.0, 4.0);
  has_charges(0, 0, 0.0, 0.0);
  has_charges(1, 1, 0.0, 0.0);
}

static void wildcards_name_types(void **state) {
  (void)state;
  reads(OVERLAY "pair_coeff * * zbl 7 7\npair_coeff 2* 3 zbl 8 8\npair_coeff 1 *2 zbl 9 9\n" SNAP_LINE " W Be H\n");
  has_charges(0, 0, 9.0, 9.0);
  has_charges(0, 1, 9.0, 9.0);
  has_charges(0, 2, 7.0, 7.0);
  has_charges(1, 1, 7.0, 7.0);
  has_charges(1, 2, 8.0, 8.0);
  has_charges(2, 2, 8.0, 8.0);
  reads(OVERLAY "pair_coeff 1*2 2*3 zbl 7 7\n" SNAP_LINE " W Be H\n");
  has_charges(0, 0, 0.0, 0.0);
  has_charges(1, 0, 7.0, 7.0);
  has_charges(2, 2, 0.0, 0.0);
}

static void zero_charges_are_no_term(void **state) {
  (void)state;
  reads(OVERLAY "pair_coeff * * zbl 0.0 0.0\n" SNAP_LINE " W\n");
  assert_near(style.zbl.outer, 0.0, 0.0);
  reads(OVERLAY "pair_coeff * * zbl 0.0 0.0\npair_coeff 1 1 zbl 74 74\n" SNAP_LINE " W\n");
  assert_near(style.zbl.outer, 4.8, 0.0);
}

static void types_of_one_element_are_merged(void **state) {
  (void)state;
  reads(OVERLAY "pair_coeff 1*2 1*2 zbl 49 49\npair_coeff 1*2 3 zbl 49 15\n" SNAP_LINE " In In P\n");
  assert_int_equal(style.elements.count, 2);
  has_charges(0, 0, 49.0, 49.0);
  has_charges(1, 0, 15.0, 49.0);
  fails_with(OVERLAY "pair_coeff 1 1 zbl 49 49\n" SNAP_LINE " In In P\n",
             "A.snap: atom types of the same element have different zbl terms");
}

static void names_line_and_what_is_supported(void **state) {
  (void)state;
  fails_with("\npair_style hybrid/overlay zbl 4 4.8 snap table spline 10000\n",
             "A.snap:2: pair style table is not supported: a .snap file may have 'pair_style snap' or ");
  fails_with("pair_style mliap model linear\n", "A.snap:1: pair style mliap is not supported");
  fails_with("pair_style hybrid zbl 4 4.8 snap\n", "A.snap:1: pair style hybrid is not supported");
  fails_with("pair_style zbl 4 4.8\n", "A.snap:1: no SNAP potential here");
  fails_with("pair_style snap zbl 4 4.8\n", "A.snap:1: several styles need hybrid/overlay");
  fails_with("pair_style snap\npair_style snap\n", "A.snap:2: a second pair_style");
  fails_with("pair_style hybrid/overlay snap snap\n", "A.snap:1: pair style snap is there twice");
  fails_with("pair_style hybrid/overlay zbl 4 5 zbl 4 5 snap\n", "A.snap:1: pair style zbl is there twice");
  fails_with("pair_style hybrid/overlay snap zbl 4\n", "A.snap:1: pair style zbl needs two radii");
  fails_with("pair_style hybrid/overlay snap zbl 4 x\n",
             "A.snap:1: the outer radius of zbl 'x' is not a finite number");
  fails_with("pair_style hybrid/overlay snap zbl 4 4\n", "A.snap:1: zbl 4 4: the radii must be 0 < INNER < OUTER");
  fails_with("pair_style hybrid/overlay snap zbl 0 4\n", "A.snap:1: zbl 0 4: the radii must be 0 < INNER < OUTER");
  fails_with("units metal\n", "A.snap:1: command 'units' is not supported: a .snap file may have variable");
  fails_with(SNAP_LINE " W\n" OVERLAY, "A.snap:1: pair_coeff before pair_style");
  fails_with(OVERLAY "pair_coeff 1 1 lj 1 1\n", "A.snap:2: pair_coeff for style 'lj', which is not among");
  fails_with("pair_style hybrid/overlay snap\npair_coeff 1 1 zbl 1 1\n", "A.snap:2: pair_coeff for style 'zbl'");
  fails_with("", "A.snap: no pair_style line");
  fails_with("pair_style snap\n", "A.snap: no 'pair_coeff * * …' line");
  fails_with(OVERLAY SNAP_LINE " W\n", "A.snap: pair_style has zbl, but no 'pair_coeff I J zbl Zi Zj' line");
}

static void names_bad_coefficient_lines(void **state) {
  (void)state;
  fails_with(OVERLAY SNAP_LINE " W NULL\n", "A.snap:2: element NULL (atoms without SNAP) is not supported");
  fails_with(OVERLAY "pair_coeff 1 1 snap A B W\n", "A.snap:2: pair_coeff 1 1 … for snap must be 'pair_coeff * * …'");
  fails_with(OVERLAY SNAP_LINE "\n", "A.snap:2: expected a .snapcoeff file, a .snapparam file and the elements");
  fails_with(OVERLAY SNAP_LINE " W\n" SNAP_LINE " W\n", "A.snap:3: a second pair_coeff for snap");
  fails_with("pair_style snap\n" SNAP_LINE " W\n", "A.snap:2: with 'pair_style snap' alone the files follow");
  fails_with(OVERLAY "pair_coeff 1 1 zbl 74\n", "A.snap:2: expected 'pair_coeff I J zbl Zi Zj'");
  fails_with(OVERLAY "pair_coeff 1 1 zbl 74 nan\n", "A.snap:2: the nuclear charge 'nan' is not a finite number");
  fails_with(OVERLAY "pair_coeff 1 1 zbl -1 -1\n", "A.snap:2: zbl -1 -1: a nuclear charge is negative");
  fails_with(OVERLAY "pair_coeff 1*x 1 zbl 1 1\n", "A.snap:2: '1*x' is no range of atom types");
  fails_with(OVERLAY "pair_coeff 0 1 zbl 1 1\n", "A.snap:2: '0' is no range of atom types");
  fails_with(OVERLAY "pair_coeff 2*1 1 zbl 1 1\n", "A.snap:2: '2*1' is no range of atom types");
  fails_with(OVERLAY "pair_coeff 1 1 zbl 74 4\n" SNAP_LINE " W\n", "A.snap:2: zbl between atoms of one type");
  fails_with(OVERLAY "pair_coeff 1 2 zbl 74 4\n" SNAP_LINE " W\n", "A.snap:2: atom type beyond the number of elements");
  fails_with(OVERLAY "pair_coeff 2* 1 zbl 4 4\n" SNAP_LINE " W Be\n", "A.snap:2: no pair of types i ≤ j");
}

static void names_bad_variables(void **state) {
  (void)state;
  fails_with("variable zblz equal 74\n" OVERLAY "pair_coeff 1 1 zbl ${zblx} ${zblz}\n",
             "A.snap:3: variable 'zblx' is not defined above: did you mean 'zblz'?");
  fails_with("pair_style $x\n", "A.snap:1: variable 'x' is not defined above");
  fails_with("pair_style ${x\n", "A.snap:1: '${' without '}'");
  fails_with("pair_style $(1+2)\n", "A.snap:1: formulas '$(…)' are not supported");
  fails_with("variable z equal 70+4\n", "A.snap:1: variable z: formulas such as '70+4' are not supported");
  fails_with("variable z loop 4\n", "A.snap:1: variable z: style 'loop' is not supported: use equal or index");
  fails_with("variable z index 4 5\n", "A.snap:1: expected 'variable NAME equal NUMBER' or 'variable NAME index WORD'");
  fails_with("variable z index 4\nvariable z index 5\n", "A.snap:2: variable z is defined twice");
  fails_with("pair_style \"snap\"\n", "A.snap:1: quotes are not supported");
  lml_error error = {0};
  assert_int_equal(lml_snap_style_read(in_folder("none.snap"), &style, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "none.snap"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(reads_a_plain_style, release),
      cmocka_unit_test_teardown(reads_variables_and_continued_lines, release),
      cmocka_unit_test_teardown(takes_styles_in_any_order, release),
      cmocka_unit_test_teardown(wildcards_name_types, release),
      cmocka_unit_test_teardown(zero_charges_are_no_term, release),
      cmocka_unit_test_teardown(types_of_one_element_are_merged, release),
      cmocka_unit_test_teardown(names_line_and_what_is_supported, release),
      cmocka_unit_test_teardown(names_bad_coefficient_lines, release),
      cmocka_unit_test_teardown(names_bad_variables, release),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
