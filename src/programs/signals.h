/** @file signals.h
 *  What the programs do with signals.
 */
#ifndef LML_PROGRAMS_SIGNALS_H
#define LML_PROGRAMS_SIGNALS_H

#include <stddef.h>

/** Let @p handler have these signals; calls that wait return when one comes. A signal that is ignored already, as under
 *  nohup, stays so. */
void lml_signals_handle(const int *numbers, size_t count, void (*handler)(int number));

/** Live on after SIGUSR1 and SIGUSR2, which batch systems send some time before a job's end and MPI launchers pass on.
 *  They are handled, not ignored: what is ignored stays so in every program that is started. */
void lml_signals_outlive_notices(void);

#endif
