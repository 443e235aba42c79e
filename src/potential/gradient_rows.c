#include "potential/gradient_rows.h"

#include <string.h>

#include "base/memory.h"

static const char what[] = "gradients of the descriptors";

/** Places of sorted atoms that are not chosen. */
enum { NEITHER = LML_NO_PLACE, SOURCE = -2 };

/** Doubles in the entries at hand, at most: of three thousand atoms in a crystal, or of ten thousand in a thin one.
 *  Sources of atoms that are not at hand together are evaluated several times. */
enum { ROOM = 32 << 20 };

void lml_gradient_rows_free(lml_gradient_rows *rows) {
  lml_free(rows->sorted);
  lml_free(rows->place);
  lml_free(rows->values);
  lml_free(rows->first);
  lml_free(rows->count);
  lml_free(rows->seen);
  lml_free(rows->source);
  lml_free(rows->entries);
  lml_free(rows->targets);
  lml_free(rows->spare);
  lml_free(rows->pointers);
  memset(rows, 0, sizeof *rows);
}

static bool is_quadratic(const lml_gradient_rows *rows) { return rows->descriptors->model.forms != NULL; }

size_t lml_gradient_rows_room(const lml_descriptors *descriptors, size_t natoms, size_t nchosen) {
  const size_t neighbours = 64; /* of tungsten, at a cutoff of 6 Å, there are 58 */
  const size_t n = lml_descriptors_ncomponents(descriptors);
  const size_t all = nchosen * neighbours * 3 * n;
  return (all < ROOM ? all : ROOM) + natoms * n;
}

/** Room for all but the entries. */
static lml_status reserve(lml_gradient_rows *rows, size_t natoms, lml_error *error) {
  lml_status status = lml_grow(&rows->sorted, &rows->sorted_capacity, natoms, sizeof *rows->sorted, what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->place, &rows->place_capacity, natoms, sizeof *rows->place, what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->values, &rows->values_capacity, natoms * rows->stride, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->first, &rows->first_capacity, rows->natoms + 1, sizeof(size_t), what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->count, &rows->count_capacity, rows->natoms, sizeof(size_t), what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->seen, &rows->seen_capacity, rows->natoms, sizeof *rows->seen, what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->spare, &rows->spare_capacity, 3 * rows->stride, sizeof(double), what, error);
  return status;
}

lml_status lml_gradient_rows_begin(lml_gradient_rows *rows, lml_descriptors *descriptors,
                                   const lml_structure *structure, const size_t *atoms, size_t natoms,
                                   lml_error *error) {
  rows->descriptors = descriptors;
  rows->stride = lml_descriptors_stride(descriptors);
  rows->atoms = atoms;
  rows->natoms = natoms;
  rows->next = rows->begin = rows->end = 0;
  lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status == LML_OK) status = lml_descriptors_reserve_gradients(descriptors, error);
  if (status == LML_OK) status = reserve(rows, structure->natoms, error);
  if (status != LML_OK) return status;
  for (size_t s = 0; s < structure->natoms; s++) rows->sorted[descriptors->atoms.neighbours.order[s]] = (int32_t)s;
  return LML_OK;
}

/* ---- which entries there are ---- */

/** About how many entries the chosen atom number @p i needs. */
static size_t estimate_entries(const lml_gradient_rows *rows, size_t i) {
  const lml_neighbours *neighbours = &rows->descriptors->atoms.neighbours;
  const size_t s = (size_t)rows->sorted[rows->atoms[i]];
  if (!is_quadratic(rows)) return rows->descriptors->model.nelements;
  return 1 + (size_t)neighbours->count[s];
}

/** Take the next chosen atoms, as many as there is room for, and find their sources. */
static void choose(lml_gradient_rows *rows) {
  const lml_neighbours *neighbours = &rows->descriptors->atoms.neighbours;
  const size_t limit = (rows->most > 0 ? rows->most : ROOM) / (3 * rows->stride);
  rows->begin = rows->end = rows->next;
  for (size_t s = 0; s < neighbours->natoms; s++) rows->place[s] = NEITHER;
  size_t total = 0;
  while (rows->end < rows->natoms) {
    total += estimate_entries(rows, rows->end);
    if (total > limit && rows->end > rows->begin) break;
    const size_t place = rows->end - rows->begin;
    rows->place[rows->sorted[rows->atoms[rows->end]]] = (int32_t)place;
    rows->count[place] = 1;
    rows->seen[place] = rows->sorted[rows->atoms[rows->end]];
    rows->end++;
  }
  for (size_t s = 0; s < neighbours->natoms; s++) {
    const int32_t *list;
    const size_t count = lml_neighbours_of(neighbours, s, &list);
    for (size_t i = 0; i < count; i++) {
      const int32_t place = rows->place[neighbours->owner[list[i]]];
      if (place < 0 || place == rows->place[s]) continue;
      if (rows->seen[place] != (int32_t)s) rows->count[place]++; /* periodic images count once */
      rows->seen[place] = (int32_t)s;
      if (rows->place[s] == NEITHER) rows->place[s] = SOURCE;
    }
  }
}

