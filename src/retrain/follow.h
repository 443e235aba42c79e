/** @file follow.h
 *  Following a force log: frames are added to the sums as they are appended, and the potential is written again. Rank 0
 *  looks at the file; the others sleep until there are frames for all.
 */
#ifndef LML_RETRAIN_FOLLOW_H
#define LML_RETRAIN_FOLLOW_H

#include "retrain/run.h"

/** Wait for frames that are appended to the set that is followed, and solve and write again as they come, until the
 *  listener says stop. */
lml_status lml_run_follow(lml_run *run, lml_error *error);

#endif
