#include "ipi_server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "ipi_candidates.h"
#include "ipi_codec.h"
#include "ipi_listen.h"
#include "ipi_stream.h"

enum { INPUT_SIZE = 1 << 16 /**< bytes read at once */ };

/** What the engine was asked, and owes the answer to. */
typedef enum question {
  NOTHING = 0,
  STATUS_BEFORE, /**< STATUS, before POSDATA */
  STATUS_AFTER,  /**< POSDATA and STATUS */
  FORCES         /**< GETFORCE */
} question;

typedef enum request_state {
  NONE = 0,
  WAITS, /**< for the engine to be ready */
  IN_WORK,
  ANSWERED
} request_state;

struct lml_ipi_server {
  lml_ipi_listener listener;
  lml_ipi_candidates candidates;
  lml_ipi_stream stream; /**< the engine's */
  lml_ipi_decoder *decoder;
  unsigned char *input; /**< INPUT_SIZE bytes */
  lml_ipi_buffer output;
  size_t sent; /**< bytes of the output */
  question asked;
  bool ready;       /**< its last word was READY */
  bool inited;      /**< INIT was sent on this connection */
  bool init_is_due; /**< INIT was sent since the last READY */
  bool init_is_new; /**< the engine has had another one than is to be sent now */
  bool discards;    /**< what the engine computes is wanted no more */
  request_state request;
  size_t natoms;
  lml_ipi_buffer posdata;
  lml_ipi_buffer init; /**< the INIT string itself */
  lml_ipi_answer answer;
  size_t connections;
};

lml_status lml_ipi_server_create(const lml_ipi_address *address, const lml_ipi_admission *admission,
                                 lml_ipi_server **server, lml_error *error) {
  lml_status status = lml_alloc(server, 1, sizeof **server, "the server end of the i-PI protocol", error);
  if (status != LML_OK) return status;
  lml_ipi_server *made = *server;
  made->listener.fd = made->stream.fd = -1;
  made->candidates.admission = *admission;
  status = lml_ipi_decoder_create(LML_IPI_CLIENT, lml_ipi_units_ev, &made->decoder, error);
  if (status == LML_OK) status = lml_alloc(&made->input, INPUT_SIZE, 1, "the bytes that an engine sends", error);
  if (status == LML_OK) status = lml_ipi_listen(&made->listener, address, error);
  if (status != LML_OK) {
    lml_ipi_server_destroy(made);
    *server = NULL;
  }
  return status;
}

void lml_ipi_server_destroy(lml_ipi_server *server) {
  if (server == NULL) return;
  lml_ipi_server_hang_up(server);
  lml_ipi_candidates_close(&server->candidates);
  lml_ipi_listener_close(&server->listener);
  lml_ipi_decoder_destroy(server->decoder);
  lml_ipi_buffer_free(&server->output);
  lml_ipi_buffer_free(&server->posdata);
  lml_ipi_buffer_free(&server->init);
  lml_free(server->input);
  lml_free(server);
}

static bool is_open(const lml_ipi_server *server) { return server->stream.fd >= 0; }

static const char *address_of(const lml_ipi_server *server) { return server->listener.address.text; }

size_t lml_ipi_server_connections(const lml_ipi_server *server) { return server->connections; }

size_t lml_ipi_server_callers(const lml_ipi_server *server) { return server->candidates.came; }

lml_ipi_server_state lml_ipi_server_where(const lml_ipi_server *server) {
  if (!is_open(server)) return LML_IPI_SERVER_ALONE;
  if (server->asked == NOTHING) return LML_IPI_SERVER_IDLE;
  return server->asked == STATUS_BEFORE ? LML_IPI_SERVER_TALKS : LML_IPI_SERVER_COMPUTES;
}

/* ---- the connection ---- */

/** Close; a structure that the engine had goes back to waiting. */
static void drop(lml_ipi_server *server) {
  lml_ipi_stream_close(&server->stream);
  server->output.length = server->sent = 0;
  server->asked = NOTHING;
  server->ready = server->inited = server->init_is_due = server->init_is_new = server->discards = false;
  if (server->request == IN_WORK) server->request = WAITS;
}

