#include "programs/eval_frame.h"

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

lml_status lml_eval_put_results(lml_frame *frame, const lml_results *results, lml_error *error) {
  lml_status status = lml_frame_set_real(frame, "energy", results->energy, error);
  if (status == LML_OK) status = lml_frame_set_real(frame, "free_energy", results->energy, error);
  if (status == LML_OK) status = lml_frame_set_reals(frame, "virial", results->virial, 9, error);
  if (status == LML_OK) status = put_stress(frame, results->virial, error);
  if (status == LML_OK) status = lml_frame_set_column(frame, "energies", results->energies, 1, error);
  if (status == LML_OK) status = lml_frame_set_column(frame, "forces", results->forces, 3, error);
  return status;
}
