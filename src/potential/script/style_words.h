/** @file style_words.h
 *  The words of a pair_style line that stands in a comment, where FitSNAP and lmlink note what was subtracted before a
 *  fit.
 */
#ifndef LML_SCRIPT_STYLE_WORDS_H
#define LML_SCRIPT_STYLE_WORDS_H

#include <stdbool.h>

/** Whether @p pair_style has styles that add forces to those of descriptors. */
bool lml_style_words_add_terms(const char *pair_style);

/** Whether two pair_style lines have the same such styles in the same order, with the same numbers. Words in place of
 *  a number, such as variables, count as the same. */
bool lml_style_words_same_terms(const char *one, const char *two);

#endif
