/** @file spring_calculator.h
 *  A calculator whose results are known without computing: every atom hangs on a spring to the origin, with k = its
 *  atomic number in eV/Å². Energy ½ k r², force −k r, virial Σ r⊗F.
 */
#ifndef LML_TESTS_SPRING_CALCULATOR_H
#define LML_TESTS_SPRING_CALCULATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/calculator.h"

/** What a test sets, and what it sees. */
typedef struct spring_script {
  int slices;                                 /**< calls of progress that an evaluation takes; 0 counts as 1 */
  void (*at_slice)(void *context, int slice); /**< called in each; may be NULL */
  void *context;
  bool finish_fails;
  bool force_is_nan;
  double push;  /**< eV/Å, on each atom along x beside its spring */
  double sigma; /**< eV/Å, of each force component where sigma_forces is asked for */
  size_t started, finished, cancelled;
  char asked[64];  /**< names of results that the last start asked for, each with a blank behind it */
  bool pbc[3];     /**< of the last start */
  int last_number; /**< of the last atom of the last start */
} spring_script;

/** A calculator that follows @p script, which outlives it. Fails the test where it cannot be made. */
lml_calculator *spring_calculator(spring_script *script);

#endif
