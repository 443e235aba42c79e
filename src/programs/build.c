#include "programs/build.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "engine/remote_calculator.h"
#include "engine/template.h"
#include "mixing/uncertain_region.h"
#include "potential/linear_calculator.h"

/* ---- potentials ---- */

static lml_status read_potential(lml_build *build, const lml_calculator_config *config, lml_error *error) {
  const lml_status status = lml_grow(&build->potentials, &build->potentials_capacity, build->npotentials + 1,
                                     sizeof *build->potentials, "potentials", error);
  if (status != LML_OK) return status;
  struct lml_built_potential *entry = &build->potentials[build->npotentials];
  entry->config = config;
  entry->potential = NULL;
  build->npotentials++;
  return lml_potential_read(config->potential, config->parameters, config->fixed_terms, &entry->potential, error);
}

static lml_status read_all(lml_build *build, const lml_calculator_config *config, lml_error *error) {
  if (config->type == LML_CALCULATOR_LINEAR) return read_potential(build, config, error);
  if (config->type == LML_CALCULATOR_REMOTE) return LML_OK;
  lml_status status = read_all(build, config->mixing->ml, error);
  for (size_t i = 0; i < config->mixing->nregions && status == LML_OK; i++)
    status = read_all(build, config->mixing->regions[i].calculator, error);
  return status;
}

lml_status lml_build_read(lml_build *build, const lml_serve_config *config, lml_error *error) {
  build->config = config;
  return read_all(build, &config->calculator, error);
}

const lml_potential *lml_build_potential_of(const lml_build *build, const lml_calculator_config *config) {
  for (size_t i = 0; i < build->npotentials; i++)
    if (build->potentials[i].config == config) return build->potentials[i].potential;
  return NULL;
}

const lml_potential *lml_build_potential(const lml_build *build) {
  return lml_build_potential_of(build, &build->config->calculator);
}

/** The linear calculator at the end of the ML sides; NULL where that is none. */
static const lml_calculator_config *shared_config(const lml_calculator_config *config) {
  while (config->type == LML_CALCULATOR_MIXING) config = config->mixing->ml;
  return config->type == LML_CALCULATOR_LINEAR ? config : NULL;
}

const lml_calculator_config *lml_build_shared_config(const lml_build *build) {
  return shared_config(&build->config->calculator);
}

const lml_potential *lml_build_shared_potential(const lml_build *build) {
  const lml_calculator_config *shared = shared_config(&build->config->calculator);
  return shared == NULL ? NULL : lml_build_potential_of(build, shared);
}

/* ---- calculators ---- */

static lml_status make(lml_build *build, const lml_calculator_config *config, lml_calculator **calculator,
                       lml_error *error);

/** What counts for the threads: engines on this machine, and linear calculators that are not told how many to have. */
static void count_users(const lml_calculator_config *config, size_t *engines, size_t *untold) {
  static const char *const here[] = {"unix:", "localhost:", "127."};
  if (config->type == LML_CALCULATOR_LINEAR) *untold += config->threads == 0;
  if (config->type == LML_CALCULATOR_REMOTE)
    for (size_t k = 0; k < sizeof here / sizeof here[0]; k++)
      *engines += strncmp(config->remote->address, here[k], strlen(here[k])) == 0;
  if (config->type != LML_CALCULATOR_MIXING) return;
  count_users(config->mixing->ml, engines, untold);
  for (size_t i = 0; i < config->mixing->nregions; i++)
    count_users(config->mixing->regions[i].calculator, engines, untold);
}

static lml_status find_threads(lml_build *build, lml_comm *comm, lml_error *error) {
  size_t engines = 0, untold = 0;
  count_users(&build->config->calculator, &engines, &untold);
  const lml_status status = untold == 0 ? LML_OK : lml_threads_find(&build->threads, engines, comm, build->log, error);
  return lml_comm_agree(comm, status, error);
}

static lml_status set_radius(lml_calculator *calculator, const lml_calculator_config *config, lml_error *error) {
  if (config->coordination_radius <= 0.0) return LML_OK;
  const lml_status status =
      lml_linear_calculator_set_coordination_radius(calculator, config->coordination_radius, error);
  return status == LML_OK ? status : lml_fail_context(error, "%s: coordination_radius", config->potential);
}

static lml_status make_linear(lml_build *build, const lml_calculator_config *config, lml_calculator **calculator,
                              lml_error *error) {
  if (config == shared_config(&build->config->calculator)) {
    const lml_status status = set_radius(build->parallel, config, error);
    if (status != LML_OK) return status;
    *calculator = build->parallel;
    build->calculator = NULL; /* it is a part now, and freed with the whole */
    return LML_OK;
  }
  lml_status status = lml_linear_calculator_create(lml_build_potential_of(build, config), calculator, error);
  if (status == LML_OK) status = lml_threads_give(&build->threads, config->threads, *calculator, error);
  return status == LML_OK ? set_radius(*calculator, config, error) : status;
}

