#include "engine/remote_calculator.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "engine/engine_texts.h"
#include "engine/guard.h"
#include "engine/init.h"
#include "engine/output.h"
#include "engine/peer_process.h"
#include "engine/process.h"
#include "ipi_server.h"
#include "structure/neighbours.h"

#define LONGEST_PAUSE 60.0 /**< s between two restarts */
#define EARLY_END 30.0     /**< s after its start within which a command's end is early */
#define LOOK_INTERVAL 1.0  /**< s between two looks at what a command that ended has left running */
#define LAST_WORDS 1.0     /**< s that an engine that hung up has to say why, and to end */

enum {
  LONGEST_WAIT_MS = 60000,
  PROCESS_WAIT_MS = 100, /**< how late a command's end is seen */
  PREPARE_WAIT_MS = 20,  /**< and that of one that is waited for */
  HOW_SIZE = 64,
  REFUSAL_SIZE = 256,
  CONTEXT_SIZE = 64 /**< room in a message for what others put in front of it */
};

typedef struct remote {
  lml_engine_settings settings;
  lml_engine_texts texts;
  off_t output_begin; /**< bytes in the output before the command was started */
  lml_guard *guard;   /**< from the first start of the command on */
  lml_engine_input input;
  bool prepares;                  /**< the input is being made, and the engine started then */
  const lml_structure *structure; /**< under evaluation */
  lml_ipi_server *server;
  lml_process *process;
  bool awaits_process;                /**< its end, before an engine has connected, is a loss */
  size_t connections;                 /**< as many engines as when last looked at */
  size_t had;                         /**< as many callers as when the command was started */
  unsigned refused[LML_IPI_REFUSALS]; /**< connections, by why */
  char refusal[REFUSAL_SIZE];         /**< the last one, since an engine was there, that the configuration can change;
                                                   empty: none */
  unsigned losses;                    /**< in a row */
  unsigned early_loss;                /**< which of them, from 1, was an early end; 0: none */
  char early_how[HOW_SIZE];
  double launched;    /**< the clock's time when the command was started */
  double look_at;     /**< the clock's time of the next look at what is left of a command that ended well */
  double launch_at;   /**< the clock's time of the next start; infinite: none is due */
  double alone_since; /**< the clock's time since which there is no engine */
  double busy_since;  /**< since which the engine that there is has had the structure to do */
  double begun;       /**< when the evaluation began */
  double idle_since;  /**< when the last one ended, at first when the calculator was made */
  double *shifted;    /**< positions as the engine is to have them */
  size_t shifted_capacity;
  char *init;
  size_t init_capacity;
} remote;

/* ---- making ---- */

static lml_status copy_texts(remote *self, lml_error *error) {
  const lml_engine_settings *settings = &self->settings;
  lml_engine_texts *texts = &self->texts;
  const lml_status status = lml_engine_texts_fill(settings, texts, error);
  if (status != LML_OK) return status;
  self->input = (lml_engine_input){.file = lml_engine_follows(settings->prepare, settings->launch) ? texts->file : NULL,
                                   .prepare = texts->prepare,
                                   .folder = texts->folder,
                                   .output = texts->output,
                                   .limit = settings->prepare_limit,
                                   .patience = settings->stop_patience};
  return LML_OK;
}

static lml_status check_settings(const lml_engine_settings *settings, lml_error *error) {
  if (settings->prepare != NULL && settings->launch == NULL)
    return lml_fail(error, LML_ERR_USAGE,
                    "an engine's input can be made only where lmlink starts it: give a command that does (launch)");
  if (settings->policy == LML_ENGINE_RESTART && settings->launch == NULL && settings->retries > 0)
    return lml_fail(error, LML_ERR_USAGE,
                    "an engine cannot be restarted without a command that starts it: give one (launch), or let "
                    "on_failure be wait or stop");
  return LML_OK;
}

/* ---- the engine's life ---- */

static void tell(const remote *self, lml_log_level level, const char *what) {
  lml_log_line(self->settings.log, level, "%s: %s", self->texts.who, what);
}

/** Whose connection it is; what the command started may also run elsewhere. */
static lml_ipi_judgement judge(void *context, const lml_ipi_peer *peer) {
  const remote *self = context;
  if (self->settings.peer == LML_ENGINE_PEER_ANY) return LML_IPI_UNKNOWN;
  const bool runs = self->process != NULL && lml_process_is_left(self->process);
  return lml_peer_process_judge(peer, runs ? self->process : NULL);
}

