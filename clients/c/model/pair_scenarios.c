/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two places for the last good snapshot: cb_last_good_pair_keep and cb_last_good_pair_recall of
 * last_good_pair.c over last_good.c and seqlock.h, as they stand there, but with a snapshot of two words and
 * one attempt at each place in a recall.
 */
#include <stdbool.h>
#include <stdint.h>

#include "seqlock.h"

/* In the place of snapshot.h. */
#define CLOCKBOUND_SNAPSHOT_H
struct cb_snapshot {
    uint16_t serial;
    uint16_t generation;
    uint32_t unused;
    cb_word payload;
};
#define CB_READ_ATTEMPTS_COUNT 1

#include "last_good.c"
#define is_newer is_newer_of_pair
#include "last_good_pair.c"
#undef is_newer

#define TWO_KEEPERS 3u /* threads 0 and 1, as bits */
#define SNAPSHOTS_MAX 5

/* The snapshots of a scenario from the oldest to the newest, numbered from 1. */
static const struct {
    uint16_t serial, generation;
} *history;

union kept {
    struct cb_snapshot snapshot;
    cb_word words[sizeof(struct cb_snapshot) / sizeof(cb_word)];
};

static struct cb_last_good_pair *pair(void)
{
    return (struct cb_last_good_pair *)model_shared();
}

static struct cb_snapshot snapshot_of(unsigned number)
{
    struct cb_snapshot snapshot;
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.serial = history[number].serial;
    snapshot.generation = history[number].generation;
    snapshot.payload = number;
    return snapshot;
}

/* A place that holds the snapshot of that number, or, for 0, none. */
static void declare_place(unsigned place, unsigned kept)
{
    static const char *const names[2][4] = {{"key 0", "sequence 0", "word 0.0", "word 0.1"},
                                            {"key 1", "sequence 1", "word 1.0", "word 1.1"}};
    struct cb_last_good *cell = &pair()->places[place];
    union kept initial;
    memset(&initial, 0, sizeof initial);
    if (kept != 0)
        initial.snapshot = snapshot_of(kept);
    model_location(&cell->key, sizeof cell->key, names[place][0],
                   (uint32_t)initial.snapshot.serial << 16 | initial.snapshot.generation, TWO_KEEPERS);
    model_location(&cell->cell.sequence, sizeof cell->cell.sequence, names[place][1], kept != 0 ? 2 : 0,
                   TWO_KEEPERS);
    for (size_t i = 0; i < sizeof initial / sizeof(cb_word); i++)
        model_location(&cell->cell.words[i], sizeof(cb_word), names[place][2 + i], initial.words[i],
                       TWO_KEEPERS);
}

#define HISTORY(name, first, second, ...)                                                                    \
    static void name(void)                                                                                   \
    {                                                                                                        \
        static const struct {                                                                                \
            uint16_t serial, generation;                                                                     \
        } snapshots[] = {{0, 0}, __VA_ARGS__};                                                               \
        history = (const void *)snapshots;                                                                   \
        declare_place(0, first);                                                                             \
        declare_place(1, second);                                                                            \
    }

/* Each after the one before it; the first two are kept already. */
HISTORY(holds_1_2, 2, 1, {0, 2}, {0, 4}, {0, 6}, {0, 8})
/* 65534 and 2 have the same place. */
HISTORY(counter_goes_round, 1, 2, {0, 65532}, {0, 65534}, {0, 2}, {0, 4})
/* After two of one mapping come two of the next, whose generation begins anew. */
HISTORY(another_mapping, 1, 2, {0, 100}, {0, 102}, {1, 2}, {1, 4})
/* 106 of the mapping before and 2 of the next have the same place. */
HISTORY(mapping_before, 1, 2, {0, 100}, {0, 102}, {0, 106}, {1, 2})
HISTORY(nothing_kept, 0, 0, {0, 2}, {0, 4})

static void keep(unsigned number)
{
    const struct cb_snapshot snapshot = snapshot_of(number);
    cb_last_good_pair_keep(pair(), &snapshot);
}

/* The number of what is recalled; 0 for nothing. */
static unsigned recall_number(void)
{
    struct cb_snapshot snapshot;
    if (!cb_last_good_pair_recall(pair(), &snapshot))
        return 0;
    const unsigned number = (unsigned)snapshot.payload;
    model_require(number != 0 && number < SNAPSHOTS_MAX, "something was recalled before anything was kept");
    model_require(snapshot.serial == history[number].serial &&
                      snapshot.generation == history[number].generation,
                  "a torn snapshot was recalled");
    return number;
}

