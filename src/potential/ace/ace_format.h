/** @file ace_format.h
 *  ACE potentials in .yace files.
 */
#ifndef LML_ACE_ACE_FORMAT_H
#define LML_ACE_ACE_FORMAT_H

#include "potential/format.h"

extern const lml_format lml_ace_format;

#endif
