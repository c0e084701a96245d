/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOK_INTERVAL_NS INT64_C(1000000000)
/* A reader may take its monotonic reading later than the real-time one, never earlier. So much later is
 * allowed: the call, and a tick of the coarse clocks, which a reader may use to tell the two's difference. */
#define LATE_NS INT64_C(5000000)
/* read.bounded: 1000 attempts at a segment of 16 words and their counter, at the last good snapshot, and at
 * the page; and all of that in another file. */
#define LOADS_MAX 80000

bool explain;

static bool same_record(const struct oracle_record *a, const struct oracle_record *b)
{
    return a->version == b->version && a->generation == b->generation && a->as_of_s == b->as_of_s &&
           a->as_of_rest_ns == b->as_of_rest_ns && a->void_after_s == b->void_after_s &&
           a->void_after_rest_ns == b->void_after_rest_ns && a->bound_ns == b->bound_ns &&
           a->drift_ppb == b->drift_ppb && a->status == b->status && a->marker == b->marker &&
           a->support == b->support;
}

static void forget(struct context *context, size_t i)
{
    memmove(&context->seen[i], &context->seen[i + 1],
            (context->seen_count - i - 1) * sizeof context->seen[0]);
    context->seen_count--;
    if (i < context->possible_from)
        context->possible_from--;
    if (i < context->mapped_from)
        context->mapped_from--;
}

/* Another one that may be the last good snapshot. */
static void remember_also(struct context *context, const struct oracle_record *record)
{
    for (size_t i = 0; i < context->seen_count; i++)
        if (same_record(&context->seen[i], record)) {
            forget(context, i);
            break;
        }
    if (context->seen_count == SEEN_MAX) {
        context->dropped = true;
        context->overflowed = context->overflowed || context->possible_from == 0;
        forget(context, 0);
    }
    context->seen[context->seen_count++] = *record;
}

static void remember(struct context *context, const struct oracle_record *record)
{
    remember_also(context, record);
    if (context->orderly) {
        context->possible_from = context->seen_count - 1;
        context->overflowed = false;
    }
}

void context_disorder(struct context *context, const struct file *file)
{
    if (file != context->mapped)
        return;
    context->orderly = false;
    context->possible_from = 0;
    context->overflowed = context->dropped;
}

/* The bytes as a context finds them in its mapping. An empty file was never mapped. */
static bool is_readable(const struct context *context)
{
    return oracle_is_readable(context->mapped->bytes, context->version);
}

/* The layout of a file that can be opened. */
static unsigned layout_of(const struct file *file)
{
    uint16_t version;
    memcpy(&version, file->bytes + 12, sizeof version);
    return version;
}

/* What opening the file at a place comes to, as bits 1 << kind, and errno where it is known, else -1. */
static unsigned open_kinds(const struct place *place, bool exhausted,
                           clockbound_err_kind (*open_file)(const unsigned char *, size_t), int *sys_errno)
{
    static const unsigned char nothing[ORACLE_PAGE_BYTES];
    *sys_errno = -1;
    if (exhausted || place->kind == PLACE_GONE) {
        *sys_errno = exhausted ? EMFILE : ENOENT;
        return 1u << CLOCKBOUND_ERR_SYSCALL;
    }
    if (place->kind == PLACE_DIRECTORY) /* it can be opened, but has nothing of a segment */
        return 1u << CLOCKBOUND_ERR_SYSCALL | 1u << CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
    if (place->kind == PLACE_DEVICE) /* endless zeros */
        return 1u << CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
    const struct file *file = place->file;
    return 1u << open_file(file->size_bytes == 0 ? nothing : file->bytes, file->size_bytes);
}

void context_open(struct context *context, const struct circumstances *circumstances)
{
    const unsigned none = 1u << CLOCKBOUND_ERR_NONE;
    int sys_errno;
    unsigned kinds =
        open_kinds(&segment_place, circumstances->descriptors_exhausted, oracle_open_segment, &sys_errno);
    memset(context, 0, sizeof *context);
    context->orderly = true;
    context->pages_count = 1;
    if (kinds == none) {
        context->mapped = segment_place.file;
        context->version = layout_of(context->mapped);
        if (is_readable(context)) {
            const struct oracle_record record = oracle_record(context->mapped->bytes, context->version);
            remember(context, &record);
            if (record.support) {
                kinds = open_kinds(&page_place, false, oracle_open_page, &sys_errno);
                if (kinds == none)
                    context->pages[0] = page_place.file;
            }
        }
    }

    clockbound_err err;
    memset(&err, UNTOUCHED, sizeof err);
    loads_take();
    if (circumstances->memory_limited)
        memory_arrange(circumstances->requests_before);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(true);
    context->ctx = clockbound_vmclock_open(segment_place.path, page_place.path, &err);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(false);
    if (circumstances->memory_limited && memory_finish()) {
        kinds = 1u << CLOCKBOUND_ERR_SYSCALL;
        sys_errno = ENOMEM;
    }

    if (explain)
        fprintf(stderr, "  open: %s\n", context->ctx != NULL ? "ok" : judge_kind_name(err.kind));
    if (context->ctx == NULL) {
        judge_error("open", &err, kinds, sys_errno);
        memset(context, 0, sizeof *context);
        return;
    }
    if ((kinds & none) == 0)
        fail("open: succeeded; expected an error of the set %#x", kinds);
    if (!judge_is_untouched(&err, sizeof err))
        fail("open: succeeded, and wrote to *err");
}

