#include "support/scripted_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { HEARD_SIZE = 1 << 20 };

/** The end that waits for a client to connect; −1: taken. */
static int waiting_end = -1;

static int take_end(int domain, int type, int protocol) {
  (void)domain, (void)type, (void)protocol;
  const int fd = waiting_end;
  waiting_end = -1;
  assert_true(fd >= 0);
  return fd;
}

static int connect_end(int fd, const struct sockaddr *address, socklen_t length) {
  (void)fd, (void)address, (void)length;
  return 0;
}

void scripted_driver_open(scripted_driver *driver) {
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const int size = HEARD_SIZE;
  for (int i = 0; i < 2; i++) setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  waiting_end = ends[1];
  *driver = (scripted_driver){.fd = ends[0], .sys = lml_sys, .table = *lml_sys};
  driver->table.socket = take_end;
  driver->table.connect = connect_end;
  driver->heard = malloc(HEARD_SIZE);
  assert_int_equal(lml_ipi_decoder_create(LML_IPI_CLIENT, lml_ipi_units_ev, &driver->decoder, NULL), LML_OK);
  lml_sys = &driver->table;
}

void scripted_driver_bytes(scripted_driver *driver, const void *bytes, size_t length) {
  assert_int_equal(send(driver->fd, bytes, length, MSG_NOSIGNAL), length);
}

static void send_message(scripted_driver *driver, const lml_ipi_message *message) {
  lml_ipi_buffer buffer = {0};
  assert_int_equal(lml_ipi_encode(message, lml_ipi_units_ev, &buffer, NULL), LML_OK);
  scripted_driver_bytes(driver, buffer.bytes, buffer.length);
  lml_ipi_buffer_free(&buffer);
}

void scripted_driver_say(scripted_driver *driver, lml_ipi_type type) {
  send_message(driver, &(lml_ipi_message){.type = type});
}

void scripted_driver_init(scripted_driver *driver, int replica, const char *text) {
  send_message(driver, &(lml_ipi_message){
                           .type = LML_IPI_INIT, .replica = replica, .init = {.bytes = text, .length = strlen(text)}});
}

void scripted_driver_posdata(scripted_driver *driver, const lml_structure *structure) {
  send_message(driver, &(lml_ipi_message){.type = LML_IPI_POSDATA,
                                          .batch = 1,
                                          .natoms = structure->natoms,
                                          .cells = structure->cell,
                                          .positions = structure->positions});
}

void scripted_driver_hang_up(scripted_driver *driver) { assert_int_equal(shutdown(driver->fd, SHUT_WR), 0); }

/** Read everything there is. */
static void listen_up(scripted_driver *driver) {
  ssize_t received;
  do {
    received = recv(driver->fd, driver->heard + driver->heard_end, HEARD_SIZE - driver->heard_end, 0);
    if (received > 0) driver->heard_end += (size_t)received;
  } while (received > 0);
}

bool scripted_driver_hear(scripted_driver *driver, const lml_ipi_message **message) {
  listen_up(driver);
  lml_error error;
  size_t used;
  if (lml_ipi_decoder_feed(driver->decoder, driver->heard + driver->heard_begin,
                           driver->heard_end - driver->heard_begin, &used, message, &error) != LML_OK)
    fail_msg("%s", error.message);
  driver->heard_begin += used;
  return *message != NULL;
}

bool scripted_driver_is_alone(scripted_driver *driver) {
  char byte;
  return recv(driver->fd, &byte, 1, 0) == 0;
}

void scripted_driver_close(scripted_driver *driver) {
  lml_ipi_decoder_destroy(driver->decoder);
  free(driver->heard);
  close(driver->fd);
  if (waiting_end >= 0) close(waiting_end);
  waiting_end = -1;
  lml_sys = driver->sys;
}
