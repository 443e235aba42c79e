/** @file client_session.h
 *  A client end that serves a driver behind the seam (fake_driver.h): what the driver says, and how it is answered.
 */
#ifndef LML_TESTS_CLIENT_SESSION_H
#define LML_TESTS_CLIENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipi_client.h"
#include "ipi_codec.h"

/** Settings of new clients; session_set_up sets them to unix:test, no limits, the fake driver's stop flag. */
extern lml_ipi_client_settings session_settings;

/** Setup and teardown of a cmocka test: an empty script, and the operating system back. */
int session_set_up(void **state);
int session_tear_down(void **state);

/* What the driver says, in order. */
extern lml_ipi_buffer script;
void say_message(const lml_ipi_message *message);
void say(lml_ipi_type type);
void say_init(int32_t replica, const char *text);
void say_positions(size_t natoms, double value);  /**< coordinates value, value + 1, … in SESSION_CELL */
void say_evaluation(size_t natoms, double value); /**< STATUS, POSDATA, STATUS, GETFORCE */
extern const double SESSION_CELL[9];

lml_ipi_client *new_client(void);

/** A client that is connected to a driver that says the script. */
lml_ipi_client *connected(void);

/** How evaluations are answered (a spring on each coordinate), and what happened. */
typedef struct served {
  double spring;
  const double *virial;
  const char *extras;
  size_t extras_length;
  size_t inits, evaluations;
  int32_t replicas[16]; /**< of the evaluations */
  bool current[16];
  lml_status status;
  lml_error error;
  lml_ipi_end end;
} served;

/** Reply to one evaluation. */
lml_status answer(lml_ipi_client *client, const lml_ipi_event *event, served *s);

/** Serve until the end or a failure, after which no descriptor may be open. */
void serve(lml_ipi_client *client, served *s);

/** The next message of one side's bytes from *@p at on, NULL at their end. */
const lml_ipi_message *read_message(lml_ipi_decoder *decoder, const lml_ipi_buffer *sent, size_t *at);

#endif
