/** @file recording.h
 *  Opens the force log that a configuration asks for.
 */
#ifndef LML_PROGRAMS_RECORDING_H
#define LML_PROGRAMS_RECORDING_H

#include "programs/build.h"
#include "session/recorder.h"

/** Open the log of the calculator that was built, and let that ask it before it starts an engine. *@p recorder is NULL
 *  where nothing shall be logged. */
lml_status lml_recording_open(const lml_build *build, lml_recorder **recorder, lml_error *error);

#endif
