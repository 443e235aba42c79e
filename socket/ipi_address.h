/** @file ipi_address.h
 *  Where a driver listens: `unix:NAME` or `HOST:PORT`.
 */
#ifndef LML_SOCKET_IPI_ADDRESS_H
#define LML_SOCKET_IPI_ADDRESS_H

#include <sys/un.h>

#include "lmlink/error.h"

/** What i-PI and ASE put in front of the name of a unix socket. */
#define LML_IPI_DEFAULT_PREFIX "/tmp/ipi_"

enum {
  LML_IPI_PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path), /**< bytes with the final NUL: 108 on Linux */
  LML_IPI_HOST_SIZE = 254,                                         /**< the longest host name and its NUL */
  LML_IPI_ADDRESS_TEXT_SIZE = 320
};

typedef enum lml_ipi_transport { LML_IPI_UNIX = 0, LML_IPI_TCP } lml_ipi_transport;

/** Whose driver is served at a unix socket. Its name lies where every user of the machine can make one. */
typedef enum lml_ipi_trust {
  LML_IPI_TRUST_OWN = 0, /**< this user's, or root's */
  LML_IPI_TRUST_ANY
} lml_ipi_trust;

/** Plain data, copied freely. */
typedef struct lml_ipi_address {
  lml_ipi_transport transport;
  char path[LML_IPI_PATH_SIZE];         /**< unix: the socket's whole path */
  char host[LML_IPI_HOST_SIZE];         /**< TCP: name or number, without the brackets of an IPv6 number */
  char port[6];                         /**< TCP: decimal, 1 to 65535 */
  char text[LML_IPI_ADDRESS_TEXT_SIZE]; /**< for messages: "unix:PATH" or "HOST:PORT" */
} lml_ipi_address;

/** Read an address. `unix:NAME` is the path @p prefix + NAME (@p prefix NULL: LML_IPI_DEFAULT_PREFIX), or NAME itself
 *  where it begins with '/'. Everything else is `HOST:PORT`, an IPv6 number in brackets (`[::1]:31415`).
 *  LML_ERR_USAGE names what is wrong: no or an empty name, a path too long for a socket, a port outside 1 to 65535.
 *  Nothing is looked up or opened. */
lml_status lml_ipi_address_parse(const char *text, const char *prefix, lml_ipi_address *address, lml_error *error);

#endif
