#include "programs/server.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "calculator/derived_results.h"
#include "calculator/result_names.h"
#include "engine/remote_calculator.h"
#include "engine/template.h"
#include "ipi_client.h"
#include "lmlink/extxyz.h"
#include "potential/linear_calculator.h"
#include "potential/potential.h"
#include "programs/build.h"
#include "programs/check_crystal.h"
#include "programs/check_files.h"
#include "programs/recording.h"
#include "programs/status.h"
#include "session/session.h"
#include "structure/held_atoms.h"
#include "structure/neighbours.h"

struct lml_server {
  const lml_serve_config *config;
  lml_comm *comm;
  const lml_log *log;
  lml_server_flags flags;
  lml_build parts;
  lml_structure structure; /**< no atoms where none is configured */
  unsigned char *labels;   /**< its column region; NULL: it has none */
  unsigned char *held;     /**< the atoms that it says are held; NULL: none */
  lml_ipi_address address;
  lml_recorder *recorder;         /**< rank 0's; NULL: there is no force log */
  lml_reload *reload;             /**< rank 0's; NULL: there is no potential to reload */
  lml_adaptive_regions *adaptive; /**< rank 0's; NULL: no region moves */
  lml_skipping *skipping;         /**< rank 0's; NULL: no region may be skipped */
  lml_meter meter;
  lml_session *session;   /**< rank 0's */
  lml_ipi_client *client; /**< rank 0's */
};

/* ---- reading ---- */

static bool has_element(const lml_potential *potential, int number) {
  for (size_t i = 0; i < lml_potential_nelements(potential); i++)
    if (lml_potential_element(potential, i) == number) return true;
  return false;
}

/** What a linear calculator does not know, it refuses when it is asked; better say so at once. */
static lml_status check_species(const lml_server *server, lml_error *error) {
  const lml_potential *potential = lml_build_potential(&server->parts);
  for (size_t i = 0; potential != NULL && i < server->structure.natoms; i++)
    if (!has_element(potential, server->structure.numbers[i]))
      return lml_fail(error, LML_ERR_INPUT, "%s: atom %zu is %s, an element that the potential %s does not have",
                      server->config->structure, i, lml_element_symbol(server->structure.numbers[i]),
                      server->config->calculator.potential);
  return LML_OK;
}

static lml_status check_apart(const lml_server *server, lml_error *error) {
  const lml_status status = lml_structure_check_apart(&server->structure, error);
  return status == LML_OK ? LML_OK : lml_fail_context(error, "%s", server->config->structure);
}

/** Whether an uncertainty chooses a region, of which the structure file may say what is not to be in it. */
static bool chooses_uncertain(const lml_server *server) {
  const lml_calculator_config *config = &server->config->calculator;
  for (; config->type == LML_CALCULATOR_MIXING; config = config->mixing->ml)
    for (size_t r = 0; r < config->mixing->nregions; r++)
      if (config->mixing->regions[r].region.selection == LML_REGION_UNCERTAIN) return true;
  return false;
}

/** Whether it matters which atoms are held. */
static bool needs_held(const lml_server *server) {
  const lml_request results = lml_result_names_request(&server->config->results);
  return chooses_uncertain(server) || lml_request_names(&results, lml_derived_names[LML_DERIVED_FREE]);
}

static lml_status read_structure(lml_server *server, lml_error *error) {
  const char *path = server->config->structure;
  if (path == NULL) return LML_OK;
  lml_frame frame = {0};
  lml_status status = lml_xyz_read_file(path, 0, &frame, error);
  if (status == LML_OK) status = lml_structure_copy(&server->structure, &frame.structure, error);
  if (status == LML_OK && server->config->calculator.type == LML_CALCULATOR_MIXING)
    status = lml_region_read_labels(&frame, path, &server->labels, error);
  if (status == LML_OK && needs_held(server)) {
    status = lml_held_atoms_read(&frame, &server->held, error);
    if (status != LML_OK) lml_fail_context(error, "%s", path);
  }
  lml_frame_free(&frame);
  if (status != LML_OK) return status;
  if (server->structure.natoms == 0) return lml_fail(error, LML_ERR_INPUT, "%s: the first frame has no atoms", path);
  status = check_species(server, error);
  /* Of other calculators it may be a list of species alone, with positions of any kind. */
  if (status == LML_OK && server->config->calculator.type == LML_CALCULATOR_MIXING) status = check_apart(server, error);
  return status;
}

