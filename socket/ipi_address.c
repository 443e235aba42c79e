#include "ipi_address.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/print.h"

static lml_status parse_unix(const char *name, const char *prefix, lml_ipi_address *address, lml_error *error) {
  if (name[0] == '\0')
    return lml_fail(error, LML_ERR_USAGE, "the driver address 'unix:' has no name; give one, as in unix:lmlink");
  const char *const before = name[0] == '/' ? "" : prefix;
  const size_t length = strlen(before) + strlen(name);
  if (length >= sizeof address->path)
    return lml_fail(error, LML_ERR_USAGE,
                    "the socket path '%.60s%.200s' has %zu bytes, of which a socket takes at most %zu; shorten it",
                    before, name, length, sizeof address->path - 1);
  address->transport = LML_IPI_UNIX;
  lml_print_cut(address->path, sizeof address->path, "%s%s", before, name);
  lml_print_cut(address->text, sizeof address->text, "unix:%s", address->path);
  return LML_OK;
}

/** A decimal number from 1 to 65535 without sign or blanks. */
static bool is_port(const char *text) {
  const size_t digits = strspn(text, "0123456789");
  if (digits == 0 || text[digits] != '\0') return false;
  while (text[0] == '0') text++;
  unsigned value = 0;
  for (const char *at = text; *at != '\0' && value <= 65535; at++) value = 10 * value + (unsigned)(*at - '0');
  return value >= 1 && value <= 65535;
}

static lml_status parse_tcp(const char *text, lml_ipi_address *address, lml_error *error) {
  const char *const colon = strrchr(text, ':');
  if (colon == NULL)
    return lml_fail(error, LML_ERR_USAGE, "the driver address '%.200s' is neither unix:NAME nor HOST:PORT", text);
  const char *host = text;
  size_t length = (size_t)(colon - text);
  const bool bracketed = length >= 2 && host[0] == '[' && host[length - 1] == ']';
  if (bracketed) {
    host++;
    length -= 2;
  } else if (memchr(host, ':', length) != NULL) {
    return lml_fail(error, LML_ERR_USAGE,
                    "the driver address '%.200s' has several colons; write an IPv6 number in brackets, as [::1]:31415",
                    text);
  }
  if (length == 0)
    return lml_fail(error, LML_ERR_USAGE, "the driver address '%.200s' has no host; give one, as in localhost:31415",
                    text);
  if (length >= sizeof address->host)
    return lml_fail(error, LML_ERR_USAGE, "the host name '%.40s...' has %zu bytes; at most %zu are possible", host,
                    length, sizeof address->host - 1);
  if (!is_port(colon + 1))
    return lml_fail(error, LML_ERR_USAGE,
                    "the driver address '%.200s' has the port '%.40s'; give a number from 1 to 65535", text, colon + 1);
  const char *port = colon + 1;
  while (port[0] == '0') port++;
  address->transport = LML_IPI_TCP;
  memcpy(address->host, host, length);
  memcpy(address->port, port, strlen(port));
  lml_print_cut(address->text, sizeof address->text, bracketed ? "[%s]:%s" : "%s:%s", address->host, address->port);
  return LML_OK;
}

lml_status lml_ipi_address_parse(const char *text, const char *prefix, lml_ipi_address *address, lml_error *error) {
  static const char unix_scheme[] = "unix:";
  memset(address, 0, sizeof *address);
  if (strncmp(text, unix_scheme, sizeof unix_scheme - 1) == 0)
    return parse_unix(text + sizeof unix_scheme - 1, prefix == NULL ? LML_IPI_DEFAULT_PREFIX : prefix, address, error);
  return parse_tcp(text, address, error);
}
