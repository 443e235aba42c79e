#include "ipi_client.h"

#include <poll.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "ipi_batch.h"
#include "ipi_codec.h"
#include "ipi_connect.h"
#include "ipi_stream.h"

enum { INPUT_SIZE = 1 << 16 /**< bytes read at once */ };

/** What the client would answer to STATUS, or why it would not yet. */
typedef enum client_state {
  NEEDS_INIT = 0,
  IS_READY,
  EVALUATES, /**< the caller has a structure that wants a reply */
  HAS_DATA   /**< FORCEREADY is in `forceready` and waits for GETFORCE */
} client_state;

struct lml_ipi_client {
  lml_ipi_client_settings settings;
  lml_ipi_stream stream;
  lml_ipi_decoder *decoder;
  unsigned char *input; /**< INPUT_SIZE bytes; those from input_begin to input_end are not decoded yet */
  size_t input_begin, input_end;
  client_state state;
  bool owes_reply;  /**< the caller has an evaluation that it has not answered */
  bool got_exit;    /**< EXIT has arrived */
  bool hung_up;     /**< no more bytes will arrive */
  bool send_failed; /**< the driver takes no more bytes; what it sent before may still be there */
  int32_t replica;
  bool replica_is_current;
  lml_ipi_message posdata; /**< while evaluating; its arrays are the decoder's */
  lml_ipi_batch batch;
  lml_ipi_buffer forceready;
  lml_ipi_buffer header; /**< NEEDINIT, READY or HAVEDATA on its way */
};

lml_status lml_ipi_client_create(const lml_ipi_client_settings *settings, lml_ipi_client **client, lml_error *error) {
  lml_status status = lml_alloc(client, 1, sizeof **client, "the client end of the i-PI protocol", error);
  if (status != LML_OK) return status;
  lml_ipi_client *made = *client;
  made->settings = *settings;
  made->stream =
      (lml_ipi_stream){.fd = -1, .stop = settings->stop, .attend = settings->attend, .context = settings->context};
  status = lml_ipi_decoder_create(LML_IPI_DRIVER, lml_ipi_units_ev, &made->decoder, error);
  if (status == LML_OK) status = lml_alloc(&made->input, INPUT_SIZE, 1, "the bytes that a driver sends", error);
  if (status != LML_OK) {
    lml_ipi_client_destroy(made);
    *client = NULL;
    return status;
  }
  lml_ipi_client_expect(made, settings->natoms, settings->max_natoms);
  return LML_OK;
}

void lml_ipi_client_destroy(lml_ipi_client *client) {
  if (client == NULL) return;
  lml_ipi_client_close(client);
  lml_ipi_decoder_destroy(client->decoder);
  lml_ipi_batch_free(&client->batch);
  lml_ipi_buffer_free(&client->forceready);
  lml_ipi_buffer_free(&client->header);
  lml_free(client->input);
  lml_free(client);
}

void lml_ipi_client_expect(lml_ipi_client *client, size_t natoms, size_t max_natoms) {
  lml_ipi_decoder_expect_natoms(client->decoder, natoms, max_natoms);
}

void lml_ipi_client_close(lml_ipi_client *client) { lml_ipi_stream_close(&client->stream); }

static bool is_open(const lml_ipi_client *client) { return client->stream.fd >= 0; }

lml_status lml_ipi_client_connect(lml_ipi_client *client, lml_error *error) {
  const lml_ipi_client_settings *settings = &client->settings;
  const lml_ipi_connect_settings how = {.wait_limit = settings->wait_limit,
                                        .trust = settings->trust,
                                        .waiting = settings->waiting,
                                        .context = settings->context};
  lml_ipi_client_close(client);
  lml_ipi_decoder_restart(client->decoder);
  lml_ipi_decoder_expect_batch(client->decoder, 1);
  client->input_begin = client->input_end = 0;
  client->state = NEEDS_INIT;
  client->owes_reply = client->got_exit = client->hung_up = client->send_failed = client->replica_is_current = false;
  client->replica = -1;
  return lml_ipi_connect(&settings->address, &how, &client->stream, error);
}

/* ---- bytes ---- */

/** Read what is there without waiting, as far as there is room for it. */
static lml_status receive(lml_ipi_client *client, size_t *received, lml_error *error) {
  *received = 0;
  const size_t kept = client->input_end - client->input_begin;
  memmove(client->input, client->input + client->input_begin, kept);
  client->input_begin = 0;
  client->input_end = kept;
  if (kept == INPUT_SIZE || client->hung_up) return LML_OK;
  const lml_status status = lml_ipi_stream_receive(&client->stream, client->input + kept, INPUT_SIZE - kept, received,
                                                   &client->hung_up, error);
  client->input_end += *received;
  return status;
}

/** Send; a driver that is gone is no failure here: what it sent before, perhaps EXIT, is read first. */
static lml_status send_buffer(lml_ipi_client *client, lml_ipi_buffer *buffer, lml_error *error) {
  lml_status status = LML_OK;
  if (!client->send_failed)
    status = lml_ipi_stream_send(&client->stream, buffer->bytes, buffer->length, &client->send_failed, error);
  buffer->length = 0;
  return status;
}

