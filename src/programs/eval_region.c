#include "programs/eval_region.h"

#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "mixing/uncertain_region.h"
#include "programs/calculator_config.h"
#include "programs/config_tables.h"
#include "structure/held_atoms.h"
#include "structure/log_keys.h"

static void init(void *target) {
  *(lml_region_config *)target = (lml_region_config){0};
  lml_region_keys.init(target);
}

static void free_nothing(void *target) { (void)target; }

const lml_key_root lml_eval_region_keys = {
    .table = &lml_region_keys, .size = sizeof(lml_region_config), .init = init, .free = free_nothing};

struct lml_eval_region {
  lml_region_config config;
  lml_uncertain_scores scores;
  double cutoff; /**< Å, of the potential */
  size_t nframes;
};

static lml_status check_options(const lml_arguments *arguments, lml_error *error) {
  static const char *const needed[] = {"output", "region-inner", "region-buffer"};
  for (size_t k = 0; k < sizeof needed / sizeof needed[0]; k++)
    if (lml_arguments_count(arguments, needed[k]) == 0)
      return lml_fail(error, LML_ERR_USAGE, "--propose-region needs --%s", needed[k]);
  return LML_OK;
}

/** Options of a region that is not asked for. */
static lml_status check_none(const lml_arguments *arguments, lml_error *error) {
  static const char prefix[] = "region-";
  for (size_t k = 0; k < arguments->ngiven; k++)
    if (strncmp(arguments->given[k].option.name, prefix, sizeof prefix - 1) == 0)
      return lml_fail(error, LML_ERR_USAGE, "--%s is for --propose-region alone", arguments->given[k].option.name);
  return LML_OK;
}

static lml_status add_names(const lml_uncertain_settings *settings, lml_text_list *names, lml_error *error) {
  lml_uncertain_needs needs = {.count = 0};
  lml_status status = LML_OK;
  lml_uncertain_needs_add(&needs, settings);
  for (size_t k = 0; k < needs.count && status == LML_OK; k++) {
    const lml_request known = {.names = (const char *const *)names->texts, .count = names->count};
    if (!lml_request_names(&known, needs.names[k]))
      status = lml_text_list_take(names, lml_strdup(needs.names[k], error), error);
  }
  return status;
}

lml_status lml_eval_region_create(const lml_arguments *arguments, lml_text_list *names, lml_eval_region **region,
                                  lml_error *error) {
  *region = NULL;
  if (lml_arguments_count(arguments, "propose-region") == 0) return check_none(arguments, error);
  lml_status status = check_options(arguments, error);
  if (status == LML_OK) status = lml_alloc(region, 1, sizeof **region, "a region", error);
  if (status != LML_OK) return status;
  lml_region_settings *settings = &(*region)->config.region;
  init(&(*region)->config);
  status = lml_arguments_apply(arguments, &(*region)->config, error);
  settings->selection = LML_REGION_UNCERTAIN;
  settings->uncertain.outer = settings->uncertain.inner;
  settings->uncertain.margin = 0.0;
  return status == LML_OK ? add_names(&settings->uncertain, names, error) : status;
}

void lml_eval_region_set_cutoff(lml_eval_region *region, double cutoff) { region->cutoff = cutoff; }

static void print_row(lml_eval_region *self, long index, const lml_region *region, size_t nwanted) {
  if (self->nframes++ == 0) printf("%8s %8s %8s %8s %10s\n", "frame", "atoms", "QM", "buffer", "uncertain");
  printf("%8ld %8zu %8zu %8zu %10zu\n", index, region->natoms, region->counts[LML_REGION_QM],
         region->counts[LML_REGION_BUFFER], nwanted);
}

lml_status lml_eval_region_put(lml_eval_region *self, long index, lml_frame *frame, const lml_results *results,
                               lml_error *error) {
  const lml_region_settings *settings = &self->config.region;
  const lml_uncertain_source source = {.structure = &frame->structure, .cutoff = self->cutoff, .ml = results};
  lml_region region = {0};
  unsigned char *held = NULL;
  lml_status status = lml_uncertain_scores_take(&self->scores, &settings->uncertain, &source, error);
  if (status == LML_OK && settings->uncertain.mask == LML_UNCERTAIN_MASK_HELD)
    status = lml_held_atoms_read(frame, &held, error);
  lml_uncertain_choice choice = {
      .settings = settings, .structure = &frame->structure, .scores = &self->scores, .held = held};
  if (status == LML_OK) status = lml_uncertain_region_make(&region, &choice, error);
  if (status == LML_OK) status = lml_region_write_labels(frame, LML_LOG_REGION, region.labels, NULL, error);
  if (status == LML_OK) print_row(self, index, &region, choice.nwanted);
  lml_free(held);
  lml_region_free(&region);
  return status;
}

void lml_eval_region_free(lml_eval_region *region) {
  if (region == NULL) return;
  lml_uncertain_scores_free(&region->scores);
  lml_free(region);
}