static lml_status make_engine(lml_build *build, const lml_remote_config *config, const char *address,
                              const char *folder, lml_calculator **calculator, lml_error *error) {
  static const char unix_scheme[] = "unix:";
  lml_engine_settings settings = config->settings;
  settings.name = config->name;
  settings.launch = config->launch;
  settings.prepare = config->prepare;
  settings.folder = folder;
  settings.output = config->output;
  settings.index = build->config->index;
  settings.log = build->log;
  if (strncmp(address, unix_scheme, sizeof unix_scheme - 1) == 0)
    settings.socket_name = address + sizeof unix_scheme - 1;
  lml_status status = lml_ipi_address_parse(address, config->socket_prefix, &settings.address, error);
  if (status == LML_OK) status = lml_remote_calculator_create(&settings, calculator, error);
  if (status != LML_OK) lml_fail_context(error, "engine %s", config->name == NULL ? config->address : config->name);
  return status;
}

static lml_status make_remote(lml_build *build, const lml_calculator_config *config, lml_calculator **calculator,
                              lml_error *error) {
  lml_status status = lml_grow(&build->remotes, &build->remotes_capacity, build->nremotes + 1, sizeof *build->remotes,
                               "engines", error);
  if (status != LML_OK) return status;
  char *address = lml_template_fill_index(config->remote->address, build->config->index, error);
  /* Commands run beside the configuration, as paths in it count from there. */
  char *folder = config->remote->folder != NULL ? lml_strdup(config->remote->folder, error)
                 : build->config->path != NULL  ? lml_path_folder(build->config->path, error)
                                                : lml_strdup(".", error);
  status = address == NULL || folder == NULL ? LML_ERR_MEMORY
                                             : make_engine(build, config->remote, address, folder, calculator, error);
  lml_free(address);
  lml_free(folder);
  if (status == LML_OK) build->remotes[build->nremotes++] = (struct lml_built_remote){config, *calculator};
  return status;
}

/** Choose the atoms of the region @p config; *@p nwanted as in lml_built_region. */
static lml_status choose_atoms(const lml_build *build, const lml_region_config *config,
                               const lml_mixing_settings *mixture, lml_region *region, size_t *nwanted,
                               lml_error *error) {
  const lml_region_settings *settings = &config->region;
  *nwanted = 0;
  if (settings->selection != LML_REGION_UNCERTAIN)
    return lml_region_make(region, settings, build->structure, build->labels, error);
  lml_uncertain_choice choice = {.settings = settings, .structure = build->structure, .held = build->held};
  const lml_uncertain_ml ml = {.calculator = mixture->ml,
                               .known = mixture->known,
                               .nknown = mixture->nknown,
                               .distance = mixture->foreign_distance,
                               .cutoff = mixture->cutoff};
  const lml_status status = lml_uncertain_region_begin(region, &choice, &ml, error);
  *nwanted = choice.nwanted;
  if (status == LML_OK && config->update == 0)
    (void)lml_uncertain_region_tell_bound(&settings->uncertain, config->name, choice.nwanted, build->log);
  return status;
}

/** Make region and cluster of @p config, and remember them. */
static lml_status make_region(lml_build *build, const lml_region_config *config, const lml_mixing_settings *mixture,
                              lml_mixing_region *region, lml_error *error) {
  size_t nwanted = 0;
  lml_status status = lml_grow(&build->regions, &build->regions_capacity, build->nregions + 1, sizeof *build->regions,
                               "QM regions", error);
  region->name = config->name;
  if (status == LML_OK) status = lml_alloc(&region->region, 1, sizeof *region->region, "a region", error);
  if (status == LML_OK) status = lml_alloc(&region->cluster, 1, sizeof *region->cluster, "a cluster", error);
  if (status == LML_OK) status = choose_atoms(build, config, mixture, region->region, &nwanted, error);
  if (status == LML_OK)
    status = lml_cluster_make(region->cluster, region->region, build->structure, &config->cluster, error);
  if (status == LML_OK) status = make(build, config->calculator, &region->calculator, error);
  if (status != LML_OK) {
    lml_fail_context(error, "region %s", config->name);
    return status;
  }
  build->regions[build->nregions++] = (lml_built_region){.config = config,
                                                         .region = region->region,
                                                         .cluster = region->cluster,
                                                         .calculator = region->calculator,
                                                         .ml = mixture->ml,
                                                         .nwanted = nwanted};
  return LML_OK;
}

/** The species that the ML side knows, into a new array; none where that cannot be said. */
static lml_status find_known(const lml_build *build, const lml_calculator_config *ml, int **known, size_t *count,
                             lml_error *error) {
  const lml_potential *potential = lml_build_potential_of(build, ml);
  *known = NULL;
  *count = potential == NULL ? 0 : lml_potential_nelements(potential);
  if (potential == NULL) return LML_OK;
  const lml_status status = lml_alloc(known, *count, sizeof **known, "species", error);
  for (size_t i = 0; status == LML_OK && i < *count; i++) (*known)[i] = lml_potential_element(potential, i);
  return status;
}

