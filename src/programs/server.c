#include "programs/server.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "ipi_client.h"
#include "lmlink/extxyz.h"
#include "potential/linear_calculator.h"
#include "session/session.h"

struct lml_server {
  const lml_serve_config *config;
  lml_comm *comm;
  const lml_log *log;
  lml_potential *potential;
  lml_structure structure; /**< no atoms where none is configured */
  lml_calculator *calculator;
  lml_ipi_address address;
  lml_session *session;   /**< rank 0's */
  lml_ipi_client *client; /**< rank 0's */
};

/* ---- reading ---- */

static bool has_element(const lml_potential *potential, int number) {
  for (size_t i = 0; i < lml_potential_nelements(potential); i++)
    if (lml_potential_element(potential, i) == number) return true;
  return false;
}

static lml_status check_species(const lml_server *server, lml_error *error) {
  for (size_t i = 0; i < server->structure.natoms; i++)
    if (!has_element(server->potential, server->structure.numbers[i]))
      return lml_fail(error, LML_ERR_INPUT, "%s: atom %zu is %s, an element that the potential %s does not have",
                      server->config->structure, i, lml_element_symbol(server->structure.numbers[i]),
                      server->config->calculator.potential);
  return LML_OK;
}

static lml_status read_structure(lml_server *server, lml_error *error) {
  if (server->config->structure == NULL) return LML_OK;
  lml_frame frame = {0};
  lml_status status = lml_xyz_read_file(server->config->structure, 0, &frame, error);
  if (status == LML_OK) status = lml_structure_copy(&server->structure, &frame.structure, error);
  lml_frame_free(&frame);
  if (status != LML_OK) return status;
  if (server->structure.natoms == 0)
    return lml_fail(error, LML_ERR_INPUT, "%s: the first frame has no atoms", server->config->structure);
  return check_species(server, error);
}

/** What every rank does by itself. */
static lml_status read_files(lml_server *server, lml_error *error) {
  const lml_calculator_config *calculator = &server->config->calculator;
  const lml_driver_config *driver = &server->config->driver;
  lml_status status = lml_ipi_address_parse(driver->address, driver->socket_prefix, &server->address, error);
  if (status == LML_OK)
    status = lml_potential_read(calculator->potential, calculator->parameters, calculator->fixed_terms,
                                &server->potential, error);
  return status == LML_OK ? read_structure(server, error) : status;
}

/* ---- building ---- */

static void tell_waiting(void *context, const lml_ipi_address *address, const char *reason) {
  const lml_server *server = context;
  lml_log_line(server->log, LML_LOG_ERROR, "waiting for a driver at %s (%s)", address->text, reason);
}

static lml_status create_client(lml_server *server, volatile const sig_atomic_t *stop, lml_error *error) {
  const lml_driver_config *driver = &server->config->driver;
  const lml_ipi_client_settings settings = {
      .address = server->address,
      .init = driver->reinit ? LML_IPI_INIT_EVERY_EVALUATION : LML_IPI_INIT_ONCE,
      .wait_limit = driver->wait,
      .max_natoms = LML_SESSION_MAX_NATOMS,
      .stop = stop,
      .waiting = tell_waiting,
      .context = server,
  };
  return lml_ipi_client_create(&settings, &server->client, error);
}

static lml_status create_session(lml_server *server, lml_error *error) {
  const lml_session_settings settings = {
      .calculator = server->calculator,
      .structure = server->structure.natoms > 0 ? &server->structure : NULL,
      .element = lml_potential_nelements(server->potential) == 1 ? lml_potential_element(server->potential, 0) : 0,
      .extras = server->config->extras,
      .log = server->log,
  };
  return lml_session_create(&settings, &server->session, error);
}

static lml_status build(lml_server *server, volatile const sig_atomic_t *stop, lml_error *error) {
  lml_status status = lml_comm_agree(server->comm, read_files(server, error), error);
  if (status != LML_OK) return status;
  status = lml_linear_calculator_create_parallel(server->potential, server->comm, &server->calculator, error);
  /* From here on the other ranks wait for rank 0's calculator, which is destroyed where rank 0 fails. */
  if (status != LML_OK || lml_comm_rank(server->comm) != 0) return status;
  status = create_session(server, error);
  return status == LML_OK ? create_client(server, stop, error) : status;
}

