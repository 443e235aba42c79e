#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "potential/script/pair_styles.h"
#include "support/folder.h"
#include "support/near.h"

#define OVERLAY "pair_style hybrid/overlay zbl 4 4.8 snap\n"
#define SNAP_LINE "pair_coeff * * snap A.snapcoeff A.snapparam"

static lml_pair_styles style;

static void reads(const char *text) {
  lml_error error = {0};
  if (lml_pair_styles_read(write_text("A.snap", text), &style, &error) != LML_OK) fail_msg("%s", error.message);
}

static void fails_with(const char *text, const char *message) {
  lml_error error = {0};
  assert_int_equal(lml_pair_styles_read(write_text("A.snap", text), &style, &error), LML_ERR_INPUT);
  if (strstr(error.message, message) == NULL) fail_msg("'%s' is not in '%s'", message, error.message);
  assert_null(style.file);
}

static int release(void **state) {
  (void)state;
  lml_pair_styles_free(&style);
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
  assert_string_equal(style.file, in_folder("A.snapcoeff"));
  assert_string_equal(style.parameters, in_folder("sub/A.snapparam"));
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
  assert_string_equal(style.file, "/else/A.snapcoeff");
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
             "A.snap: atom types of the same element have different zbl or table terms");
}

static void reads_what_changes_no_forces(void **state) {
  (void)state;
  reads(
      "mass 1 183.84\nneighbor 1.0 bin\nneigh_modify every 1 delay 0 check yes\n"
      "pair_style hybrid/overlay zero 10.0 nocoeff full zbl 4 4.8 snap zero 6\npair_coeff * * zero\n"
      "pair_coeff 1 1 zbl 74 74\n" SNAP_LINE " W\n");
  assert_near(style.zbl.outer, 4.8, 0.0);
  assert_near(style.zbl.zi[0], 74.0, 0.0);
  reads("pair_style hybrid snap\n" SNAP_LINE " W\n");
  assert_near(style.zbl.outer, 0.0, 0.0);
  assert_int_equal(style.elements.count, 1);
}

static void quotes_hold_words_together(void **state) {
  (void)state;
  reads(
      "variable name string \"A.snapcoeff\" # a comment 'with\n"
      "pair_style 'snap'\npair_coeff * * '${name} # $x' ${name} W\n");
  assert_non_null(strstr(style.file, "/${name} # $x"));
  assert_non_null(strstr(style.parameters, "/A.snapcoeff"));
  reads("variable name string \"A.snapcoeff A.snapparam\"\npair_style snap\npair_coeff * * ${name} W\n");
  assert_non_null(strstr(style.parameters, "/A.snapparam"));
}

/** LAMMPS writes the numbers of variables with 15 digits, those of immediate formulas with 20. */
static void formulas_are_evaluated(void **state) {
  (void)state;
  static const struct {
    const char *formula;
    double value;
  } cases[] = {{"4", 4.0},    {"-2^2", 4.0},     {"2^3^2", 64.0},      {"8/4/2", 1.0},        {"1+2*3-4", 3.0},
               {"7%4", 3.0},  {"(1+2)*3", 9.0},  {" 1 + v_two ", 3.0}, {"-2*-(1.5e+0)", 3.0}, {"v_two^-1", 0.5},
               {".5e1", 5.0}, {"1/3", 1.0 / 3.0}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    char text[512];
    snprintf(text, sizeof text,
             "variable two equal 2\nvariable z equal '%s'\n" OVERLAY "pair_coeff 1 1 zbl $(%s) $(%s)\n" SNAP_LINE
             " W Be\npair_coeff 2 2 zbl ${z} ${z}\n",
             cases[k].formula, cases[k].formula, cases[k].formula);
    reads(text);
    has_charges(0, 0, cases[k].value, cases[k].value);
    snprintf(text, sizeof text, "%.15g", cases[k].value);
    has_charges(1, 1, strtod(text, NULL), strtod(text, NULL));
  }
}

