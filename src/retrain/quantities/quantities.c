/* The quantities that there are. */
#include "retrain/data/quantity.h"

const lml_quantity_ops *const lml_quantities[LML_QUANTITIES] = {[LML_QUANTITY_FORCES] = &lml_force_quantity,
                                                                [LML_QUANTITY_ENERGY] = &lml_energy_quantity,
                                                                [LML_QUANTITY_DIFFERENCE] = &lml_difference_quantity,
                                                                [LML_QUANTITY_VIRIAL] = &lml_virial_quantity};

const char *const lml_quantity_names[] = {[LML_QUANTITY_FORCES] = "forces",
                                          [LML_QUANTITY_ENERGY] = "energy",
                                          [LML_QUANTITY_DIFFERENCE] = "energy_difference",
                                          [LML_QUANTITY_VIRIAL] = "virial",
                                          [LML_QUANTITIES] = NULL};
