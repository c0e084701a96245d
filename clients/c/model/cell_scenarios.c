/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last good snapshot: cb_last_good_keep and cb_last_good_recall of last_good.c over struct cb_cell of
 * seqlock.h, as they stand there, but with a snapshot of three words and one attempt in each recall. A
 * further attempt is the same as a further recall.
 */
#include <stdbool.h>
#include <stdint.h>

#include "seqlock.h"

/* In the place of snapshot.h. */
#define CLOCKBOUND_SNAPSHOT_H
#define PAYLOAD_WORDS 2
struct cb_snapshot {
    uint16_t serial;
    uint16_t generation;
    uint16_t unused[sizeof(cb_word) / 2 - 2];
    cb_word payload[PAYLOAD_WORDS];
};
#define CB_READ_ATTEMPTS_COUNT 1

#include "last_good.c"

#define TWO_KEEPERS 3u /* threads 0 and 1, as bits */
#define THREE_KEEPERS 7u

union kept {
    struct cb_snapshot snapshot;
    cb_word words[sizeof(struct cb_snapshot) / sizeof(cb_word)];
};

static struct cb_last_good *last_good(void)
{
    return (struct cb_last_good *)model_shared();
}

/* The cell after update `kept`, or, for 0, before all updates. The generation of an update is twice its
 * number. */
static void declare(uint32_t sequence, uint64_t kept, unsigned keepers)
{
    static const char *const names[] = {"word 0", "word 1", "word 2"};
    struct cb_last_good *cell = last_good();
    model_location(&cell->key, sizeof cell->key, "key", 2 * kept, keepers);
    model_location(&cell->cell.sequence, sizeof cell->cell.sequence, "sequence", sequence, keepers);
    union kept initial;
    memset(&initial, 0, sizeof initial);
    initial.snapshot.generation = (uint16_t)(2 * kept);
    for (size_t i = 0; kept != 0 && i < PAYLOAD_WORDS; i++)
        initial.snapshot.payload[i] = (cb_word)(kept * 16 + i);
    for (size_t i = 0; i < sizeof initial / sizeof(cb_word); i++)
        model_location(&cell->cell.words[i], sizeof(cb_word), names[i], initial.words[i], keepers);
}

static void empty(void)
{
    declare(0, 0, TWO_KEEPERS);
}

static void holds_1(void)
{
    declare(2, 1, TWO_KEEPERS);
}

static void holds_1_for_three(void)
{
    declare(2, 1, THREE_KEEPERS);
}

/* The next store brings the sequence round. */
static void sequence_goes_round(void)
{
    declare(UINT32_MAX - 1, 1, TWO_KEEPERS);
}

static void keep(uint64_t number)
{
    struct cb_snapshot snapshot;
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.generation = (uint16_t)(2 * number);
    for (size_t i = 0; i < PAYLOAD_WORDS; i++)
        snapshot.payload[i] = (cb_word)(number * 16 + i);
    cb_last_good_keep(last_good(), &snapshot);
}

static uint64_t keep_2_4(unsigned phase, uint64_t carried)
{
    keep(phase == 0 ? 2 : 4);
    return carried;
}

static uint64_t keep_3_5(unsigned phase, uint64_t carried)
{
    keep(phase == 0 ? 3 : 5);
    return carried;
}

/* Carries the newest update that it has recalled. */
static uint64_t recall(unsigned phase, uint64_t newest)
{
    (void)phase;
    struct cb_snapshot snapshot;
    static const char *const labels[] = {"", "update 1", "update 2", "update 3", "update 4", "update 5"};
    if (!cb_last_good_recall(last_good(), &snapshot))
        return newest;
    const uint64_t number = snapshot.generation / 2;
    model_require(number != 0, "something was recalled before anything was kept");
    for (size_t i = 0; i < PAYLOAD_WORDS; i++)
        model_require(snapshot.payload[i] == number * 16 + i, "a torn snapshot was recalled");
    model_require(number >= newest, "an older snapshot was recalled after a newer one");
    model_reach(labels[number]);
    return number;
}

/* One look at the cell, whether or not anything looks at its sequence first. */
static uint64_t read_cell(unsigned phase, uint64_t carried)
{
    (void)phase;
    struct cb_snapshot snapshot;
    if (!cb_last_good_try(last_good(), &snapshot))
        return carried;
    model_require(snapshot.generation != 0, "something was recalled before anything was kept");
    model_reach("update 2");
    return 2;
}

/* What stands in the cell when all is over. */
static void the_cell_is_whole(const uint64_t carried[])
{
    struct cb_last_good *cell = last_good();
    const uint64_t number = model_last(&cell->key) / 2;
    model_require((model_last(&cell->cell.sequence) & 1) == 0, "the cell is left in the middle of a store");
    model_require(model_last(&cell->cell.sequence) != 0,
                  "a store left the cell as if there had never been one");
    for (size_t i = 0; i < PAYLOAD_WORDS; i++)
        model_require(model_last(&cell->cell.words[i + 1]) == number * 16 + i,
                      "the cell's key and words are of different updates");
    (void)carried;
}

static uint64_t keep_4(unsigned phase, uint64_t carried)
{
    (void)phase;
    keep(4);
    return carried;
}

#define KEEPERS_AND_RECALLER(first_keeps, second_keeps, recalls)                                             \
    {                                                                                                        \
        {"keeper 1", keep_2_4, first_keeps}, {"keeper 2", keep_3_5, second_keeps},                           \
        {                                                                                                    \
            "recaller", recall, recalls                                                                      \
        }                                                                                                    \
    }

const struct model_scenario model_scenarios[] = {
    {"the first snapshots",
     empty,
     KEEPERS_AND_RECALLER(1, 1, 2),
     the_cell_is_whole,
     {"update 2", "update 3"}},
    {"an empty cell",
     empty,
     {{"keeper 1", keep_2_4, 1}, {"reader", read_cell, 2}},
     the_cell_is_whole,
     {"update 2"}},
    {"two keepers, three snapshots",
     holds_1,
     KEEPERS_AND_RECALLER(2, 1, 2),
     the_cell_is_whole,
     {"update 1", "update 2", "update 3", "update 4"}},
    {"two keepers, four snapshots",
     holds_1,
     KEEPERS_AND_RECALLER(2, 2, 3),
     the_cell_is_whole,
     {"update 1", "update 2", "update 3", "update 4", "update 5"}},
    {"three keepers",
     holds_1_for_three,
     {{"keeper 1", keep_2_4, 1}, {"keeper 2", keep_3_5, 1}, {"keeper 3", keep_4, 1}, {"recaller", recall, 3}},
     the_cell_is_whole,
     {"update 1", "update 2", "update 3", "update 4"}},
    {"the sequence goes round",
     sequence_goes_round,
     KEEPERS_AND_RECALLER(1, 1, 2),
     the_cell_is_whole,
     {"update 1", "update 2", "update 3"}},
    {.name = NULL},
};
