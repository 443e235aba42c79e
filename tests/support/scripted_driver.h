/** @file scripted_driver.h
 *  A driver whose whole script is in the socket before the client connects, so that one thread does for both sides and
 *  no test depends on time.
 *
 *      scripted_driver driver;
 *      scripted_driver_open(&driver);                  the seam now hands its other end to whoever connects
 *      scripted_driver_say(&driver, LML_IPI_STATUS);
 *      scripted_driver_posdata(&driver, &structure);
 *      …                                               the code under test connects, answers, sees the end
 *      while (scripted_driver_hear(&driver, &message)) …
 *      scripted_driver_close(&driver);
 */
#ifndef LML_TESTS_SCRIPTED_DRIVER_H
#define LML_TESTS_SCRIPTED_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sys.h"
#include "ipi_codec.h"
#include "lmlink/structure.h"

typedef struct scripted_driver {
  int fd;                   /**< the driver's end */
  const lml_sys_table *sys; /**< the seam beneath */
  lml_sys_table table;      /**< the seam in force: a socket that connects is the client's end */
  lml_ipi_decoder *decoder;
  unsigned char *heard; /**< what the client sent and is not decoded yet */
  size_t heard_begin, heard_end;
} scripted_driver;

/** Open a connection for one client; one scripted driver at a time. */
void scripted_driver_open(scripted_driver *driver);

/** Add a message without contents; INIT; POSDATA; bytes that may be no message. */
void scripted_driver_say(scripted_driver *driver, lml_ipi_type type);
void scripted_driver_init(scripted_driver *driver, int replica, const char *text);
void scripted_driver_posdata(scripted_driver *driver, const lml_structure *structure);
void scripted_driver_bytes(scripted_driver *driver, const void *bytes, size_t length);

/** Say nothing more: the client sees the end of the connection behind what was said. */
void scripted_driver_hang_up(scripted_driver *driver);

/** The client's next message, in eV and Å, valid until the next call; false where it sent nothing more. */
bool scripted_driver_hear(scripted_driver *driver, const lml_ipi_message **message);

/** Whether the client has closed its end (after everything was heard). */
bool scripted_driver_is_alone(scripted_driver *driver);

/** Close and put the seam back. */
void scripted_driver_close(scripted_driver *driver);

#endif
