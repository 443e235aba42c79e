#include "session/meter.h"

#include <math.h>

#include "base/sys.h"

void lml_meter_begin(lml_meter *meter) {
  const double now = lml_sys->clock();
  *meter = (lml_meter){.begun = now, .since = now, .energy = NAN, .force = NAN, .took = NAN};
}

void lml_meter_enter(lml_meter *meter, lml_phase phase) {
  if (meter == NULL || phase == meter->phase) return;
  const double now = lml_sys->clock();
  meter->seconds[meter->phase] += now - meter->since;
  meter->since = now;
  meter->phase = phase;
}

void lml_meter_start(lml_meter *meter, size_t natoms, int replica) {
  if (meter == NULL) return;
  lml_meter_enter(meter, LML_PHASE_EVALUATION);
  meter->natoms = natoms;
  meter->replica = replica;
}

/** A result of the whole structure, 0 where it is not there. */
static double number_of(const lml_results *results, const char *name) {
  const lml_result *result = lml_results_find(results, name);
  if (result == NULL || result->scope != LML_PER_STRUCTURE || result->origin == LML_ORIGIN_ABSENT) return 0.0;
  return result->type == LML_RESULT_INTEGER ? (double)result->integers[0] : result->reals[0];
}

void lml_meter_finish(lml_meter *meter, const lml_results *results, size_t engines, double force, double took) {
  if (meter == NULL) return;
  const size_t recalled = (size_t)number_of(results, "recalled_regions");
  const size_t skipped = (size_t)number_of(results, "skipped_regions");
  const bool exact = results->list[LML_RESULTS_ENERGY].origin != LML_ORIGIN_ABSENT;
  meter->evaluations++;
  meter->recalled += recalled;
  meter->skipped += skipped;
  if (engines > recalled + skipped) meter->asked += engines - recalled - skipped;
  meter->engine_seconds += number_of(results, "engine_seconds");
  meter->energy = exact ? *results->energy : NAN;
  meter->force = force;
  meter->took = took;
}

double lml_meter_seconds(const lml_meter *meter, lml_phase phase) {
  const double more = phase == meter->phase ? lml_sys->clock() - meter->since : 0.0;
  return meter->seconds[phase] + more;
}