void context_close(struct context *context)
{
    if (clockbound_close(context->ctx) != NULL)
        fail("close: returned an error");
    memset(context, 0, sizeof *context);
}

struct file *context_page(const struct context *context)
{
    return context->pages_count == 1 ? context->pages[0] : NULL;
}

/* What a context may answer from. */
struct candidates {
    struct oracle_record records[SEEN_MAX + 2];
    size_t count;
};

static void collect_seen(const struct context *context, struct candidates *candidates)
{
    candidates->count = context->seen_count - context->possible_from;
    memcpy(candidates->records, context->seen + context->possible_from,
           candidates->count * sizeof context->seen[0]);
}

static void collect(struct context *context, struct candidates *candidates)
{
    if (is_readable(context)) {
        candidates->records[0] = oracle_record(context->mapped->bytes, context->version);
        candidates->count = 1;
        remember(context, &candidates->records[0]);
    } else {
        collect_seen(context, candidates);
    }
}

/* Whether a reader can tell by the generation and as_of that the one is no longer the other. Every writer
 * changes the generation with each update, and as_of before a generation comes again. */
static bool is_another(const struct oracle_record *a, const struct oracle_record *b)
{
    return a->generation != b->generation ||
           (uint64_t)a->as_of_s * 1000000000u + (uint64_t)a->as_of_rest_ns !=
               (uint64_t)b->as_of_s * 1000000000u + (uint64_t)b->as_of_rest_ns;
}

/* After collect: a reader that asks by the clocks needn't read a whole segment that it has read before. So
 * where somebody has changed bytes otherwise than a writer does, the answer may be that of a snapshot that
 * can't be told from what stands there now. False if it can't be told which these are. */
static bool collect_overlooked(const struct context *context, int64_t monotonic_ns,
                               struct candidates *candidates)
{
    if (context->orderly || !is_readable(context))
        return true;
    for (size_t i = context->mapped_from; i < context->seen_count; i++) {
        const struct oracle_record *record = &context->seen[i];
        if (!is_another(record, &candidates->records[0]) && !same_record(record, &candidates->records[0]) &&
            oracle_answer(record, 0, monotonic_ns, false).kind == CLOCKBOUND_ERR_NONE)
            candidates->records[candidates->count++] = *record;
    }
    return !context->dropped;
}

/* As collect, for a question that fails for another reason: whether the context keeps what it saw, no rule
 * says. */
static bool perhaps_collect(struct context *context)
{
    if (is_readable(context)) {
        const struct oracle_record record = oracle_record(context->mapped->bytes, context->version);
        remember_also(context, &record);
    }
    return context->seen_count > 0;
}

enum unanimity { NO, YES, DISAGREED };

static enum unanimity together(enum unanimity so_far, bool next)
{
    return so_far == (next ? YES : NO) ? so_far : DISAGREED;
}

/* Whether all are a reason to look for another file, throughout a question that begins when the clocks show
 * realtime_ns and from_ns. */
static enum unanimity are_old(const struct candidates *candidates, int64_t realtime_ns, int64_t from_ns,
                              int64_t to_ns)
{
    if (candidates->count == 0)
        return YES;
    enum unanimity old = oracle_is_reason_to_look(&candidates->records[0], realtime_ns, from_ns) ? YES : NO;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct oracle_record *record = &candidates->records[i];
        old = together(old, oracle_is_reason_to_look(record, realtime_ns, from_ns));
        old = together(old, oracle_is_reason_to_look(record, realtime_ns, to_ns));
        /* Where the clocks move, so that an interval may fit or not, it can't be told. */
        if (from_ns != to_ns)
            old = together(old, oracle_is_reason_to_look(record, 0, to_ns));
    }
    return old;
}

static enum unanimity have_support(const struct candidates *candidates)
{
    enum unanimity support = candidates->count > 0 && candidates->records[0].support ? YES : NO;
    for (size_t i = 0; i < candidates->count; i++)
        support = together(support, candidates->records[i].support);
    return support;
}

