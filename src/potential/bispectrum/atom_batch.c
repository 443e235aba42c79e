#include "potential/bispectrum/atom_batch.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

void lml_atom_batch_free(lml_atom_batch *batch) {
  lml_bispectrum_workspace_free(&batch->workspace);
  for (size_t lane = 0; batch->columns != NULL && lane < LML_LANES_LIMIT; lane++)
    lml_atom_columns_free(&batch->columns[lane]);
  lml_free(batch->columns);
  lml_free(batch->slots.group);
  lml_free(batch->slots.tiles);
  lml_free(batch->slots.tile);
  lml_free(batch->slots.slots);
  lml_free(batch->slots.self);
  lml_free(batch->gradient);
  lml_free(batch->neighbour);
  lml_free(batch->column);
  lml_free(batch->near);
  lml_free(batch->slot_of);
  lml_free(batch->count);
  memset(batch, 0, sizeof *batch);
}

lml_status lml_atom_batch_prepare(lml_atom_batch *batch, const lml_bispectrum_model *model, size_t longest,
                                  lml_error *error) {
  const size_t elements = (size_t)model->plan.nlabel_elements, lanes = (size_t)model->plan.lanes;
  /* each element's slots are padded to an even number and to the lane that has the most of them */
  const size_t slots = (longest + 1) * elements + elements;
  if (slots <= batch->slot_limit) return LML_OK;
  lml_atom_batch_free(batch);
  const size_t roomy = 2 * slots; /* lanes whose columns differ need more */
  const size_t places = roomy * lanes;
  const char *what = "a batch of atoms";
  lml_status status = lml_bispectrum_workspace_make(&model->plan, roomy, &batch->workspace, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.group, elements + 1, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.tiles, elements + 1, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.tile, roomy + 2, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.slots, LML_SLOT_SIZE * places, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.self, elements * lanes, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->gradient, 3 * places, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->neighbour, places, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->column, places, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->near, places, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slot_of, places, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->columns, LML_LANES_LIMIT, sizeof *batch->columns, what, error);
  for (size_t lane = 0; lane < lanes && status == LML_OK; lane++)
    status = lml_atom_columns_make(&batch->columns[lane], roomy, error);
  if (status == LML_OK) status = lml_alloc(&batch->count, elements * lanes, sizeof(int), what, error);
  if (status == LML_OK)
    batch->slot_limit = roomy;
  else
    lml_atom_batch_free(batch);
  return status;
}

/** The label under which a neighbour of that element is counted. */
static int label_of(const lml_bispectrum_model *model, int element) {
  return model->plan.nlabel_elements > 1 ? element : 0;
}

/** List the neighbours of one atom that are within the descriptor's cutoff, and count them by element label. */
static int select_near(const lml_bispectrum_model *model, const lml_atoms *atoms, int32_t centre, int32_t *near,
                       int *count) {
  const double *positions = atoms->positions, *here = positions + 3 * (size_t)centre;
  const double *rcut = model->rcut + (size_t)atoms->elements[centre] * model->snap->nelements;
  const int32_t *list, mask = atoms->mask;
  const size_t length = atoms->neighbours(atoms->context, centre, &list);
  int found = 0;
  for (size_t i = 0; i < length; i++) {
    const int32_t j = list[i] & mask;
    const double *there = positions + 3 * (size_t)j;
    const double dx = there[0] - here[0], dy = there[1] - here[1], dz = there[2] - here[2];
    const double square = dx * dx + dy * dy + dz * dz;
    const int element = atoms->elements[j];
    if (element < 0 || square >= rcut[element] * rcut[element]) continue;
    near[found++] = j;
    count[label_of(model, element)]++;
  }
  return found;
}

/* ---- slots ---- */

/** Every neighbour by itself: slots of each element label are as many as the lane that has most of them has, and an
 * even number; a tile is two of them. */
static void assign_slots(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run,
                         const int *nnear) {
  const int nlabels = model->plan.nlabel_elements;
  lml_bispectrum_batch *slots = &batch->slots;
  slots->group[0] = slots->tiles[0] = 0;
  for (int e = 0; e < nlabels; e++) {
    int most = 0;
    for (size_t lane = 0; lane < batch->natoms; lane++)
      if (batch->count[lane * (size_t)nlabels + (size_t)e] > most)
        most = batch->count[lane * (size_t)nlabels + (size_t)e];
    slots->group[e + 1] = slots->group[e] + most + most % 2;
    slots->tiles[e + 1] = slots->group[e + 1] / 2;
  }
  for (int tile = 0; tile < slots->tiles[nlabels]; tile++) {
    slots->tile[2 * tile] = 2 * tile;
    slots->tile[2 * tile + 1] = 2 * tile + 2;
  }
  for (size_t lane = 0; lane < batch->natoms; lane++) {
    int next[LML_ELEMENTS_LIMIT];
    memcpy(next, slots->group, (size_t)nlabels * sizeof *next);
    for (size_t i = lane * batch->slot_limit, end = i + (size_t)nnear[lane]; i < end; i++)
      batch->slot_of[i] = next[label_of(model, run->atoms->elements[batch->near[i]])]++;
  }
}