/** Tell of a connection that was refused: of many for the same reason, of the first, second, fourth, … */
static void tell_refusal(void *context, lml_ipi_refusal why, const char *what) {
  remote *self = context;
  const unsigned count = ++self->refused[why];
  if (why == LML_IPI_REFUSED_NETWORK || why == LML_IPI_REFUSED_STRANGER)
    lml_print_cut(self->refusal, sizeof self->refusal, "%.255s", what);
  if (count == 1)
    lml_log_warning(self->settings.log, "%s: %s", self->texts.who, what);
  else if ((count & (count - 1)) == 0)
    lml_log_warning(self->settings.log, "%s: %s (%u such connections so far)", self->texts.who, what, count);
}

static lml_status open_socket(remote *self, lml_error *error) {
  if (self->server != NULL) return LML_OK;
  const lml_ipi_admission admission = {.networks = self->settings.allow,
                                       .answer_limit = self->settings.answer_limit,
                                       .judge = judge,
                                       .refused = tell_refusal,
                                       .context = self};
  const lml_status status = lml_ipi_server_create(&self->settings.address, &admission, &self->server, error);
  if (status != LML_OK) lml_fail_context(error, "%s", self->texts.who);
  return status;
}

static lml_status launch(remote *self, lml_error *error) {
  const lml_process_settings settings = {.command = self->texts.launch,
                                         .folder = self->texts.folder,
                                         .output = self->texts.output,
                                         .mark = lml_guard_mark(self->guard)};
  self->launch_at = INFINITY;
  self->output_begin = lml_output_size(self->texts.output_path);
  const lml_status status = lml_process_start(&settings, &self->process, error);
  if (status != LML_OK) {
    lml_fail_context(error, "%s", self->texts.who);
    return status;
  }
  self->alone_since = self->launched = self->look_at = lml_sys->clock();
  self->awaits_process = true;
  self->had = lml_ipi_server_callers(self->server);
  lml_log_line(self->settings.log, LML_LOG_INFO, "%s: started '%s' in %s, process %ld", self->texts.who,
               self->texts.launch, self->texts.folder, lml_process_number(self->process));
  return LML_OK;
}

/** "ENGINE: REASON; what it printed is in PATH: LAST LINES" */
static void explain(const remote *self, const char *reason, char text[LML_ERROR_MESSAGE_SIZE]) {
  enum { ROOM = LML_ERROR_MESSAGE_SIZE - CONTEXT_SIZE };
  char counts[64] = "";
  if (self->losses > 1) lml_print_cut(counts, sizeof counts, " (loss %u in a row)", self->losses);
  lml_print_cut(text, ROOM, "%s: %s%s%s%s", self->texts.who, reason, counts, self->refusal[0] == '\0' ? "" : "; ",
                self->refusal);
  if (self->texts.launch == NULL) return;
  lml_print_behind(text, ROOM, "; what it printed is in %s: ", self->texts.output_path);
  const size_t used = strlen(text);
  lml_output_tail(self->texts.output_path, self->output_begin, text + used, ROOM - used);
  if (text[used] == '\0') text[used - strlen(": ")] = '\0';
}

/** To whoever asked for the forces, it is all one whether the engine hung up or said something wrong. */
static lml_status give_up(const remote *self, lml_status status, const char *reason, lml_error *error) {
  char text[LML_ERROR_MESSAGE_SIZE];
  explain(self, reason, text);
  return lml_fail(error, status == LML_ERR_TIMEOUT ? status : LML_ERR_IO, "%s", text);
}

static void warn(const remote *self, const char *reason) {
  char text[LML_ERROR_MESSAGE_SIZE];
  explain(self, reason, text);
  lml_log_warning(self->settings.log, "%s", text);
}

/** See to it that nothing else computes in the folder, now and when lmlink has ended. */
static lml_status set_guard(remote *self, lml_error *error) {
  const lml_guard_settings settings = {.folder = self->texts.folder,
                                       .name = self->texts.short_name,
                                       .output = self->texts.output,
                                       .patience = self->settings.stop_patience};
  size_t ended;
  if (self->guard != NULL) return LML_OK;
  const lml_status status = lml_guard_create(&settings, &self->guard, &ended, error);
  if (status != LML_OK) return lml_fail_context(error, "%s", self->texts.who);
  self->input.mark = lml_guard_mark(self->guard);
  if (ended > 0)
    lml_log_warning(self->settings.log, "%s: ended %zu processes that an earlier run had left running in %s",
                    self->texts.who, ended, self->texts.folder);
  return LML_OK;
}