static void names_line_and_what_is_supported(void **state) {
  (void)state;
  fails_with("\npair_style hybrid/overlay zbl 4 4.8 snap lj/cut 5\n",
             "A.snap:2: pair style lj/cut is not supported: a .snap file may have 'pair_style snap' or ");
  fails_with("pair_style mliap model linear\n", "A.snap:1: expected 'mliap model linear|quadratic FILE descriptor sna");
  fails_with("pair_style hybrid zbl 4 4.8 snap\n", "A.snap:1: pair style hybrid is not supported");
  fails_with("pair_style zbl 4 4.8\n", "A.snap:1: no SNAP, UF3 or ACE potential here");
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
  fails_with("pair_style hybrid zero 6 snap\n", "A.snap:1: pair style hybrid is not supported with more than snap");
  fails_with("pair_style hybrid/overlay zero snap\n", "A.snap:1: the cutoff of zero 'snap' is not a finite number");
  fails_with("pair_style zero 6\n", "A.snap:1: no SNAP, UF3 or ACE potential here");
  fails_with("pair_style hybrid/overlay snap\npair_coeff * * zero\n", "A.snap:2: pair_coeff for style 'zero'");
  fails_with("neigh_modify every 1 exclude type 1 1\n",
             "A.snap:1: neigh_modify exclude is not supported, as it may take");
  fails_with("", "A.snap: no pair_style line");
  fails_with("pair_style snap\n", "A.snap: no 'pair_coeff * * …' line");
  fails_with(OVERLAY SNAP_LINE " W\n", "A.snap: pair_style has zbl, but no 'pair_coeff I J zbl Zi Zj' line");
}

