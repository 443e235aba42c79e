/** @file ace_yaml.h
 *  A YAML file as a tree, and what is asked of its nodes, with errors that name file, line and what was asked for.
 *
 *  The parser is libyaml's. Nodes belong to the file. Each function that reads one takes @p what, which names it in
 *  messages: "rcut".
 */
#ifndef LML_ACE_ACE_YAML_H
#define LML_ACE_ACE_YAML_H

#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

typedef struct lml_yaml lml_yaml;
typedef struct yaml_node_s lml_yaml_node;

/** Read @p path whole: one document, whose root is a mapping. Release with lml_yaml_close. */
lml_status lml_yaml_open(const char *path, lml_yaml **yaml, lml_error *error);
void lml_yaml_close(lml_yaml *yaml); /**< NULL is fine */

const lml_yaml_node *lml_yaml_root(const lml_yaml *yaml);

/** lml_fail with LML_ERR_INPUT and "path:line: " of @p node in front. */
lml_status lml_yaml_fail(const lml_yaml *yaml, const lml_yaml_node *node, lml_error *error, const char *format, ...)
    LML_PRINTF(4, 5);

/** Number of entries of a mapping or a sequence; an error for another node. */
lml_status lml_yaml_mapping(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, size_t *count,
                            lml_error *error);
lml_status lml_yaml_sequence(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, size_t *count,
                             lml_error *error);

/** Entry @p k of a mapping or a sequence. */
void lml_yaml_pair(const lml_yaml *yaml, const lml_yaml_node *mapping, size_t k, const lml_yaml_node **key,
                   const lml_yaml_node **value);
const lml_yaml_node *lml_yaml_item(const lml_yaml *yaml, const lml_yaml_node *sequence, size_t k);

/** A key of a mapping that may be there, and where its value goes; NULL where the mapping lacks it. */
typedef struct lml_yaml_key {
  const char *name;
  const lml_yaml_node *value;
} lml_yaml_key;

/** Find the values of @p keys, the first @p nneeded of which must be there; another key, or one that is there twice, is
 *  an error. */
lml_status lml_yaml_keys(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, lml_yaml_key *keys,
                         size_t nkeys, size_t nneeded, lml_error *error);

/** A text without NUL, owned by the file. */
lml_status lml_yaml_text(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, const char **text,
                         lml_error *error);

/** A finite number. */
lml_status lml_yaml_real(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, double *value,
                         lml_error *error);

/** A whole number from @p min to @p max. */
lml_status lml_yaml_integer(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, int64_t min, int64_t max,
                            int *value, lml_error *error);

/** A sequence of exactly @p count such numbers. */
lml_status lml_yaml_reals(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, size_t count,
                          double *values, lml_error *error);

#endif