/* Times of looks are never within half a second of the interval, so a clock that moves during a call doesn't
 * matter. */
static bool may_look(bool looked, int64_t looked_ns)
{
    return !looked || clock_monotonic_ns() - looked_ns >= LOOK_INTERVAL_NS;
}

/* The context may have looked for the page, or, if `certainly`, has. */
static void look_for_page(struct context *context, bool exhausted, bool certainly)
{
    if (!may_look(context->page_looked, context->page_looked_ns))
        return;
    int unused;
    const bool found =
        open_kinds(&page_place, exhausted, oracle_open_page, &unused) == 1u << CLOCKBOUND_ERR_NONE;
    certainly = certainly && may_look(context->page_perhaps_looked, context->page_perhaps_looked_ns);
    for (size_t i = 0; i < context->pages_count; i++) {
        if (context->pages[i] != NULL || !found)
            continue;
        if (certainly)
            context->pages[i] = page_place.file;
        else if (context->pages_count < PAGES_MAX) {
            context->pages[context->pages_count++] = page_place.file;
            break; /* NULL stands in it once */
        }
    }
    context->page_perhaps_looked = true;
    context->page_perhaps_looked_ns = clock_monotonic_ns();
    if (certainly) {
        context->page_looked = true;
        context->page_looked_ns = clock_monotonic_ns();
    }
}

/* Moves the context through a question that is asked between the two monotonic readings, by the clocks if it
 * `may_overlook` what no writer does. False if it can't be
 * told what it comes to, because candidates disagree on whether to look around; then the context hasn't
 * changed. */
static bool advance(struct context *context, int64_t realtime_ns, int64_t from_ns, int64_t to_ns,
                    bool exhausted, bool may_overlook, struct candidates *candidates)
{
    struct context next = *context;
    int unused;
    collect(&next, candidates);
    if ((next.overflowed && !is_readable(&next)) ||
        (may_overlook && !collect_overlooked(&next, to_ns, candidates)))
        return false;
    enum unanimity support = have_support(candidates);
    if (may_look(next.looked, next.looked_ns)) {
        const enum unanimity old = are_old(candidates, realtime_ns, from_ns, to_ns);
        if (old == DISAGREED)
            return false;
        if (old == YES) {
            next.looked = true;
            next.looked_ns = clock_monotonic_ns();
            if (segment_place.file != next.mapped &&
                open_kinds(&segment_place, exhausted, oracle_open_segment, &unused) ==
                    1u << CLOCKBOUND_ERR_NONE) {
                next.mapped = segment_place.file;
                next.version = layout_of(next.mapped);
                next.orderly = true;
                next.mapped_from = next.seen_count;
                collect(&next, candidates);
                if (next.overflowed && !is_readable(&next))
                    return false;
                if (have_support(candidates) != YES && support != NO)
                    support = DISAGREED; /* the snapshot before asked for it, perhaps */
                else
                    support = have_support(candidates);
            }
        }
    }
    if (support != NO && next.pages_count == PAGES_MAX)
        return false;
    /* A context that can't use a snapshot needn't look for its page. */
    bool usable = true;
    for (size_t i = 0; i < candidates->count; i++)
        usable =
            usable && oracle_answer(&candidates->records[i], 0, to_ns, false).kind == CLOCKBOUND_ERR_NONE;
    if (support != NO)
        look_for_page(&next, exhausted, support == YES && usable);
    *context = next;
    return true;
}

/* status.disruption: whether the page, as it is, differs from the snapshot. */
static bool is_disrupted(const struct file *page, const struct oracle_record *record)
{
    uint64_t marker;
    return record->support &&
           (page == NULL || !oracle_page_marker(page->bytes, &marker) || marker != record->marker);
}

/* An end of the result; it must be a proper timespec. */
static wide timespec_ns(const struct timespec *end)
{
    if (end->tv_nsec < 0 || end->tv_nsec > 999999999)
        fail("ask: tv_nsec %ld", (long)end->tv_nsec);
    return (wide)end->tv_sec * ORACLE_SECOND_NS + end->tv_nsec;
}

/* What a call can fill in. */
struct filled {
    clockbound_now_result now;
    clockbound_interval interval;
    bool yes;
};

static void check_effort(unsigned times)
{
    const size_t loads_count = loads_take();
    if (loads_count == 0 || loads_count > times * LOADS_MAX)
        fail("ask: %zu loads from shared memory, which isn't what a bounded reader makes", loads_count);
}

