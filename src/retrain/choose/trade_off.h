/** @file trade_off.h
 *  Which pair of λs is best: the held-out error of the targets is made small, while forces of soft structures change no
 *  more than a limit. Smaller λs meet unseen targets better up to a point, and soft structures worse.
 */
#ifndef LML_RETRAIN_CHOOSE_TRADE_OFF_H
#define LML_RETRAIN_CHOOSE_TRADE_OFF_H

#include "retrain/run.h"

/** Whether the trial keeps the limit (eV/Å), or nothing watches. */
bool lml_trade_off_keeps(const lml_trial *trial, double limit);

/** Whether it is so far beyond the limit that a search does not ask for its held-out error. */
bool lml_trade_off_far(const lml_trial *trial, double limit);

/** Whether @p trial is better than @p best: one whose normal equations are well conditioned before others; then one
 * that keeps the limit; of these the one with the smaller held-out error, of others the one that changes less. */
bool lml_trade_off_better(const lml_trial *trial, const lml_trial *best, double limit);

/** What a search makes small: the held-out error (that @p baseline where it was not found), beyond the limit times a
 * steep factor; infinite where there is no solution, or an imprecise one. */
double lml_trade_off_cost(const lml_trial *trial, double baseline, double limit);

/** Root mean square deviation of the held-out values before. */
double lml_trade_off_baseline(const lml_retrain *retrain);

/** Say, on rank 0, what a user has to know of the chosen pair: that it is at an end, keeps no limit, is watched by
 *  nothing, gains nothing, or fits what it was trained on much better than the rest. */
void lml_trade_off_report(const lml_run *run);

#endif
