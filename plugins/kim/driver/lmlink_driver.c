/* An OpenKIM model driver: lmlink evaluates a potential for the particles and full neighbour lists of a simulator.
 *
 * The first parameter file is the potential, and the second, where the potential is a .snapcoeff file, its parameters.
 * Errors go to KIM's log, kim.log in the simulator's folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "KIM_LogMacros.h"
#include "KIM_ModelDriverHeaders.h"
#include "lmlink/evaluator.h"
#include "lmlink/structure.h"

enum { PATH_SIZE = 4096, ELEMENTS = 118 };

/** What a model is. */
typedef struct model {
  lml_potential *potential;
  double cutoff;          /* Å */
  int elements[ELEMENTS]; /* of species codes, which are the indices of the elements */
  int only_centres;       /* 1: neighbours of other particles are not asked for */
} model;

/** What one thread of a simulator computes with. */
typedef struct work {
  lml_evaluator *evaluator;
  int *centres; /* the particles that contribute */
  double *virials;
  size_t capacity; /* particles that there is room for */
  const KIM_ModelComputeArguments *lists;
  int failed; /* a list could not be had */
} work;

/* ---- the model ---- */

static void destroy(model *m) {
  if (m == NULL) return;
  lml_potential_destroy(m->potential);
  free(m);
}

static int destroy_model(KIM_ModelDestroy *const object) {
  void *m;
  KIM_ModelDestroy_GetModelBufferPointer(object, &m);
  destroy(m);
  return 0;
}

/** The path of a parameter file. */
static int find_file(KIM_ModelDriverCreate *const object, int index, char path[PATH_SIZE], lml_error *error) {
  const char *folder, *name;
  KIM_ModelDriverCreate_GetParameterFileDirectoryName(object, &folder);
  if (KIM_ModelDriverCreate_GetParameterFileBasename(object, index, &name) == 0 &&
      snprintf(path, PATH_SIZE, "%s/%s", folder, name) < PATH_SIZE)
    return 0;
  snprintf(error->message, sizeof error->message, "the model has no parameter file, or its path is too long");
  return 1;
}

static int read_potential(KIM_ModelDriverCreate *const object, model *m, lml_error *error) {
  char path[PATH_SIZE], parameters[PATH_SIZE];
  int count;
  KIM_ModelDriverCreate_GetNumberOfParameterFiles(object, &count);
  if (find_file(object, 0, path, error) != 0) return 1;
  const char *extension = strrchr(path, '.');
  const int is_script = extension != NULL && (strcmp(extension, ".snap") == 0 || strcmp(extension, ".mod") == 0);
  if (is_script || count == 1)
    return lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &m->potential, error) != LML_OK;
  if (find_file(object, 1, parameters, error) != 0) return 1;
  return lml_potential_read(path, parameters, LML_FIXED_TERMS_NONE, &m->potential, error) != LML_OK;
}

static int set_species(KIM_ModelDriverCreate *const object, model *m) {
  int failed = 0;
  for (size_t e = 0; e < lml_potential_nelements(m->potential); e++) {
    const char *symbol = lml_element_symbol(lml_potential_element(m->potential, e));
    m->elements[e] = (int)e;
    failed |= KIM_ModelDriverCreate_SetSpeciesCode(object, KIM_SpeciesName_FromString(symbol), (int)e);
  }
  return failed;
}

/** Write what a user should know of the files to KIM's log. */
static void log_warnings(KIM_ModelDriverCreate *const object, const model *m) {
  const char *terms = lml_potential_subtracted_terms(m->potential);
  char text[1024];
  for (size_t k = 0; k < lml_potential_nwarnings(m->potential); k++)
    KIM_ModelDriverCreate_LogEntry(object, KIM_LOG_VERBOSITY_warning, lml_potential_warning(m->potential, k), __LINE__,
                                   __FILE__);
  if (terms == NULL) return;
  snprintf(
      text, sizeof text,
      "the comment '%s' of the parameters says that the coefficients were fitted to what is left after subtracting "
      "these terms, without which forces are wrong: install the model from a .snap or .mod file that adds them",
      terms);
  KIM_ModelDriverCreate_LogEntry(object, KIM_LOG_VERBOSITY_warning, text, __LINE__, __FILE__);
}

