#include "session/result_cache.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "mixing/region.h"
#include "structure/lattice.h"
#include "structure/vec3.h"

static const double two_pi = 6.28318530717958647692;

/** Å, less than any lattice vector has. */
static const double little = 1e-3;

/* ---- the same place ---- */

/** How far apart coordinates of that size may be. */
static double tolerance(double size) { return LML_RECALL_TOLERANCE * fmax(1.0, size); }

/** Whether two numbers count as the same; *@p apart becomes their difference where it is the larger. */
static bool same_number(double one, double two, double size, double *apart) {
  const double difference = fabs(one - two);
  if (!(difference <= tolerance(size))) return false;
  *apart = fmax(*apart, difference);
  return true;
}

static bool same_numbers(const double *one, const double *two, size_t count, double *apart) {
  for (size_t i = 0; i < count; i++)
    if (!same_number(one[i], two[i], fmax(fabs(one[i]), fabs(two[i])), apart)) return false;
  return true;
}

/** The largest coordinate of both. */
static double size_of(const double one[3], const double two[3]) {
  double size = 0.0;
  for (int k = 0; k < 3; k++) size = fmax(size, fmax(fabs(one[k]), fabs(two[k])));
  return size;
}

/** Whether a driver that wraps atoms could have moved one from @p one to @p two: by lattice vectors, not a little.
 * These are known as well as a coordinate of their size. */
static bool same_image(const lml_lattice *lattice, const double one[3], const double two[3], double *apart) {
  double difference[3];
  if (fabs(one[0] - two[0]) + fabs(one[1] - two[1]) + fabs(one[2] - two[2]) < little) return false;
  lml_lattice_difference(lattice, one, two, difference);
  double size = size_of(one, two);
  for (int k = 0; k < 3; k++)
    if (lattice->periodic[k]) size += size_of(lattice->vectors[k], lattice->vectors[k]);
  for (int k = 0; k < 3; k++)
    if (!same_number(difference[k], 0.0, size, apart)) return false;
  return true;
}

static bool same_place(const lml_lattice *lattice, const double one[3], const double two[3], double *apart) {
  double here = *apart;
  if (same_numbers(one, two, 3, &here)) {
    *apart = here;
    return true;
  }
  return lattice != NULL && same_image(lattice, one, two, apart);
}

/** The lattice of a parent; NULL where it has none. */
static const lml_lattice *make_lattice(const double *cell, const bool *pbc, lml_lattice *lattice) {
  lml_structure parent = {.pbc = {pbc[0], pbc[1], pbc[2]}};
  memcpy(parent.cell, cell, sizeof parent.cell);
  return lml_lattice_make(lattice, &parent, NULL) == LML_OK ? lattice : NULL;
}

bool lml_result_cache_same(const lml_result_cache_point *known, const lml_result_cache_point *asked, double *apart) {
  lml_lattice room;
  *apart = 0.0;
  if (known->region != asked->region || known->natoms != asked->natoms || strcmp(known->engine, asked->engine) != 0 ||
      memcmp(known->parents, asked->parents, known->natoms * sizeof *known->parents) != 0 ||
      memcmp(known->pbc, asked->pbc, 3 * sizeof *known->pbc) != 0 ||
      !same_numbers(known->cell, asked->cell, 9, apart) ||
      !same_numbers(known->cluster_cell, asked->cluster_cell, 9, apart))
    return false;
  const lml_lattice *lattice = make_lattice(asked->cell, asked->pbc, &room);
  for (size_t i = 0; i < known->natoms; i++) {
    const size_t one = known->rows[i], two = asked->rows[i];
    if ((asked->labels != NULL && known->labels[one] != asked->labels[two]) ||
        !same_place(lattice, known->positions + 3 * one, asked->positions + 3 * two, apart))
      return false;
  }
  return true;
}

bool lml_result_cache_same_places(const lml_structure *known, const int64_t *atoms, const lml_structure *asked) {
  lml_lattice room;
  double apart = 0.0;
  if (!same_numbers(known->cell, asked->cell, 9, &apart)) return false;
  const lml_lattice *lattice = make_lattice(asked->cell, asked->pbc, &room);
  for (size_t k = 0; k < known->natoms; k++)
    if (!same_place(lattice, known->positions + 3 * k, asked->positions + 3 * (size_t)atoms[k], &apart)) return false;
  return true;
}

