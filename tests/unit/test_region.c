/* Regions against a search over all images, and made by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "mixing/region.h"
#include "structure/lattice.h"
#include "support/folder.h"

static lml_error error;

static unsigned long seed = 1;

/** From −1 to 1. */
static double any(void) {
  seed = seed * 6364136223846793005UL + 1442695040888963407UL;
  return (double)(seed >> 11) / (double)(1UL << 52) - 1.0;
}

enum { NATOMS = 40, REACH = 8 };

/** Random atoms, also outside the cell. */
static lml_structure random_structure(const double cell[9], unsigned periodic) {
  lml_structure structure = {0};
  assert_int_equal(lml_structure_resize(&structure, NATOMS, &error), LML_OK);
  memcpy(structure.cell, cell, sizeof structure.cell);
  for (int k = 0; k < 3; k++) structure.pbc[k] = ((periodic >> k) & 1) != 0;
  for (size_t i = 0; i < NATOMS; i++) {
    structure.numbers[i] = i % 7 == 0 ? 2 : 74;
    for (int x = 0; x < 3; x++) structure.positions[3 * i + x] = 6.0 * any();
  }
  return structure;
}

/** Shortest distance over images up to REACH cells away, in the cell as it is given. */
static double brute_distance(const lml_structure *s, const double *to, const double *from, const double *project) {
  double shortest = INFINITY;
  int reach[3];
  for (int k = 0; k < 3; k++) reach[k] = s->pbc[k] ? REACH : 0;
  for (int a = -reach[0]; a <= reach[0]; a++)
    for (int b = -reach[1]; b <= reach[1]; b++)
      for (int c = -reach[2]; c <= reach[2]; c++) {
        double v[3], along = 0.0, square = 0.0;
        for (int x = 0; x < 3; x++) v[x] = to[x] - from[x] + a * s->cell[x] + b * s->cell[3 + x] + c * s->cell[6 + x];
        for (int x = 0; x < 3 && project != NULL; x++) along += v[x] * project[x];
        for (int x = 0; x < 3; x++) {
          if (project != NULL) v[x] -= along * project[x];
          square += v[x] * v[x];
        }
        shortest = fmin(shortest, sqrt(square));
      }
  return shortest;
}

static const double cells[][9] = {{10, 0, 0, 0, 12, 0, 0, 0, 14},
                                  {20, 0, 0, 0, 25, 0, 0, 0, 2.8},
                                  {9, 1, 0, 4, 8, 1, 3, 3.5, 9},
                                  {6, 0, 0, 9, 7, 0, -8, 4, 8}};
enum { CELLS = sizeof cells / sizeof cells[0] };

