#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lmlink/calculator.h"

static void origins_have_names(void **state) {
  (void)state;
  assert_string_equal(lml_origin_name(LML_ORIGIN_ABSENT), "absent");
  assert_string_equal(lml_origin_name(LML_ORIGIN_ML_PART), "ml_part");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(origins_have_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
