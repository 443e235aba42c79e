#include "programs/fixed_terms.h"

#include <stddef.h>

const char *const lml_fixed_terms_names[] = {"none", "snap", NULL};