static void distances_are_those_of_the_nearest_image(void **state) {
  (void)state;
  for (size_t c = 0; c < CELLS; c++)
    for (unsigned periodic = 0; periodic < 8; periodic++) {
      lml_structure s = random_structure(cells[c], periodic);
      lml_lattice lattice;
      assert_int_equal(lml_lattice_make(&lattice, &s, &error), LML_OK);
      for (size_t i = 1; i < NATOMS; i++) {
        const double *to = s.positions + 3 * i, *from = s.positions;
        const double v[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
        const double expected = brute_distance(&s, to, from, NULL), limit = 4.0;
        assert_true(fabs(lml_lattice_nearest_distance(&lattice, v, INFINITY) - expected) < 1e-12);
        assert_int_equal(isfinite(lml_lattice_nearest_distance(&lattice, v, limit)), expected < limit);
      }
      lml_structure_free(&s);
    }
}

/** Labels, distances and weights against the definition; @p last are the labels that a region that moves had before. */
static void agrees(const lml_region *region, const lml_region_settings *settings, const lml_structure *s,
                   const unsigned char *last) {
  size_t counts[LML_REGION_LABELS] = {0};
  for (size_t i = 0; i < NATOMS; i++) {
    double distance = INFINITY;
    for (size_t k = 0; k < NATOMS; k++)
      if (region->labels[k] == LML_REGION_QM)
        distance = fmin(distance, brute_distance(s, s->positions + 3 * i, s->positions + 3 * k, NULL));
    const lml_region_label label = (lml_region_label)region->labels[i];
    counts[label]++;
    if (label == LML_REGION_QM) {
      assert_true(region->weights[i] == 1.0 && region->distances[i] == 0.0);
      continue;
    }
    const double margin =
        last != NULL && last[i] != LML_REGION_MM ? settings->around.outer - settings->around.inner : 0.0;
    const lml_region_label expected = distance < settings->blend                               ? LML_REGION_BLEND
                                      : distance < settings->blend + settings->buffer + margin ? LML_REGION_BUFFER
                                                                                               : LML_REGION_MM;
    assert_int_equal(label, expected);
    if (expected == LML_REGION_MM)
      assert_true(isinf(region->distances[i]));
    else
      assert_true(fabs(region->distances[i] - distance) < 1e-12);
    const double x = distance / settings->blend;
    const double weight = expected != LML_REGION_BLEND                 ? 0.0
                          : settings->blend_shape == LML_REGION_LINEAR ? 1.0 - x
                                                                       : 1.0 - 3.0 * x * x + 2.0 * x * x * x;
    assert_true(fabs(region->weights[i] - weight) < 1e-12);
  }
  assert_memory_equal(region->counts, counts, sizeof counts);
}

static void spheres_agree_with_all_images(void **state) {
  (void)state;
  for (size_t c = 0; c < CELLS; c++)
    for (unsigned periodic = 0; periodic < 8; periodic++) {
      lml_structure s = random_structure(cells[c], periodic);
      const lml_region_sphere spheres[] = {{.atom = -1, .centre = {1, 2, 3}, .radius = 3.5},
                                           {.atom = 3, .radius = 2.5}};
      const lml_region_settings settings = {.selection = LML_REGION_BY_SPHERE,
                                            .spheres = spheres,
                                            .nspheres = 2,
                                            .buffer = 2.5,
                                            .blend = periodic % 2 == 0 ? 0.0 : 1.5,
                                            .blend_shape = periodic % 4 == 1 ? LML_REGION_CUBIC : LML_REGION_LINEAR};
      lml_region region = {0};
      assert_int_equal(lml_region_make(&region, &settings, &s, NULL, &error), LML_OK);
      for (size_t i = 0; i < NATOMS; i++) {
        const double *r = s.positions + 3 * i;
        const bool in =
            brute_distance(&s, r, spheres[0].centre, NULL) < 3.5 || brute_distance(&s, r, s.positions + 9, NULL) < 2.5;
        assert_int_equal(region.labels[i] == LML_REGION_QM, in);
      }
      agrees(&region, &settings, &s, NULL);
      lml_region_free(&region);
      lml_structure_free(&s);
    }
}

static void cylinders_agree_with_all_images(void **state) {
  (void)state;
  for (size_t c = 0; c < CELLS; c++)
    for (int axis = 0; axis < 3; axis++) {
      lml_structure s = random_structure(cells[c], 7);
      lml_region_settings settings = {.selection = LML_REGION_BY_CYLINDER,
                                      .cylinder = {.axis = axis, .point = {1, -2, 5}, .radius = 3.0},
                                      .buffer = 1.0};
      lml_region region = {0};
      assert_int_equal(lml_region_make(&region, &settings, &s, NULL, &error), LML_OK);
      double unit[3];
      const double *v = s.cell + 3 * axis, length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
      for (int x = 0; x < 3; x++) unit[x] = v[x] / length;
      for (size_t i = 0; i < NATOMS; i++) {
        const bool in = brute_distance(&s, s.positions + 3 * i, settings.cylinder.point, unit) < 3.0;
        assert_int_equal(region.labels[i] == LML_REGION_QM, in);
      }
      agrees(&region, &settings, &s, NULL);
      lml_region_free(&region);
      lml_structure_free(&s);
    }
}

/** Seeds that walk, among atoms that do: what an atom was decides between the radii. */
static void regions_that_move_agree_with_all_images(void **state) {
  (void)state;
  static const unsigned periodicities[] = {0, 3, 7};
  static const int species[] = {2};
  size_t kept = 0, dropped = 0;
  for (size_t run = 0; run < 3 * CELLS; run++) {
    lml_structure s = random_structure(cells[run / 3], periodicities[run % 3]);
    const lml_region_settings settings = {.selection = LML_REGION_AROUND,
                                          .species = species,
                                          .nspecies = 1,
                                          .around = {.inner = 1.6, .outer = 2.4},
                                          .blend = run % 2 == 0 ? 0.0 : 0.7,
                                          .buffer = 0.9};
    unsigned char last[NATOMS] = {0};
    for (int step = 0; step < 6; step++) {
      lml_region region = {0}, again = {0};
      assert_int_equal(step == 0 ? lml_region_make(&region, &settings, &s, NULL, &error)
                                 : lml_region_follow(&region, &settings, &s, last, &error),
                       LML_OK);
      for (size_t i = 0; i < NATOMS; i++) {
        double distance = INFINITY;
        for (size_t k = 0; k < NATOMS; k += 7)
          distance = fmin(distance, brute_distance(&s, s.positions + 3 * i, s.positions + 3 * k, NULL));
        const bool was = last[i] == LML_REGION_QM, in = distance < 1.6 || (was && distance < 2.4);
        assert_int_equal(region.labels[i] == LML_REGION_QM, in);
        kept += was && in && distance >= 1.6;
        dropped += was && !in;
      }
      agrees(&region, &settings, &s, step == 0 ? NULL : last);
      memcpy(last, region.labels, NATOMS);
      for (size_t i = 0; i < 3 * NATOMS; i++) s.positions[i] += 0.4 * any();
      assert_int_equal(lml_region_restore(&again, &settings, &s, last, &error), LML_OK);
      assert_memory_equal(again.labels, last, NATOMS);
      assert_memory_equal(again.counts, region.counts, sizeof region.counts);
      lml_region_free(&region);
      lml_region_free(&again);
    }
    lml_structure_free(&s);
  }
  assert_true(kept > 20 && dropped > 5);
}

static void indices_and_species_are_taken(void **state) {
  (void)state;
  lml_structure s = random_structure(cells[0], 7);
  const int indices[] = {5, 39, 5}, species[] = {2};
  lml_region_settings settings = {.selection = LML_REGION_BY_INDEX, .indices = indices, .nindices = 3, .buffer = 3.0};
  lml_region region = {0};
  assert_int_equal(lml_region_make(&region, &settings, &s, NULL, &error), LML_OK);
  assert_int_equal(region.counts[LML_REGION_QM], 2);
  assert_int_equal(region.labels[39], LML_REGION_QM);
  agrees(&region, &settings, &s, NULL);
  settings = (lml_region_settings){.selection = LML_REGION_BY_SPECIES, .species = species, .nspecies = 1};
  assert_int_equal(lml_region_make(&region, &settings, &s, NULL, &error), LML_OK);
  for (size_t i = 0; i < NATOMS; i++) assert_int_equal(region.labels[i] == LML_REGION_QM, i % 7 == 0);
  assert_int_equal(region.counts[LML_REGION_BUFFER], 0);
  lml_region_free(&region);
  lml_structure_free(&s);
}

static void a_distance_equal_to_the_width_is_outside(void **state) {
  (void)state;
  lml_structure s = {.pbc = {true, true, true}, .cell = {10, 0, 0, 0, 10, 0, 0, 0, 10}};
  assert_int_equal(lml_structure_resize(&s, 3, &error), LML_OK);
  s.positions[3] = 3.0;
  s.positions[6] = 8.0;
  const int zero = 0;
  lml_region_settings settings = {.selection = LML_REGION_BY_INDEX, .indices = &zero, .nindices = 1, .buffer = 3.0};
  lml_region region = {0};
  assert_int_equal(lml_region_make(&region, &settings, &s, NULL, &error), LML_OK);
  assert_int_equal(region.labels[1], LML_REGION_MM);
  assert_int_equal(region.labels[2], LML_REGION_BUFFER); /* 2 Å across the boundary */
  lml_region_free(&region);
  lml_structure_free(&s);
}

static void labels_come_from_a_file(void **state) {
  (void)state;
  const char *path = write_text("s.xyz",
                                "4\nLattice=\"20 0 0 0 20 0 0 0 20\" Properties=species:S:1:pos:R:3:region:S:1 "
                                "pbc=\"T T T\"\nW 0 0 0 QM\nW 3 0 0 buffer\nW 17.5 0 0 buffer\nW 9 0 0 MM\n");
  lml_frame frame = {0};
  unsigned char *labels;
  assert_int_equal(lml_xyz_read_file(path, 0, &frame, &error), LML_OK);
  assert_int_equal(lml_region_read_labels(&frame, path, &labels, &error), LML_OK);
  lml_region_settings settings = {.buffer = -1.0};
  lml_region region = {0};
  assert_int_equal(lml_region_make(&region, &settings, &frame.structure, labels, &error), LML_OK);
  const unsigned char expected[] = {LML_REGION_QM, LML_REGION_BUFFER, LML_REGION_BUFFER, LML_REGION_MM};
  assert_memory_equal(region.labels, expected, 4);
  assert_true(fabs(region.buffer - 3.0) < 1e-12);
  settings.buffer = 2.75; /* a width counts more than the file's labels */
  assert_int_equal(lml_region_make(&region, &settings, &frame.structure, labels, &error), LML_OK);
  assert_int_equal(region.labels[1], LML_REGION_MM);
  assert_int_equal(region.labels[2], LML_REGION_BUFFER);
  lml_region_free(&region);
  lml_free(labels);
  lml_frame_free(&frame);
  empty_folder();
}

static void refuses(const lml_region_settings *settings, const char *words) {
  lml_structure s = random_structure(cells[0], 7);
  lml_region region = {0};
  assert_int_equal(lml_region_make(&region, settings, &s, NULL, &error), LML_ERR_INPUT);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  assert_null(region.labels);
  lml_structure_free(&s);
}

static void what_cannot_be_selected_is_refused(void **state) {
  (void)state;
  const int index = 40, species = 26;
  const lml_region_sphere sphere = {.atom = 77, .radius = 1.0};
  const lml_region_settings bad[] = {
      {.selection = LML_REGION_BY_INDEX, .indices = &index, .nindices = 1},
      {.selection = LML_REGION_BY_SPECIES, .species = &species, .nspecies = 1},
      {.selection = LML_REGION_BY_SPHERE, .spheres = &sphere, .nspheres = 1},
      {.selection = LML_REGION_BY_LABEL, .buffer = 2.0},
      {.selection = LML_REGION_BY_SPECIES, .species = &species, .nspecies = 1, .buffer = -1.0},
      {.selection = LML_REGION_BY_LABEL, .buffer = -1.0, .blend = 1.0},
  };
  static const char *const words[] = {"the QM atom 40 is not in the structure, whose 40 atoms count from 0",
                                      "no atom of the structure is selected as QM",
                                      "the atom 77 at the centre of a sphere is not in the structure",
                                      "no column region that says which atoms are QM",
                                      "no column region that says which atoms are buffer",
                                      "a blend needs a buffer of a given width"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) refuses(&bad[i], words[i]);
  const char *path = write_text("s.xyz", "1\nProperties=species:S:1:pos:R:3:region:S:1\nW 0 0 0 Q\n");
  lml_frame frame = {0};
  unsigned char *labels;
  assert_int_equal(lml_xyz_read_file(path, 0, &frame, &error), LML_OK);
  assert_int_equal(lml_region_read_labels(&frame, path, &labels, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "s.xyz: the region of atom 0 is 'Q'; it must be QM, buffer or MM"));
  lml_frame_free(&frame);
  empty_folder();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_are_those_of_the_nearest_image),
      cmocka_unit_test(spheres_agree_with_all_images),
      cmocka_unit_test(regions_that_move_agree_with_all_images),
      cmocka_unit_test(cylinders_agree_with_all_images),
      cmocka_unit_test(indices_and_species_are_taken),
      cmocka_unit_test(a_distance_equal_to_the_width_is_outside),
      cmocka_unit_test(labels_come_from_a_file),
      cmocka_unit_test(what_cannot_be_selected_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