/* ---- messages ---- */

static lml_status answer_status(lml_ipi_client *client, lml_error *error) {
  static const lml_ipi_type answers[] = {
      [NEEDS_INIT] = LML_IPI_NEEDINIT, [IS_READY] = LML_IPI_READY, [HAS_DATA] = LML_IPI_HAVEDATA};
  const lml_ipi_message answer = {.type = answers[client->state]};
  const lml_status status = lml_ipi_encode(&answer, lml_ipi_units_ev, &client->header, error);
  return status == LML_OK ? send_buffer(client, &client->header, error) : status;
}

/** A message that does not fit the state. */
static lml_status refuse(const lml_ipi_message *message, const char *why, lml_error *error) {
  return lml_fail(error, LML_ERR_PROTOCOL, "the driver sent %s %s", lml_ipi_type_name(message->type), why);
}

static lml_status take_init(lml_ipi_client *client, const lml_ipi_message *message, lml_ipi_event *event,
                            lml_error *error) {
  if (client->state == HAS_DATA) return refuse(message, "before it fetched the forces that are ready", error);
  size_t batch;
  const lml_status status = lml_ipi_batch_size(message->init.bytes, message->init.length, &batch, error);
  if (status != LML_OK) return status;
  lml_ipi_decoder_expect_batch(client->decoder, batch);
  client->state = IS_READY;
  client->replica = message->replica;
  client->replica_is_current = true;
  *event = (lml_ipi_event){.type = LML_IPI_EVENT_INIT,
                           .replica = message->replica,
                           .replica_is_current = true,
                           .text = message->init.bytes,
                           .length = message->init.length,
                           .batch_size = batch};
  return LML_OK;
}

/** The event for the structure of the batch that comes next. */
static void make_evaluation(lml_ipi_client *client, lml_ipi_event *event) {
  const lml_ipi_message *posdata = &client->posdata;
  const size_t index = client->batch.count;
  *event = (lml_ipi_event){.type = LML_IPI_EVENT_EVALUATE,
                           .replica = index == 0 ? client->replica : -1,
                           .replica_is_current = index == 0 && client->replica_is_current,
                           .positions = posdata->positions + 3 * posdata->natoms * index,
                           .natoms = posdata->natoms,
                           .batch_index = index,
                           .batch_size = posdata->batch};
  memcpy(event->cell, posdata->cells + 9 * index, sizeof event->cell);
  client->owes_reply = true;
}

/** Take POSDATA. It is accepted before INIT too, which some drivers never send. */
static lml_status take_posdata(lml_ipi_client *client, const lml_ipi_message *message, lml_ipi_event *event,
                               lml_error *error) {
  if (client->state == HAS_DATA) return refuse(message, "before it fetched the forces that are ready", error);
  const lml_status status = lml_ipi_batch_begin(&client->batch, message, error);
  if (status != LML_OK) return status;
  client->posdata = *message;
  client->state = EVALUATES;
  make_evaluation(client, event);
  return LML_OK;
}

static lml_status answer_getforce(lml_ipi_client *client, const lml_ipi_message *message, lml_error *error) {
  if (client->state != HAS_DATA) return refuse(message, "without positions before it", error);
  const lml_status status = send_buffer(client, &client->forceready, error);
  if (status != LML_OK || client->send_failed) return status;
  client->state = client->settings.init == LML_IPI_INIT_EVERY_EVALUATION ? NEEDS_INIT : IS_READY;
  client->replica_is_current = false;
  return LML_OK;
}

/** Decode what has arrived, up to the end of one message, and act on it. *@p acted is false where bytes are missing. An
 *  INIT or POSDATA makes an event, *@p event is not touched otherwise. */
static lml_status act(lml_ipi_client *client, lml_ipi_event *event, bool *acted, lml_error *error) {
  const lml_ipi_message *message;
  size_t used;
  const lml_status status = lml_ipi_decoder_feed(client->decoder, client->input + client->input_begin,
                                                 client->input_end - client->input_begin, &used, &message, error);
  client->input_begin += used;
  *acted = message != NULL;
  if (status != LML_OK || message == NULL) return status;
  switch (message->type) {
    case LML_IPI_STATUS:
      return answer_status(client, error);
    case LML_IPI_INIT:
      return take_init(client, message, event, error);
    case LML_IPI_POSDATA:
      return take_posdata(client, message, event, error);
    case LML_IPI_GETFORCE:
      return answer_getforce(client, message, error);
    case LML_IPI_EXIT:
      client->got_exit = true;
      return LML_OK;
    case LML_IPI_NEEDINIT:
    case LML_IPI_READY:
    case LML_IPI_HAVEDATA:
    case LML_IPI_FORCEREADY:
      break; /* a client's, which the decoder refuses */
  }
  return lml_fail(error, LML_ERR_INTERNAL, "a driver's message of type %d came through", (int)message->type);
}

