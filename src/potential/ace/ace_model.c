#include "potential/ace/ace_model.h"

#include <string.h>

#include "base/memory.h"

static void free_functions(lml_ace_function *functions, size_t count) {
  for (size_t f = 0; functions != NULL && f < count; f++) {
    lml_free(functions[f].ms);
    lml_free(functions[f].shape);
  }
  lml_free(functions);
}

void lml_ace_model_free(lml_ace_model *model) {
  const size_t n = model->nelements;
  for (size_t b = 0; model->bonds != NULL && b < n * n; b++) lml_free(model->bonds[b].coefficients);
  for (size_t e = 0; model->functions != NULL && e < n; e++) free_functions(model->functions[e], model->nfunctions[e]);
  lml_free(model->functions);
  lml_free(model->nfunctions);
  lml_free(model->bonds);
  lml_free(model->embeddings);
  lml_free(model->numbers);
  memset(model, 0, sizeof *model);
}

double lml_ace_model_cutoff(const lml_ace_model *model) {
  double cutoff = 0.0;
  for (size_t b = 0; b < model->nelements * model->nelements; b++)
    if (model->bonds[b].cutoff > cutoff) cutoff = model->bonds[b].cutoff;
  return cutoff;
}

size_t lml_ace_model_most_functions(const lml_ace_model *model) {
  size_t most = 0;
  for (size_t e = 0; e < model->nelements; e++)
    if (model->nfunctions[e] > most) most = model->nfunctions[e];
  return most;
}
