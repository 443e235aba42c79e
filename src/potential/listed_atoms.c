#include "potential/listed_atoms.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

/** Extra width of the neighbour lists while one system moves on, Å: a longer list costs more at every step, a shorter
 * one is rebuilt more often. */
static const double skin = 0.6;

/** Work of one neighbour of an atom, in units of the work of an atom without any (2J = 8, measured). */
static const double neighbour_work = 0.02;

void lml_listed_atoms_free(lml_listed_atoms *atoms) {
  lml_neighbours_free(&atoms->neighbours);
  lml_atom_part_free(&atoms->part);
  lml_free(atoms->elements);
  memset(atoms, 0, sizeof *atoms);
}

/** What the loops over atoms work on. */
typedef struct sorting {
  lml_listed_atoms *atoms;
  const lml_linear_model *model;
  const lml_structure *structure;
} sorting;

/** Elements of a run of sorted atoms. */
static lml_status sort_run(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *sorted = context;
  for (size_t s = begin; s < end; s++) {
    const size_t i = (size_t)sorted->atoms->neighbours.order[s];
    const int number = sorted->structure->numbers[i], element = lml_linear_model_element(sorted->model, number);
    if (element < 0)
      return lml_fail(error, LML_ERR_INPUT,
                      "atom %zu (counted from 0) is %s (atomic number %d), which the potential %s does not describe", i,
                      lml_element_symbol(number), number, sorted->model->potential->path);
    sorted->atoms->elements[s] = (signed char)element;
  }
  return LML_OK;
}

/** Those of a run of ghosts. */
static lml_status sort_ghosts(void *context, size_t begin, size_t end, lml_error *error) {
  const sorting *sorted = context;
  const size_t natoms = sorted->atoms->neighbours.natoms;
  (void)error;
  for (size_t s = natoms + begin; s < natoms + end; s++)
    sorted->atoms->elements[s] = sorted->atoms->elements[sorted->atoms->neighbours.owner[s]];
  return LML_OK;
}

/** Elements in sorted order, then the ghosts'. */
static lml_status sort_elements(lml_listed_atoms *atoms, const lml_linear_model *model, const lml_structure *structure,
                                lml_error *error) {
  enum { RUN = 4096 };
  const lml_neighbours *neighbours = &atoms->neighbours;
  sorting sorted = {atoms, model, structure};
  const lml_pool_loop real = {neighbours->natoms, RUN, sort_run, &sorted};
  const lml_pool_loop ghosts = {neighbours->nghosts, RUN, sort_ghosts, &sorted};
  lml_status status = lml_grow(&atoms->elements, &atoms->elements_capacity, neighbours->natoms + neighbours->nghosts, 1,
                               "elements of the atoms", error);
  if (status == LML_OK) status = lml_pool_do_loop(neighbours->pool, &real, error);
  return status == LML_OK ? lml_pool_do_loop(neighbours->pool, &ghosts, error) : status;
}

/** Find part number @p part of @p parts and sort it, or all atoms. */
static lml_status sort_part(lml_listed_atoms *atoms, double cutoff, const lml_structure *structure, size_t part,
                            size_t parts, lml_error *error) {
  if (parts == 1) return lml_neighbours_sort(&atoms->neighbours, structure, cutoff, error);
  const lml_atom_parting parting = {cutoff, neighbour_work, parts};
  lml_status status = lml_atom_part_find(&atoms->part, structure, &parting, part, atoms->neighbours.pool, error);
  if (status == LML_OK) status = lml_neighbours_sort_part(&atoms->neighbours, structure, &atoms->part, cutoff, error);
  return status;
}

/** Neighbour lists for the structure: the last ones while no atom has moved further than half the skin. The first lists
 *  of a system have no skin, so that a structure that is evaluated once, or a cell that changes at every step, does not
 *  pay for one. */
static lml_status find_neighbours(lml_listed_atoms *atoms, const lml_linear_model *model,
                                  const lml_structure *structure, size_t part, size_t parts, lml_error *error) {
  lml_neighbours *neighbours = &atoms->neighbours;
  const lml_motion motion = lml_neighbours_follow(neighbours, structure, 0.5 * skin);
  if (motion == LML_MOTION_NEAR && atoms->skin > 0.0)
    return lml_neighbours_check_apart(neighbours, structure, skin, error);
  atoms->skin = motion == LML_MOTION_OTHER ? 0.0 : skin;
  lml_status status = sort_part(atoms, model->cutoff + atoms->skin, structure, part, parts, error);
  if (status == LML_OK) status = lml_neighbours_list(neighbours, structure, 0, neighbours->nown, error);
  if (status == LML_OK) status = lml_neighbours_remember(neighbours, structure, error);
  if (status != LML_OK) lml_neighbours_forget(neighbours);
  return status;
}

static size_t list_of(void *context, int32_t centre, const int32_t **list) {
  return lml_neighbours_of(context, (size_t)centre, list);
}

lml_atoms lml_listed_atoms_view(lml_neighbours *neighbours, const signed char *elements) {
  return (lml_atoms){.positions = neighbours->positions,
                     .elements = elements,
                     .owner = neighbours->owner,
                     .neighbours = list_of,
                     .context = neighbours,
                     .mask = INT32_MAX};
}

lml_status lml_listed_atoms_find(lml_listed_atoms *atoms, const lml_linear_model *model, const lml_structure *structure,
                                 size_t part, size_t parts, lml_error *error) {
  lml_status status = find_neighbours(atoms, model, structure, part, parts, error);
  if (status == LML_OK) status = sort_elements(atoms, model, structure, error);
  atoms->view = lml_listed_atoms_view(&atoms->neighbours, atoms->elements);
  return status;
}