/** Failures name the driver's address and close the connection. */
static lml_status conclude(lml_ipi_client *client, lml_status status, lml_error *error) {
  if (status == LML_OK) return status;
  lml_ipi_client_close(client);
  lml_fail_context(error, "%s", client->settings.address.text);
  return status;
}

/* ---- the caller's side ---- */

/** The driver is gone, by EXIT or by closing. */
static lml_status end(lml_ipi_client *client, lml_ipi_event *event, lml_error *error) {
  const char *const inside = lml_ipi_decoder_inside(client->decoder);
  if (!client->got_exit && inside != NULL)
    return lml_fail(error, LML_ERR_CLOSED, "the driver closed the connection inside %s", inside);
  const bool owes = client->state == HAS_DATA || client->state == EVALUATES;
  *event = (lml_ipi_event){.type = LML_IPI_EVENT_END,
                           .end = client->got_exit ? LML_IPI_END_EXIT
                                  : owes           ? LML_IPI_END_ABANDONED
                                                   : LML_IPI_END_CLOSED};
  lml_ipi_client_close(client);
  return LML_OK;
}

/** Wait until there is something to decode or the driver has hung up. */
static lml_status await_bytes(lml_ipi_client *client, lml_error *error) {
  size_t received = 0;
  lml_status status = lml_ipi_stream_check_stop(&client->stream, error);
  while (status == LML_OK && received == 0 && !client->hung_up) {
    bool ready = false;
    if (!client->send_failed) status = lml_ipi_stream_wait(&client->stream, POLLIN, -1.0, &ready, error);
    if (status == LML_OK) status = receive(client, &received, error);
    if (client->send_failed && received == 0) client->hung_up = true;
  }
  return status;
}

static lml_status next_event(lml_ipi_client *client, lml_ipi_event *event, lml_error *error) {
  event->type = LML_IPI_EVENT_END;
  if (client->state == EVALUATES) make_evaluation(client, event);
  while (!client->got_exit && event->type == LML_IPI_EVENT_END) {
    bool acted;
    lml_status status = act(client, event, &acted, error);
    if (status == LML_OK && !acted) {
      if (client->hung_up) break;
      status = await_bytes(client, error);
    }
    if (status != LML_OK) return status;
  }
  return event->type == LML_IPI_EVENT_END ? end(client, event, error) : LML_OK;
}

lml_status lml_ipi_client_next(lml_ipi_client *client, lml_ipi_event *event, lml_error *error) {
  if (!is_open(client)) return lml_fail(error, LML_ERR_USAGE, "there is no connection to a driver: connect first");
  if (client->owes_reply) return lml_fail(error, LML_ERR_USAGE, "an evaluation wants its reply before the next event");
  return conclude(client, next_event(client, event, error), error);
}

lml_status lml_ipi_client_check(lml_ipi_client *client, lml_error *error) {
  if (!is_open(client)) return lml_fail(error, LML_ERR_USAGE, "there is no connection to a driver: connect first");
  size_t received;
  lml_status status = lml_ipi_stream_check_stop(&client->stream, error);
  if (status == LML_OK) status = receive(client, &received, error);
  if (status == LML_OK && client->hung_up)
    status = lml_fail(error, LML_ERR_CLOSED, "the driver closed the connection during an evaluation");
  return conclude(client, status, error);
}

/** Answer what the driver has asked already: it need not wait until the caller comes back for the next event. */
static lml_status answer_waiting(lml_ipi_client *client, lml_error *error) {
  lml_ipi_event none;
  lml_status status = LML_OK;
  while (status == LML_OK && client->state == HAS_DATA && !client->got_exit && !client->send_failed) {
    bool acted;
    status = act(client, &none, &acted, error);
    size_t received = 1;
    if (status == LML_OK && !acted) status = receive(client, &received, error);
    if (received == 0) break;
  }
  return status;
}

static lml_status take_result(lml_ipi_client *client, const lml_ipi_result *result, lml_error *error) {
  const lml_ipi_text extras = {.bytes = result->extras, .length = result->extras_length};
  lml_ipi_batch *batch = &client->batch;
  client->owes_reply = false;
  lml_status status = lml_ipi_batch_add(batch, result->energy, result->forces, result->virial, extras, error);
  if (status != LML_OK || !lml_ipi_batch_is_whole(batch)) return status;
  client->forceready.length = 0;
  status = lml_ipi_batch_encode(batch, lml_ipi_units_ev, &client->forceready, error);
  if (status != LML_OK) return status;
  client->state = HAS_DATA;
  return answer_waiting(client, error);
}

lml_status lml_ipi_client_reply(lml_ipi_client *client, const lml_ipi_result *result, lml_error *error) {
  if (!is_open(client)) return lml_fail(error, LML_ERR_USAGE, "there is no connection to a driver: connect first");
  if (!client->owes_reply) return lml_fail(error, LML_ERR_USAGE, "there is no evaluation that wants a reply");
  if (result->natoms != client->posdata.natoms)
    return lml_fail(error, LML_ERR_USAGE, "a result of %zu atoms does not answer an evaluation of %zu", result->natoms,
                    client->posdata.natoms);
  return conclude(client, take_result(client, result, error), error);
}
