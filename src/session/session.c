#include "session/session.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "calculator/derived_results.h"
#include "calculator/result_names.h"
#include "engine/init.h"
#include "mixing/mixing_calculator.h"
#include "session/extras.h"
#include "session/work_accumulator.h"

/* How long a calculator that waits for somebody else may keep the driver's connection out of sight. */
enum { WAIT_MS = 50, SHOWN_INIT = 200 };

struct lml_session {
  lml_session_settings settings;
  lml_structure configured; /**< no atoms where no structure was configured */
  lml_init init;            /**< of the driver that is being served */
  lml_name_set wanted;      /**< results: those of the settings, and of the driver's INIT */
  lml_derived derived; /**< what the calculator is asked for, and what is made of it; its baseline is all replicas' */
  lml_text_list told;  /**< names of those that this driver does not get, which was told */
  bool told_isolated;  /**< that no atom of this driver's has a neighbour */
  lml_structure structure; /**< under evaluation */
  lml_results results;
  int32_t *replicas; /**< numbers of those that this driver has named, in the order in which they came */
  size_t nreplicas, replicas_capacity;
  lml_work_accumulator work;     /**< of a mixture's forces, by the place of the replica above */
  lml_work_accumulator stand_in; /**< the part of it in which the ML calculator stands in for regions */
  double *parts;                 /**< forces of that part */
  size_t parts_capacity;
  lml_json_writer extras;
  size_t evaluations;
};

/** What is made for the extras beyond the results that are wanted. */
static unsigned more_for_extras(const lml_session *session) {
  return session->settings.extras != LML_SESSION_EXTRAS_IPI_COMMITTEE
             ? 0
             : 1u << LML_DERIVED_COMMITTEE_ENERGIES | 1u << LML_DERIVED_COMMITTEE_FORCES |
                   1u << LML_DERIVED_COMMITTEE_VIRIALS;
}

/** Whether the calculator may give what is wanted, or what that is made of. */
static lml_status check_results(lml_session *session, const lml_request *wanted, lml_error *error) {
  const lml_status status = lml_derived_want(&session->derived, wanted, more_for_extras(session), error);
  const lml_request asked = lml_derived_request(&session->derived);
  return status == LML_OK ? lml_calculator_check(session->settings.calculator, &asked, error) : status;
}

lml_status lml_session_create(const lml_session_settings *settings, lml_session **session, lml_error *error) {
  lml_status status = lml_alloc(session, 1, sizeof **session, "a session", error);
  if (status != LML_OK) return status;
  (*session)->settings = *settings;
  (*session)->settings.structure = NULL;
  status = check_results(*session, &settings->results, error);
  if (status == LML_OK && settings->structure != NULL)
    status = lml_structure_copy(&(*session)->configured, settings->structure, error);
  if (status != LML_OK) {
    lml_session_destroy(*session);
    *session = NULL;
  }
  return status;
}

void lml_session_destroy(lml_session *session) {
  if (session == NULL) return;
  lml_structure_free(&session->configured);
  lml_init_free(&session->init);
  lml_name_set_free(&session->wanted);
  lml_derived_free(&session->derived);
  lml_text_list_free(&session->told);
  lml_structure_free(&session->structure);
  lml_results_free(&session->results);
  lml_free(session->replicas);
  lml_work_accumulator_free(&session->work);
  lml_work_accumulator_free(&session->stand_in);
  lml_free(session->parts);
  lml_json_writer_free(&session->extras);
  lml_free(session);
}

/* ---- what is wanted ---- */

static lml_status find_wanted(lml_session *session, lml_error *error) {
  const lml_request asked = lml_result_names_request(&session->init.results);
  session->wanted.count = 0;
  lml_status status = lml_name_set_add_all(&session->wanted, &session->settings.results, error);
  if (status == LML_OK) status = lml_name_set_add_all(&session->wanted, &asked, error);
  const lml_request wanted = lml_name_set_request(&session->wanted);
  return status == LML_OK ? lml_derived_want(&session->derived, &wanted, more_for_extras(session), error) : status;
}

