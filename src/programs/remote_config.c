/* The keys of a remote calculator, an engine. */
#include "base/memory.h"
#include "base/path.h"
#include "programs/calculator_config.h"
#include "programs/config_tables.h"

static const char *const type[] = {"remote", NULL};
static const char *const policy_names[] = {"restart", "wait", "stop", NULL};
static const char *const init_names[] = {"plain", "lmlink", NULL};
static const char *const origin_names[] = {"corner", "centre", NULL};
static const char *const peer_names[] = {"launched", "any", NULL};

static lml_status read_inputs(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              void *target, lml_error *error) {
  lml_remote_config *remote = target;
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_status status = lml_json_array(reading->document, object, key->name, LML_JSON_REQUIRED, &array, &count, error);
  if (status != LML_OK) return status;
  if (count == 0) return lml_json_fail(reading->document, object, key->name, error, "must name at least one file");
  status = lml_alloc(&remote->inputs, count, sizeof *remote->inputs, "names of input files", error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const char *name = NULL;
    status = lml_json_element_text(reading->document, array, i, &name, error);
    if (status != LML_OK) break;
    remote->inputs[i] = lml_path_beside(reading->path, name, error);
    if (remote->inputs[i] == NULL) status = LML_ERR_MEMORY;
    remote->ninputs = i + 1;
  }
  return status;
}

/** From where an engine may connect. */
static lml_status read_networks(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                                void *target, lml_error *error) {
  lml_ipi_networks *allow = &((lml_remote_config *)target)->settings.allow;
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_error local = {0};
  lml_status status = lml_json_array(reading->document, object, key->name, LML_JSON_REQUIRED, &array, &count, error);
  if (status == LML_OK && count > LML_IPI_MOST_NETWORKS)
    return lml_json_fail(reading->document, object, key->name, error, "must have at most %d networks",
                         LML_IPI_MOST_NETWORKS);
  for (; status == LML_OK && allow->count < count; allow->count++) {
    const char *text = NULL;
    status = lml_json_element_text(reading->document, array, allow->count, &text, error);
    if (status == LML_OK && lml_ipi_network_parse(text, &allow->list[allow->count], &local) != LML_OK)
      return lml_json_fail(reading->document, object, key->name, error, "%s", local.message);
  }
  return status;
}

static void init(void *target) { ((lml_remote_config *)target)->settings = lml_engine_defaults(); }

/** What is done on failure depends on who starts the engine. */
static lml_status check(const lml_keys_reading *reading, const lml_json_value *object, void *target, lml_error *error) {
  lml_remote_config *remote = target;
  if (!lml_json_has(object, "on_failure"))
    remote->settings.policy = remote->launch == NULL ? LML_ENGINE_WAIT : LML_ENGINE_RESTART;
  if (remote->settings.policy != LML_ENGINE_RESTART || remote->launch != NULL) return LML_OK;
  return lml_json_fail(reading->document, object, "on_failure", error,
                       "an engine that lmlink did not start cannot be started again; add launch, or use wait or stop");
}

/** A limit of time, which is `settings.MEMBER`. */
#define LIMIT(key, member)                                                             \
  .name = (key), LML_KEY_AT(lml_remote_config, settings.member), .type = LML_KEY_REAL, \
  .range = LML_RANGE_NOT_NEGATIVE, .unit = "s"

static const lml_key limit_keys[] = {
    {LIMIT("connect", connect_limit), .help = "how long an engine may take to connect"},
    {LIMIT("answer", answer_limit),
     .help = "how long a connection may take to answer the first `STATUS`; only then it is the engine"},
    {LIMIT("prepare", prepare_limit), .help = "how long `prepare` may take"},
    {LIMIT("evaluate", evaluate_limit), .help = "how long an evaluation may take", .otherwise = "no limit"},
    {LIMIT("stop", stop_patience),
     .help = "at the end, how long the engine has to end by itself (none where it computes or has not connected), and "
             "then again after SIGTERM, before it is killed"},
};

static const lml_key_table limit_table = {LML_KEYS(limit_keys)};