/** Start the engine, or what makes its input first. */
static lml_status start_engine(remote *self, lml_error *error) {
  self->launch_at = INFINITY;
  const lml_status guarded = set_guard(self, error);
  if (guarded != LML_OK) return guarded;
  if (self->input.file == NULL) return launch(self, error);
  self->output_begin = lml_output_size(self->texts.output_path);
  const lml_status status = lml_engine_input_begin(&self->input, self->structure, error);
  if (status != LML_OK) {
    lml_fail_context(error, "%s", self->texts.who);
    return status;
  }
  self->prepares = true;
  if (self->texts.prepare != NULL) tell(self, LML_LOG_INFO, "its input is made");
  return LML_OK;
}

/** Start it where its input is made. */
static lml_status continue_start(remote *self, lml_error *error) {
  bool made;
  lml_error local = {0};
  const lml_status status = lml_engine_input_progress(&self->input, &made, &local);
  if (status == LML_OK && !made) return LML_OK;
  self->prepares = false;
  return status == LML_OK ? launch(self, error) : give_up(self, status, local.message, error);
}

/** The engine is of no use any more, for @p reason: end it, and do what the policy says; another start is of no use
 *  either where @p status is LML_ERR_INPUT. */
static lml_status lose(remote *self, lml_status status, const char *reason, lml_error *error) {
  lml_engine_settings *settings = &self->settings;
  lml_ipi_server_hang_up(self->server);
  self->losses++;
  self->awaits_process = false; /* what it started is lost, whoever is waited for */
  const double now = lml_sys->clock();
  self->alone_since = now;
  if (settings->policy != LML_ENGINE_WAIT) {
    const double alone = status == LML_ERR_CLOSED ? fmin(LAST_WORDS, settings->stop_patience) : 0.0;
    lml_process_stop(self->process, alone, settings->stop_patience);
    self->process = NULL;
  }
  if (settings->policy == LML_ENGINE_STOP || self->losses > settings->retries || status == LML_ERR_INPUT)
    return give_up(self, status, reason, error);
  warn(self, reason);
  if (settings->policy == LML_ENGINE_RESTART) {
    const double pause = fmin(ldexp(settings->back_off, (int)fmin(self->losses - 1, 30)), LONGEST_PAUSE);
    self->launch_at = lml_sys->clock() + pause; /* ending the process may have taken a while */
    lml_log_line(settings->log, LML_LOG_ERROR, "%s: start %u of %zu again in %g s", self->texts.who, self->losses,
                 settings->retries, pause);
  }
  lml_error_clear(error);
  return LML_OK;
}

/* ---- one evaluation ---- */

/** The positions that the engine is to have. */
static lml_status place(remote *self, const lml_structure *structure, const double **positions, lml_error *error) {
  *positions = structure->positions;
  if (self->settings.origin == LML_ENGINE_ORIGIN_CORNER) return LML_OK;
  const size_t count = 3 * structure->natoms;
  const lml_status status =
      lml_grow(&self->shifted, &self->shifted_capacity, count, sizeof(double), "positions for an engine", error);
  if (status != LML_OK) return status;
  const double *cell = structure->cell;
  for (size_t i = 0; i < count; i++) {
    const size_t axis = i % 3;
    self->shifted[i] = structure->positions[i] - 0.5 * (cell[axis] + cell[3 + axis] + cell[6 + axis]);
  }
  *positions = self->shifted;
  return LML_OK;
}

static lml_status ask(remote *self, const lml_structure *structure, lml_error *error) {
  lml_ipi_request request = {.natoms = structure->natoms, .cell = structure->cell};
  lml_status status = place(self, structure, &request.positions, error);
  if (status == LML_OK && self->settings.init == LML_ENGINE_INIT_LMLINK) {
    status = lml_init_write(structure, &self->init, &self->init_capacity, &request.init_length, error);
    request.init = self->init;
  }
  return status == LML_OK ? lml_ipi_server_request(self->server, &request, error) : status;
}

/** End an engine that has other atoms than those that are wanted now. */
static void stop_engine(remote *self) {
  tell(self, LML_LOG_INFO, "it shall compute other atoms, and is started again");
  lml_ipi_server_hang_up(self->server);
  lml_process_stop(self->process, self->settings.stop_patience, self->settings.stop_patience);
  self->process = NULL;
  self->awaits_process = false;
}

