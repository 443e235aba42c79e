#include "ipi_candidates.h"

#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <string.h>

#include "base/fail.h"
#include "base/print.h"
#include "base/sys.h"

static const char status_word[LML_IPI_HEADER_SIZE + 1] = "STATUS      ";

static LML_PRINTF(3, 4) void refuse(const lml_ipi_admission *admission, lml_ipi_refusal why, const char *format, ...) {
  char text[LML_ERROR_MESSAGE_SIZE];
  if (admission->refused == NULL) return;
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(text, sizeof text, format, arguments);
  va_end(arguments);
  admission->refused(admission->context, why, text);
}

static lml_ipi_judgement judge(const lml_ipi_admission *admission, const lml_ipi_peer *peer) {
  return admission->judge == NULL ? LML_IPI_UNKNOWN : admission->judge(admission->context, peer);
}

/* ---- who comes ---- */

/** Whether the peer may be an engine at all. */
static bool may_come(const lml_ipi_admission *admission, const lml_ipi_peer *peer) {
  if (peer->transport == LML_IPI_UNIX && peer->user != lml_sys->geteuid()) {
    refuse(admission, LML_IPI_REFUSED_USER,
           "user number %lu tried to connect and was refused: an engine must run under the same user",
           (unsigned long)peer->user);
    return false;
  }
  if (peer->is_local || lml_ipi_networks_have(&admission->networks, &peer->other)) return true;
  refuse(admission, LML_IPI_REFUSED_NETWORK,
         "a connection from %s was refused; if that is the engine, add \"allow\": [\"%s\"] to its calculator, or its "
         "whole network",
         peer->text, peer->text);
  return false;
}

/** Send small messages at once. And look, every ten minutes of silence, whether the engine's machine is still there:
 *  one that lost its power says nothing, as does one that computes. */
static bool set_tcp_options(int fd) {
  static const struct {
    int level, number, value;
  } options[] = {
      {IPPROTO_TCP, TCP_NODELAY, 1},
      {SOL_SOCKET, SO_KEEPALIVE, 1},
      {IPPROTO_TCP, TCP_KEEPIDLE, 600},
      {IPPROTO_TCP, TCP_KEEPINTVL, 60},
  };
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    if (lml_sys->setsockopt(fd, options[i].level, options[i].number, &options[i].value, sizeof options[i].value) != 0)
      return false;
  return true;
}

/** Take in one that has come; false where it is to be closed. */
static bool take_in(lml_ipi_candidates *candidates, int fd, lml_ipi_transport transport) {
  lml_ipi_candidate *candidate = &candidates->list[candidates->count];
  *candidate = (lml_ipi_candidate){.stream = {.fd = fd, .acknowledge_at_once = transport == LML_IPI_TCP},
                                   .since = lml_sys->clock()};
  if (!lml_ipi_peer_find(fd, transport, &candidate->peer)) return false; /* it has gone */
  if (!may_come(&candidates->admission, &candidate->peer)) return false;
  candidates->came++;
  return transport == LML_IPI_UNIX || set_tcp_options(fd);
}

static lml_status take_all(lml_ipi_candidates *candidates, const lml_ipi_listener *listener, lml_error *error) {
  while (candidates->count < LML_IPI_MOST_CANDIDATES) {
    int fd;
    const lml_status status = lml_ipi_accept(listener, &fd, error);
    if (status != LML_OK || fd < 0) return status;
    if (take_in(candidates, fd, listener->address.transport))
      candidates->count++;
    else
      lml_sys->close(fd);
  }
  return LML_OK;
}

/* ---- what it says ---- */

/** Whether its answer is one to STATUS of an engine that has no structure. */
static lml_status read_answer(const lml_ipi_candidate *candidate, lml_ipi_decoder *decoder, lml_ipi_type *type,
                              lml_error *error) {
  const lml_ipi_message *message = NULL;
  size_t used;
  lml_ipi_decoder_restart(decoder);
  const lml_status status =
      lml_ipi_decoder_feed(decoder, candidate->answer, LML_IPI_HEADER_SIZE, &used, &message, error);
  lml_ipi_decoder_restart(decoder);
  if (status != LML_OK) return status;
  *type = message == NULL ? LML_IPI_FORCEREADY : message->type;
  if (*type == LML_IPI_READY || *type == LML_IPI_NEEDINIT) return LML_OK;
  return lml_fail(error, LML_ERR_PROTOCOL, "it said %s when asked for its status before a structure",
                  lml_ipi_type_name(*type));
}

/** Read what is there. LML_ERR_CLOSED where it hung up: without a message where it had not said a word. */
static lml_status hear(lml_ipi_candidate *candidate, lml_error *error) {
  for (bool closed = false;;) {
    size_t count;
    const lml_status status =
        lml_ipi_stream_receive(&candidate->stream, candidate->answer + candidate->received,
                               sizeof candidate->answer - candidate->received, &count, &closed, error);
    if (status != LML_OK) return status;
    candidate->received += count;
    if (candidate->received > LML_IPI_HEADER_SIZE)
      return lml_fail(error, LML_ERR_PROTOCOL, "it sent bytes that nobody asked for");
    if (count > 0 && candidate->sent == 0)
      return lml_fail(error, LML_ERR_PROTOCOL, "it sent %zu bytes before it was asked for anything", count);
    if (closed && candidate->received == 0) return LML_ERR_CLOSED;
    if (closed) return lml_fail(error, LML_ERR_CLOSED, "it closed the connection before it had a structure");
    if (count == 0) return LML_OK;
  }
}