static lml_status make_ml(lml_build *build, const lml_mixing_config *config, lml_calculator **ml, lml_error *error) {
  lml_calculator *rescaled;
  lml_status status = make(build, config->ml, ml, error);
  if (status != LML_OK || !config->rescales) return status;
  status = lml_rescaled_calculator_create(*ml, &config->rescaling, &rescaled, error);
  if (status == LML_OK) *ml = rescaled;
  return status;
}

static lml_status make_mixture(lml_build *build, const lml_mixing_config *config, lml_mixing_settings *settings,
                               lml_mixing_region *regions, lml_calculator **calculator, lml_error *error) {
  int *known = NULL;
  lml_status status = make_ml(build, config, &settings->ml, error);
  if (status == LML_OK) status = find_known(build, config->ml, &known, &settings->nknown, error);
  settings->known = known;
  const lml_potential *potential = lml_build_potential_of(build, config->ml);
  if (potential != NULL) settings->cutoff = lml_potential_cutoff(potential);
  if (config->foreign_distance >= 0.0)
    settings->foreign_distance = config->foreign_distance;
  else
    settings->foreign_distance = settings->cutoff;
  for (size_t i = 0; i < config->nregions && status == LML_OK; i++)
    status = make_region(build, &config->regions[i], settings, &regions[i], error);
  if (status == LML_OK) status = lml_mixing_calculator_create(settings, calculator, error);
  lml_free(known);
  return status;
}

static lml_status make_mixing(lml_build *build, const lml_calculator_config *config, lml_calculator **calculator,
                              lml_error *error) {
  const lml_mixing_config *mixing = config->mixing;
  const size_t had = build->nregions, had_remotes = build->nremotes;
  lml_mixing_region *regions;
  lml_status status = lml_alloc(&regions, mixing->nregions, sizeof *regions, "QM regions", error);
  if (status != LML_OK) return status;
  lml_mixing_settings settings = {.structure = build->structure,
                                  .regions = regions,
                                  .nregions = mixing->nregions,
                                  .zero_mean_force = mixing->zero_mean_force,
                                  .energy = mixing->energy,
                                  .virial = mixing->virial,
                                  .log = build->log};
  status = make_mixture(build, mixing, &settings, regions, calculator, error);
  if (status != LML_OK) {
    for (size_t i = 0; i < mixing->nregions; i++) {
      lml_calculator_destroy(regions[i].calculator);
      if (regions[i].region != NULL) lml_region_free(regions[i].region);
      if (regions[i].cluster != NULL) lml_cluster_free(regions[i].cluster);
      lml_free(regions[i].region);
      lml_free(regions[i].cluster);
    }
    lml_calculator_destroy(settings.ml);
    build->nregions = had;
    build->nremotes = had_remotes;
  }
  lml_free(regions);
  return status;
}

static lml_status make(lml_build *build, const lml_calculator_config *config, lml_calculator **calculator,
                       lml_error *error) {
  static lml_status (*const makers[])(lml_build *, const lml_calculator_config *, lml_calculator **, lml_error *) = {
      make_linear, make_remote, make_mixing};
  return makers[config->type](build, config, calculator, error);
}

lml_status lml_build_make(lml_build *build, lml_comm *comm, lml_error *error) {
  const lml_calculator_config *shared = shared_config(&build->config->calculator);
  lml_status status = find_threads(build, comm, error);
  if (status == LML_OK && shared != NULL)
    status =
        lml_linear_calculator_create_parallel(lml_build_potential_of(build, shared), comm, &build->parallel, error);
  build->calculator = build->parallel;
  if (status == LML_OK && shared != NULL)
    status = lml_comm_agree(comm, lml_threads_give(&build->threads, shared->threads, build->parallel, error), error);
  if (status != LML_OK || lml_comm_rank(comm) != 0) return status;
  lml_calculator *whole = NULL;
  status = make(build, &build->config->calculator, &whole, error);
  if (status != LML_OK) return status;
  build->calculator = whole;
  build->mixture = lml_mixture_of(whole);
  return LML_OK;
}

lml_calculator *lml_build_remote_of(const lml_build *build, const lml_calculator_config *config) {
  for (size_t i = 0; i < build->nremotes; i++)
    if (build->remotes[i].config == config) return build->remotes[i].calculator;
  return NULL;
}

lml_status lml_build_open(lml_build *build, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t i = 0; i < build->nremotes && status == LML_OK; i++)
    status = lml_remote_calculator_open(build->remotes[i].calculator, error);
  return status;
}

void lml_build_free(lml_build *build) {
  lml_calculator_destroy(build->calculator);
  for (size_t i = 0; i < build->npotentials; i++) lml_potential_destroy(build->potentials[i].potential);
  lml_threads_free(&build->threads);
  lml_free(build->potentials);
  lml_free(build->remotes);
  lml_free(build->regions);
  *build = (lml_build){0};
}
