/* lmlink-serve: the main function, signals, what is printed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/comm.h"
#include "base/sys.h"
#include "programs/program.h"
#include "programs/serve_options.h"
#include "programs/server.h"
#include "programs/signals.h"

enum { LINE_SIZE = 512 };

/** The signal that asked to stop; 0 while there was none. */
static volatile sig_atomic_t stop;

static void ask_to_stop(int number) { stop = number; }

/** Whether the potential's coefficients shall be read again. */
static volatile sig_atomic_t reload;

/** Whether somebody asks what the server does. */
static volatile sig_atomic_t asked_status;

static void ask_status(int number) {
  (void)number;
  asked_status = 1;
}

/** Whether there was a terminal at the start: when it goes, SIGHUP means the end. */
static bool had_terminal;

static bool has_terminal(void) {
  const int fd = lml_sys->open("/dev/tty", O_RDONLY | O_NOCTTY, 0);
  if (fd >= 0) lml_sys->close(fd);
  return fd >= 0;
}

static void hang_up(int number) {
  const int kept = errno;
  if (had_terminal && !has_terminal())
    stop = number;
  else
    reload = 1;
  errno = kept;
}

/** Rank 0 ends on a signal, but for SIGHUP where it is @p alone, which lets it read new coefficients, and for SIGUSR1,
 * by which it is asked what it does; the other ranks, which a launcher sends the same signals, end when rank 0 lets
 * them go. A signal that is ignored already, as under nohup, stays so. */
static void handle_signals(bool talks, bool alone) {
  static const int ending[] = {SIGINT, SIGTERM}, hanging_up[] = {SIGHUP}, asking[] = {SIGUSR1};
  lml_signals_handle(ending, sizeof ending / sizeof ending[0], talks ? ask_to_stop : SIG_IGN);
  lml_signals_handle(hanging_up, 1, !talks ? SIG_IGN : alone ? hang_up : ask_to_stop);
  if (talks) lml_signals_handle(asking, 1, ask_status);
  signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more must not end a run */
  signal(SIGXFSZ, SIG_IGN); /* writing beyond a limit of the file size is an error like a full disk */
}

static void print_line(void *context, const char *line) {
  (void)context;
  fprintf(stderr, "%s: %s\n", lml_serve_command.program, line);
}

static void print_plain(const char *line) { puts(line); }

static void print_check(const lml_server *server, const lml_serve_config *config, const lml_comm *comm) {
  char line[LINE_SIZE];
  printf("%s %s: configuration OK\n", lml_serve_command.program, lml_version());
  if (config->path != NULL) printf("configuration  %s\n", config->path);
  lml_server_describe_calculator(server, line, sizeof line);
  printf("calculator     %s\n", line);
  lml_server_describe_structure(server, line, sizeof line);
  printf("structure      %s\n", line);
  for (size_t i = 0; lml_server_describe_region(server, i, line, sizeof line); i++) printf("%s\n", line);
  printf("driver         %s%s%s\n", lml_server_address(server), config->driver.reconnect ? ", one after the other" : "",
         lml_serve_config_reinit(config) ? ", asked for an INIT before each evaluation" : "");
  if (config->driver.wait < 0.0)
    printf("waits          without limit\n");
  else
    printf("waits          %g s\n", config->driver.wait);
  if (lml_server_describe_log(server, line, sizeof line)) printf("log            %s\n", line);
  printf("extras         %s\n", lml_extras_names[config->extras]);
  printf("ranks          %d\n", lml_comm_size(comm));
  if (lml_server_describe_threads(server, line, sizeof line)) printf("threads        %s\n", line);
}

static void tell_start(const lml_server *server, const lml_log *log) {
  char line[LINE_SIZE], threads[LINE_SIZE];
  lml_server_describe_calculator(server, line, sizeof line);
  if (!lml_server_describe_threads(server, threads, sizeof threads)) threads[0] = '\0';
  lml_log_line(log, LML_LOG_ERROR, "version %s; %s%s%s; driver at %s", lml_version(), line,
               *threads == '\0' ? "" : "; ", threads, lml_server_address(server));
}

static lml_status run(const lml_arguments *arguments, const lml_serve_config *config, lml_comm *comm,
                      lml_error *error) {
  const bool talks = lml_comm_rank(comm) == 0;
  const lml_log log = {.level = config->log_level, .write = talks ? print_line : NULL};
  had_terminal = has_terminal();
  handle_signals(talks, lml_comm_size(comm) == 1);
  lml_server *server;
  const lml_server_flags flags = {.stop = &stop, .reload = &reload, .status = &asked_status};
  lml_status status = lml_server_create(config, comm, &log, &flags, &server, error);
  if (status != LML_OK) return status;
  if (talks && lml_arguments_count(arguments, "check") > 0) {
    status = lml_server_write_check(server, error);
    if (status == LML_OK) print_check(server, config, comm);
    const char *crystal = lml_arguments_text(arguments, "compare", 0);
    if (status == LML_OK && crystal != NULL) status = lml_server_compare(server, crystal, print_plain, error);
    lml_server_discard(server);
    return status;
  }
  if (talks) tell_start(server, &log);
  status = lml_server_run(server, error);
  lml_server_destroy(server);
  return status;
}

static lml_status serve(const lml_arguments *arguments, lml_comm *comm, lml_error *error) {
  lml_serve_config config;
  lml_serve_config_init(&config);
  lml_status status = lml_serve_options_read(arguments, &config, error);
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = run(arguments, &config, comm, error);
  lml_serve_config_free(&config);
  return status;
}

int main(int argc, char **argv) {
  const lml_program program = {.command = &lml_serve_command, .ranks = LML_PROGRAM_RANKS, .run = serve, .stop = &stop};
  return lml_program_main(&program, argc, argv);
}