static const lml_key keys[] = {
    LML_TYPE_KEY(type, "kind of calculator: an engine"),
    {.name = "name",
     LML_KEY_AT(lml_remote_config, name),
     .help = "what messages call the engine, beside its address",
     .otherwise = "none"},
    {.name = "address",
     LML_KEY_AT(lml_remote_config, address),
     .presence = LML_JSON_REQUIRED,
     .help = "where lmlink listens for the engine: `unix:NAME`, `unix:/PATH`, or `HOST:PORT`, where `127.0.0.1` and "
             "`localhost` are reached from this machine alone"},
    {.name = "socket_prefix",
     LML_KEY_AT(lml_remote_config, socket_prefix),
     .help = "what stands in front of `NAME` in a unix socket's path",
     .otherwise = "`/tmp/ipi_`"},
    {.name = "launch",
     LML_KEY_AT(lml_remote_config, launch),
     .help = "command that starts the engine, for `/bin/sh`; without it somebody else does",
     .otherwise = "none"},
    {.name = "prepare",
     LML_KEY_AT(lml_remote_config, prepare),
     .needs = "launch",
     .because = "makes the input of an engine that lmlink starts; add launch, a command that does",
     .help = "command that makes the engine's input, for `/bin/sh`, run before each start (below); needs `launch`",
     .otherwise = "none"},
    {.name = "folder",
     LML_KEY_AT(lml_remote_config, folder),
     .type = LML_KEY_PATH,
     .help = "its working folder, which is made where it is missing",
     .otherwise = "the folder of the JSON file"},
    {.name = "output",
     LML_KEY_AT(lml_remote_config, output),
     .help = "file in that folder that what it prints is appended to",
     .otherwise = "`engine.log`"},
    {.name = "tag",
     LML_KEY_AT(lml_remote_config, tag),
     .help = "what decides the engine's forces beyond `inputs`, in words of your own: code, version and settings of an "
             "engine that has no input files, as an ASE calculator. With a tag, too, forces that stand in the force "
             "log are not computed again, so change it whenever the engine computes something else",
     .otherwise = "none"},
    {.name = "inputs",
     .type = LML_KEY_PATHS,
     .read = read_inputs,
     .help = "files that decide what the engine computes; with them, forces that stand in the [force "
             "log](force-log.md#never-paid-twice) are not computed again",
     .otherwise = "none"},
    {.name = "limits", .type = LML_KEY_OBJECT, .object = &limit_table, .help = "limits of time"},
    {.name = "allow",
     .type = LML_KEY_TEXTS,
     .read = read_networks,
     .help = "over TCP, networks or machines from which an engine may connect, beside this machine: "
             "`[\"10.1.0.0/16\"]`",
     .otherwise = "none"},
    {.name = "peer",
     LML_KEY_AT(lml_remote_config, settings.peer),
     .type = LML_KEY_CHOICE,
     .choices = peer_names,
     .help =
         "who may connect, of this machine's processes: `launched`, those of `launch`, while any of them runs here, "
         "else those of this user; `any` (over a unix socket always of this user)"},
    {.name = "on_failure",
     LML_KEY_AT(lml_remote_config, settings.policy),
     .type = LML_KEY_CHOICE,
     .choices = policy_names,
     .help = "what happens when the engine is lost: it hung up, broke the protocol, sent a number that is none, or "
             "took too long. `restart`: start it again; `wait`: for the next one to connect; `stop`: the evaluation "
             "fails",
     .otherwise = "`restart` with `launch`, else `wait`"},
    {.name = "retries",
     LML_KEY_AT(lml_remote_config, settings.retries),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .most = 1000000,
     .help = "losses in a row after which the evaluation fails; an input error (below) fails earlier"},
    {.name = "back_off",
     LML_KEY_AT(lml_remote_config, settings.back_off),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "s",
     .help = "pause before the first restart; doubles with each, up to a minute"},
    {.name = "init",
     LML_KEY_AT(lml_remote_config, settings.init),
     .type = LML_KEY_CHOICE,
     .choices = init_names,
     .help = "string of the `INIT` message: `plain`, one NUL byte; `lmlink`, the [JSON](#the-init-string) with species "
             "and periodicity, for another `lmlink-serve`"},
    {.name = "origin",
     LML_KEY_AT(lml_remote_config, settings.origin),
     .type = LML_KEY_CHOICE,
     .choices = origin_names,
     .help = "where the engine has its cell: `corner`, from 0 to a + b + c; `centre`, centred on the origin, as "
             "LAMMPS's `fix ipi`"},
};

const lml_key_table lml_remote_keys = {
    .name = "remote", .size = sizeof(lml_remote_config), LML_KEYS(keys), .init = init, .check = check};