static lml_status read_address(lml_server *server, lml_error *error) {
  const lml_driver_config *driver = &server->config->driver;
  char *address = lml_template_fill_index(driver->address, server->config->index, error);
  if (address == NULL) return LML_ERR_MEMORY;
  const lml_status status = lml_ipi_address_parse(address, driver->socket_prefix, &server->address, error);
  lml_free(address);
  return status;
}

/** What every rank does by itself. */
static lml_status read_files(lml_server *server, lml_error *error) {
  lml_status status = read_address(server, error);
  if (status == LML_OK) status = lml_build_read(&server->parts, server->config, error);
  return status == LML_OK ? read_structure(server, error) : status;
}

/* ---- building ---- */

static void tell_waiting(void *context, const lml_ipi_address *address, const char *reason) {
  const lml_server *server = context;
  lml_log_line(server->log, LML_LOG_ERROR, "waiting for a driver at %s (%s)", address->text, reason);
}

static lml_status_source status_source(const lml_server *server) {
  return (lml_status_source){.meter = &server->meter, .build = &server->parts, .address = server->address.text};
}

/** Answer who asks what the server does. */
static void attend(void *context) {
  const lml_server *server = context;
  if (server->flags.status == NULL || *server->flags.status == 0) return;
  *server->flags.status = 0;
  const lml_status_source source = status_source(server);
  lml_status_tell(&source, server->log);
}

static lml_status create_client(lml_server *server, lml_error *error) {
  const lml_driver_config *driver = &server->config->driver;
  const lml_ipi_client_settings settings = {
      .address = server->address,
      .init = lml_serve_config_reinit(server->config) ? LML_IPI_INIT_EVERY_EVALUATION : LML_IPI_INIT_ONCE,
      .wait_limit = driver->wait,
      .trust = driver->user,
      .max_natoms = LML_SESSION_MAX_NATOMS,
      .stop = server->flags.stop,
      .attend = attend,
      .waiting = tell_waiting,
      .context = server,
  };
  return lml_ipi_client_create(&settings, &server->client, error);
}

static lml_status create_reload(lml_server *server, lml_error *error) {
  const lml_calculator_config *config = lml_build_shared_config(&server->parts);
  if (config == NULL) return LML_OK;
  const lml_reload_settings settings = {.calculator = server->parts.parallel,
                                        .potential = lml_build_shared_potential(&server->parts),
                                        .path = config->potential,
                                        .parameters = config->parameters,
                                        .fixed_terms = config->fixed_terms,
                                        .when = config->reload,
                                        .asked = server->flags.reload,
                                        .recorder = server->recorder,
                                        .log = server->log};
  return lml_reload_create(&settings, &server->reload, error);
}

static lml_status create_adaptive_regions(lml_server *server, lml_error *error) {
  const lml_mixing_config *mixing = server->config->calculator.mixing;
  const size_t nregions = mixing == NULL ? 0 : mixing->nregions;
  lml_adaptive_regions_region *regions;
  bool moves = false;
  lml_status status = lml_alloc(&regions, nregions, sizeof *regions, "regions that move", error);
  if (status != LML_OK) return status;
  for (size_t r = 0; r < nregions; r++) {
    const lml_region_config *config = &mixing->regions[r];
    regions[r] =
        (lml_adaptive_regions_region){.region = &config->region, .cluster = config->cluster, .update = config->update};
    moves = moves || config->update > 0;
  }
  const bool recalls = server->config->force_log.reuse != LML_REUSE_NONE;
  const lml_adaptive_regions_settings settings = {.mixture = server->parts.mixture,
                                                  .regions = regions,
                                                  .recorder = recalls ? server->recorder : NULL,
                                                  .held = server->held,
                                                  .log = server->log};
  if (moves) status = lml_adaptive_regions_create(&settings, &server->adaptive, error);
  if (status == LML_OK && moves && server->parts.parallel != NULL)
    status = lml_linear_calculator_keep(server->parts.parallel, lml_adaptive_regions_needs(server->adaptive), error);
  lml_free(regions);
  return status;
}

