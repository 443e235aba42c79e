#include "retrain/choose/trade_off.h"

#include <math.h>

/** Beyond the limit the cost rises with this power of the excess: faster than an error can fall in return. */
static const double steepness = 8.0;

/** Times the limit: what a search finds there tells nothing of pairs that keep it. */
static const double far_beyond = 4.0;

/** Part of the held-out error below which that of training tells of noise that is fitted. */
static const double fitted_noise = 1.0 / 3.0;

/** Part of the error before below which it does not matter what is left. */
static const double nothing_left = 0.01;

bool lml_trade_off_keeps(const lml_trial *trial, double limit) { return !(trial->soft_change > limit); }

bool lml_trade_off_far(const lml_trial *trial, double limit) { return trial->soft_change > far_beyond * limit; }

/** How much a trial is worth, before errors are compared. */
enum { NO_SOLUTION = 0, IMPRECISE, BEYOND, WITHIN };

static int grade(const lml_trial *trial, double limit) {
  if (!isfinite(trial->condition)) return NO_SOLUTION;
  if (trial->condition > LML_LARGEST_CONDITION) return IMPRECISE;
  return lml_trade_off_keeps(trial, limit) && !isnan(trial->rms_choice) ? WITHIN : BEYOND;
}

/** Of two trials of the same grade. */
static bool is_less(const lml_trial *trial, const lml_trial *best, double limit) {
  const bool keeps = lml_trade_off_keeps(trial, limit), kept = lml_trade_off_keeps(best, limit);
  if (keeps != kept) return keeps;
  return keeps ? trial->rms_choice < best->rms_choice : trial->soft_change < best->soft_change;
}

bool lml_trade_off_better(const lml_trial *trial, const lml_trial *best, double limit) {
  const int ours = grade(trial, limit), theirs = grade(best, limit);
  if (ours == NO_SOLUTION || ours != theirs) return ours > theirs;
  return is_less(trial, best, limit);
}

double lml_trade_off_cost(const lml_trial *trial, double baseline, double limit) {
  const int ours = grade(trial, limit);
  if (ours <= IMPRECISE) return INFINITY;
  const double error = isnan(trial->rms_choice) ? baseline : trial->rms_choice;
  return ours == WITHIN ? error : error * pow(fmax(trial->soft_change / limit, 1.0), steepness);
}

double lml_trade_off_baseline(const lml_retrain *retrain) {
  const lml_retrain_options *options = retrain->options;
  const lml_normal *target = &retrain->target;
  double square = 0.0, count = 0.0;
  if (retrain->by != LML_CHOICE_TEST) {
    square = lml_normal_ssr_unseen(target, target, NULL, NULL);
    count = target->nrows;
  }
  for (size_t s = 0; s < options->nsets && retrain->by == LML_CHOICE_TEST; s++) {
    if (options->sets[s].role != LML_ROLE_TEST || options->sets[s].kind != LML_TEST_TARGET) continue;
    square += lml_normal_ssr_unseen(&retrain->tests[s], target, NULL, NULL);
    count += retrain->tests[s].nrows;
  }
  return count > 0.0 ? sqrt(square / count) : NAN;
}

/* ---- what is reported ---- */

static void report_ends(const lml_run *r, const lml_trial *chosen) {
  const double values[LML_LAMBDAS] = {chosen->lambda_soft, chosen->lambda_ridge};
  for (size_t i = 0; i < LML_LAMBDAS; i++)
    if (r->retrain->at_end[i])
      lml_log_warning(r->listener->log,
                      "the best %s is at the end of the range that was tried, %g: values beyond it may be better",
                      lml_lambda_names[i], values[i]);
}

static void report_limit(const lml_run *r, const lml_trial *chosen) {
  const double limit = r->options->soft_limit;
  if (r->retrain->watch == LML_WATCH_NOTHING)
    lml_log_warning(r->listener->log,
                    "nothing watches how forces on other structures change: the lambdas are chosen by the targets "
                    "alone; give --soft FILE, thermal crystals for instance");
  else if (!lml_trade_off_keeps(chosen, limit))
    lml_log_warning(r->listener->log,
                    "no pair of lambdas that was tried keeps forces of soft structures within %g eV/A: the one that "
                    "changes them least is taken, by %.3g eV/A; give larger lambdas, more --soft files, or another "
                    "--soft-limit",
                    limit, chosen->soft_change);
}

static void report_gain(const lml_run *r, const lml_trial *chosen) {
  const double baseline = lml_trade_off_baseline(r->retrain);
  if (chosen->rms_choice >= baseline)
    lml_log_warning(r->listener->log,
                    "retraining gains nothing: values that were left out are met to %.3g after it, to %.3g before",
                    chosen->rms_choice, baseline);
  else if (chosen->rms_target < fitted_noise * chosen->rms_choice && chosen->rms_choice > nothing_left * baseline)
    lml_log_warning(r->listener->log,
                    "targets that were trained on are met to %.3g, those that were left out to %.3g only: there are "
                    "too few of them for so many coefficients; give more frames, or train --form linear",
                    chosen->rms_target, chosen->rms_choice);
}

void lml_trade_off_report(const lml_run *r) {
  const lml_trial *chosen = &r->retrain->trials[r->retrain->chosen];
  report_ends(r, chosen);
  if (lml_retrain_chooses(r->options)) report_limit(r, chosen);
  if (!isnan(chosen->rms_choice)) report_gain(r, chosen);
}
