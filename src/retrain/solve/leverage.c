#include "retrain/solve/leverage.h"

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
  lml_status status = lml_accumulator_make(&leverage->frame, n, NULL, leverage->whole->offsets.count, error);
  if (status == LML_OK)
    status = lml_alloc(&leverage->rows, LML_BLOCK_ROWS * n, sizeof(double), "rows of the design matrix", error);
  if (status == LML_OK)
    status = lml_alloc(&leverage->scratch, LML_BLOCK_ROWS * rank, sizeof(double), "rows of the design matrix", error);
  return status == LML_OK ? factorise(leverage, error) : status;
}

void lml_leverage_free(lml_leverage *leverage) {
  lml_accumulator_free(&leverage->frame);
  lml_free(leverage->rows);
  lml_free(leverage->scratch);
  *leverage = (lml_leverage){0};
}

/* ---- which frames stay ---- */

/** Frames of a set that stay, while all from some position on are gone through in order. */
typedef struct {
  lml_dataset *set;
  size_t nkept, nrows;
} screening;

static screening begin_screening(lml_dataset *set, size_t first) {
  return (screening){.set = set, .nkept = first, .nrows = first < set->nframes ? set->frames[first].first : set->nrows};
}

/** Keep the frame where its leverage is large enough, and where it has no rows: then the others' differences count from
 *  it. */
static lml_status screen(screening *s, size_t position, double leverage, bool *kept, lml_error *error) {
  lml_dataset *set = s->set;
  lml_dataset_frame frame = set->frames[position];
  const lml_status status = lml_grow(&set->screened, &set->screened_capacity, set->nscreened + 1, sizeof *set->screened,
                                     "leverages of frames", error);
  *kept = status == LML_OK && (frame.nrows == 0 || leverage > set->leverage);
  if (status != LML_OK) return status;
  const double weight = *kept ? set->weight * frame.weight * frame.row_weight : 0.0;
  set->screened[set->nscreened++] = (lml_screened_frame){.index = frame.index, .leverage = leverage, .weight = weight};
  if (!*kept) return LML_OK;
  frame.first = s->nrows;
  s->nrows += frame.nrows;
  set->frames[s->nkept++] = frame;
  return LML_OK;
}

static void end_screening(const screening *s) {
  s->set->nframes = s->nkept;
  s->set->nrows = s->nrows;
}

lml_status lml_leverage_apply(lml_dataset *set, const double *leverages, lml_error *error) {
  screening s = begin_screening(set, 0);
  lml_status status = LML_OK;
  bool kept;
  for (size_t k = 0; k < set->nframes && status == LML_OK; k++) status = screen(&s, k, leverages[k], &kept, error);
  if (status == LML_OK) end_screening(&s);
  return status;
}

/* ---- screening ---- */

/** One pass over a set: the sink's context. */
typedef struct {
  lml_leverage *leverage;
  screening screening;
  lml_row_adder adder; /**< to the sums of the frame at hand */
  double largest;      /**< of the frame's rows so far */
} judging;

/** Where energies are offset, what the rows tell of δ alone; and of each what its offsets' leverage is. */
static void project_offsets(const lml_leverage *leverage, const lml_row_block *block, double *squares) {
  const lml_offset_sums *offsets = &leverage->whole->offsets;
  const size_t rank = block->fractions == NULL ? 0 : lml_offset_sums_reduce(offsets);
  for (size_t k = 0; k < block->count; k++)
    squares[k] = rank == 0 ? 0.0
                           : lml_offset_sums_project(offsets, rank, block->fractions + k * offsets->count,
                                                     leverage->rows + k * offsets->width);
}

/** The largest leverage of the rows of a block: with S Q a = L y, it is w |y|². */
static double find_largest(const lml_leverage *leverage, const lml_row_block *block, double weight) {
  const lml_solver *solver = leverage->solver;
  const int n = (int)solver->width;
  double largest = 0.0, squares[LML_BLOCK_ROWS];
  memcpy(leverage->rows, block->rows, block->count * solver->width * sizeof(double));
  project_offsets(leverage, block, squares);
  lml_solver_whiten(solver, leverage->problem.constraints, leverage->rows, block->count, leverage->scratch);
  for (size_t k = 0; k < block->count; k++) {
    const double *y = leverage->rows + k * solver->width;
    largest = fmax(largest, weight * (cblas_ddot(n, y, 1, y, 1) + squares[k]));
  }
  return largest;
}

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  judging *j = context;
  j->largest = fmax(j->largest, find_largest(j->leverage, block, j->screening.set->weight * block->weight));
  return lml_accumulate_rows(&j->adder, block, error);
}

/** Add the frame's sums where they belong, and factorise again. */
static lml_status add_frame(lml_leverage *leverage, size_t fold, lml_error *error) {
  lml_normal_add(leverage->whole, &leverage->frame.sums);
  if (leverage->parts != NULL) lml_normal_add(&leverage->parts[fold], &leverage->frame.sums);
  return factorise(leverage, error);
}

/** Behind a frame's last row. */
static lml_status screen_frame(judging *j, size_t position, lml_error *error) {
  bool kept;
  const size_t fold = j->screening.set->frames[position].fold;
  lml_status status = screen(&j->screening, position, j->largest, &kept, error);
  if (kept) status = add_frame(j->leverage, fold, error);
  lml_accumulator_clear(&j->leverage->frame);
  j->largest = 0.0;
  return status;
}

lml_status lml_leverage_select(lml_leverage *leverage, lml_design *design, lml_dataset *set, size_t first,
                               void (*progress)(void *context), void *context, lml_error *error) {
  if (first >= set->nframes) return LML_OK;
  judging j = {.leverage = leverage,
               .screening = begin_screening(set, first),
               .adder = {.accumulators = &leverage->frame, .weight = set->weight, .has_values = set->has_values}};
  const lml_row_sink sink = {.accumulate = accumulate, .context = &j};
  lml_status status = LML_OK;
  for (size_t position = first; position < set->nframes && status == LML_OK; position++) {
    status = lml_design_frame(design, set, position, &sink, error);
    if (status == LML_OK) status = screen_frame(&j, position, error);
    if (status == LML_OK) progress(context);
  }
  lml_design_close(design);
  if (status == LML_OK) end_screening(&j.screening);
  return status;
}