static lml_status remote_start(void *data, const lml_structure *structure, const lml_request *request,
                               lml_error *error) {
  remote *self = data;
  (void)request;
  lml_status status = lml_structure_check_apart(structure, error);
  if (status == LML_OK) status = open_socket(self, error);
  if (status == LML_OK) status = ask(self, structure, error);
  if (status != LML_OK) return status;
  self->structure = structure;
  self->begun = self->busy_since = self->alone_since = lml_sys->clock();
  self->losses = 0;
  if (self->texts.launch == NULL) return LML_OK;
  if (self->process != NULL && !lml_engine_input_serves(&self->input, structure)) stop_engine(self);
  return self->process == NULL ? start_engine(self, error) : LML_OK;
}

static lml_status check_numbers(const remote *self, char *reason, size_t size) {
  lml_ipi_answer answer;
  lml_ipi_server_result(self->server, &answer);
  bool finite = isfinite(answer.energy);
  if (!finite) lml_print_cut(reason, size, "it sent an energy that is not a finite number");
  for (size_t i = 0; i < 9 && finite; i++) {
    finite = isfinite(answer.virial[i]);
    if (!finite) lml_print_cut(reason, size, "it sent a virial that is not made of finite numbers");
  }
  for (size_t i = 0; i < 3 * answer.natoms && finite; i++) {
    finite = isfinite(answer.forces[i]);
    if (!finite) lml_print_cut(reason, size, "it sent a force on atom %zu that is not made of finite numbers", i / 3);
  }
  return finite ? LML_OK : LML_ERR_PROTOCOL;
}

/** See an engine come. A quick one may have sent its result by then. */
static void see_connections(remote *self) {
  const size_t connections = lml_ipi_server_connections(self->server);
  if (connections != self->connections && lml_ipi_server_where(self->server) != LML_IPI_SERVER_ALONE) {
    self->busy_since = lml_sys->clock();
    self->refusal[0] = '\0';
    tell(self, LML_LOG_INFO, "connected");
  }
  self->connections = connections;
}

/** See a limit pass. */
static lml_status check_limits(remote *self, char *reason, size_t size) {
  const lml_engine_settings *settings = &self->settings;
  const double now = lml_sys->clock();
  const bool alone = lml_ipi_server_where(self->server) == LML_IPI_SERVER_ALONE;
  if (!alone && settings->evaluate_limit >= 0.0 && now - self->busy_since > settings->evaluate_limit) {
    lml_print_cut(reason, size, "no result within %g s; check what it does, or raise limits.evaluate",
                  settings->evaluate_limit);
    return LML_ERR_TIMEOUT;
  }
  if (!alone) {
    self->alone_since = now;
    return LML_OK;
  }
  if (settings->connect_limit >= 0.0 && now - self->alone_since > settings->connect_limit) {
    lml_print_cut(reason, size, "no engine connected within %g s; start one, or raise limits.connect",
                  settings->connect_limit);
    return LML_ERR_TIMEOUT;
  }
  return LML_OK;
}

/** Whether this end of the command, before an engine has connected, is early, with something said, and like the one
 *  before: its input is wrong, then, and another start would end no other way. */
static bool ended_like_before(remote *self, const char *how) {
  const bool early =
      lml_sys->clock() - self->launched <= EARLY_END && lml_output_size(self->texts.output_path) > self->output_begin;
  const bool again = early && self->losses > 0 && self->early_loss == self->losses && strcmp(how, self->early_how) == 0;
  self->early_loss = early ? self->losses + 1 : 0;
  lml_print_cut(self->early_how, sizeof self->early_how, "%s", how);
  return again;
}

/** A command that ended well may have sent the engine elsewhere, as a batch system's submit command does, or to the
 *  background: the engine is waited for, but the user should know. */
static void tell_good_end(remote *self, const char *end) {
  const double now = lml_sys->clock(), limit = self->settings.connect_limit;
  if (now < self->look_at) return;
  self->look_at = now + LOOK_INTERVAL;
  if (lml_process_is_left(self->process)) return;
  self->awaits_process = false;
  char how_long[64] = "without limit", reason[LML_ERROR_MESSAGE_SIZE];
  if (limit >= 0.0) lml_print_cut(how_long, sizeof how_long, "for up to %g s (limits.connect)", limit);
  lml_print_cut(
      reason, sizeof reason,
      "%.400s, %.1f s after its start, and nothing that it started runs here; lmlink waits %s, in case the engine runs "
      "elsewhere",
      end, now - self->launched, how_long);
  warn(self, reason);
}

