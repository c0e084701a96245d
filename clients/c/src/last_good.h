/* SPDX-License-Identifier: Apache-2.0 */
/* The last good snapshot of a context, for the time when none can be had (rule read.bounded). Any number of
 * threads keep and recall; none waits for another. */
#ifndef CLOCKBOUND_LAST_GOOD_H
#define CLOCKBOUND_LAST_GOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "seqlock.h"
#include "snapshot.h"

struct cb_last_good {
    _Atomic uint32_t key; /* where the kept snapshot came from; 0 while there is none */
    struct cb_cell cell;
};

/* Keeps a snapshot, unless a newer one is kept already. */
void cb_last_good_keep(struct cb_last_good *last_good, const struct cb_snapshot *snapshot);

/* The kept snapshot; false if there is none, or if another thread is replacing it. */
static inline bool cb_last_good_try(const struct cb_last_good *last_good, struct cb_snapshot *snapshot)
{
    return cb_cell_read(&last_good->cell, snapshot, sizeof *snapshot);
}

/* The kept snapshot; false if there is none, or if other threads keep on replacing it. */
bool cb_last_good_recall(const struct cb_last_good *last_good, struct cb_snapshot *snapshot);

#endif
