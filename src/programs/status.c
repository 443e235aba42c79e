#include "programs/status.h"

#include <math.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/proc.h"
#include "base/sys.h"
#include "engine/remote_calculator.h"
#include "lmlink/version.h"

enum { VERSION = 1, PATH_SIZE = 96 };

static const char *const phases[LML_PHASES] = {"waits for a driver", "waits for the driver's next wish", "evaluates",
                                               "writes the force log"};
static const char *const states[LML_ENGINE_STATES] = {"away", "starting", "idle", "computing"};

static double total(const lml_meter *meter) { return lml_sys->clock() - meter->begun; }

static bool is_engine_waited_for(const lml_build *build) {
  for (size_t k = 0; k < build->nremotes; k++) {
    const lml_engine_state state = lml_remote_calculator_now(build->remotes[k].calculator).state;
    if (state == LML_ENGINE_STARTING || state == LML_ENGINE_COMPUTING) return true;
  }
  return false;
}

/** Seconds of evaluations until their last engine was done, that which is under way among them. */
static double engine_seconds(const lml_status_source *source) {
  const lml_meter *meter = source->meter;
  const bool now = meter->phase == LML_PHASE_EVALUATION && is_engine_waited_for(source->build);
  return meter->engine_seconds + (now ? lml_sys->clock() - meter->since : 0.0);
}

/** Seconds of evaluations that no engine was at work in. */
static double own_seconds(const lml_status_source *source) {
  const double all = lml_meter_seconds(source->meter, LML_PHASE_EVALUATION); /* before the engines' */
  return fmax(0.0, all - engine_seconds(source));
}

/* ---- the file ---- */