static struct reply reply_of(enum asked what, const clockbound_err *err, const struct filled *filled)
{
    struct reply reply = {.kind = CLOCKBOUND_ERR_NONE};
    if (err != NULL) {
        judge_error("ask", err, ~0u, -1);
        if (!judge_is_untouched(filled, sizeof *filled))
            fail("ask: failed, and wrote to the result");
        reply.kind = err->kind;
        reply.sys_errno = err->sys_errno;
    } else if (what == ASKED_NOW) {
        reply.earliest_ns = timespec_ns(&filled->now.earliest);
        reply.latest_ns = timespec_ns(&filled->now.latest);
        reply.status = filled->now.clock_status;
    } else if (what == ASKED_BEFORE || what == ASKED_AFTER) {
        reply.yes = filled->yes;
    } else {
        reply.earliest_ns = filled->interval.earliest_ns;
        reply.latest_ns = filled->interval.latest_ns;
        reply.status = filled->interval.clock_status;
    }
    if (reply.earliest_ns > reply.latest_ns)
        fail("ask: earliest is after latest");
    return reply;
}

static void print_reply(const char *name, const struct reply *reply)
{
    if (reply->kind != CLOCKBOUND_ERR_NONE)
        fprintf(stderr, "%s: %s, errno %d\n", name, judge_kind_name(reply->kind), reply->sys_errno);
    else
        fprintf(stderr, "%s: %" PRId64 " to %" PRId64 ", status %d; %s\n", name, (int64_t)reply->earliest_ns,
                (int64_t)reply->latest_ns, (int)reply->status,
                reply->or_error ? "waits on"
                : reply->yes    ? "yes"
                                : "no");
}

/* What a writer of the page does meanwhile. */
enum page_activity { AT_REST, ALWAYS_DIFFERENT, CHANGING };

/* The reply must be that of a candidate and a page that are possible. Those that it isn't of are possible no
 * more. */
static void check_reply(struct context *context, struct candidates *candidates,
                        const struct question *question, const struct reply *reply,
                        enum page_activity activity)
{
    struct file *pages[PAGES_MAX];
    size_t pages_count = 0;
    if (explain)
        print_reply("  ask", reply);
    if (candidates->count == 0 && judge_is_right_without_snapshot(reply))
        return;
    for (size_t i = 0; i < context->pages_count; i++) {
        bool possible = false;
        for (size_t j = 0; j < candidates->count; j++) {
            const struct oracle_record *record = &candidates->records[j];
            const bool disrupted =
                activity == AT_REST ? is_disrupted(context->pages[i], record) : record->support;
            if (judge_is_right(question, reply, record, disrupted) ||
                (activity == CHANGING && judge_is_right(question, reply, record, false)))
                possible = true;
        }
        if (possible)
            pages[pages_count++] = context->pages[i];
    }
    if (pages_count == 0) {
        const struct reading nothing = {0},
                             *reading = question->readings_count > 0 ? question->readings : &nothing;
        for (size_t j = 0; j < candidates->count; j++) {
            const struct oracle_answer right =
                oracle_answer(&candidates->records[j], reading->realtime_ns, reading->monotonic_ns,
                              is_disrupted(context->pages[0], &candidates->records[j]));
            fprintf(stderr, "interval: %s, %" PRId64 " to %" PRId64 ", status %d\n",
                    judge_kind_name(right.kind), (int64_t)right.earliest_ns, (int64_t)right.latest_ns,
                    (int)right.status);
        }
        print_reply("got", reply);
        fail("ask: wrong answer to question %d (%" PRId64 ") at realtime %" PRId64 ", monotonic %" PRId64,
             (int)question->what, question->argument_ns, reading->realtime_ns, reading->monotonic_ns);
    }
    memcpy(context->pages, pages, sizeof pages[0] * pages_count);
    context->pages_count = pages_count;
}

/* Asks with given readings; *reading becomes them. */
static struct reply ask_at(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                           struct reading *reading, struct question *question)
{
    struct filled filled;
    memset(&filled, UNTOUCHED, sizeof filled);
    loads_take();
    clockbound_err const *err = clockbound_now_at(context->ctx, realtime_ns, monotonic_ns, &filled.interval);
    check_effort(1);
    *reading = (struct reading){.realtime_ns = realtime_ns, .monotonic_ns = monotonic_ns};
    *question = (struct question){
        .what = ASKED_NOW_NS, .readings = reading, .readings_count = 1, .end_monotonic_ns = monotonic_ns};
    return reply_of(ASKED_NOW_NS, err, &filled);
}

void context_ask_at(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                    const struct circumstances *circumstances)
{
    struct candidates candidates;
    struct reading reading;
    struct question question;
    if (!advance(context, realtime_ns, monotonic_ns, monotonic_ns, circumstances->descriptors_exhausted,
                 false, &candidates))
        return;
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(true);
    const struct reply reply = ask_at(context, realtime_ns, monotonic_ns, &reading, &question);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(false);
    check_reply(context, &candidates, &question, &reply, AT_REST);
}