/* ---- keys ---- */

/** The periodic directions of a parent, as they are: a reduction of its vectors could go either way. */
typedef struct directions {
  double vectors[3][3], reciprocal[3][3]; /**< as in lml_lattice */
  double size[3];                         /**< largest coordinate that a vector adds, by axis */
  int count;
} directions;

static void add_direction(directions *d, const double cell[9], int k) {
  const double *a = cell + 3 * k;
  double normal[3];
  lml_cell_normal(cell, k, normal);
  const double volume = lml_dot(a, normal);
  for (int axis = 0; axis < 3; axis++) {
    d->vectors[d->count][axis] = a[axis];
    d->reciprocal[d->count][axis] = normal[axis] / volume;
    d->size[axis] += fabs(a[axis]);
  }
  d->count++;
}

static void find_directions(const lml_result_cache_point *point, directions *d) {
  lml_structure shape = {.pbc = {point->pbc[0], point->pbc[1], point->pbc[2]}};
  double cell[9];
  *d = (directions){0};
  for (int k = 0; k < 3; k++)
    if (shape.pbc[k]) memcpy(shape.cell + 3 * k, point->cell + 3 * k, 3 * sizeof *cell);
  if (lml_structure_complete_cell(&shape, cell, NULL) != LML_OK) return;
  for (int k = 0; k < 3; k++)
    if (shape.pbc[k]) add_direction(d, cell, k);
}

/** A number from −1 to 1 that looks random, another for each atom and place. */
static double weight(size_t atom, unsigned place) {
  const uint64_t bits = lml_hash_mix(((uint64_t)atom << 8 | place) + 1);
  return (double)(int64_t)(bits >> 11) * 0x1p-52 - 1.0;
}

/** What an atom adds to the keys: cosine and sine of each fractional coordinate, then three coordinates across the
 *  periodic directions; with how far off each may be, 0 where there is none. */
typedef struct summands {
  double value[9], error[9];
} summands;

static void find_summands(const directions *d, const double position[3], summands *s) {
  double across[3], off[3], fractions[3], reach = 1.0;
  for (int axis = 0; axis < 3; axis++) {
    across[axis] = position[axis];
    off[axis] = tolerance(fabs(position[axis]) + d->size[axis]);
  }
  for (int k = 0; k < d->count; k++) {
    fractions[k] = lml_dot(d->reciprocal[k], position);
    reach += fabs(fractions[k]); /* the cell, too, is known as well as a coordinate of its size */
  }
  *s = (summands){0};
  for (int axis = 0; axis < 3; axis++) s->error[6 + axis] = reach * off[axis];
  for (int k = 0; k < d->count; k++) {
    double error = 0.0;
    for (int axis = 0; axis < 3; axis++) error += reach * off[axis] * fabs(d->reciprocal[k][axis]);
    s->value[2 * k] = cos(two_pi * fractions[k]);
    s->value[2 * k + 1] = sin(two_pi * fractions[k]);
    s->error[2 * k] = s->error[2 * k + 1] = two_pi * error;
    for (int axis = 0; axis < 3; axis++) {
      across[axis] -= fractions[k] * d->vectors[k][axis];
      s->error[6 + axis] += error * fabs(d->vectors[k][axis]);
    }
  }
  memcpy(s->value + 6, across, sizeof across);
  if (d->count == 3) memset(s->error + 6, 0, 3 * sizeof *s->error); /* nothing is across */
}

static void find_keys(const lml_result_cache_point *point, double keys[LML_RECALL_KEYS],
                      double widths[LML_RECALL_KEYS]) {
  directions d;
  find_directions(point, &d);
  for (int key = 0; key < LML_RECALL_KEYS; key++) keys[key] = widths[key] = 0.0;
  for (size_t i = 0; i < point->natoms; i++) {
    summands s;
    find_summands(&d, point->positions + 3 * point->rows[i], &s);
    for (unsigned place = 0; place < 9; place++) {
      if (s.error[place] == 0.0) continue;
      for (unsigned key = 0; key < LML_RECALL_KEYS; key++) {
        const double w = weight(point->parents[i], 16 * key + place);
        keys[key] += w * s.value[place];
        widths[key] += fabs(w) * s.error[place];
      }
    }
  }
}

