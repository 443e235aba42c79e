#include "engine/engine_texts.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "engine/template.h"

/** What a text is for. */
typedef enum purpose { COMMAND, PATH } purpose;

static lml_status fill(const lml_engine_settings *settings, const lml_engine_texts *texts, purpose what,
                       const char *text, char **filled, lml_error *error) {
  const lml_ipi_address *address = &settings->address;
  const bool is_unix = address->transport == LML_IPI_UNIX;
  const char *name = settings->socket_name == NULL ? "" : settings->socket_name;
  char index[16], whole[LML_IPI_ADDRESS_TEXT_SIZE + 8];
  lml_print_cut(index, sizeof index, "%u", settings->index);
  lml_print_cut(whole, sizeof whole, is_unix ? "%s:UNIX" : "%s", is_unix ? name : address->text);
  const lml_template_value values[] = {{"index", index},        {"address", whole},      {"name", name},
                                       {"path", address->path}, {"host", address->host}, {"port", address->port},
                                       {"cluster", texts->file}};
  const size_t count = sizeof values / sizeof values[0];
  if (what == COMMAND) return lml_template_fill_command(text, values, count, filled, error);
  *filled = lml_template_fill(text, values, count, error);
  return *filled == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status make_who(const lml_engine_settings *settings, lml_engine_texts *texts, lml_error *error) {
  const char *name = settings->name == NULL ? "" : settings->name, *address = settings->address.text;
  texts->who = lml_print_new("an engine's name", error, "engine%s%s at %s", name[0] == '\0' ? "" : " ", name, address);
  return texts->who == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Engines may share a folder, but not an address. */
static lml_status name_files(const lml_engine_settings *settings, lml_engine_texts *texts, lml_error *error) {
  const lml_ipi_address *address = &settings->address;
  const char *text = address->transport == LML_IPI_UNIX ? settings->socket_name : address->port;
  texts->short_name = lml_strdup(lml_path_name(text == NULL ? address->path : text), error);
  if (texts->short_name == NULL) return LML_ERR_MEMORY;
  texts->file = lml_print_new("the name of a file", error, "%s-cluster.xyz", texts->short_name);
  return texts->file == NULL ? LML_ERR_MEMORY : LML_OK;
}

lml_status lml_engine_texts_fill(const lml_engine_settings *settings, lml_engine_texts *texts, lml_error *error) {
  lml_status status = make_who(settings, texts, error);
  if (status == LML_OK) status = name_files(settings, texts, error);
  if (status != LML_OK || settings->launch == NULL) return status;
  const struct {
    const char *key;
    purpose what;
    const char *text;
    char **filled;
  } all[] = {{"launch", COMMAND, settings->launch, &texts->launch},
             {"prepare", COMMAND, settings->prepare, &texts->prepare},
             {"folder", PATH, settings->folder == NULL ? "." : settings->folder, &texts->folder},
             {"output", PATH, settings->output == NULL ? "engine.log" : settings->output, &texts->output}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (all[i].text == NULL) continue;
    status = fill(settings, texts, all[i].what, all[i].text, all[i].filled, error);
    if (status != LML_OK) return lml_fail_context(error, "%s", all[i].key);
  }
  texts->output_path = lml_path_inside(texts->folder, texts->output, error);
  return texts->output_path == NULL ? LML_ERR_MEMORY : LML_OK;
}

void lml_engine_texts_free(lml_engine_texts *texts) {
  lml_free(texts->who);
  lml_free(texts->short_name);
  lml_free(texts->file);
  lml_free(texts->launch);
  lml_free(texts->prepare);
  lml_free(texts->folder);
  lml_free(texts->output);
  lml_free(texts->output_path);
  *texts = (lml_engine_texts){0};
}
