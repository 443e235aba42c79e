/* ----------------------------------------------------------------------
   pair_style lmlink: a plugin for LAMMPS (https://www.lammps.org)

   Copyright (c) 2026 lmlink developers. Distributed under the MIT License;
   see LICENSE of lmlink, and README.md of this folder on linking it with
   LAMMPS, which is under the GNU General Public License, version 2.
------------------------------------------------------------------------- */
#include "pair_lmlink.h"

#include <lmlink/structure.h>

#include <cerrno>
#include <cstring>

#include "atom.h"
#include "check_lammps.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

using namespace LAMMPS_NS;

PairLMLink::PairLMLink(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_AVAIL;
}

PairLMLink::~PairLMLink() {
  if (copymode) return;
  lml_evaluator_destroy(evaluator);
  lml_potential_destroy(potential);
  if (!allocated) return;
  memory->destroy(setflag);
  memory->destroy(cutsq);
}

/* ---- input ---- */

void PairLMLink::settings(int narg, char **) {
  if (narg > 0) error->all(FLERR, "pair_style lmlink takes no arguments: files and elements stand in pair_coeff");
}

void PairLMLink::allocate() {
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  map = new int[n];
  allocated = 1;
}

/** pair_coeff * * FILE [PARAMETERS] ELEMENT ..., one element or NULL for each type of atoms. */
void PairLMLink::coeff(int narg, char **arg) {
  const int nfiles = narg - 2 - atom->ntypes;
  if (nfiles != 1 && nfiles != 2)
    error->all(
        FLERR,
        "pair_coeff * * of pair_style lmlink needs one or two files of a potential (W.snapcoeff W.snapparam) and "
        "an element, or NULL, for each of the {} atom types, and not {} words",
        atom->ntypes, narg - 2);
  if (!allocated) allocate();
  map_element2type(atom->ntypes, arg + 2 + nfiles);
  read_potential(arg[2], nfiles == 2 ? arg[3] : nullptr);
  find_elements();
}

/** The text of a file as LAMMPS finds it, read by rank 0. */
std::string PairLMLink::read_file(const char *name) {
  std::string text;
  if (comm->me == 0) {
    FILE *file = utils::open_potential(name, lmp, nullptr);
    if (file == nullptr) error->one(FLERR, "pair_style lmlink: {}: cannot be opened: {}", name, strerror(errno));
    char piece[4096];
    for (size_t count; (count = fread(piece, 1, sizeof piece, file)) > 0;) text.append(piece, count);
    if (ferror(file)) error->one(FLERR, "pair_style lmlink: {}: cannot be read: {}", name, strerror(errno));
    fclose(file);
    if (text.size() > MAXSMALLINT) error->one(FLERR, "pair_style lmlink: {}: is larger than 2 GB", name);
  }
  int length = static_cast<int>(text.size());
  MPI_Bcast(&length, 1, MPI_INT, 0, world);
  text.resize(length);
  MPI_Bcast(&text[0], length, MPI_CHAR, 0, world);
  return text;
}

void PairLMLink::read_potential(const char *file, const char *parameter_file) {
  const std::string text = read_file(file), parameters = parameter_file ? read_file(parameter_file) : "";
  const lml_potential_text first = {file, text.data(), text.size()};
  const lml_potential_text second = {parameter_file, parameters.data(), parameters.size()};
  lml_error reason = {};
  lml_evaluator_destroy(evaluator);
  lml_potential_destroy(potential);
  evaluator = nullptr;
  if (lml_potential_read_text(&first, parameter_file ? &second : nullptr, &potential, &reason) != LML_OK ||
      lml_evaluator_create(potential, &evaluator, &reason) != LML_OK)
    error->all(FLERR, "pair_style lmlink: {}", reason.message);  // the text is the same on all ranks
  if (comm->me != 0) return;
  char description[256];
  lml_potential_describe(potential, description, sizeof description);
  utils::logmesg(lmp, "pair_style lmlink: {}\n", description);
  for (size_t k = 0; k < lml_potential_nwarnings(potential); k++)
    error->warning(FLERR, "pair_style lmlink: {}", lml_potential_warning(potential, k));
  warn_of_terms(parameter_file ? parameter_file : file);
}