static bool is_told(const lml_session *session, const char *name) {
  for (size_t i = 0; i < session->told.count; i++)
    if (strcmp(session->told.texts[i], name) == 0) return true;
  return false;
}

/** Tell, once for each driver, of results that are wanted and not there. */
static lml_status tell_absent(lml_session *session, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t i = 0; i < session->wanted.count && status == LML_OK; i++) {
    const char *name = session->wanted.names[i];
    const lml_result *result = lml_results_find(&session->results, name);
    if ((result != NULL && result->origin != LML_ORIGIN_ABSENT) || is_told(session, name)) continue;
    lml_log_warning(session->settings.log, "the result '%s' is asked for, but the %s calculator does not give it", name,
                    lml_calculator_name(session->settings.calculator));
    status = lml_text_list_take(&session->told, lml_strdup(name, error), error);
  }
  return status;
}

/** Tell, once for each driver, of a structure of which every atom is by itself. */
static void tell_isolated(lml_session *session) {
  if (session->told_isolated || !lml_results_are_isolated(&session->results)) return;
  session->told_isolated = true;
  lml_log_warning(session->settings.log,
                  "evaluation %zu: none of the %zu atoms has a neighbour within the cutoff, and no force: are the "
                  "driver's lengths in the units that it thinks, and is the cell there?",
                  session->evaluations + 1, session->results.natoms);
}

/* ---- the structure ---- */

/** What species and periodicity are taken from; NULL where nothing says. */
static const lml_structure *known_structure(const lml_session *session) {
  if (session->init.has_structure) return &session->init.structure;
  return session->configured.natoms > 0 ? &session->configured : NULL;
}

/** Whether atoms of that structure may come and go: they are all of the one element there is. */
static bool any_natoms(const lml_session *session) {
  if (session->init.has_structure) return false;
  for (size_t i = 0; i < session->configured.natoms; i++)
    if (session->configured.numbers[i] != session->settings.element) return false;
  return true;
}

static void set_expectation(const lml_session *session, lml_ipi_client *client) {
  const size_t natoms = any_natoms(session) ? 0 : known_structure(session)->natoms;
  lml_ipi_client_expect(client, natoms, LML_SESSION_MAX_NATOMS);
}

/** Without a structure: periodic where the driver sends a cell vector. */
static void guess_pbc(lml_structure *structure) {
  for (size_t i = 0; i < 3; i++) {
    const double *vector = &structure->cell[3 * i];
    structure->pbc[i] = vector[0] != 0.0 || vector[1] != 0.0 || vector[2] != 0.0;
  }
}

static lml_status take_structure(lml_session *session, const lml_ipi_event *event, lml_error *error) {
  lml_structure *structure = &session->structure;
  const lml_structure *known = known_structure(session);
  if (known == NULL && session->settings.element == 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "the species of the driver's %zu atoms are not known: the potential has several elements, so "
                    "configure a structure that names them",
                    event->natoms);
  if (structure->natoms != event->natoms) {
    const lml_status status = lml_structure_resize(structure, event->natoms, error);
    if (status != LML_OK) return status;
  }
  memcpy(structure->cell, event->cell, sizeof structure->cell);
  memcpy(structure->positions, event->positions, 3 * event->natoms * sizeof(double));
  if (known != NULL)
    memcpy(structure->pbc, known->pbc, sizeof structure->pbc);
  else
    guess_pbc(structure);
  /* Where the number of atoms is free, they are all of one element. */
  const bool alike = any_natoms(session);
  for (size_t i = 0; i < event->natoms; i++)
    structure->numbers[i] = alike ? session->settings.element : known->numbers[i];
  return LML_OK;
}

/** What the driver asks for; the calculator may know beforehand that it can't give that. */
static lml_status take_results(lml_session *session, lml_error *error) {
  const lml_request asked = lml_result_names_request(&session->init.results);
  lml_error reason = {0};
  if (check_results(session, &asked, &reason) != LML_OK)
    return lml_fail(error, LML_ERR_PROTOCOL, "INIT: results: %s", reason.message);
  return find_wanted(session, error);
}

