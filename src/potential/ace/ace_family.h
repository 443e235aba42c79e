/** @file ace_family.h
 *  ACE as a family of descriptors: component f of an atom is function number f of its element.
 *
 *  Where energies are not linear in the functions (another embedding than that of one density), the descriptor is
 *  closed: it has no components, and its adjoint gives whole energies.
 */
#ifndef LML_ACE_ACE_FAMILY_H
#define LML_ACE_ACE_FAMILY_H

#include "potential/ace/ace_model.h"
#include "potential/descriptor.h"

/** The descriptor of @p model, which is taken over or, after a failure, released. Release with lml_descriptor_destroy.
 */
lml_status lml_ace_create(lml_ace_model *model, lml_descriptor **descriptor, lml_error *error);

/** What a descriptor of this family was made of. */
const lml_ace_model *lml_ace_model_of(const lml_descriptor *descriptor);

#endif
