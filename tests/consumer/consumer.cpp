#include <lmlink/lmlink.h>

#include <cstdio>

int main() {
  lml_structure structure = {};
  lml_error error = {};
  const bool refused = lml_structure_check(&structure, &error) != LML_OK;
  std::printf("lmlink %s: %s\n", lml_version(), error.message);
  lml_structure_free(&structure);
  return refused ? 0 : 1;
}