/** Terms that the fit subtracted, and that no other style of hybrid/overlay adds. */
void PairLMLink::warn_of_terms(const char *file) {
  const char *terms = lml_potential_subtracted_terms(potential);
  if (terms == nullptr || force->pair_match("zbl", 0, 1) || force->pair_match("table", 0, 1)) return;
  error->warning(FLERR,
                 "pair_style lmlink: {}: the comment '{}' says that the coefficients were fitted to what is left after "
                 "subtracting these terms, without which forces are wrong: add them with pair_style hybrid/overlay",
                 file, terms);
}

void PairLMLink::find_elements() {
  element_of_type.assign(atom->ntypes + 1, -1);
  for (int type = 1; type <= atom->ntypes; type++) {
    if (map[type] < 0) continue;
    const char *name = elements[map[type]];
    const int number = lml_element_number(name);
    for (size_t e = 0; e < lml_potential_nelements(potential); e++)
      if (number > 0 && lml_potential_element(potential, e) == number) element_of_type[type] = static_cast<int>(e);
    if (element_of_type[type] < 0)
      error->all(FLERR,
                 "pair_coeff of pair_style lmlink: {}, which atom type {} is to be, is no element of the potential",
                 name, type);
  }
}

void PairLMLink::init_style() {
  const std::string difference = difference_of_lammps(lmp);
  if (!difference.empty()) error->all(FLERR, difference);
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, "pair_style lmlink needs units metal: its potentials are in eV and Angstrom");
  if (force->newton_pair == 0) error->all(FLERR, "pair_style lmlink needs newton on for pairs");
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairLMLink::init_one(int i, int j) {
  if (setflag[i][j] == 0) error->all(FLERR, "pair_style lmlink: no pair_coeff for atom types {} and {}", i, j);
  return lml_potential_cutoff(potential);
}

/* ---- evaluation ---- */

static size_t neighbours_of(void *context, int centre, const int **neighbours) {
  const NeighList *list = static_cast<NeighList *>(context);
  *neighbours = list->firstneigh[centre];
  return static_cast<size_t>(list->numneigh[centre]);
}

lml_evaluator_atoms PairLMLink::atoms_of_lammps() {
  lml_evaluator_atoms atoms = {};
  atoms.size = sizeof atoms;
  atoms.natoms = static_cast<size_t>(atom->nlocal) + static_cast<size_t>(atom->nghost);
  atoms.positions = atom->x[0];
  atoms.kinds = atom->type;
  atoms.elements = element_of_type.data();
  atoms.nkinds = element_of_type.size();
  atoms.ncentres = static_cast<size_t>(list->inum);
  atoms.centres = list->ilist;
  atoms.neighbours = neighbours_of;
  atoms.context = list;
  atoms.mask = NEIGHMASK;
  return atoms;
}

void PairLMLink::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  double w[9] = {0.0};
  if (list->inum > 0) {
    const lml_evaluator_atoms atoms = atoms_of_lammps();
    lml_evaluator_sums sums = {};
    sums.size = sizeof sums;
    sums.forces = atom->f[0];
    if (eflag_global) sums.energy = &eng_vdwl;
    if (eflag_atom) sums.energies = eatom;
    if (vflag_global) sums.virial = w;
    if (vflag_atom) sums.virials = vatom[0];
    if (cvflag_atom) sums.centroid_virials = cvatom[0];
    lml_error reason = {};
    if (lml_evaluator_begin(evaluator, &atoms, &sums, &reason) != LML_OK)
      error->one(FLERR, "pair_style lmlink: {}", reason.message);
    lml_evaluator_finish(evaluator);
  }
  const int places[6] = {0, 4, 8, 1, 2, 5};  // xx, yy, zz, xy, xz, yz
  for (int k = 0; k < 6; k++) virial[k] += w[places[k]];
  if (vflag_fdotr) virial_fdotr_compute();
}
