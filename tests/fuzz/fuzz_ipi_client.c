/* Fuzz target: the client end of the protocol, whose driver says anything in any pieces. What it says must lead to
 * events in an order that makes sense, or to an error with words and a closed connection. */
#include "ipi_client.h"
#include "memory_files.h"
#include "memory_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL = 3 /**< bytes that steer */, MOST_ATOMS = 64, MOST_EVENTS = 200 };

static lml_status reply(lml_ipi_client *client, const lml_ipi_event *event, lml_error *error) {
  static const double forces[3 * MOST_ATOMS];
  const lml_ipi_result result = {
      .energy = 1.5, .natoms = event->natoms, .forces = forces, .extras = "{}", .extras_length = 2};
  REQUIRE(event->natoms > 0 && event->natoms <= MOST_ATOMS && event->positions != NULL);
  REQUIRE(event->batch_size > 0 && event->batch_index < event->batch_size);
  const lml_status status = lml_ipi_client_check(client, error);
  return status == LML_OK ? lml_ipi_client_reply(client, &result, error) : status;
}

static void converse(lml_ipi_client *client) {
  lml_error error = {0};
  lml_ipi_event event = {0};
  lml_status status = LML_OK;
  for (int count = 0; count < MOST_EVENTS && status == LML_OK; count++) {
    status = lml_ipi_client_next(client, &event, &error);
    if (status != LML_OK || event.type == LML_IPI_EVENT_END) break;
    if (event.type == LML_IPI_EVENT_INIT)
      REQUIRE(event.text[event.length] == '\0');
    else
      status = reply(client, &event, &error);
  }
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  REQUIRE(status != LML_ERR_USAGE);
  lml_ipi_client_close(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < CONTROL) return 0;
  lml_ipi_client_settings settings = {.wait_limit = 0.0, .max_natoms = MOST_ATOMS};
  lml_ipi_client *client = NULL;
  lml_error error = {0};
  settings.init = data[0] & 1 ? LML_IPI_INIT_EVERY_EVALUATION : LML_IPI_INIT_ONCE;
  settings.natoms = data[0] >> 1 & 3;
  memory_files_begin();
  memory_peer_begin(data + CONTROL, size - CONTROL, (memory_peer_manners){data[1], data[2] % 64, 0});
  REQUIRE(lml_ipi_address_parse("unix:/s", NULL, &settings.address, NULL) == LML_OK);
  REQUIRE(lml_ipi_client_create(&settings, &client, NULL) == LML_OK);
  while (lml_ipi_client_connect(client, &error) == LML_OK) converse(client);
  REQUIRE(error.message[0] != '\0');
  lml_ipi_client_destroy(client);
  memory_peer_end();
  memory_files_end();
  return 0;
}
