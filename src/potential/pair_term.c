#include "potential/pair_term.h"

#include <stdatomic.h>

lml_pair_term *lml_pair_term_share(lml_pair_term *term) {
  atomic_fetch_add(&term->nshares, 1);
  return term;
}

void lml_pair_term_destroy(lml_pair_term *term) {
  if (term != NULL && atomic_fetch_sub(&term->nshares, 1) == 1) term->ops->destroy(term);
}
