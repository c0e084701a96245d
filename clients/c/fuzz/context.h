/* SPDX-License-Identifier: Apache-2.0 */
/* An open context of the library, next to what the rules let it know. Each call is made, and judge.c says
 * whether the answer is right. */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "judge.h"

#define SEEN_MAX 24
#define PAGES_MAX 8

/* What may happen during a call. */
struct circumstances {
    bool descriptors_exhausted;
    bool memory_limited; /* heeded by context_open alone */
    unsigned requests_before;
    enum clock_failure clock_failure; /* heeded by context_ask_now and context_wait alone */
    uint8_t held_up;                  /* see clock_hold_up; heeded by context_ask_now alone */
};

struct context {
    clockbound_ctx *ctx;
    struct file *mapped; /* the segment that it reads */
    unsigned version;    /* its layout, when it was opened */
    /* read.reopen: whether it has looked for another segment, and the monotonic time when. */
    bool looked;
    int64_t looked_ns;
    /* The page that it has mapped is one of these; NULL stands for none yet. No rule says just when a page
     * that wasn't there at first is looked for, so this keeps what is possible until an answer tells. */
    struct file *pages[PAGES_MAX];
    size_t pages_count;
    bool page_looked, page_perhaps_looked; /* certainly, and at all */
    int64_t page_looked_ns, page_perhaps_looked_ns;
    /* The snapshots that it has seen. Any from possible_from on may be the last good one. That is one alone,
     * as long as the file changes as a writer changes it: of one that goes back or stands still while the
     * bytes change, nobody can say which was last. */
    struct oracle_record seen[SEEN_MAX];
    size_t seen_count, possible_from;
    size_t mapped_from; /* from here on they were seen in `mapped` */
    bool orderly;
    bool dropped, overflowed; /* there were more; more that may be the last good one */
};

extern bool explain; /* print each call and what came of it */

/* Opens a new context; the one before must be closed. */
void context_open(struct context *context, const struct circumstances *circumstances);
void context_close(struct context *context);

void context_ask_at(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                    const struct circumstances *circumstances);
/* By the clocks as they are. */
void context_ask_now(struct context *context, enum asked what, int64_t argument_ns,
                     const struct circumstances *circumstances);

/* Waits for an instant (ASKED_AFTER) or for a bound (ASKED_SYNCHRONIZED). */
struct wait {
    enum asked what;
    int64_t argument_ns, deadline_ns;
    /* Called at the beginning of each of the first sleeps, with its number: what happens meanwhile. Returns
     * EINTR if a signal ends the sleep half way, else 0. */
    int (*meanwhile)(unsigned sleep);
};
void context_wait(struct context *context, const struct wait *wait,
                  const struct circumstances *circumstances);

/* The page that it has mapped, if that is certain; NULL if not, or if there is none. */
struct file *context_page(const struct context *context);

/* Somebody changed the file otherwise than a writer does. */
void context_disorder(struct context *context, const struct file *file);

/* Asks while a writer makes `body`, the 64 bytes after the header, the segment's next generation. The steps
 * of the writer wait for so many loads each. */
#define BODY_BYTES 64
#define SCHEDULE_STEPS 18
void context_ask_during_update(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                               const unsigned char body[BODY_BYTES], const uint8_t schedule[SCHEDULE_STEPS],
                               bool dies);

/* Asks while the hypervisor changes the page's marker in two halves. Half way the page holds the segment's
 * own marker; afterwards too if it `comes_back`. */
void context_ask_during_disruption(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                                   uint32_t difference, const uint8_t schedule[SCHEDULE_STEPS], bool dies,
                                   bool comes_back);

/* Whatever has happened: a good segment in the file that the context reads gives the right interval. */
void context_must_recover(struct context *context);

#endif