static KIM_ModelDestroyFunction destroy_model;
static KIM_ModelComputeFunction compute;
static KIM_ModelComputeArgumentsCreateFunction create_arguments;
static KIM_ModelComputeArgumentsDestroyFunction destroy_arguments;

static int set_routines(KIM_ModelDriverCreate *const object) {
  const struct {
    KIM_ModelRoutineName name;
    KIM_Function *routine;
  } routines[] = {
      {KIM_MODEL_ROUTINE_NAME_ComputeArgumentsCreate, (KIM_Function *)create_arguments},
      {KIM_MODEL_ROUTINE_NAME_ComputeArgumentsDestroy, (KIM_Function *)destroy_arguments},
      {KIM_MODEL_ROUTINE_NAME_Compute, (KIM_Function *)compute},
      {KIM_MODEL_ROUTINE_NAME_Destroy, (KIM_Function *)destroy_model},
  };
  int failed = 0;
  for (size_t k = 0; k < sizeof routines / sizeof routines[0]; k++)
    failed |=
        KIM_ModelDriverCreate_SetRoutinePointer(object, routines[k].name, KIM_LANGUAGE_NAME_c, 1, routines[k].routine);
  return failed;
}

static int set_up(KIM_ModelDriverCreate *const object, model *m) {
  m->cutoff = lml_potential_cutoff(m->potential);
  m->only_centres = 1;
  KIM_ModelDriverCreate_SetInfluenceDistancePointer(object, &m->cutoff);
  KIM_ModelDriverCreate_SetNeighborListPointers(object, 1, &m->cutoff, &m->only_centres);
  return KIM_ModelDriverCreate_SetUnits(object, KIM_LENGTH_UNIT_A, KIM_ENERGY_UNIT_eV, KIM_CHARGE_UNIT_unused,
                                        KIM_TEMPERATURE_UNIT_unused, KIM_TIME_UNIT_unused) |
         KIM_ModelDriverCreate_SetModelNumbering(object, KIM_NUMBERING_zeroBased) | set_species(object, m) |
         set_routines(object);
}

/** Called by KIM with the units that the simulator would like; the model's are Å and eV, and the simulator converts. */
int lmlink_driver_create(KIM_ModelDriverCreate *const object, KIM_LengthUnit const length, KIM_EnergyUnit const energy,
                         KIM_ChargeUnit const charge, KIM_TemperatureUnit const temperature, KIM_TimeUnit const time) {
  (void)length, (void)energy, (void)charge, (void)temperature, (void)time;
  lml_error error = {0};
  model *m = calloc(1, sizeof *m);
  if (m == NULL) snprintf(error.message, sizeof error.message, "no memory for a model");
  if (m != NULL && read_potential(object, m, &error) == 0) {
    if (set_up(object, m) == 0) {
      log_warnings(object, m);
      KIM_ModelDriverCreate_SetModelBufferPointer(object, m);
      return 0;
    }
    snprintf(error.message, sizeof error.message, "KIM refuses what the driver says of the model");
  }
  KIM_ModelDriverCreate_LogEntry(object, KIM_LOG_VERBOSITY_error, error.message, __LINE__, __FILE__);
  destroy(m);
  return 1;
}

/* ---- what it computes with ---- */

static void free_work(work *w) {
  if (w == NULL) return;
  lml_evaluator_destroy(w->evaluator);
  free(w->centres);
  free(w->virials);
  free(w);
}

