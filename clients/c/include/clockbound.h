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
 * Nothing here prints, and clockbound_now() allocates nothing unless the daemon has replaced its
 * segment file.
 *
 * Types, functions and their meaning are those of ClockBound 1.x and 2.x. What goes beyond them is
 * marked "Extension"; each extension can be used without the others.
 *
 * @par Threads
 * One context serves any number of threads; there is no lock in the read path. Only clockbound_close()
 * must not run beside any other call with the same context.
 *
 * @par Processes
 * After fork(2) a context serves both processes; each closes its own.
 *
 * @par Signals
 * Call nothing of this from a signal handler: a call may allocate memory.
 *
 * @par Linking
 * The library is -lclockbound. "pkg-config --cflags --libs clockbound" says where it is installed, and
 * CMake's find_package(clockbound) defines clockbound::clockbound and clockbound::static. On 32-bit
 * machines compile with -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64.
 *
 * @param ctx an open context
 * @see clock_gettime(2), chronyd(8)
 */
#ifndef CLOCKBOUND_H
#define CLOCKBOUND_H

#include <stdbool.h>
#include <stddef.h>
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

/* The results hold struct timespec, so the library and its callers must agree on its size; see Linking. */
typedef char clockbound_needs_64_bit_time[sizeof(time_t) >= 8 ? 1 : -1];

/** An open segment. Opaque; made by clockbound_open(), ended by clockbound_close(). */
typedef struct clockbound_ctx clockbound_ctx;

