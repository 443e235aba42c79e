/* ----------------------------------------------------------------------
   pair_style lmlink: a plugin for LAMMPS (https://www.lammps.org)

   Copyright (c) 2026 lmlink developers. Distributed under the MIT License;
   see LICENSE of lmlink, and README.md of this folder on linking it with
   LAMMPS, which is under the GNU General Public License, version 2.
------------------------------------------------------------------------- */
#ifndef LMLINK_CHECK_LAMMPS_H
#define LMLINK_CHECK_LAMMPS_H

#include <string>

#include "lammps.h"

namespace LAMMPS_NS {

/** How the LAMMPS of this process differs from the one whose headers this plugin was compiled with, in what the plugin
 *  uses: the virtual functions of Pair and the places of the fields. Empty where nothing does. */
std::string difference_of_lammps(LAMMPS *lmp);

}  // namespace LAMMPS_NS

#endif
