/** @file peer_process.h
 *  Whether a process of this machine that has connected is one that an engine's command started.
 */
#ifndef LML_ENGINE_PEER_PROCESS_H
#define LML_ENGINE_PEER_PROCESS_H

#include "engine/process.h"
#include "ipi_candidates.h"

/** LML_IPI_ENGINE where the process with the other end of the connection, or one that it descends from, is @p command
 *  or has its mark in the environment (marked.h): a wrapper may have cleared the environment, but not the descent.
 *  LML_IPI_STRANGER where it is not so, or the process is another user's and not root's. LML_IPI_UNKNOWN for
 * connections from other machines, and where a unix socket's process is not to be seen from here. @p command NULL: the
 * user alone is looked at, and nobody is known to be the engine. */
lml_ipi_judgement lml_peer_process_judge(const lml_ipi_peer *peer, const lml_process *command);

#endif
