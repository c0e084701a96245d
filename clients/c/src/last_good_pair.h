/* SPDX-License-Identifier: Apache-2.0 */
/* Two places for the last good snapshot, used in turn: while a thread that keeps a new one is held up (or a
 * fork has left it behind), the one before is still to be had. */
#ifndef CLOCKBOUND_LAST_GOOD_PAIR_H
#define CLOCKBOUND_LAST_GOOD_PAIR_H

#include "last_good.h"

struct cb_last_good_pair {
    struct cb_last_good places[2];
};

/* Keeps a snapshot, unless a newer one is kept in its place already. */
void cb_last_good_pair_keep(struct cb_last_good_pair *pair, const struct cb_snapshot *snapshot);

/* The newer of the kept snapshots that are whole; false if there is none. */
bool cb_last_good_pair_recall(const struct cb_last_good_pair *pair, struct cb_snapshot *snapshot);

#endif
