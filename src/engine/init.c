#include "engine/init.h"

#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/print.h"
#include "calculator/result_names.h"

enum { INIT_VERSION = 1, HIGHEST_NUMBER = 118, FRAME_SIZE = 96, NUMBER_SIZE = 12 };

/* ---- reading ---- */

static lml_status check_version(const lml_json *document, const lml_json_value *root, lml_error *error) {
  int version = 0;
  const lml_status status = lml_json_integer(document, root, "lmlink", LML_JSON_REQUIRED, &version, error);
  if (status != LML_OK || version == INIT_VERSION) return status;
  return lml_json_fail(document, root, "lmlink", error, "version %d is not known; this lmlink reads version %d",
                       version, INIT_VERSION);
}

static lml_status check_species(const lml_json *document, const lml_json_value *root, const int *species, size_t natoms,
                                lml_error *error) {
  if (natoms == 0) return lml_json_fail(document, root, "species", error, "names no atom");
  for (size_t i = 0; i < natoms; i++)
    if (species[i] < 1 || species[i] > HIGHEST_NUMBER)
      return lml_json_fail(document, root, "species", error, "%d, of atom %zu, is not an atomic number (1 to %d)",
                           species[i], i, HIGHEST_NUMBER);
  return LML_OK;
}

static lml_status read_document(const lml_json *document, lml_init *read, lml_error *error) {
  static const char *const keys[] = {"lmlink", "species", "pbc", "results"};
  const lml_json_value *root = lml_json_root(document);
  /* The version first: another one may have other keys. */
  lml_status status = check_version(document, root, error);
  if (status == LML_OK) status = lml_json_check_keys(document, root, keys, sizeof keys / sizeof keys[0], error);
  if (status == LML_OK)
    status = lml_json_logicals(document, root, "pbc", LML_JSON_REQUIRED, 3, read->structure.pbc, error);
  if (status == LML_OK) status = lml_result_names_read(document, root, &read->results, error);
  if (status != LML_OK) return status;

  int *species = NULL;
  size_t natoms = 0;
  status = lml_json_integers(document, root, "species", LML_JSON_REQUIRED, &species, &natoms, error);
  if (status == LML_OK) status = check_species(document, root, species, natoms, error);
  if (status == LML_OK) status = lml_structure_resize(&read->structure, natoms, error);
  if (status == LML_OK) memcpy(read->structure.numbers, species, natoms * sizeof *species);
  lml_free(species);
  return status;
}

lml_status lml_init_read(const char *text, size_t length, lml_init *init, lml_error *error) {
  size_t blank = 0;
  while (blank < length && memchr(" \t\r\n", text[blank], 4) != NULL) blank++;
  lml_init read = {.has_structure = blank < length && text[blank] == '{'};
  lml_status status = LML_OK;
  if (read.has_structure) {
    lml_json *document = NULL;
    status = lml_json_parse(text, length, "INIT", &document, error);
    if (status == LML_OK) status = read_document(document, &read, error);
    lml_json_free(document);
  }
  if (status != LML_OK) {
    lml_init_free(&read);
    if (status == LML_ERR_INPUT && error != NULL) error->status = LML_ERR_PROTOCOL;
    return status == LML_ERR_INPUT ? LML_ERR_PROTOCOL : status;
  }
  lml_init_free(init);
  *init = read;
  return LML_OK;
}

void lml_init_free(lml_init *init) {
  lml_structure_free(&init->structure);
  lml_text_list_free(&init->results);
  *init = (lml_init){0};
}

/* ---- writing ---- */

lml_status lml_init_write(const lml_structure *structure, char **text, size_t *capacity, size_t *length,
                          lml_error *error) {
  const size_t size = FRAME_SIZE + NUMBER_SIZE * structure->natoms;
  const lml_status status = lml_grow(text, capacity, size, 1, "the INIT for an engine", error);
  if (status != LML_OK) return status;
  const char *const words[] = {"false", "true"};
  const bool *pbc = structure->pbc;
  size_t used = lml_print_cut(*text, size, "{\"lmlink\": %d, \"pbc\": [%s, %s, %s], \"species\": [", INIT_VERSION,
                              words[pbc[0]], words[pbc[1]], words[pbc[2]]);
  for (size_t i = 0; i < structure->natoms; i++)
    used += lml_print_cut(*text + used, size - used, "%s%d", i == 0 ? "" : ",", structure->numbers[i]);
  used += lml_print_cut(*text + used, size - used, "]}");
  *length = used;
  return LML_OK;
}