/** What went wrong. */
typedef struct clockbound_err {
    /** Which kind of error it is; CLOCKBOUND_ERR_NONE if none. */
    clockbound_err_kind kind;
    /** The errno of the failed system call where kind is CLOCKBOUND_ERR_SYSCALL, otherwise 0. */
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
 * @return a context, or NULL: _SYSCALL (sys_errno ENOENT: is the daemon running? EINVAL: a path is NULL),
 *         _SEGMENT_NOT_INITIALIZED (not a segment, or never written), _SEGMENT_VERSION_NOT_SUPPORTED,
 *         _SEGMENT_MALFORMED (shorter than its layout)
 */
CLOCKBOUND_API clockbound_ctx *clockbound_open(char const *shm_path, clockbound_err *err);

/**
 * Open a segment, like clockbound_open(), with the VMClock page at another place.
 *
 * @param shm_path     path of the segment; copied
 * @param vmclock_path path of the page; copied
 * @param err          filled in on failure, left alone on success; may be NULL
 * @return as clockbound_open()
 */
CLOCKBOUND_API clockbound_ctx *clockbound_vmclock_open(char const *shm_path, char const *vmclock_path,
                                                       clockbound_err *err);

/**
 * End a context and unmap everything that it has mapped.
 *
 * @param ctx a context that no other thread is using, or NULL
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
 *         monotonic clock: another time namespace?), _SYSCALL (EINVAL: an argument is NULL)
 */
CLOCKBOUND_API clockbound_err const *clockbound_now(clockbound_ctx *ctx, clockbound_now_result *result);

/**
 * @name Extensions
 *
 * Instants are int64_t nanoseconds since 1970-01-01T00:00:00Z as CLOCK_REALTIME counts them. Errors are those
 * of clockbound_now(). Those functions whose answer cannot carry a clock status fail closed: unless the
 * status is SYNCHRONIZED or FREE_RUNNING, the answer is an error. What an extension itself refuses is told
 * within the kinds that there are, as CLOCKBOUND_ERR_SYSCALL with one of these in sys_errno:
 *
 *     EAGAIN     the status is UNKNOWN or DISRUPTED
 *     ERANGE     the error bound is larger than the caller allows
 *     ETIMEDOUT  the deadline passed first
 *     ENODATA    the kernel does not know the offset of TAI
 *     EINVAL     an argument is NULL or out of its range
 */

/** Extension: an interval in nanoseconds. */
typedef struct clockbound_interval {
    /** True time is not before this. */
    int64_t earliest_ns;
    /** True time is not after this. */
    int64_t latest_ns;
    /** How far the two can be relied on. */
    clockbound_clock_status clock_status;
} clockbound_interval;

/**
 * Extension: clockbound_now() in nanoseconds.
 *
 * @param interval filled in on success, left alone on failure
 * @return as clockbound_now()
 */
CLOCKBOUND_API clockbound_err const *clockbound_now_ns(clockbound_ctx *ctx, clockbound_interval *interval);

/**
 * Extension: the interval that contains true time at this moment, if the clock is good enough.
 *
 * @param max_error_ns the largest error bound (half the interval) that the caller can use; not negative
 * @param interval     filled in on success, left alone on failure; its status is SYNCHRONIZED or FREE_RUNNING
 * @return as clockbound_now(), or _SYSCALL with EAGAIN or ERANGE
 */
CLOCKBOUND_API clockbound_err const *clockbound_now_within(clockbound_ctx *ctx, int64_t max_error_ns,
                                                           clockbound_interval *interval);

/**
 * Extension: the interval on the TAI scale, which has no leap seconds.
 *
 * The kernel must know the offset of TAI (chronyd tells it where it is configured with leapsectz). The ends
 * count nanoseconds since 1970-01-01T00:00:00 TAI, as CLOCK_TAI does.
 *
 * @param interval filled in on success, left alone on failure; check its status
 * @return as clockbound_now(), or _SYSCALL with ENODATA
 */
CLOCKBOUND_API clockbound_err const *clockbound_now_tai(clockbound_ctx *ctx, clockbound_interval *interval);

/**
 * Extension: whether an instant has certainly not come yet.
 *
 * Where neither this nor clockbound_after() is true, the instant lies in the interval.
 *
 * @param time_ns the instant
 * @param answer  true: every time in the interval of this moment is before time_ns. false: not certain.
 *                Left alone on failure
 * @return as clockbound_now(), or _SYSCALL with EAGAIN
 */
CLOCKBOUND_API clockbound_err const *clockbound_before(clockbound_ctx *ctx, int64_t time_ns, bool *answer);

/**
 * Extension: whether an instant has certainly passed.
 *
 * Where neither this nor clockbound_before() is true, the instant lies in the interval.
 *
 * @param time_ns the instant
 * @param answer  true: every time in the interval of this moment is after time_ns. false: not certain.
 *                Left alone on failure
 * @return as clockbound_now(), or _SYSCALL with EAGAIN
 */
CLOCKBOUND_API clockbound_err const *clockbound_after(clockbound_ctx *ctx, int64_t time_ns, bool *answer);

/**
 * Extension: wait until an instant has certainly passed (commit wait).
 *
 * Sleeps until then, and looks ten times a second whether the bound has shrunk meanwhile. A signal neither
 * ends the wait nor makes it longer. A thread that is cancelled here leaves the context usable.
 *
 * @param time_ns     the instant, say the latest_ns of the interval that a transaction got as its timestamp
 * @param deadline_ns when to give up, as CLOCK_MONOTONIC counts; INT64_MAX: never
 * @return NULL when clockbound_after() is true; as clockbound_now(), or _SYSCALL with EAGAIN (at once: then
 *         nobody knows when it will have passed) or ETIMEDOUT
 */
CLOCKBOUND_API clockbound_err const *clockbound_wait_after(clockbound_ctx *ctx, int64_t time_ns,
                                                           int64_t deadline_ns);

/**
 * Extension: wait until the clock is good enough: SYNCHRONIZED, with an error bound of at most max_error_ns.
 *
 * Looks ten times a second. Does not end for an error of the segment, which a daemon that starts can mend.
 * A free-running clock is not good enough: its bound only grows. A signal neither ends the wait nor makes it
 * longer.
 *
 * @param max_error_ns the largest error bound that the caller can use; INT64_MAX: any
 * @param deadline_ns  when to give up, as CLOCK_MONOTONIC counts; INT64_MAX: never
 * @return NULL when it is good enough; at the deadline _SYSCALL with ETIMEDOUT or, where the segment could
 *         not be read, the error of clockbound_now()
 */
CLOCKBOUND_API clockbound_err const *clockbound_wait_synchronized(clockbound_ctx *ctx, int64_t max_error_ns,
                                                                  int64_t deadline_ns);

/**
 * Extension: the interval for given readings of the two clocks, from the segment as it is now.
 *
 * For tests, and for callers that must judge a reading taken earlier. A monotonic reading taken before
 * the real-time one makes the interval too narrow by the drift in between; take it after.
 *
 * @param realtime_ns  CLOCK_REALTIME
 * @param monotonic_ns CLOCK_MONOTONIC
 * @param interval     filled in on success, left alone on failure
 * @return as clockbound_now()
 */
CLOCKBOUND_API clockbound_err const *clockbound_now_at(clockbound_ctx *ctx, int64_t realtime_ns,
                                                       int64_t monotonic_ns, clockbound_interval *interval);

/**
 * Extension: the interval from the bytes of a segment and readings of the two clocks, and from nothing else.
 *
 * @param segment       a copy of a segment of layout 1 or 2, taken between two updates; it may be shorter or
 *                      longer than its layout, and anything may stand in it
 * @param segment_bytes length of the copy
 * @param vmclock       a copy of the VMClock page, or NULL if there is none: then the status is UNKNOWN where
 *                      the segment says that the daemon follows the page
 * @param vmclock_bytes length of that copy
 * @param realtime_ns   CLOCK_REALTIME
 * @param monotonic_ns  CLOCK_MONOTONIC, not read before the other
 * @param interval      filled in on success, left alone on failure; check its status
 * @return NULL on success; otherwise one of the errors of clockbound_open() and clockbound_now(), among them
 *         _SEGMENT_NOT_INITIALIZED where the copy was taken during an update
 */
CLOCKBOUND_API clockbound_err const *clockbound_interval_from_bytes(void const *segment, size_t segment_bytes,
                                                                    void const *vmclock, size_t vmclock_bytes,
                                                                    int64_t realtime_ns, int64_t monotonic_ns,
                                                                    clockbound_interval *interval);

/**
 * Extension: what an error says, as one line for people: the detail and, where there is one, the meaning of
 * its errno.
 *
 * @param err  an error; NULL means that there was none
 * @param text where to put the line, with a NUL at its end; cut off where it does not fit; may be NULL if
 *             size is 0
 * @param size bytes that text has room for
 * @return the length of the whole line, without the NUL
 */
CLOCKBOUND_API size_t clockbound_err_text(clockbound_err const *err, char *text, size_t size);

/**
 * Extension: the name of a kind, "SEGMENT_MALFORMED" say.
 *
 * @param kind a value of the enumeration, or any other
 * @return static; "?" if there is no such kind
 */
CLOCKBOUND_API char const *clockbound_err_kind_name(clockbound_err_kind kind);

/**
 * Extension: the name of a status, "SYNCHRONIZED" say.
 *
 * @param status a value of the enumeration, or any other
 * @return static; "?" if there is no such status
 */
CLOCKBOUND_API char const *clockbound_clock_status_name(clockbound_clock_status status);

/**
 * Extension: the version of the library that runs; CLOCKBOUND_VERSION is that of the header.
 *
 * @return static, "1.2.3" say
 */
CLOCKBOUND_API char const *clockbound_version(void);

#ifdef __cplusplus
}
#endif

#endif
