/* SPDX-License-Identifier: Apache-2.0 */
#include "last_good.h"

/* A generation that is at most this far behind belongs to an older snapshot; farther, and the counter has
 * gone round since. */
#define BEHIND_MAX 128

_Static_assert(sizeof(struct cb_snapshot) % sizeof(cb_word) == 0, "the cell holds whole words");
_Static_assert(sizeof(struct cb_snapshot) <= CB_CELL_WORDS * sizeof(cb_word), "the cell is large enough");

/* Whether `kept` is the snapshot of `key`, one that came a few updates after it, or one of a later file. */
static bool is_newer(uint32_t kept, uint32_t key)
{
    if (kept == 0)
        return false;
    const uint16_t files_later = (uint16_t)((kept >> 16) - (key >> 16));
    return files_later == 0 ? (uint16_t)(kept - key) <= BEHIND_MAX : files_later <= INT16_MAX;
}

void cb_last_good_keep(struct cb_last_good *last_good, const struct cb_snapshot *snapshot)
{
    const uint32_t key = (uint32_t)snapshot->serial << 16 | snapshot->generation;
    uint32_t sequence;
    /* ORDERING: relaxed; only saves the work below, which looks again. */
    if (atomic_load_explicit(&last_good->key, memory_order_relaxed) == key ||
        !cb_cell_begin(&last_good->cell, &sequence))
        return; /* kept already, or another thread is keeping one */
    /* A thread that was held up must not replace a newer snapshot by its older one.
     * ORDERING: relaxed; changed only between cb_cell_begin and cb_cell_end, which order it. */
    if (!is_newer(atomic_load_explicit(&last_good->key, memory_order_relaxed), key)) {
        cb_words_store(last_good->cell.words, snapshot, sizeof *snapshot);
        atomic_store_explicit(&last_good->key, key, memory_order_relaxed);
    }
    cb_cell_end(&last_good->cell, sequence);
}

bool cb_last_good_recall(const struct cb_last_good *last_good, struct cb_snapshot *snapshot)
{
    /* ORDERING: relaxed; nothing was ever stored, and attempts would not change that. */
    if (atomic_load_explicit(&last_good->cell.sequence, memory_order_relaxed) == 0)
        return false;
    for (int attempt = 0; attempt < CB_READ_ATTEMPTS_COUNT; attempt++) {
        if (cb_last_good_try(last_good, snapshot))
            return true;
        cb_spin_pause();
    }
    return false;
}
