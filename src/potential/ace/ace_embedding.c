#include "potential/ace/ace_embedding.h"

#include <math.h>

static double finnis_sinclair(double density, double power, double *slope) {
  const double scale = 1e6, size = fabs(density), linear = pow(scale, 1.0 - power);
  if (size <= 1e-10) {
    *slope = linear;
    return linear * density;
  }
  const double cube = pow(scale * size, 3.0), near = cube > 30.0 ? 0.0 : exp(-cube);
  const double near_slope = -3.0 * scale * scale * scale * size * size * near, value = pow(size, power);
  *slope = power * pow(size, power - 1.0) * (1.0 - near) - value * near_slope + linear * (near_slope * size + near);
  return copysign((1.0 - near) * value + linear * near * size, density);
}

static double shifted_scaled(double density, double power, double *slope) {
  if (fabs(power - 1.0) < 1e-10) {
    *slope = 1.0;
    return density;
  }
  const double size = fabs(density), decay = exp(-size), inverse = 1.0 / power;
  const double shift = pow(inverse, inverse / (1.0 - inverse)) * decay;
  const double offset = pow(inverse, 1.0 / (1.0 - inverse)) * decay;
  *slope = offset + power * (1.0 - shift) * pow(shift + size, power - 1.0);
  return copysign(pow(shift + size, power) - offset, density);
}

double lml_ace_embed(const lml_ace_embedding *embedding, const double *densities, double *slopes) {
  double energy = 0.0;
  for (int p = 0; p < embedding->ndensities; p++) {
    double slope;
    const double value = embedding->kind == LML_ACE_FINNIS_SINCLAIR
                             ? finnis_sinclair(densities[p], embedding->power[p], &slope)
                             : shifted_scaled(densities[p], embedding->power[p], &slope);
    energy += embedding->weight[p] * value;
    slopes[p] = embedding->weight[p] * slope;
  }
  return energy;
}