lml_status lml_server_create(const lml_serve_config *config, lml_comm *comm, const lml_log *log,
                             volatile const sig_atomic_t *stop, lml_server **server, lml_error *error) {
  *server = NULL;
  lml_server *created = NULL;
  lml_status status = lml_alloc(&created, 1, sizeof *created, "a server", error);
  status = lml_comm_agree(comm, status, error);
  if (status != LML_OK) {
    lml_free(created);
    return status;
  }
  created->config = config;
  created->comm = comm;
  created->log = log;
  status = build(created, stop, error);
  if (status == LML_OK)
    *server = created;
  else
    lml_server_destroy(created);
  return status;
}

void lml_server_destroy(lml_server *server) {
  if (server == NULL) return;
  lml_ipi_client_destroy(server->client);
  lml_session_destroy(server->session);
  lml_calculator_destroy(server->calculator);
  lml_structure_free(&server->structure);
  lml_potential_destroy(server->potential);
  lml_free(server);
}

/* ---- serving ---- */

static lml_status serve_one(lml_server *server, lml_error *error) {
  lml_log_line(server->log, LML_LOG_INFO, "connected to the driver at %s", server->address.text);
  return lml_session_serve(server->session, server->client, error);
}

static lml_status serve_all(lml_server *server, lml_error *error) {
  for (size_t drivers = 0;; drivers++) {
    lml_status status = lml_ipi_client_connect(server->client, error);
    if (status == LML_ERR_TIMEOUT && drivers > 0) {
      lml_log_line(server->log, LML_LOG_INFO, "no further driver came");
      lml_error_clear(error);
      return LML_OK;
    }
    if (status != LML_OK) return status;
    status = serve_one(server, error);
    if (!server->config->driver.reconnect || status == LML_ERR_INTERRUPTED) return status;
    if (status != LML_OK) lml_log_line(server->log, LML_LOG_ERROR, "%s", error->message);
    lml_error_clear(error);
  }
}

lml_status lml_server_run(lml_server *server, lml_error *error) {
  if (lml_comm_rank(server->comm) != 0) return lml_linear_calculator_work(server->calculator, error);
  lml_error local = {0};
  return serve_all(server, error != NULL ? error : &local);
}

/* ---- describing ---- */

const char *lml_server_address(const lml_server *server) { return server->address.text; }

void lml_server_describe_calculator(const lml_server *server, char *text, size_t size) {
  snprintf(text, size, "%s: ", lml_path_name(server->config->calculator.potential));
  const size_t used = strlen(text);
  lml_potential_describe(server->potential, text + used, size - used);
}

/** " W 126, He 2" behind @p text. */
static void append_counts(const lml_structure *structure, char *text, size_t size) {
  const char *separator = "";
  for (int number = 1; number <= 118; number++) {
    size_t count = 0;
    for (size_t i = 0; i < structure->natoms; i++) count += structure->numbers[i] == number;
    if (count == 0) continue;
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s %zu", separator, lml_element_symbol(number), count);
    separator = ", ";
  }
}

static void append_pbc(const bool pbc[3], char *text, size_t size) {
  static const char *const names[] = {"a", "b", "c"};
  const char *separator = "; periodic along ";
  size_t used = strlen(text);
  if (!pbc[0] && !pbc[1] && !pbc[2]) snprintf(text + used, size - used, "; not periodic");
  for (size_t i = 0; i < 3; i++) {
    if (!pbc[i]) continue;
    used = strlen(text);
    snprintf(text + used, size - used, "%s%s", separator, names[i]);
    separator = ", ";
  }
}

void lml_server_describe_structure(const lml_server *server, char *text, size_t size) {
  if (server->config->structure != NULL) {
    snprintf(text, size, "%s: ", server->config->structure);
    append_counts(&server->structure, text, size);
    append_pbc(server->structure.pbc, text, size);
  } else if (lml_potential_nelements(server->potential) == 1) {
    snprintf(text, size,
             "any number of %s atoms, periodic along every cell vector that the driver sends, unless its "
             "INIT says otherwise",
             lml_element_symbol(lml_potential_element(server->potential, 0)));
  } else {
    snprintf(text, size, "none: the driver's INIT must name the species");
  }
}
