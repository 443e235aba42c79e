#include "session/log_frame.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "calculator/result_frame.h"
#include "session/skipping.h"
#include "structure/frame.h"
#include "structure/log_keys.h"

/** What is needed while a frame is made. */
typedef struct making {
  const lml_evaluation *evaluation;
  lml_frame *frame;
  lml_mixing_parts parts; /**< of a mixture */
  bool mixed;
  unsigned char *labels; /**< of the structure's atoms, over all regions */
  size_t *kept;          /**< indices of the atoms that the frame holds */
  size_t *rows;          /**< row of the frame of each of the structure's atoms that it holds */
  size_t nkept;
} making;

/* ---- which atoms ---- */

static void join_labels(making *m, size_t natoms) {
  for (size_t r = 0; r < m->parts.nregions; r++)
    for (size_t i = 0; i < natoms; i++) {
      const unsigned char label = m->parts.regions[r].region->labels[i];
      if (label > m->labels[i]) m->labels[i] = label;
    }
}

/** Whether an atom asks to enter or to leave a region. */
static bool is_looked_at(const making *m, size_t i) {
  const lml_region_state *states = m->evaluation->states;
  for (size_t r = 0; r < m->parts.nregions && states != NULL; r++)
    if (states[r].looks != NULL && states[r].looks[i] != 0) return true;
  return false;
}

/** Label with anything but MM, in @p near, all atoms within @p distance of a QM atom. */
static lml_status find_near(const making *m, double distance, lml_region *near, lml_error *error) {
  const lml_structure *structure = m->evaluation->structure;
  int *qm;
  size_t nqm = 0;
  lml_status status = lml_alloc(&qm, structure->natoms + m->parts.nregions, sizeof *qm, "the QM atoms", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < structure->natoms; i++)
    if (m->labels[i] == LML_REGION_QM) qm[nqm++] = (int)i;
  /* Regions without atoms are where they would begin. */
  for (size_t r = 0; r < m->parts.nregions && m->evaluation->states != NULL; r++)
    if (m->parts.regions[r].region->counts[LML_REGION_QM] == 0) qm[nqm++] = (int)m->evaluation->states[r].foremost;
  if (nqm == 0) qm[nqm++] = 0; /* a frame has an atom */
  const lml_region_settings settings = {
      .selection = LML_REGION_BY_INDEX, .indices = qm, .nindices = nqm, .buffer = distance};
  status = lml_region_make(near, &settings, structure, NULL, error);
  lml_free(qm);
  return status;
}

static lml_status choose_atoms(making *m, double distance, lml_error *error) {
  const size_t natoms = m->evaluation->structure->natoms;
  lml_region near = {0};
  lml_status status = lml_alloc(&m->labels, natoms, 1, "region labels", error);
  if (status == LML_OK) status = lml_alloc(&m->kept, natoms, sizeof *m->kept, "the atoms that are logged", error);
  if (status == LML_OK) status = lml_alloc(&m->rows, natoms, sizeof *m->rows, "the atoms that are logged", error);
  if (status != LML_OK) return status;
  if (m->mixed) join_labels(m, natoms);
  const bool some = m->mixed && distance > 0.0;
  if (some) status = find_near(m, distance, &near, error);
  for (size_t i = 0; i < natoms && status == LML_OK; i++) {
    if (some && near.labels[i] == LML_REGION_MM && m->labels[i] == LML_REGION_MM && !is_looked_at(m, i)) continue;
    m->rows[i] = m->nkept;
    m->kept[m->nkept++] = i;
  }
  lml_region_free(&near);
  return status;
}

static lml_status take_structure(const making *m, lml_error *error) {
  const lml_structure *from = m->evaluation->structure;
  lml_structure *to = &m->frame->structure;
  const lml_status status = lml_structure_resize(to, m->nkept, error);
  if (status != LML_OK) return status;
  memcpy(to->cell, from->cell, sizeof to->cell);
  memcpy(to->pbc, from->pbc, sizeof to->pbc);
  for (size_t k = 0; k < m->nkept; k++) {
    to->numbers[k] = from->numbers[m->kept[k]];
    memcpy(to->positions + 3 * k, from->positions + 3 * m->kept[k], 3 * sizeof(double));
  }
  return LML_OK;
}

