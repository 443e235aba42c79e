#include "retrain/leverage.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

static lml_status factorise(lml_leverage *leverage, lml_error *error) {
  lml_solution solution;
  const lml_status status = lml_solver_factorise(leverage->solver, &leverage->problem, &solution, error);
  if (status != LML_OK || isfinite(solution.condition)) return status;
  return lml_fail(error, LML_ERR_INPUT,
                  "the ridge %g is too small beside the sums to judge leverages by: give a larger first --lambda-ridge",
                  leverage->problem.lambda_ridge);
}

lml_status lml_leverage_begin(lml_leverage *leverage, lml_error *error) {
  const size_t n = leverage->solver->width, rank = leverage->problem.constraints->rank;
  lml_status status = lml_normal_make(&leverage->frame, n, error);
  if (status == LML_OK)
    status = lml_alloc(&leverage->rows, LML_BLOCK_ROWS * n, sizeof(double), "rows of the design matrix", error);
  if (status == LML_OK)
    status = lml_alloc(&leverage->scratch, LML_BLOCK_ROWS * rank, sizeof(double), "rows of the design matrix", error);
  return status == LML_OK ? factorise(leverage, error) : status;
}

void lml_leverage_free(lml_leverage *leverage) {
  lml_normal_free(&leverage->frame);
  lml_free(leverage->rows);
  lml_free(leverage->scratch);
  *leverage = (lml_leverage){0};
}

/** One pass over a set: the sink's context. */
typedef struct {
  lml_leverage *leverage;
  lml_dataset *set;
  lml_normal_adder *adder; /**< to the sums of the frame at hand */
  double largest;          /**< of the frame's rows so far */
  size_t nkept, nrows;     /**< frames of the set that stay, and their rows */
} judgement;

/** The largest leverage of the rows of a block: with S Q a = L y, it is w |y|². */
static double find_largest(const lml_leverage *leverage, const lml_row_block *block, double weight) {
  const lml_solver *solver = leverage->solver;
  const int n = (int)solver->width, count = (int)block->count;
  double largest = 0.0;
  memcpy(leverage->rows, block->rows, block->count * solver->width * sizeof(double));
  lml_constraints_project_rows(leverage->problem.constraints, leverage->rows, block->count, leverage->scratch);
  for (size_t k = 0; k < block->count; k++)
    for (size_t i = 0; i < solver->width; i++) leverage->rows[k * solver->width + i] *= solver->scale[i];
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, count, 1.0, solver->matrix, n,
              leverage->rows, n);
  for (size_t k = 0; k < block->count; k++) {
    const double *y = leverage->rows + k * solver->width;
    largest = fmax(largest, weight * cblas_ddot(n, y, 1, y, 1));
  }
  return largest;
}

static lml_status take(void *context, const lml_row_block *block, lml_error *error) {
  judgement *j = context;
  j->largest = fmax(j->largest, find_largest(j->leverage, block, j->set->weight * block->weight));
  const lml_row_block alone = {.rows = block->rows,
                               .targets = block->targets,
                               .count = block->count,
                               .first = block->first,
                               .position = 0,
                               .weight = block->weight};
  return lml_normal_take(j->adder, &alone, error);
}

static lml_status keep_in_mind(lml_dataset *set, const lml_dataset_frame *frame, double leverage, double weight,
                               lml_error *error) {
  const lml_status status = lml_grow(&set->judged, &set->judged_capacity, set->njudged + 1, sizeof *set->judged,
                                     "leverages of frames", error);
  if (status == LML_OK)
    set->judged[set->njudged++] = (lml_judged_frame){.index = frame->index, .leverage = leverage, .weight = weight};
  return status;
}

/** Add the frame's sums where they belong, and factorise anew. */
static lml_status add_frame(lml_leverage *leverage, lml_error *error) {
  lml_normal_add(leverage->whole, &leverage->frame, 1.0);
  if (leverage->parts != NULL)
    lml_normal_add(&leverage->parts[leverage->ntaken++ % leverage->nparts], &leverage->frame, 1.0);
  return factorise(leverage, error);
}

/** Move the frame to the end of those that stay. */
static void keep_frame(judgement *j, lml_dataset_frame frame) {
  frame.first = j->nrows;
  j->nrows += frame.nrows;
  j->set->frames[j->nkept++] = frame;
}

/** Behind a frame's last row: is it taken? One without rows is what the others' differences count from. */
static lml_status end(void *context, size_t position, lml_error *error) {
  judgement *j = context;
  const lml_dataset_frame frame = j->set->frames[position];
  const bool taken = frame.nrows == 0 || j->largest > j->set->leverage;
  const double weight = taken ? j->set->weight * frame.weight * frame.row_weight : 0.0;
  lml_status status = keep_in_mind(j->set, &frame, j->largest, weight, error);
  if (status == LML_OK && taken) status = add_frame(j->leverage, error);
  if (taken) keep_frame(j, frame);
  lml_normal_clear(&j->leverage->frame);
  j->largest = 0.0;
  return status;
}

lml_status lml_leverage_select(lml_leverage *leverage, lml_design *design, lml_dataset *set, size_t first,
                               const double *start, void (*tell)(void *context), void *context, lml_error *error) {
  lml_normal_adder *adder;
  if (first >= set->nframes) return LML_OK;
  lml_status status = lml_alloc(&adder, 1, sizeof *adder, "deviations", error);
  if (status != LML_OK) return status;
  *adder = (lml_normal_adder){
      .normals = &leverage->frame, .nnormals = 1, .weight = set->weight, .has_values = set->has_values, .start = start};
  judgement j = {.leverage = leverage, .set = set, .adder = adder, .nkept = first, .nrows = set->frames[first].first};
  const lml_row_sink sink = {take, &j, end};
  status = lml_design_pass(design, set, first, 0, 1, &sink, tell, context, error);
  if (status == LML_OK) {
    set->nframes = j.nkept;
    set->nrows = j.nrows;
  }
  lml_free(adder);
  return status;
}
