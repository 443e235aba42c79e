#include "ipi_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h"

enum { ALL_BITS = 128, BITS_BEFORE_IPV4 = 96 };

static const unsigned char before_ipv4[BITS_BEFORE_IPV4 / 8] = {[10] = 0xff, [11] = 0xff};

static lml_ipi_number ipv4(const void *bytes) {
  lml_ipi_number number;
  memcpy(number.bytes, before_ipv4, sizeof before_ipv4);
  memcpy(number.bytes + sizeof before_ipv4, bytes, 4);
  return number;
}

static bool is_ipv4(const lml_ipi_number *number) {
  return memcmp(number->bytes, before_ipv4, sizeof before_ipv4) == 0;
}

/** Whether the first @p bits bits are the same. */
static bool agree(const lml_ipi_number *one, const lml_ipi_number *two, unsigned bits) {
  const unsigned whole = bits / 8, rest = bits % 8;
  if (memcmp(one->bytes, two->bytes, whole) != 0) return false;
  return rest == 0 || ((one->bytes[whole] ^ two->bytes[whole]) >> (8 - rest)) == 0;
}

/** The first bits of @p number, zeros behind them. */
static lml_ipi_number masked(const lml_ipi_number *number, unsigned bits) {
  lml_ipi_number kept = {{0}};
  for (unsigned bit = 0; bit < bits; bit++)
    kept.bytes[bit / 8] = (unsigned char)(kept.bytes[bit / 8] | (number->bytes[bit / 8] & (0x80U >> bit % 8)));
  return kept;
}

/** The number of @p text, of which @p most are all bits. */
static bool parse_number(const char *text, lml_ipi_number *number, unsigned *most) {
  unsigned char bytes[16];
  const bool is_4 = inet_pton(AF_INET, text, bytes) == 1;
  if (!is_4 && inet_pton(AF_INET6, text, bytes) != 1) return false;
  *most = is_4 ? ALL_BITS - BITS_BEFORE_IPV4 : ALL_BITS;
  if (is_4)
    *number = ipv4(bytes);
  else
    memcpy(number->bytes, bytes, sizeof number->bytes);
  return true;
}

/** A decimal number without sign, at most @p most. */
static bool parse_bits(const char *text, unsigned most, unsigned *bits) {
  const size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 3 || text[digits] != '\0') return false;
  *bits = 0;
  for (size_t i = 0; i < digits; i++) *bits = 10 * *bits + (unsigned)(text[i] - '0');
  return *bits <= most;
}

lml_status lml_ipi_network_parse(const char *text, lml_ipi_network *network, lml_error *error) {
  char number[LML_IPI_NUMBER_TEXT_SIZE] = "";
  const char *slash = strchr(text, '/');
  const size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
  unsigned most = 0, bits;
  if (length < sizeof number) memcpy(number, text, length);
  if (length >= sizeof number || !parse_number(number, &network->number, &most))
    return lml_fail(error, LML_ERR_USAGE,
                    "'%.60s' is no network; give one as 10.1.0.0/16 or fd00:1::/32, or a machine's number", text);
  bits = most;
  if (slash != NULL && !parse_bits(slash + 1, most, &bits))
    return lml_fail(error, LML_ERR_USAGE, "'%.60s': behind the slash must be a number of bits from 0 to %u", text,
                    most);
  network->bits = bits + ALL_BITS - most;
  const lml_ipi_number kept = masked(&network->number, network->bits);
  if (lml_ipi_number_equals(&kept, &network->number)) return LML_OK;
  lml_ipi_number_print(&kept, number);
  return lml_fail(error, LML_ERR_USAGE, "'%.60s' has bits behind the first %u; is %s/%u meant?", text, bits, number,
                  bits);
}

bool lml_ipi_number_of(const struct sockaddr *address, lml_ipi_number *number, unsigned *port) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    *number = ipv4(&in.sin_addr);
    *port = ntohs(in.sin_port);
    return true;
  }
  if (address->sa_family != AF_INET6) return false;
  struct sockaddr_in6 in;
  memcpy(&in, address, sizeof in);
  memcpy(number->bytes, &in.sin6_addr, sizeof number->bytes);
  *port = ntohs(in.sin6_port);
  return true;
}

bool lml_ipi_number_equals(const lml_ipi_number *one, const lml_ipi_number *two) {
  return memcmp(one->bytes, two->bytes, sizeof one->bytes) == 0;
}

bool lml_ipi_number_is_loopback(const lml_ipi_number *number) {
  static const lml_ipi_number ipv6 = {{[15] = 1}};
  return is_ipv4(number) ? number->bytes[sizeof before_ipv4] == 127 : lml_ipi_number_equals(number, &ipv6);
}

bool lml_ipi_networks_have(const lml_ipi_networks *networks, const lml_ipi_number *number) {
  for (size_t i = 0; i < networks->count; i++)
    if (agree(&networks->list[i].number, number, networks->list[i].bits)) return true;
  return false;
}

void lml_ipi_number_print(const lml_ipi_number *number, char text[LML_IPI_NUMBER_TEXT_SIZE]) {
  const bool is_4 = is_ipv4(number);
  const void *bytes = is_4 ? number->bytes + sizeof before_ipv4 : number->bytes;
  if (inet_ntop(is_4 ? AF_INET : AF_INET6, bytes, text, LML_IPI_NUMBER_TEXT_SIZE) == NULL) text[0] = '\0';
}
