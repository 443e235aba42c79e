#include "lmlink/evaluator.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/evaluator_atoms.h"
#include "structure/vec3.h"

_Static_assert(sizeof(int) == sizeof(int32_t), "a host's lists are used as they are");

struct lml_evaluator {
  lml_linear_model model;
  lml_descriptor_work *work;
  double *values, *beta; /**< ncomponents × width: B and ∂E/∂B of a run */
  lml_atoms atoms;
  lml_centres centres;
  lml_evaluator_sums sums;
  lml_evaluator_beside beside;
  size_t next;              /**< of the centres */
  double energy, virial[9]; /**< eV, of the centres so far */
  signed char *elements;    /**< of a host's atoms */
  double *spare;            /**< forces that a host does not ask for */
  double *betas;            /**< of the models beside × ncomponents × width */
  size_t elements_capacity, spare_capacity, betas_capacity;
  int last[LML_LANES_LIMIT]; /**< elements that β is of, −1: none; linear potentials */
};

void lml_evaluator_destroy(lml_evaluator *evaluator) {
  if (evaluator == NULL) return;
  lml_descriptor_work_free(evaluator->work);
  lml_linear_model_free(&evaluator->model);
  lml_free(evaluator->values);
  lml_free(evaluator->beta);
  lml_free(evaluator->elements);
  lml_free(evaluator->spare);
  lml_free(evaluator->betas);
  lml_free(evaluator);
}

lml_status lml_evaluator_create(const lml_potential *potential, lml_evaluator **evaluator, lml_error *error) {
  static const char what[] = "an evaluator";
  lml_evaluator *e;
  *evaluator = NULL;
  lml_status status = lml_alloc(&e, 1, sizeof *e, what, error);
  if (status != LML_OK) return status;
  status = lml_linear_model_make(potential, &e->model, error);
  if (status == LML_OK) status = lml_descriptor_work_make(potential->descriptor, e->model.isa, &e->work, error);
  const size_t count = status == LML_OK ? e->model.ncomponents * e->work->width : 0;
  if (status == LML_OK) status = lml_alloc(&e->values, count, sizeof *e->values, what, error);
  if (status == LML_OK) status = lml_alloc(&e->beta, count, sizeof *e->beta, what, error);
  if (status == LML_OK)
    *evaluator = e;
  else
    lml_evaluator_destroy(e);
  return status;
}

const lml_linear_model *lml_evaluator_model(const lml_evaluator *evaluator) { return &evaluator->model; }

/* ---- beginning ---- */

/** Let nothing be under way. */
static void give_up(lml_evaluator *e) {
  e->centres.count = e->next = 0;
  e->sums = (lml_evaluator_sums){0};
  e->beside = (lml_evaluator_beside){0};
}

lml_status lml_evaluator_begin_atoms(lml_evaluator *e, const lml_atoms *atoms, const lml_centres *centres,
                                     const lml_evaluator_sums *sums, lml_error *error) {
  give_up(e);
  const lml_status status = e->work->descriptor->ops->reserve(e->work, centres->longest, error);
  if (status != LML_OK) return status;
  e->atoms = *atoms;
  e->centres = *centres;
  e->sums = *sums;
  if (e->sums.terms == 0) e->sums.terms = LML_TERMS_DESCRIPTORS | LML_TERMS_FIXED;
  e->energy = 0.0;
  memset(e->virial, 0, sizeof e->virial);
  memset(e->last, -1, sizeof e->last);
  memset(e->beta, 0, e->model.ncomponents * e->work->width * sizeof *e->beta);
  return LML_OK;
}

lml_status lml_evaluator_set_beside(lml_evaluator *e, const lml_evaluator_beside *beside, lml_error *error) {
  const lml_descriptor_ops *ops = e->work->descriptor->ops;
  const size_t count = beside->nmodels * e->model.ncomponents * e->work->width;
  lml_status status = lml_grow(&e->betas, &e->betas_capacity, count, sizeof *e->betas, "coefficients", error);
  if (status == LML_OK && ops->reserve_several != NULL)
    status = ops->reserve_several(e->work, beside->forces == NULL ? 0 : beside->nmodels, error);
  if (status == LML_OK) e->beside = *beside;
  return status;
}

