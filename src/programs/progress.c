#include "programs/progress.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/print.h"
#include "base/sys.h"

enum { LINE_SIZE = 160, BAR_WIDTH = 16, LINE_WIDTH = 78 };

static const double bar_interval = 0.2;                                 /* s */
static const double shortest_interval = 30.0, longest_interval = 600.0; /* s, between lines */
static const double minute = 60.0, hour = 3600.0;                       /* s */

lml_progress lml_progress_start(const char *program, lml_log_level level, lml_log_level least) {
  const lml_progress_style style = isatty(STDERR_FILENO) == 1 ? LML_PROGRESS_BAR : LML_PROGRESS_LINES;
  return (lml_progress){.style = level >= least ? style : LML_PROGRESS_NONE, .stream = stderr, .program = program};
}

static double interval(const lml_progress *progress, double now) {
  if (progress->style == LML_PROGRESS_BAR) return bar_interval;
  return fmin(longest_interval, fmax(shortest_interval, 0.25 * (now - progress->begin)));
}

void lml_progress_begin(lml_progress *progress, const char *what) {
  lml_progress_clear(progress);
  progress->what = what;
  progress->begin = lml_sys->clock();
  progress->next = progress->begin + interval(progress, progress->begin);
}

/** A time in a unit in which it has two or three digits. */
static void put_time(char *text, size_t size, double seconds) {
  if (seconds < 2.0 * minute)
    lml_print_behind(text, size, "%.0f s", seconds);
  else if (seconds < 2.0 * hour)
    lml_print_behind(text, size, "%.0f min", seconds / minute);
  else
    lml_print_behind(text, size, "%.1f h", seconds / hour);
}

static void put_bar(char *text, size_t size, double share) {
  char bar[BAR_WIDTH + 1];
  const size_t full = (size_t)(share * BAR_WIDTH);
  memset(bar, ' ', BAR_WIDTH);
  memset(bar, '=', full);
  if (full < BAR_WIDTH) bar[full] = '>';
  bar[BAR_WIDTH] = '\0';
  lml_print_behind(text, size, "[%s] ", bar);
}

/** Share, words, and what is left at the rate so far; the time, too, where there is room or nothing else. */
static void describe(const lml_progress *progress, double now, double share, const char *detail, char *text,
                     size_t size) {
  const double seconds = now - progress->begin;
  lml_print_cut(text, size, "%s%s", progress->what == NULL ? "" : progress->what, progress->what == NULL ? "" : ": ");
  if (share >= 0.0 && progress->style == LML_PROGRESS_BAR) put_bar(text, size, share);
  if (share >= 0.0) lml_print_behind(text, size, "%.0f %%, ", 100.0 * share);
  if (*detail != '\0') lml_print_behind(text, size, "%s, ", detail);
  if (share <= 0.0 || progress->style == LML_PROGRESS_LINES) put_time(text, size, seconds);
  if (share <= 0.0) return;
  if (progress->style == LML_PROGRESS_LINES) lml_print_behind(text, size, ", about ");
  put_time(text, size, seconds * (1.0 - share) / share);
  lml_print_behind(text, size, " left");
}

void lml_progress_show(lml_progress *progress, double done, double total, const char *detail) {
  if (progress->style == LML_PROGRESS_NONE) return;
  const double now = lml_sys->clock();
  if (now < progress->next) return;
  char text[LINE_SIZE];
  describe(progress, now, total > 0.0 ? fmin(1.0, done / total) : -1.0, detail, text, sizeof text);
  progress->next = now + interval(progress, now);
  if (progress->style == LML_PROGRESS_LINES) {
    fprintf(progress->stream, "%s: %s\n", progress->program, text);
    return;
  }
  fprintf(progress->stream, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, text);
  progress->dirty = true;
  fflush(progress->stream);
}

void lml_progress_clear(lml_progress *progress) {
  if (!progress->dirty) return;
  progress->dirty = false;
  fprintf(progress->stream, "\r%*s\r", LINE_WIDTH, "");
  fflush(progress->stream);
}
