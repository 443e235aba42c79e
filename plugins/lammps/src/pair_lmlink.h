/* ----------------------------------------------------------------------
   pair_style lmlink: a plugin for LAMMPS (https://www.lammps.org)

   Copyright (c) 2026 lmlink developers. Distributed under the MIT License;
   see LICENSE of lmlink, and README.md of this folder on linking it with
   LAMMPS, which is under the GNU General Public License, version 2.
------------------------------------------------------------------------- */
#ifndef LMLINK_PAIR_LMLINK_H
#define LMLINK_PAIR_LMLINK_H

#include <lmlink/evaluator.h>

#include <string>
#include <vector>

#include "pair.h"

namespace LAMMPS_NS {

/** Has lmlink evaluate a potential for LAMMPS's atoms, ghosts and full neighbour lists. It adds no virtual function to
 *  those of Pair: check_lammps.cpp goes by that. */
class PairLMLink : public Pair {
 public:
  explicit PairLMLink(class LAMMPS *);
  ~PairLMLink() override;
  void compute(int, int) override;
  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;

 private:
  lml_potential *potential = nullptr;
  lml_evaluator *evaluator = nullptr;
  std::vector<int> element_of_type;  // index in the potential; from type 1 on, -1: NULL in pair_coeff

  void allocate();
  std::string read_file(const char *);
  void read_potential(const char *, const char *);
  void warn_of_terms(const char *);
  void find_elements();
  lml_evaluator_atoms atoms_of_lammps();
};

}  // namespace LAMMPS_NS

#endif
