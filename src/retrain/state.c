#include "retrain/state.h"

#include "base/memory.h"

const char *const lml_choice_by_names[] = {"none", "test", "folds", NULL};
const char *const lml_watch_names[] = {"nothing", "test", "left_out", "both", NULL};
const char *const lml_stage_names[] = {"scan",  "cache", "hard", "rows",        "leverage",
                                       "solve", "qr",    "fit",  "uncertainty", NULL};

void lml_retrain_forget_result(lml_retrain *retrain) {
  lml_potential_destroy(retrain->result);
  for (size_t s = 0; retrain->validations != NULL && s < retrain->options->nsets; s++)
    lml_validation_free(&retrain->validations[s]);
  lml_free(retrain->validations);
  lml_energy_offsets_free(&retrain->offsets);
  lml_uncertainty_free(&retrain->uncertainty);
  lml_free(retrain->coverages);
  retrain->result = NULL;
  retrain->validations = NULL;
  retrain->coverages = NULL;
}

void lml_retrain_forget_folds(lml_retrain *retrain) {
  for (size_t k = 0; retrain->folds != NULL && k < retrain->nfolds; k++) lml_normal_free(&retrain->folds[k]);
  lml_free(retrain->folds);
  retrain->folds = NULL;
  retrain->nfolds = retrain->ngroups = 0;
}

void lml_retrain_free(lml_retrain *retrain) {
  lml_potential_destroy(retrain->original);
  lml_potential_destroy(retrain->start);
  lml_retrain_forget_result(retrain);
  lml_free(retrain->delta);
  lml_ridge_free(&retrain->ridge);
  lml_constraints_free(&retrain->constraints);
  lml_normal_free(&retrain->target);
  lml_normal_free(&retrain->soft);
  for (size_t s = 0; retrain->tests != NULL && s < retrain->options->nsets; s++) lml_normal_free(&retrain->tests[s]);
  lml_free(retrain->tests);
  lml_retrain_forget_folds(retrain);
  lml_soft_sample_free(&retrain->sample);
  lml_free(retrain->trials);
  lml_start_files_free(retrain->start_files);
  *retrain = (lml_retrain){0};
}
