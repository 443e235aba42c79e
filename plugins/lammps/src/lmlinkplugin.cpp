/* ----------------------------------------------------------------------
   pair_style lmlink: a plugin for LAMMPS (https://www.lammps.org)

   Copyright (c) 2026 lmlink developers. Distributed under the MIT License;
   see LICENSE of lmlink, and README.md of this folder on linking it with
   LAMMPS, which is under the GNU General Public License, version 2.
------------------------------------------------------------------------- */
#include <cstdio>

#include "check_lammps.h"
#include "error.h"
#include "pair_lmlink.h"

using namespace LAMMPS_NS;

/** What LAMMPS takes from a plugin (lammpsplugin.h, which packages of LAMMPS do not install). */
struct lammps_plugin {
  const char *version, *style, *name, *info, *author;
  Pair *(*create)(LAMMPS *);
  void *handle;
};

static Pair *create_pair(LAMMPS *lmp) { return new PairLMLink(lmp); }

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lammps, void *handle, void *functions) {
  LAMMPS *lmp = static_cast<LAMMPS *>(lammps);
  const std::string difference = difference_of_lammps(lmp);
  if (!difference.empty()) lmp->error->all(FLERR, difference);
  lammps_plugin plugin = {lmp->version,        "pair",      "lmlink", "linear machine-learning potentials, by lmlink",
                          "lmlink developers", create_pair, handle};
  reinterpret_cast<void (*)(lammps_plugin *, void *)>(functions)(&plugin, lammps);
}
