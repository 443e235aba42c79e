/** @file engine_texts.h
 *  The texts of an engine's settings with what their {names} stand for; see lml_engine_settings.
 */
#ifndef LML_ENGINE_ENGINE_TEXTS_H
#define LML_ENGINE_ENGINE_TEXTS_H

#include "engine/engine_settings.h"

/** Initialise with `lml_engine_texts t = {0};`. Where nobody launches the engine, `who`, `short_name` and `file` alone
 * are set. */
typedef struct lml_engine_texts {
  char *who;                                /**< "engine NAME at ADDRESS" */
  char *short_name;                         /**< NAME of unix:NAME, without folders, or the port */
  char *file;                               /**< what {cluster} stands for */
  char *launch, *prepare, *folder, *output; /**< prepare: NULL where there is none */
  char *output_path;                        /**< output, with the folder */
} lml_engine_texts;

/** Make them; also after a failure lml_engine_texts_free is due. */
lml_status lml_engine_texts_fill(const lml_engine_settings *settings, lml_engine_texts *texts, lml_error *error);

void lml_engine_texts_free(lml_engine_texts *texts);

#endif
