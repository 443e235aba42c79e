#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ipi_address.h"

static lml_ipi_address parsed(const char *text, const char *prefix) {
  lml_ipi_address address;
  lml_error error = {0};
  if (lml_ipi_address_parse(text, prefix, &address, &error) != LML_OK) fail_msg("%s", error.message);
  return address;
}

static void refused(const char *text, const char *expected) {
  lml_ipi_address address;
  lml_error error = {0};
  assert_int_equal(lml_ipi_address_parse(text, NULL, &address, &error), LML_ERR_USAGE);
  if (strstr(error.message, expected) == NULL) fail_msg("'%s' does not hold '%s'", error.message, expected);
}

static void unix_names_get_the_prefix(void **state) {
  (void)state;
  lml_ipi_address address = parsed("unix:lmlink", NULL);
  assert_int_equal(address.transport, LML_IPI_UNIX);
  assert_string_equal(address.path, "/tmp/ipi_lmlink");
  assert_string_equal(address.text, "unix:/tmp/ipi_lmlink");
  assert_string_equal(parsed("unix:a:b", "/run/x-").path, "/run/x-a:b");
  assert_string_equal(parsed("unix:name", "").path, "name");
  assert_string_equal(parsed("unix:/srv/socket", "/run/x-").path, "/srv/socket");
}

static void hosts_and_ports_are_taken_apart(void **state) {
  (void)state;
  lml_ipi_address address = parsed("node17.cluster:31415", NULL);
  assert_int_equal(address.transport, LML_IPI_TCP);
  assert_string_equal(address.host, "node17.cluster");
  assert_string_equal(address.port, "31415");
  assert_string_equal(address.text, "node17.cluster:31415");
  assert_string_equal(parsed("localhost:00080", NULL).port, "80");
  assert_string_equal(parsed("localhost:65535", NULL).port, "65535");
  address = parsed("[::1]:31415", NULL);
  assert_string_equal(address.host, "::1");
  assert_string_equal(address.text, "[::1]:31415");
}

static void the_longest_path_fits_and_a_longer_one_is_refused(void **state) {
  (void)state;
  char text[5 + LML_IPI_PATH_SIZE + 1] = "unix:/";
  memset(text + 6, 'x', LML_IPI_PATH_SIZE - 2);
  assert_int_equal(strlen(parsed(text, NULL).path), LML_IPI_PATH_SIZE - 1);
  text[5 + LML_IPI_PATH_SIZE - 1] = 'x';
  refused(text, "has 108 bytes, of which a socket takes at most 107");
}

static void wrong_addresses_are_named(void **state) {
  (void)state;
  refused("unix:", "'unix:' has no name");
  refused("lmlink", "'lmlink' is neither unix:NAME nor HOST:PORT");
  refused("", "'' is neither");
  refused(":31415", "':31415' has no host");
  refused("[]:31415", "has no host");
  refused("localhost:", "has the port ''; give a number from 1 to 65535");
  refused("localhost:0", "port '0'");
  refused("localhost:65536", "port '65536'");
  refused("localhost:-1", "port '-1'");
  refused("localhost:31415x", "port '31415x'");
  refused("localhost:99999999999999999999", "port '99999999999999999999'");
  refused("::1:31415", "in brackets");
  char host[LML_IPI_HOST_SIZE + 8];
  memset(host, 'h', LML_IPI_HOST_SIZE);
  memcpy(host + LML_IPI_HOST_SIZE, ":1", 3);
  refused(host, "has 254 bytes; at most 253");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unix_names_get_the_prefix),
      cmocka_unit_test(hosts_and_ports_are_taken_apart),
      cmocka_unit_test(the_longest_path_fits_and_a_longer_one_is_refused),
      cmocka_unit_test(wrong_addresses_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