/** The element of each of the host's atoms. */
static lml_status find_elements(lml_evaluator *e, const lml_evaluator_atoms *host, lml_error *error) {
  const lml_status status =
      lml_grow(&e->elements, &e->elements_capacity, host->natoms, 1, "elements of the atoms", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < host->nkinds; k++)
    if (host->elements[k] < -1 || host->elements[k] >= (int)e->model.nelements)
      return lml_fail(error, LML_ERR_INPUT, "kind %zu (counted from 0): element %d is none of the %zu of %s", k,
                      host->elements[k], e->model.nelements, e->model.potential->path);
  for (size_t i = 0; i < host->natoms; i++) {
    const int kind = host->kinds[i];
    if (kind < 0 || (size_t)kind >= host->nkinds)
      return lml_fail(error, LML_ERR_INPUT, "atom %zu (counted from 0): kind %d is none of the %zu that have elements",
                      i, kind, host->nkinds);
    e->elements[i] = (signed char)host->elements[kind];
  }
  return LML_OK;
}

static int32_t centre_at(const lml_centres *centres, size_t k) {
  return centres->list == NULL ? (int32_t)(centres->first + k) : centres->list[k];
}

lml_status lml_evaluator_begin(lml_evaluator *evaluator, const lml_evaluator_atoms *atoms,
                               const lml_evaluator_sums *sums, lml_error *error) {
  lml_evaluator_atoms host = {0};
  memcpy(&host, atoms, atoms->size < sizeof host ? atoms->size : sizeof host);
  lml_evaluator_sums to = {0};
  memcpy(&to, sums, sums->size < sizeof to ? sums->size : sizeof to);
  give_up(evaluator);
  lml_status status = find_elements(evaluator, &host, error);
  if (status == LML_OK && to.forces == NULL) {
    status = lml_grow(&evaluator->spare, &evaluator->spare_capacity, 3 * host.natoms, sizeof(double), "forces", error);
    to.forces = evaluator->spare;
  }
  if (status != LML_OK) return status;
  const lml_atoms view = {.positions = host.positions,
                          .elements = evaluator->elements,
                          .neighbours = host.neighbours,
                          .context = host.context,
                          .mask = host.mask == 0 ? -1 : host.mask};
  lml_centres centres = {.list = host.centres, .count = host.ncentres};
  for (size_t k = 0; k < centres.count; k++) {
    const int32_t *list;
    const size_t length = view.neighbours(view.context, centre_at(&centres, k), &list);
    if (length > centres.longest) centres.longest = length;
  }
  return lml_evaluator_begin_atoms(evaluator, &view, &centres, &to, error);
}

/* ---- one run ---- */

/** The next centres that have an element, up to as many as there are lanes; returns how many. */
static size_t take_centres(lml_evaluator *e, int32_t *taken) {
  size_t count = 0;
  while (count < e->work->width && e->next < e->centres.count) {
    const int32_t centre = centre_at(&e->centres, e->next++);
    if (e->atoms.elements[centre] >= 0) taken[count++] = centre;
  }
  return count;
}

static int element_of(const lml_evaluator *e, const lml_run_of_atoms *run, size_t lane) {
  return lane < run->count ? e->atoms.elements[run->centres[lane]] : -1;
}

/** One lane's β of a linear potential. */
static void set_lane(const lml_linear_model *model, int element, double *beta, size_t width) {
  const double *theta = model->coefficients + (size_t)(element < 0 ? 0 : element) * model->ncoefficients + 1;
  for (size_t c = 0; c < model->ncomponents; c++) beta[c * width] = element < 0 ? 0.0 : theta[c];
}

/** β of a linear potential, which most often is that of the run before. */
static void set_linear(lml_evaluator *e, const lml_run_of_atoms *run) {
  for (size_t lane = 0; lane < e->work->width; lane++) {
    const int element = element_of(e, run, lane);
    if (element == e->last[lane]) continue;
    e->last[lane] = element;
    set_lane(&e->model, element, e->beta + lane, e->work->width);
  }
}