/** Put a result into the frame, where the evaluation has it and it is a number. */
static lml_status put(const making *m, const char *name, lml_error *error) {
  const lml_result *result = lml_results_find(m->evaluation->results, name);
  if (result == NULL || result->origin == LML_ORIGIN_ABSENT) return LML_OK;
  if (result->scope == LML_PER_STRUCTURE && result->type == LML_RESULT_REAL && !isfinite(result->reals[0]))
    return LML_OK;
  return lml_result_put(result, m->kept, m->frame, error);
}

static lml_status put_requested(const making *m, lml_scope scope, lml_error *error) {
  const lml_request *request = &m->evaluation->request;
  lml_status status = LML_OK;
  for (size_t k = 0; k < request->count && status == LML_OK; k++) {
    const lml_result *result = lml_results_find(m->evaluation->results, request->names[k]);
    if (result != NULL && result->scope == scope) status = put(m, request->names[k], error);
  }
  return status;
}

/* ---- columns ---- */

/** A column of three numbers per atom, NaN as long as nothing else is put there. */
static lml_status add_vectors(const making *m, const char *name, double **vectors, lml_error *error) {
  lml_values *column;
  lml_status status = lml_frame_add_column(m->frame, name, &column, error);
  if (status == LML_OK) status = lml_values_allocate(column, LML_REAL, m->nkept, 3, error);
  if (status != LML_OK) return status;
  *vectors = column->reals;
  for (size_t i = 0; i < 3 * m->nkept; i++) column->reals[i] = NAN;
  return LML_OK;
}

/** Whether the frame holds the structure's atom @p i. */
static bool holds(const making *m, size_t i) { return m->rows[i] < m->nkept && m->kept[m->rows[i]] == i; }

static lml_status add_ml_forces(const making *m, lml_error *error) {
  double *forces;
  const lml_status status = add_vectors(m, "forces_ml", &forces, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < m->parts.ml->natoms; i++) {
    const size_t parent = lml_unknown_species_parent(m->parts.unknown, i);
    if (holds(m, parent)) memcpy(forces + 3 * m->rows[parent], m->parts.ml->forces + 3 * i, 3 * sizeof *forces);
  }
  return LML_OK;
}

/** Put the forces of region @p r's cluster where they belong; @p own: only on atoms in whose force no other region has
 *  a larger part. */
static void put_qm_forces(const making *m, size_t r, bool own, double *forces) {
  const lml_mixing_region *region = &m->parts.regions[r];
  lml_mixing_answer answer;
  const double *from = lml_mixture_region(m->evaluation->mixture, r, &answer)->forces;
  if (answer == LML_MIXING_SKIPPED) return;
  for (size_t i = 0; i < region->cluster->structure.natoms; i++) {
    const size_t parent = region->cluster->parents[i];
    double *force = forces + 3 * m->rows[parent];
    if (own && (region->region->labels[parent] < m->labels[parent] || !isnan(force[0]))) continue;
    memcpy(force, from + 3 * i, 3 * sizeof *force);
  }
}

static lml_status add_qm_forces(const making *m, lml_error *error) {
  double *forces;
  lml_status status = add_vectors(m, LML_LOG_FORCES_QM, &forces, error);
  for (size_t r = 0; status == LML_OK && r < m->parts.nregions; r++) put_qm_forces(m, r, true, forces);
  /* Clusters may overlap: what each of several regions has computed stands in columns of its own. */
  for (size_t r = 0; r < m->parts.nregions && m->parts.nregions > 1 && status == LML_OK; r++) {
    char name[LML_LOG_NAME_SIZE];
    lml_log_name(name, LML_LOG_REGION, r, m->parts.nregions);
    status = lml_region_write_labels(m->frame, name, m->parts.regions[r].region->labels, m->kept, error);
    lml_log_name(name, LML_LOG_FORCES_QM, r, m->parts.nregions);
    if (status == LML_OK) status = add_vectors(m, name, &forces, error);
    if (status == LML_OK) put_qm_forces(m, r, false, forces);
  }
  return status;
}

static lml_status add_looks(const making *m, lml_error *error) {
  const lml_region_state *states = m->evaluation->states;
  lml_status status = LML_OK;
  for (size_t r = 0; r < m->parts.nregions && states != NULL && status == LML_OK; r++) {
    char name[LML_LOG_NAME_SIZE];
    lml_values *column;
    if (states[r].looks == NULL) continue;
    lml_log_name(name, LML_LOG_LOOKS, r, m->parts.nregions);
    status = lml_frame_add_column(m->frame, name, &column, error);
    if (status == LML_OK) status = lml_values_allocate(column, LML_INTEGER, m->nkept, 1, error);
    for (size_t k = 0; k < m->nkept && status == LML_OK; k++) column->integers[k] = states[r].looks[m->kept[k]];
  }
  return status;
}

