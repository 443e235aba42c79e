#include "retrain/rows/environments.h"

#include <math.h>

#include "base/memory.h"

/** Å: two units of the eighth digit behind the point, which is the last in most files. What descriptors change by in
 *  second order is then about 1e-15 of them. */
static const double tolerance = 2e-8;

void lml_alike_free(lml_alike *alike) {
  lml_neighbours_free(&alike->mean);
  lml_free(alike->elements);
  lml_free(alike->deviations);
  lml_free(alike->places);
  *alike = (lml_alike){0};
}

static size_t length_of(const lml_neighbours *neighbours, size_t atom) {
  return (size_t)(neighbours->first[atom + 1] - neighbours->first[atom]);
}

/** Room for kinds with as many neighbours as any atom has. */
static bool reserve(lml_alike *alike, const lml_neighbours *neighbours) {
  static const char what[] = "kinds of atoms";
  lml_neighbours *mean = &alike->mean;
  const size_t longest = lml_neighbours_longest(neighbours);
  if (mean->list != NULL && longest <= alike->longest) return true;
  lml_alike_free(alike);
  const size_t all = LML_ALIKE_KINDS * (1 + longest);
  lml_status status = lml_alloc(&mean->positions, 3 * all, sizeof *mean->positions, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->owner, all, sizeof *mean->owner, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->first, LML_ALIKE_KINDS + 1, sizeof *mean->first, what, NULL);
  if (status == LML_OK) status = lml_alloc(&mean->list, all, sizeof *mean->list, what, NULL);
  if (status == LML_OK) status = lml_alloc(&alike->elements, all, 1, what, NULL);
  if (status == LML_OK) status = lml_alloc(&alike->deviations, 3 * all, sizeof(double), what, NULL);
  if (status == LML_OK) status = lml_alloc(&alike->places, longest, sizeof *alike->places, what, NULL);
  for (size_t k = 0; k < all && status == LML_OK; k++) mean->owner[k] = (int32_t)k;
  alike->longest = longest;
  if (status != LML_OK) lml_alike_free(alike);
  return status == LML_OK;
}

/** Neighbour number @p i of an atom. */
static size_t neighbour_of(const lml_neighbours *neighbours, size_t atom, size_t i) {
  return (size_t)neighbours->list[(size_t)neighbours->first[atom] + i];
}

static void put_vector(const lml_neighbours *neighbours, size_t atom, size_t j, double v[3]) {
  for (int d = 0; d < 3; d++) v[d] = neighbours->positions[3 * j + d] - neighbours->positions[3 * atom + d];
}

static bool is_near(const double a[3], const double b[3]) {
  return fabs(a[0] - b[0]) <= tolerance && fabs(a[1] - b[1]) <= tolerance && fabs(a[2] - b[2]) <= tolerance;
}

/** Find each of the atom's neighbours among those of a kind, most often at the same place. */
static bool find_places(const lml_alike *alike, size_t kind, const lml_neighbours *neighbours,
                        const signed char *elements, size_t atom) {
  const lml_neighbours *mean = &alike->mean;
  const size_t count = length_of(mean, kind);
  if (elements[atom] != alike->elements[kind] || length_of(neighbours, atom) != count) return false;
  for (size_t i = 0; i < count; i++) {
    const size_t j = neighbour_of(neighbours, atom, i);
    double v[3];
    size_t k = i, left = count;
    put_vector(neighbours, atom, j, v);
    while (left > 0 && !is_near(mean->positions + 3 * neighbour_of(mean, kind, k), v)) {
      k = k + 1 < count ? k + 1 : 0;
      left--;
    }
    if (left == 0 || alike->elements[neighbour_of(mean, kind, k)] != elements[neighbours->owner[j]]) return false;
    alike->places[i] = (int32_t)k;
  }
  return true;
}

/** Let the atom be the first one of its kind. */
static void begin_kind(lml_alike *alike, const lml_neighbours *neighbours, const signed char *elements, size_t atom) {
  lml_neighbours *mean = &alike->mean;
  const size_t kind = mean->end++, count = length_of(neighbours, atom);
  const int64_t first = mean->first[kind];
  alike->counts[kind] = 1;
  alike->elements[kind] = elements[atom];
  mean->first[kind + 1] = first + (int64_t)count;
  for (size_t i = 0; i < count; i++) {
    const size_t j = neighbour_of(neighbours, atom, i), at = LML_ALIKE_KINDS + (size_t)first + i;
    mean->list[(size_t)first + i] = (int32_t)at;
    alike->elements[at] = elements[neighbours->owner[j]];
    put_vector(neighbours, atom, j, mean->positions + 3 * at);
    for (int d = 0; d < 3; d++) alike->deviations[3 * at + d] = 0.0;
  }
}

static void add_atom(lml_alike *alike, size_t kind, const lml_neighbours *neighbours, size_t atom) {
  const lml_neighbours *mean = &alike->mean;
  alike->counts[kind]++;
  for (size_t i = 0; i < length_of(mean, kind); i++) {
    double v[3];
    const size_t at = neighbour_of(mean, kind, (size_t)alike->places[i]);
    put_vector(neighbours, atom, neighbour_of(neighbours, atom, i), v);
    for (int d = 0; d < 3; d++) alike->deviations[3 * at + d] += v[d] - mean->positions[3 * at + d];
  }
}

bool lml_alike_find(lml_alike *alike, const lml_neighbours *neighbours, const signed char *elements) {
  lml_neighbours *mean = &alike->mean;
  if (!reserve(alike, neighbours)) return false;
  mean->end = 0;
  for (size_t atom = 0; atom < neighbours->natoms; atom++) {
    size_t kind = 0;
    while (kind < mean->end && !find_places(alike, kind, neighbours, elements, atom)) kind++;
    if (kind < mean->end)
      add_atom(alike, kind, neighbours, atom);
    else if (mean->end < LML_ALIKE_KINDS)
      begin_kind(alike, neighbours, elements, atom);
    else
      return false;
  }
  mean->natoms = mean->end;
  for (size_t kind = 0; kind < mean->end; kind++)
    for (int64_t i = mean->first[kind]; i < mean->first[kind + 1]; i++)
      for (size_t k = 3 * (size_t)mean->list[i]; k < 3 * (size_t)mean->list[i] + 3; k++)
        mean->positions[k] += alike->deviations[k] / (double)alike->counts[kind];
  return true;
}