void lml_ipi_server_hang_up(lml_ipi_server *server) {
  if (!is_open(server)) return;
  const lml_ipi_message goodbye = {.type = LML_IPI_EXIT};
  /* Behind half a message, EXIT would be read as its other half. */
  const bool heard = server->sent == server->output.length;
  server->output.length = server->sent = 0;
  if (heard && lml_ipi_encode(&goodbye, lml_ipi_units_ev, &server->output, NULL) == LML_OK) {
    size_t sent;
    bool closed = false;
    (void)lml_ipi_stream_send_some(&server->stream, server->output.bytes, server->output.length, &sent, &closed, NULL);
  }
  drop(server);
}

static lml_status queue(lml_ipi_server *server, const lml_ipi_message *message, lml_error *error) {
  return lml_ipi_encode(message, lml_ipi_units_ev, &server->output, error);
}

static lml_status ask(lml_ipi_server *server, lml_ipi_type type, question asked, lml_error *error) {
  const lml_ipi_message message = {.type = type};
  server->asked = asked;
  return queue(server, &message, error);
}

/** Send what the engine takes; a hang-up is found when reading, behind what it said before. */
static lml_status flush(lml_ipi_server *server, lml_error *error) {
  const size_t left = server->output.length - server->sent;
  if (left == 0) return LML_OK;
  size_t sent;
  bool closed = false;
  const lml_status status =
      lml_ipi_stream_send_some(&server->stream, server->output.bytes + server->sent, left, &sent, &closed, error);
  server->sent += sent;
  if (server->sent == server->output.length) server->sent = server->output.length = 0;
  return status;
}

/* ---- the conversation ---- */

static lml_status send_init(lml_ipi_server *server, lml_error *error) {
  const lml_ipi_message init = {.type = LML_IPI_INIT,
                                .init = {.bytes = (const char *)server->init.bytes, .length = server->init.length}};
  server->inited = server->init_is_due = true;
  server->init_is_new = false;
  const lml_status status = queue(server, &init, error);
  return status == LML_OK ? ask(server, LML_IPI_STATUS, STATUS_BEFORE, error) : status;
}

static lml_status append(lml_ipi_buffer *to, const lml_ipi_buffer *from, lml_error *error) {
  const lml_status status =
      lml_grow(&to->bytes, &to->capacity, to->length + from->length, 1, "bytes for an engine", error);
  if (status != LML_OK) return status;
  memcpy(to->bytes + to->length, from->bytes, from->length);
  to->length += from->length;
  return LML_OK;
}

/** Hand the structure to the engine, which is ready for it. */
static lml_status send_structure(lml_ipi_server *server, lml_error *error) {
  lml_status status = append(&server->output, &server->posdata, error);
  if (status == LML_OK) status = ask(server, LML_IPI_STATUS, STATUS_AFTER, error);
  if (status != LML_OK) return status;
  lml_ipi_decoder_expect_natoms(server->decoder, server->natoms, 0);
  server->request = IN_WORK;
  server->ready = false;
  return LML_OK;
}

/** The next thing to say to an engine that has nothing to do and shall have the structure. */
static lml_status begin(lml_ipi_server *server, lml_error *error) {
  if (!server->ready) return ask(server, LML_IPI_STATUS, STATUS_BEFORE, error);
  return server->init_is_new ? send_init(server, error) : send_structure(server, error);
}

/** i-PI's virial is symmetric; LAMMPS fills the upper triangle alone. */
static void symmetrise(const double wire[9], double virial[9]) {
  const bool upper_alone = wire[3] == 0.0 && wire[6] == 0.0 && wire[7] == 0.0;
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++) {
      const double upper = i < j ? wire[3 * i + j] : wire[3 * j + i], lower = i < j ? wire[3 * j + i] : wire[3 * i + j];
      virial[3 * i + j] = i == j || upper_alone ? upper : 0.5 * (upper + lower);
    }
}

