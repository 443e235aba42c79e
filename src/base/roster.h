/** @file roster.h
 *  Which of the user's lmlink programs are at work on this machine at the same time, so that they can share its cores.
 *
 *  Each holds the lock of one byte, its process number, of a file that all of them open, and counts who else holds one.
 *  The system lets go of what a program held when that ends, in whatever way. The file is empty, and stays.
 */
#ifndef LML_BASE_ROSTER_H
#define LML_BASE_ROSTER_H

#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_roster lml_roster;

/** Open the user's roster, /tmp/lmlink-NUMBER.at-work of the user's number. LML_ERR_INPUT where somebody else's file,
 * or something that is no file, has that name. */
lml_status lml_roster_open(lml_roster **roster, lml_error *error);

/** Be at work, and return how many are, this program among them. It is one, however often it enters. */
size_t lml_roster_enter(lml_roster *roster);

/** Once for each entering. */
void lml_roster_leave(lml_roster *roster);

void lml_roster_close(lml_roster *roster); /**< NULL is fine */

#endif
