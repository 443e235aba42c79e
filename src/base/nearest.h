/** @file nearest.h
 *  The known name that a misspelt one probably means.
 */
#ifndef LML_BASE_NEAREST_H
#define LML_BASE_NEAREST_H

#include <stddef.h>

/** The one of @p count names that differs from @p name by the fewest insertions, deletions, replacements and swaps of
 *  neighbouring letters, case aside; NULL where even that one differs in more than a third of its letters (at least
 *  two). Entries that are NULL are passed over. Names of more than 63 bytes are near to nothing. */
const char *lml_nearest(const char *name, const char *const *names, size_t count);

#endif
