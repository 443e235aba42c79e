/** @file ipi_network.h
 *  Numbers of machines and of networks, IPv4 and IPv6.
 */
#ifndef LML_SOCKET_IPI_NETWORK_H
#define LML_SOCKET_IPI_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lmlink/error.h"

enum {
  LML_IPI_MOST_NETWORKS = 16,
  LML_IPI_NUMBER_TEXT_SIZE = 46 /**< bytes of the longest number in text, with the NUL */
};

/** A machine's number in IPv6's form; one of IPv4 is ::ffff:a.b.c.d there. */
typedef struct lml_ipi_number {
  unsigned char bytes[16];
} lml_ipi_number;

typedef struct lml_ipi_network {
  lml_ipi_number number;
  unsigned bits; /**< of the number that count, from the first on */
} lml_ipi_network;

/** Plain data, copied freely. */
typedef struct lml_ipi_networks {
  size_t count;
  lml_ipi_network list[LML_IPI_MOST_NETWORKS];
} lml_ipi_networks;

/** Read "10.1.0.0/16", "fd00:1::/32", or a single machine's number. LML_ERR_USAGE says what is wrong with the text,
 * also where bits are set behind those that count. */
lml_status lml_ipi_network_parse(const char *text, lml_ipi_network *network, lml_error *error);

/** The number and port of an address of IPv4 or IPv6; false for one of another kind. */
bool lml_ipi_number_of(const struct sockaddr *address, lml_ipi_number *number, unsigned *port);

bool lml_ipi_number_equals(const lml_ipi_number *one, const lml_ipi_number *two);

/** Whether it is in 127.0.0.0/8, or ::1. */
bool lml_ipi_number_is_loopback(const lml_ipi_number *number);

/** Whether @p number is in one of the networks. */
bool lml_ipi_networks_have(const lml_ipi_networks *networks, const lml_ipi_number *number);

void lml_ipi_number_print(const lml_ipi_number *number, char text[LML_IPI_NUMBER_TEXT_SIZE]);

#endif
