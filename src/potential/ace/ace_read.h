/** @file ace_read.h
 *  Reading a .yace file: the YAML form in which pacemaker, FitSNAP and LAMMPS's pair_style pace keep ACE potentials.
 */
#ifndef LML_ACE_ACE_READ_H
#define LML_ACE_ACE_READ_H

#include "lmlink/error.h"
#include "potential/ace/ace_model.h"

/** Read @p path into @p model, which the caller frees even after a failure, and the energies of single atoms (eV) into
 *  *@p constants, one for each element, to be freed with lml_free. Shapes are c̃ as they are in the file. */
lml_status lml_ace_read(const char *path, lml_ace_model *model, double **constants, lml_error *error);

#endif
