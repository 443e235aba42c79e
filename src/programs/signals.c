#include "programs/signals.h"

#include <signal.h>
#include <string.h>

static void handle(const int *numbers, size_t count, void (*handler)(int number), int flags) {
  for (size_t i = 0; i < count; i++) {
    struct sigaction action;
    if (sigaction(numbers[i], NULL, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(numbers[i], &action, NULL);
  }
}

void lml_signals_handle(const int *numbers, size_t count, void (*handler)(int number)) {
  handle(numbers, count, handler, 0);
}

static void live_on(int number) { (void)number; }

void lml_signals_outlive_notices(void) {
  static const int notices[] = {SIGUSR1, SIGUSR2};
  handle(notices, sizeof notices / sizeof notices[0], live_on, SA_RESTART);
}