static clockbound_err const *call(clockbound_ctx *ctx, enum asked what, int64_t argument_ns,
                                  struct filled *filled)
{
    switch (what) {
    case ASKED_NOW:
        return clockbound_now(ctx, &filled->now);
    case ASKED_NOW_NS:
        return clockbound_now_ns(ctx, &filled->interval);
    case ASKED_WITHIN:
        return clockbound_now_within(ctx, argument_ns, &filled->interval);
    case ASKED_TAI:
        return clockbound_now_tai(ctx, &filled->interval);
    case ASKED_BEFORE:
        return clockbound_before(ctx, argument_ns, &filled->yes);
    case ASKED_AFTER:
    case ASKED_SYNCHRONIZED:
        break;
    }
    return clockbound_after(ctx, argument_ns, &filled->yes);
}

/* Asks when CLOCK_REALTIME can't be read. */
static void ask_without_clock(struct context *context, enum asked what, int64_t argument_ns,
                              enum clock_failure failure)
{
    struct filled filled;
    memset(&filled, UNTOUCHED, sizeof filled);
    /* For TAI the clocks are read before anything else, so no snapshot is seen. */
    const bool has_snapshot = what == ASKED_TAI ? context->seen_count > 0 : perhaps_collect(context);
    clock_break(failure);
    clockbound_err const *err = call(context->ctx, what, argument_ns, &filled);
    clock_break(CLOCK_WORKS);
    if (err == NULL)
        fail("now: an answer without a clock");
    reply_of(what, err, &filled);
    if (has_snapshot)
        judge_error("now", err, 1u << CLOCKBOUND_ERR_SYSCALL, failure == CLOCK_REFUSES ? EPERM : EOVERFLOW);
}

void context_ask_now(struct context *context, enum asked what, int64_t argument_ns,
                     const struct circumstances *circumstances)
{
    const int64_t before_ns = clock_monotonic_ns();
    const struct context before = *context;
    struct candidates candidates;
    struct filled filled;
    memset(&filled, UNTOUCHED, sizeof filled);
    if (what == ASKED_WITHIN && argument_ns < 0) {
        clockbound_err const *err = call(context->ctx, what, argument_ns, &filled);
        if (err == NULL)
            fail("within: an answer within a negative bound");
        reply_of(what, err, &filled);
        judge_error("within", err, 1u << CLOCKBOUND_ERR_SYSCALL, EINVAL);
        return;
    }
    if (circumstances->clock_failure != CLOCK_WORKS) {
        ask_without_clock(context, what, argument_ns, circumstances->clock_failure);
        return;
    }
    if (!advance(context, clock_realtime_ns(), before_ns, before_ns + INT64_C(200000000),
                 circumstances->descriptors_exhausted, true, &candidates))
        return;
    /* Not where the time that this takes would decide what the context does. */
    const bool held_up =
        what == ASKED_TAI && circumstances->held_up != 0 &&
        are_old(&candidates, clock_realtime_ns(), before_ns, before_ns + 4 * ORACLE_SECOND_NS) == NO &&
        have_support(&candidates) == NO;
    if (held_up)
        clock_hold_up(circumstances->held_up);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(true);
    loads_take();
    clockbound_err const *err = call(context->ctx, what, argument_ns, &filled);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(false);
    const struct reply reply = reply_of(what, err, &filled);
    const int64_t end_ns = clock_monotonic_ns();
    clock_hold_up(0);
    if (held_up)
        clock_wait(2 * ORACLE_SECOND_NS); /* see keep_away_from_looks */
    if (what == ASKED_TAI && reply.sys_errno == ENODATA) {
        if (!clock_tai_was_unknown())
            fail("tai: the offset is said to be unknown");
        if (loads_take() == 0)
            *context = before; /* it didn't come to the question */
        return;
    }
    check_effort(what == ASKED_TAI ? 3 : 1);

    struct question question = {
        .what = what, .argument_ns = argument_ns, .end_monotonic_ns = end_ns + LATE_NS};
    question.readings_count = clock_readings(&question.readings);
    if (candidates.count > 0 && question.readings_count == 0)
        fail("now: the reader didn't read CLOCK_REALTIME through clock_gettime");
    check_reply(context, &candidates, &question, &reply, AT_REST);
}

