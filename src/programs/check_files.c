#include "programs/check_files.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "engine/remote_calculator.h"
#include "lmlink/extxyz.h"
#include "structure/frame.h"
#include "structure/log_keys.h"

/** The labels of all regions together: for each atom the one that gives it the largest part. */
static lml_status join_labels(const lml_build *build, unsigned char **labels, lml_error *error) {
  const size_t natoms = build->structure->natoms;
  const lml_status status = lml_alloc(labels, natoms, 1, "region labels", error);
  for (size_t r = 0; status == LML_OK && r < build->nregions; r++)
    for (size_t i = 0; i < natoms; i++) {
      const unsigned char own = build->regions[r].region->labels[i];
      if (own > (*labels)[i]) (*labels)[i] = own;
    }
  return status;
}

static lml_status write_regions(const lml_build *build, const char *path, lml_error *error) {
  lml_frame frame = {0};
  unsigned char *labels = NULL;
  lml_status status = lml_structure_copy(&frame.structure, build->structure, error);
  if (status == LML_OK) status = join_labels(build, &labels, error);
  if (status == LML_OK) status = lml_region_write_labels(&frame, LML_LOG_REGION, labels, NULL, error);
  if (status == LML_OK) status = lml_frame_write_file(&frame, path, error);
  lml_free(labels);
  lml_frame_free(&frame);
  return status;
}

/** A region without atoms has no cluster, and no file of one that it once had. */
static lml_status remove_cluster(const char *path, lml_error *error) {
  if (lml_sys->unlink(path) == 0 || errno == ENOENT) return LML_OK;
  return lml_fail_errno(error, errno, "%s: is of another configuration and cannot be removed", path);
}

/** Write the cluster of region @p r. */
static lml_status write_cluster(const lml_build *build, const char *prefix, size_t r, lml_error *error) {
  const lml_built_region *region = &build->regions[r];
  const bool alone = build->nregions == 1;
  char *path = lml_print_new("the name of a file", error, "%s-cluster%s%s.xyz", prefix, alone ? "" : "-",
                             alone ? "" : region->config->name);
  if (path == NULL) return LML_ERR_MEMORY;
  const lml_status status = region->cluster->structure.natoms == 0
                                ? remove_cluster(path, error)
                                : lml_cluster_write(region->cluster, region->region, path, error);
  lml_free(path);
  return status;
}

lml_status lml_check_files_write(const lml_build *build, const char *prefix, lml_error *error) {
  if (build->nregions == 0) return LML_OK;
  char *path = lml_print_new("the name of a file", error, "%s-regions.xyz", prefix);
  if (path == NULL) return LML_ERR_MEMORY;
  lml_status status = write_regions(build, path, error);
  lml_free(path);
  for (size_t r = 0; r < build->nregions && status == LML_OK; r++) status = write_cluster(build, prefix, r, error);
  return status;
}

/** How the region is chosen, where that goes on. */
static void describe_rule(const lml_built_region *region, char *text, size_t size) {
  const size_t update = region->config->update;
  const lml_region_settings *settings = &region->config->region;
  const lml_uncertain_settings *uncertain = &settings->uncertain;
  const char *plural = update == 1 ? "" : "s";
  if (settings->selection == LML_REGION_AROUND && update > 0)
    lml_print_behind(text, size, "; moves with its seeds: inner %g Å, outer %g Å, every %zu evaluation%s",
                     settings->around.inner, settings->around.outer, update, plural);
  if (settings->selection != LML_REGION_UNCERTAIN) return;
  lml_print_behind(text, size, "; by %s above %g", lml_uncertain_by_names[uncertain->by], uncertain->inner);
  if (uncertain->max_atoms > 0 && region->nwanted > uncertain->max_atoms)
    lml_print_behind(text, size, ", the most uncertain of %zu such atoms", region->nwanted);
  if (update > 0)
    lml_print_behind(text, size, "; until below %g, every %zu evaluation%s", uncertain->outer, update, plural);
}

void lml_check_describe_region(const lml_built_region *region, char *text, size_t size) {
  const size_t *counts = region->region->counts;
  char blend[64] = "";
  if (region->region->blend > 0.0)
    lml_print_cut(blend, sizeof blend, ", %zu blend (%g Å)", counts[LML_REGION_BLEND], region->region->blend);
  lml_print_cut(text, size, "%s: %zu QM%s, %zu buffer (%g Å), %zu MM atoms", region->config->name,
                counts[LML_REGION_QM], blend, counts[LML_REGION_BUFFER], region->region->buffer, counts[LML_REGION_MM]);
  describe_rule(region, text, size);
}

void lml_check_describe_cluster(const lml_built_region *region, char *text, size_t size) {
  static const char names[3] = {'a', 'b', 'c'};
  const lml_structure *structure = &region->cluster->structure;
  if (structure->natoms == 0) {
    lml_print_cut(text, size, "%s: no atoms, nothing to ask of its calculator", region->config->name);
    return;
  }
  lml_print_cut(text, size, "%s: %zu atoms in", region->config->name, structure->natoms);
  for (int k = 0; k < 3; k++) {
    const double *v = structure->cell + 3 * k;
    lml_print_behind(text, size, "%s %g", k == 0 ? "" : " ×", hypot(hypot(v[0], v[1]), v[2]));
  }
  lml_print_behind(text, size, " Å");
  for (int k = 0, count = 0; k < 3; k++) {
    if (!structure->pbc[k]) continue;
    lml_print_behind(text, size, "%s%c", count++ == 0 ? ", periodic along " : ", ", names[k]);
  }
}

void lml_check_describe_engine(const lml_built_region *region, char *text, size_t size) {
  const lml_calculator_config *config = region->config->calculator;
  lml_print_cut(text, size, "%s: ", region->config->name);
  const size_t used = strlen(text);
  if (config->type == LML_CALCULATOR_LINEAR)
    lml_print_behind(text, size, "%s", config->potential);
  else if (config->type == LML_CALCULATOR_MIXING)
    lml_print_behind(text, size, "a mixture");
  else
    lml_remote_calculator_describe(region->calculator, text + used, size - used);
}