/** Ask for its status, and see what it says. @p type is meant where its answer is whole. */
static lml_status talk(const lml_ipi_candidates *candidates, lml_ipi_candidate *candidate, lml_ipi_decoder *decoder,
                       lml_ipi_type *type, lml_error *error) {
  const double limit = candidates->admission.answer_limit;
  bool closed = false;
  lml_status status = hear(candidate, error);
  if (status == LML_OK && candidate->sent < LML_IPI_HEADER_SIZE) {
    size_t sent;
    status = lml_ipi_stream_send_some(&candidate->stream, status_word + candidate->sent,
                                      LML_IPI_HEADER_SIZE - candidate->sent, &sent, &closed, error);
    candidate->sent += sent;
    if (status == LML_OK) status = hear(candidate, error);
  }
  if (status != LML_OK) return status;
  if (candidate->received == LML_IPI_HEADER_SIZE) return read_answer(candidate, decoder, type, error);
  if (limit < 0.0 || lml_sys->clock() - candidate->since <= limit) return LML_OK;
  return lml_fail(error, LML_ERR_TIMEOUT, "it did not answer the first STATUS within %g s", limit);
}

/* ---- who is taken ---- */

/** Close it, and let the others move up. */
static void drop(lml_ipi_candidates *candidates, size_t i) {
  lml_ipi_stream_close(&candidates->list[i].stream);
  candidates->count--;
  memmove(&candidates->list[i], &candidates->list[i + 1], (candidates->count - i) * sizeof candidates->list[0]);
}

/** A connection that failed is a stranger's, or the engine's, whose failure counts. */
static lml_status turn_away(lml_ipi_candidates *candidates, size_t i, lml_status status, lml_error *failure,
                            lml_error *error) {
  const lml_ipi_admission *admission = &candidates->admission;
  const lml_ipi_peer *peer = &candidates->list[i].peer;
  const bool silent = status == LML_ERR_TIMEOUT;
  const bool is_engine = failure->message[0] != '\0' && judge(admission, peer) == LML_IPI_ENGINE;
  if (!is_engine && failure->message[0] != '\0')
    refuse(admission, silent ? LML_IPI_REFUSED_SILENT : LML_IPI_REFUSED_WORDS, "a connection from %s was closed: %s%s",
           peer->text, failure->message, silent ? "; if that is the engine, raise limits.answer" : "");
  drop(candidates, i);
  if (!is_engine) return LML_OK;
  return lml_fail(error, status, "%s%s", failure->message,
                  silent ? "; check what it does, or raise limits.answer" : "");
}

/** One that has answered well. */
static bool admit(const lml_ipi_candidates *candidates, size_t i) {
  const lml_ipi_peer *peer = &candidates->list[i].peer;
  if (judge(&candidates->admission, peer) != LML_IPI_STRANGER) return true;
  refuse(
      &candidates->admission, LML_IPI_REFUSED_STRANGER,
      "a connection from %s was refused: it is none of the processes that launch started; \"peer\": \"any\" takes an "
      "engine that was started otherwise",
      peer->text);
  return false;
}

lml_status lml_ipi_candidates_choose(lml_ipi_candidates *candidates, const lml_ipi_listener *listener,
                                     lml_ipi_decoder *decoder, lml_ipi_stream *chosen, lml_ipi_type *type,
                                     lml_error *error) {
  chosen->fd = -1;
  lml_status status = take_all(candidates, listener, error);
  for (size_t i = 0; i < candidates->count && status == LML_OK && chosen->fd < 0;) {
    lml_ipi_candidate *candidate = &candidates->list[i];
    lml_error failure = {0};
    const lml_status outcome = talk(candidates, candidate, decoder, type, &failure);
    if (outcome != LML_OK) {
      status = turn_away(candidates, i, outcome, &failure, error);
    } else if (candidate->received < LML_IPI_HEADER_SIZE) {
      i++;
    } else {
      if (admit(candidates, i)) {
        *chosen = candidate->stream;
        candidate->stream.fd = -1;
      }
      drop(candidates, i);
    }
  }
  return status;
}

/* ---- waiting ---- */

size_t lml_ipi_candidates_poll(const lml_ipi_candidates *candidates, const lml_ipi_listener *listener,
                               struct pollfd *entries, int *timeout_ms) {
  const double limit = candidates->admission.answer_limit, now = lml_sys->clock();
  size_t count = 0;
  /* Where there is no room for another, those that wait would be seen again and again. */
  if (candidates->count < LML_IPI_MOST_CANDIDATES)
    entries[count++] = (struct pollfd){.fd = listener->fd, .events = POLLIN};
  for (size_t i = 0; i < candidates->count; i++) {
    const lml_ipi_candidate *candidate = &candidates->list[i];
    const bool sends = candidate->sent < LML_IPI_HEADER_SIZE;
    entries[count++] =
        (struct pollfd){.fd = candidate->stream.fd, .events = (short)(sends ? POLLIN | POLLOUT : POLLIN)};
    if (limit >= 0.0)
      *timeout_ms = (int)fmin(*timeout_ms, 1.0 + ceil(1000.0 * fmax(0.0, candidate->since + limit - now)));
  }
  return count;
}

void lml_ipi_candidates_close(lml_ipi_candidates *candidates) {
  while (candidates->count > 0) drop(candidates, candidates->count - 1);
}
