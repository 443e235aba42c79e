#include "potential/ace/ace_read.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "lmlink/structure.h"
#include "potential/ace/ace_yaml.h"
#include "potential/descriptor.h"

static const char what_for[] = "an ACE potential";

enum { NAME = 96 /**< bytes of what names a value in messages */, MOST_BINS = 100000000 /**< of a spline */ };

/* ---- elements ---- */

static lml_status read_elements(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_model *model,
                                lml_error *error) {
  size_t n = 0;
  lml_status status = lml_yaml_sequence(yaml, node, "elements", &n, error);
  if (status != LML_OK) return status;
  if (n == 0 || n > LML_ELEMENTS_LIMIT)
    return lml_yaml_fail(yaml, node, error, "elements must be from 1 to %d chemical symbols", LML_ELEMENTS_LIMIT);
  status = lml_alloc(&model->numbers, n, sizeof *model->numbers, what_for, error);
  if (status == LML_OK) status = lml_alloc(&model->bonds, n * n, sizeof *model->bonds, what_for, error);
  if (status == LML_OK) status = lml_alloc(&model->embeddings, n, sizeof *model->embeddings, what_for, error);
  if (status == LML_OK) status = lml_alloc(&model->functions, n, sizeof(void *), what_for, error);
  if (status == LML_OK) status = lml_alloc(&model->nfunctions, n, sizeof *model->nfunctions, what_for, error);
  if (status != LML_OK) return status;
  model->nelements = n;
  for (size_t e = 0; e < n && status == LML_OK; e++) {
    const lml_yaml_node *item = lml_yaml_item(yaml, node, e);
    const char *symbol = "";
    status = lml_yaml_text(yaml, item, "an element", &symbol, error);
    if (status != LML_OK) return status;
    model->numbers[e] = lml_element_number(symbol);
    if (model->numbers[e] <= 0) return lml_yaml_fail(yaml, item, error, "'%.20s' is no chemical symbol", symbol);
    for (size_t k = 0; k < e; k++)
      if (model->numbers[k] == model->numbers[e])
        return lml_yaml_fail(yaml, item, error, "the element %s is there twice", symbol);
  }
  return status;
}

/** The element that a key of `embeddings` or `functions` is of, by its index. */
static lml_status read_index(const lml_yaml *yaml, const lml_yaml_node *node, const char *what,
                             const lml_ace_model *model, int *index, lml_error *error) {
  return lml_yaml_integer(yaml, node, what, 0, (int64_t)model->nelements - 1, index, error);
}

/** Which of @p names (NULL at their end) a text is. */
static lml_status read_choice(const lml_yaml *yaml, const lml_yaml_node *node, const char *what,
                              const char *const *names, int *choice, lml_error *error) {
  const char *text = "";
  const lml_status status = lml_yaml_text(yaml, node, what, &text, error);
  if (status != LML_OK) return status;
  for (*choice = 0; names[*choice] != NULL; ++*choice)
    if (strcmp(text, names[*choice]) == 0) return LML_OK;
  char known[128] = "";
  for (size_t k = 0, used = 0; names[k] != NULL; k++, used = strlen(known))
    lml_print_cut(known + used, sizeof known - used, "%s%s", k == 0 ? "" : ", ", names[k]);
  return lml_yaml_fail(yaml, node, error, "%s is '%.40s', and lmlink has %s alone", what, text, known);
}

/* ---- embeddings ---- */

static lml_status read_embedding_parameters(const lml_yaml *yaml, const lml_yaml_node *node, const char *what,
                                            lml_ace_embedding *embedding, lml_error *error) {
  double values[2 * LML_ACE_MOST_DENSITIES];
  const lml_status status = lml_yaml_reals(yaml, node, what, 2 * (size_t)embedding->ndensities, values, error);
  if (status != LML_OK) return status;
  for (int p = 0; p < embedding->ndensities; p++) {
    embedding->weight[p] = values[2 * p];
    embedding->power[p] = values[2 * p + 1];
    if (embedding->power[p] <= 0.0) return lml_yaml_fail(yaml, node, error, "%s: a power must be positive", what);
  }
  return LML_OK;
}