static int create_arguments(KIM_ModelCompute const *const object, KIM_ModelComputeArgumentsCreate *const arguments) {
  const KIM_ComputeArgumentName names[] = {
      KIM_COMPUTE_ARGUMENT_NAME_partialEnergy, KIM_COMPUTE_ARGUMENT_NAME_partialForces,
      KIM_COMPUTE_ARGUMENT_NAME_partialParticleEnergy, KIM_COMPUTE_ARGUMENT_NAME_partialVirial,
      KIM_COMPUTE_ARGUMENT_NAME_partialParticleVirial};
  void *buffer;
  lml_error error = {0};
  int failed = 0;
  for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
    failed |=
        KIM_ModelComputeArgumentsCreate_SetArgumentSupportStatus(arguments, names[k], KIM_SUPPORT_STATUS_optional);
  KIM_ModelCompute_GetModelBufferPointer(object, &buffer);
  work *w = calloc(1, sizeof *w);
  if (w == NULL) snprintf(error.message, sizeof error.message, "no memory for an evaluator");
  if (w != NULL && failed == 0 &&
      lml_evaluator_create(((const model *)buffer)->potential, &w->evaluator, &error) == LML_OK) {
    KIM_ModelComputeArgumentsCreate_SetModelBufferPointer(arguments, w);
    return 0;
  }
  KIM_ModelComputeArgumentsCreate_LogEntry(arguments, KIM_LOG_VERBOSITY_error, error.message, __LINE__, __FILE__);
  free_work(w);
  return 1;
}

static int destroy_arguments(KIM_ModelCompute const *const object, KIM_ModelComputeArgumentsDestroy *const arguments) {
  void *w;
  (void)object;
  KIM_ModelComputeArgumentsDestroy_GetModelBufferPointer(arguments, &w);
  free_work(w);
  return 0;
}

/* ---- computing ---- */

static size_t neighbours_of(void *context, int centre, const int **list) {
  work *w = context;
  int count = 0;
  if (KIM_ModelComputeArguments_GetNeighborList(w->lists, 0, centre, &count, list) == 0) return (size_t)count;
  w->failed = 1;
  return 0;
}

static int reserve(work *w, size_t count) {
  if (count <= w->capacity) return 0;
  free(w->centres);
  free(w->virials);
  w->centres = malloc(count * sizeof *w->centres);
  w->virials = malloc(6 * count * sizeof *w->virials);
  w->capacity = w->centres == NULL || w->virials == NULL ? 0 : count;
  return w->capacity == 0;
}

/** Whatever a simulator asks for; NULL is not asked for. Arrays are set to zero, as KIM wants it. */
typedef struct results {
  double *energy, *forces, *energies, *virial, *virials;
} results;

static int get_zeroed(const KIM_ModelComputeArguments *arguments, KIM_ComputeArgumentName name, size_t count,
                      double **array) {
  if (KIM_ModelComputeArguments_GetArgumentPointerDouble(arguments, name, array) != 0) return 1;
  if (*array != NULL) memset(*array, 0, count * sizeof **array);
  return 0;
}

static int get_results(const KIM_ModelComputeArguments *arguments, size_t natoms, results *to) {
  return get_zeroed(arguments, KIM_COMPUTE_ARGUMENT_NAME_partialEnergy, 1, &to->energy) |
         get_zeroed(arguments, KIM_COMPUTE_ARGUMENT_NAME_partialForces, 3 * natoms, &to->forces) |
         get_zeroed(arguments, KIM_COMPUTE_ARGUMENT_NAME_partialParticleEnergy, natoms, &to->energies) |
         get_zeroed(arguments, KIM_COMPUTE_ARGUMENT_NAME_partialVirial, 6, &to->virial) |
         get_zeroed(arguments, KIM_COMPUTE_ARGUMENT_NAME_partialParticleVirial, 6 * natoms, &to->virials);
}

