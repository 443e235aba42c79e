/* bench_plain_client PATH: a client of the i-PI protocol with no more in it than a loop needs, to compare with.
 *
 * It makes the system calls that i-PI's Fortran driver makes: a blocking read or write for each field of each message.
 * It answers with zeros, checks nothing, and ends with the connection. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int peer;

static void get(void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = read(peer, (char *)data + done, size - done);
    if (n <= 0) exit(0);
    done += (size_t)n;
  }
}

static void put(const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = write(peer, (const char *)data + done, size - done);
    if (n <= 0) exit(0);
    done += (size_t)n;
  }
}

static void get_text(void) {
  int32_t length;
  char byte;
  get(&length, 4);
  get(&length, 4);
  while (length-- > 0) get(&byte, 1);
}

static double *get_positions(double *positions, int32_t *natoms) {
  double cell[9];
  get(cell, sizeof cell);
  get(cell, sizeof cell);
  get(natoms, 4);
  const size_t size = 3 * (size_t)*natoms * sizeof(double);
  double *room = realloc(positions, size);
  if (room == NULL) exit(1);
  get(room, size);
  memset(room, 0, size); /* the forces */
  return room;
}

static void put_forces(const double *forces, int32_t natoms) {
  static const double zeros[9];
  static const int32_t none;
  put("FORCEREADY  ", 12);
  put(zeros, 8);
  put(&natoms, 4);
  put(forces, 3 * (size_t)natoms * sizeof(double));
  put(zeros, sizeof zeros);
  put(&none, 4);
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
    fprintf(stderr, "usage: bench_plain_client PATH-OF-A-UNIX-SOCKET\n");
    return 2;
  }
  memcpy(address.sun_path, argv[1], strlen(argv[1]));
  peer = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(peer, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("bench_plain_client: connect");
    return 1;
  }
  double *positions = NULL;
  int32_t natoms = 0;
  for (int initialised = 0, ready = 0;;) {
    char header[12];
    get(header, sizeof header);
    if (memcmp(header, "STATUS", 6) == 0)
      put(ready ? "HAVEDATA    " : initialised ? "READY       " : "NEEDINIT    ", 12);
    if (memcmp(header, "INIT", 4) == 0) get_text(), initialised = 1;
    if (memcmp(header, "POSDATA", 7) == 0) positions = get_positions(positions, &natoms), ready = 1;
    if (memcmp(header, "GETFORCE", 8) == 0) put_forces(positions, natoms), ready = 0;
    if (memcmp(header, "EXIT", 4) == 0) return 0;
  }
}