static lml_status take_init(lml_session *session, lml_ipi_client *client, const lml_ipi_event *event,
                            lml_error *error) {
  const int shown = event->length < SHOWN_INIT ? (int)event->length : SHOWN_INIT;
  lml_log_line(session->settings.log, LML_LOG_DEBUG, "INIT: replica %d, %zu bytes: '%.*s'", (int)event->replica,
               event->length, shown, event->text);
  lml_init init = {0};
  const lml_status status = lml_init_read(event->text, event->length, &init, error);
  if (status != LML_OK) return status;
  if (!init.has_structure) return LML_OK; /* what an earlier INIT of this driver said stays true */
  lml_init_free(&session->init);
  session->init = init;
  set_expectation(session, client);
  return take_results(session, error);
}

/* ---- the results ---- */

static lml_status reply(lml_session *session, lml_ipi_client *client, lml_error *error) {
  const lml_results *results = &session->results;
  lml_ipi_result result = {
      .energy = *results->energy, .natoms = results->natoms, .forces = results->forces, .virial = results->virial};
  if (session->settings.extras != LML_SESSION_EXTRAS_NONE || session->init.results.count > 0) {
    const lml_status status = session->settings.extras == LML_SESSION_EXTRAS_IPI_COMMITTEE
                                  ? lml_extras_write_committee(&session->extras, results, error)
                                  : lml_extras_write(&session->extras, results, error);
    if (status != LML_OK) return status;
    result.extras = session->extras.text;
    result.extras_length = session->extras.length;
  }
  return lml_ipi_client_reply(client, &result, error);
}

/* ---- evaluation ---- */

/** Work until the evaluation is done, watching the driver. */
static lml_status compute(lml_session *session, lml_ipi_client *client, lml_error *error) {
  lml_calculator *calculator = session->settings.calculator;
  const lml_request request = lml_derived_request(&session->derived);
  lml_status status = lml_calculator_start(calculator, &session->structure, &request, error);
  bool done = false;
  while (status == LML_OK && !done) {
    status = lml_calculator_progress(calculator, &done, error);
    if (status == LML_OK && !done) status = lml_ipi_client_check(client, error);
    if (status == LML_OK && !done) status = lml_calculator_wait(calculator, WAIT_MS, error);
  }
  if (status == LML_OK) status = lml_calculator_finish(calculator, &session->results, error);
  lml_calculator_cancel(calculator);
  return status;
}

/** What the mixture cannot do without knowing the replica; NULL: it can do everything. */
static const char *needs_replica(const lml_session *session) {
  const lml_mixture *mixture = session->settings.mixture;
  if (session->settings.adaptive != NULL) return "a region moves";
  if (session->settings.skipping != NULL) return "a region may be skipped";
  if (mixture != NULL && lml_mixture_parts(mixture).energy == LML_MIXING_WORK) return "the energy is the virtual work";
  return NULL;
}

/** The place of the event's replica. In a batch that of the first structure alone is known. */
static lml_status find_replica(lml_session *session, const lml_ipi_event *event, size_t *replica, lml_error *error) {
  const char *what = event->batch_size > 1 ? needs_replica(session) : NULL;
  if (what != NULL)
    return lml_fail(
        error, LML_ERR_INPUT,
        "the driver sends batches of %zu structures and says of the first alone which replica it is, but %s "
        "for each replica by itself; let its batch_size be 1",
        event->batch_size, what);
  for (*replica = 0; *replica < session->nreplicas; (*replica)++)
    if (session->replicas[*replica] == event->replica) return LML_OK;
  const lml_status status = lml_grow(&session->replicas, &session->replicas_capacity, session->nreplicas + 1,
                                     sizeof *session->replicas, "the driver's replicas", error);
  if (status == LML_OK) session->replicas[session->nreplicas++] = event->replica;
  return status;
}

