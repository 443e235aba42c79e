/* bench_evaluate POTENTIAL STRUCTURE.xyz EVALUATIONS [THREADS [DISTANCE [RESULT ...]]]: the time of a force call, and
 * of results beyond energy, forces and virial, on one rank or, under mpirun, on several.
 *
 * Every evaluation has the atoms a little further on, as in molecular dynamics: every coordinate by up to DISTANCE from
 * where it was, 0.01 Å unless that is given; 0.4 makes new neighbour lists each time. Prints, on one line: atoms,
 * seconds of processor time and of wall time per evaluation (rank 0), peak resident memory of rank 0 in bytes. The
 * first two evaluations are not counted. A .snapcoeff file goes without fixed terms, other files with their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/comm.h"
#include "lmlink/lmlink.h"
#include "potential/linear_calculator.h"

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/** Move every coordinate by up to @p distance, Å; displacements do not add up. */
static void move(lml_structure *structure, const double *origin, unsigned step, double distance) {
  for (size_t i = 0; i < 3 * structure->natoms; i++)
    structure->positions[i] = origin[i] + 1e-2 * distance * ((double)((i * 7919 + step * 104729) % 200) - 100.0);
}

static lml_status measure(lml_calculator *calculator, lml_structure *structure, int evaluations, double distance,
                          const lml_request *request, lml_error *error) {
  lml_results results = {0};
  double *origin = malloc(3 * structure->natoms * sizeof(double));
  if (origin == NULL) return LML_ERR_MEMORY;
  memcpy(origin, structure->positions, 3 * structure->natoms * sizeof(double));
  double cpu = 0.0, wall = 0.0;
  lml_status status = LML_OK;
  for (int step = -2; step < evaluations && status == LML_OK; step++) {
    if (step == 0) {
      cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
      wall = seconds(CLOCK_MONOTONIC);
    }
    move(structure, origin, (unsigned)(step + 2), distance);
    status = lml_calculator_evaluate(calculator, structure, request, &results, error);
  }
  cpu = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / evaluations;
  wall = (seconds(CLOCK_MONOTONIC) - wall) / evaluations;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  if (status == LML_OK) printf("%zu %.9e %.9e %ld\n", structure->natoms, cpu, wall, 1024L * usage.ru_maxrss);
  lml_results_free(&results);
  free(origin);
  return status;
}

static lml_status run(lml_comm *comm, int argc, char **argv, lml_error *error) {
  lml_potential *potential = NULL;
  lml_calculator *calculator = NULL;
  lml_frame frame = {0};
  const size_t length = strlen(argv[1]);
  const lml_fixed_terms fixed =
      length > 10 && strcmp(argv[1] + length - 10, ".snapcoeff") == 0 ? LML_FIXED_TERMS_NONE : LML_FIXED_TERMS_UNSTATED;
  lml_status status = lml_potential_read(argv[1], NULL, fixed, &potential, error);
  if (status == LML_OK) status = lml_linear_calculator_create_parallel(potential, comm, &calculator, error);
  if (status == LML_OK && argc > 4)
    status = lml_linear_calculator_set_threads(calculator, strtoul(argv[4], NULL, 10), error);
  if (status == LML_OK && lml_comm_rank(comm) != 0) {
    status = lml_linear_calculator_work(calculator, error);
  } else {
    if (status == LML_OK) status = lml_xyz_read_file(argv[2], 0, &frame, error);
    const size_t nresults = argc > 6 ? (size_t)argc - 6 : 0;
    const lml_request request = {(const char *const *)argv + argc - nresults, nresults};
    if (status == LML_OK)
      status = measure(calculator, &frame.structure, atoi(argv[3]), argc > 5 ? atof(argv[5]) : 0.01, &request, error);
  }
  lml_calculator_destroy(calculator);
  lml_potential_destroy(potential);
  lml_frame_free(&frame);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 4 || atoi(argv[3]) < 1) {
    fprintf(stderr, "usage: bench_evaluate POTENTIAL STRUCTURE.xyz EVALUATIONS [THREADS [DISTANCE [RESULT ...]]]\n");
    return 2;
  }
  lml_comm *comm;
  lml_error error = {0};
  lml_status status = lml_comm_world(&comm, &error);
  if (status == LML_OK) status = run(comm, argc, argv, &error);
  if (status != LML_OK) fprintf(stderr, "bench_evaluate: %s\n", error.message);
  lml_comm_finalise(comm);
  return status == LML_OK ? 0 : 1;
}
