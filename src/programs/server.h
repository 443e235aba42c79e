/** @file server.h
 *  What lmlink-serve is made of: reads what a configuration names, builds the calculator, serves it.
 */
#ifndef LML_PROGRAMS_SERVER_H
#define LML_PROGRAMS_SERVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/comm.h"
#include "base/log.h"
#include "programs/config.h"

typedef struct lml_server lml_server;

/** What signals ask for; each may be NULL. */
typedef struct lml_server_flags {
  volatile const sig_atomic_t *stop; /**< non-zero asks lml_server_run to end */
  volatile sig_atomic_t *reload;     /**< to read the coefficients again; set back to 0 */
  volatile sig_atomic_t *status;     /**< to tell what is done (status.h); likewise */
} lml_server_flags;

/** Read the potential and the structure, on every rank, and agree on the outcome; build the calculator of all ranks
 * and, on rank 0, what talks to the driver. Nothing is connected yet. What the arguments point to must outlive the
 * server.
 *  @p log may be NULL. */
lml_status lml_server_create(const lml_serve_config *config, lml_comm *comm, const lml_log *log,
                             const lml_server_flags *flags, lml_server **server, lml_error *error);

/** On rank 0 connect to the driver and serve it, with `reconnect` one after the other; a driver whose conversation
 *  failed then costs a log line and no more. LML_OK when the driver has ended the conversation, or when, with
 *  `reconnect`, no further one came within `wait`; LML_ERR_INTERRUPTED on the stop flag. On the other ranks do rank 0's
 *  work until its server is destroyed. */
lml_status lml_server_run(lml_server *server, lml_error *error);

/** The calculator in one line: kind, files and what they hold. */
void lml_server_describe_calculator(const lml_server *server, char *text, size_t size);

/** The structure in one line: file, elements with their counts, periodicity; or what is assumed without one. */
void lml_server_describe_structure(const lml_server *server, char *text, size_t size);

/** Line @p line, from 0, of what there is to say about the regions of a mixture; false after the last. */
bool lml_server_describe_region(const lml_server *server, size_t line, char *text, size_t size);

/** Write the structure with its regions, and the clusters, into the working directory (see check_files.h). On rank 0.
 */
lml_status lml_server_write_check(const lml_server *server, lml_error *error);

/** How many threads the linear calculator at the end of the ML sides has; false where there is none. */
bool lml_server_describe_threads(const lml_server *server, char *text, size_t size);

/** The force log in one line; false where there is none. */
bool lml_server_describe_log(const lml_server *server, char *text, size_t size);

/** Compare the crystal in the file @p path on both sides of a mixture (see check_crystal.h). On rank 0. */
lml_status lml_server_compare(const lml_server *server, const char *path, void (*tell)(const char *line),
                              lml_error *error);

/** The driver's address, as the operating system knows it. */
const char *lml_server_address(const lml_server *server);

/** Free everything; on rank 0 this lets the other ranks go. NULL is fine. */
void lml_server_destroy(lml_server *server);

/** The same for one that has not served and will not: it leaves no empty force log. */
void lml_server_discard(lml_server *server);

#endif
