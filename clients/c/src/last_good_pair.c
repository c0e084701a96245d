/* SPDX-License-Identifier: Apache-2.0 */
#include "last_good_pair.h"

/* Whether a counter that goes round has passed from `from` to `to`. */
static bool is_past(uint16_t from, uint16_t to)
{
    return from != to && (uint16_t)(to - from) <= INT16_MAX;
}

static bool is_newer(const struct cb_snapshot *snapshot, const struct cb_snapshot *than)
{
    if (snapshot->serial != than->serial)
        return is_past(than->serial, snapshot->serial);
    return is_past(than->generation, snapshot->generation);
}

void cb_last_good_pair_keep(struct cb_last_good_pair *pair, const struct cb_snapshot *snapshot)
{
    /* Stable generations are even, so the bit above tells one from the next. */
    cb_last_good_keep(&pair->places[snapshot->generation >> 1 & 1], snapshot);
}

bool cb_last_good_pair_recall(const struct cb_last_good_pair *pair, struct cb_snapshot *snapshot)
{
    struct cb_snapshot other;
    const bool first = cb_last_good_recall(&pair->places[0], snapshot);
    const bool second = cb_last_good_recall(&pair->places[1], &other);
    if (second && (!first || is_newer(&other, snapshot)))
        *snapshot = other;
    return first || second;
}