static lml_status create_skipping(lml_server *server, lml_error *error) {
  const lml_mixing_config *mixing = server->config->calculator.mixing;
  const size_t nregions = mixing == NULL ? 0 : mixing->nregions;
  lml_skipping_region *regions;
  bool skips = false;
  lml_status status = lml_alloc(&regions, nregions, sizeof *regions, "regions that are skipped", error);
  if (status != LML_OK) return status;
  for (size_t r = 0; r < nregions; r++) {
    regions[r] = mixing->regions[r].skip;
    skips = skips || regions[r].below > 0.0;
  }
  lml_skipping_settings settings = {.mixture = server->parts.mixture, .regions = regions, .log = server->log};
  const bool recalls = server->config->force_log.reuse != LML_REUSE_NONE;
  if (server->recorder != NULL && recalls) settings.memory = lml_recorder_memory(server->recorder);
  if (skips) status = lml_skipping_create(&settings, &server->skipping, error);
  lml_free(regions);
  return status;
}

static lml_status create_session(lml_server *server, lml_error *error) {
  const lml_potential *potential = lml_build_potential(&server->parts);
  const bool one_element = potential != NULL && lml_potential_nelements(potential) == 1;
  const lml_session_settings settings = {
      .calculator = server->parts.calculator,
      .mixture = server->parts.mixture,
      .structure = server->structure.natoms > 0 ? &server->structure : NULL,
      .held = server->held,
      .knows_held = needs_held(server),
      .element = one_element ? lml_potential_element(potential, 0) : 0,
      .extras = server->config->extras,
      .results = lml_result_names_request(&server->config->results),
      .recorder = server->recorder,
      .reload = server->reload,
      .adaptive = server->adaptive,
      .skipping = server->skipping,
      .log = server->log,
      .meter = &server->meter,
  };
  return lml_session_create(&settings, &server->session, error);
}

static lml_status build(lml_server *server, lml_error *error) {
  lml_status status = lml_comm_agree(server->comm, read_files(server, error), error);
  if (status != LML_OK) return status;
  for (size_t i = 0; lml_comm_rank(server->comm) == 0 && i < server->parts.npotentials; i++)
    lml_potential_log_warnings(server->parts.potentials[i].potential, server->log);
  server->parts.structure = &server->structure;
  server->parts.labels = server->labels;
  server->parts.held = server->held;
  server->parts.log = server->log;
  status = lml_build_make(&server->parts, server->comm, error);
  /* From here on the other ranks wait for rank 0's calculator, which is destroyed where rank 0 fails. */
  if (status != LML_OK || lml_comm_rank(server->comm) != 0) return status;
  status = lml_recording_open(&server->parts, &server->recorder, error);
  if (status == LML_OK) status = create_reload(server, error);
  if (status == LML_OK) status = create_adaptive_regions(server, error);
  if (status == LML_OK) status = create_skipping(server, error);
  if (status == LML_OK) status = create_session(server, error);
  return status == LML_OK ? create_client(server, error) : status;
}

