/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clocks.h"
#include "last_good_pair.h"
#include "refusal.h"
#include "segment.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the time of the last look is shared without a lock");

struct clockbound_ctx {
    char *shm_path;
    char *vmclock_path;
    _Atomic(struct cb_segment *) segment;          /* never NULL once it is open */
    _Atomic(struct cb_vmclock_page *) vmclock;     /* NULL until a segment asks for it */
    _Atomic int64_t segment_looked_ns;             /* CLOCK_MONOTONIC of the last look for another file */
    _Atomic int64_t vmclock_looked_ns;             /* CLOCK_MONOTONIC of the last look for the page */
    struct cb_last_good latest; /* the last one that was in range: it needn't be checked again */
    struct cb_last_good_pair last_good;
    struct cb_clocks clocks;
    _Atomic uint32_t stuck_key; /* segment and generation at which no snapshot could be had */
};

/* Serial and generation of no snapshot: stable generations are even, and no writer leaves 65535 for long. */
#define NO_KEY UINT32_MAX

const clockbound_err cb_null_argument = {CLOCKBOUND_ERR_SYSCALL, EINVAL, "a required argument is NULL"};
static const clockbound_err no_snapshot = {CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0,
                                           "no consistent snapshot of the segment was ever seen"};
static const clockbound_err malformed = {CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0,
                                         "the segment holds values that no daemon writes"};
static const clockbound_err causality = {
    CLOCKBOUND_ERR_CAUSALITY_BREACH, 0,
    "the segment is from the future of this process's monotonic clock (another time namespace?)"};
static const clockbound_err tai_changes = {CLOCKBOUND_ERR_SYSCALL, ENODATA,
                                           "the kernel's offset of TAI changes all the time"};

/* True for one caller in each REOPEN_INTERVAL_NS. */
static bool may_look(clockbound_ctx *ctx, _Atomic int64_t *looked_ns)
{
    int64_t realtime_ns, monotonic_ns;
    if (cb_clocks_read(&ctx->clocks, &realtime_ns, &monotonic_ns) != NULL)
        return false;
    /* ORDERING: relaxed; the value guards nothing but itself. */
    int64_t before = atomic_load_explicit(looked_ns, memory_order_relaxed);
    if (before > monotonic_ns - CB_REOPEN_INTERVAL_NS)
        return false;
    return atomic_compare_exchange_strong_explicit(looked_ns, &before, monotonic_ns, memory_order_relaxed,
                                                   memory_order_relaxed);
}

/* read.reopen: moves to the file that the path names now. True if there is another one. */
static bool reopen(clockbound_ctx *ctx)
{
    if (!may_look(ctx, &ctx->segment_looked_ns))
        return false;
    /* ORDERING: acquire; pairs with the release exchange below. */
    struct cb_segment *current = atomic_load_explicit(&ctx->segment, memory_order_acquire);
    bool same;
    struct cb_segment *found = cb_segment_map(ctx->shm_path, current, &same, NULL);
    if (found == NULL)
        return false;
    /* The old segment stays mapped until the context is closed: another thread may be reading it, and to
     * know would cost a shared counter on each read. That is one page for each replaced file. */
    found->previous = current;
    found->serial = (uint16_t)(current->serial + 1);
    /* ORDERING: release on success, so that readers of the pointer see what it points to. */
    if (!atomic_compare_exchange_strong_explicit(&ctx->segment, &current, found, memory_order_release,
                                                 memory_order_relaxed))
        cb_segment_unmap(found); /* another thread was faster */
    return true;
}

/* Whether the last attempts at a snapshot all failed, as far as this thread can see. */
static inline bool is_stuck(clockbound_ctx *ctx)
{
    /* ORDERING: relaxed, here and below; it saves time, and nothing else depends on it. */
    return atomic_load_explicit(&ctx->stuck_key, memory_order_relaxed) != NO_KEY;
}

/*
 * Further attempts at a snapshot, after the first one failed (rule read.bounded). A generation at which all
 * of them failed is remembered: a writer that died in the middle of an update costs this once, then nothing.
 */
