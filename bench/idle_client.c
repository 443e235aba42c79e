/* bench_idle_client ADDRESS STRUCTURE.xyz: lmlink's client, session and socket with a calculator that does nothing, to
 * time what they cost by themselves. Serves one driver and ends with it. */
#include <stdio.h>

#include "base/memory.h"
#include "lmlink/extxyz.h"
#include "session/session.h"

static lml_status start(void *self, const lml_structure *structure, const lml_request *request, lml_error *error) {
  (void)request, (void)error;
  *(size_t *)self = structure->natoms;
  return LML_OK;
}

static lml_status progress(void *self, bool *done, lml_error *error) {
  (void)self, (void)error;
  *done = true;
  return LML_OK;
}

static lml_status finish(void *self, lml_results *results, lml_error *error) {
  const lml_status status = lml_results_reset(results, *(size_t *)self, error);
  if (status == LML_OK)
    for (size_t k = 0; k < LML_RESULTS_STANDARD; k++) results->list[k].origin = LML_ORIGIN_EXACT;
  return status;
}

static void cancel(void *self) { (void)self; }

static lml_status create_calculator(lml_calculator **calculator, lml_error *error) {
  static const lml_calculator_ops ops = {
      .name = "idle", .start = start, .progress = progress, .finish = finish, .cancel = cancel, .destroy = lml_free};
  size_t *natoms;
  const lml_status status = lml_alloc(&natoms, 1, sizeof *natoms, "a calculator", error);
  return status == LML_OK ? lml_calculator_create(&ops, natoms, calculator, error) : status;
}

static lml_status serve(const char *address, const lml_structure *structure, lml_error *error) {
  lml_calculator *calculator = NULL;
  lml_session *session = NULL;
  lml_ipi_client *client = NULL;
  lml_ipi_client_settings settings = {.wait_limit = 60.0, .max_natoms = LML_SESSION_MAX_NATOMS};
  lml_status status = lml_ipi_address_parse(address, NULL, &settings.address, error);
  if (status == LML_OK) status = create_calculator(&calculator, error);
  const lml_session_settings session_settings = {.calculator = calculator, .structure = structure};
  if (status == LML_OK) status = lml_session_create(&session_settings, &session, error);
  if (status == LML_OK) status = lml_ipi_client_create(&settings, &client, error);
  if (status == LML_OK) status = lml_ipi_client_connect(client, error);
  if (status == LML_OK) status = lml_session_serve(session, client, error);
  lml_ipi_client_destroy(client);
  lml_session_destroy(session);
  lml_calculator_destroy(calculator);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: bench_idle_client ADDRESS STRUCTURE.xyz\n");
    return 2;
  }
  lml_error error = {0};
  lml_frame frame = {0};
  lml_status status = lml_xyz_read_file(argv[2], 0, &frame, &error);
  if (status == LML_OK) status = serve(argv[1], &frame.structure, &error);
  lml_frame_free(&frame);
  if (status != LML_OK) fprintf(stderr, "bench_idle_client: %s\n", error.message);
  return status == LML_OK ? 0 : 1;
}
