/** @file family.h
 *  The bispectrum as a family of descriptors.
 */
#ifndef LML_BISPECTRUM_FAMILY_H
#define LML_BISPECTRUM_FAMILY_H

#include "potential/bispectrum/snap_model.h"
#include "potential/descriptor.h"

/** The descriptor that @p snap describes, whose coefficients don't matter. Release with lml_descriptor_destroy. */
lml_status lml_bispectrum_create(const lml_snap_model *snap, lml_descriptor **descriptor, lml_error *error);

/** What a descriptor of this family was made of, without coefficients; NULL where it is of another family. */
const lml_snap_model *lml_bispectrum_snap(const lml_descriptor *descriptor);

#endif