/* Makes the file a good segment with the next generation, as a writer does, and such that no page matters. */
static void publish_good(struct context *context, int64_t as_of_ns, int64_t bound_ns, uint32_t drift_ppb,
                         int32_t status)
{
    struct file *file = context->mapped;
    const uint16_t version = (uint16_t)context->version;
    uint16_t generation;
    file_restore(file);
    memcpy(&generation, file->bytes + 14, sizeof generation);
    generation = generation >= 0xfffd ? 2 : (uint16_t)((generation | 1) + 1);
    const int64_t as_of_s = as_of_ns / ORACLE_SECOND_NS, as_of_rest_ns = as_of_ns % ORACLE_SECOND_NS;
    const int64_t body[] = {as_of_s, as_of_rest_ns, as_of_s + 1000, as_of_rest_ns, bound_ns};
    memset(file->bytes + 16, 0, BODY_BYTES);
    memcpy(file->bytes + 12, &version, sizeof version);
    memcpy(file->bytes + 14, &generation, sizeof generation);
    memcpy(file->bytes + 16, body, sizeof body);
    memcpy(file->bytes + (version == 1 ? 56 : 64), &drift_ppb, sizeof drift_ppb);
    memcpy(file->bytes + (version == 1 ? 64 : 68), &status, sizeof status);
}

/* Waits. A wait is a row of looks, with sleeps in between. Each look is judged as the question that it is. */

#define SLICE_NS INT64_C(100000000) /* ten looks a second */
#define LEAST_SLEEP_NS 50000
/* After so many sleeps they get longer, as if the machine were busy; after so many, the answer is put there.
 */
#define SLEEPS_PATIENT_MAX 8
#define SLEEPS_MAX 24

static struct {
    struct context *context;
    const struct wait *wait;
    struct candidates candidates;
    unsigned sleeps_count;
    bool answer_is_there;
} waiting;

static void begin_look(bool may_overlook)
{
    const int64_t now_ns = clock_monotonic_ns();
    clock_arrange(0, NEVER, 0);
    loads_take();
    if (advance(waiting.context, clock_realtime_ns(), now_ns, now_ns + 2 * LATE_NS, false, may_overlook,
                &waiting.candidates))
        return;
    /* It can't be told what this look comes to, so another begins. Its as_of is new. */
    publish_good(waiting.context, now_ns, 1000000, 50000, CLOCKBOUND_STA_FREE_RUNNING);
    if (!advance(waiting.context, clock_realtime_ns(), now_ns, now_ns + 2 * LATE_NS, false, false,
                 &waiting.candidates))
        fail("wait: the fuzzer itself is wrong");
}

static void judge_look(const struct reply *reply)
{
    struct question question = {.what = waiting.wait->what,
                                .argument_ns = waiting.wait->argument_ns,
                                .end_monotonic_ns = clock_monotonic_ns() + LATE_NS};
    check_effort(1);
    question.readings_count = clock_readings(&question.readings);
    check_reply(waiting.context, &waiting.candidates, &question, reply, AT_REST);
}

/* No look for another file is just about a second after the one before: then it couldn't be told whether it
 * happened. An interrupted question may have looked 66 ms after it was asked. */
#define LOOK_MARGIN_NS INT64_C(100000000)
static void keep_away_from_looks(void)
{
    const struct context *context = waiting.context;
    const int64_t looks_ns[] = {context->looked_ns, context->page_looked_ns, context->page_perhaps_looked_ns};
    for (int i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            const int64_t late_ns = clock_monotonic_ns() - looks_ns[j] - LOOK_INTERVAL_NS;
            if (late_ns > -LOOK_MARGIN_NS && late_ns < LOOK_MARGIN_NS)
                clock_wait(LOOK_MARGIN_NS - late_ns);
        }
}

static int sleep_until(int64_t until_ns)
{
    const int64_t now_ns = clock_monotonic_ns();
    const struct reply on = {.or_error = waiting.wait->what == ASKED_SYNCHRONIZED};
    if (explain)
        fprintf(stderr, "  sleep from %" PRId64 " for %" PRId64 " ns\n", now_ns, until_ns - now_ns);
    if (waiting.answer_is_there)
        fail("wait: goes on where it must end");
    if (now_ns >= waiting.wait->deadline_ns)
        fail("wait: goes on after its deadline");
    if (until_ns > waiting.wait->deadline_ns)
        fail("wait: sleeps beyond its deadline");
    if (until_ns <= now_ns)
        fail("wait: doesn't sleep");
    if (until_ns - now_ns < LEAST_SLEEP_NS && until_ns < waiting.wait->deadline_ns)
        fail("wait: hardly sleeps");
    if (until_ns - now_ns > SLICE_NS)
        fail("wait: doesn't look ten times a second");
    judge_look(&on);

    int ended = 0;
    const unsigned count = ++waiting.sleeps_count;
    if (count <= SLEEPS_PATIENT_MAX) {
        ended = waiting.wait->meanwhile(count - 1);
        clock_wait(ended == 0 ? until_ns - now_ns : (until_ns - now_ns) / 2);
    } else if (count <= SLEEPS_MAX) {
        clock_wait(until_ns - now_ns + (SLICE_NS << (count - SLEEPS_PATIENT_MAX - 1) / 2));
    } else {
        clock_wait(until_ns - now_ns);
        publish_good(waiting.context, clock_monotonic_ns(), 0, 0,
                     waiting.wait->what == ASKED_AFTER ? CLOCKBOUND_STA_UNKNOWN
                                                       : CLOCKBOUND_STA_SYNCHRONIZED);
        waiting.answer_is_there = true;
    }
    keep_away_from_looks();
    begin_look(!waiting.answer_is_there); /* as_of of the answer is new */
    return ended;
}