static lml_status read_embedding(const lml_yaml *yaml, const lml_yaml_node *node, const char *what,
                                 lml_ace_embedding *embedding, lml_error *error) {
  static const char *const kinds[] = {"FinnisSinclair", "FinnisSinclairShiftedScaled", NULL};
  enum { NDENSITY, PARAMETERS, KIND, CUTOFF, WIDTH, KEYS };
  lml_yaml_key keys[KEYS] = {[NDENSITY] = {.name = "ndensity"},
                             [PARAMETERS] = {.name = "FS_parameters"},
                             [KIND] = {.name = "npoti"},
                             [CUTOFF] = {.name = "rho_core_cutoff"},
                             [WIDTH] = {.name = "drho_core_cutoff"}};
  int kind = 0;
  if (embedding->given) return lml_yaml_fail(yaml, node, error, "%s is there twice", what);
  embedding->given = true;
  lml_status status = lml_yaml_keys(yaml, node, what, keys, KEYS, KEYS, error);
  if (status == LML_OK)
    status = lml_yaml_integer(yaml, keys[NDENSITY].value, "ndensity", 1, LML_ACE_MOST_DENSITIES, &embedding->ndensities,
                              error);
  if (status == LML_OK)
    status = read_embedding_parameters(yaml, keys[PARAMETERS].value, "FS_parameters", embedding, error);
  if (status == LML_OK) status = read_choice(yaml, keys[KIND].value, "npoti", kinds, &kind, error);
  if (status == LML_OK)
    status = lml_yaml_real(yaml, keys[CUTOFF].value, "rho_core_cutoff", &embedding->core_cutoff, error);
  if (status == LML_OK)
    status = lml_yaml_real(yaml, keys[WIDTH].value, "drho_core_cutoff", &embedding->core_width, error);
  if (status == LML_OK && embedding->core_width <= 0.0)
    return lml_yaml_fail(yaml, keys[WIDTH].value, error, "drho_core_cutoff must be positive");
  embedding->kind = (lml_ace_embedding_kind)kind;
  return status;
}

static lml_status read_embeddings(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_model *model,
                                  lml_error *error) {
  size_t count = 0;
  lml_status status = lml_yaml_mapping(yaml, node, "embeddings", &count, error);
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    const lml_yaml_node *key, *value;
    int e = 0;
    char what[NAME];
    lml_yaml_pair(yaml, node, k, &key, &value);
    status = read_index(yaml, key, "a key of embeddings", model, &e, error);
    lml_print_cut(what, sizeof what, "the embedding of element %d", e);
    if (status == LML_OK) status = read_embedding(yaml, value, what, &model->embeddings[e], error);
  }
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++)
    if (!model->embeddings[e].given)
      return lml_yaml_fail(yaml, node, error, "embeddings lacks element %zu, %s", e,
                           lml_element_symbol(model->numbers[e]));
  return status;
}

/* ---- bonds ---- */

enum {
  NRADMAX,
  LMAX,
  NRADBASEMAX,
  RADBASENAME,
  RADPARAMETERS,
  RADCOEFFICIENTS,
  PREHC,
  LAMBDAHC,
  RCUT,
  DCUT,
  RCUT_IN,
  DCUT_IN,
  INNER_CUTOFF_TYPE,
  BOND_KEYS
};

static const char *const bond_keys[BOND_KEYS] = {
    "nradmax",  "lmax", "nradbasemax", "radbasename", "radparameters", "radcoefficients",  "prehc",
    "lambdahc", "rcut", "dcut",        "rcut_in",     "dcut_in",       "inner_cutoff_type"};

/** c_nlk: a list of lists of lists. */
static lml_status read_radial_coefficients(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_bond *bond,
                                           lml_error *error) {
  static const char what[] = "radcoefficients";
  const size_t nradial = (size_t)bond->nradial, nl = (size_t)bond->lmax + 1, nbase = (size_t)bond->nbase;
  size_t count = 0;
  lml_status status = lml_alloc(&bond->coefficients, nradial * nl * nbase, sizeof(double), what_for, error);
  if (status == LML_OK) status = lml_yaml_sequence(yaml, node, what, &count, error);
  if (status != LML_OK) return status;
  if (count != nradial) return lml_yaml_fail(yaml, node, error, "%s must have nradmax = %zu lists", what, nradial);
  for (size_t n = 0; n < nradial; n++) {
    const lml_yaml_node *of_n = lml_yaml_item(yaml, node, n);
    status = lml_yaml_sequence(yaml, of_n, what, &count, error);
    if (status != LML_OK) return status;
    if (count != nl) return lml_yaml_fail(yaml, of_n, error, "%s must have lmax + 1 = %zu lists in each", what, nl);
    for (size_t l = 0; l < nl && status == LML_OK; l++)
      status = lml_yaml_reals(yaml, lml_yaml_item(yaml, of_n, l), what, nbase,
                              bond->coefficients + (n * nl + l) * nbase, error);
    if (status != LML_OK) return status;
  }
  return LML_OK;
}

