/** @file config_groups.h
 *  Groups of frames by the value of an info key, such as `config_type`: what they weigh, and which there are.
 */
#ifndef LML_RETRAIN_DATA_CONFIG_GROUPS_H
#define LML_RETRAIN_DATA_CONFIG_GROUPS_H

#include "lmlink/extxyz.h"

#define LML_NO_GROUP SIZE_MAX

/** How frames are grouped. Release with lml_config_groups_free. */
typedef struct lml_config_groups {
  char *key; /**< info key that holds the name of a frame's group; NULL: config_type */
  char **names;
  double *weights; /**< of the groups that are named, beside other weights; of all others 1 */
  size_t count, names_capacity, weights_capacity;
} lml_config_groups;

void lml_config_groups_free(lml_config_groups *groups);

const char *lml_config_groups_key(const lml_config_groups *groups);

/** Let the frames of group @p name have @p weight (0 or more); one that was given before is replaced. */
lml_status lml_config_groups_weigh(lml_config_groups *groups, const char *name, double weight, lml_error *error);

/** Names of groups in the order in which they were found. */
typedef struct lml_group_names {
  char **list;
  size_t count, capacity;
} lml_group_names;

void lml_group_names_free(lml_group_names *names);

/** The group of @p frame among @p names, to which it is added where it is new, LML_NO_GROUP without the key, where @p
 *  groups is NULL, and after a thousand groups without weights; and the group's weight. */
lml_status lml_config_groups_find(const lml_config_groups *groups, lml_frame *frame, lml_group_names *names,
                                  size_t *group, double *weight, lml_error *error);

#endif
