#include "mixing/uncertain_atoms.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "structure/log_keys.h"

const char *const lml_uncertain_by_names[] = {"distance", "sigma_forces", NULL};

/** An atom in the order of scores. */
typedef struct ranked {
  double value;
  size_t atom;
} ranked;

/** The most uncertain first. */
static int compare(const void *one, const void *two) {
  const ranked *a = one, *b = two;
  if (a->value != b->value) return a->value > b->value ? -1 : 1;
  return (a->atom > b->atom) - (a->atom < b->atom);
}

/** Whether atom @p i, whose score is finite or undefined, may be wanted. */
static bool may_be(const lml_uncertain_settings *settings, const lml_uncertain_view *view, size_t i) {
  if (settings->mask == LML_UNCERTAIN_MASK_HELD && view->held != NULL && view->held[i] != 0) return false;
  return view->surface == NULL || view->surface[i] == 0;
}

/** What counts of an atom. */
typedef struct candidate {
  double score;
  enum { FIRST_SEEN, WAS_OUT, WAS_IN } before;
  unsigned short *looks; /**< NULL: one is enough */
} candidate;

static bool is_wanted(const lml_uncertain_settings *settings, const candidate *at) {
  const bool in = at->before == WAS_IN, undefined = isnan(at->score) != 0;
  const bool asks = undefined ? !in : in ? at->score < settings->outer : at->score > settings->inner;
  const size_t after = at->before == FIRST_SEEN || undefined ? 1 : in ? settings->leave_after : settings->enter_after;
  const size_t count = !asks ? 0 : 1 + (at->looks == NULL ? 0 : (size_t)*at->looks);
  /* One that the bound keeps out goes on asking. */
  if (at->looks != NULL && count <= LML_UNCERTAIN_LOOKS_MAX) *at->looks = (unsigned short)count;
  return (asks && count >= after) != in;
}

/** The place of a score in the order. */
static double value_of(const lml_uncertain_settings *settings, const candidate *at) {
  if (isnan(at->score)) return DBL_MAX;
  return at->before == WAS_IN ? at->score * (settings->inner / settings->outer) : at->score;
}

lml_status lml_uncertain_atoms_choose(const lml_uncertain_settings *settings, const lml_uncertain_view *view,
                                      const unsigned char *last, unsigned short *looks, unsigned char *labels,
                                      size_t *nwanted, size_t *foremost, lml_error *error) {
  ranked *wanted, first = {.value = -1.0, .atom = 0};
  size_t count = 0;
  const lml_status status = lml_alloc(&wanted, view->natoms, sizeof *wanted, "uncertain atoms", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < view->natoms; i++) {
    const candidate at = {.score = view->scores[i],
                          .before = last == NULL               ? FIRST_SEEN
                                    : last[i] == LML_REGION_QM ? WAS_IN
                                                               : WAS_OUT,
                          .looks = looks == NULL ? NULL : &looks[i]};
    const bool must = isinf(at.score) != 0;
    labels[i] = LML_REGION_MM;
    if (looks != NULL && (must || !may_be(settings, view, i))) looks[i] = 0;
    if (!must && !may_be(settings, view, i)) continue;
    const ranked own = {value_of(settings, &at), i};
    if (compare(&own, &first) < 0) first = own;
    if (must || is_wanted(settings, &at)) wanted[count++] = own;
  }
  *nwanted = count;
  *foremost = first.atom;
  if (settings->max_atoms > 0 && count > settings->max_atoms) {
    qsort(wanted, count, sizeof *wanted, compare);
    count = settings->max_atoms;
  }
  for (size_t k = 0; k < count; k++) labels[wanted[k].atom] = LML_REGION_QM;
  for (size_t i = 0; looks != NULL && i < view->natoms; i++) {
    const unsigned char before = last == NULL ? LML_REGION_MM : last[i];
    if ((before == LML_REGION_QM) != (labels[i] == LML_REGION_QM)) looks[i] = 0;
  }
  lml_free(wanted);
  return LML_OK;
}
