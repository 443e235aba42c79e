/** @file keys.h
 *  Keys of JSON configurations: one table for each object describes its keys, and from it come the reader, its error
 *  messages, the command line's options (key_options.h), the JSON schema and the tables of the documentation
 *  (key_schema.h).
 *
 *      static const lml_key driver_keys[] = {
 *          {.name = "wait", LML_KEY_AT(driver_config, wait), .type = LML_KEY_REAL, .range = LML_RANGE_NOT_NEGATIVE,
 *           .unit = "s", .otherwise = "no limit", .help = "how long to wait for a driver"}, …};
 */
#ifndef LML_PROGRAMS_KEYS_H
#define LML_PROGRAMS_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "lmlink/error.h"

typedef enum lml_key_type {
  LML_KEY_TEXT = 0, /**< a char *, not empty */
  LML_KEY_PATH,     /**< a char *: from the folder of the JSON file; as it is where an option gives it */
  LML_KEY_REAL,     /**< a double */
  LML_KEY_REALS,    /**< one number or several: a double *, and a size_t at `count_offset` */
  LML_KEY_COUNT,    /**< a size_t */
  LML_KEY_LOGICAL,  /**< a bool */
  LML_KEY_SWITCH,   /**< an enumeration: `on` where it is true, `off` where it is false */
  LML_KEY_CHOICE,   /**< an enumeration: `first` for the first of the choices, and so on */
  LML_KEY_CONSTANT, /**< nothing: the text must be the only choice */
  LML_KEY_TRUE,     /**< nothing: true is the only value */
  LML_KEY_VERSION,  /**< nothing: an integer that must be `least` */
  LML_KEY_VECTOR,   /**< a double[3] */
  LML_KEY_INTEGERS, /**< an array; for a reader of its own, as the next five */
  LML_KEY_ELEMENTS, /**< an array of symbols */
  LML_KEY_PATHS,    /**< an array */
  LML_KEY_TEXTS,    /**< an array */
  LML_KEY_NUMBERS,  /**< an object of numbers under the user's names */
  LML_KEY_OBJECTS,  /**< an array of objects with the keys of `object` */
  LML_KEY_OBJECT,   /**< a structure with these keys */
  LML_KEY_VARIANT   /**< an object with the keys of one of the root's variants, which its key `type` names */
} lml_key_type;

/** What numbers may be. */
typedef enum lml_key_range {
  LML_RANGE_ANY = 0,
  LML_RANGE_NOT_NEGATIVE,
  LML_RANGE_POSITIVE,
  LML_RANGE_FROM /**< whole numbers from `least` to `most`; without limit where that is 0 */
} lml_key_range;

typedef struct lml_key lml_key;
typedef struct lml_key_root lml_key_root;

/** A file that is being read. */
typedef struct lml_keys_reading {
  const lml_json *document;
  const char *path; /**< of the JSON file */
  const lml_key_root *root;
} lml_keys_reading;

/** Reads what @p key of @p object, which has it, holds into @p target, the structure that the table belongs to. */
typedef lml_status (*lml_key_reader)(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                                     void *target, lml_error *error);

/** The keys of an object, in the order in which they are read. */
typedef struct lml_key_table {
  const char *name; /**< of its definition in the schema and of its table in the documentation; NULL: it is a part of
                         that which has it */
  size_t size;      /**< bytes of its structure; 0: it is that of the table which has it */
  const lml_key *keys;
  size_t nkeys;
  size_t nalternatives; /**< exactly one of this many first keys must be there */
  const char *purpose;  /**< what is said after their names where that is not so; may be NULL */
  /** Sets what the structure holds where a key is missing; NULL: that is done elsewhere. */
  void (*init)(void *target);
  /** Checks what is not a matter of one key, after all have been read; may be NULL. */
  lml_status (*check)(const lml_keys_reading *reading, const lml_json_value *object, void *target, lml_error *error);
} lml_key_table;

/** One key. Unset members are zero. */
struct lml_key {
  const char *name;
  lml_key_type type;
  lml_json_presence presence;
  size_t offset; /**< of the value in the table's structure */
  size_t count_offset;
  int first, off, on; /**< values of enumerations */
  lml_key_range range;
  const char *const *choices; /**< NULL-terminated */
  long least, most;
  const char *advice;          /**< what to do instead of giving a value out of range; may be NULL */
  const char *needs, *because; /**< another key that must be there too, and why; may be NULL */
  const lml_key_table *object; /**< of an object; where the type is another, an object may stand for the value, whose
                                    keys are in the same structure */
  lml_key_reader read;         /**< in place of the type's reader; NULL: that */

  const char *help;      /**< what it means; Markdown, which only the documentation keeps */
  const char *unit;      /**< of a number; NULL: none */
  const char *otherwise; /**< in words, what holds where it is missing; NULL: the value that `init` sets */
  const char *option;    /**< of the command line, without the dashes; NULL: none */
  const char *argument;  /**< what the option's value is called; NULL: it has none */
  const char *options;   /**< Markdown, for the documentation: options that are not read by the key; may be NULL */
};

