/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the two clocks that an interval needs. Nothing else in the library reads a clock. */
#ifndef CLOCKBOUND_CLOCKS_H
#define CLOCKBOUND_CLOCKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clockbound.h"

/* What is known of this process's clocks. Any number of threads may read them by the same one. */
struct cb_clocks {
    _Atomic int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC when it was last looked at */
    bool coarse_is_cheap;      /* whether looking at it costs less than reading CLOCK_MONOTONIC */
};

/* Measures the clocks: some 100 readings. */
void cb_clocks_init(struct cb_clocks *clocks);

/*
 * CLOCK_REALTIME, and then CLOCK_MONOTONIC, which may be read late (that only widens an interval) but is
 * never early. NULL, or an error that stays valid until this thread's next call.
 */
clockbound_err const *cb_clocks_read(struct cb_clocks *clocks, int64_t *realtime_ns, int64_t *monotonic_ns);

/* CLOCK_MONOTONIC alone. NULL, or an error as above; so in what follows. */
clockbound_err const *cb_clocks_monotonic(int64_t *monotonic_ns);

/* Attempts at an offset of TAI: nobody steps the clock that often. */
#define CB_TAI_ATTEMPTS_COUNT 3

/* CLOCK_TAI - CLOCK_REALTIME as the kernel has it, whole seconds and never 0: that is how the kernel says
 * that it doesn't know. */
clockbound_err const *cb_clocks_tai_offset(int64_t *offset_ns);

/* Sleeps until CLOCK_MONOTONIC shows monotonic_ns, or a signal comes. */
clockbound_err const *cb_clocks_sleep_until(int64_t monotonic_ns);

#endif
