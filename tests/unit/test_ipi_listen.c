/* Where the server end listens: what is there already at a path or port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock_file.h"
#include "ipi_server.h"
#include "support/folder.h"

static const lml_ipi_admission admission = {.answer_limit = 10.0};
static lml_error error;

static lml_ipi_address address_of(const char *name) {
  char text[FOLDER_PATH_SIZE * 2 + 8];
  lml_ipi_address address;
  snprintf(text, sizeof text, "unix:%s", in_folder(name));
  assert_int_equal(lml_ipi_address_parse(text, NULL, &address, &error), LML_OK);
  return address;
}

static void a_left_over_socket_is_replaced(void **state) {
  (void)state;
  const lml_ipi_address address = address_of("old");
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  memcpy(at.sun_path, address.path, sizeof at.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(fd, 1), 0);
  close(fd);
  lml_ipi_server *second;
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_OK);
  lml_ipi_server_destroy(second);
  struct stat file;
  assert_int_equal(stat(address.path, &file), -1);
}

static void another_file_is_not_replaced(void **state) {
  (void)state;
  write_text("file", "precious");
  const lml_ipi_address address = address_of("file");
  lml_ipi_server *second;
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "is not a socket"));
  unlink(in_folder("file"));
}

/** Whoever holds a name in the abstract namespace, where every user may, keeps nobody from the path. */
static void an_abstract_name_is_no_obstacle(void **state) {
  (void)state;
  const lml_ipi_address address = address_of("taken");
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  const size_t length = strlen(address.path);
  memcpy(name.sun_path + 1, address.path, length);
  const int squatter = socket(AF_UNIX, SOCK_STREAM, 0);
  const socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
  assert_int_equal(bind(squatter, (struct sockaddr *)&name, bytes), 0);
  lml_ipi_server *second;
  if (lml_ipi_server_create(&address, &admission, &second, &error) != LML_OK) fail_msg("%s", error.message);
  lml_ipi_server_destroy(second);
  close(squatter);
}

/** While one process looks whether a socket is left over, and binds, no other does. */
static void two_do_not_look_at_once(void **state) {
  (void)state;
  const lml_ipi_address address = address_of("two");
  char path[3 * FOLDER_PATH_SIZE];
  snprintf(path, sizeof path, "%s.%lu.lock", address.path, (unsigned long)geteuid());
  lml_lock_file lock;
  bool taken;
  lml_ipi_server *second;
  assert_int_equal(lml_lock_file_take(path, &lock, &taken, &error), LML_OK);
  assert_true(taken);
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "another process is about to listen at"));
  lml_lock_file_release(&lock);
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_OK);
  struct stat file;
  assert_int_equal(stat(path, &file), -1);
  lml_ipi_server_destroy(second);
}

static void the_file_of_another_server_stays(void **state) {
  (void)state;
  const lml_ipi_address address = address_of("moved");
  lml_ipi_server *first, *second;
  assert_int_equal(lml_ipi_server_create(&address, &admission, &first, &error), LML_OK);
  unlink(address.path);
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_OK);
  lml_ipi_server_destroy(first);
  struct stat file;
  assert_int_equal(stat(address.path, &file), 0);
  lml_ipi_server_destroy(second);
}

static void a_taken_port_is_an_error(void **state) {
  (void)state;
  lml_ipi_address address;
  lml_ipi_server *first = NULL, *second;
  char text[32];
  for (int port = 40000; first == NULL && port < 40100; port++) {
    snprintf(text, sizeof text, "127.0.0.1:%d", port);
    assert_int_equal(lml_ipi_address_parse(text, NULL, &address, &error), LML_OK);
    (void)lml_ipi_server_create(&address, &admission, &first, &error);
  }
  assert_non_null(first);
  assert_int_equal(lml_ipi_server_create(&address, &admission, &second, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "give another port"));
  lml_ipi_server_destroy(first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_left_over_socket_is_replaced),   cmocka_unit_test(another_file_is_not_replaced),
      cmocka_unit_test(an_abstract_name_is_no_obstacle),  cmocka_unit_test(two_do_not_look_at_once),
      cmocka_unit_test(the_file_of_another_server_stays), cmocka_unit_test(a_taken_port_is_an_error),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