static void names_bad_coefficient_lines(void **state) {
  (void)state;
  fails_with(OVERLAY SNAP_LINE " W NULL\npair_coeff 1 1 zbl 74 74\n",
             "A.snap: atom type 2 is NULL on the pair_coeff line of snap, so that its element is not known: add a line "
             "'labelmap atom 2 ELEMENT'");
  fails_with(OVERLAY SNAP_LINE " NULL\nlabelmap atom 1 W\n", "A.snap: no atom type has an element on the pair_coeff");
  fails_with(OVERLAY SNAP_LINE " W NULL\nlabelmap atom 2 W\n",
             "A.snap: an atom type that is NULL has the element of one that is not");
  fails_with("pair_style snap\npair_coeff * * A.snapcoeff A.snapparam W NULL\n",
             "A.snap:2: element NULL (atoms without snap) is not supported here");
  fails_with("labelmap bond 2 W\n", "A.snap:1: expected 'labelmap atom TYPE LABEL ...'");
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

/** Tables of pairs: which source each pair of elements has. */
static void has_table(size_t style_number, size_t i, size_t j, const char *section) {
  const lml_pair_tables *tables = &style.tables[style_number];
  const size_t place = tables->of_pair[i * style.elements.count + j];
  if (section == NULL) {
    assert_int_equal(place, 0);
  } else {
    assert_true(place > 0);
    assert_string_equal(tables->sources[place - 1].section, section);
  }
}

static void reads_tables(void **state) {
  (void)state;
  reads("pair_style hybrid/overlay table spline 1000 snap\n" SNAP_LINE
        " W Be\npair_coeff 2 1 table t.table WBe 4.5\n"
        "pair_coeff 1 1 table t.table WW\n");
  assert_int_equal(style.ntables, 1);
  assert_int_equal(style.tables[0].style.npoints, 1000);
  assert_int_equal(style.tables[0].style.form, LML_TABLE_SPLINE);
  assert_int_equal(style.tables[0].nsources, 2);
  assert_string_equal(style.tables[0].sources[0].path, in_folder("t.table"));
  has_table(0, 0, 0, "WW");
  has_table(0, 0, 1, "WBe");
  has_table(0, 1, 0, "WBe");
  has_table(0, 1, 1, NULL);
  reads("pair_style hybrid/overlay table linear 10 table spline 20 snap\n" SNAP_LINE
        " W Be\n"
        "pair_coeff * * table 2 t.table all\npair_coeff 1 1 table 1 t.table WW\n");
  assert_int_equal(style.ntables, 2);
  assert_int_equal(style.tables[0].style.form, LML_TABLE_LINEAR);
  has_table(0, 0, 0, "WW");
  has_table(0, 0, 1, NULL);
  has_table(1, 0, 1, "all");
}

static void types_without_snap_have_elements(void **state) {
  (void)state;
#define WITH_TABLES "pair_style hybrid/overlay table linear 10 snap\n" SNAP_LINE
  reads(WITH_TABLES " NULL W\npair_coeff 1 1 table t.table HeHe\npair_coeff 1 2 table t.table He_W\n");
  assert_int_equal(style.nbare, 1);
  assert_int_equal(style.elements.count, 2);
  assert_string_equal(style.elements.names[0], "W");
  assert_string_equal(style.elements.names[1], "He");
  assert_int_equal(style.warnings.count, 1);
  assert_non_null(
      strstr(style.warnings.texts[0], "taken for He by the names of its tables: a line 'labelmap atom 1 He'"));
  has_table(0, 1, 1, "HeHe");
  has_table(0, 0, 1, "He_W");
  reads(WITH_TABLES " W NULL\nlabelmap atom 1 W 2 He\npair_coeff 1 2 table t.table cross\n");
  assert_string_equal(style.elements.names[1], "He");
  assert_int_equal(style.warnings.count, 0);
  fails_with(WITH_TABLES " W NULL\npair_coeff 1 2 table t.table cross\n", "A.snap: atom type 2 is NULL");
  fails_with(WITH_TABLES " W Be NULL\npair_coeff 1 3 table t.table WHe\npair_coeff 2 3 table t.table BeH\n",
             "A.snap: atom type 3 is NULL");
}

static void names_bad_tables(void **state) {
  (void)state;
#define TABLES(n) "pair_style hybrid/overlay snap" n "\n" SNAP_LINE " W\n"
  fails_with(TABLES(" table spline"), "A.snap:1: pair style table needs a form and a number: table spline N");
  fails_with(TABLES(" table bitmap 10"), "A.snap:1: pair style table bitmap is not supported: table linear and spline");
  fails_with(TABLES(" table spline 1"), "A.snap:1: table spline 1: the number of points must be 2 to ");
  fails_with(TABLES(" table spline 10"),
             "A.snap: pair_style has table, but no 'pair_coeff I J table FILE SECTION' line");
  fails_with(TABLES(" table spline 10 ewald"), "A.snap:1: pair style ewald is not supported");
  fails_with(TABLES(" table spline 10") "pair_coeff 1 1 table f\n", "A.snap:3: expected 'pair_coeff I J table FILE");
  fails_with(TABLES(" table spline 10") "pair_coeff 1 1 table f s 1 2\n", "A.snap:3: expected 'pair_coeff I J table");
  fails_with(TABLES(" table spline 10") "pair_coeff 1 1 table f s 0\n", "A.snap:3: the cutoff of the table must be");
  fails_with(TABLES(" table spline 10 table linear 9") "pair_coeff 1 1 table f s\n",
             "A.snap:3: after table must follow which of the 2 table styles is meant, not 'f'");
  fails_with(TABLES(" zbl 1 2") "pair_coeff 1 1 table f s\n", "A.snap:3: pair_coeff for style 'table'");
  fails_with("pair_style table spline 10\n", "A.snap:1: no SNAP, UF3 or ACE potential here");
}

static void reads_other_families(void **state) {
  (void)state;
  reads("pair_style uf3 3\npair_coeff * * a.uf3 W Be\n");
  assert_int_equal(style.kind, LML_PAIR_UF3);
  assert_int_equal(style.order, 3);
  assert_string_equal(style.file, in_folder("a.uf3"));
  reads(
      "pair_style hybrid/overlay pace product chunksize 100 zbl 1 2\npair_coeff * * pace a.yace W Be\n"
      "pair_coeff * * zbl 7 7\n");
  assert_int_equal(style.kind, LML_PAIR_PACE);
  assert_null(style.parameters);
  assert_near(style.zbl.outer, 2.0, 0.0);
  fails_with("pair_style uf3\n", "A.snap:1: pair style uf3 needs the number of atoms of its terms: uf3 2 or uf3 3");
  fails_with("pair_style pace\npair_coeff * * a.yace\n", "A.snap:2: expected a .yace file and the elements");
  fails_with("pair_style hybrid/overlay pace zbl 1 2\npair_coeff * * pace a.yace W NULL\n",
             "A.snap:2: element NULL (atoms without pace) is not supported here");
}

static void names_bad_variables(void **state) {
  (void)state;
  fails_with("variable zblz equal 74\n" OVERLAY "pair_coeff 1 1 zbl ${zblx} ${zblz}\n",
             "A.snap:3: variable 'zblx' is not defined above: did you mean 'zblz'?");
  fails_with("pair_style $x\n", "A.snap:1: variable 'x' is not defined above");
  fails_with("pair_style ${x\n", "A.snap:1: '${' without '}'");
  fails_with("pair_style $(1+2\n", "A.snap:1: '$(' without ')'");
  fails_with("pair_style $(sqrt(2))\n", "A.snap:1: formula 'sqrt(2)' can't be read: it may have numbers, v_NAME, + - ");
  fails_with("pair_style $(1/0)\n", "A.snap:1: formula '1/0' can't be read: it divides by zero; write the number");
  fails_with("pair_style $(1+v_x)\n", "A.snap:1: formula '1+v_x' can't be read: a variable in it is not defined above");
  fails_with("pair_style $(4:%.3f)\n", "A.snap:1: formula '4:%.3f' can't be read");
  fails_with("pair_style $(10^400)\n", "A.snap:1: formula '10^400' can't be read: its value is not finite");
  fails_with("pair_style $((1+2)\n", "A.snap:1: '$(' without ')'");
  fails_with("variable z equal \"(1\"\n", "A.snap:1: formula '(1' can't be read: a parenthesis isn't closed");
  fails_with("variable w string Be\nvariable z equal v_w\n",
             "A.snap:2: formula 'v_w' can't be read: a variable in it is no");
  fails_with("variable z loop 4\n", "A.snap:1: variable z: style 'loop' is not supported, as its value is not in this");
  fails_with("variable z index 4 5\n",
             "A.snap:1: expected 'variable NAME equal FORMULA', 'variable NAME index WORD' or");
  fails_with("variable z index 4\nvariable z index 5\n", "A.snap:2: variable z is defined twice");
  fails_with("pair_style \"snap\n", "A.snap:1: a quote that isn't closed");
  fails_with("pair_style sn'a'p\n", "A.snap:1: a quote inside of a word");
  fails_with("pair_style 'snap'x\n", "A.snap:1: after a closing quote a blank must follow");
  fails_with("pair_style \"\"\"snap\"\"\"\n", "A.snap:1: triple quotes are not supported");
  lml_error error = {0};
  assert_int_equal(lml_pair_styles_read(in_folder("none.snap"), &style, &error), LML_ERR_IO);
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
      cmocka_unit_test_teardown(reads_what_changes_no_forces, release),
      cmocka_unit_test_teardown(quotes_hold_words_together, release),
      cmocka_unit_test_teardown(formulas_are_evaluated, release),
      cmocka_unit_test_teardown(reads_tables, release),
      cmocka_unit_test_teardown(types_without_snap_have_elements, release),
      cmocka_unit_test_teardown(names_bad_tables, release),
      cmocka_unit_test_teardown(reads_other_families, release),
      cmocka_unit_test_teardown(names_line_and_what_is_supported, release),
      cmocka_unit_test_teardown(names_bad_coefficient_lines, release),
      cmocka_unit_test_teardown(names_bad_variables, release),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