/** The numbers of a bond that stand by themselves. */
static lml_status read_bond_numbers(const lml_yaml *yaml, const lml_yaml_key *keys, lml_ace_bond *bond,
                                    lml_error *error) {
  const struct {
    int key;
    double *to;
  } reals[] = {{PREHC, &bond->core_amplitude}, {LAMBDAHC, &bond->core_decay}, {RCUT, &bond->cutoff},
               {DCUT, &bond->width},           {RCUT_IN, &bond->inner},       {DCUT_IN, &bond->inner_width}};
  lml_status status =
      lml_yaml_integer(yaml, keys[NRADMAX].value, "nradmax", 0, LML_ACE_MOST_RADIAL, &bond->nradial, error);
  if (status == LML_OK)
    status =
        lml_yaml_integer(yaml, keys[NRADBASEMAX].value, "nradbasemax", 1, LML_ACE_MOST_RADIAL, &bond->nbase, error);
  if (status == LML_OK)
    status = lml_yaml_integer(yaml, keys[LMAX].value, "lmax", 0, LML_ACE_MOST_L, &bond->lmax, error);
  for (size_t k = 0; k < sizeof reals / sizeof *reals && status == LML_OK; k++)
    status = lml_yaml_real(yaml, keys[reals[k].key].value, keys[reals[k].key].name, reals[k].to, error);
  if (status == LML_OK)
    status = lml_yaml_reals(yaml, keys[RADPARAMETERS].value, "radparameters", 1, &bond->lambda, error);
  return status;
}

static lml_status check_bond(const lml_yaml *yaml, const lml_yaml_key *keys, const lml_ace_model *model,
                             const lml_ace_bond *bond, lml_error *error) {
  if (bond->cutoff <= 0.0) return lml_yaml_fail(yaml, keys[RCUT].value, error, "rcut must be positive");
  if (bond->width <= 0.0 || bond->width > bond->cutoff)
    return lml_yaml_fail(yaml, keys[DCUT].value, error, "dcut must be positive, and at most rcut");
  if (bond->inner < 0.0 || bond->inner >= bond->cutoff)
    return lml_yaml_fail(yaml, keys[RCUT_IN].value, error, "rcut_in must be at least 0, and below rcut");
  if (bond->inner_width < 0.0 || (bond->inner > 0.0 && bond->inner_width == 0.0))
    return lml_yaml_fail(yaml, keys[DCUT_IN].value, error,
                         "dcut_in must be positive: forces jump at rcut_in otherwise");
  if (model->radial == LML_ACE_CHEB_EXP_COS && fabs(bond->lambda) < 1e-6)
    return lml_yaml_fail(yaml, keys[RADPARAMETERS].value, error, "radparameters must not be 0 with ChebExpCos");
  if (model->radial == LML_ACE_CHEB_EXP_COS && fabs(bond->lambda) > 500.0)
    return lml_yaml_fail(yaml, keys[RADPARAMETERS].value, error, "radparameters must be from -500 to 500");
  if (model->radial == LML_ACE_CHEB_POW && bond->lambda < 1.0)
    return lml_yaml_fail(yaml, keys[RADPARAMETERS].value, error,
                         "radparameters must be at least 1 with ChebPow: forces are infinite at rcut otherwise");
  return LML_OK;
}