/** The part of the work in which the ML calculator stands in for regions. */
static lml_status add_stand_in(lml_session *session, size_t replica, lml_error *error) {
  lml_results *results = &session->results;
  double work = NAN;
  if (session->settings.skipping == NULL) return LML_OK;
  lml_status status = lml_grow(&session->parts, &session->parts_capacity, 3 * results->natoms, sizeof *session->parts,
                               "the work of the forces", error);
  if (status != LML_OK) return status;
  lml_skipping_part(session->settings.skipping, results->forces, session->parts);
  status = lml_work_accumulator_add(&session->stand_in, replica, &session->structure, session->parts, &work, error);
  return status == LML_OK ? lml_results_add_number(results, "virtual_work_skipped", "eV", work, error) : status;
}

/** The work of a mixture's forces, which may stand for its energy. */
static lml_status add_work(lml_session *session, const lml_ipi_event *event, size_t replica, lml_error *error) {
  lml_results *results = &session->results;
  const lml_mixture *mixture = session->settings.mixture;
  double work = NAN;
  if (mixture == NULL) return LML_OK;
  if (event->batch_size == 1) {
    const lml_status status =
        lml_work_accumulator_add(&session->work, replica, &session->structure, results->forces, &work, error);
    if (status != LML_OK) return status;
  }
  if (lml_mixture_parts(mixture).energy == LML_MIXING_WORK) {
    *results->energy = work;
    results->list[LML_RESULTS_ENERGY].origin = LML_ORIGIN_VIRTUAL_WORK;
  }
  const lml_status status = lml_results_add_number(results, "virtual_work", "eV", work, error);
  return status == LML_OK ? add_stand_in(session, replica, error) : status;
}

static lml_status record(const lml_session *session, const lml_ipi_event *event, lml_error *error) {
  const lml_adaptive_regions *adaptive = session->settings.adaptive;
  const lml_skipping *skipping = session->settings.skipping;
  if (session->settings.recorder == NULL) return LML_OK;
  const lml_evaluation evaluation = {.structure = &session->structure,
                                     .results = &session->results,
                                     .request = lml_name_set_request(&session->wanted),
                                     .mixture = session->settings.mixture,
                                     .states = adaptive == NULL ? NULL : lml_adaptive_regions_states(adaptive),
                                     .skips = skipping == NULL ? NULL : lml_skipping_states(skipping),
                                     .number = session->evaluations + 1,
                                     .replica = (int)event->replica};
  return lml_recorder_write(session->settings.recorder, &evaluation, error);
}

/** Which atoms are held is known of the structure that was configured, not of one that an INIT brought. */
static lml_status add_derived(lml_session *session, lml_error *error) {
  const bool configured =
      known_structure(session) == &session->configured && session->configured.natoms == session->structure.natoms;
  session->derived.knows_held = configured && session->settings.knows_held;
  session->derived.held = session->settings.held;
  return lml_derived_add(&session->derived, &session->structure, &session->results, error);
}

/** New coefficients give other forces, and deviate in other ways. */
static void look_for_coefficients(lml_session *session) {
  const lml_reload_outcome outcome =
      session->settings.reload == NULL ? LML_RELOAD_NOTHING : lml_reload_look(session->settings.reload);
  if (outcome != LML_RELOAD_NOTHING) lml_derived_forget(&session->derived);
  if (outcome != LML_RELOAD_COEFFICIENTS) return;
  lml_work_accumulator_forget(&session->work);
  lml_work_accumulator_forget(&session->stand_in);
  if (session->settings.skipping != NULL) lml_skipping_renew(session->settings.skipping);
}

/** How many results of engines an evaluation needs. */
static size_t nengines(const lml_session *session) {
  const lml_mixture *mixture = session->settings.mixture;
  if (mixture == NULL) return lml_results_find(&session->results, "engine_seconds") != NULL;
  const lml_mixing_parts parts = lml_mixture_parts(mixture);
  size_t count = 0;
  for (size_t r = 0; r < parts.nregions; r++) count += parts.regions[r].cluster->structure.natoms > 0;
  return count;
}