/** Energies and @p beta of a quadratic potential, which depend on B, one element at a time. */
static void set_quadratic(lml_evaluator *e, const lml_linear_model *model, const lml_run_of_atoms *run, double *beta,
                          double *energies) {
  lml_run_element of = {0};
  if (run->count < e->work->width) memset(beta, 0, e->model.ncomponents * e->work->width * sizeof *beta);
  while (lml_run_next_element(run, &of))
    model->product->quadratic((int)model->ncomponents, &model->forms[of.element], of.mask, e->values, beta, energies);
}

static double constant_of(const lml_linear_model *model, int element) {
  return model->coefficients[(size_t)element * model->ncoefficients];
}

/** Energies of the run's atoms, and the gradients by their neighbours. */
static void apply_coefficients(lml_evaluator *e, const lml_run_of_atoms *run, double *energies) {
  const lml_descriptor_ops *ops = e->work->descriptor->ops;
  double products[LML_LANES_LIMIT];
  if (e->model.forms != NULL) {
    set_quadratic(e, &e->model, run, e->beta, energies);
    ops->adjoint(e->work, e->beta, products);
    return;
  }
  set_linear(e, run);
  ops->adjoint(e->work, e->beta, products);
  for (size_t lane = 0; lane < run->count; lane++)
    energies[lane] = constant_of(&e->model, e->last[lane]) + products[lane];
}

/** Energies from B, for the coefficients of @p model, and @p beta. */
static void apply_to_components(lml_evaluator *e, const lml_linear_model *model, const lml_run_of_atoms *run,
                                double *beta, double *energies) {
  const size_t width = e->work->width;
  if (model->forms != NULL) {
    set_quadratic(e, model, run, beta, energies);
    return;
  }
  for (size_t lane = 0; lane < width; lane++) set_lane(model, element_of(e, run, lane), beta + lane, width);
  for (size_t lane = 0; lane < run->count; lane++) energies[lane] = constant_of(model, element_of(e, run, lane));
  for (size_t c = 0; c < model->ncomponents; c++)
    for (size_t lane = 0; lane < run->count; lane++)
      energies[lane] += beta[c * width + lane] * e->values[c * width + lane];
}

static bool needs_components(const lml_evaluator *e) {
  return e->model.forms != NULL || e->beside.see != NULL || e->beside.nmodels > 0;
}

static void evaluate_descriptors(lml_evaluator *e, const lml_run_of_atoms *run, double *energies) {
  const lml_descriptor_ops *ops = e->work->descriptor->ops;
  ops->begin(e->work, run);
  if (needs_components(e)) ops->values(e->work, e->values);
  if (e->beside.see != NULL) e->beside.see(e->beside.context, run, e->values, e->work->width);
  apply_coefficients(e, run, energies);
}

/** Hand the gradient of each neighbour to both atoms, in @p forces, where an atom's are @p stride numbers behind the
 * last one's, and to the virial W = −Σ r⊗∂E/∂r. */
static void scatter_gradients(const lml_evaluator *e, const lml_run_of_atoms *run, double *forces, size_t stride,
                              double *sum) {
  const lml_gradients_by_neighbour *by = &e->work->by_neighbour;
  const size_t width = e->work->width;
  double virial[9]; /* a copy, which is known not to be the caller's forces */
  memcpy(virial, sum, sizeof virial);
  for (size_t slot = 0; slot < by->nslots; slot++)
    for (size_t lane = 0; lane < run->count; lane++) {
      const int32_t j = by->neighbour[slot * width + lane];
      if (j < 0) continue;
      const double *vector = by->vector + slot * by->vector_stride * width + lane;
      const double *gradient = by->gradient + 3 * slot * width + lane;
      const double r[3] = {vector[0], vector[width], vector[2 * width]};
      const double g[3] = {gradient[0], gradient[width], gradient[2 * width]};
      double *own = forces + stride * (size_t)run->centres[lane], *other = forces + stride * (size_t)j;
      for (size_t d = 0; d < 3; d++) {
        own[d] += g[d];
        other[d] -= g[d];
        for (size_t k = 0; k < 3; k++) virial[3 * d + k] -= r[d] * g[k];
      }
    }
  memcpy(sum, virial, sizeof virial);
}

