/* SPDX-License-Identifier: Apache-2.0 */
/* The questions that clockbound.h marks "Extension", except the waits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clocks.h"
#include "reader.h"
#include "refusal.h"
#include "segment.h"

const clockbound_err cb_negative_max_error = {CLOCKBOUND_ERR_SYSCALL, EINVAL, "max_error_ns is negative"};
static const clockbound_err unknown = {CLOCKBOUND_ERR_SYSCALL, EAGAIN, "the clock status is UNKNOWN"};
static const clockbound_err disrupted = {CLOCKBOUND_ERR_SYSCALL, EAGAIN, "the clock status is DISRUPTED"};
static const clockbound_err too_large = {CLOCKBOUND_ERR_SYSCALL, ERANGE,
                                         "the error bound is larger than max_error_ns"};

clockbound_err const *cb_trusted_now(clockbound_ctx *ctx, struct cb_interval *interval)
{
    clockbound_err const *failed = cb_reader_now(ctx, interval);
    if (failed != NULL)
        return failed;
    switch (interval->status) {
    case CLOCKBOUND_STA_SYNCHRONIZED:
    case CLOCKBOUND_STA_FREE_RUNNING:
        return NULL;
    case CLOCKBOUND_STA_DISRUPTED:
        return &disrupted;
    case CLOCKBOUND_STA_UNKNOWN:
        break;
    }
    return &unknown;
}

int64_t cb_error_bound_ns(const struct cb_interval *interval)
{
    /* The ends may be farther apart than an int64_t can tell; both lie the bound away from the clock. */
    return (int64_t)(((uint64_t)interval->latest_ns - (uint64_t)interval->earliest_ns) / 2);
}

static clockbound_err const *as_interval(clockbound_err const *failed, const struct cb_interval *from,
                                         clockbound_interval *to)
{
    if (failed == NULL)
        *to = (clockbound_interval){from->earliest_ns, from->latest_ns, from->status};
    return failed;
}

clockbound_err const *clockbound_now_ns(clockbound_ctx *ctx, clockbound_interval *interval)
{
    struct cb_interval now;
    if (ctx == NULL || interval == NULL)
        return &cb_null_argument;
    return as_interval(cb_reader_now(ctx, &now), &now, interval);
}

clockbound_err const *clockbound_now_at(clockbound_ctx *ctx, int64_t realtime_ns, int64_t monotonic_ns,
                                        clockbound_interval *interval)
{
    struct cb_interval now;
    if (ctx == NULL || interval == NULL)
        return &cb_null_argument;
    return as_interval(cb_reader_now_at(ctx, realtime_ns, monotonic_ns, &now), &now, interval);
}

clockbound_err const *clockbound_now_tai(clockbound_ctx *ctx, clockbound_interval *interval)
{
    struct cb_interval now;
    if (ctx == NULL || interval == NULL)
        return &cb_null_argument;
    return as_interval(cb_reader_now_tai(ctx, &now), &now, interval);
}

clockbound_err const *clockbound_now_within(clockbound_ctx *ctx, int64_t max_error_ns,
                                            clockbound_interval *interval)
{
    struct cb_interval now;
    if (ctx == NULL || interval == NULL)
        return &cb_null_argument;
    if (max_error_ns < 0)
        return &cb_negative_max_error;
    clockbound_err const *failed = cb_trusted_now(ctx, &now);
    if (failed == NULL && cb_error_bound_ns(&now) > max_error_ns)
        failed = &too_large;
    return as_interval(failed, &now, interval);
}

clockbound_err const *clockbound_before(clockbound_ctx *ctx, int64_t time_ns, bool *answer)
{
    struct cb_interval now;
    if (ctx == NULL || answer == NULL)
        return &cb_null_argument;
    clockbound_err const *failed = cb_trusted_now(ctx, &now);
    if (failed == NULL)
        *answer = now.latest_ns < time_ns;
    return failed;
}

clockbound_err const *clockbound_after(clockbound_ctx *ctx, int64_t time_ns, bool *answer)
{
    struct cb_interval now;
    if (ctx == NULL || answer == NULL)
        return &cb_null_argument;
    clockbound_err const *failed = cb_trusted_now(ctx, &now);
    if (failed == NULL)
        *answer = now.earliest_ns > time_ns;
    return failed;
}

clockbound_err const *clockbound_interval_from_bytes(void const *segment, size_t segment_bytes,
                                                     void const *vmclock, size_t vmclock_bytes,
                                                     int64_t realtime_ns, int64_t monotonic_ns,
                                                     clockbound_interval *interval)
{
    static _Thread_local clockbound_err failed;
    struct cb_snapshot snapshot;
    struct cb_interval found;
    bool is_disrupted = false;
    if (segment == NULL || interval == NULL)
        return &cb_null_argument;
    if (!cb_segment_copy(segment, segment_bytes, &snapshot, &failed))
        return &failed;
    if (snapshot.has_disruption_support) {
        uint64_t marker;
        bool readable = false;
        if (vmclock != NULL && !cb_vmclock_copy(vmclock, vmclock_bytes, &readable, &marker, &failed))
            return &failed;
        is_disrupted = !readable || marker != snapshot.disruption_marker;
    }
    const clockbound_err_kind kind =
        cb_interval_at(&snapshot, realtime_ns, monotonic_ns, is_disrupted, &found);
    return as_interval(cb_interval_error(kind), &found, interval);
}

size_t clockbound_err_text(clockbound_err const *err, char *text, size_t size)
{
    char meaning[128] = "";
    if (size == 0)
        text = NULL; /* snprintf allows it then, whatever it was */
    else if (text == NULL)
        size = 0;
    if (err == NULL || err->kind == CLOCKBOUND_ERR_NONE)
        return (size_t)snprintf(text, size, "no error");
    const char *detail = err->detail != NULL ? err->detail : clockbound_err_kind_name(err->kind);
    if (err->sys_errno == 0 || strerror_r(err->sys_errno, meaning, sizeof meaning) != 0)
        return (size_t)snprintf(text, size, "%s", detail);
    return (size_t)snprintf(text, size, "%s: %s", detail, meaning);
}

char const *clockbound_err_kind_name(clockbound_err_kind kind)
{
    const char *name = cb_err_kind_name((int)kind);
    return name != NULL ? name : "?";
}

char const *clockbound_clock_status_name(clockbound_clock_status status)
{
    const char *name = cb_clock_status_name((int)status);
    return name != NULL ? name : "?";
}

char const *clockbound_version(void)
{
    return CLOCKBOUND_VERSION;
}
