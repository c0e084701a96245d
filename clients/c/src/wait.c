/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting, without a busy loop. What is waited for is an instant, not a span, so a signal or an early
 * awakening costs nothing but another look, and the deadline bounds the whole.
 */
#include <errno.h>

#include "clocks.h"
#include "reader.h"
#include "refusal.h"
#include "segment_layout.h"

static const clockbound_err timed_out = {CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                                         "the deadline passed before what was waited for"};

/* Sleeps for duration_ns, or the least sleep if that is longer; but no longer than a slice or until the
 * deadline. */
static clockbound_err const *pause_ns(int64_t duration_ns, int64_t deadline_ns)
{
    int64_t now_ns, until_ns;
    clockbound_err const *failed = cb_clocks_monotonic(&now_ns);
    if (failed != NULL)
        return failed;
    if (now_ns >= deadline_ns)
        return &timed_out;
    /* A clock that is allowed to drift at nearly its own rate hardly comes nearer to the end: no busy loop.
     */
    if (duration_ns < CB_WAIT_LEAST_SLEEP_NS)
        duration_ns = CB_WAIT_LEAST_SLEEP_NS;
    if (duration_ns > CB_WAIT_SLICE_NS)
        duration_ns = CB_WAIT_SLICE_NS;
    if (__builtin_add_overflow(now_ns, duration_ns, &until_ns) || until_ns > deadline_ns)
        until_ns = deadline_ns;
    return cb_clocks_sleep_until(until_ns);
}

clockbound_err const *clockbound_wait_after(clockbound_ctx *ctx, int64_t time_ns, int64_t deadline_ns)
{
    if (ctx == NULL)
        return &cb_null_argument;
    for (;;) {
        struct cb_interval now;
        int64_t left_ns;
        clockbound_err const *failed = cb_trusted_now(ctx, &now);
        if (failed != NULL)
            return failed;
        if (now.earliest_ns > time_ns)
            return NULL;
        if (__builtin_sub_overflow(time_ns, now.earliest_ns, &left_ns) || left_ns == INT64_MAX)
            left_ns = INT64_MAX - 1;
        failed = pause_ns(left_ns + 1, deadline_ns);
        if (failed != NULL)
            return failed;
    }
}

clockbound_err const *clockbound_wait_synchronized(clockbound_ctx *ctx, int64_t max_error_ns,
                                                   int64_t deadline_ns)
{
    if (ctx == NULL)
        return &cb_null_argument;
    if (max_error_ns < 0)
        return &cb_negative_max_error;
    for (;;) {
        struct cb_interval now;
        clockbound_err const *unreadable = cb_reader_now(ctx, &now);
        if (unreadable == NULL && now.status == CLOCKBOUND_STA_SYNCHRONIZED &&
            cb_error_bound_ns(&now) <= max_error_ns)
            return NULL;
        clockbound_err const *failed = pause_ns(CB_WAIT_SLICE_NS, deadline_ns);
        if (failed == &timed_out && unreadable != NULL)
            return unreadable;
        if (failed != NULL)
            return failed;
    }
}