/** Lay out the entries of the atoms that were chosen. */
static lml_status lay_out(lml_gradient_rows *rows, lml_error *error) {
  const bool quadratic = is_quadratic(rows);
  const size_t natoms = rows->end - rows->begin, nelements = rows->descriptors->model.nelements;
  size_t most = 0;
  rows->first[0] = 0;
  for (size_t place = 0; place < natoms; place++) {
    const size_t count = quadratic ? rows->count[place] : nelements;
    if (count > most) most = count;
    rows->first[place + 1] = rows->first[place] + count;
    rows->count[place] = quadratic ? 0 : nelements;
  }
  const size_t total = rows->first[natoms], size = 3 * rows->stride;
  lml_status status = lml_grow(&rows->source, &rows->source_capacity, total, sizeof *rows->source, what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->entries, &rows->entries_capacity, total * size, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&rows->pointers, &rows->pointers_capacity, 2 * most, sizeof *rows->pointers, what, error);
  if (status == LML_OK && !quadratic) memset(rows->entries, 0, total * size * sizeof(double));
  return status;
}

/** The entry of a source for the chosen atom at @p place: of a linear potential, that of the source's element. The
 *  periodic images of one source share one. */
static lml_gradient_place find_entry(lml_gradient_rows *rows, size_t place, int32_t source) {
  const size_t size = 3 * rows->stride, first = rows->first[place];
  if (!is_quadratic(rows))
    return (lml_gradient_place){
        .to = rows->entries + (first + (size_t)rows->descriptors->atoms.elements[source]) * size, .filled = true};
  size_t *count = &rows->count[place];
  const bool filled = *count > 0 && rows->source[first + *count - 1] == source;
  if (!filled) rows->source[first + (*count)++] = source;
  return (lml_gradient_place){.to = rows->entries + (first + *count - 1) * size, .filled = filled};
}

/* ---- filling them ---- */

/** The entries of one lane's columns, and of its own atom. */
static lml_gradient_place find_entries(lml_gradient_rows *rows, size_t lane) {
  const lml_descriptors *descriptors = rows->descriptors;
  const lml_descriptor_work *work = descriptors->work;
  const int32_t *owner = descriptors->atoms.neighbours.owner;
  const lml_gradient_place nowhere = {.to = rows->spare};
  const int32_t atom = lane < descriptors->count ? descriptors->centres[lane] : -1;
  const bool wanted = atom >= 0 && rows->place[atom] != NEITHER;
  for (size_t column = 0; column < work->ncolumns; column++) {
    const int32_t j = work->columns[column * work->width + lane];
    const int32_t place = j < 0 ? NEITHER : rows->place[owner[j]];
    rows->targets[column * work->width + lane] = place < 0 ? nowhere : find_entry(rows, (size_t)place, atom);
  }
  return wanted && rows->place[atom] >= 0 ? find_entry(rows, (size_t)rows->place[atom], atom) : nowhere;
}

/** Evaluate the atoms from sorted atom @p first on; *@p next becomes the first after them. */
static lml_status fill_run(lml_gradient_rows *rows, size_t first, size_t *next, lml_error *error) {
  lml_descriptors *descriptors = rows->descriptors;
  const lml_descriptor_work *work = descriptors->work;
  const size_t width = work->width, n = lml_descriptors_ncomponents(descriptors);
  lml_gradient_place own[LML_LANES_LIMIT];
  lml_descriptors_gradients(descriptors, first, rows->place);
  const lml_status status =
      lml_grow(&rows->targets, &rows->targets_capacity, work->ncolumns * width, sizeof *rows->targets, what, error);
  if (status != LML_OK) return status;
  for (size_t lane = 0; lane < width; lane++) own[lane] = find_entries(rows, lane);
  for (size_t lane = 0; lane < descriptors->count; lane++) {
    const double *centre = rows->centre == NULL ? NULL : rows->centre + (size_t)descriptors->element[lane] * n;
    double *values = rows->values + (first + lane) * rows->stride;
    for (size_t c = 0; c < n; c++)
      values[c] = descriptors->components[c * width + lane] - (centre == NULL ? 0.0 : centre[c]);
  }
  work->descriptor->ops->put_gradients(work, rows->targets, own, rows->stride);
  *next = first + descriptors->count;
  return LML_OK;
}

