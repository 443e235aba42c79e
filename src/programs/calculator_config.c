#include "programs/calculator_config.h"

#include "base/memory.h"

const char *const lml_calculator_type_names[] = {"linear", "remote", "mixing", NULL};

lml_status lml_calculator_config_choose(lml_calculator_config *calculator, lml_calculator_type type, lml_error *error) {
  calculator->type = type;
  switch (type) {
    case LML_CALCULATOR_LINEAR:
      return LML_OK;
    case LML_CALCULATOR_REMOTE:
      return lml_alloc(&calculator->remote, 1, sizeof *calculator->remote, "an engine's configuration", error);
    case LML_CALCULATOR_MIXING:
      return lml_alloc(&calculator->mixing, 1, sizeof *calculator->mixing, "a mixture's configuration", error);
  }
  return LML_OK;
}

static void free_remote(lml_remote_config *remote) {
  if (remote == NULL) return;
  lml_free(remote->name);
  lml_free(remote->address);
  lml_free(remote->socket_prefix);
  lml_free(remote->launch);
  lml_free(remote->prepare);
  lml_free(remote->folder);
  lml_free(remote->output);
  for (size_t i = 0; i < remote->ninputs; i++) lml_free(remote->inputs[i]);
  lml_free(remote->inputs);
  lml_free(remote->tag);
  lml_free(remote);
}

static void free_mixing(lml_mixing_config *mixing) {
  if (mixing == NULL) return;
  for (size_t i = 0; i < mixing->nregions; i++) {
    lml_region_config *region = &mixing->regions[i];
    lml_free(region->name);
    lml_free(region->indices);
    lml_free(region->species);
    lml_free(region->spheres);
    lml_calculator_config_free(region->calculator);
    lml_free(region->calculator);
  }
  lml_free(mixing->regions);
  lml_calculator_config_free(mixing->ml);
  lml_free(mixing->ml);
  lml_free(mixing);
}

void lml_calculator_config_free(lml_calculator_config *calculator) {
  if (calculator == NULL) return;
  lml_free(calculator->potential);
  lml_free(calculator->parameters);
  free_remote(calculator->remote);
  free_mixing(calculator->mixing);
  *calculator = (lml_calculator_config){0};
}
