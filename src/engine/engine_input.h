/** @file engine_input.h
 *  The input of an engine that is made anew before it is started, as the engine has species, order and cell from there.
 *
 *  What the engine is to compute is written into an extended XYZ file in its folder; then a command, `prepare`, makes
 *  the input of that. Where there is no such command, the one that starts the engine may read the file itself.
 */
#ifndef LML_ENGINE_ENGINE_INPUT_H
#define LML_ENGINE_ENGINE_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/process.h"
#include "lmlink/structure.h"

/** What is known of an engine's atoms beyond the structure that it is asked for. */
typedef struct lml_engine_atoms {
  const size_t *(*indices)(const void *context); /**< in the whole structure, one for each atom; NULL: not known */
  /** Write the file in place of one with the structure alone; NULL: that. */
  lml_status (*write)(const void *context, const char *path, lml_error *error);
  const void *context;
} lml_engine_atoms;

/** Initialise with `lml_engine_input i = {0};`, set the first group, release with lml_engine_input_free. Texts stay the
 *  caller's. */
typedef struct lml_engine_input {
  const char *file;                   /**< its name, in the folder; NULL: the input is made by somebody else, once */
  const char *prepare;                /**< shell command; NULL: none */
  const char *folder, *output, *mark; /**< as in lml_process_settings */
  double limit;                       /**< s that prepare may take; negative: any time */
  double patience;                    /**< s that its processes have to end after SIGTERM */
  lml_engine_atoms atoms;

  lml_structure made_of; /**< what it was made of last */
  size_t *indices;       /**< of the atoms then; NULL: not known */
  lml_process *process;  /**< prepare, while it runs */
  double since;          /**< the clock's time when it was started */
} lml_engine_input;

/** Whether the input serves for @p structure: it is somebody else's, or was made of the same atoms, in a cell that is
 * the same where it is not periodic. */
bool lml_engine_input_serves(const lml_engine_input *input, const lml_structure *structure);

/** Begin to make it of @p structure: write the file, start prepare. */
lml_status lml_engine_input_begin(lml_engine_input *input, const lml_structure *structure, lml_error *error);

/** Whether it is made. LML_ERR_IO where prepare failed, LML_ERR_TIMEOUT where it took too long; its processes are ended
 *  then. */
lml_status lml_engine_input_progress(lml_engine_input *input, bool *done, lml_error *error);

/** End prepare, and everything that it started, where it runs. */
void lml_engine_input_cancel(lml_engine_input *input);

void lml_engine_input_free(lml_engine_input *input);

#endif