static lml_status add_columns(const making *m, lml_error *error) {
  lml_status status = lml_frame_set_indices(m->frame, LML_LOG_INDEX, m->kept, error);
  if (status == LML_OK && m->mixed)
    status = lml_region_write_labels(m->frame, LML_LOG_REGION, m->labels, m->kept, error);
  if (status == LML_OK) status = put(m, "forces", error);
  if (status == LML_OK && m->mixed) status = add_ml_forces(m, error);
  if (status == LML_OK && m->mixed) status = add_qm_forces(m, error);
  if (status == LML_OK && m->mixed) status = add_looks(m, error);
  return status == LML_OK ? put_requested(m, LML_PER_ATOM, error) : status;
}

/* ---- keys ---- */

/** Cell and periodic directions of region @p r's cluster. */
static lml_status add_cell(const making *m, size_t r, lml_error *error) {
  const lml_structure *cluster = &m->parts.regions[r].cluster->structure;
  char name[LML_LOG_NAME_SIZE];
  lml_values *pbc;
  lml_log_name(name, LML_LOG_CLUSTER_CELL, r, m->parts.nregions);
  lml_status status = lml_frame_set_reals(m->frame, name, cluster->cell, 9, error);
  lml_log_name(name, LML_LOG_CLUSTER_PBC, r, m->parts.nregions);
  if (status == LML_OK) status = lml_frame_add_info(m->frame, name, &pbc, error);
  if (status == LML_OK) status = lml_values_allocate(pbc, LML_LOGICAL, 1, 3, error);
  if (status == LML_OK) memcpy(pbc->logicals, cluster->pbc, sizeof cluster->pbc);
  return status;
}

/** Put number @p r of the region's numbers @p name into the frame, where it is one. */
static lml_status add_number(const making *m, const char *name, size_t r, lml_error *error) {
  const lml_result *result = lml_results_find(m->evaluation->results, name);
  char key[LML_LOG_NAME_SIZE];
  lml_log_name(key, name, r, m->parts.nregions);
  return result == NULL || !isfinite(result->reals[r]) ? LML_OK
                                                       : lml_frame_set_real(m->frame, key, result->reals[r], error);
}

/** Of region @p r: whether it was skipped, and how things stand. */
static lml_status add_skip(const making *m, size_t r, lml_mixing_answer answer, lml_error *error) {
  const size_t nregions = m->parts.nregions;
  const lml_skipping_state *state = &m->evaluation->skips[r];
  lml_status status = LML_OK;
  char name[LML_LOG_NAME_SIZE];
  lml_log_name(name, LML_LOG_SKIPPED, r, nregions);
  if (nregions > 1) status = lml_frame_set_logical(m->frame, name, answer == LML_MIXING_SKIPPED, error);
  lml_log_name(name, LML_LOG_SKIP_MODE, r, nregions);
  if (status == LML_OK) status = lml_frame_set_text(m->frame, name, lml_skipping_mode_names[state->mode], error);
  lml_log_name(name, LML_LOG_SKIP_AGE, r, nregions);
  if (status == LML_OK) status = lml_frame_set_integer(m->frame, name, (int64_t)state->age, error);
  if (status == LML_OK) status = add_number(m, LML_LOG_SKIP_PART, r, error);
  if (status == LML_OK) status = add_number(m, "skip_sigma", r, error);
  return status == LML_OK ? add_number(m, "skip_ratio", r, error) : status;
}

