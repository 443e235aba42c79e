/** @file error.h
 *  How every fallible function of lmlink reports a failure.
 *
 *  A function that can fail returns an lml_status and fills the lml_error that the caller passes. The message is one
 *  line that names the file, line, key or value and says what to change. The library itself never prints or exits.
 *  A caller that needs the status alone may pass NULL for the error.
 */
#ifndef LMLINK_ERROR_H
#define LMLINK_ERROR_H

#include "lmlink/export.h"

LML_BEGIN_DECLS

typedef enum lml_status {
  LML_OK = 0,
  LML_ERR_USAGE,       /**< the caller's arguments or command line are wrong */
  LML_ERR_INPUT,       /**< a file, key or value that was read is wrong */
  LML_ERR_IO,          /**< the operating system refused an operation on a file or socket */
  LML_ERR_MEMORY,      /**< memory could not be had */
  LML_ERR_PROTOCOL,    /**< a peer on a socket sent what the protocol does not allow */
  LML_ERR_CLOSED,      /**< a peer closed the connection */
  LML_ERR_INTERRUPTED, /**< the user asked to stop (SIGINT, SIGTERM) */
  LML_ERR_TIMEOUT,     /**< a time limit passed */
  LML_ERR_INTERNAL     /**< a broken assumption inside lmlink: a bug to report */
} lml_status;

enum { LML_ERROR_MESSAGE_SIZE = 768 };

typedef struct lml_error {
  lml_status status;
  char message[LML_ERROR_MESSAGE_SIZE]; /**< one line, NUL-terminated, empty while status is LML_OK */
} lml_error;

/** Version of the library that runs, "major.minor.patch". Static storage. */
LML_API const char *lml_version(void);

LML_END_DECLS

#endif
