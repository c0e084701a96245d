/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the two clocks that an interval needs. Nothing else in the library reads a clock.
 *
 * The monotonic reading must be as precise as the other (rule clock.precise), but the clock need not be read
 * for it: both clocks count the same ticks and are slewed alike, so their difference, the offset, changes
 * only when somebody steps CLOCK_REALTIME. CLOCK_REALTIME_COARSE and CLOCK_MONOTONIC_COARSE have the same
 * offset, and cost a fraction. They show the time of the kernel's last update of its clocks: that of the last
 * tick, or that of a step, for which the kernel first brings its clocks up to the moment. So
 * CLOCK_MONOTONIC_COARSE never shows the same before a step and after it, and as long as it shows what it
 * showed when the offset was looked at, the offset is what it was.
 *
 * So cb_clocks_read() takes one precise reading r, then reads CLOCK_MONOTONIC_COARSE, and if that is what it
 * was when the offset was looked at, monotonic = r - offset. Why that is never early, which is what would
 * make an interval too narrow:
 *
 * - No update of the kernel's clocks since the look: the offset is exact, and so is the result.
 * - A tick or a step since: the coarse clock has moved, and CLOCK_MONOTONIC is read after all, later than r.
 *   There are 100 to 1,000 ticks a second.
 * - An update during the look itself: CLOCK_MONOTONIC_COARSE is read first, and doesn't show that again.
 * - Two updates within one count of the hardware clock, one of them a step: the coarse clock wouldn't move.
 *   A look fits in between only if the hardware counts more slowly than the clocks are read, and that is
 * ruled out when a context is opened: two precise readings in a row must differ. (Were it not, r - offset
 * would be early by no more than the step, by which r itself is off then.)
 * - Another time namespace: it shifts both monotonic clocks by the same.
 *
 * Where the kernel has no coarse clocks in the vDSO they cost system calls; that is measured when a context
 * is opened, too. CLOCKBOUND_PLAIN_CLOCKS builds the library without all this.
 */
#ifndef CLOCKBOUND_CLOCKS_H
#define CLOCKBOUND_CLOCKS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "clockbound.h"
#include "segment_layout.h"
#include "seqlock.h"

/* Linux's clock ids, which POSIX doesn't have. */
#define CB_COARSE_REALTIME ((clockid_t)5)
#define CB_COARSE_MONOTONIC ((clockid_t)6)

/* What was found by looking at the offset of the clocks. */
struct cb_look {
    int64_t coarse_ns; /* CLOCK_MONOTONIC_COARSE, which stands still until the next update of the clocks */
    int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
};
_Static_assert(sizeof(struct cb_look) <= CB_CELL_WORDS * sizeof(cb_word), "the cell is large enough");

/* What is known of this process's clocks. Any number of threads may read them by the same one. */
struct cb_clocks {
    struct cb_cell last_look; /* a struct cb_look; stays empty where coarse clocks aren't cheap */
    bool coarse_is_cheap;     /* whether reading a coarse clock costs less than reading CLOCK_MONOTONIC */
};

/* Measures the clocks: some 100 readings. */
void cb_clocks_init(struct cb_clocks *clocks);

/* False, with errno set, for a time that isn't between the years 1678 and 2262. */
static inline bool cb_timespec_ns(const struct timespec *time, int64_t *ns)
{
    if (!__builtin_mul_overflow((int64_t)time->tv_sec, CB_NANOSECONDS_PER_SECOND, ns) &&
        !__builtin_add_overflow(*ns, (int64_t)time->tv_nsec, ns))
        return true;
    errno = EOVERFLOW;
    return false;
}

/* False, with errno set, if the clock can't be read or shows such a time. */
static inline bool cb_clock_read_ns(clockid_t clock, int64_t *ns)
{
    struct timespec time;
    return clock_gettime(clock, &time) == 0 && cb_timespec_ns(&time, ns);
}

/* The error for a clock_gettime() that has just failed; it stays valid until this thread's next call. */
__attribute__((returns_nonnull)) clockbound_err const *cb_clocks_failure(void);

/* CLOCK_MONOTONIC alone. NULL, or an error as above; so in what follows. */
clockbound_err const *cb_clocks_monotonic(int64_t *monotonic_ns);

/* The same, after a look at the offset for the next time. */
clockbound_err const *cb_clocks_look_again(struct cb_clocks *clocks, int64_t *monotonic_ns);

/* Both clocks themselves, and then a look. */
clockbound_err const *cb_clocks_read_plainly(struct cb_clocks *clocks, struct timespec *realtime,
                                             int64_t *realtime_ns, int64_t *monotonic_ns);

/*
 * CLOCK_REALTIME, and then CLOCK_MONOTONIC, which may be read late (that only widens an interval) but is
 * never early. *realtime is as the kernel gave it.
 */
static inline clockbound_err const *cb_clocks_read_both(struct cb_clocks *clocks, struct timespec *realtime,
                                                        int64_t *realtime_ns, int64_t *monotonic_ns)
{
    struct cb_look look;
    int64_t coarse_ns;
    /* Before the clock is read. Later, it could be a look that another thread took after a step, while r is
     * from before it. */
    if (!cb_cell_read(&clocks->last_look, &look, sizeof look))
        return cb_clocks_read_plainly(clocks, realtime, realtime_ns, monotonic_ns);
    if (clock_gettime(CLOCK_REALTIME, realtime) != 0 || !cb_timespec_ns(realtime, realtime_ns))
        return cb_clocks_failure();
    if (cb_clock_read_ns(CB_COARSE_MONOTONIC, &coarse_ns) && coarse_ns == look.coarse_ns &&
        !__builtin_sub_overflow(*realtime_ns, look.offset_ns, monotonic_ns))
        return NULL;
    return cb_clocks_look_again(clocks, monotonic_ns);
}

static inline clockbound_err const *cb_clocks_read(struct cb_clocks *clocks, int64_t *realtime_ns,
                                                   int64_t *monotonic_ns)
{
    struct timespec realtime;
    return cb_clocks_read_both(clocks, &realtime, realtime_ns, monotonic_ns);
}

/* Attempts at an offset of TAI: nobody steps the clock that often. */
#define CB_TAI_ATTEMPTS_COUNT 3

/* CLOCK_TAI - CLOCK_REALTIME as the kernel has it, whole seconds and never 0: that is how the kernel says
 * that it doesn't know. */
clockbound_err const *cb_clocks_tai_offset(int64_t *offset_ns);

/* Sleeps until CLOCK_MONOTONIC shows monotonic_ns, or a signal comes. */
clockbound_err const *cb_clocks_sleep_until(int64_t monotonic_ns);

#endif
