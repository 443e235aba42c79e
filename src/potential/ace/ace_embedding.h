/** @file ace_embedding.h
 *  The embedding F(ρ₁, ρ₂, …) of an atom.
 */
#ifndef LML_ACE_ACE_EMBEDDING_H
#define LML_ACE_ACE_EMBEDDING_H

#include "potential/ace/ace_model.h"

/** F = Σ w_p g(ρ_p, m_p) (eV); @p slopes receives ∂F/∂ρ_p.
 *
 *  FinnisSinclair: g is |ρ|^m with ρ's sign, made linear where |ρ| < 10⁻⁶ by a factor 1 − exp(−(10⁶ρ)³).
 *  FinnisSinclairShiftedScaled: g is (|ρ| + x)^m − y with ρ's sign; x and y fall as exp(−|ρ|), and are such that g has
 *  the slope 1 at ρ = 0. (Bochkarev et al., Phys. Rev. Materials 6, 013804 (2022).) */
double lml_ace_embed(const lml_ace_embedding *embedding, const double *densities, double *slopes);

#endif
