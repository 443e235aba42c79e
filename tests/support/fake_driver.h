/** @file fake_driver.h
 *  A driver that exists only behind the seam: it sends prepared bytes, keeps what it is sent, and lets time pass
 *  without waiting. For tests of the client end that no clock or scheduler can disturb.
 */
#ifndef LML_TESTS_FAKE_DRIVER_H
#define LML_TESTS_FAKE_DRIVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "ipi_codec.h"

typedef struct fake_driver {
  /* what it sends */
  const unsigned char *bytes;
  size_t length, position;
  size_t read_step; /**< at most this many bytes arrive at once; 0: all */
  int at_end;       /**< behind the bytes: 0 it has closed, EAGAIN it is silent, or another errno */
  /* what it takes */
  lml_ipi_buffer got;
  size_t send_step; /**< at most this many bytes are taken at once, with EAGAIN in between; 0: all, at once */
  size_t takes;     /**< after this many bytes it has closed; 0: never */
  /* connecting */
  size_t absent;    /**< attempts that fail before the driver is there */
  int absent_errno; /**< with this */
  bool slow;        /**< connecting needs a poll */
  int lookup;       /**< what getaddrinfo returns */
  /* time and signals */
  double now; /**< s */
  volatile sig_atomic_t stop;
  size_t stop_at_wait; /**< the wait (poll or sleep) that a signal interrupts, from 1; 0: none */
  /* failing */
  size_t fail_at; /**< the fallible call that fails, from 1; 0: none */
  int fail_errno;
  /* counts */
  size_t calls, waits, attempts, open;
} fake_driver;

extern fake_driver fake;

/** Put the driver in force, from its first state: it sends @p length bytes. */
void fake_install(const void *bytes, size_t length);

/** Put the operating system back. */
void fake_remove(void);

#endif