static lml_status evaluate(lml_session *session, lml_ipi_client *client, const lml_ipi_event *event, lml_error *error) {
  const double begin = lml_sys->clock();
  lml_meter *meter = session->settings.meter;
  double force = 0.0;
  size_t replica = 0;
  lml_meter_start(meter, event->natoms, (int)event->replica);
  look_for_coefficients(session);
  lml_status status = take_structure(session, event, error);
  if (status == LML_OK) status = find_replica(session, event, &replica, error);
  /* What can't be logged need not be computed. */
  if (status == LML_OK && session->settings.recorder != NULL)
    status = lml_recorder_check(session->settings.recorder, error);
  if (status == LML_OK && session->settings.adaptive != NULL)
    status = lml_adaptive_regions_follow(session->settings.adaptive, replica, &session->structure, error);
  if (status == LML_OK && session->settings.skipping != NULL)
    status = lml_skipping_begin(session->settings.skipping, replica, &session->structure, error);
  if (status == LML_OK) status = compute(session, client, error);
  /* a driver would carry NaN into the whole structure */
  if (status == LML_OK) status = lml_results_largest_force(&session->results, &force, error);
  if (status == LML_OK) status = add_work(session, event, replica, error);
  if (status == LML_OK) status = add_derived(session, error);
  if (status == LML_OK) status = tell_absent(session, error);
  if (status == LML_OK) tell_isolated(session);
  lml_meter_enter(meter, LML_PHASE_LOG);
  if (status == LML_OK) status = record(session, event, error);
  lml_meter_enter(meter, LML_PHASE_DRIVER);
  if (status == LML_ERR_CLOSED || status == LML_ERR_INTERRUPTED) return status; /* the client's own words suffice */
  if (status != LML_OK) {
    lml_fail_context(error, "evaluation %zu", session->evaluations + 1);
    return status;
  }
  const lml_results *results = &session->results;
  session->evaluations++;
  lml_meter_finish(meter, results, nengines(session), force, lml_sys->clock() - begin);
  lml_log_line(session->settings.log, LML_LOG_INFO,
               "evaluation %zu: replica %d, %zu atoms, energy %.9f eV, max |F| %.6f eV/Å, %.4f s", session->evaluations,
               (int)event->replica, results->natoms, *results->energy, force, lml_sys->clock() - begin);
  return reply(session, client, error);
}

static lml_status finish(const lml_session *session, lml_ipi_end end, lml_error *error) {
  if (end == LML_IPI_END_ABANDONED)
    return lml_fail(error, LML_ERR_CLOSED, "the driver closed the connection before it had fetched evaluation %zu",
                    session->evaluations);
  lml_log_line(session->settings.log, LML_LOG_INFO, "the driver %s after %zu evaluations",
               end == LML_IPI_END_EXIT ? "sent EXIT" : "closed the connection", session->evaluations);
  return LML_OK;
}

lml_status lml_session_serve(lml_session *session, lml_ipi_client *client, lml_error *error) {
  lml_init_free(&session->init);
  lml_text_list_free(&session->told);
  session->told_isolated = false;
  session->nreplicas = 0;
  lml_work_accumulator_forget(&session->work);
  lml_derived_forget(&session->derived);
  lml_work_accumulator_forget(&session->stand_in);
  if (session->settings.skipping != NULL) lml_skipping_forget(session->settings.skipping);
  if (session->settings.adaptive != NULL) lml_adaptive_regions_forget(session->settings.adaptive);
  set_expectation(session, client);
  lml_meter_enter(session->settings.meter, LML_PHASE_DRIVER);
  lml_status status = find_wanted(session, error);
  for (;;) {
    lml_ipi_event event;
    if (status == LML_OK) status = lml_ipi_client_next(client, &event, error);
    if (status == LML_OK && event.type == LML_IPI_EVENT_END) return finish(session, event.end, error);
    if (status == LML_OK && event.type == LML_IPI_EVENT_INIT) status = take_init(session, client, &event, error);
    if (status == LML_OK && event.type == LML_IPI_EVENT_EVALUATE) status = evaluate(session, client, &event, error);
    if (status == LML_OK) continue;
    lml_ipi_client_close(client);
    return status;
  }
}