lml_status lml_server_create(const lml_serve_config *config, lml_comm *comm, const lml_log *log,
                             const lml_server_flags *flags, lml_server **server, lml_error *error) {
  *server = NULL;
  lml_server *created = NULL;
  lml_status status = lml_alloc(&created, 1, sizeof *created, "a server", error);
  status = lml_comm_agree(comm, status, error);
  if (status != LML_OK) {
    lml_free(created);
    return status;
  }
  created->config = config;
  created->comm = comm;
  created->log = log;
  created->flags = *flags;
  lml_meter_begin(&created->meter);
  status = build(created, error);
  if (status == LML_OK)
    *server = created;
  else
    lml_server_destroy(created);
  return status;
}

void lml_server_destroy(lml_server *server) {
  if (server == NULL) return;
  lml_ipi_client_destroy(server->client);
  lml_session_destroy(server->session);
  lml_adaptive_regions_destroy(server->adaptive);
  lml_skipping_destroy(server->skipping);
  lml_reload_destroy(server->reload);
  lml_recorder_close(server->recorder);
  lml_build_free(&server->parts);
  lml_structure_free(&server->structure);
  lml_free(server->labels);
  lml_free(server->held);
  lml_free(server);
}

/* ---- serving ---- */

static lml_status serve_one(lml_server *server, lml_error *error) {
  lml_log_line(server->log, LML_LOG_INFO, "connected to the driver at %s", server->address.text);
  return lml_session_serve(server->session, server->client, error);
}

static lml_status serve_all(lml_server *server, lml_error *error) {
  for (size_t drivers = 0;; drivers++) {
    lml_meter_enter(&server->meter, LML_PHASE_NO_DRIVER);
    lml_status status = lml_ipi_client_connect(server->client, error);
    if (status == LML_ERR_TIMEOUT && drivers > 0) {
      lml_log_line(server->log, LML_LOG_INFO, "no further driver came");
      lml_error_clear(error);
      return LML_OK;
    }
    if (status != LML_OK) return status;
    status = serve_one(server, error);
    if (!server->config->driver.reconnect || status == LML_ERR_INTERRUPTED) return status;
    if (server->recorder != NULL && lml_recorder_failed(server->recorder)) return status;
    if (status != LML_OK) lml_log_line(server->log, LML_LOG_ERROR, "%s", error->message);
    lml_error_clear(error);
  }
}

lml_status lml_server_run(lml_server *server, lml_error *error) {
  if (lml_comm_rank(server->comm) != 0)
    return server->parts.parallel == NULL ? LML_OK : lml_linear_calculator_work(server->parts.parallel, error);
  lml_error local = {0};
  if (error == NULL) error = &local;
  lml_status status = lml_build_open(&server->parts, error);
  if (status == LML_OK) status = serve_all(server, error);
  const lml_status_source source = status_source(server);
  lml_status_summarise(&source, server->log);
  return status;
}

/* ---- describing ---- */

const char *lml_server_address(const lml_server *server) { return server->address.text; }

/** The potential at the end of the ML sides. */
static void describe_potential(const lml_server *server, const lml_calculator_config *config, char *text, size_t size) {
  lml_print_cut(text, size, "%s: ", lml_path_name(config->potential));
  const size_t used = strlen(text);
  for (size_t i = 0; i < server->parts.npotentials; i++)
    if (server->parts.potentials[i].config == config)
      lml_potential_describe(server->parts.potentials[i].potential, text + used, size - used);
}

void lml_server_describe_calculator(const lml_server *server, char *text, size_t size) {
  const lml_calculator_config *config = &server->config->calculator;
  lml_print_cut(text, size, "%s: ", lml_calculator_type_names[config->type]);
  if (config->type == LML_CALCULATOR_MIXING) {
    lml_print_behind(text, size, "%zu QM region%s in ", config->mixing->nregions,
                     config->mixing->nregions == 1 ? "" : "s");
    while (config->type == LML_CALCULATOR_MIXING) config = config->mixing->ml;
  }
  const size_t used = strlen(text);
  if (config->type == LML_CALCULATOR_LINEAR)
    describe_potential(server, config, text + used, size - used);
  else
    lml_remote_calculator_describe(lml_build_remote_of(&server->parts, config), text + used, size - used);
}

