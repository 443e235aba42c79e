/** @file engine_settings.h
 *  What a user says of an engine.
 */
#ifndef LML_ENGINE_ENGINE_SETTINGS_H
#define LML_ENGINE_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "ipi_address.h"
#include "ipi_network.h"

/** What to do when the engine is lost. */
typedef enum lml_engine_policy {
  LML_ENGINE_RESTART = 0, /**< end what is left of it, start it again, after a pause that doubles each time */
  LML_ENGINE_WAIT,        /**< wait for the next one to connect */
  LML_ENGINE_STOP         /**< fail */
} lml_engine_policy;

/** The string of INIT. */
typedef enum lml_engine_init {
  LML_ENGINE_INIT_PLAIN = 0, /**< one NUL byte, as ASE sends it */
  LML_ENGINE_INIT_LMLINK     /**< lmlink's JSON with species and periodicity, for another lmlink-serve */
} lml_engine_init;

/** Where the engine has the corner of its cell. */
typedef enum lml_engine_origin {
  LML_ENGINE_ORIGIN_CORNER = 0, /**< at the origin: the cell reaches from 0 to a + b + c */
  LML_ENGINE_ORIGIN_CENTRE /**< the cell's centre is at the origin, as in LAMMPS's fix ipi: positions are shifted */
} lml_engine_origin;

/** Who may connect as the engine, of those on this machine. */
typedef enum lml_engine_peer {
  LML_ENGINE_PEER_LAUNCHED = 0, /**< where lmlink launched it, and something of that runs here, a process of that; else
                                     any of this user */
  LML_ENGINE_PEER_ANY           /**< over TCP also other users */
} lml_engine_peer;

/** Texts are copied. In `launch`, `prepare`, `folder` and `output`, {index} stands for the number below, {name} for
 * NAME of unix:NAME, {path} for its whole path, {host} and {port} for those of HOST:PORT, and {address} for what
 * Quantum ESPRESSO and other codes take as an address: NAME:UNIX or HOST:PORT. In the first two, {cluster} stands for a
 * file in the folder that says what the engine is to compute; see engine_input.h. */
typedef struct lml_engine_settings {
  const char *name; /**< for messages, beside the address; NULL: none */
  lml_ipi_address address;
  const char *socket_name; /**< NAME as the user wrote it; NULL for TCP */
  const char *launch;      /**< shell command that starts the engine; NULL: somebody else does */
  const char *prepare;     /**< shell command that makes its input, run before each start; NULL: none */
  const char *folder;      /**< its working folder, made where it is missing; NULL: "." */
  const char *output;      /**< file in that folder that gets what it prints; NULL: "engine.log" */
  unsigned index;
  lml_ipi_networks allow; /**< from where it may connect over TCP, beside this machine */
  lml_engine_peer peer;
  double connect_limit;  /**< s that an engine may take to connect; negative: any time */
  double answer_limit;   /**< s that a connection may take to answer the first STATUS; negative: any time */
  double prepare_limit;  /**< s that `prepare` may take; negative: any time */
  double evaluate_limit; /**< s that an evaluation may take; negative: any time */
  double stop_patience;  /**< s that the engine has, when lmlink ends, to end by itself, and again after SIGTERM */
  lml_engine_policy policy;
  size_t retries;  /**< losses in a row, without a result between them, after which the evaluation fails */
  double back_off; /**< s before the first restart; doubles with each further one, up to a minute */
  lml_engine_init init;
  lml_engine_origin origin;
  const lml_log *log; /**< NULL: nothing is told */
} lml_engine_settings;

/** What a user gets who sets nothing: no name, no launch, an hour to connect, ten seconds to answer, ten
 * minutes to prepare, any time to
 * compute, 5 s to end, restart with 3 retries and a pause of 1 s, plain INIT, corner at the origin. */
lml_engine_settings lml_engine_defaults(void);

/** Whether an engine with these texts (NULL: none) gets the file that {cluster} stands for, and so follows where its
 *  atoms change: it is then stopped and started again. */
bool lml_engine_follows(const char *prepare, const char *launch);

#endif
