/* Fuzz target: the server end of the protocol. Engines and strangers connect, say anything in any pieces, stay or hang
 * up; a result is only what an engine has answered for the number of atoms it was asked for, and what is wrong is an
 * error with words after which nobody is connected. */
#include "ipi_server.h"
#include "memory_files.h"
#include "memory_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL = 3 /**< bytes that steer */, NATOMS = 2, MOST_ROUNDS = 300, MOST_RESULTS = 6 };

enum { LAST_ROUNDS = 70 /**< when all was said; in so many limits of time run out */ };

static lml_ipi_judgement judgement;

static lml_ipi_judgement judge(void *context, const lml_ipi_peer *peer) {
  (void)context;
  REQUIRE(peer->text[0] != '\0');
  return judgement;
}

static void hear(void *context, lml_ipi_refusal why, const char *what) {
  (void)context;
  REQUIRE(why < LML_IPI_REFUSALS && what[0] != '\0');
}

static void ask(lml_ipi_server *server, size_t number) {
  static const double cell[9] = {8, 0, 0, 1, 9, 0, 0.5, 0.25, 10},
                      positions[3 * NATOMS] = {0.1, 0.2, 0.3, 1.5, 2.5, 3.5};
  const lml_ipi_request request = {.natoms = NATOMS,
                                   .cell = cell,
                                   .positions = positions,
                                   .init = number % 2 ? "other" : NULL,
                                   .init_length = number % 2 ? 5 : 0};
  REQUIRE(lml_ipi_server_request(server, &request, NULL) == LML_OK);
}

/** What is done with a result is another thing each time. */
static void take(lml_ipi_server *server, size_t number) {
  lml_ipi_answer answer;
  lml_ipi_server_result(server, &answer);
  REQUIRE(answer.natoms == NATOMS && answer.forces != NULL && answer.extras[answer.extras_length] == '\0');
  if (number % 3 == 1)
    lml_ipi_server_retry(server);
  else
    ask(server, number);
}

static void work(lml_ipi_server *server, unsigned abandons) {
  size_t results = 0;
  for (unsigned round = 0, last = 0; round < MOST_ROUNDS && last < LAST_ROUNDS && results < MOST_RESULTS; round++) {
    lml_error error = {0};
    bool done = false;
    const lml_status status = lml_ipi_server_progress(server, &done, &error);
    REQUIRE(status == LML_OK ||
            (!done && error.message[0] != '\0' && lml_ipi_server_where(server) == LML_IPI_SERVER_ALONE));
    REQUIRE(status != LML_ERR_USAGE && lml_ipi_server_connections(server) <= lml_ipi_server_callers(server));
    if (done) take(server, results++);
    if (abandons > 0 && round % abandons == abandons - 1) {
      lml_ipi_server_abandon(server);
      ask(server, results);
    }
    if (status == LML_OK && !done) REQUIRE(lml_ipi_server_wait(server, 50, &error) == LML_OK);
    last += memory_peer_is_over() != 0;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < CONTROL) return 0;
  const lml_ipi_admission admission = {.answer_limit = 3.0, .judge = judge, .refused = hear};
  lml_ipi_address address;
  lml_ipi_server *server = NULL;
  judgement = (lml_ipi_judgement)(data[0] % 3);
  memory_files_begin();
  memory_peer_begin(data + CONTROL, size - CONTROL, (memory_peer_manners){data[1], data[2] % 64, data[0] >> 2 & 1});
  REQUIRE(lml_ipi_address_parse("unix:/s", NULL, &address, NULL) == LML_OK);
  lml_error error = {0};
  if (lml_ipi_server_create(&address, &admission, &server, &error) != LML_OK)
    memory_files_failed(error.message, "create", 0);
  ask(server, 0);
  work(server, data[0] >> 3 & 7);
  if (data[0] >> 6 & 1) lml_ipi_server_hang_up(server);
  lml_ipi_server_destroy(server);
  memory_peer_end();
  memory_files_end();
  return 0;
}