/* Waits when CLOCK_REALTIME can't be read: an instant never passes then, and a bound is waited for in vain.
 */
static void wait_without_clock(struct context *context, const struct wait *wait, enum clock_failure failure)
{
    const bool has_snapshot = perhaps_collect(context);
    clock_break(failure);
    clockbound_err const *err =
        wait->what == ASKED_AFTER
            ? clockbound_wait_after(context->ctx, wait->argument_ns, wait->deadline_ns)
            : clockbound_wait_synchronized(context->ctx, wait->argument_ns, clock_monotonic_ns());
    clock_break(CLOCK_WORKS);
    if (err == NULL)
        fail("wait: a success without a clock");
    judge_error("wait", err, ~0u, -1);
    if (has_snapshot)
        judge_error("wait", err, 1u << CLOCKBOUND_ERR_SYSCALL, failure == CLOCK_REFUSES ? EPERM : EOVERFLOW);
}

void context_wait(struct context *context, const struct wait *wait, const struct circumstances *circumstances)
{
    const bool for_instant = wait->what == ASKED_AFTER;
    memset(&waiting, 0, sizeof waiting);
    waiting.context = context;
    waiting.wait = wait;
    if (!for_instant && wait->argument_ns < 0) {
        clockbound_err const *err =
            clockbound_wait_synchronized(context->ctx, wait->argument_ns, wait->deadline_ns);
        if (err == NULL)
            fail("wait: for a negative bound");
        judge_error("wait", err, 1u << CLOCKBOUND_ERR_SYSCALL, EINVAL);
        return;
    }
    if (circumstances->clock_failure != CLOCK_WORKS) {
        wait_without_clock(context, wait, circumstances->clock_failure);
        return;
    }
    begin_look(true);
    clock_arrange_sleeps(sleep_until);
    clockbound_err const *err =
        for_instant ? clockbound_wait_after(context->ctx, wait->argument_ns, wait->deadline_ns)
                    : clockbound_wait_synchronized(context->ctx, wait->argument_ns, wait->deadline_ns);
    clock_arrange_sleeps(NULL);

    struct reply reply = {.yes = err == NULL};
    if (err != NULL) {
        judge_error("wait", err, ~0u, -1);
        const bool timed_out = err->kind == CLOCKBOUND_ERR_SYSCALL && err->sys_errno == ETIMEDOUT;
        if (!timed_out) {
            reply.kind = err->kind;
            reply.sys_errno = err->sys_errno;
        }
        if ((timed_out || !for_instant) && clock_monotonic_ns() < wait->deadline_ns)
            fail("wait: gives up before its deadline: %s", err->detail);
    }
    judge_look(&reply);
    /* See keep_away_from_looks. */
    clock_wait(2 * ORACLE_SECOND_NS);
}

static void put_store(struct store *stores, size_t *count, void *to, const void *bytes, uint8_t size_bytes,
                      const uint8_t schedule[SCHEDULE_STEPS])
{
    struct store *store = &stores[*count];
    store->to = to;
    memcpy(store->bytes, bytes, size_bytes);
    store->size_bytes = size_bytes;
    store->loads_before = schedule[*count];
    ++*count;
}

/* Whether a question would make the context look around; then too much would happen at once. */
static bool would_look(const struct context *context, const struct candidates *candidates,
                       int64_t realtime_ns, int64_t monotonic_ns)
{
    return (are_old(candidates, realtime_ns, monotonic_ns, monotonic_ns) != NO &&
            may_look(context->looked, context->looked_ns)) ||
           (context_page(context) == NULL && have_support(candidates) != NO &&
            may_look(context->page_looked, context->page_looked_ns));
}

