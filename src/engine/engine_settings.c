#include "engine/engine_settings.h"

#include <string.h>

lml_engine_settings lml_engine_defaults(void) {
  return (lml_engine_settings){.connect_limit = 3600.0,
                               .answer_limit = 60.0,
                               .prepare_limit = 600.0,
                               .evaluate_limit = -1.0,
                               .stop_patience = 5.0,
                               .policy = LML_ENGINE_RESTART,
                               .retries = 3,
                               .back_off = 1.0};
}

bool lml_engine_follows(const char *prepare, const char *launch) {
  return prepare != NULL || (launch != NULL && strstr(launch, "{cluster}") != NULL);
}
