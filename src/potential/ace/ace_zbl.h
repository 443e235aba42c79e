/** @file ace_zbl.h
 *  inner_cutoff_type `zbl`: E_i = (1 − s) F + s · ½ Σⱼ E_ZBL(r_ij) + E₀. s falls from 1 to 0 as the neighbour with the
 *  smallest r − (rcut_in − dcut_in) of its bond goes from there to rcut_in; ρ_core does not fade anything.
 *
 *  This is what python-ace computes, as found by comparison, to 1e-14 of the energies. Energies are continuous; forces
 *  are not, where another neighbour becomes the one that s depends on while s is between 0 and 1.
 */
#ifndef LML_ACE_ACE_ZBL_H
#define LML_ACE_ACE_ZBL_H

#include "potential/ace/ace_work.h"

/** Set fade (1 − s), fade_slope and nearest of a lane's atom. */
void lml_ace_zbl_set_fade(lml_ace_work *work, size_t lane);

/** Energies F (@p products, of each lane) and their gradients → those of E_i − E₀. */
void lml_ace_zbl_mix(lml_ace_work *work, double *products);

#endif
