#include "programs/potential_keys.h"

const char *const lml_fixed_terms_names[] = {"none", "snap", NULL};
