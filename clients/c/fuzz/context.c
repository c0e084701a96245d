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
#define UNTOUCHED 0xA5
/* read.bounded: 1000 attempts at a segment of 16 words and their counter, at the last good snapshot, and at
 * the page; and all of that in another file. */
#define LOADS_MAX 80000

bool explain;

static const char *const kind_names[] = {"NONE",      "SYSCALL",          "NOT_INITIALIZED",
                                         "MALFORMED", "CAUSALITY_BREACH", "VERSION_NOT_SUPPORTED"};

static bool same_record(const struct oracle_record *a, const struct oracle_record *b)
{
    return a->version == b->version && a->generation == b->generation && a->as_of_s == b->as_of_s &&
           a->as_of_rest_ns == b->as_of_rest_ns && a->void_after_s == b->void_after_s &&
           a->void_after_rest_ns == b->void_after_rest_ns && a->bound_ns == b->bound_ns &&
           a->drift_ppb == b->drift_ppb && a->status == b->status && a->marker == b->marker &&
           a->support == b->support;
}

static void remember_also(struct context *context, const struct oracle_record *record)
{
    for (size_t i = 0; i < context->seen_count; i++)
        if (same_record(&context->seen[i], record))
            return;
    if (context->seen_count == SEEN_MAX)
        context->overflowed = true;
    else
        context->seen[context->seen_count++] = *record;
}

static void remember(struct context *context, const struct oracle_record *record)
{
    if (context->orderly) {
        context->seen_count = 0;
        context->overflowed = false;
    }
    remember_also(context, record);
}