/** A command that ended, and no engine is there. An engine may also have connected and gone at once. */
static lml_status check_process(remote *self, char *reason, size_t size) {
  char how[HOW_SIZE];
  if (!self->awaits_process || lml_ipi_server_where(self->server) != LML_IPI_SERVER_ALONE ||
      lml_process_runs(self->process, how, sizeof how))
    return LML_OK;
  const bool connected = lml_ipi_server_callers(self->server) > self->had;
  lml_print_cut(reason, size, "'%.200s' %s %s", self->texts.launch, how,
                connected ? "after it had connected, without an answer to lmlink" : "before it connected");
  if (lml_process_succeeded(self->process)) {
    tell_good_end(self, reason);
    return LML_OK;
  }
  if (connected || !ended_like_before(self, how)) return LML_ERR_CLOSED;
  lml_print_behind(reason, size, ", as the time before: correct its input or the command");
  return LML_ERR_INPUT;
}

static lml_status remote_progress(void *data, bool *done, lml_error *error) {
  remote *self = data;
  char reason[LML_ERROR_MESSAGE_SIZE] = "";
  lml_error local = {0};
  *done = false;
  if (isfinite(self->launch_at)) {
    if (lml_sys->clock() < self->launch_at) return LML_OK;
    return start_engine(self, error);
  }
  if (self->prepares) return continue_start(self, error);
  lml_status status = lml_ipi_server_progress(self->server, done, &local);
  if (status != LML_OK) lml_print_cut(reason, sizeof reason, "%s", local.message);
  if (status == LML_OK) see_connections(self);
  if (status == LML_OK && *done) status = check_numbers(self, reason, sizeof reason);
  if (status == LML_OK && !*done) status = check_limits(self, reason, sizeof reason);
  if (status == LML_OK && !*done) status = check_process(self, reason, sizeof reason);
  if (status == LML_OK) return LML_OK;
  if (status == LML_ERR_MEMORY) return lml_fail(error, status, "%s: %s", self->texts.who, reason);
  if (*done) {
    /* Numbers that are none: the structure is asked for again. */
    *done = false;
    lml_ipi_server_retry(self->server);
  }
  return lose(self, status, reason, error);
}

/** ms until @p time, at least 0 and at most @p timeout_ms. */
static int until(double time, int timeout_ms) {
  const double left = ceil(1000.0 * (time - lml_sys->clock()));
  return (int)fmax(0.0, fmin(left, timeout_ms));
}

static lml_status remote_wait(void *data, int timeout_ms, lml_error *error) {
  const remote *self = data;
  const lml_engine_settings *settings = &self->settings;
  if (isfinite(self->launch_at)) {
    lml_sys->sleep(1e-3 * until(self->launch_at, timeout_ms));
    return LML_OK;
  }
  if (self->prepares) {
    lml_sys->sleep(1e-3 * (timeout_ms < PREPARE_WAIT_MS ? timeout_ms : PREPARE_WAIT_MS));
    return LML_OK;
  }
  int time = timeout_ms < LONGEST_WAIT_MS ? timeout_ms : LONGEST_WAIT_MS;
  const bool alone = lml_ipi_server_where(self->server) == LML_IPI_SERVER_ALONE;
  if (alone && self->awaits_process && time > PROCESS_WAIT_MS) time = PROCESS_WAIT_MS;
  const double limit = alone ? settings->connect_limit : settings->evaluate_limit;
  if (limit >= 0.0) time = until((alone ? self->alone_since : self->busy_since) + limit, time) + 1;
  return lml_ipi_server_wait(self->server, time, error);
}

static lml_status remote_finish(void *data, lml_results *results, lml_error *error) {
  remote *self = data;
  lml_ipi_answer answer;
  lml_ipi_server_result(self->server, &answer);
  lml_status status = lml_results_reset(results, answer.natoms, error);
  if (status != LML_OK) return status;
  memcpy(results->forces, answer.forces, 3 * answer.natoms * sizeof(double));
  memcpy(results->virial, answer.virial, sizeof answer.virial);
  *results->energy = answer.energy;
  for (size_t k = 0; k < LML_RESULTS_STANDARD; k++) results->list[k].origin = LML_ORIGIN_EXACT;
  self->losses = 0;
  self->idle_since = lml_sys->clock();
  return lml_results_add_number(results, "engine_seconds", "s", self->idle_since - self->begun, error);
}

