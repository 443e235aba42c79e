/** @file remote_calculator.h
 *  A calculator that lets an i-PI client, the engine, do the work: a quantum code, or another lmlink-serve.
 *
 *  lmlink listens, and the engine connects: started by lmlink with a command, or by somebody else. An engine that hangs
 *  up, breaks the protocol, sends forces that are no numbers or takes too long is lost. What then happens is a setting:
 *  it is started again, or another one is waited for, and gets the same structure; or the evaluation fails.
 *
 *  Most engines have species and order of their atoms from an input of their own. One that lmlink starts can have it
 * made anew before each start, and is started again where it shall compute other atoms.
 */
#ifndef LML_ENGINE_REMOTE_CALCULATOR_H
#define LML_ENGINE_REMOTE_CALCULATOR_H

#include "engine/engine_input.h"
#include "engine/engine_settings.h"
#include "lmlink/calculator.h"

/** Make the calculator. Nothing is opened or started yet. LML_ERR_USAGE where settings contradict one another. */
lml_status lml_remote_calculator_create(const lml_engine_settings *settings, lml_calculator **calculator,
                                        lml_error *error);

/** Let @p calculator, if it is of this kind, know of its atoms what a structure does not say. */
void lml_remote_calculator_set_atoms(lml_calculator *calculator, const lml_engine_atoms *atoms);

/** One line: who it is, and who starts it; of another calculator its kind. */
void lml_remote_calculator_describe(lml_calculator *calculator, char *text, size_t size);

/** What an engine does. */
typedef enum lml_engine_state {
  LML_ENGINE_AWAY = 0, /**< none is connected, and lmlink has started none */
  LML_ENGINE_STARTING, /**< lmlink has started it, or makes its input */
  LML_ENGINE_IDLE,
  LML_ENGINE_COMPUTING,
  LML_ENGINE_STATES /**< how many there are */
} lml_engine_state;

/** What it does now, and since how many seconds; `who` is the calculator's. */
typedef struct lml_engine_now {
  const char *who;
  lml_engine_state state;
  double seconds;
  long process; /**< number of the command that lmlink started; 0: none */
} lml_engine_now;

/** Of @p calculator, which is of this kind. */
lml_engine_now lml_remote_calculator_now(lml_calculator *calculator);

/** Listen at the address, so that an engine may connect before the first evaluation, which otherwise does that. Nothing
 *  for another calculator. */
lml_status lml_remote_calculator_open(lml_calculator *calculator, lml_error *error);

#endif
