#include "engine/engine_input.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"
#include "structure/frame.h"

enum { HOW_SIZE = 64 };

/** Å that edges across vacuum may differ by: less than any rounding of them, more than any unit's. */
static const double same_edge = 1e-6;

static const size_t *indices_of(const lml_engine_input *input) {
  return input->atoms.indices == NULL ? NULL : input->atoms.indices(input->atoms.context);
}

static bool same_atoms(const lml_engine_input *input, const lml_structure *structure) {
  const lml_structure *before = &input->made_of;
  const size_t *indices = indices_of(input), natoms = structure->natoms;
  if (natoms != before->natoms || memcmp(structure->numbers, before->numbers, natoms * sizeof *before->numbers) != 0)
    return false;
  return indices == NULL || input->indices == NULL || memcmp(indices, input->indices, natoms * sizeof *indices) == 0;
}

static bool same_cell(const lml_structure *one, const lml_structure *two) {
  for (size_t k = 0; k < 9; k++)
    if (!one->pbc[k / 3] && !(fabs(one->cell[k] - two->cell[k]) <= same_edge)) return false;
  return memcmp(one->pbc, two->pbc, sizeof one->pbc) == 0;
}

bool lml_engine_input_serves(const lml_engine_input *input, const lml_structure *structure) {
  return input->file == NULL || (same_atoms(input, structure) && same_cell(&input->made_of, structure));
}

/* ---- making it ---- */

static lml_status remember(lml_engine_input *input, const lml_structure *structure, lml_error *error) {
  const size_t *indices = indices_of(input);
  lml_status status = lml_structure_copy(&input->made_of, structure, error);
  lml_free(input->indices);
  input->indices = NULL;
  if (status != LML_OK || indices == NULL) return status;
  status = lml_alloc(&input->indices, structure->natoms, sizeof *indices, "an engine's atoms", error);
  if (status == LML_OK) memcpy(input->indices, indices, structure->natoms * sizeof *indices);
  return status;
}

static lml_status write_structure(const lml_structure *structure, const char *path, lml_error *error) {
  const lml_frame frame = {.structure = *structure};
  return lml_frame_write_file(&frame, path, error);
}

static lml_status write_file(const lml_engine_input *input, const lml_structure *structure, lml_error *error) {
  char *path = lml_path_inside(input->folder, input->file, error);
  if (path == NULL) return LML_ERR_MEMORY;
  lml_status status = lml_file_make_folder(input->folder, error);
  if (status == LML_OK)
    status = input->atoms.write == NULL ? write_structure(structure, path, error)
                                        : input->atoms.write(input->atoms.context, path, error);
  lml_free(path);
  return status;
}

lml_status lml_engine_input_begin(lml_engine_input *input, const lml_structure *structure, lml_error *error) {
  const lml_process_settings settings = {
      .command = input->prepare, .folder = input->folder, .output = input->output, .mark = input->mark};
  lml_engine_input_cancel(input);
  lml_status status = remember(input, structure, error);
  if (status == LML_OK) status = write_file(input, structure, error);
  if (status != LML_OK || input->prepare == NULL) return status;
  input->since = lml_sys->clock();
  return lml_process_start(&settings, &input->process, error);
}

lml_status lml_engine_input_progress(lml_engine_input *input, bool *done, lml_error *error) {
  char how[HOW_SIZE];
  *done = input->process == NULL;
  if (*done) return LML_OK;
  if (lml_process_runs(input->process, how, sizeof how)) {
    if (input->limit < 0.0 || lml_sys->clock() - input->since <= input->limit) return LML_OK;
    lml_engine_input_cancel(input);
    return lml_fail(error, LML_ERR_TIMEOUT,
                    "prepare, '%.200s', did not end within %g s; check what it does, or raise limits.prepare",
                    input->prepare, input->limit);
  }
  *done = lml_process_succeeded(input->process);
  lml_engine_input_cancel(input);
  return *done ? LML_OK : lml_fail(error, LML_ERR_IO, "prepare, '%.200s', %s", input->prepare, how);
}

void lml_engine_input_cancel(lml_engine_input *input) {
  lml_process_stop(input->process, 0.0, input->patience);
  input->process = NULL;
}

void lml_engine_input_free(lml_engine_input *input) {
  lml_engine_input_cancel(input);
  lml_structure_free(&input->made_of);
  lml_free(input->indices);
  *input = (lml_engine_input){0};
}
