/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the clocks: cb_clocks_read_both of clocks.h and cb_clocks_look_again of clocks.c over struct
 * cb_cell, as they stand there. A kernel updates its clocks, by a tick or by a step of CLOCK_REALTIME, and
 * between two updates they stand still. What it publishes is one object, the number of updates, which every
 * reading loads; it may see an old value as long as nothing tells it otherwise, as on a processor that reads
 * ahead.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#define MONOTONIC_NS INT64_C(500000000000)
#define REALTIME_NS INT64_C(2000000000000)
#define STEP_NS INT64_C(5000000000)
#define BETWEEN_UPDATES_NS INT64_C(4000000)
#define SINCE_UPDATE_NS INT64_C(1000) /* what a precise clock shows more than a coarse one */
#define UPDATES_MAX 2

#define READERS 3u /* threads 0 and 1, as bits */
#define KERNEL 4u  /* thread 2 */

static int clock_gettime_of_model(clockid_t clock, struct timespec *time);
#define clock_gettime clock_gettime_of_model
#include "clocks.c"
#include "clocks.h"
#undef clock_gettime

/* How much each update of the scenario steps CLOCK_REALTIME; 0 for a tick. */
static const int64_t *steps_ns;
static bool read_precisely; /* CLOCK_MONOTONIC was read in this phase */

static _Atomic uint32_t *updates_count(void)
{
    return (_Atomic uint32_t *)(model_shared() + 8);
}

/* last_look is the last object in shared memory; coarse_is_cheap, which never changes, lies behind it. */
static struct cb_clocks *clocks(void)
{
    return (struct cb_clocks *)(model_shared() + MODEL_PAGE_BYTES -
                                offsetof(struct cb_clocks, coarse_is_cheap));
}

static int64_t coarse_monotonic_ns(uint32_t updates)
{
    return MONOTONIC_NS + BETWEEN_UPDATES_NS * (int64_t)updates;
}

static int64_t realtime_offset_ns(uint32_t updates)
{
    int64_t offset_ns = REALTIME_NS - MONOTONIC_NS;
    for (uint32_t i = 0; i < updates; i++)
        offset_ns += steps_ns[i];
    return offset_ns;
}

static int clock_gettime_of_model(clockid_t clock, struct timespec *time)
{
    const uint32_t updates = atomic_load_explicit(updates_count(), memory_order_relaxed);
    int64_t ns = coarse_monotonic_ns(updates);
    if (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC)
        ns += SINCE_UPDATE_NS;
    if (clock == CLOCK_REALTIME || clock == CB_COARSE_REALTIME)
        ns += realtime_offset_ns(updates);
    read_precisely = read_precisely || clock == CLOCK_MONOTONIC;
    *time = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    return 0;
}

void cb_fail(clockbound_err *err, clockbound_err_kind kind, int sys_errno, const char *detail)
{
    *err = (clockbound_err){kind, sys_errno, detail};
}

static void declare(const int64_t steps[UPDATES_MAX], bool has_looked)
{
    struct cb_cell *cell = &clocks()->last_look;
    steps_ns = steps;
    model_location(updates_count(), sizeof(uint32_t), "updates", 0, KERNEL);
    model_location(&cell->sequence, sizeof cell->sequence, "sequence", has_looked ? 2 : 0, READERS);
    model_location(&cell->words[0], sizeof(cb_word), "coarse", has_looked ? MONOTONIC_NS : 0, READERS);
    model_location(&cell->words[1], sizeof(cb_word), "offset", has_looked ? REALTIME_NS - MONOTONIC_NS : 0,
                   READERS);
    clocks()->coarse_is_cheap = true;
}

#define UPDATES(name, has_looked, ...)                                                                       \
    static void name(void)                                                                                   \
    {                                                                                                        \
        static const int64_t steps[UPDATES_MAX] = {__VA_ARGS__};                                             \
        declare(steps, has_looked);                                                                          \
    }
UPDATES(known_then_steps, true, STEP_NS, STEP_NS)
UPDATES(known_then_tick_and_step, true, 0, STEP_NS)
UPDATES(known_then_step_back_and_forth, true, -STEP_NS, STEP_NS)
UPDATES(unknown_then_steps, false, STEP_NS, STEP_NS)

static uint64_t update(unsigned phase, uint64_t carried)
{
    atomic_store_explicit(updates_count(), phase + 1, memory_order_relaxed);
    return carried;
}

/* Carries how many updates its latest real-time reading came after. */
static uint64_t read_clocks(unsigned phase, uint64_t latest)
{
    (void)phase;
    static const char *const labels[] = {"before the updates", "after an update", "after two updates"};
    int64_t realtime_ns, monotonic_ns;
    uint32_t updates = 0;
    read_precisely = false;
    model_require(cb_clocks_read(clocks(), &realtime_ns, &monotonic_ns) == NULL, "the clocks can't be read");
    while (updates < UPDATES_MAX &&
           coarse_monotonic_ns(updates) + SINCE_UPDATE_NS + realtime_offset_ns(updates) != realtime_ns)
        updates++;
    model_require(monotonic_ns >= coarse_monotonic_ns(updates) + SINCE_UPDATE_NS,
                  "the monotonic reading is early");
    model_require(updates >= latest, "the real-time reading went back");
    model_reach(read_precisely ? labels[updates]
                : updates == 0 ? "before the updates, by a look"
                               : "after an update, by a look");
    return updates;
}

#define READERS_AND_KERNEL(first_reads, second_reads, updates)                                               \
    {                                                                                                        \
        {"reader 1", read_clocks, first_reads}, {"reader 2", read_clocks, second_reads},                     \
        {                                                                                                    \
            "kernel", update, updates                                                                        \
        }                                                                                                    \
    }

const struct model_scenario model_scenarios[] = {
    {"a step",
     known_then_steps,
     READERS_AND_KERNEL(2, 2, 1),
     NULL,
     {"before the updates", "after an update", "before the updates, by a look",
      "after an update, by a look"}},
    {"a step, and nobody has looked yet",
     unknown_then_steps,
     READERS_AND_KERNEL(2, 2, 1),
     NULL,
     {"before the updates", "after an update", "before the updates, by a look",
      "after an update, by a look"}},
    {"a tick and a step",
     known_then_tick_and_step,
     READERS_AND_KERNEL(2, 1, 2),
     NULL,
     {"before the updates", "after an update", "after two updates", "before the updates, by a look",
      "after an update, by a look"}},
    {"a step back and forth",
     known_then_step_back_and_forth,
     READERS_AND_KERNEL(2, 1, 2),
     NULL,
     {"before the updates", "after an update", "after two updates", "before the updates, by a look",
      "after an update, by a look"}},
    {.name = NULL},
};