/** KIM's virial is Σ r⊗∂E/∂r, in the order xx, yy, zz, yz, xz, xy. */
static void put_virials(const work *w, size_t natoms, const double virial[9], const results *to) {
  static const int of_whole[6] = {0, 4, 8, 5, 2, 1}, of_atom[6] = {0, 1, 2, 5, 4, 3};
  for (size_t k = 0; k < 6 && to->virial != NULL; k++) to->virial[k] = -virial[of_whole[k]];
  for (size_t i = 0; i < natoms && to->virials != NULL; i++)
    for (size_t k = 0; k < 6; k++) to->virials[6 * i + k] = -w->virials[6 * i + (size_t)of_atom[k]];
}

/** The simulator's particles. */
static int get_atoms(const KIM_ModelComputeArguments *arguments, const model *m, work *w, lml_evaluator_atoms *atoms) {
  int *natoms, *kinds, *contributing;
  double *positions;
  if (KIM_ModelComputeArguments_GetArgumentPointerInteger(arguments, KIM_COMPUTE_ARGUMENT_NAME_numberOfParticles,
                                                          &natoms) |
      KIM_ModelComputeArguments_GetArgumentPointerInteger(arguments, KIM_COMPUTE_ARGUMENT_NAME_particleSpeciesCodes,
                                                          &kinds) |
      KIM_ModelComputeArguments_GetArgumentPointerInteger(arguments, KIM_COMPUTE_ARGUMENT_NAME_particleContributing,
                                                          &contributing) |
      KIM_ModelComputeArguments_GetArgumentPointerDouble(arguments, KIM_COMPUTE_ARGUMENT_NAME_coordinates, &positions))
    return 1;
  if (reserve(w, (size_t)*natoms) != 0) return 1;
  *atoms = (lml_evaluator_atoms){.size = sizeof *atoms,
                                 .natoms = (size_t)*natoms,
                                 .positions = positions,
                                 .kinds = kinds,
                                 .elements = m->elements,
                                 .nkinds = lml_potential_nelements(m->potential),
                                 .centres = w->centres,
                                 .neighbours = neighbours_of,
                                 .context = w};
  for (int i = 0; i < *natoms; i++)
    if (contributing[i]) w->centres[atoms->ncentres++] = i;
  return 0;
}

static int evaluate(work *w, const lml_evaluator_atoms *atoms, const results *to, lml_error *error) {
  double virial[9] = {0.0};
  const lml_evaluator_sums sums = {.size = sizeof sums,
                                   .energy = to->energy,
                                   .energies = to->energies,
                                   .forces = to->forces,
                                   .virial = to->virial == NULL ? NULL : virial,
                                   .virials = to->virials == NULL ? NULL : w->virials};
  if (sums.virials != NULL) memset(w->virials, 0, 6 * atoms->natoms * sizeof *w->virials);
  if (lml_evaluator_begin(w->evaluator, atoms, &sums, error) != LML_OK) return 1;
  lml_evaluator_finish(w->evaluator);
  if (w->failed)
    snprintf(error->message, sizeof error->message, "the simulator has no list of neighbours of a particle");
  put_virials(w, atoms->natoms, virial, to);
  return w->failed;
}

static int compute(KIM_ModelCompute const *const object, KIM_ModelComputeArguments const *const arguments) {
  void *m, *buffer;
  lml_evaluator_atoms atoms;
  results to;
  lml_error error = {.message = "the simulator's particles cannot be had, or there is no memory for them"};
  KIM_ModelCompute_GetModelBufferPointer(object, &m);
  KIM_ModelComputeArguments_GetModelBufferPointer(arguments, &buffer);
  work *w = buffer;
  w->lists = arguments;
  w->failed = 0;
  if (get_atoms(arguments, m, w, &atoms) == 0 && get_results(arguments, atoms.natoms, &to) == 0 &&
      evaluate(w, &atoms, &to, &error) == 0)
    return 0;
  KIM_ModelCompute_LogEntry(object, KIM_LOG_VERBOSITY_error, error.message, __LINE__, __FILE__);
  return 1;
}