static bool try_again(clockbound_ctx *ctx, const struct cb_segment *segment, struct cb_snapshot *snapshot)
{
    const uint32_t key = (uint32_t)segment->serial << 16 | cb_segment_generation(segment);
    if (atomic_load_explicit(&ctx->stuck_key, memory_order_relaxed) == key)
        return false;
    if (cb_segment_snapshot(segment, CB_READ_ATTEMPTS_COUNT - 1, snapshot))
        return true;
    if (((uint32_t)segment->serial << 16 | cb_segment_generation(segment)) == key)
        atomic_store_explicit(&ctx->stuck_key, key, memory_order_relaxed);
    return false;
}

/* A snapshot of the segment. */
static inline bool take(clockbound_ctx *ctx, struct cb_snapshot *snapshot)
{
    /* ORDERING: acquire; pairs with the release exchange of reopen. */
    const struct cb_segment *segment = atomic_load_explicit(&ctx->segment, memory_order_acquire);
    if (!cb_segment_snapshot(segment, 1, snapshot) && !try_again(ctx, segment, snapshot))
        return false;
    if (is_stuck(ctx))
        atomic_store_explicit(&ctx->stuck_key, NO_KEY, memory_order_relaxed);
    return true;
}

/* Keeps a snapshot that was just taken. */
static void keep(clockbound_ctx *ctx, const struct cb_snapshot *snapshot)
{
    if (snapshot->is_in_range)
        cb_last_good_keep(&ctx->latest, snapshot);
    cb_last_good_pair_keep(&ctx->last_good, snapshot);
}

/* The VMClock page, mapped now if it wasn't yet; NULL if it can't be. */
static const struct cb_vmclock_page *vmclock_page(clockbound_ctx *ctx)
{
    /* ORDERING: acquire; pairs with the release exchange below. */
    struct cb_vmclock_page *page = atomic_load_explicit(&ctx->vmclock, memory_order_acquire);
    if (page != NULL || !may_look(ctx, &ctx->vmclock_looked_ns))
        return page;
    struct cb_vmclock_page *found = cb_vmclock_map(ctx->vmclock_path, NULL);
    if (found == NULL)
        return NULL;
    /* ORDERING: release on success, so that readers of the pointer see the page; acquire on failure, because
     * then it is another thread's page that this one goes on with. */
    if (atomic_compare_exchange_strong_explicit(&ctx->vmclock, &page, found, memory_order_acq_rel,
                                                memory_order_acquire))
        return found;
    cb_vmclock_unmap(found);
    return page;
}

/* status.disruption: whether there may have been a disruption that the snapshot doesn't know of. */
static bool is_disrupted(clockbound_ctx *ctx, const struct cb_snapshot *snapshot)
{
    if (!snapshot->has_disruption_support)
        return false;
    const struct cb_vmclock_page *page = vmclock_page(ctx);
    uint64_t marker;
    return page == NULL || !cb_vmclock_marker(page, &marker) || marker != snapshot->disruption_marker;
}

clockbound_err const *cb_interval_error(clockbound_err_kind kind)
{
    switch (kind) {
    case CLOCKBOUND_ERR_NONE:
        return NULL;
    case CLOCKBOUND_ERR_CAUSALITY_BREACH:
        return &causality;
    case CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED:
        return &no_snapshot;
    default:
        return &malformed;
    }
}

/*
 * Asks the snapshot that was taken last, which needn't be checked again. False if the segment has changed
 * since (that is looked at last, because it can wait for the clocks, and not the clocks for it), or if the
 * snapshot is as old as the grace period, for then it matters whether the segment is still the right one.
 */
static inline bool now_from_latest(clockbound_ctx *ctx, struct timespec *realtime,
                                   struct cb_interval *interval)
{
    struct cb_snapshot snapshot;
    int64_t realtime_ns, monotonic_ns;
    if (is_stuck(ctx) || !cb_last_good_try(&ctx->latest, &snapshot) ||
        cb_clocks_read_both(&ctx->clocks, realtime, &realtime_ns, &monotonic_ns) != NULL)
        return false;
    /* ORDERING: acquire; as in take. */
    const struct cb_segment *segment = atomic_load_explicit(&ctx->segment, memory_order_acquire);
    return cb_segment_is_still(segment, &snapshot) &&
           cb_interval_at_young(&snapshot, realtime_ns, monotonic_ns, is_disrupted(ctx, &snapshot), interval);
}

