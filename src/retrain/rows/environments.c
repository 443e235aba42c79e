#include "retrain/rows/environments.h"

#include <math.h>

#include "base/memory.h"

/** Å: two units of the eighth digit after the point, which is the last in most files. What descriptors change by in
 *  second order is then about 1e-15 of them. */
static const double tolerance = 2e-8;

void lml_environments_free(lml_environments *environments) {
  lml_neighbours_free(&environments->mean);
  lml_free(environments->elements);
  lml_free(environments->deviations);
  lml_free(environments->places);
  *environments = (lml_environments){0};
}

static size_t length_of(const lml_neighbours *neighbours, size_t atom) { return (size_t)neighbours->count[atom]; }

/** Room for classes with as many neighbours as any atom has. */
static bool reserve(lml_environments *environments, const lml_neighbours *neighbours) {
  static const char what[] = "classes of atoms";
  lml_neighbours *mean = &environments->mean;
  const size_t longest = neighbours->longest;
  if (mean->list != NULL && longest <= environments->longest) return true;
  lml_environments_free(environments);
  const size_t all = LML_ENVIRONMENT_CLASSES * (1 + longest);
  lml_status status = lml_alloc(&mean->positions, 3 * all, sizeof *mean->positions, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->owner, all, sizeof *mean->owner, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->first, LML_ENVIRONMENT_CLASSES, sizeof *mean->first, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->count, LML_ENVIRONMENT_CLASSES, sizeof *mean->count, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->list, all, sizeof *mean->list, what, NULL);
  if (status == LML_OK) status = lml_alloc(&environments->elements, all, 1, what, NULL);
  if (status == LML_OK) status = lml_alloc(&environments->deviations, 3 * all, sizeof(double), what, NULL);
  if (status == LML_OK) status = lml_alloc(&environments->places, longest, sizeof *environments->places, what, NULL);
  for (size_t k = 0; k < all && status == LML_OK; k++) mean->owner[k] = (int32_t)k;
  environments->longest = longest;
  if (status != LML_OK) lml_environments_free(environments);
  return status == LML_OK;
}

/** Neighbour number @p i of an atom. */
static size_t neighbour_of(const lml_neighbours *neighbours, size_t atom, size_t i) {
  return (size_t)neighbours->list[(size_t)neighbours->first[atom] + i];
}

static void put_vector(const lml_neighbours *neighbours, size_t atom, size_t j, double v[3]) {
  for (int d = 0; d < 3; d++) v[d] = neighbours->positions[3 * j + d] - neighbours->positions[3 * atom + d];
}

static bool are_close(const double a[3], const double b[3]) {
  return fabs(a[0] - b[0]) <= tolerance && fabs(a[1] - b[1]) <= tolerance && fabs(a[2] - b[2]) <= tolerance;
}

/** Find each of the atom's neighbours among those of a class, most often at the same place. */
static bool find_places(const lml_environments *environments, size_t class, const lml_neighbours *neighbours,
                        const signed char *elements, size_t atom) {
  const lml_neighbours *mean = &environments->mean;
  const size_t count = length_of(mean, class);
  if (elements[atom] != environments->elements[class] || length_of(neighbours, atom) != count) return false;
  for (size_t i = 0; i < count; i++) {
    const size_t j = neighbour_of(neighbours, atom, i);
    double v[3];
    size_t k = i, left = count;
    put_vector(neighbours, atom, j, v);
    while (left > 0 && !are_close(mean->positions + 3 * neighbour_of(mean, class, k), v)) {
      k = k + 1 < count ? k + 1 : 0;
      left--;
    }
    if (left == 0 || environments->elements[neighbour_of(mean, class, k)] != elements[neighbours->owner[j]])
      return false;
    environments->places[i] = (int32_t)k;
  }
  return true;
}

/** Let the atom be the first one of its class. */
static void begin_class(lml_environments *environments, const lml_neighbours *neighbours, const signed char *elements,
                        size_t atom) {
  lml_neighbours *mean = &environments->mean;
  const size_t class = mean->end++, count = length_of(neighbours, atom);
  const int64_t first = class == 0 ? 0 : mean->first[class - 1] + mean->count[class - 1];
  environments->counts[class] = 1;
  environments->elements[class] = elements[atom];
  mean->first[class] = first;
  mean->count[class] = (int32_t)count;
  for (size_t i = 0; i < count; i++) {
    const size_t j = neighbour_of(neighbours, atom, i), at = LML_ENVIRONMENT_CLASSES + (size_t)first + i;
    mean->list[(size_t)first + i] = (int32_t)at;
    environments->elements[at] = elements[neighbours->owner[j]];
    put_vector(neighbours, atom, j, mean->positions + 3 * at);
    for (int d = 0; d < 3; d++) environments->deviations[3 * at + d] = 0.0;
  }
}

static void add_atom(lml_environments *environments, size_t class, const lml_neighbours *neighbours, size_t atom) {
  const lml_neighbours *mean = &environments->mean;
  environments->counts[class]++;
  for (size_t i = 0; i < length_of(mean, class); i++) {
    double v[3];
    const size_t at = neighbour_of(mean, class, (size_t)environments->places[i]);
    put_vector(neighbours, atom, neighbour_of(neighbours, atom, i), v);
    for (int d = 0; d < 3; d++) environments->deviations[3 * at + d] += v[d] - mean->positions[3 * at + d];
  }
}

bool lml_environments_find(lml_environments *environments, const lml_neighbours *neighbours,
                           const signed char *elements) {
  lml_neighbours *mean = &environments->mean;
  if (!reserve(environments, neighbours)) return false;
  mean->end = 0;
  for (size_t atom = 0; atom < neighbours->natoms; atom++) {
    size_t class = 0;
    while (class < mean->end && !find_places(environments, class, neighbours, elements, atom)) class ++;
    if (class < mean->end)
      add_atom(environments, class, neighbours, atom);
    else if (mean->end < LML_ENVIRONMENT_CLASSES)
      begin_class(environments, neighbours, elements, atom);
    else
      return false;
  }
  mean->natoms = mean->end;
  for (size_t class = 0; class < mean->end; class ++)
    for (size_t i = 0; i < length_of(mean, class); i++)
      for (size_t k = 3 * neighbour_of(mean, class, i); k < 3 * neighbour_of(mean, class, i) + 3; k++)
        mean->positions[k] += environments->deviations[k] / (double)environments->counts[class];
  return true;
}