/** Of region @p r: where its forces are from, its energy, age and cell. */
static lml_status add_region(const making *m, size_t r, lml_mixing_answer *answer, lml_error *error) {
  const size_t nregions = m->parts.nregions;
  const lml_results *qm = lml_mixture_region(m->evaluation->mixture, r, answer);
  const lml_region_state *states = m->evaluation->states;
  lml_status status = LML_OK;
  char name[LML_LOG_NAME_SIZE];
  lml_log_name(name, LML_LOG_RECALLED, r, nregions);
  if (nregions > 1) status = lml_frame_set_logical(m->frame, name, *answer == LML_MIXING_RECALLED, error);
  if (status == LML_OK && m->evaluation->skips != NULL) status = add_skip(m, r, *answer, error);
  lml_log_name(name, "energy_qm", r, nregions);
  if (status == LML_OK && qm->list[LML_RESULTS_ENERGY].origin != LML_ORIGIN_ABSENT)
    status = lml_frame_set_real(m->frame, name, *qm->energy, error);
  lml_log_name(name, LML_LOG_REGION_AGE, r, nregions);
  if (status == LML_OK && states != NULL) status = lml_frame_set_integer(m->frame, name, (int64_t)states[r].age, error);
  lml_log_name(name, LML_LOG_FOREMOST, r, nregions);
  if (status == LML_OK && states != NULL && states[r].uncertain)
    status = lml_frame_set_integer(m->frame, name, (int64_t)states[r].foremost, error);
  return status == LML_OK ? add_cell(m, r, error) : status;
}

/** Mean force, work, energies and clusters of a mixture. */
static lml_status add_parts(const making *m, lml_error *error) {
  static const char *const names[] = {"mean_force", "virtual_work", "virtual_work_skipped", "energy_ml"};
  lml_status status = LML_OK;
  size_t counts[LML_MIXING_SKIPPED + 1] = {0}; /* of regions with atoms, by where their forces are from */
  for (size_t k = 0; k < sizeof names / sizeof names[0] && status == LML_OK; k++) status = put(m, names[k], error);
  for (size_t r = 0; r < m->parts.nregions && status == LML_OK; r++) {
    lml_mixing_answer answer;
    status = add_region(m, r, &answer, error);
    if (status == LML_OK && m->parts.regions[r].cluster->structure.natoms > 0) counts[answer]++;
  }
  const bool recalled = counts[LML_MIXING_COMPUTED] == 0 && counts[LML_MIXING_RECALLED] > 0;
  const bool skipped = counts[LML_MIXING_COMPUTED] + counts[LML_MIXING_RECALLED] == 0 && counts[LML_MIXING_SKIPPED] > 0;
  if (status == LML_OK && m->evaluation->skips != NULL)
    status = lml_frame_set_logical(m->frame, LML_LOG_SKIPPED, skipped, error);
  return status == LML_OK ? lml_frame_set_logical(m->frame, LML_LOG_RECALLED, recalled, error) : status;
}

static lml_status add_keys(const making *m, lml_error *error) {
  const lml_results *results = m->evaluation->results;
  const size_t natoms = m->evaluation->structure->natoms;
  const char *origin = lml_origin_name(results->list[LML_RESULTS_ENERGY].origin);
  lml_status status = put(m, "energy", error);
  if (status == LML_OK) status = lml_frame_set_text(m->frame, LML_LOG_ENERGY_KIND, origin, error);
  if (status == LML_OK && results->list[LML_RESULTS_VIRIAL].origin == LML_ORIGIN_EXACT)
    status = put(m, "virial", error);
  if (status == LML_OK) status = put(m, "engine_seconds", error);
  if (status == LML_OK && m->mixed) status = add_parts(m, error);
  if (status == LML_OK) status = lml_frame_set_logical(m->frame, LML_LOG_COMPLETE, m->nkept == natoms, error);
  if (status == LML_OK) status = lml_frame_set_integer(m->frame, LML_LOG_NATOMS, (int64_t)natoms, error);
  if (status == LML_OK) status = lml_frame_set_integer(m->frame, "evaluation", (int64_t)m->evaluation->number, error);
  if (status == LML_OK) status = lml_frame_set_integer(m->frame, "replica", m->evaluation->replica, error);
  return status == LML_OK ? put_requested(m, LML_PER_STRUCTURE, error) : status;
}

lml_status lml_log_frame_make(const lml_evaluation *evaluation, double distance, lml_frame *frame, lml_error *error) {
  making m = {.evaluation = evaluation, .frame = frame};
  lml_frame_free(frame);
  m.mixed = evaluation->mixture != NULL;
  if (m.mixed) m.parts = lml_mixture_parts(evaluation->mixture);
  lml_status status = choose_atoms(&m, distance, error);
  if (status == LML_OK) status = take_structure(&m, error);
  if (status == LML_OK) status = add_columns(&m, error);
  if (status == LML_OK) status = add_keys(&m, error);
  lml_free(m.labels);
  lml_free(m.kept);
  lml_free(m.rows);
  if (status != LML_OK) lml_frame_free(frame);
  return status;
}