/** Share out r⊗f of the force @p f on neighbour @p j among the virials of atoms that are asked for. */
static void share_virial(const lml_evaluator_sums *sums, int32_t centre, int32_t j, const double r[3],
                         const double f[3]) {
  static const int rows[9] = {0, 1, 2, 0, 0, 1, 1, 2, 2}, columns[9] = {0, 1, 2, 1, 2, 2, 0, 0, 1};
  for (int k = 0; k < 6 && sums->virials != NULL; k++) {
    const double half = 0.5 * r[rows[k]] * f[columns[k]];
    sums->virials[6 * (size_t)centre + (size_t)k] += half;
    sums->virials[6 * (size_t)j + (size_t)k] += half;
  }
  for (int k = 0; k < 9 && sums->centroid_virials != NULL; k++)
    sums->centroid_virials[9 * (size_t)j + (size_t)k] += r[rows[k]] * f[columns[k]];
}

static bool has_virials_of_atoms(const lml_evaluator_sums *sums) {
  return sums->virials != NULL || sums->centroid_virials != NULL;
}

/** Share out the virials of a run's neighbours. */
static void share_virials(lml_evaluator *e, const lml_run_of_atoms *run) {
  const lml_gradients_by_neighbour *by = &e->work->by_neighbour;
  const size_t width = e->work->width;
  for (size_t slot = 0; slot < by->nslots; slot++)
    for (size_t lane = 0; lane < run->count; lane++) {
      const int32_t j = by->neighbour[slot * width + lane];
      if (j < 0) continue;
      const double *r = by->vector + slot * by->vector_stride * width + lane;
      const double *g = by->gradient + 3 * slot * width + lane;
      share_virial(&e->sums, run->centres[lane], j, (const double[]){r[0], r[width], r[2 * width]},
                   (const double[]){-g[0], -g[width], -g[2 * width]});
    }
}

/** Energy, forces and virial of a fixed term of one atom, which has one half of each of its pairs. */
static double add_term(lml_evaluator *e, const lml_pair_term *term, int32_t centre) {
  const lml_atoms *atoms = &e->atoms;
  const double *here = atoms->positions + 3 * (size_t)centre;
  double *own = e->sums.forces + 3 * (size_t)centre;
  const int32_t *list;
  const size_t length = atoms->neighbours(atoms->context, centre, &list);
  double energy = 0.0;
  for (size_t i = 0; i < length; i++) {
    const int32_t j = list[i] & atoms->mask;
    const double *there = atoms->positions + 3 * (size_t)j;
    const double d[3] = {there[0] - here[0], there[1] - here[1], there[2] - here[2]};
    const double square = lml_dot(d, d);
    if (square >= term->cutoff * term->cutoff || atoms->elements[j] < 0) continue;
    const double r = sqrt(square);
    double pair_energy, slope;
    term->ops->evaluate(term, (size_t)atoms->elements[centre], (size_t)atoms->elements[j], r, &pair_energy, &slope);
    energy += 0.5 * pair_energy;
    double *other = e->sums.forces + 3 * (size_t)j, force[3];
    for (int a = 0; a < 3; a++) {
      force[a] = -0.5 * slope * d[a] / r;
      own[a] -= force[a];
      other[a] += force[a];
      for (int b = 0; b < 3; b++) e->virial[3 * a + b] += d[b] * force[a];
    }
    if (has_virials_of_atoms(&e->sums)) share_virial(&e->sums, centre, j, d, force);
  }
  return energy;
}

