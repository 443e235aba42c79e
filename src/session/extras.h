/** @file extras.h
 *  The extras of a reply: results in one JSON object. docs/configuration.md describes its keys.
 */
#ifndef LML_SESSION_EXTRAS_H
#define LML_SESSION_EXTRAS_H

#include "base/json_writer.h"
#include "lmlink/results.h"

/** Write all of @p results that are not absent, but for the standard ones, which are sent by themselves: of these the
 *  origins. Of atoms an array with an entry for each, which is an array itself where there are several numbers. */
lml_status lml_extras_write(lml_json_writer *writer, const lml_results *results, lml_error *error);

/** The same with the committee, which must be among the results, by the schema that i-PI's <ffcommittee> reads:
 *  committee_pot, committee_force and committee_virial, in atomic units, with an entry for each member. LML_ERR_INPUT
 *  where the energies are not numbers. */
lml_status lml_extras_write_committee(lml_json_writer *writer, const lml_results *results, lml_error *error);

#endif
