/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monotonic reading must be as precise as the other (rule clock.precise), but the clock need not be read
 * for it: both clocks count the same ticks and are slewed alike, so their difference, the offset, changes
 * only when somebody steps CLOCK_REALTIME, and then to the nanosecond. CLOCK_REALTIME_COARSE and
 * CLOCK_MONOTONIC_COARSE have the same offset and cost a fraction.
 *
 * So this takes one precise reading r, then looks at the offset, and if that is what it was before,
 * monotonic = r - offset. Why that is never early, which is what would make an interval too narrow:
 *
 * - No step between the looks: the offset is exact, and so is the result.
 * - A step between the looks: they differ, and CLOCK_MONOTONIC is read after all, later than r.
 * - A step there and back again to the nanosecond, with r in between: then r itself is wrong by the step, and
 *   the growth of the bound loses less than that. No reading of CLOCK_MONOTONIC would have saved it.
 * - A timer tick between the two coarse readings: CLOCK_REALTIME_COARSE is read first, so the offset comes
 * out smaller by the tick and the result late.
 * - Another time namespace: it shifts both monotonic clocks by the same.
 *
 * Where the kernel has no coarse clocks in the vDSO they cost system calls; that is measured when a context
 * is opened. CLOCKBOUND_PLAIN_CLOCKS builds the library without all this.
 */
#include "clocks.h"

#include <errno.h>
#include <time.h>

#include "segment.h"
#include "segment_layout.h"

/* Linux's clock ids, which POSIX doesn't have. */
#define COARSE_REALTIME ((clockid_t)5)
#define COARSE_MONOTONIC ((clockid_t)6)
#define TAI ((clockid_t)11)

/* No offset of two clocks: they would be 292 years apart. */
#define OFFSET_UNKNOWN INT64_MIN

/* False if the clock can't be read, or shows a time that isn't between the years 1678 and 2262. */
static bool read_ns(clockid_t clock, int64_t *ns)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return false;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, CB_NANOSECONDS_PER_SECOND, ns) ||
        __builtin_add_overflow(*ns, (int64_t)time.tv_nsec, ns)) {
        errno = EOVERFLOW;
        return false;
    }
    return true;
}

static clockbound_err const *failure_of(const char *call, int sys_errno)
{
    static _Thread_local clockbound_err failed;
    cb_fail(&failed, CLOCKBOUND_ERR_SYSCALL, sys_errno, call);
    return &failed;
}

static clockbound_err const *failure(void)
{
    return failure_of("clock_gettime", errno);
}

/* The offset as the coarse clocks have it; OFFSET_UNKNOWN if they can't be read. */
static int64_t look_at_offset(void)
{
    int64_t realtime_ns, monotonic_ns, offset_ns;
    if (!read_ns(COARSE_REALTIME, &realtime_ns) || !read_ns(COARSE_MONOTONIC, &monotonic_ns) ||
        __builtin_sub_overflow(realtime_ns, monotonic_ns, &offset_ns))
        return OFFSET_UNKNOWN;
    return offset_ns;
}

#ifdef CLOCKBOUND_PLAIN_CLOCKS
static bool coarse_is_cheap(void)
{
    return false;
}
#else
/* The least time that `count` readings took, so that an interruption doesn't count. */
static int64_t cost_ns(bool coarse)
{
    int64_t least_ns = INT64_MAX;
    for (int attempt = 0; attempt < 8; attempt++) {
        int64_t begin_ns, end_ns, ignored_ns;
        if (!read_ns(CLOCK_MONOTONIC, &begin_ns))
            return INT64_MAX;
        for (int i = 0; i < 4; i++) {
            if (coarse ? look_at_offset() == OFFSET_UNKNOWN : !read_ns(CLOCK_MONOTONIC, &ignored_ns))
                return INT64_MAX;
        }
        if (!read_ns(CLOCK_MONOTONIC, &end_ns))
            return INT64_MAX;
        if (end_ns - begin_ns < least_ns)
            least_ns = end_ns - begin_ns;
    }
    return least_ns;
}

static bool coarse_is_cheap(void)
{
    return cost_ns(true) < cost_ns(false);
}
#endif

void cb_clocks_init(struct cb_clocks *clocks)
{
    atomic_init(&clocks->offset_ns, OFFSET_UNKNOWN);
    clocks->coarse_is_cheap = coarse_is_cheap();
}

clockbound_err const *cb_clocks_read(struct cb_clocks *clocks, int64_t *realtime_ns, int64_t *monotonic_ns)
{
    /* ORDERING: acquire; this must be loaded before the clock is read. Loaded later, it could be an offset
     * that another thread has seen after a step, while r is from before it. */
    const int64_t known_ns = atomic_load_explicit(&clocks->offset_ns, memory_order_acquire);
    if (!read_ns(CLOCK_REALTIME, realtime_ns))
        return failure();
    if (clocks->coarse_is_cheap) {
        const int64_t offset_ns = look_at_offset();
        if (offset_ns == known_ns && offset_ns != OFFSET_UNKNOWN &&
            !__builtin_sub_overflow(*realtime_ns, offset_ns, monotonic_ns))
            return NULL;
        /* ORDERING: release; pairs with the acquire load above: who loads this offset sees the step too. */
        atomic_store_explicit(&clocks->offset_ns, offset_ns, memory_order_release);
    }
    return read_ns(CLOCK_MONOTONIC, monotonic_ns) ? NULL : failure();
}

clockbound_err const *cb_clocks_monotonic(int64_t *monotonic_ns)
{
    return read_ns(CLOCK_MONOTONIC, monotonic_ns) ? NULL : failure();
}

clockbound_err const *cb_clocks_tai_offset(int64_t *offset_ns)
{
    static const clockbound_err unknown = {CLOCKBOUND_ERR_SYSCALL, ENODATA,
                                           "the kernel doesn't know the offset of TAI"};
    for (int attempt = 0; attempt < CB_TAI_ATTEMPTS_COUNT; attempt++) {
        int64_t before_ns, tai_ns, after_ns, span_ns, most_ns;
        if (!read_ns(CLOCK_REALTIME, &before_ns) || !read_ns(TAI, &tai_ns) ||
            !read_ns(CLOCK_REALTIME, &after_ns))
            return failure();
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