static lml_status fill(lml_gradient_rows *rows, lml_error *error) {
  choose(rows);
  lml_status status = lay_out(rows, error);
  const size_t natoms = rows->descriptors->atoms.neighbours.natoms;
  for (size_t s = 0; s < natoms && status == LML_OK;) {
    if (rows->place[s] == NEITHER)
      s++;
    else
      status = fill_run(rows, s, &s, error);
  }
  return status;
}

/* ---- rows ---- */

/** The row of one element and direction, of a quadratic potential. */
static void put_quadratic_gradients(lml_gradient_rows *rows, size_t place, int element, size_t direction, double *row) {
  const lml_descriptors *descriptors = rows->descriptors;
  const size_t most = rows->count[place];
  const double **values = rows->pointers, **slopes = rows->pointers + most;
  int count = 0;
  for (size_t k = rows->first[place]; k < rows->first[place] + most; k++) {
    const size_t source = (size_t)rows->source[k];
    if (descriptors->atoms.elements[source] != element) continue;
    values[count] = rows->values + source * rows->stride;
    slopes[count++] = rows->entries + (3 * k + direction) * rows->stride;
  }
  descriptors->model.product->quadratic_gradients((int)descriptors->model.ncomponents, count, values, slopes, row);
}

static void write_rows(lml_gradient_rows *rows, size_t place, double *to, const lml_gradient_layout *layout) {
  const size_t n = rows->descriptors->model.ncomponents;
  for (size_t e = 0; e < rows->descriptors->model.nelements; e++)
    for (size_t d = 0; d < 3; d++) {
      double *row = to + e * layout->element + d * layout->direction;
      if (is_quadratic(rows))
        put_quadratic_gradients(rows, place, (int)e, d, row);
      else
        memcpy(row, rows->entries + (3 * (rows->first[place] + e) + d) * rows->stride, n * sizeof *row);
    }
}

lml_status lml_gradient_rows_next(lml_gradient_rows *rows, size_t natoms, double *to, const lml_gradient_layout *layout,
                                  lml_error *error) {
  for (size_t k = 0; k < natoms; k++, rows->next++) {
    if (rows->next == rows->end) {
      const lml_status status = fill(rows, error);
      if (status != LML_OK) return status;
    }
    write_rows(rows, rows->next - rows->begin, to + k * layout->atom, layout);
  }
  return LML_OK;
}

/* ---- all of a structure's ---- */

/** The rows of all atoms of the structure, whose neighbours are known. */
static lml_status all_rows(lml_gradient_rows *rows, lml_descriptors *descriptors, const lml_structure *structure,
                           double *gradients, lml_error *error) {
  const size_t width = descriptors->model.ncoefficients - 1;
  const lml_gradient_layout layout = {
      .atom = 3 * width * descriptors->model.nelements, .direction = width, .element = 3 * width};
  size_t *atoms;
  lml_status status = lml_alloc(&atoms, structure->natoms, sizeof *atoms, what, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < structure->natoms; i++) atoms[i] = i;
  status = lml_gradient_rows_begin(rows, descriptors, structure, atoms, structure->natoms, error);
  if (status == LML_OK) status = lml_gradient_rows_next(rows, structure->natoms, gradients, &layout, error);
  lml_free(atoms);
  return status;
}

lml_status lml_potential_gradients(const lml_potential *potential, const lml_structure *structure, double *gradients,
                                   lml_error *error) {
  lml_descriptors descriptors;
  lml_gradient_rows rows = {0};
  lml_status status = lml_descriptors_make(&descriptors, potential, error);
  if (status == LML_OK) status = all_rows(&rows, &descriptors, structure, gradients, error);
  lml_gradient_rows_free(&rows);
  lml_descriptors_free(&descriptors);
  return status;
}
