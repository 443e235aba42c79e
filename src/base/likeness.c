#include "base/likeness.h"

#include <math.h>

static const double alike = 0.8, largest_factor = 4.0;

double lml_likeness_correlation(const lml_likeness *likeness) {
  const double size = sqrt(likeness->square) * sqrt(likeness->reference);
  return size > 0.0 ? likeness->product / size : 0.0;
}

double lml_likeness_factor(const lml_likeness *likeness) {
  return likeness->reference > 0.0 ? likeness->product / likeness->reference : 0.0;
}

bool lml_likeness_is_doubtful(const lml_likeness *likeness) {
  const double factor = lml_likeness_factor(likeness);
  if (fabs(lml_likeness_correlation(likeness)) < alike) return false;
  return factor < 1.0 / largest_factor || factor > largest_factor;
}