void context_ask_during_update(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                               const unsigned char body[BODY_BYTES], const uint8_t schedule[SCHEDULE_STEPS],
                               bool dies)
{
    unsigned char *bytes = context->mapped->bytes;
    const size_t body_bytes = oracle_layout_bytes(context->version) - 16;
    if (context->seen_count == 0 || context->overflowed || context->mapped->size_bytes < 16 + body_bytes)
        return;

    struct candidates candidates;
    collect_seen(context, &candidates);
    if (is_readable(context))
        candidates.records[candidates.count++] = oracle_record(bytes, context->version);
    const size_t without_update_count = candidates.count;

    uint16_t version, generation;
    memcpy(&version, bytes + 12, sizeof version);
    memcpy(&generation, bytes + 14, sizeof generation);
    const uint16_t odd = generation | 1;
    const uint16_t even = odd == 0xffff ? 2 : (uint16_t)(odd + 1);
    unsigned char updated[ORACLE_SEGMENT_BYTES_MAX];
    memcpy(updated, bytes, 12);
    memcpy(updated + 12, &version, sizeof version);
    memcpy(updated + 14, &even, sizeof even);
    memcpy(updated + 16, body, BODY_BYTES);
    if (version == context->version)
        candidates.records[candidates.count++] = oracle_record(updated, context->version);
    if (would_look(context, &candidates, realtime_ns, monotonic_ns))
        return;

    struct store stores[SCHEDULE_STEPS];
    size_t count = 0;
    put_store(stores, &count, bytes + 14, &odd, sizeof odd, schedule);
    for (size_t i = 0; i < body_bytes; i += 4)
        put_store(stores, &count, bytes + 16 + i, body + i, 4, schedule);
    put_store(stores, &count, bytes + 14, &even, sizeof even, schedule);
    writer_arrange(stores, count);
    struct reading reading;
    struct question question;
    const struct reply reply = ask_at(context, realtime_ns, monotonic_ns, &reading, &question);
    if (!writer_finish(dies))
        candidates.count = without_update_count;
    check_reply(context, &candidates, &question, &reply, AT_REST);
    for (size_t i = 0; i < candidates.count; i++)
        remember_also(context, &candidates.records[i]);
}

void context_ask_during_disruption(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                                   uint32_t difference, const uint8_t schedule[SCHEDULE_STEPS], bool dies,
                                   bool comes_back)
{
    struct candidates candidates;
    const struct file *page = context_page(context);
    if (!is_readable(context) || page == NULL || page->size_bytes < ORACLE_PAGE_BYTES ||
        !advance(context, realtime_ns, monotonic_ns, monotonic_ns, false, false, &candidates) ||
        candidates.count != 1)
        return;
    unsigned char *bytes = page->bytes;
    if (difference == 0)
        difference = 1;
    unsigned char own[8], changed[4], flipped[8], even[4], odd[4];
    const uint64_t marker = candidates.records[0].marker;
    for (size_t i = 0; i < 8; i++) {
        own[i] = (unsigned char)(marker >> (8 * i));
        flipped[i] = own[i] ^ (unsigned char)(difference >> (8 * (i % 4)));
    }
    /* The high half differs first; then, when that is mended, the low half follows, or doesn't. */
    memcpy(bytes + 16, own, 4);
    memcpy(bytes + 20, flipped + 4, 4);
    memcpy(changed, comes_back ? own : flipped, 4);
    bytes[12] &= 0xfe;
    memcpy(even, bytes + 12, 4);
    memcpy(odd, even, 4);
    odd[0] |= 1;
    even[0] = (unsigned char)(even[0] + 2); /* without the carry: only parity and difference matter */

    struct store stores[SCHEDULE_STEPS];
    size_t count = 0;
    put_store(stores, &count, bytes + 12, odd, 4, schedule);
    put_store(stores, &count, bytes + 20, own + 4, 4, schedule);
    put_store(stores, &count, bytes + 16, changed, 4, schedule);
    put_store(stores, &count, bytes + 12, even, 4, schedule);
    writer_arrange(stores, count);
    struct reading reading;
    struct question question;
    const struct reply reply = ask_at(context, realtime_ns, monotonic_ns, &reading, &question);
    writer_finish(dies);
    check_reply(context, &candidates, &question, &reply, comes_back ? CHANGING : ALWAYS_DIFFERENT);
}

void context_must_recover(struct context *context)
{
    struct reading reading;
    struct question question;
    publish_good(context, INT64_C(100000000000), 1000000, 50000, CLOCKBOUND_STA_SYNCHRONIZED);
    /* 2 s later: 1 ms and 100 us */
    const struct reply reply = ask_at(context, 0, INT64_C(102000000000), &reading, &question);
    if (reply.kind != CLOCKBOUND_ERR_NONE || reply.latest_ns != 1100000 || reply.earliest_ns != -1100000 ||
        reply.status != CLOCKBOUND_STA_SYNCHRONIZED)
        fail("the context didn't recover");
}
