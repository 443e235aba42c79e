#include "potential/descriptor.h"

#include <stdatomic.h>

lml_descriptor *lml_descriptor_share(lml_descriptor *descriptor) {
  atomic_fetch_add(&descriptor->nshares, 1);
  return descriptor;
}

void lml_descriptor_destroy(lml_descriptor *descriptor) {
  if (descriptor == NULL || atomic_fetch_sub(&descriptor->nshares, 1) > 1) return;
  descriptor->ops->destroy(descriptor);
}

lml_status lml_descriptor_work_make(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                                    lml_error *error) {
  *work = NULL;
  const lml_status status = descriptor->ops->make_work(descriptor, isa, work, error);
  if (status != LML_OK) return status;
  (*work)->descriptor = descriptor;
  if ((*work)->width == 0) (*work)->width = isa->lanes;
  return LML_OK;
}

void lml_descriptor_work_free(lml_descriptor_work *work) {
  if (work != NULL) work->descriptor->ops->free_work(work);
}
