/** @file eval_region.h
 *  A region of uncertain atoms that is proposed for a structure, as its column `region`.
 */
#ifndef LML_PROGRAMS_EVAL_REGION_H
#define LML_PROGRAMS_EVAL_REGION_H

#include "base/text_list.h"
#include "lmlink/extxyz.h"
#include "lmlink/results.h"
#include "programs/command_line.h"
#include "programs/keys.h"

/** Keys of a mixture's region that are options too. */
extern const lml_key_root lml_eval_region_keys;

typedef struct lml_eval_region lml_eval_region;

/** Take the options; *@p region becomes NULL where no region is wanted. Results that it needs are appended to @p names.
 *  LML_ERR_USAGE where one is missing, or stands there for nothing. */
lml_status lml_eval_region_create(const lml_arguments *arguments, lml_text_list *names, lml_eval_region **region,
                                  lml_error *error);

/** The potential's, in Å, before the first frame. */
void lml_eval_region_set_cutoff(lml_eval_region *region, double cutoff);

/** Put the column into @p frame, whose potential gives @p results, and print a line about it. */
lml_status lml_eval_region_put(lml_eval_region *self, long index, lml_frame *frame, const lml_results *results,
                               lml_error *error);

/** NULL is fine. */
void lml_eval_region_free(lml_eval_region *region);

#endif
