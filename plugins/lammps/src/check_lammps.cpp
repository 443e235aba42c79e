/* ----------------------------------------------------------------------
   pair_style lmlink: a plugin for LAMMPS (https://www.lammps.org)

   Copyright (c) 2026 lmlink developers. Distributed under the MIT License;
   see LICENSE of lmlink, and README.md of this folder on linking it with
   LAMMPS, which is under the GNU General Public License, version 2.
------------------------------------------------------------------------- */
#include "check_lammps.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>
#include <new>

#include "atom.h"
#include "comm.h"
#include "force.h"
#include "library.h"
#include "neigh_list.h"
#include "pair.h"
#include "update.h"

namespace LAMMPS_NS {

/** What Pair is by this plugin's headers. It is shown by the plugin, so that the size of its table of virtual
 * functions, as many as Pair has, can be looked up as that of LAMMPS's own is. */
class __attribute__((visibility("default"))) PairByHeaders : public Pair {
 public:
  explicit PairByHeaders(LAMMPS *lmp) : Pair(lmp) {}
  void compute(int, int) override {}
  void settings(int, char **) override {}
  void coeff(int, char **) override {}

  /** Whether what LAMMPS's constructor sets stands where it should; before, all bytes were POISON. */
  const char *field_elsewhere() const {
    if (eng_vdwl != 0.0 || eng_coul != 0.0) return "Pair::eng_vdwl";
    if (eatom != nullptr || vatom != nullptr || cvatom != nullptr) return "Pair::cvatom";
    if (cutsq != nullptr || setflag != nullptr) return "Pair::cutsq";
    if (single_enable != 1 || restartinfo != 1) return "Pair::restartinfo";
    if (one_coeff != 0 || manybody_flag != 0 || no_virial_fdotr_compute != 0) return "Pair::manybody_flag";
    if (centroidstressflag != CENTROID_SAME) return "Pair::centroidstressflag";
    if (allocated != 0 || compute_flag != 1) return "Pair::allocated";
    if (elements != nullptr || map != nullptr) return "Pair::map";
    if (maxeatom != 0 || maxvatom != 0 || maxcvatom != 0) return "Pair::maxcvatom";
    return copymode == 0 ? nullptr : "Pair::copymode";
  }
};

namespace {

enum { POISON = 0xA5, MARGIN = 4096 };

/** Bytes of the symbol that begins at or before an address; 0: unknown. */
size_t size_of_symbol(const void *address) {
  Dl_info info;
  const ElfW(Sym) *symbol = nullptr;
  if (dladdr1(address, &info, reinterpret_cast<void **>(const_cast<ElfW(Sym) **>(&symbol)), RTLD_DL_SYMENT) == 0)
    return 0;
  return symbol == nullptr ? 0 : symbol->st_size;
}

/** LAMMPS's own table of virtual functions of Pair. */
const void *table_of_pair() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&lammps_version), &info) == 0) return nullptr;
  void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  const void *table = dlsym(library == nullptr ? RTLD_DEFAULT : library, "_ZTVN9LAMMPS_NS4PairE");
  if (library != nullptr) dlclose(library);
  return table;
}

std::string functions_differ(const void *our_object) {
  const void *ours = *static_cast<const void *const *>(our_object);
  const size_t here = size_of_symbol(ours), there = size_of_symbol(table_of_pair());
  if (here != 0 && here == there) return "";
  return "Pair has " + std::to_string(there / sizeof(void *)) + " entries for virtual functions, not " +
         std::to_string(here / sizeof(void *));
}

/** An object that LAMMPS's constructor makes in poisoned memory, with room for one that is larger than it should be. */
template <class T>
struct Probe {
  alignas(T) unsigned char memory[sizeof(T) + MARGIN];
  T *object;
  explicit Probe(LAMMPS *lmp) {
    memset(memory, POISON, sizeof memory);
    __asm__ volatile("" : : "r"(memory) : "memory");  // or compilers leave out what a constructor may overwrite
    object = new (memory) T(lmp);
  }
  bool is_larger() const {
    for (size_t k = sizeof(T); k < sizeof memory; k++)
      if (memory[k] != POISON) return true;
    return false;
  }
};

std::string pair_differs(LAMMPS *lmp) {
  Probe<PairByHeaders> probe(lmp);
  std::string difference = functions_differ(probe.object);
  if (!difference.empty()) return difference;
  if (probe.is_larger()) return "Pair is larger";
  const char *field = probe.object->field_elsewhere();
  if (field != nullptr) return std::string(field) + " stands elsewhere";
  probe.object->~PairByHeaders();
  return "";
}

std::string list_differs(LAMMPS *lmp) {
  Probe<NeighList> probe(lmp);
  const NeighList *list = probe.object;
  if (probe.is_larger()) return "NeighList is larger";
  if (list->inum != 0 || list->ilist != nullptr || list->numneigh != nullptr || list->firstneigh != nullptr)
    return "NeighList::firstneigh stands elsewhere";
  probe.object->~NeighList();
  return "";
}

/** Fields of other classes, beside what LAMMPS's C functions say of them. */
std::string fields_differ(LAMMPS *lmp) {
  const Atom *atom = lmp->atom;
  const struct {
    const char *name, *field;
    const void *address;
  } places[] = {{"nlocal", "Atom::nlocal", &atom->nlocal},
                {"nghost", "Atom::nghost", &atom->nghost},
                {"ntypes", "Atom::ntypes", &atom->ntypes},
                {"boltz", "Force::boltz", &lmp->force->boltz},
                {"ntimestep", "Update::ntimestep", &lmp->update->ntimestep},
                {"units", "Update::unit_style", lmp->update->unit_style}};
  for (const auto &place : places)
    if (lammps_extract_global(lmp, place.name) != place.address) return std::string(place.field) + " stands elsewhere";
  if (lammps_extract_atom(lmp, "x") != atom->x || lammps_extract_atom(lmp, "f") != atom->f ||
      lammps_extract_atom(lmp, "type") != atom->type)
    return "Atom::x stands elsewhere";
  if (lammps_extract_setting(lmp, "newton_pair") != lmp->force->newton_pair)
    return "Force::newton_pair stands elsewhere";
  return lammps_extract_setting(lmp, "world_rank") == lmp->comm->me ? "" : "Comm::me stands elsewhere";
}

}  // namespace

std::string difference_of_lammps(LAMMPS *lmp) {
  std::string difference = pair_differs(lmp);
  if (difference.empty()) difference = fields_differ(lmp);
  if (difference.empty()) difference = list_differs(lmp);
  if (difference.empty()) return "";
  return "the plugin with pair_style lmlink was compiled for another LAMMPS than this one (version " +
         std::to_string(lammps_version(lmp)) + "): " + difference +
         ". Install it again beside this LAMMPS, as its README says";
}

}  // namespace LAMMPS_NS