/** One radial basis and one treatment of short distances is for all bonds. */
static lml_status read_bond_kinds(const lml_yaml *yaml, const lml_yaml_key *keys, lml_ace_model *model, size_t nread,
                                  lml_error *error) {
  static const char *const radials[] = {"ChebExpCos", "ChebPow", "SBessel", NULL};
  static const char *const inners[] = {"density", "distance", "zbl", NULL};
  int radial = 0, inner = 0;
  lml_status status = read_choice(yaml, keys[RADBASENAME].value, "radbasename", radials, &radial, error);
  if (status == LML_OK)
    status = read_choice(yaml, keys[INNER_CUTOFF_TYPE].value, "inner_cutoff_type", inners, &inner, error);
  if (status != LML_OK) return status;
  if (nread > 0 && radial != (int)model->radial)
    return lml_yaml_fail(yaml, keys[RADBASENAME].value, error, "radbasename must be the same for all bonds");
  if (nread > 0 && inner != (int)model->inner)
    return lml_yaml_fail(yaml, keys[INNER_CUTOFF_TYPE].value, error,
                         "inner_cutoff_type must be the same for all bonds");
  model->radial = (lml_ace_radial)radial;
  model->inner = (lml_ace_inner)inner;
  return LML_OK;
}

static lml_status read_bond(const lml_yaml *yaml, const lml_yaml_node *node, const char *what, lml_ace_model *model,
                            lml_ace_bond *bond, size_t nread, lml_error *error) {
  lml_yaml_key keys[BOND_KEYS];
  for (size_t k = 0; k < BOND_KEYS; k++) keys[k].name = bond_keys[k];
  if (bond->given) return lml_yaml_fail(yaml, node, error, "%s is there twice", what);
  bond->given = true;
  lml_status status = lml_yaml_keys(yaml, node, what, keys, BOND_KEYS, BOND_KEYS, error);
  if (status == LML_OK) status = read_bond_kinds(yaml, keys, model, nread, error);
  if (status == LML_OK) status = read_bond_numbers(yaml, keys, bond, error);
  if (status == LML_OK) status = check_bond(yaml, keys, model, bond, error);
  return status == LML_OK ? read_radial_coefficients(yaml, keys[RADCOEFFICIENTS].value, bond, error) : status;
}

static lml_status read_bonds(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_model *model, lml_error *error) {
  size_t count = 0;
  lml_status status = lml_yaml_mapping(yaml, node, "bonds", &count, error);
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    const lml_yaml_node *key, *value;
    size_t two = 0;
    int ends[2] = {0, 0};
    char what[NAME];
    lml_yaml_pair(yaml, node, k, &key, &value);
    status = lml_yaml_sequence(yaml, key, "a key of bonds", &two, error);
    if (status == LML_OK && two != 2) return lml_yaml_fail(yaml, key, error, "a key of bonds must be two elements");
    for (size_t i = 0; i < 2 && status == LML_OK; i++)
      status = read_index(yaml, lml_yaml_item(yaml, key, i), "a key of bonds", model, &ends[i], error);
    lml_print_cut(what, sizeof what, "the bond [%d, %d]", ends[0], ends[1]);
    if (status == LML_OK)
      status = read_bond(yaml, value, what, model, &model->bonds[(size_t)ends[0] * model->nelements + (size_t)ends[1]],
                         k, error);
  }
  for (size_t b = 0; b < model->nelements * model->nelements && status == LML_OK; b++)
    if (!model->bonds[b].given)
      return lml_yaml_fail(yaml, node, error, "bonds lacks [%zu, %zu]", b / model->nelements, b % model->nelements);
  return status;
}

/* ---- functions ---- */

enum { MU0, RANK, NDENSITY, NUM_MS_COMBS, MUS, NS, LS, MS_COMBS, CTILDES, FUNCTION_KEYS };

static const char *const function_keys[FUNCTION_KEYS] = {"mu0", "rank", "ndensity", "num_ms_combs", "mus",
                                                         "ns",  "ls",   "ms_combs", "ctildes"};

static lml_status check_length(const lml_yaml *yaml, const lml_yaml_key *key, size_t expected, lml_error *error) {
  size_t length = 0;
  const lml_status status = lml_yaml_sequence(yaml, key->value, key->name, &length, error);
  if (status != LML_OK || length == expected) return status;
  return lml_yaml_fail(yaml, key->value, error, "%s must have %zu numbers, not %zu", key->name, expected, length);
}

