/* SPDX-License-Identifier: Apache-2.0 */
#include "clocks.h"

#include <errno.h>
#include <time.h>

#include "segment.h"
#include "segment_layout.h"

/* A clock id of Linux's, which POSIX doesn't have. */
#define TAI ((clockid_t)11)

static clockbound_err const *failure_of(const char *call, int sys_errno)
{
    static _Thread_local clockbound_err failed;
    cb_fail(&failed, CLOCKBOUND_ERR_SYSCALL, sys_errno, call);
    return &failed;
}

clockbound_err const *cb_clocks_failure(void)
{
    return failure_of("clock_gettime", errno);
}

/* Looks at the offset. False if the clocks can't be read. An update between the two readings makes the offset
 * wrong, and the look useless: CLOCK_MONOTONIC_COARSE doesn't show that again. */
static bool look_at_offset(struct cb_look *look)
{
    int64_t realtime_ns;
    return cb_clock_read_ns(CB_COARSE_MONOTONIC, &look->coarse_ns) &&
           cb_clock_read_ns(CB_COARSE_REALTIME, &realtime_ns) &&
           !__builtin_sub_overflow(realtime_ns, look->coarse_ns, &look->offset_ns);
}

#ifdef CLOCKBOUND_PLAIN_CLOCKS
static bool coarse_is_cheap(void)
{
    return false;
}
#else
/* The least time that some readings took, so that an interruption doesn't count; INT64_MAX if the clock can't
 * be read, or stands still between two readings. */
static int64_t cost_ns(clockid_t clock)
{
    int64_t least_ns = INT64_MAX;
    for (int attempt = 0; attempt < 8; attempt++) {
        int64_t begin_ns, next_ns, end_ns, ignored_ns;
        if (!cb_clock_read_ns(CLOCK_MONOTONIC, &begin_ns) || !cb_clock_read_ns(CLOCK_MONOTONIC, &next_ns) ||
            begin_ns == next_ns)
            return INT64_MAX;
        for (int i = 0; i < 4; i++) {
            if (!cb_clock_read_ns(clock, &ignored_ns))
                return INT64_MAX;
        }
        if (!cb_clock_read_ns(CLOCK_MONOTONIC, &end_ns))
            return INT64_MAX;
        if (end_ns - begin_ns < least_ns)
            least_ns = end_ns - begin_ns;
    }
    return least_ns;
}

static bool coarse_is_cheap(void)
{
    const int64_t precise_ns = cost_ns(CLOCK_MONOTONIC);
    return cost_ns(CB_COARSE_MONOTONIC) < precise_ns && cost_ns(CB_COARSE_REALTIME) < precise_ns;
}
#endif

void cb_clocks_init(struct cb_clocks *clocks)
{
    cb_cell_init(&clocks->last_look);
    clocks->coarse_is_cheap = coarse_is_cheap();
}

clockbound_err const *cb_clocks_monotonic(int64_t *monotonic_ns)
{
    return cb_clock_read_ns(CLOCK_MONOTONIC, monotonic_ns) ? NULL : cb_clocks_failure();
}

clockbound_err const *cb_clocks_look_again(struct cb_clocks *clocks, int64_t *monotonic_ns)
{
    struct cb_look look;
    uint32_t sequence;
    if (clocks->coarse_is_cheap && look_at_offset(&look) && cb_cell_begin(&clocks->last_look, &sequence)) {
        cb_words_store(clocks->last_look.words, &look, sizeof look);
        cb_cell_end(&clocks->last_look, sequence);
    }
    return cb_clocks_monotonic(monotonic_ns);
}

clockbound_err const *cb_clocks_read_plainly(struct cb_clocks *clocks, struct timespec *realtime,
                                             int64_t *realtime_ns, int64_t *monotonic_ns)
{
    if (clock_gettime(CLOCK_REALTIME, realtime) != 0 || !cb_timespec_ns(realtime, realtime_ns))
        return cb_clocks_failure();
    return cb_clocks_look_again(clocks, monotonic_ns);
}

clockbound_err const *cb_clocks_tai_offset(int64_t *offset_ns)
{
    static const clockbound_err unknown = {CLOCKBOUND_ERR_SYSCALL, ENODATA,
                                           "the kernel doesn't know the offset of TAI"};
    for (int attempt = 0; attempt < CB_TAI_ATTEMPTS_COUNT; attempt++) {
        int64_t before_ns, tai_ns, after_ns, span_ns, most_ns;
        if (!cb_clock_read_ns(CLOCK_REALTIME, &before_ns) || !cb_clock_read_ns(TAI, &tai_ns) ||
            !cb_clock_read_ns(CLOCK_REALTIME, &after_ns))
            return cb_clocks_failure();
        /* Read within a second, and without a step in between, the clocks tell how many whole seconds they
         * are apart: no more than tai - before, no less than tai - after. */
        if (__builtin_sub_overflow(after_ns, before_ns, &span_ns) || span_ns >= CB_NANOSECONDS_PER_SECOND ||
            __builtin_sub_overflow(tai_ns, before_ns, &most_ns))
            continue;
        const int64_t whole_ns = most_ns - most_ns % CB_NANOSECONDS_PER_SECOND;
        if (most_ns - whole_ns > span_ns)
            continue;
        /* TAI was ahead by 10 s when UTC began. */
        if (whole_ns <= 0)
            return &unknown;
        *offset_ns = whole_ns;
        return NULL;
    }
    return &unknown;
}

clockbound_err const *cb_clocks_sleep_until(int64_t monotonic_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(monotonic_ns / CB_NANOSECONDS_PER_SECOND),
                                   .tv_nsec = (long)(monotonic_ns % CB_NANOSECONDS_PER_SECOND)};
    const int sys_errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return sys_errno == 0 || sys_errno == EINTR ? NULL : failure_of("clock_nanosleep", sys_errno);
}