static void reach_snapshot(unsigned number)
{
    static const char *const labels[] = {"nothing", "snapshot 1", "snapshot 2", "snapshot 3", "snapshot 4"};
    model_reach(labels[number]);
}

#define KEEPER(name, ...)                                                                                    \
    static uint64_t name(unsigned phase, uint64_t carried)                                                   \
    {                                                                                                        \
        static const unsigned numbers[] = {__VA_ARGS__};                                                     \
        keep(numbers[phase]);                                                                                \
        return carried;                                                                                      \
    }
KEEPER(keep_1, 1)
KEEPER(keep_2, 2)
KEEPER(keep_3, 3)
KEEPER(keep_4, 4)

/* Held up for ever at any of its operations, or not at all: by a fork, say. */
static void keep_3_once(void)
{
    keep(3);
}

static uint64_t keep_3_and_die(unsigned phase, uint64_t carried)
{
    (void)phase;
    model_run_mortal(keep_3_once, model_choose(11));
    return carried;
}

/* Alone with its own snapshots, a thread recalls what it has just kept. */
static uint64_t keep_and_recall(unsigned phase, uint64_t carried)
{
    keep(3 + phase);
    model_require(recall_number() == 3 + phase, "what was kept last wasn't recalled");
    return carried;
}

static uint64_t recall(unsigned phase, uint64_t newest)
{
    (void)phase;
    const unsigned number = recall_number();
    model_require(number == 0 || number >= newest, "an older snapshot was recalled after a newer one");
    reach_snapshot(number);
    return number == 0 ? newest : number;
}

/* A keeper that has missed snapshot 3 puts 4 in the place of 2; until it is done, 1 is the newest one. */
static uint64_t recall_or_one_before(unsigned phase, uint64_t newest)
{
    (void)phase;
    const unsigned number = recall_number();
    model_require(number == 0 || number + 1 >= newest, "what was recalled is older than the one before");
    reach_snapshot(number);
    return number > newest ? number : newest;
}

/* A keeper that was held up over the change to another mapping; 1 and 2 were kept before it. */
static uint64_t recall_after_change(unsigned phase, uint64_t newest)
{
    (void)phase;
    const unsigned number = recall_number();
    model_require(newest != 4 || number != 3, "the mapping before was recalled after its keeper came late");
    reach_snapshot(number);
    return number > newest ? number : newest;
}

/* There was a good snapshot all the time. */
static uint64_t recall_always(unsigned phase, uint64_t newest)
{
    (void)phase;
    const unsigned number = recall_number();
    model_require(number >= 2, "a keeper that was held up hid the snapshot before");
    model_require(number >= newest, "an older snapshot was recalled after a newer one");
    reach_snapshot(number);
    return number;
}

const struct model_scenario model_scenarios[] = {
    {"the first snapshots",
     nothing_kept,
     {{"keeper 1", keep_1, 1}, {"keeper 2", keep_2, 1}, {"recaller", recall, 2}},
     NULL,
     {"nothing", "snapshot 1", "snapshot 2"}},
    {"a keeper is held up anywhere",
     holds_1_2,
     {{"keeper", keep_3_and_die, 1}, {"recaller", recall_always, 3}},
     NULL,
     {"snapshot 2", "snapshot 3"}},
    {"a keeper is held up anywhere, another goes on",
     holds_1_2,
     {{"keeper 1", keep_3_and_die, 1}, {"keeper 2", keep_4, 1}, {"recaller", recall_or_one_before, 2}},
     NULL,
     {"nothing", "snapshot 1", "snapshot 2", "snapshot 3", "snapshot 4"}},
    {"the generation goes round",
     counter_goes_round,
     {{"keeper", keep_and_recall, 2}, {"recaller", recall_or_one_before, 2}},
     NULL,
     {"nothing", "snapshot 1", "snapshot 2", "snapshot 3", "snapshot 4"}},
    {"another mapping",
     another_mapping,
     {{"keeper", keep_and_recall, 2}, {"recaller", recall_or_one_before, 2}},
     NULL,
     {"nothing", "snapshot 1", "snapshot 2", "snapshot 3", "snapshot 4"}},
    {"a late keeper of the mapping before",
     mapping_before,
     {{"keeper 1", keep_3, 1}, {"keeper 2", keep_4, 1}, {"recaller", recall_after_change, 2}},
     NULL,
     {"snapshot 1", "snapshot 2", "snapshot 3", "snapshot 4"}},
    {.name = NULL},
};
