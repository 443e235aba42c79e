/** @file uf3_family.h
 *  Two-body UF3 as a family of descriptors: component k of a pair is the sum of its basis function number k over
 * the neighbours that make such a pair with the atom.
 */
#ifndef LML_UF3_UF3_FAMILY_H
#define LML_UF3_UF3_FAMILY_H

#include "potential/descriptor.h"
#include "potential/uf3/uf3_model.h"

/** The descriptor of @p model, which is taken over or, after a failure, released. Release with lml_descriptor_destroy.
 */
lml_status lml_uf3_create(lml_uf3_model *model, lml_descriptor **descriptor, lml_error *error);

/** What a descriptor of this family was made of. */
const lml_uf3_model *lml_uf3_model_of(const lml_descriptor *descriptor);

#endif