/* ---- entries ---- */

static void find_probes(const lml_result_cache_point *point, lml_result_cache_entry *entry) {
  size_t first = point->natoms, last = 0;
  for (int p = 0; p < LML_RECALL_PROBES && point->natoms == 0 && point->foremost_at != NULL; p++) {
    entry->probes[p] = (uint32_t)point->foremost;
    memcpy(entry->places[p], point->foremost_at, sizeof entry->places[p]);
  }
  for (size_t i = 0; i < point->natoms; i++) {
    if (point->labels[point->rows[i]] != LML_REGION_QM) continue;
    if (first == point->natoms) first = i;
    last = i;
  }
  if (first == point->natoms) first = 0;
  const size_t probes[LML_RECALL_PROBES] = {first, last};
  for (int p = 0; p < LML_RECALL_PROBES && point->natoms > 0; p++) {
    entry->probes[p] = (uint32_t)point->parents[probes[p]];
    memcpy(entry->places[p], point->positions + 3 * point->rows[probes[p]], sizeof entry->places[p]);
  }
}

static uint64_t hash_of_shape(const lml_result_cache_point *point) {
  uint64_t hash = lml_hash(LML_HASH_BEGIN, point->pbc, 3 * sizeof *point->pbc);
  for (size_t i = 0; i < point->natoms; i++) {
    const uint64_t atom[] = {point->parents[i], point->labels[point->rows[i]]};
    hash = lml_hash(hash, atom, sizeof atom);
  }
  return hash;
}

static uint64_t hash_of_text(const char *text) {
  return text == NULL ? 0 : lml_hash(LML_HASH_BEGIN, text, strlen(text));
}

lml_result_cache_entry lml_result_cache_describe(const lml_result_cache_point *point, double widths[LML_RECALL_KEYS]) {
  double unwanted[LML_RECALL_KEYS];
  lml_result_cache_entry entry;
  memset(&entry, 0, sizeof entry); /* its bytes go into a file */
  entry.region = (uint32_t)point->region;
  entry.natoms = (uint32_t)point->natoms;
  entry.age = point->age;
  entry.engine = hash_of_text(point->engine);
  entry.rule = hash_of_text(point->rule);
  entry.shape = hash_of_shape(point);
  entry.recalled = point->recalled;
  find_keys(point, entry.keys, widths == NULL ? unwanted : widths);
  find_probes(point, &entry);
  return entry;
}

/* ---- looking up ---- */

/** Forget the older half of the entries; what was in order stays so. */
static void forget_half(lml_result_cache *cache) {
  const size_t gone = cache->nentries / 2;
  size_t kept = 0, ordered = 0;
  for (size_t i = 0; i < cache->nentries; i++) {
    if (cache->order[i].entry < gone) continue;
    ordered += i < cache->nordered;
    cache->order[kept++] = (lml_result_cache_order){cache->order[i].key, cache->order[i].entry - (uint32_t)gone};
  }
  memmove(cache->entries, cache->entries + gone, kept * sizeof *cache->entries);
  cache->nentries = kept;
  cache->nordered = ordered;
  cache->nforgotten += gone;
}

lml_status lml_result_cache_add(lml_result_cache *cache, const lml_result_cache_entry *entry, lml_error *error) {
  if (entry->region == LML_RECALL_NOTHING) return LML_OK;
  if (cache->nentries == LML_RECALL_MOST) forget_half(cache);
  const size_t count = cache->nentries + 1;
  lml_status status =
      lml_grow(&cache->entries, &cache->capacity, count, sizeof *cache->entries, "results that were computed", error);
  if (status == LML_OK)
    status = lml_grow(&cache->order, &cache->order_capacity, count, sizeof *cache->order, "results that were computed",
                      error);
  if (status != LML_OK) return status;
  cache->order[cache->nentries] = (lml_result_cache_order){entry->keys[0], (uint32_t)cache->nentries};
  cache->entries[cache->nentries++] = *entry;
  return LML_OK;
}