/* Asks at the given readings, or, where they are NULL, at readings of its own. */
static clockbound_err const *ask(clockbound_ctx *ctx, const int64_t *given_realtime_ns,
                                 const int64_t *given_monotonic_ns, struct cb_interval *interval)
{
    /* Twice at most: the second time after moving to another file. */
    for (int moved = 0;; moved++) {
        struct cb_snapshot snapshot;
        int64_t realtime_ns = 0, monotonic_ns = 0;
        const bool fresh = take(ctx, &snapshot);
        const bool taken = fresh || cb_last_good_pair_recall(&ctx->last_good, &snapshot);
        clockbound_err const *failed = NULL;
        if (given_realtime_ns != NULL) {
            realtime_ns = *given_realtime_ns;
            monotonic_ns = *given_monotonic_ns;
        } else {
            failed = cb_clocks_read(&ctx->clocks, &realtime_ns, &monotonic_ns);
        }
        if (fresh)
            keep(ctx, &snapshot);
        if (failed != NULL)
            return failed;
        /* The page is looked at last, so that a disruption up to the clock readings is seen. */
        const clockbound_err_kind kind = taken ? cb_interval_at(&snapshot, realtime_ns, monotonic_ns,
                                                                is_disrupted(ctx, &snapshot), interval)
                                               : CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
        if (kind == CLOCKBOUND_ERR_NONE && interval->age_ns <= CB_GRACE_NS)
            return NULL;
        if (moved != 0 || !reopen(ctx))
            return cb_interval_error(kind);
    }
}

clockbound_err const *cb_reader_now(clockbound_ctx *ctx, struct cb_interval *interval)
{
    struct timespec ignored;
    return now_from_latest(ctx, &ignored, interval) ? NULL : ask(ctx, NULL, NULL, interval);
}

clockbound_err const *cb_reader_now_at(clockbound_ctx *ctx, int64_t realtime_ns, int64_t monotonic_ns,
                                       struct cb_interval *interval)
{
    return ask(ctx, &realtime_ns, &monotonic_ns, interval);
}

clockbound_err const *cb_reader_now_tai(clockbound_ctx *ctx, struct cb_interval *interval)
{
    /* The offset must be the same before and after, or it isn't known which one the reading had. It changes
     * with a leap second, and when somebody sets it. */
    for (int attempt = 0; attempt < CB_TAI_ATTEMPTS_COUNT; attempt++) {
        int64_t before_ns, after_ns;
        struct cb_interval utc;
        clockbound_err const *failed = cb_clocks_tai_offset(&before_ns);
        if (failed == NULL)
            failed = cb_reader_now(ctx, &utc);
        if (failed == NULL)
            failed = cb_clocks_tai_offset(&after_ns);
        if (failed != NULL)
            return failed;
        if (before_ns != after_ns)
            continue;
        if (__builtin_add_overflow(utc.earliest_ns, after_ns, &utc.earliest_ns) ||
            __builtin_add_overflow(utc.latest_ns, after_ns, &utc.latest_ns))
            return &malformed;
        *interval = utc;
        return NULL;
    }
    return &tai_changes;
}

/* ns as seconds and nanoseconds, which are never negative; so before 1970 the seconds are rounded down. */
static struct timespec as_timespec(int64_t ns)
{
    int64_t sec = ns / CB_NANOSECONDS_PER_SECOND, nsec = ns % CB_NANOSECONDS_PER_SECOND;
    if (nsec < 0) {
        sec -= 1;
        nsec += CB_NANOSECONDS_PER_SECOND;
    }
    return (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = (long)nsec};
}

/* The same, without a division where it is in the same second as `near`, which fits in nanoseconds: at the
 * end of a question nothing is left to do during a division. */
static inline struct timespec as_timespec_near(int64_t ns, const struct timespec *near)
{
    /* Unsigned, so that one comparison does for both ends, and for what lies too far off to be subtracted. */
    const uint64_t rest_ns = (uint64_t)ns - (uint64_t)near->tv_sec * CB_NANOSECONDS_PER_SECOND;
    if (rest_ns >= CB_NANOSECONDS_PER_SECOND)
        return as_timespec(ns);
    return (struct timespec){.tv_sec = near->tv_sec, .tv_nsec = (long)rest_ns};
}

