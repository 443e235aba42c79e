#include "programs/eval_frame.h"

#include "calculator/result_frame.h"

static lml_status put_stress(lml_frame *frame, const double virial[9], lml_error *error) {
  const double volume = lml_structure_volume(&frame->structure);
  if (volume == 0.0) {
    lml_frame_remove_info(frame, "stress");
    return LML_OK;
  }
  double stress[9];
  for (size_t k = 0; k < 9; k++) stress[k] = -virial[k] / volume;
  return lml_frame_set_reals(frame, "stress", stress, 9, error);
}

/** With what ASE derives from it. */
static lml_status put_result(lml_frame *frame, const lml_results *results, size_t k, lml_error *error) {
  if (results->list[k].origin == LML_ORIGIN_ABSENT) return LML_OK;
  lml_status status = lml_result_put(&results->list[k], NULL, frame, error);
  if (status == LML_OK && k == LML_RESULTS_ENERGY)
    status = lml_frame_set_real(frame, "free_energy", *results->energy, error);
  if (status == LML_OK && k == LML_RESULTS_VIRIAL) status = put_stress(frame, results->virial, error);
  return status;
}

lml_status lml_eval_put_results(lml_frame *frame, const lml_results *results, lml_error *error) {
  lml_status status = LML_OK;
  /* Columns have their order from here: forces are the last. */
  for (size_t k = LML_RESULTS_STANDARD; k < results->count && status == LML_OK; k++)
    status = put_result(frame, results, k, error);
  for (size_t k = 0; k < LML_RESULTS_STANDARD && status == LML_OK; k++) status = put_result(frame, results, k, error);
  return status;
}