static lml_status read_legs(const lml_yaml *yaml, const lml_yaml_key *keys, const lml_ace_model *model, size_t element,
                            lml_ace_function *function, lml_error *error) {
  lml_status status = LML_OK;
  for (int which = MUS; which <= LS && status == LML_OK; which++)
    status = check_length(yaml, &keys[which], (size_t)function->rank, error);
  for (size_t t = 0; t < (size_t)function->rank && status == LML_OK; t++) {
    lml_ace_leg *leg = &function->legs[t];
    status = read_index(yaml, lml_yaml_item(yaml, keys[MUS].value, t), "mus", model, &leg->element, error);
    if (status != LML_OK) return status;
    const lml_ace_bond *bond = &model->bonds[element * model->nelements + (size_t)leg->element];
    const int most = function->rank == 1 ? bond->nbase : bond->nradial, lmax = function->rank == 1 ? 0 : bond->lmax;
    status = lml_yaml_integer(yaml, lml_yaml_item(yaml, keys[NS].value, t), "ns", 1, most, &leg->n, error);
    if (status == LML_OK)
      status = lml_yaml_integer(yaml, lml_yaml_item(yaml, keys[LS].value, t), "ls", 0, lmax, &leg->l, error);
  }
  return status;
}

/** Combinations of m: |m| ≤ l, and their sum is 0, as energies would depend on the axes otherwise. */
static lml_status read_combinations(const lml_yaml *yaml, const lml_yaml_key *keys, lml_ace_function *function,
                                    lml_error *error) {
  const size_t rank = (size_t)function->rank, count = rank * (size_t)function->ncombinations;
  lml_status status = check_length(yaml, &keys[MS_COMBS], count, error);
  if (status == LML_OK) status = lml_alloc(&function->ms, count, 1, what_for, error);
  int sum = 0;
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    const int l = function->legs[k % rank].l;
    const lml_yaml_node *item = lml_yaml_item(yaml, keys[MS_COMBS].value, k);
    int m = 0;
    status = lml_yaml_integer(yaml, item, "ms_combs", -l, l, &m, error);
    function->ms[k] = (signed char)m;
    sum = k % rank == 0 ? m : sum + m;
    if (status == LML_OK && k % rank == rank - 1 && sum != 0)
      return lml_yaml_fail(yaml, item, error, "the combination %zu of ms_combs has the sum %d, not 0", k / rank + 1,
                           sum);
  }
  return status;
}

static lml_status read_function(const lml_yaml *yaml, const lml_yaml_node *node, const lml_ace_model *model,
                                size_t element, lml_ace_function *function, lml_error *error) {
  lml_yaml_key keys[FUNCTION_KEYS];
  for (size_t k = 0; k < FUNCTION_KEYS; k++) keys[k].name = function_keys[k];
  const int own = (int)element, densities = model->embeddings[element].ndensities;
  int number = 0;
  lml_status status = lml_yaml_keys(yaml, node, "a function", keys, FUNCTION_KEYS, FUNCTION_KEYS, error);
  if (status == LML_OK) status = lml_yaml_integer(yaml, keys[MU0].value, "mu0", own, own, &number, error);
  if (status == LML_OK)
    status = lml_yaml_integer(yaml, keys[NDENSITY].value, "ndensity", densities, densities, &number, error);
  if (status == LML_OK)
    status = lml_yaml_integer(yaml, keys[RANK].value, "rank", 1, LML_ACE_MOST_RANK, &function->rank, error);
  if (status == LML_OK)
    status =
        lml_yaml_integer(yaml, keys[NUM_MS_COMBS].value, "num_ms_combs", 1, 1000000, &function->ncombinations, error);
  if (status == LML_OK) status = read_legs(yaml, keys, model, element, function, error);
  if (status == LML_OK) status = read_combinations(yaml, keys, function, error);
  const size_t count = (size_t)function->ncombinations * (size_t)densities;
  if (status == LML_OK) status = lml_alloc(&function->shape, count, sizeof(double), what_for, error);
  return status == LML_OK ? lml_yaml_reals(yaml, keys[CTILDES].value, "ctildes", count, function->shape, error)
                          : status;
}

static lml_status read_functions_of(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_model *model,
                                    size_t element, lml_error *error) {
  size_t count = 0;
  if (model->functions[element] != NULL)
    return lml_yaml_fail(yaml, node, error, "functions of an element are there twice");
  lml_status status = lml_yaml_sequence(yaml, node, "functions of an element", &count, error);
  if (status == LML_OK && count == 0) return lml_yaml_fail(yaml, node, error, "an element has no functions");
  if (status == LML_OK)
    status = lml_alloc(&model->functions[element], count, sizeof(lml_ace_function), what_for, error);
  if (status != LML_OK) return status;
  model->nfunctions[element] = count;
  for (size_t f = 0; f < count && status == LML_OK; f++)
    status = read_function(yaml, lml_yaml_item(yaml, node, f), model, element, &model->functions[element][f], error);
  return status;
}

