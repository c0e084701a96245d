/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file clockbound.h
 * Error-bounded time: an interval that contains true time, and how far it can be relied on.
 *
 * A daemon works out how wrong the system clock can be and publishes that in a shared-memory segment.
 * This library reads the segment and the clock:
 *
 *     clockbound_err err;
 *     clockbound_ctx *ctx = clockbound_open(CLOCKBOUND_SHM_DEFAULT_PATH, &err);
 *     clockbound_now_result now;
 *     if (ctx != NULL && clockbound_now(ctx, &now) == NULL &&
 *         (now.clock_status == CLOCKBOUND_STA_SYNCHRONIZED ||
 *          now.clock_status == CLOCKBOUND_STA_FREE_RUNNING)) {
 *         ... true time lies between now.earliest and now.latest ...
 *     }
 *     clockbound_close(ctx);
 *
 * Check the status: the interval of UNKNOWN and DISRUPTED means nothing. If a.latest < b.earliest, a
 * happened before b, on whatever hosts the two were taken.
 *
 * Threads: one context serves any number of threads; there is no lock in the read path. Only
 * clockbound_close() must not run beside any other call with the same context.
 *
 * Nothing here prints, and clockbound_now() allocates nothing unless the daemon has replaced its
 * segment file.
 *
 * Types, functions and their meaning are those of ClockBound 1.x and 2.x. What goes beyond them is
 * marked "Extension".
 */
#ifndef CLOCKBOUND_H
#define CLOCKBOUND_H

#include <stdint.h>
#include <time.h>

#include "clockbound/types.h"

#if defined(__GNUC__)
#define CLOCKBOUND_API __attribute__((visibility("default")))
#else
#define CLOCKBOUND_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The results hold struct timespec, so the library and its callers must agree on its size. On 32-bit machines
 * compile with -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64. */
typedef char clockbound_needs_64_bit_time[sizeof(time_t) >= 8 ? 1 : -1];

/** An open segment. Opaque; made by clockbound_open(), ended by clockbound_close(). */
typedef struct clockbound_ctx clockbound_ctx;

/** What went wrong. */
typedef struct clockbound_err {
    /** Which kind of error it is; CLOCKBOUND_ERR_NONE if none. */
    clockbound_err_kind kind;
    /** errno of the failed system call where kind is CLOCKBOUND_ERR_SYSCALL, otherwise 0. */
    int sys_errno;
    /** A few words on what failed, for people. Static; never freed, never NULL. */
    const char *detail;
} clockbound_err;

/** The answer of clockbound_now(). */
typedef struct clockbound_now_result {
    /** True time is not before this (UTC, as CLOCK_REALTIME counts it). tv_nsec is 0 to 999999999. */
    struct timespec earliest;
    /** True time is not after this. */
    struct timespec latest;
    /** How far the two can be relied on. */
    clockbound_clock_status clock_status;
} clockbound_now_result;

/**
 * Open a segment of layout 1 or 2; the file itself says which.
 *
 * Where the segment says that the daemon follows the VMClock page of the hypervisor, that page is
 * opened too, at VMCLOCK_SHM_DEFAULT_PATH.
 *
 * @param shm_path path of the segment, say CLOCKBOUND_SHM_DEFAULT_PATH; copied
 * @param err      filled in on failure, left alone on success; may be NULL
 * @return a context, or NULL: _SYSCALL (sys_errno ENOENT: is the daemon running?),
 *         _SEGMENT_NOT_INITIALIZED (not a segment, or never written), _SEGMENT_VERSION_NOT_SUPPORTED,
 *         _SEGMENT_MALFORMED (shorter than its layout)
 */
CLOCKBOUND_API clockbound_ctx *clockbound_open(char const *shm_path, clockbound_err *err);

/**
 * Like clockbound_open(), with the VMClock page at another place.
 *
 * @param vmclock_path path of the page; copied
 */
CLOCKBOUND_API clockbound_ctx *clockbound_vmclock_open(char const *shm_path, char const *vmclock_path,
                                                       clockbound_err *err);

/**
 * End a context and unmap everything that it has mapped. NULL is allowed.
 *
 * @return NULL; there is nothing left that could fail
 */
CLOCKBOUND_API clockbound_err const *clockbound_close(clockbound_ctx *ctx);

/**
 * The interval that contains true time at this moment.
 *
 * Makes no system call while the segment is fresh (clock readings go through the vDSO). While the
 * daemon is in the middle of an update it tries again, about 20 microseconds at most, and then answers
 * from the last consistent snapshot of this context.
 *
 * @param result filled in on success, left alone on failure
 * @return NULL on success; otherwise an error that stays valid until this thread's next call:
 *         _SEGMENT_NOT_INITIALIZED (no consistent snapshot was ever seen), _SEGMENT_MALFORMED (values
 *         that no daemon writes), _CAUSALITY_BREACH (the segment is from the future of this process's
 *         monotonic clock: another time namespace?), _SYSCALL
 */
CLOCKBOUND_API clockbound_err const *clockbound_now(clockbound_ctx *ctx, clockbound_now_result *result);

/**
 * Extension: the interval for given readings of the two clocks, from the segment as it is now.
 *
 * For tests, and for callers that must judge a reading taken earlier. A monotonic reading taken before
 * the real-time one makes the interval too narrow by the drift in between; take it after.
 *
 * @param realtime_ns  CLOCK_REALTIME, nanoseconds since 1970-01-01T00:00:00Z
 * @param monotonic_ns CLOCK_MONOTONIC, nanoseconds
 */
CLOCKBOUND_API clockbound_err const *clockbound_now_at(clockbound_ctx *ctx, int64_t realtime_ns,
                                                       int64_t monotonic_ns, clockbound_now_result *result);

#ifdef __cplusplus
}
#endif

#endif