/** Whether the folder is one that the user alone can put anything into. */
static bool is_private(const char *folder) {
  struct stat about;
  return lml_sys->lstat(folder, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid() &&
         (about.st_mode & 077) == 0;
}

static void write_engines(const lml_build *build, lml_json_writer *writer) {
  lml_json_writer_array(writer, "engines");
  for (size_t k = 0; k < build->nremotes; k++) {
    const lml_engine_now now = lml_remote_calculator_now(build->remotes[k].calculator);
    lml_json_writer_object(writer, NULL);
    lml_json_writer_text(writer, "name", now.who);
    lml_json_writer_text(writer, "state", states[now.state]);
    lml_json_writer_number(writer, "seconds", now.seconds);
    if (now.process > 0) lml_json_writer_integer(writer, "pid", now.process);
    lml_json_writer_end_object(writer);
  }
  lml_json_writer_end_array(writer);
}

static void write_seconds(const lml_status_source *source, lml_json_writer *writer) {
  const lml_meter *meter = source->meter;
  lml_json_writer_object(writer, "seconds");
  lml_json_writer_number(writer, "total", total(meter));
  lml_json_writer_number(writer, "no_driver", lml_meter_seconds(meter, LML_PHASE_NO_DRIVER));
  lml_json_writer_number(writer, "driver", lml_meter_seconds(meter, LML_PHASE_DRIVER));
  lml_json_writer_number(writer, "engines", engine_seconds(source));
  lml_json_writer_number(writer, "potential", own_seconds(source));
  lml_json_writer_number(writer, "log", lml_meter_seconds(meter, LML_PHASE_LOG));
  lml_json_writer_end_object(writer);
}

static void write_object(const lml_status_source *source, lml_json_writer *writer) {
  const lml_meter *meter = source->meter;
  lml_json_writer_begin(writer);
  lml_json_writer_integer(writer, "lmlink_status", VERSION);
  lml_json_writer_text(writer, "version", lml_version());
  lml_json_writer_integer(writer, "pid", (long long)getpid());
  lml_json_writer_text(writer, "driver", source->address);
  lml_json_writer_text(writer, "state", phases[meter->phase]);
  lml_json_writer_number(writer, "state_seconds", lml_sys->clock() - meter->since);
  lml_json_writer_integer(writer, "evaluations", (long long)meter->evaluations);
  lml_json_writer_integer(writer, "natoms", (long long)meter->natoms);
  lml_json_writer_integer(writer, "replica", meter->replica);
  lml_json_writer_object(writer, "last");
  lml_json_writer_number(writer, "energy", meter->energy);
  lml_json_writer_number(writer, "largest_force", meter->force);
  lml_json_writer_number(writer, "seconds", meter->took);
  lml_json_writer_end_object(writer);
  write_engines(source->build, writer);
  write_seconds(source, writer);
  lml_json_writer_integer(writer, "asked", (long long)meter->asked);
  lml_json_writer_integer(writer, "recalled", (long long)meter->recalled);
  lml_json_writer_integer(writer, "skipped", (long long)meter->skipped);
  lml_json_writer_number(writer, "memory", lml_proc_bytes("/proc/self/status", "VmRSS:", NAN));
}

static lml_status write_file(const lml_status_source *source, const char *folder, lml_error *error) {
  lml_json_writer writer = {0};
  lml_file_writer *file = NULL;
  char path[PATH_SIZE];
  write_object(source, &writer);
  lml_print_cut(path, sizeof path, "%s/%ld.json", folder, (long)getpid());
  lml_status status = lml_json_writer_end(&writer, error);
  if (status == LML_OK) status = lml_file_writer_create(path, &file, error);
  if (status == LML_OK) status = lml_file_writer_write(file, writer.text, writer.length, error);
  if (status == LML_OK)
    status = lml_file_writer_commit(file, error);
  else
    lml_file_writer_abort(file);
  lml_json_writer_free(&writer);
  return status;
}

/* ---- lines ---- */

static void tell_engines(const lml_status_source *source, const lml_log *log) {
  for (size_t k = 0; k < source->build->nremotes; k++) {
    const lml_engine_now now = lml_remote_calculator_now(source->build->remotes[k].calculator);
    char process[32] = "";
    if (now.process > 0) lml_print_cut(process, sizeof process, ", process %ld", now.process);
    lml_log_line(log, LML_LOG_ERROR, "%s: %s for %.1f s%s", now.who, states[now.state], now.seconds, process);
  }
}

static void tell_summary(const lml_status_source *source, lml_log_level level, const lml_log *log) {
  const lml_meter *meter = source->meter;
  lml_log_line(
      log, level,
      "%zu evaluations in %.1f s: without a driver %.1f s, waiting for it %.1f s, engines %.1f s, potential %.1f "
      "s, log %.1f s",
      meter->evaluations, total(meter), lml_meter_seconds(meter, LML_PHASE_NO_DRIVER),
      lml_meter_seconds(meter, LML_PHASE_DRIVER), engine_seconds(source), own_seconds(source),
      lml_meter_seconds(meter, LML_PHASE_LOG));
  if (meter->asked + meter->recalled + meter->skipped > 0)
    lml_log_line(log, level, "engines were asked for %zu results; %zu were known from the log, %zu skipped",
                 meter->asked, meter->recalled, meter->skipped);
}

void lml_status_tell(const lml_status_source *source, const lml_log *log) {
  const lml_meter *meter = source->meter;
  char folder[PATH_SIZE];
  lml_error error = {0};
  lml_print_cut(folder, sizeof folder, "/tmp/lmlink-%ld", (long)geteuid());
  if (is_private(folder) && write_file(source, folder, &error) != LML_OK)
    lml_log_warning(log, "the status was not written: %s", error.message);
  lml_log_line(log, LML_LOG_ERROR, "status: %s (driver at %s) for %.1f s", phases[meter->phase], source->address,
               lml_sys->clock() - meter->since);
  if (meter->evaluations > 0)
    lml_log_line(log, LML_LOG_ERROR, "last evaluation: %zu atoms, energy %.9f eV, max |F| %.6f eV/Å, %.4f s",
                 meter->natoms, meter->energy, meter->force, meter->took);
  tell_engines(source, log);
  tell_summary(source, LML_LOG_ERROR, log);
}

void lml_status_summarise(const lml_status_source *source, const lml_log *log) {
  if (source->meter->evaluations > 0) tell_summary(source, LML_LOG_INFO, log);
}