static lml_status read_functions(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_model *model,
                                 lml_error *error) {
  size_t count = 0;
  lml_status status = lml_yaml_mapping(yaml, node, "functions", &count, error);
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    const lml_yaml_node *key, *value;
    int e = 0;
    lml_yaml_pair(yaml, node, k, &key, &value);
    status = read_index(yaml, key, "a key of functions", model, &e, error);
    if (status == LML_OK) status = read_functions_of(yaml, value, model, (size_t)e, error);
  }
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++)
    if (model->functions[e] == NULL)
      return lml_yaml_fail(yaml, node, error, "functions lacks element %zu, %s", e,
                           lml_element_symbol(model->numbers[e]));
  return status;
}

/* ---- all of it ---- */

static bool is_linear(const lml_ace_model *model) {
  if (model->inner == LML_ACE_INNER_ZBL) return false; /* its share of ZBL is no fixed term: no sum over pairs */
  for (size_t e = 0; e < model->nelements; e++) {
    const lml_ace_embedding *embedding = &model->embeddings[e];
    if (embedding->ndensities != 1 || embedding->power[0] != 1.0 || embedding->weight[0] == 0.0) return false;
  }
  return true;
}

/** Each bond's splines have as many bins as have a place in its cutoff, which are stretched up to it. */
static lml_status set_bins(const lml_yaml *yaml, const lml_yaml_node *node, lml_ace_model *model, lml_error *error) {
  for (size_t b = 0; b < model->nelements * model->nelements; b++) {
    lml_ace_bond *bond = &model->bonds[b];
    const double nbins = trunc(bond->cutoff / model->spline_step);
    if (!(model->spline_step > 0.0) || !(nbins >= 1.0 && nbins <= MOST_BINS))
      return lml_yaml_fail(yaml, node, error, "deltaSplineBins must be positive and let each rcut have 1 to %d bins",
                           MOST_BINS);
    bond->bin = bond->cutoff / nbins;
  }
  return LML_OK;
}

static lml_status read_document(const lml_yaml *yaml, lml_ace_model *model, double **constants, lml_error *error) {
  enum { ELEMENTS, E0, SPLINE, EMBEDDINGS, BONDS, FUNCTIONS, METADATA, KEYS };
  lml_yaml_key keys[KEYS] = {
      [ELEMENTS] = {.name = "elements"},     [E0] = {.name = "E0"},       [SPLINE] = {.name = "deltaSplineBins"},
      [EMBEDDINGS] = {.name = "embeddings"}, [BONDS] = {.name = "bonds"}, [FUNCTIONS] = {.name = "functions"},
      [METADATA] = {.name = "metadata"}};
  lml_status status = lml_yaml_keys(yaml, lml_yaml_root(yaml), "an ACE potential", keys, KEYS, METADATA, error);
  if (status == LML_OK) status = read_elements(yaml, keys[ELEMENTS].value, model, error);
  if (status == LML_OK) status = lml_alloc(constants, model->nelements, sizeof **constants, what_for, error);
  if (status == LML_OK) status = lml_yaml_reals(yaml, keys[E0].value, "E0", model->nelements, *constants, error);
  if (status == LML_OK) status = lml_yaml_real(yaml, keys[SPLINE].value, "deltaSplineBins", &model->spline_step, error);
  if (status == LML_OK) status = read_embeddings(yaml, keys[EMBEDDINGS].value, model, error);
  if (status == LML_OK) status = read_bonds(yaml, keys[BONDS].value, model, error);
  if (status == LML_OK) status = set_bins(yaml, keys[SPLINE].value, model, error);
  if (status == LML_OK) status = read_functions(yaml, keys[FUNCTIONS].value, model, error);
  model->linear = status == LML_OK && is_linear(model);
  return status;
}

lml_status lml_ace_read(const char *path, lml_ace_model *model, double **constants, lml_error *error) {
  lml_yaml *yaml;
  memset(model, 0, sizeof *model);
  *constants = NULL;
  const lml_status status = lml_yaml_open(path, &yaml, error);
  if (status != LML_OK) return status;
  const lml_status read = read_document(yaml, model, constants, error);
  lml_yaml_close(yaml);
  return read;
}
