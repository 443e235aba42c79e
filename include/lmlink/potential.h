/** @file potential.h
 *  A linear machine-learning potential: descriptors (SNAP's bispectrum, UF3, ACE), coefficients Θ and fixed terms
 * (ZBL), in the files of LAMMPS and MiLaDy.
 */
#ifndef LMLINK_POTENTIAL_H
#define LMLINK_POTENTIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/calculator.h"

LML_BEGIN_DECLS

typedef struct lml_potential lml_potential;

/** Which fixed terms go with a .snapcoeff file that is given by itself. */
typedef enum lml_fixed_terms {
  LML_FIXED_TERMS_UNSTATED = 0, /**< refuse where a .snap or .mod file beside it adds some */
  LML_FIXED_TERMS_NONE,         /**< none, whatever that file says */
  LML_FIXED_TERMS_SNAP          /**< those of the .snap or .mod file beside it */
} lml_fixed_terms;

/** Read a potential, in the format that the content of @p path is in. @p path is a `.uf3` or `.yace` file, a `.pot`
 * file of MiLaDy, a `.snap`, `.mod` or `.mliap` file (its pair_style and pair_coeff lines name the other files and the
 * ZBL term), or a
 *  `.snapcoeff` file, whose parameters are in @p parameters, or, where that is NULL, in the `.snapparam` file of the
 * same name. @p fixed_terms counts for a `.snapcoeff` file alone (a `.yace` file takes LML_FIXED_TERMS_UNSTATED, as its
 * core repulsion is in it): the `.snap` or `.mod` file beside it is the one of the same name, or else one in the same
 * folder that uses the `.snapcoeff` file. With LML_FIXED_TERMS_SNAP the elements, and the parameters where @p
 * parameters is NULL, are that file's too. Errors name file and line. What the user should know although nothing is
 * wrong: see lml_potential_warning. The potential is immutable afterwards and may be shared by calculators; free with
 * lml_potential_destroy, after them. */
LML_API lml_status lml_potential_read(const char *path, const char *parameters, lml_fixed_terms fixed_terms,
                                      lml_potential **potential, lml_error *error);

/** A file that a host program has read itself, as those do that read on one process and hand the text to the others. */
typedef struct lml_potential_text {
  const char *name; /**< the file's name: for messages, and what the format is known by where the text does not tell */
  const char *text; /**< @p length bytes */
  size_t length;
} lml_potential_text;

/** lml_potential_read with LML_FIXED_TERMS_NONE of text in place of files: no file is opened, and one that names others
 *  (`.snap`) is refused. @p parameters is NULL where the format has no second file. Nothing of both is kept. */
LML_API lml_status lml_potential_read_text(const lml_potential_text *text, const lml_potential_text *parameters,
                                           lml_potential **potential, lml_error *error);

/** Write the coefficients and parameters, those of SNAP (from whatever file they were read) in LAMMPS's format to @p
 * path and @p parameters, UF3 and ACE to @p path alone (@p parameters is not used then, and may be NULL), numbers in
 * the digits that read back to the same doubles, each file whole or not at all. ZBL terms are not part of these files;
 * where there are some, a comment in the parameter file tells so, and LML_FIXED_TERMS_UNSTATED is refused for them as
 * well. @p comment (may be NULL) becomes a '#' line; another one marks the files as written together, so that a mixture
 * of two potentials' files is refused. */
LML_API lml_status lml_potential_write(const lml_potential *potential, const char *path, const char *parameters,
                                       const char *comment, lml_error *error);

LML_API void lml_potential_destroy(lml_potential *potential);

/** Elements in the potential's order, which is the order of the types in LAMMPS. */
LML_API size_t lml_potential_nelements(const lml_potential *potential);
LML_API int lml_potential_element(const lml_potential *potential, size_t index); /**< atomic number */

/** Coefficients per element, the constant included: 56 for 2J = 8, 1596 if quadratic. */
LML_API size_t lml_potential_ncoefficients(const lml_potential *potential);

/** Θ: nelements × ncoefficients, row-major, eV. Owned by the potential. */
LML_API const double *lml_potential_coefficients(const lml_potential *potential);

/** Largest distance at which two atoms interact, Å. */
LML_API double lml_potential_cutoff(const lml_potential *potential);

/** Number of warnings about the files that the potential was read from: of what is allowed, but may not be what the
 *  user expects. */
LML_API size_t lml_potential_nwarnings(const lml_potential *potential);

/** One of them: a line that names the file and what to do. Owned by the potential. */
LML_API const char *lml_potential_warning(const lml_potential *potential, size_t index);

/** The pair_style line, in a comment of the files, of terms that the fit subtracted and the potential does not add, as
 *  "hybrid/overlay zero 10.0 zbl 4.0 4.8"; NULL where there is none. Forces lack these terms unless the host program
 *  adds them, so that it should warn. Owned by the potential. */
LML_API const char *lml_potential_subtracted_terms(const lml_potential *potential);

/** One line that says what the potential is: elements, 2J, cutoff, number of coefficients, fixed terms. Writes at
 *  most @p size bytes with the final NUL. */
LML_API void lml_potential_describe(const lml_potential *potential, char *text, size_t size);

/** A calculator that evaluates @p potential, which must outlive it. Its results are exact. */
LML_API lml_status lml_linear_calculator_create(const lml_potential *potential, lml_calculator **calculator,
                                                lml_error *error);

/** Let the result `coordination` of a linear calculator count atoms nearer than @p radius (Å), and not than the cutoff,
 * as it does otherwise. Between evaluations. LML_ERR_USAGE where it is larger than the cutoff. */
LML_API lml_status lml_linear_calculator_set_coordination_radius(lml_calculator *calculator, double radius,
                                                                 lml_error *error);

enum { LML_THREADS_LIMIT = 1024 };

/** Let a linear calculator evaluate with @p nthreads threads, 1 to LML_THREADS_LIMIT, the caller's among them; 1
 * otherwise. Results are the same to the last bit for any number. Between evaluations. The others are started when
 * there is first work for them, with all signals blocked, sleep between evaluations, and end with the calculator; where
 * fewer can be had, fewer evaluate. A forked child has none of them, and may not use the calculator. Under MPI each
 * rank's number is its own. */
LML_API lml_status lml_linear_calculator_set_threads(lml_calculator *calculator, size_t nthreads, lml_error *error);

/** Descriptors D of each atom: natoms × ncoefficients, row-major, with the leading 1; quadratic components are
 *  ½B₁², B₁B₂, …, in the order of the coefficients. Fixed terms have none. */
LML_API lml_status lml_potential_descriptors(const lml_potential *potential, const lml_structure *structure,
                                             double *descriptors, lml_error *error);

/** Gradients −∂(Σᵢ Dᵢ)/∂r of each atom, sign, shape and order those of LAMMPS's `compute snad/atom`:
 *  natoms × nelements × 3 × (ncoefficients − 1), row-major; the sum over i runs over the atoms of one element. The
 *  forces of the descriptor part are this times Θ (without each element's constant). */
LML_API lml_status lml_potential_gradients(const lml_potential *potential, const lml_structure *structure,
                                           double *gradients, lml_error *error);

LML_END_DECLS

#endif