/** Make all places empty. */
static void clear_slots(lml_atom_batch *batch, const lml_bispectrum_model *model) {
  const size_t lanes = (size_t)model->plan.lanes;
  const size_t nslots = (size_t)batch->slots.group[model->plan.nlabel_elements];
  const double empty[LML_SLOT_SIZE] = {[LML_SLOT_Z] = 0.5 * model->rcut[0],
                                       [LML_SLOT_RCUT] = model->rcut[0],
                                       [LML_SLOT_SINNER] = 1.0,
                                       [LML_SLOT_DINNER] = 1.0};
  double *place = batch->slots.slots;
  for (size_t slot = 0; slot < nslots; slot++)
    for (int what = 0; what < LML_SLOT_SIZE; what++)
      for (size_t lane = 0; lane < lanes; lane++) *place++ = empty[what];
  for (size_t i = 0; i < nslots * lanes; i++) batch->neighbour[i] = -1;
}

/** Put one lane's atom and its near neighbours into the slots. */
static void fill_lane(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run,
                      size_t lane, int nnear) {
  const lml_snap_model *snap = model->snap;
  const lml_atoms *atoms = run->atoms;
  const size_t lanes = (size_t)model->plan.lanes;
  const int nlabels = model->plan.nlabel_elements;
  const lml_snap_element *own = &snap->elements[batch->element[lane]];
  const double *here = atoms->positions + 3 * (size_t)run->centres[lane];
  for (int e = 0; e < nlabels; e++)
    batch->slots.self[(size_t)e * lanes + lane] =
        nlabels == 1 || e == batch->element[lane] || snap->parameters.wselfallflag ? 1.0 : 0.0;
  for (int i = 0; i < nnear; i++) {
    const int32_t j = batch->near[lane * batch->slot_limit + (size_t)i];
    const int element = atoms->elements[j];
    const size_t slot = (size_t)batch->slot_of[lane * batch->slot_limit + (size_t)i];
    double *place = batch->slots.slots + slot * LML_SLOT_SIZE * lanes + lane;
    for (size_t d = 0; d < 3; d++) place[(LML_SLOT_X + d) * lanes] = atoms->positions[3 * (size_t)j + d] - here[d];
    place[LML_SLOT_WEIGHT * lanes] = snap->elements[element].weight;
    place[LML_SLOT_RCUT * lanes] = model->rcut[(size_t)batch->element[lane] * snap->nelements + (size_t)element];
    if (snap->parameters.switchinnerflag) {
      place[LML_SLOT_SINNER * lanes] = 0.5 * (own->sinner + snap->elements[element].sinner);
      place[LML_SLOT_DINNER * lanes] = 0.5 * (own->dinner + snap->elements[element].dinner);
    }
    batch->neighbour[slot * lanes + lane] = j;
  }
}

/** List the near neighbours of all lanes' atoms; of those that have no place, none. */
static void begin_gathering(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run,
                            const int32_t *places, int *nnear) {
  const size_t lanes = (size_t)model->plan.lanes, nlabels = (size_t)model->plan.nlabel_elements;
  batch->centres = run->centres;
  batch->natoms = run->count;
  memset(batch->count, 0, lanes * nlabels * sizeof(int));
  memset(batch->slots.self, 0, lanes * nlabels * sizeof(double));
  for (size_t lane = 0; lane < batch->natoms; lane++) {
    const int32_t centre = run->centres[lane];
    batch->element[lane] = run->atoms->elements[centre];
    if (places != NULL && places[centre] == LML_NO_PLACE) continue;
    nnear[lane] =
        select_near(model, run->atoms, centre, batch->near + lane * batch->slot_limit, batch->count + lane * nlabels);
  }
}

static void fill_slots(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run,
                       const int *nnear) {
  clear_slots(batch, model);
  for (size_t lane = 0; lane < batch->natoms; lane++) fill_lane(batch, model, run, lane, nnear[lane]);
}

void lml_atom_batch_gather(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run) {
  int nnear[LML_LANES_LIMIT] = {0};
  begin_gathering(batch, model, run, NULL, nnear);
  assign_slots(batch, model, run, nnear);
  fill_slots(batch, model, run, nnear);
}

/* ---- columns ---- */

/** The columns of one lane's neighbours. */
static void find_columns(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run,
                         const int32_t *places, size_t lane, int nnear) {
  const int32_t atom = run->centres[lane];
  lml_atom_columns *columns = &batch->columns[lane];
  lml_atom_columns_begin(columns);
  for (int i = 0; i < nnear; i++) {
    const int32_t near = batch->near[lane * batch->slot_limit + (size_t)i], owner = run->atoms->owner[near];
    columns->of[i] = -1;
    if (owner != atom && (places[owner] >= 0 || places[atom] >= 0))
      lml_atom_columns_add(columns, (size_t)i, owner, label_of(model, run->atoms->elements[near]));
  }
  lml_atom_columns_sort(columns, (size_t)nnear);
}

