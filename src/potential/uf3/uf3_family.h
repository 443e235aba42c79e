/** @file uf3_family.h
 *  UF3 as a family of descriptors: a component of a pair is the sum of one basis function over the neighbours that make
 *  such a pair with the atom, one of a triplet that of a product of three over the triplets that it is the centre of.
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
