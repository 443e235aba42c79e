#include "engine/peer_process.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "base/text.h"
#include "engine/process_tag.h"

enum {
  MOST_ANCESTORS = 64, /**< a descent that is longer is none */
  PATH_SIZE = 64
};

/** A row of /proc/net/tcp: one end of a connection. */
typedef struct row {
  lml_ipi_number number, peer;
  unsigned port, peer_port;
  uid_t user;
  uint64_t inode; /**< of the socket; 0: it is closed */
} row;

/* ---- descent ---- */

/** The parent of @p process, 0 where it is not to be seen: the second word behind the name, which may hold anything. */
static pid_t parent_of(pid_t process) {
  char path[PATH_SIZE], *text;
  size_t length;
  lml_print_cut(path, sizeof path, "/proc/%ld/stat", (long)process);
  if (lml_file_read(path, &text, &length, NULL) != LML_OK) return 0;
  const char *behind_name = strrchr(text, ')');
  long parent = 0;
  if (behind_name == NULL || sscanf(behind_name + 1, " %*c %ld", &parent) != 1) parent = 0;
  lml_free(text);
  return (pid_t)parent;
}

static bool descends_from(pid_t process, const lml_process *command) {
  for (int i = 0; i < MOST_ANCESTORS && process > 1; i++, process = parent_of(process))
    if (process == lml_process_number(command) || lml_process_tag_has(process, lml_process_mark(command))) return true;
  return false;
}

/* ---- the process with a TCP socket ---- */

/** "0100007F:1F90": words of four bytes as this machine reads them, one for IPv4, four for IPv6. */
static bool read_end(lml_token token, lml_ipi_number *number, unsigned *port) {
  static const lml_ipi_number before_ipv4 = {.bytes = {[10] = 0xff, [11] = 0xff}};
  enum { WORD = 8, IPV4 = WORD + 5, IPV6 = 4 * WORD + 5 };
  if (token.length != IPV4 && token.length != IPV6) return false;
  const size_t words = token.length == IPV4 ? 1 : 4;
  *number = before_ipv4;
  for (size_t i = 0; i < words; i++) {
    char digits[WORD + 1] = "";
    memcpy(digits, token.text + WORD * i, WORD);
    const uint32_t word = (uint32_t)strtoul(digits, NULL, 16);
    memcpy(number->bytes + sizeof number->bytes - 4 * (words - i), &word, sizeof word);
  }
  *port = (unsigned)strtoul(token.text + WORD * words + 1, NULL, 16);
  return true;
}

static bool read_row(const char *line, size_t length, row *r) {
  enum { OWN = 1, PEER = 2, USER = 7, INODE = 9, WORDS = 10 };
  lml_token words[WORDS];
  int64_t user, inode;
  if (lml_split(line, length, words, WORDS) < WORDS || !read_end(words[OWN], &r->number, &r->port) ||
      !read_end(words[PEER], &r->peer, &r->peer_port) || !lml_parse_integer(words[USER], &user) ||
      !lml_parse_integer(words[INODE], &inode))
    return false;
  r->user = (uid_t)user;
  r->inode = (uint64_t)inode;
  return true;
}

/** The row of the other end of @p peer's connection in the table @p path. */
static bool find_in(const char *path, const lml_ipi_peer *peer, row *found) {
  lml_lines *lines;
  const char *line;
  size_t length;
  bool is_it = false;
  if (lml_lines_open(path, &lines, NULL) != LML_OK) return false;
  while (!is_it && lml_lines_next(lines, &line, &length, NULL) == LML_OK && line != NULL)
    is_it = read_row(line, length, found) && found->port == peer->other_port && found->peer_port == peer->own_port &&
            lml_ipi_number_equals(&found->number, &peer->other) && lml_ipi_number_equals(&found->peer, &peer->own);
  lml_lines_close(lines);
  return is_it;
}

/** Whether @p process has the socket @p target, "socket:[NUMBER]", open. */
static bool has_socket(const char *process, const char *target) {
  char path[PATH_SIZE], link[PATH_SIZE];
  lml_print_cut(path, sizeof path, "/proc/%.20s/fd", process);
  DIR *folder = lml_sys->opendir(path);
  if (folder == NULL) return false;
  bool found = false;
  for (const struct dirent *entry; !found && (entry = lml_sys->readdir(folder)) != NULL;) {
    lml_print_cut(path, sizeof path, "/proc/%.20s/fd/%.20s", process, entry->d_name);
    const ssize_t length = lml_sys->readlink(path, link, sizeof link - 1);
    if (length <= 0) continue;
    link[length] = '\0';
    found = strcmp(link, target) == 0;
  }
  lml_sys->closedir(folder);
  return found;
}

/** Several may have it, as after a fork. */
static bool descends_with_socket(uint64_t inode, const lml_process *command) {
  char target[PATH_SIZE];
  lml_print_cut(target, sizeof target, "socket:[%" PRIu64 "]", inode);
  DIR *folder = lml_sys->opendir("/proc");
  if (folder == NULL) return false;
  bool found = false;
  for (const struct dirent *entry; !found && (entry = lml_sys->readdir(folder)) != NULL;) {
    int64_t process;
    const lml_token name = lml_token_of(entry->d_name);
    if (lml_parse_integer(name, &process) && process > 1 && has_socket(entry->d_name, target))
      found = descends_from((pid_t)process, command);
  }
  lml_sys->closedir(folder);
  return found;
}

static lml_ipi_judgement judge_tcp(const lml_ipi_peer *peer, const lml_process *command) {
  row other;
  if (!peer->is_local) return LML_IPI_UNKNOWN;
  if (!find_in("/proc/net/tcp", peer, &other) && !find_in("/proc/net/tcp6", peer, &other)) return LML_IPI_STRANGER;
  if (other.user != 0 && other.user != lml_sys->geteuid()) return LML_IPI_STRANGER;
  if (command == NULL) return LML_IPI_UNKNOWN;
  return descends_with_socket(other.inode, command) ? LML_IPI_ENGINE : LML_IPI_STRANGER;
}

lml_ipi_judgement lml_peer_process_judge(const lml_ipi_peer *peer, const lml_process *command) {
  if (peer->transport == LML_IPI_TCP) return judge_tcp(peer, command);
  if (command == NULL || peer->process == 0) return LML_IPI_UNKNOWN;
  return descends_from(peer->process, command) ? LML_IPI_ENGINE : LML_IPI_STRANGER;
}