void context_disorder(struct context *context, const struct file *file)
{
    if (file == context->mapped)
        context->orderly = false;
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

static void check_error(const char *call, const clockbound_err *err, unsigned kinds, int sys_errno)
{
    if (err->kind < CLOCKBOUND_ERR_NONE || err->kind > CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED)
        fail("%s: error kind %d, which there isn't", call, (int)err->kind);
    if ((kinds >> err->kind & 1) == 0)
        fail("%s: error %s (%s); allowed is only the set %#x", call, kind_names[err->kind], err->detail,
             kinds);
    if (err->detail == NULL || err->detail[0] == '\0')
        fail("%s: error without detail", call);
    if (err->kind != CLOCKBOUND_ERR_SYSCALL && err->sys_errno != 0)
        fail("%s: errno %d with error %s", call, err->sys_errno, kind_names[err->kind]);
    if (err->kind == CLOCKBOUND_ERR_SYSCALL &&
        (err->sys_errno <= 0 || (sys_errno > 0 && sys_errno != err->sys_errno)))
        fail("%s: errno %d; expected %d", call, err->sys_errno, sys_errno);
}

static bool is_untouched(const void *memory, size_t size_bytes)
{
    const unsigned char *bytes = (const unsigned char *)memory;
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != UNTOUCHED)
            return false;
    return true;
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
        fprintf(stderr, "  open: %s\n", context->ctx != NULL ? "ok" : kind_names[err.kind]);
    if (context->ctx == NULL) {
        check_error("open", &err, kinds, sys_errno);
        memset(context, 0, sizeof *context);
        return;
    }
    if ((kinds & none) == 0)
        fail("open: succeeded; expected an error of the set %#x", kinds);
    if (!is_untouched(&err, sizeof err))
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

static void collect(struct context *context, struct candidates *candidates)
{
    if (is_readable(context)) {
        candidates->records[0] = oracle_record(context->mapped->bytes, context->version);
        candidates->count = 1;
        remember(context, &candidates->records[0]);
    } else {
        memcpy(candidates->records, context->seen, context->seen_count * sizeof context->seen[0]);
        candidates->count = context->seen_count;
    }
}

enum unanimity { NO, YES, DISAGREED };

static enum unanimity together(enum unanimity so_far, bool next)
{
    return so_far == (next ? YES : NO) ? so_far : DISAGREED;
}

static enum unanimity are_old(const struct candidates *candidates, int64_t from_ns, int64_t to_ns)
{
    if (candidates->count == 0)
        return YES;
    enum unanimity old = oracle_is_old(&candidates->records[0], from_ns) ? YES : NO;
    for (size_t i = 0; i < candidates->count; i++)
        old = together(together(old, oracle_is_old(&candidates->records[i], from_ns)),
                       oracle_is_old(&candidates->records[i], to_ns));
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

/* Moves the context through a question that is asked between the two monotonic readings. False if it can't be
 * told what it comes to, because candidates disagree on whether to look around; then the context hasn't
 * changed. */
static bool advance(struct context *context, int64_t from_ns, int64_t to_ns, bool exhausted,
                    struct candidates *candidates)
{
    struct context next = *context;
    int unused;
    collect(&next, candidates);
    if ((next.overflowed && !is_readable(&next)) || next.pages_count == PAGES_MAX)
        return false;
    enum unanimity support = have_support(candidates);
    if (may_look(next.looked, next.looked_ns)) {
        const enum unanimity old = are_old(candidates, from_ns, to_ns);
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
static wide end_ns(const struct timespec *end)
{
    if (end->tv_nsec < 0 || end->tv_nsec > 999999999)
        fail("ask: tv_nsec %ld", (long)end->tv_nsec);
    return (wide)end->tv_sec * ORACLE_SECOND_NS + end->tv_nsec;
}

static struct oracle_answer as_answer(const clockbound_err *err, const clockbound_now_result *result)
{
    struct oracle_answer answer = {.kind = CLOCKBOUND_ERR_NONE};
    const size_t loads_count = loads_take();
    if (loads_count == 0 || loads_count > LOADS_MAX)
        fail("ask: %zu loads from shared memory, which isn't what a bounded reader makes", loads_count);
    if (err != NULL) {
        check_error("ask", err, ~0u, -1);
        if (!is_untouched(result, sizeof *result))
            fail("ask: failed, and wrote to *result");
        answer.kind = err->kind;
    } else {
        answer.earliest_ns = end_ns(&result->earliest);
        answer.latest_ns = end_ns(&result->latest);
        answer.status = result->clock_status;
        if (answer.earliest_ns > answer.latest_ns)
            fail("ask: earliest is after latest");
    }
    if (explain && answer.kind != CLOCKBOUND_ERR_NONE)
        fprintf(stderr, "  ask: %s\n", kind_names[answer.kind]);
    else if (explain)
        fprintf(stderr, "  ask: %" PRId64 " to %" PRId64 ", status %d\n", (int64_t)answer.earliest_ns,
                (int64_t)answer.latest_ns, (int)answer.status);
    return answer;
}

static bool same_answer(const struct oracle_answer *a, const struct oracle_answer *b)
{
    return a->kind == b->kind &&
           (a->kind != CLOCKBOUND_ERR_NONE ||
            (a->earliest_ns == b->earliest_ns && a->latest_ns == b->latest_ns && a->status == b->status));
}

static void print_answer(const char *name, const struct oracle_answer *answer)
{
    fprintf(stderr, "%s: %s, %" PRId64 " to %" PRId64 ", status %d\n", name,
            answer->kind <= CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED ? kind_names[answer->kind] : "?",
            (int64_t)answer->earliest_ns, (int64_t)answer->latest_ns, (int)answer->status);
}

/* Whether the answer is right for the real-time reading and a monotonic one that came with it or a little
 * later. */
static bool is_right_at(const struct oracle_answer *answer, const struct oracle_record *record,
                        bool disrupted, const struct reading *reading, int64_t end_monotonic_ns)
{
    const struct oracle_answer first = oracle_answer(record, reading->realtime_ns, reading->monotonic_ns,
                                                     disrupted),
                               last =
                                   oracle_answer(record, reading->realtime_ns, end_monotonic_ns, disrupted);
    if (answer->kind != first.kind && answer->kind != last.kind)
        return false;
    if (answer->kind != CLOCKBOUND_ERR_NONE)
        return true;
    const bool first_good = first.kind == CLOCKBOUND_ERR_NONE, last_good = last.kind == CLOCKBOUND_ERR_NONE;
    if (answer->earliest_ns + answer->latest_ns != 2 * (wide)reading->realtime_ns ||
        (first_good && answer->latest_ns < first.latest_ns) ||
        (last_good && answer->latest_ns > last.latest_ns))
        return false;
    if ((first_good && answer->status == first.status) || (last_good && answer->status == last.status))
        return true;
    /* between the two */
    return first_good && last_good && first.status == CLOCKBOUND_STA_SYNCHRONIZED &&
           last.status == CLOCKBOUND_STA_UNKNOWN && answer->status == CLOCKBOUND_STA_FREE_RUNNING;
}

struct question {
    int64_t realtime_ns, monotonic_ns; /* the given readings, or, where there are none: */
    const struct reading *readings;    /* the ones that the context took, and when it had answered */
    size_t readings_count;
    int64_t end_monotonic_ns;
};

static bool is_right(const struct question *question, const struct oracle_answer *answer,
                     const struct oracle_record *record, bool disrupted)
{
    if (question->readings == NULL) {
        const struct oracle_answer right =
            oracle_answer(record, question->realtime_ns, question->monotonic_ns, disrupted);
        return same_answer(&right, answer);
    }
    for (size_t i = 0; i < question->readings_count; i++)
        if (is_right_at(answer, record, disrupted, &question->readings[i], question->end_monotonic_ns))
            return true;
    return false;
}

/* What a writer of the page does meanwhile. */
enum page_activity { AT_REST, ALWAYS_DIFFERENT, CHANGING };

/* The answer must be that of a candidate and a page that are possible. Those that it isn't of are possible no
 * more. */
static void check_answer(struct context *context, struct candidates *candidates,
                         const struct question *question, const struct oracle_answer *answer,
                         enum page_activity activity)
{
    struct file *pages[PAGES_MAX];
    size_t pages_count = 0;
    if (candidates->count == 0 && answer->kind == CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED)
        return;
    for (size_t i = 0; i < context->pages_count; i++) {
        bool possible = false;
        for (size_t j = 0; j < candidates->count; j++) {
            const struct oracle_record *record = &candidates->records[j];
            const bool disrupted =
                activity == AT_REST ? is_disrupted(context->pages[i], record) : record->support;
            if (is_right(question, answer, record, disrupted) ||
                (activity == CHANGING && is_right(question, answer, record, false)))
                possible = true;
        }
        if (possible)
            pages[pages_count++] = context->pages[i];
    }
    if (pages_count == 0) {
        const struct reading given = {question->realtime_ns, question->monotonic_ns},
                             *reading = question->readings_count > 0 ? question->readings : &given;
        for (size_t j = 0; j < candidates->count; j++) {
            const struct oracle_answer right =
                oracle_answer(&candidates->records[j], reading->realtime_ns, reading->monotonic_ns,
                              is_disrupted(context->pages[0], &candidates->records[j]));
            print_answer("possible", &right);
        }
        print_answer("got", answer);
        fail("ask: wrong answer at realtime %" PRId64 ", monotonic %" PRId64, reading->realtime_ns,
             reading->monotonic_ns);
    }
    memcpy(context->pages, pages, sizeof pages[0] * pages_count);
    context->pages_count = pages_count;
}

static struct oracle_answer ask_at(struct context *context, int64_t realtime_ns, int64_t monotonic_ns)
{
    clockbound_now_result result;
    memset(&result, UNTOUCHED, sizeof result);
    loads_take();
    clockbound_err const *err = clockbound_now_at(context->ctx, realtime_ns, monotonic_ns, &result);
    return as_answer(err, &result);
}

void context_ask_at(struct context *context, int64_t realtime_ns, int64_t monotonic_ns,
                    const struct circumstances *circumstances)
{
    struct candidates candidates;
    if (!advance(context, monotonic_ns, monotonic_ns, circumstances->descriptors_exhausted, &candidates))
        return;
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(true);
    const struct oracle_answer answer = ask_at(context, realtime_ns, monotonic_ns);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(false);
    const struct question question = {.realtime_ns = realtime_ns, .monotonic_ns = monotonic_ns};
    check_answer(context, &candidates, &question, &answer, AT_REST);
}

/* Asks when CLOCK_REALTIME can't be read. */
static void ask_without_clock(struct context *context, enum clock_failure failure)
{
    struct candidates candidates;
    clockbound_now_result result;
    memset(&result, UNTOUCHED, sizeof result);
    collect(context, &candidates);
    clock_break(failure);
    loads_take();
    clockbound_err const *err = clockbound_now(context->ctx, &result);
    clock_break(CLOCK_WORKS);
    if (err == NULL)
        fail("now: an answer without a clock");
    as_answer(err, &result);
    if (candidates.count > 0)
        check_error("now", err, 1u << CLOCKBOUND_ERR_SYSCALL, failure == CLOCK_REFUSES ? EPERM : EOVERFLOW);
}

void context_ask_now(struct context *context, const struct circumstances *circumstances)
{
    const int64_t before_ns = clock_monotonic_ns();
    struct candidates candidates;
    if (circumstances->clock_failure != CLOCK_WORKS) {
        ask_without_clock(context, circumstances->clock_failure);
        return;
    }
    if (!advance(context, before_ns, before_ns + INT64_C(200000000), circumstances->descriptors_exhausted,
                 &candidates))
        return;
    clockbound_now_result result;
    memset(&result, UNTOUCHED, sizeof result);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(true);
    loads_take();
    clockbound_err const *err = clockbound_now(context->ctx, &result);
    if (circumstances->descriptors_exhausted)
        descriptors_exhaust(false);
    const struct oracle_answer answer = as_answer(err, &result);

    struct question question = {.end_monotonic_ns = clock_monotonic_ns() + LATE_NS};
    question.readings_count = clock_readings(&question.readings);
    if (candidates.count > 0 && question.readings_count == 0)
        fail("now: the reader didn't read CLOCK_REALTIME through clock_gettime");
    check_answer(context, &candidates, &question, &answer, AT_REST);
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
                       int64_t monotonic_ns)
{
    return (are_old(candidates, monotonic_ns, monotonic_ns) != NO &&
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

    struct candidates candidates = {.count = context->seen_count};
    memcpy(candidates.records, context->seen, context->seen_count * sizeof context->seen[0]);
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
    if (would_look(context, &candidates, monotonic_ns))
        return;

    struct store stores[SCHEDULE_STEPS];
    size_t count = 0;
    put_store(stores, &count, bytes + 14, &odd, sizeof odd, schedule);
    for (size_t i = 0; i < body_bytes; i += 4)
        put_store(stores, &count, bytes + 16 + i, body + i, 4, schedule);
    put_store(stores, &count, bytes + 14, &even, sizeof even, schedule);
    writer_arrange(stores, count);
    const struct oracle_answer answer = ask_at(context, realtime_ns, monotonic_ns);
    if (!writer_finish(dies))
        candidates.count = without_update_count;
    const struct question question = {.realtime_ns = realtime_ns, .monotonic_ns = monotonic_ns};
    check_answer(context, &candidates, &question, &answer, AT_REST);
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
        !advance(context, monotonic_ns, monotonic_ns, false, &candidates) || candidates.count != 1)
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
    const struct oracle_answer answer = ask_at(context, realtime_ns, monotonic_ns);
    writer_finish(dies);
    const struct question question = {.realtime_ns = realtime_ns, .monotonic_ns = monotonic_ns};
    check_answer(context, &candidates, &question, &answer, comes_back ? CHANGING : ALWAYS_DIFFERENT);
}

void context_must_recover(struct context *context)
{
    struct file *file = context->mapped;
    uint16_t generation;
    const uint16_t version = (uint16_t)context->version;
    file_restore(file);
    memcpy(&generation, file->bytes + 14, sizeof generation);
    generation = generation >= 0xfffd ? 2 : (uint16_t)((generation | 1) + 1);
    const int64_t body[] = {100, 0, 1100, 0, 1000000};
    const uint32_t drift_ppb = 50000;
    const int32_t status = 1;
    memset(file->bytes + 16, 0, BODY_BYTES);
    memcpy(file->bytes + 12, &version, sizeof version);
    memcpy(file->bytes + 14, &generation, sizeof generation);
    memcpy(file->bytes + 16, body, sizeof body);
    memcpy(file->bytes + (version == 1 ? 56 : 64), &drift_ppb, sizeof drift_ppb);
    memcpy(file->bytes + (version == 1 ? 64 : 68), &status, sizeof status);
    /* 2 s later: 1 ms and 100 us */
    const struct oracle_answer answer = ask_at(context, 0, INT64_C(102000000000));
    if (answer.kind != CLOCKBOUND_ERR_NONE || answer.latest_ns != 1100000 || answer.earliest_ns != -1100000 ||
        answer.status != CLOCKBOUND_STA_SYNCHRONIZED)
        fail("the context didn't recover");
}