/** Hand the gradients of all models beside to both atoms. */
static void scatter_several(const lml_evaluator *e, const lml_run_of_atoms *run) {
  const lml_gradients_by_neighbour *by = &e->work->by_neighbour;
  const lml_several_gradients *several = &e->work->several;
  const size_t width = e->work->width, count = 3 * e->beside.nmodels;
  for (size_t slot = 0; slot < by->nslots; slot++)
    for (size_t lane = 0; lane < run->count; lane++) {
      const int32_t j = by->neighbour[slot * width + lane];
      if (j < 0) continue;
      const double *gradient = several->gradient + (slot * width + lane) * several->stride;
      double *own = e->beside.forces + count * (size_t)run->centres[lane];
      double *other = e->beside.forces + count * (size_t)j;
      for (size_t k = 0; k < count; k++) own[k] += gradient[k];
      for (size_t k = 0; k < count; k++) other[k] -= gradient[k];
    }
}

/** The run once more for other coefficients: their forces together, or one after the other. */
static void evaluate_beside(lml_evaluator *e, const lml_run_of_atoms *run) {
  const lml_evaluator_beside *beside = &e->beside;
  const lml_descriptor_ops *ops = e->work->descriptor->ops;
  const size_t size = e->model.ncomponents * e->work->width;
  for (size_t m = 0; m < beside->nmodels; m++) {
    _Alignas(LML_ALIGNMENT) double energies[LML_LANES_LIMIT] = {0.0};
    apply_to_components(e, &beside->models[m], run, e->betas + m * size, energies);
    for (size_t lane = 0; beside->energies != NULL && lane < run->count; lane++)
      beside->energies[beside->nmodels * (size_t)run->centres[lane] + m] = energies[lane];
  }
  if (beside->forces == NULL || beside->nmodels == 0) return;
  if (ops->several != NULL) {
    ops->several(e->work, e->betas, beside->nmodels);
    scatter_several(e, run);
    return;
  }
  for (size_t m = 0; m < beside->nmodels; m++) {
    double products[LML_LANES_LIMIT], virial[9] = {0.0};
    ops->adjoint(e->work, e->betas + m * size, products);
    scatter_gradients(e, run, beside->forces + 3 * m, 3 * beside->nmodels, virial);
  }
}

static void evaluate_run(lml_evaluator *e, const lml_run_of_atoms *run) {
  _Alignas(LML_ALIGNMENT) double energies[LML_LANES_LIMIT] = {0.0};
  if ((e->sums.terms & LML_TERMS_DESCRIPTORS) != 0) {
    evaluate_descriptors(e, run, energies);
    scatter_gradients(e, run, e->sums.forces, 3, e->virial);
    if (has_virials_of_atoms(&e->sums)) share_virials(e, run);
    evaluate_beside(e, run);
  }
  const size_t nterms = (e->sums.terms & LML_TERMS_FIXED) != 0 ? e->model.potential->nterms : 0;
  for (size_t lane = 0; lane < run->count; lane++) {
    for (size_t k = 0; k < nterms; k++) energies[lane] += add_term(e, e->model.potential->terms[k], run->centres[lane]);
    e->energy += energies[lane];
    if (e->sums.energies != NULL) e->sums.energies[run->centres[lane]] += energies[lane];
  }
}

/* ---- the rest ---- */

bool lml_evaluator_step(lml_evaluator *evaluator, size_t nruns) {
  int32_t centres[LML_LANES_LIMIT];
  for (size_t k = 0; k < nruns && evaluator->next < evaluator->centres.count; k++) {
    const lml_run_of_atoms run = {
        .atoms = &evaluator->atoms, .centres = centres, .count = take_centres(evaluator, centres)};
    if (run.count > 0) evaluate_run(evaluator, &run);
  }
  return evaluator->next < evaluator->centres.count;
}

void lml_evaluator_finish(lml_evaluator *evaluator) {
  (void)lml_evaluator_step(evaluator, SIZE_MAX);
  if (evaluator->sums.energy != NULL) *evaluator->sums.energy += evaluator->energy;
  for (int a = 0; a < 3 && evaluator->sums.virial != NULL; a++)
    for (int b = 0; b < 3; b++)
      evaluator->sums.virial[3 * a + b] += 0.5 * (evaluator->virial[3 * a + b] + evaluator->virial[3 * b + a]);
  give_up(evaluator);
}
