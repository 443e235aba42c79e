#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lmlink/calculator.h"

static void kinds_have_names(void **state) {
  (void)state;
  assert_string_equal(lml_kind_name(LML_KIND_ABSENT), "absent");
  assert_string_equal(lml_kind_name(LML_KIND_ML_PART), "ml_part");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_have_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