/** First of a lane's columns of label @p e. */
static size_t first_of_label(const lml_atom_columns *columns, int e) {
  size_t c = 0;
  while (c < columns->count && columns->list[c].label < e) c++;
  return c;
}

/** Most neighbours that any lane has in its columns number @p k and k + 1 of label @p e; 0 where there are none. */
static int longest_column(const lml_atom_batch *batch, int e, size_t k) {
  int longest = 0;
  for (size_t lane = 0; lane < batch->natoms; lane++) {
    const lml_atom_columns *columns = &batch->columns[lane];
    const size_t c = first_of_label(columns, e) + k; /* the first of the two is the longer one */
    if (c < columns->count && columns->list[c].label == e && columns->list[c].count > longest)
      longest = columns->list[c].count;
  }
  return longest;
}

/** Most neighbours of label @p e without a column that any lane has. */
static int most_without(const lml_atom_batch *batch, int nlabels, int e) {
  int most = 0;
  for (size_t lane = 0; lane < batch->natoms; lane++) {
    const lml_atom_columns *columns = &batch->columns[lane];
    int count = batch->count[lane * (size_t)nlabels + (size_t)e];
    for (size_t c = first_of_label(columns, e); c < columns->count && columns->list[c].label == e; c++)
      count -= columns->list[c].count;
    if (count > most) most = count;
  }
  return most;
}

/** Lay out the slots of tiles, and behind them those of neighbours without a column; false where there is no room. */
static bool lay_out_tiles(lml_atom_batch *batch, int nlabels) {
  lml_bispectrum_batch *slots = &batch->slots;
  slots->group[0] = slots->tiles[0] = 0;
  for (int e = 0; e < nlabels; e++) {
    int next = slots->group[e], tile = slots->tiles[e], longest;
    for (size_t k = 0; (longest = longest_column(batch, e, k)) > 0; k += 2, tile++) {
      slots->tile[2 * tile] = next;
      slots->tile[2 * tile + 1] = next += 2 * longest;
      if ((size_t)next > batch->slot_limit) return false;
    }
    const int without = most_without(batch, nlabels, e);
    slots->tiles[e + 1] = tile;
    slots->group[e + 1] = next + without + without % 2;
    if ((size_t)slots->group[e + 1] > batch->slot_limit) return false;
  }
  return true;
}

/** Put one lane's neighbours into the slots of its columns. */
static void assign_columns(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run,
                           size_t lane, int nnear) {
  const lml_bispectrum_batch *slots = &batch->slots;
  lml_atom_columns *columns = &batch->columns[lane];
  int without[LML_ELEMENTS_LIMIT];
  for (int e = 0; e < model->plan.nlabel_elements; e++)
    without[e] = slots->tiles[e + 1] > slots->tiles[e] ? slots->tile[2 * slots->tiles[e + 1] - 1] : slots->group[e];
  for (size_t c = 0; c < columns->count; c++) columns->list[c].count = 0; /* those that stand in slots */
  for (int i = 0; i < nnear; i++) {
    const size_t near = lane * batch->slot_limit + (size_t)i;
    if (columns->of[i] < 0) {
      batch->slot_of[near] = without[label_of(model, run->atoms->elements[batch->near[near]])]++;
      continue;
    }
    lml_atom_column *column = &columns->list[columns->of[i]];
    const int k = columns->of[i] - (int)first_of_label(columns, column->label);
    batch->slot_of[near] = slots->tile[2 * (slots->tiles[column->label] + k / 2)] + k % 2 + 2 * column->count++;
  }
}

void lml_atom_batch_gather_columns(lml_atom_batch *batch, const lml_bispectrum_model *model,
                                   const lml_run_of_atoms *run, const int32_t *places) {
  int nnear[LML_LANES_LIMIT] = {0};
  begin_gathering(batch, model, run, places, nnear);
  for (size_t lane = 0; lane < batch->natoms; lane++) find_columns(batch, model, run, places, lane, nnear[lane]);
  if (lay_out_tiles(batch, model->plan.nlabel_elements))
    for (size_t lane = 0; lane < batch->natoms; lane++) assign_columns(batch, model, run, lane, nnear[lane]);
  else
    assign_slots(batch, model, run, nnear);
  fill_slots(batch, model, run, nnear);
}

size_t lml_atom_batch_list_columns(lml_atom_batch *batch, const lml_bispectrum_model *model) {
  const size_t lanes = (size_t)model->plan.lanes;
  const size_t ncolumns = 2 * (size_t)batch->slots.tiles[model->plan.nlabel_elements];
  for (size_t column = 0; column < ncolumns; column++) {
    const size_t slot = (size_t)batch->slots.tile[column / 2 * 2] + column % 2;
    memcpy(batch->column + column * lanes, batch->neighbour + slot * lanes, lanes * sizeof(int32_t));
  }
  return ncolumns;
}