static void remote_cancel(void *data) {
  remote *self = data;
  if (self->server != NULL) lml_ipi_server_abandon(self->server);
  self->launch_at = INFINITY;
  lml_engine_input_cancel(&self->input);
  self->prepares = false;
}

/** Whether the engine sees that lmlink hangs up: not while it computes, nor before it has connected. */
static bool would_end_by_itself(const remote *self) {
  if (self->server == NULL) return false;
  const lml_ipi_server_state state = lml_ipi_server_where(self->server);
  return state != LML_IPI_SERVER_COMPUTES && !(state == LML_IPI_SERVER_ALONE && self->awaits_process);
}

static void remote_destroy(void *data) {
  remote *self = data;
  const double alone = would_end_by_itself(self) ? self->settings.stop_patience : 0.0;
  if (self->server != NULL) lml_ipi_server_hang_up(self->server);
  lml_process_stop(self->process, alone, self->settings.stop_patience);
  lml_ipi_server_destroy(self->server);
  lml_engine_input_free(&self->input);
  lml_guard_destroy(self->guard);
  lml_engine_texts_free(&self->texts);
  lml_free(self->shifted);
  lml_free(self->init);
  lml_free(self);
}

static const lml_calculator_ops remote_ops = {
    .name = "remote",
    .start = remote_start,
    .progress = remote_progress,
    .wait = remote_wait,
    .finish = remote_finish,
    .cancel = remote_cancel,
    .destroy = remote_destroy,
};

lml_status lml_remote_calculator_create(const lml_engine_settings *settings, lml_calculator **calculator,
                                        lml_error *error) {
  remote *self;
  *calculator = NULL;
  lml_status status = check_settings(settings, error);
  if (status == LML_OK) status = lml_alloc(&self, 1, sizeof *self, "a remote calculator", error);
  if (status != LML_OK) return status;
  self->settings = *settings;
  self->launch_at = INFINITY;
  self->idle_since = lml_sys->clock();
  status = copy_texts(self, error);
  if (status == LML_OK) status = lml_calculator_create(&remote_ops, self, calculator, error);
  if (status != LML_OK) remote_destroy(self);
  return status;
}

void lml_remote_calculator_set_atoms(lml_calculator *calculator, const lml_engine_atoms *atoms) {
  remote *self = lml_calculator_self(calculator, &remote_ops);
  if (self != NULL) self->input.atoms = *atoms;
}

void lml_remote_calculator_describe(lml_calculator *calculator, char *text, size_t size) {
  const remote *self = lml_calculator_self(calculator, &remote_ops);
  lml_print_cut(text, size, "%s calculator", lml_calculator_name(calculator));
  if (self == NULL) return;
  lml_print_cut(text, size, "%s, started by %s", self->texts.who,
                self->texts.launch == NULL ? "somebody else" : self->texts.launch);
  if (self->texts.prepare != NULL) lml_print_behind(text, size, ", its input made by %s", self->texts.prepare);
}

lml_engine_now lml_remote_calculator_now(lml_calculator *calculator) {
  const remote *self = lml_calculator_self(calculator, &remote_ops);
  const lml_ipi_server_state where = self->server == NULL ? LML_IPI_SERVER_ALONE : lml_ipi_server_where(self->server);
  lml_engine_now now = {.who = self->texts.who,
                        .process = self->process == NULL ? 0 : lml_process_number(self->process)};
  double since = self->idle_since;
  if (where == LML_IPI_SERVER_COMPUTES || where == LML_IPI_SERVER_TALKS) {
    now.state = LML_ENGINE_COMPUTING;
    since = self->busy_since;
  } else if (where == LML_IPI_SERVER_IDLE) {
    now.state = LML_ENGINE_IDLE;
  } else if (self->prepares || self->process != NULL) {
    now.state = LML_ENGINE_STARTING;
    since = self->prepares ? self->begun : self->launched;
  }
  now.seconds = lml_sys->clock() - since;
  return now;
}

lml_status lml_remote_calculator_open(lml_calculator *calculator, lml_error *error) {
  remote *self = lml_calculator_self(calculator, &remote_ops);
  return self == NULL ? LML_OK : open_socket(self, error);
}