static int compare_keys(const void *one, const void *two) {
  const lml_result_cache_order *a = one, *b = two;
  if (a->key != b->key) return a->key < b->key ? -1 : 1;
  return (a->entry > b->entry) - (a->entry < b->entry);
}

/** The first place in the order whose key is not below @p key. */
static size_t find_place(const lml_result_cache *cache, double key) {
  size_t low = 0, high = cache->nordered;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (cache->order[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/** Put entries that were added since the last time into the order: few one by one, as in a run, many at once, as after
 *  reading. */
static void put_in_order(lml_result_cache *cache) {
  enum { FEW = 64 };
  if (cache->nentries - cache->nordered > FEW) {
    qsort(cache->order, cache->nentries, sizeof *cache->order, compare_keys);
    cache->nordered = cache->nentries;
  }
  for (; cache->nordered < cache->nentries; cache->nordered++) {
    const lml_result_cache_order new = cache->order[cache->nordered];
    lml_result_cache_order *place = cache->order + find_place(cache, new.key);
    memmove(place + 1, place, (size_t)(cache->order + cache->nordered - place) * sizeof *place);
    *place = new;
  }
}

/** How far @p entry's keys are from those of @p asked, in parts of what they may be; above 1: it is another. */
static double distance(const lml_result_cache_entry *entry, const lml_result_cache_entry *asked,
                       const double widths[LML_RECALL_KEYS]) {
  if (entry->region != asked->region || entry->natoms != asked->natoms || entry->engine != asked->engine ||
      entry->shape != asked->shape)
    return INFINITY;
  double largest = 0.0;
  for (int key = 0; key < LML_RECALL_KEYS; key++)
    largest = fmax(largest, fabs(entry->keys[key] - asked->keys[key]) / widths[key]);
  return largest;
}

const lml_result_cache_entry *lml_result_cache_next(lml_result_cache *cache, const lml_result_cache_entry *asked,
                                                    const double widths[LML_RECALL_KEYS],
                                                    const lml_result_cache_entry *last) {
  const lml_result_cache_entry *best = NULL;
  double nearest = 1.0;
  const double beyond = last == NULL ? -1.0 : distance(last, asked, widths);
  put_in_order(cache);
  for (size_t i = find_place(cache, asked->keys[0] - widths[0]);
       i < cache->nentries && cache->order[i].key <= asked->keys[0] + widths[0]; i++) {
    const lml_result_cache_entry *entry = &cache->entries[cache->order[i].entry];
    const double here = distance(entry, asked, widths);
    if (here < beyond || (here == beyond && entry <= last)) continue;
    if (here < nearest || (here <= nearest && (best == NULL || entry < best))) {
      nearest = here;
      best = entry;
    }
  }
  return best;
}

const lml_result_cache_entry *lml_result_cache_next_region(const lml_result_cache *cache,
                                                           const lml_result_cache_entry *asked,
                                                           const lml_structure *structure,
                                                           const lml_result_cache_entry *last) {
  lml_lattice room;
  double apart = 0.0;
  const lml_lattice *lattice = make_lattice(structure->cell, structure->pbc, &room);
  for (size_t e = last == NULL ? cache->nentries : (size_t)(last - cache->entries); e-- > 0;) {
    const lml_result_cache_entry *entry = &cache->entries[e];
    bool same = entry->region == asked->region && entry->age >= 0 && entry->engine == asked->engine &&
                entry->rule == asked->rule;
    for (int p = 0; p < LML_RECALL_PROBES && same; p++)
      same = entry->probes[p] < structure->natoms &&
             same_place(lattice, entry->places[p], structure->positions + 3 * (size_t)entry->probes[p], &apart);
    if (same) return entry;
  }
  return NULL;
}

size_t lml_result_cache_count(const lml_result_cache *cache, size_t r, const char *engine) {
  const uint64_t hash = hash_of_text(engine);
  size_t count = 0;
  for (size_t e = 0; e < cache->nentries; e++) {
    const lml_result_cache_entry *entry = &cache->entries[e];
    count += entry->region == r && entry->engine == hash && entry->recalled == 0;
  }
  return count;
}

void lml_result_cache_free(lml_result_cache *cache) {
  lml_free(cache->entries);
  lml_free(cache->order);
  *cache = (lml_result_cache){0};
}
