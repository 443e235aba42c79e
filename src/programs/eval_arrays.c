#include "programs/eval_arrays.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/npy.h"

typedef lml_status (*row_function)(const lml_potential *potential, const lml_structure *structure, double *rows,
                                   lml_error *error);

/** One of the two files. */
typedef struct stack {
  lml_npy_writer *writer; /* NULL where the file is not wanted */
  row_function compute;
  size_t width; /* numbers per atom */
  const char *what;
} stack;

enum { DESCRIPTORS, GRADIENTS, NSTACKS };

struct lml_eval_arrays {
  const lml_potential *potential;
  stack stacks[NSTACKS];
  double *rows;
  size_t capacity;
};

static lml_status create_files(lml_eval_arrays *a, const char *descriptors, const char *gradients, size_t natoms,
                               lml_error *error) {
  const size_t nelements = lml_potential_nelements(a->potential),
               ncoefficients = lml_potential_ncoefficients(a->potential);
  const size_t descriptor_shape[] = {natoms, ncoefficients};
  const size_t gradient_shape[] = {natoms, nelements, 3, ncoefficients - 1};
  a->stacks[DESCRIPTORS] = (stack){.compute = lml_potential_descriptors, .width = ncoefficients, .what = "descriptors"};
  a->stacks[GRADIENTS] = (stack){
      .compute = lml_potential_gradients, .width = nelements * 3 * (ncoefficients - 1), .what = "descriptor gradients"};
  lml_status status = LML_OK;
  if (descriptors != NULL)
    status = lml_npy_create(descriptors, descriptor_shape, 2, &a->stacks[DESCRIPTORS].writer, error);
  if (status == LML_OK && gradients != NULL)
    status = lml_npy_create(gradients, gradient_shape, 4, &a->stacks[GRADIENTS].writer, error);
  return status;
}

lml_status lml_eval_arrays_create(const lml_potential *potential, const char *descriptors, const char *gradients,
                                  size_t natoms, lml_eval_arrays **arrays, lml_error *error) {
  lml_eval_arrays *a;
  *arrays = NULL;
  lml_status status = lml_alloc(&a, 1, sizeof *a, "the arrays", error);
  if (status != LML_OK) return status;
  a->potential = potential;
  status = create_files(a, descriptors, gradients, natoms, error);
  if (status == LML_OK)
    *arrays = a;
  else
    lml_eval_arrays_abort(a);
  return status;
}

static lml_status add_rows(lml_eval_arrays *a, const stack *s, const lml_structure *structure, lml_error *error) {
  const size_t count = structure->natoms * s->width;
  lml_status status = lml_grow(&a->rows, &a->capacity, count, sizeof *a->rows, s->what, error);
  if (status == LML_OK) status = s->compute(a->potential, structure, a->rows, error);
  return status == LML_OK ? lml_npy_write(s->writer, a->rows, count, error) : status;
}

lml_status lml_eval_arrays_add(lml_eval_arrays *arrays, const lml_structure *structure, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; status == LML_OK && k < NSTACKS; k++)
    if (arrays->stacks[k].writer != NULL) status = add_rows(arrays, &arrays->stacks[k], structure, error);
  return status;
}

lml_status lml_eval_arrays_commit(lml_eval_arrays *arrays, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; status == LML_OK && k < NSTACKS; k++) {
    lml_npy_writer *writer = arrays->stacks[k].writer;
    arrays->stacks[k].writer = NULL;
    if (writer != NULL) status = lml_npy_commit(writer, error);
  }
  lml_eval_arrays_abort(arrays);
  return status;
}

void lml_eval_arrays_abort(lml_eval_arrays *arrays) {
  if (arrays == NULL) return;
  for (size_t k = 0; k < NSTACKS; k++) lml_npy_abort(arrays->stacks[k].writer);
  lml_free(arrays->rows);
  lml_free(arrays);
}