/** Where a value is kept. */
#define LML_KEY_AT(structure, member) .offset = offsetof(structure, member)

/** All entries of an array of keys, for a table. */
#define LML_KEYS(array) .keys = (array), .nkeys = sizeof(array) / sizeof((array)[0])

/** The first two keys of a file: its format, the only one of @p names (NULL-terminated), and that format's version. */
#define LML_FORMAT_KEYS(names, number)                                                            \
  {.name = "format",                                                                              \
   .type = LML_KEY_CONSTANT,                                                                      \
   .presence = LML_JSON_REQUIRED,                                                                 \
   .choices = (names),                                                                            \
   .help = "what the file is"},                                                                   \
  {                                                                                               \
    .name = "version", .type = LML_KEY_VERSION, .presence = LML_JSON_REQUIRED, .least = (number), \
    .help = "version of the file's format"                                                        \
  }

/** The key `type` of a variant, the only one of @p names. */
#define LML_TYPE_KEY(names, text) \
  { .name = "type", .type = LML_KEY_CONSTANT, .presence = LML_JSON_REQUIRED, .choices = (names), .help = (text) }

/** One kind of an object, told by its key `type`. */
typedef struct lml_key_variant {
  const char *name;
  const lml_key_table *table;
  /** Let @p target be of this kind, and give the structure of the table. */
  lml_status (*choose)(void *target, void **structure, lml_error *error);
} lml_key_variant;

/** A configuration. Its table begins with the keys `format` and `version`. */
struct lml_key_root {
  const char *title; /**< NULL: there is no such file, and some of its keys are options alone */
  const lml_key_table *table;
  size_t size;                /**< bytes of its structure */
  void (*init)(void *target); /**< every default */
  void (*free)(void *target);
  const lml_key_variant *variants; /**< the first is the target itself */
  size_t nvariants;
};

/** Read the JSON file @p path over @p target; what it does not mention stays. LML_ERR_INPUT names file, line, key, and
 *  the nearest known key for an unknown one. */
lml_status lml_keys_read_file(const lml_key_root *root, const char *path, void *target, lml_error *error);

/** Check names and alternatives of @p object, and read its keys into @p target, after the table's init. */
lml_status lml_keys_read(const lml_keys_reading *reading, const lml_json_value *object, const lml_key_table *table,
                         void *target, lml_error *error);

/** Check the names alone. */
lml_status lml_keys_check_names(const lml_keys_reading *reading, const lml_json_value *object,
                                const lml_key_table *table, lml_error *error);

/** Read an object that is one of the root's variants into @p target. */
lml_status lml_keys_read_variant(const lml_keys_reading *reading, const lml_json_value *object, void *target,
                                 lml_error *error);

/** Where @p key's value is in @p target, as a pointer to its type. */
void *lml_key_value(const lml_key *key, void *target);

/** The reader of the key's type, for readers that do something more. */
lml_status lml_key_read(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key, void *target,
                        lml_error *error);

/** A path that counts from the folder of the JSON file, in place of *@p path. */
lml_status lml_keys_read_path(const lml_keys_reading *reading, const lml_json_value *object, const char *key,
                              char **path, lml_error *error);

/** Whether @p key's range holds @p value, and the error where that is not so. */
bool lml_key_holds(const lml_key *key, double value);
lml_status lml_key_fail_range(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              lml_error *error);

/** Number of choices. */
size_t lml_key_nchoices(const lml_key *key);

/** Call @p visit for each object of the array that @p key of @p object holds, after @p begin, which is told their
 * number and may be NULL. */
lml_status lml_keys_each(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                         void *target, lml_status (*begin)(void *target, size_t count, lml_error *error),
                         lml_status (*visit)(const lml_keys_reading *reading, const lml_json_value *element,
                                             const lml_key *key, size_t index, void *target, lml_error *error),
                         lml_error *error);

/** Called for @p key, whose structure is @p base bytes within the root's. */
typedef lml_status (*lml_key_visitor)(const lml_key *key, size_t base, void *context, lml_error *error);

/** Visit the keys of the root, of objects in it, and of the first variant. */
lml_status lml_keys_walk(const lml_key_root *root, lml_key_visitor visit, void *context, lml_error *error);

/** What @p key is in a @p structure that was initialised, as JSON text; empty where that is said in words, or there is
 * no such value. */
void lml_key_default(const lml_key *key, const void *structure, char *text, size_t size);

/** The sentence that @p key's help makes, without Markdown's marks, with unit and default; @p structure as above. */
void lml_key_describe(const lml_key *key, const void *structure, char *text, size_t size);

/** Replace *@p text by a copy of @p value. */
lml_status lml_set_text(char **text, const char *value, lml_error *error);

#endif
