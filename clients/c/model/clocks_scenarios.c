/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the clocks: cb_clocks_read of clocks.c as it stands there, with clocks that stand still and a
 * kernel that steps CLOCK_REALTIME. What the kernel publishes of a step is one object, which every reading
 * loads; it may see an old value as long as nothing tells it otherwise, as on a processor that reads ahead.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "clocks.h"

#define MONOTONIC_NS INT64_C(500000000000)
#define REALTIME_NS INT64_C(2000000000000)
#define STEP_NS INT64_C(5000000000) /* each, forward: then an offset from after it makes a reading early */

#define READERS 3u /* threads 0 and 1, as bits */
#define KERNEL 4u  /* thread 2 */

static _Atomic uint32_t *steps_count(void)
{
    return (_Atomic uint32_t *)(model_shared() + 8);
}

/* offset_ns is the last object in shared memory; coarse_is_cheap, which never changes, lies behind it. */
static struct cb_clocks *clocks(void)
{
    return (struct cb_clocks *)(model_shared() + MODEL_PAGE_BYTES -
                                offsetof(struct cb_clocks, coarse_is_cheap));
}

static int clock_gettime_of_model(clockid_t clock, struct timespec *time)
{
    int64_t ns = MONOTONIC_NS;
    if (clock == CLOCK_REALTIME || clock == (clockid_t)5)
        ns = REALTIME_NS + STEP_NS * (int64_t)atomic_load_explicit(steps_count(), memory_order_relaxed);
    *time = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    return 0;
}

#define clock_gettime clock_gettime_of_model
#include "clocks.c"
#undef clock_gettime

void cb_fail(clockbound_err *err, clockbound_err_kind kind, int sys_errno, const char *detail)
{
    *err = (clockbound_err){kind, sys_errno, detail};
}

static void declare(int64_t offset_ns)
{
    model_location(steps_count(), sizeof(uint32_t), "steps", 0, KERNEL);
    model_location(&clocks()->offset_ns, sizeof(int64_t), "offset", (uint64_t)offset_ns, READERS);
    clocks()->coarse_is_cheap = true;
}

static void offset_is_known(void)
{
    declare(REALTIME_NS - MONOTONIC_NS);
}

static void offset_is_unknown(void)
{
    declare(OFFSET_UNKNOWN);
}

static uint64_t step(unsigned phase, uint64_t carried)
{
    atomic_store_explicit(steps_count(), phase + 1, memory_order_relaxed);
    return carried;
}

/* Carries the latest real-time reading. */
static uint64_t read_clocks(unsigned phase, uint64_t latest_ns)
{
    (void)phase;
    static const char *const labels[] = {"before the step", "after a step", "after two steps"};
    int64_t realtime_ns, monotonic_ns;
    model_require(cb_clocks_read(clocks(), &realtime_ns, &monotonic_ns) == NULL, "the clocks can't be read");
    model_require(monotonic_ns >= MONOTONIC_NS, "the monotonic reading is early");
    model_require(realtime_ns >= (int64_t)latest_ns, "the real-time reading went back");
    model_reach(labels[(realtime_ns - REALTIME_NS) / STEP_NS]);
    if (monotonic_ns > MONOTONIC_NS)
        model_reach("late");
    return (uint64_t)realtime_ns;
}

#define TWO_READERS(reads, steps)                                                                            \
    {                                                                                                        \
        {"reader 1", read_clocks, reads}, {"reader 2", read_clocks, reads},                                  \
        {                                                                                                    \
            "kernel", step, steps                                                                            \
        }                                                                                                    \
    }

const struct model_scenario model_scenarios[] = {
    {"a step", offset_is_known, TWO_READERS(2, 1), NULL, {"before the step", "after a step"}},
    {"two steps",
     offset_is_known,
     TWO_READERS(2, 2),
     NULL,
     {"before the step", "after a step", "after two steps"}},
    {"a step, and no offset is known yet",
     offset_is_unknown,
     TWO_READERS(2, 1),
     NULL,
     {"before the step", "after a step"}},
    {.name = NULL},
};