bool lml_server_describe_threads(const lml_server *server, char *text, size_t size) {
  const lml_calculator_config *config = lml_build_shared_config(&server->parts);
  if (config != NULL) lml_threads_describe(&server->parts.threads, config->threads, text, size);
  return config != NULL;
}

bool lml_server_describe_log(const lml_server *server, char *text, size_t size) {
  if (server->recorder != NULL) lml_recorder_describe(server->recorder, text, size);
  return server->recorder != NULL;
}

void lml_server_discard(lml_server *server) {
  if (server == NULL) return;
  lml_recorder_discard(server->recorder);
  server->recorder = NULL;
  lml_server_destroy(server);
}

lml_status lml_server_write_check(const lml_server *server, lml_error *error) {
  const char *path = server->config->path == NULL ? "lmlink.json" : lml_path_name(server->config->path);
  lml_status status = server->config->structure == NULL ? LML_OK : check_apart(server, error);
  char *prefix = status == LML_OK ? lml_path_with_extension(path, "", error) : NULL;
  if (status == LML_OK && prefix == NULL) status = LML_ERR_MEMORY;
  if (status == LML_OK) status = lml_check_files_write(&server->parts, prefix, error);
  lml_free(prefix);
  return status;
}

lml_status lml_server_compare(const lml_server *server, const char *path, void (*tell)(const char *line),
                              lml_error *error) {
  return lml_check_crystal(&server->parts, path, tell, error);
}

bool lml_server_describe_region(const lml_server *server, size_t line, char *text, size_t size) {
  static const struct {
    const char *name;
    void (*describe)(const lml_built_region *, char *, size_t);
  } parts[] = {{"region", lml_check_describe_region},
               {"cluster", lml_check_describe_cluster},
               {"engine", lml_check_describe_engine}};
  enum { PARTS = sizeof parts / sizeof parts[0] };
  const size_t region = line / PARTS, part = line % PARTS;
  if (region >= server->parts.nregions) return false;
  lml_print_cut(text, size, "%-14s ", parts[part].name);
  const size_t used = strlen(text);
  parts[part].describe(&server->parts.regions[region], text + used, size - used);
  return true;
}

/** " W 126, He 2" after @p text. */
static void append_counts(const lml_structure *structure, char *text, size_t size) {
  const char *separator = "";
  for (int number = 1; number <= 118; number++) {
    size_t count = 0;
    for (size_t i = 0; i < structure->natoms; i++) count += structure->numbers[i] == number;
    if (count == 0) continue;
    lml_print_behind(text, size, "%s%s %zu", separator, lml_element_symbol(number), count);
    separator = ", ";
  }
}

static void append_pbc(const bool pbc[3], char *text, size_t size) {
  static const char *const names[] = {"a", "b", "c"};
  const char *separator = "; periodic along ";
  if (!pbc[0] && !pbc[1] && !pbc[2]) lml_print_behind(text, size, "; not periodic");
  for (size_t i = 0; i < 3; i++) {
    if (!pbc[i]) continue;
    lml_print_behind(text, size, "%s%s", separator, names[i]);
    separator = ", ";
  }
}

void lml_server_describe_structure(const lml_server *server, char *text, size_t size) {
  const lml_potential *potential = lml_build_potential(&server->parts);
  if (server->config->structure != NULL) {
    lml_print_cut(text, size, "%s: ", server->config->structure);
    append_counts(&server->structure, text, size);
    append_pbc(server->structure.pbc, text, size);
  } else if (potential != NULL && lml_potential_nelements(potential) == 1) {
    lml_print_cut(text, size,
                  "any number of %s atoms, periodic along every cell vector that the driver sends, unless its "
                  "INIT says otherwise",
                  lml_element_symbol(lml_potential_element(potential, 0)));
  } else {
    lml_print_cut(text, size, "none: the driver's INIT must name the species");
  }
}
