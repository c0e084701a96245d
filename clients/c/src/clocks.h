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

#endif