static void take_forces(lml_ipi_server *server, const lml_ipi_message *message) {
  server->asked = NOTHING;
  if (server->discards) {
    server->discards = false;
    return;
  }
  server->answer = (lml_ipi_answer){.energy = message->energies[0],
                                    .natoms = message->natoms,
                                    .forces = message->forces,
                                    .extras = message->extras[0].bytes,
                                    .extras_length = message->extras[0].length};
  symmetrise(message->virials, server->answer.virial);
  server->request = ANSWERED;
}

static lml_status unexpected(const lml_ipi_server *server, lml_ipi_type type, lml_error *error) {
  static const char *const questions[] = {"without being asked", "when asked for its status before a structure",
                                          "when asked for its status after a structure", "when asked for forces"};
  return lml_fail(error, LML_ERR_PROTOCOL, "it said %s %s", lml_ipi_type_name(type), questions[server->asked]);
}

static lml_status take_message(lml_ipi_server *server, const lml_ipi_message *message, lml_error *error) {
  const lml_ipi_type type = message->type;
  if (server->asked == STATUS_BEFORE && type == LML_IPI_READY) {
    server->asked = NOTHING;
    server->ready = true;
    server->init_is_due = false;
    return LML_OK;
  }
  if (server->asked == STATUS_BEFORE && type == LML_IPI_NEEDINIT) {
    if (!server->init_is_due) return send_init(server, error);
    return lml_fail(error, LML_ERR_PROTOCOL, "it said NEEDINIT after it was sent an INIT");
  }
  if (server->asked == STATUS_AFTER && type == LML_IPI_HAVEDATA) return ask(server, LML_IPI_GETFORCE, FORCES, error);
  if (server->asked == FORCES && type == LML_IPI_FORCEREADY) {
    take_forces(server, message);
    return LML_OK;
  }
  return unexpected(server, type, error);
}

/** Find the engine among those that have connected; its answer to the first STATUS is heard. */
static lml_status find_engine(lml_ipi_server *server, lml_error *error) {
  lml_ipi_message answer = {0};
  const lml_status status = lml_ipi_candidates_choose(&server->candidates, &server->listener, server->decoder,
                                                      &server->stream, &answer.type, error);
  if (status != LML_OK || !is_open(server)) return status;
  server->connections++;
  server->asked = STATUS_BEFORE;
  return take_message(server, &answer, error);
}

/** Read what is there, and act on each message. */
static lml_status listen_to_engine(lml_ipi_server *server, bool *heard, lml_error *error) {
  size_t received;
  bool closed = false;
  lml_status status = lml_ipi_stream_receive(&server->stream, server->input, INPUT_SIZE, &received, &closed, error);
  if (status != LML_OK) return status;
  *heard = received > 0;
  for (size_t at = 0; status == LML_OK && at < received;) {
    if (server->asked == NOTHING)
      return lml_fail(error, LML_ERR_PROTOCOL, "it sent %zu bytes that nobody asked for", received - at);
    size_t used;
    const lml_ipi_message *message;
    status = lml_ipi_decoder_feed(server->decoder, server->input + at, received - at, &used, &message, error);
    at += used;
    if (status == LML_OK && message != NULL) status = take_message(server, message, error);
    /* The result's arrays are the decoder's: nothing may follow it. */
    if (status == LML_OK && server->request == ANSWERED && at < received)
      return lml_fail(error, LML_ERR_PROTOCOL, "it sent %zu bytes after the forces", received - at);
  }
  if (status != LML_OK || !closed || server->request == ANSWERED) return status;
  const char *inside = lml_ipi_decoder_inside(server->decoder);
  if (inside != NULL) return lml_fail(error, LML_ERR_CLOSED, "it closed the connection within %s", inside);
  static const char *const moments[] = {"while it had nothing to do", "before it had a structure",
                                        "before it had computed the structure", "before it had sent forces"};
  return lml_fail(error, LML_ERR_CLOSED, "it closed the connection %s", moments[server->asked]);
}

