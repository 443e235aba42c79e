#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "potential/bispectrum/plan.h"

static double sign_of(int exponent) { return exponent % 2 == 0 ? 1.0 : -1.0; }

static long double binomial(int n, int k) {
  if (k < 0 || k > n) return 0.0L;
  long double value = 1.0L;
  for (int i = 1; i <= k; i++) value = value * (n - k + i) / i;
  return value;
}

static long double factorial(int n) { return n <= 1 ? 1.0L : n * factorial(n - 1); }

/** polynomial[k] += factor · (coefficient of x^k in ((1+x)/2)^na ((1−x)/2)^nb). */
static void add_powers(int na, int nb, long double factor, long double *polynomial) {
  const long double scale = factor / powl(2.0L, na + nb);
  for (int i = 0; i <= na; i++)
    for (int k = 0; k <= nb; k++) polynomial[i + k] += scale * sign_of(k) * binomial(na, i) * binomial(nb, k);
}

/** The polynomial in x that multiplies a*^s b^q (or b*^−q) in U^j[ma][mb]: the terms of the generating function of the
 *  header, collected by the number r of factors b* taken from its first bracket. */
static void mode_polynomial(int j, int ma, int mb, double *coefficients) {
  const int q = mb - ma, s = j - ma - mb, n = (j - s - abs(q)) / 2;
  long double polynomial[LML_SNAP_TWOJMAX_LIMIT / 2 + 1] = {0.0L};
  for (int r = 0; r <= j - mb; r++) {
    const int of_a = ma - r;
    const int of_b = q >= 0 ? r : r + q;
    if (of_a < 0 || of_a > mb || of_b < 0) continue;
    add_powers(of_a, of_b, sign_of(r) * binomial(j - mb, r) * binomial(mb, of_a), polynomial);
  }
  const long double norm = sqrtl(factorial(ma) * factorial(j - ma) / (factorial(mb) * factorial(j - mb)));
  for (int k = 0; k <= n; k++) coefficients[k] = (double)(norm * polynomial[k]);
}

/** Where Y of U^j[ma][mb] stands: itself if its column is stored, else its partner, with the pair's weight. */
static void place_y(int j, int ma, int mb, int *index, double *re, double *im) {
  const bool own_partner = 2 * ma == j && 2 * mb == j;
  const double weight = own_partner ? 1.0 : 2.0;
  const bool partner = 2 * mb > j;
  const double sign = sign_of(ma + mb);
  *index = lml_bispectrum_y_offset(j) + (partner ? (j - mb) * (j + 1) + (j - ma) : mb * (j + 1) + ma);
  *re = partner ? weight * sign : weight;
  *im = partner ? -weight * sign : weight;
}

static void make_coupled(int s, int q, int n, lml_coupled_j *coupled, double *polynomial) {
  const int j = s + q + 2 * n;
  const int mb = (j - s + q) / 2, ma = (j - s - q) / 2;
  const int u = lml_bispectrum_u_offset(j);
  coupled->u_plus = u + mb * (j + 1) + ma;
  coupled->u_plus_partner = u + (j - mb) * (j + 1) + (j - ma);
  coupled->partner_sign = sign_of(q);
  place_y(j, ma, mb, &coupled->y_plus, &coupled->y_plus_re, &coupled->y_plus_im);
  mode_polynomial(j, ma, mb, polynomial);
  coupled->u_minus = coupled->u_minus_partner = coupled->y_minus = -1;
  if (s == 0 || q == 0) return;
  coupled->u_minus = u + ma * (j + 1) + mb;
  coupled->u_minus_partner = u + (j - ma) * (j + 1) + (j - mb);
  place_y(j, mb, ma, &coupled->y_minus, &coupled->y_minus_re, &coupled->y_minus_im);
  mode_polynomial(j, mb, ma, polynomial + n + 1);
}

lml_status lml_bispectrum_plan_modes(lml_bispectrum_plan *plan, lml_error *error) {
  const int J = plan->twojmax;
  size_t ncoupled = 0, ncoefficients = 0;
  for (int s = 0; s <= J; s++)
    for (int q = 0; s + q <= J; q++) {
      plan->nmodes++;
      for (int n = 0; s + q + 2 * n <= J; n++) {
        ncoupled++;
        ncoefficients += 2 * ((size_t)n + 1);
      }
    }
  lml_status status = lml_alloc(&plan->modes, plan->nmodes, sizeof(lml_mode), "modes of the density", error);
  if (status == LML_OK)
    status = lml_alloc(&plan->coupled_js, ncoupled, sizeof(lml_coupled_j), "modes of the density", error);
  if (status == LML_OK)
    status = lml_alloc(&plan->polynomials, ncoefficients, sizeof(double), "polynomials of the density", error);
  plan->ndiagonal = (size_t)(J + 1) * (size_t)(J + 2) / 2;
  if (status == LML_OK) status = lml_alloc(&plan->diagonal, plan->ndiagonal, sizeof(int), "the diagonal of U", error);
  if (status != LML_OK) return status;

  lml_mode *mode = plan->modes;
  int coupled = 0, coefficient = 0;
  for (int s = 0; s <= J; s++)
    for (int q = 0; s + q <= J; q++, mode++) {
      *mode = (lml_mode){.s = s, .q = q, .ncoupled = (J - s - q) / 2 + 1, .moment = plan->nmoments, .coupled = coupled};
      mode->ncomponents = (s > 0 ? 2 : 1) * (q > 0 ? 2 : 1);
      plan->nmoments += mode->ncomponents * mode->ncoupled;
      for (int n = 0; n < mode->ncoupled; n++, coupled++) {
        plan->coupled_js[coupled].polynomial = coefficient;
        make_coupled(s, q, n, &plan->coupled_js[coupled], plan->polynomials + coefficient);
        coefficient += 2 * (n + 1);
      }
    }

  plan->nu = lml_bispectrum_u_offset(J + 1);
  plan->ny = lml_bispectrum_y_offset(J + 1);
  int *diagonal = plan->diagonal;
  for (int j = 0; j <= J; j++)
    for (int m = 0; m <= j; m++) *diagonal++ = lml_bispectrum_u_offset(j) + m * (j + 1) + m;
  return LML_OK;
}
