/* The keys of a linear calculator. */
#include "programs/calculator_config.h"
#include "programs/config_tables.h"
#include "programs/fixed_terms.h"

static const lml_key potential_keys[] = {
    {.name = "file",
     LML_KEY_AT(lml_calculator_config, potential),
     .type = LML_KEY_PATH,
     .presence = LML_JSON_REQUIRED,
     .help = "the potential: a LAMMPS `.snap`, `.mod` or `.mliap` file (its `pair_style` and `pair_coeff` lines name "
             "the other files and the ZBL term), a `.snapcoeff`, `.uf3` or `.yace` file, or a MiLaDy `.pot` file",
     .option = "potential",
     .argument = "FILE"},
    {.name = "parameters",
     LML_KEY_AT(lml_calculator_config, parameters),
     .type = LML_KEY_PATH,
     .help = "`.snapparam` file of a `.snapcoeff` file",
     .otherwise = "the one of the same name beside it",
     .option = "parameters",
     .argument = "FILE"},
    {.name = "fixed_terms",
     LML_KEY_AT(lml_calculator_config, fixed_terms),
     .type = LML_KEY_CHOICE,
     .choices = lml_fixed_terms_names,
     .first = LML_FIXED_TERMS_NONE,
     .help = "for a `.snapcoeff` file whose neighbour `.snap` or `.mod` file adds ZBL: omit it (none), or add it as "
             "that file says (snap)",
     .otherwise = "refuse until told",
     .option = "fixed-terms",
     .argument = "TERMS"},
    {.name = "reload",
     LML_KEY_AT(lml_calculator_config, reload),
     .type = LML_KEY_SWITCH,
     .off = LML_RELOAD_ASKED,
     .on = LML_RELOAD_CHANGED,
     .help = "take over [new coefficients](configuration.md#new-coefficients) when the file has changed"},
};

static const lml_key_table potential_table = {LML_KEYS(potential_keys)};

static const char *const type[] = {"linear", NULL};

static const lml_key keys[] = {
    {.name = "type",
     .type = LML_KEY_CONSTANT,
     .presence = LML_JSON_REQUIRED,
     .choices = type,
     .help = "kind of calculator: a linear potential"},
    {.name = "potential",
     .type = LML_KEY_OBJECT,
     .presence = LML_JSON_REQUIRED,
     .object = &potential_table,
     .help = "the files of the potential"},
    {.name = "coordination_radius",
     LML_KEY_AT(lml_calculator_config, coordination_radius),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_POSITIVE,
     .unit = "Å",
     .help = "what the [result](configuration.md#results) `coordination` counts neighbours within; at most the "
             "potential's cutoff",
     .otherwise = "the cutoff"},
};

const lml_key_table lml_linear_keys = {.name = "linear", .size = sizeof(lml_calculator_config), LML_KEYS(keys)};