/** One round: what waits to be said, what there is to hear. */
static lml_status talk(lml_ipi_server *server, bool *acted, lml_error *error) {
  lml_status status = LML_OK;
  *acted = false;
  if (!is_open(server)) {
    if (server->request == WAITS) status = find_engine(server, error);
    if (status != LML_OK || !is_open(server)) return status;
  }
  if (server->asked == NOTHING && server->request == WAITS) {
    *acted = true;
    status = begin(server, error);
  }
  if (status == LML_OK) status = flush(server, error);
  bool heard = false;
  if (status == LML_OK) status = listen_to_engine(server, &heard, error);
  if (heard) *acted = true;
  return status;
}

lml_status lml_ipi_server_progress(lml_ipi_server *server, bool *done, lml_error *error) {
  lml_status status = LML_OK;
  for (bool acted = true; acted && status == LML_OK && server->request != ANSWERED;) {
    status = talk(server, &acted, error);
  }
  if (status != LML_OK) drop(server);
  *done = server->request == ANSWERED;
  return status;
}

void lml_ipi_server_result(const lml_ipi_server *server, lml_ipi_answer *answer) { *answer = server->answer; }

lml_status lml_ipi_server_wait(const lml_ipi_server *server, int timeout_ms, lml_error *error) {
  struct pollfd entries[LML_IPI_MOST_CANDIDATES + 1];
  const bool sends = server->sent < server->output.length;
  size_t count = 1;
  if (server->request == ANSWERED) return LML_OK;
  if (is_open(server))
    entries[0] = (struct pollfd){.fd = server->stream.fd, .events = (short)(sends ? POLLIN | POLLOUT : POLLIN)};
  else
    count = lml_ipi_candidates_poll(&server->candidates, &server->listener, entries, &timeout_ms);
  if (lml_sys->poll(entries, (nfds_t)count, timeout_ms) >= 0 || errno == EINTR || errno == EAGAIN) return LML_OK;
  return lml_fail_errno(error, errno, "cannot wait at %s", address_of(server));
}

/* ---- requests ---- */

/** Keep @p request's INIT string; whether it is the one that was kept. */
static lml_status keep_init(lml_ipi_server *server, const lml_ipi_request *request, bool *same, lml_error *error) {
  const lml_ipi_buffer text = {.bytes = NULL, .length = request->init == NULL ? 1 : request->init_length};
  const char *const bytes = request->init == NULL ? "" : request->init;
  *same = server->init.length == text.length && memcmp(server->init.bytes, bytes, text.length) == 0;
  if (*same) return LML_OK;
  server->init.length = 0;
  const lml_status status =
      lml_grow(&server->init.bytes, &server->init.capacity, text.length, 1, "the INIT for an engine", error);
  if (status != LML_OK) return status;
  memcpy(server->init.bytes, bytes, text.length);
  server->init.length = text.length;
  return LML_OK;
}

lml_status lml_ipi_server_request(lml_ipi_server *server, const lml_ipi_request *request, lml_error *error) {
  if (server->request == WAITS || server->request == IN_WORK)
    return lml_fail(error, LML_ERR_USAGE, "the engine at %s has a structure already", address_of(server));
  const lml_ipi_message posdata = {.type = LML_IPI_POSDATA,
                                   .batch = 1,
                                   .natoms = request->natoms,
                                   .cells = request->cell,
                                   .positions = request->positions};
  bool same;
  server->request = NONE;
  server->posdata.length = 0;
  lml_status status = lml_ipi_encode(&posdata, lml_ipi_units_ev, &server->posdata, error);
  if (status == LML_OK) status = keep_init(server, request, &same, error);
  if (status != LML_OK) return status;
  if (!same && server->inited) server->init_is_new = true;
  server->natoms = request->natoms;
  server->request = WAITS;
  return LML_OK;
}

void lml_ipi_server_retry(lml_ipi_server *server) {
  if (server->request == ANSWERED) server->request = WAITS;
}

void lml_ipi_server_abandon(lml_ipi_server *server) {
  if (server->request == IN_WORK) server->discards = true;
  server->request = NONE;
}