clockbound_err const *clockbound_now(clockbound_ctx *ctx, clockbound_now_result *result)
{
    struct timespec realtime;
    struct cb_interval interval;
    if (ctx == NULL || result == NULL)
        return &cb_null_argument;
    if (now_from_latest(ctx, &realtime, &interval)) {
        result->earliest = as_timespec_near(interval.earliest_ns, &realtime);
        result->latest = as_timespec_near(interval.latest_ns, &realtime);
    } else {
        clockbound_err const *failed = ask(ctx, NULL, NULL, &interval);
        if (failed != NULL)
            return failed;
        result->earliest = as_timespec(interval.earliest_ns);
        result->latest = as_timespec(interval.latest_ns);
    }
    result->clock_status = interval.status;
    return NULL;
}

clockbound_ctx *clockbound_open(char const *shm_path, clockbound_err *err)
{
    return clockbound_vmclock_open(shm_path, VMCLOCK_SHM_DEFAULT_PATH, err);
}

clockbound_ctx *clockbound_vmclock_open(char const *shm_path, char const *vmclock_path, clockbound_err *err)
{
    const char *failed_path;
    if (shm_path == NULL || vmclock_path == NULL) {
        if (err != NULL)
            *err = cb_null_argument;
        return NULL;
    }
    return cb_reader_open(shm_path, vmclock_path, err, &failed_path);
}

/* A context with copies of the paths; NULL without memory. */
static clockbound_ctx *new_context(const char *shm_path, const char *vmclock_path)
{
    clockbound_ctx *ctx = (clockbound_ctx *)calloc(1, sizeof *ctx);
    if (ctx == NULL)
        return NULL;
    cb_clocks_init(&ctx->clocks);
    atomic_init(&ctx->stuck_key, NO_KEY);
    atomic_init(&ctx->segment, NULL);
    atomic_init(&ctx->vmclock, NULL);
    atomic_init(&ctx->segment_looked_ns, -CB_REOPEN_INTERVAL_NS);
    atomic_init(&ctx->vmclock_looked_ns, -CB_REOPEN_INTERVAL_NS);
    ctx->shm_path = strdup(shm_path);
    ctx->vmclock_path = strdup(vmclock_path);
    if (ctx->shm_path == NULL || ctx->vmclock_path == NULL) {
        clockbound_close(ctx);
        return NULL;
    }
    return ctx;
}

clockbound_ctx *cb_reader_open(const char *shm_path, const char *vmclock_path, clockbound_err *err,
                               const char **failed_path)
{
    *failed_path = shm_path;
    clockbound_ctx *ctx = new_context(shm_path, vmclock_path);
    if (ctx == NULL) {
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, ENOMEM, "memory for the context");
        return NULL;
    }
    bool same;
    struct cb_segment *segment = cb_segment_map(shm_path, NULL, &same, err);
    if (segment == NULL) {
        clockbound_close(ctx);
        return NULL;
    }
    atomic_init(&ctx->segment, segment);
    /* A segment in the middle of an update doesn't fail to open; clockbound_now() looks again. */
    struct cb_snapshot snapshot;
    const bool taken = take(ctx, &snapshot);
    if (taken)
        keep(ctx, &snapshot);
    if (taken && snapshot.has_disruption_support) {
        struct cb_vmclock_page *page = cb_vmclock_map(vmclock_path, err);
        if (page == NULL) {
            *failed_path = vmclock_path;
            clockbound_close(ctx);
            return NULL;
        }
        atomic_init(&ctx->vmclock, page);
    }
    return ctx;
}

clockbound_err const *clockbound_close(clockbound_ctx *ctx)
{
    if (ctx == NULL)
        return NULL;
    /* ORDERING: relaxed; closing must not run beside any other call, so there is nobody to pair with. */
    struct cb_segment *segment = atomic_load_explicit(&ctx->segment, memory_order_relaxed);
    while (segment != NULL) {
        struct cb_segment *previous = segment->previous;
        cb_segment_unmap(segment);
        segment = previous;
    }
    cb_vmclock_unmap(atomic_load_explicit(&ctx->vmclock, memory_order_relaxed));
    free(ctx->shm_path);
    free(ctx->vmclock_path);
    free(ctx);
    return NULL;
}
