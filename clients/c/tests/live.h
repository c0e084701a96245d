/* SPDX-License-Identifier: Apache-2.0 */
/* For tests on the machine's own clocks. */
#ifndef LIVE_H
#define LIVE_H

#include <time.h>

#include "files.h"

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * S + time.tv_nsec;
}

/* As of this moment, for 1000 s: 1 ms, which doesn't grow; SYNCHRONIZED. */
static inline struct cb_segment_record live(void)
{
    const int64_t monotonic_ns = clock_ns(CLOCK_MONOTONIC);
    struct cb_segment_record record = good();
    record.as_of_sec = monotonic_ns / S;
    record.as_of_nsec = monotonic_ns % S;
    record.void_after_sec = record.as_of_sec + 1000;
    record.max_drift_ppb = 0;
    return record;
}

static inline void pause_for(int64_t ns)
{
    const struct timespec duration = {.tv_sec = (time_t)(ns / S), .tv_nsec = (long)(ns % S)};
    nanosleep(&duration, NULL);
}

#endif
