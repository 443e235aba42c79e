/** @file meter.h
 *  What a session does at the moment, and what it has done: for whoever asks a running server, and for a summary.
 *
 *  Time goes to the driver (whose next wish is waited for), to evaluations, and to the force log. Of an evaluation's
 *  time that until the last engine was done is counted by itself: beside it the potential was at work.
 */
#ifndef LML_SESSION_METER_H
#define LML_SESSION_METER_H

#include <stddef.h>

#include "lmlink/results.h"

typedef enum lml_phase {
  LML_PHASE_NO_DRIVER = 0, /**< none is connected */
  LML_PHASE_DRIVER,        /**< its next wish is waited for */
  LML_PHASE_EVALUATION,
  LML_PHASE_LOG,
  LML_PHASES /**< how many there are */
} lml_phase;

/** Plain data; begin with lml_meter_begin. */
typedef struct lml_meter {
  lml_phase phase;
  double begun, since;             /**< the clock's time of the beginning, and of the phase's */
  double seconds[LML_PHASES];      /**< in each, up to `since` */
  double engine_seconds;           /**< of the evaluations' until their last engine was done */
  size_t evaluations;              /**< that were finished */
  size_t asked, recalled, skipped; /**< results of engines that were computed, known from the log, and not needed */
  size_t natoms;                   /**< of the evaluation that is, or was, under way; so is the replica */
  int replica;
  double energy, force, took; /**< of the last one: eV; the largest force, eV/Å; s */
} lml_meter;

void lml_meter_begin(lml_meter *meter);

/** What follows belongs to @p phase. NULL is fine, here and below. */
void lml_meter_enter(lml_meter *meter, lml_phase phase);

/** An evaluation begins. */
void lml_meter_start(lml_meter *meter, size_t natoms, int replica);

/** It has ended with @p results; @p engines is how many have a part in it, @p force the largest force. */
void lml_meter_finish(lml_meter *meter, const lml_results *results, size_t engines, double force, double took);

/** Seconds in @p phase up to now. */
double lml_meter_seconds(const lml_meter *meter, lml_phase phase);

#endif
