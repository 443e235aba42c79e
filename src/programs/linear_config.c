/* The keys of a linear calculator. */
#include "programs/calculator_config.h"
#include "programs/config_tables.h"
#include "programs/potential_keys.h"

static const lml_key potential_keys[] = {
    {.name = "file",
     LML_KEY_AT(lml_calculator_config, potential),
     .type = LML_KEY_PATH,
     .presence = LML_JSON_REQUIRED,
     .help = "the potential: a LAMMPS `.snap`, `.mod` or `.mliap` file (its `pair_style` and `pair_coeff` lines name "
             "the other files and the ZBL term), a `.snapcoeff`, `.uf3` or `.yace` file, or a MiLaDy `.pot` file",
     .option = "potential",
     .argument = "FILE"},
    LML_POTENTIAL_KEYS(lml_calculator_config),
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
    LML_TYPE_KEY(type, "kind of calculator: a linear potential"),
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
    {.name = "threads",
     LML_KEY_AT(lml_calculator_config, threads),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .most = LML_THREADS_LIMIT,
     .help =
         "[threads](hpc.md#threads) that share an evaluation, of each MPI rank; results are the same for any number",
     .otherwise = "all cores",
     .option = "threads",
     .argument = "N"},
};

const lml_key_table lml_linear_keys = {.name = "linear", .size = sizeof(lml_calculator_config), LML_KEYS(keys)};
