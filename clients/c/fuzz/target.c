/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An input is a list of steps: each a byte that names the step, then what the step takes. A draft of a
 * segment and one of a VMClock page are changed by some steps, put into files by others, and read by a
 * context of the library. context.c says what is right.
 */
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "input.h"
#include "interval.h"

#define STEPS_MAX 200
#define LEAST_SEGMENT_BYTES 72 /* layout 1 */
#define SLOW_NOWS_MAX 6 /* times 16 pauses of 4.1 ms: less than half a second */

static struct {
    unsigned char segment[FILE_MAPPED_BYTES];
    size_t segment_bytes; /* length of the file */
    unsigned layout;      /* where the fields are */
    unsigned char page[FILE_MAPPED_BYTES];
    size_t page_bytes;
} draft;

static struct context context;
static struct circumstances circumstances; /* of the next call */
static int slow_nows_left;

/* The draft */

static void set_field(enum oracle_field field, int64_t value)
{
    const size_t offset = oracle_field_offset(draft.layout, field);
    const uint8_t u8 = (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    if (offset == 0 && field != FIELD_MAGIC_0)
        return;
    switch (oracle_field_bytes(field)) {
    case 1:
        draft.segment[offset] = u8;
        break;
    case 2:
        memcpy(draft.segment + offset, &u16, sizeof u16);
        break;
    case 4:
        memcpy(draft.segment + offset, &u32, sizeof u32);
        break;
    default:
        memcpy(draft.segment + offset, &value, sizeof value);
    }
}

/* An instant as its two fields. */
static void set_instant(enum oracle_field field, int64_t ns)
{
    int64_t s = ns / ORACLE_SECOND_NS, rest_ns = ns % ORACLE_SECOND_NS;
    if (rest_ns < 0) {
        s -= 1;
        rest_ns += ORACLE_SECOND_NS;
    }
    set_field(field, s);
    set_field(field + 1, rest_ns);
}

static void draft_good_segment(unsigned layout)
{
    memset(draft.segment, 0, sizeof draft.segment);
    draft.layout = layout;
    draft.segment_bytes = oracle_layout_bytes(layout);
    set_field(FIELD_MAGIC_0, 0x414D5A4E);
    set_field(FIELD_MAGIC_1, 0x43420200);
    set_field(FIELD_SIZE, (int64_t)draft.segment_bytes);
    set_field(FIELD_VERSION, layout);
    set_field(FIELD_GENERATION, 2);
    set_instant(FIELD_AS_OF_S, clock_monotonic_ns());
    set_instant(FIELD_VOID_AFTER_S, clock_monotonic_ns() + INT64_C(1000000000000));
    set_field(FIELD_BOUND_NS, 1000000);
    set_field(FIELD_DRIFT_PPB, 50000);
    set_field(FIELD_STATUS, 1);
}

static void set_page_field(unsigned field, uint64_t value)
{
    static const struct {
        size_t offset, bytes;
    } fields[] = {{0, 4}, {4, 4}, {8, 2}, {12, 4}, {16, 8}}; /* magic, size, version, seq_count, marker */
    const size_t offset = fields[field % 5].offset;
    for (size_t i = 0; i < fields[field % 5].bytes; i++)
        draft.page[offset + i] = (unsigned char)(value >> (8 * i));
}

static void draft_good_page(void)
{
    memset(draft.page, 0, sizeof draft.page);
    draft.page_bytes = ORACLE_PAGE_BYTES;
    memcpy(draft.page, "VCLK", 4);
    set_page_field(1, ORACLE_PAGE_BYTES);
    set_page_field(2, 1);
}

static struct oracle_record drafted(unsigned version)
{
    return oracle_record(draft.segment, version);
}

/* The file at the place, or the one that the context has mapped; NULL if there is none. */
static struct file *pick_file(struct input *input, const struct place *place, struct file *mapped)
{
    struct file *file = (take_u8(input) & 1) == 0 ? place->file : mapped;
    return file != NULL && file->size_bytes > 0 ? file : NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* An instant near one that matters. */
static int64_t take_instant(struct input *input)
{
    const struct oracle_record record = drafted(draft.layout);
    const uint8_t base = take_u8(input) % 4;
    int64_t base_ns = 0;
    if (base == 1)
        base_ns = (int64_t)((uint64_t)record.as_of_s * 1000000000u + (uint64_t)record.as_of_rest_ns);
    else if (base == 2)
        base_ns =
            (int64_t)((uint64_t)record.void_after_s * 1000000000u + (uint64_t)record.void_after_rest_ns);
    else if (base == 3)
        base_ns = clock_monotonic_ns();
    return add_wrapping(base_ns, take_value(input));
}

/* Steps. seeds.py knows them by their place in the list at the end. */

static void step_field(struct input *input)
{
    const enum oracle_field field = (enum oracle_field)(take_u8(input) % FIELDS);
    set_field(field, take_value(input));
}

static void step_good_segment(struct input *input)
{
    draft_good_segment(1 + take_u8(input) % 2);
}

static void step_bytes(struct input *input)
{
    const size_t offset = take_u8(input), count = take_u8(input);
    for (size_t i = 0; i < count; i++)
        draft.segment[offset + i] = take_u8(input);
}

static void step_length(struct input *input)
{
    draft.segment_bytes = take_little(input, 2) % 8193;
}

/* as_of, and so void_after, so long before the clock's now. */
static void step_age(struct input *input)
{
    const int64_t as_of_ns = add_wrapping(clock_monotonic_ns(), (int64_t)(0 - (uint64_t)take_value(input)));
    set_instant(FIELD_AS_OF_S, as_of_ns);
    set_instant(FIELD_VOID_AFTER_S, add_wrapping(as_of_ns, take_value(input)));
}

static void step_place_segment(struct input *input)
{
    const enum place_kind kind = (enum place_kind)(take_u8(input) % 4);
    if (kind == PLACE_FILE)
        place_file(&segment_place, draft.segment, draft.segment_bytes);
    else
        place_other(&segment_place, kind);
}

static void step_overwrite_segment(struct input *input)
{
    struct file *file = pick_file(input, &segment_place, context.mapped);
    if (file == NULL)
        return;
    memcpy(file->bytes, draft.segment,
           least(least(file->size_bytes, FILE_MAPPED_BYTES), draft.segment_bytes));
    context_disorder(&context, file);
}

/* What a writer does; one that doesn't finish dies after so many bytes of the body. */
static void publish(struct file *file, size_t body_bytes, bool finish)
{
    uint16_t generation;
    if (file == NULL || file->size_bytes < LEAST_SEGMENT_BYTES)
        return;
    memcpy(&generation, file->bytes + 14, sizeof generation);
    generation |= 1;
    if (finish)
        generation = generation == 0xffff ? 2 : (uint16_t)(generation + 1);
    memcpy(file->bytes + 14, &generation, sizeof generation);
    memcpy(file->bytes + 16, draft.segment + 16, least(body_bytes, file->size_bytes - 16));
}

static void step_publish(struct input *input)
{
    publish(pick_file(input, &segment_place, context.mapped), BODY_BYTES, true);
}

static void step_half_publish(struct input *input)
{
    struct file *file = pick_file(input, &segment_place, context.mapped);
    publish(file, take_u8(input) % (LEAST_SEGMENT_BYTES - 16 + 1), false);
}

static void step_shrink_segment(struct input *input)
{
    struct file *file = pick_file(input, &segment_place, context.mapped);
    const size_t size_bytes = 1 + (size_t)take_u8(input);
    if (file == NULL)
        return;
    file_shrink(file, size_bytes);
    context_disorder(&context, file);
}

static void step_place_page(struct input *input)
{
    const enum place_kind kind = (enum place_kind)(take_u8(input) % 4);
    if (kind == PLACE_FILE)
        place_file(&page_place, draft.page, draft.page_bytes);
    else
        place_other(&page_place, kind);
}

static void step_page_field(struct input *input)
{
    const unsigned field = take_u8(input);
    set_page_field(field, (uint64_t)take_value(input));
}

static void step_page_length(struct input *input)
{
    draft.page_bytes = take_little(input, 2) % 8193;
}

static void step_page_bytes(struct input *input)
{
    const size_t offset = take_u8(input), count = take_u8(input);
    for (size_t i = 0; i < count; i++)
        draft.page[offset + i] = take_u8(input);
}

static void step_overwrite_page(struct input *input)
{
    struct file *file = pick_file(input, &page_place, context_page(&context));
    if (file != NULL)
        memcpy(file->bytes, draft.page, least(least(file->size_bytes, FILE_MAPPED_BYTES), draft.page_bytes));
}

static void step_shrink_page(struct input *input)
{
    struct file *file = pick_file(input, &page_place, context_page(&context));
    const size_t size_bytes = 1 + (size_t)take_u8(input);
    if (file != NULL)
        file_shrink(file, size_bytes);
}

static void close_context(void)
{
    if (context.ctx != NULL) {
        context_must_recover(&context);
        context_close(&context);
    }
}

static void step_open(struct input *input)
{
    (void)input;
    close_context();
    context_open(&context, &circumstances);
}

/* Opens a context if none is open. */
static bool is_open(void)
{
    if (context.ctx == NULL)
        context_open(&context, &circumstances);
    return context.ctx != NULL;
}

static void step_ask_at(struct input *input)
{
    const int64_t monotonic_ns = take_instant(input), realtime_ns = take_value(input);
    if (is_open())
        context_ask_at(&context, realtime_ns, monotonic_ns, &circumstances);
}

static void step_ask_now(struct input *input)
{
    const int64_t realtime_ns = take_value(input), step_ns = take_value(input);
    uint32_t pauses = (uint32_t)take_little(input, 2);
    const uint8_t step_before = take_u8(input);
    if (!is_open())
        return;
    if (pauses != 0 && slow_nows_left-- <= 0)
        pauses = 0;
    /* 0: the clock just goes on. Otherwise it is set, to 1970 or far enough from the ends of what 64 bits
     * hold. */
    if (realtime_ns > 0 && realtime_ns < ORACLE_SECOND_NS)
        clock_set_realtime(realtime_ns);
    else if (realtime_ns != 0)
        clock_set_realtime((realtime_ns & INT64_MAX) / 2 + INT64_C(1000000000000000000));
    clock_arrange(pauses, step_before, step_ns % INT64_C(1000000000000000));
    context_ask_now(&context, ASKED_NOW, 0, &circumstances);
    clock_arrange(0, NEVER, 0);
}

static void step_ask_during_update(struct input *input)
{
    const int64_t monotonic_ns = take_instant(input), realtime_ns = take_value(input);
    const bool dies = (take_u8(input) & 1) != 0;
    uint8_t schedule[SCHEDULE_STEPS];
    for (size_t i = 0; i < SCHEDULE_STEPS; i++)
        schedule[i] = take_u8(input);
    if (is_open())
        context_ask_during_update(&context, realtime_ns, monotonic_ns, draft.segment + 16, schedule, dies);
}

static void step_ask_during_disruption(struct input *input)
{
    const int64_t monotonic_ns = take_instant(input), realtime_ns = take_value(input);
    const uint8_t flags = take_u8(input);
    const uint32_t difference = (uint32_t)take_value(input);
    uint8_t schedule[SCHEDULE_STEPS] = {0};
    for (size_t i = 0; i < 4; i++)
        schedule[i] = take_u8(input);
    if (is_open())
        context_ask_during_disruption(&context, realtime_ns, monotonic_ns, difference, schedule,
                                      (flags & 1) != 0, (flags & 2) != 0);
}

/* What stands in the draft, at the clocks as they are: its bound, or 0. */
static int64_t drafted_bound_ns(void)
{
    const struct oracle_record record = drafted(draft.layout);
    const struct oracle_answer now = oracle_answer(&record, 0, clock_monotonic_ns(), false);
    return now.kind == CLOCKBOUND_ERR_NONE ? (int64_t)now.latest_ns : 0;
}

/* An instant or an error bound near one that matters. */
static int64_t take_argument(struct input *input, enum asked what)
{
    const uint8_t base = take_u8(input) % 4;
    int64_t base_ns = what == ASKED_WITHIN || what == ASKED_SYNCHRONIZED ? 0 : clock_realtime_ns();
    if (base == 0)
        base_ns = 0;
    else if (base == 1)
        base_ns = add_wrapping(base_ns, -drafted_bound_ns());
    else if (base == 2)
        base_ns = add_wrapping(base_ns, drafted_bound_ns());
    return add_wrapping(base_ns, take_value(input));
}

static void step_ask_more(struct input *input)
{
    static const enum asked whats[] = {ASKED_NOW_NS, ASKED_WITHIN, ASKED_TAI, ASKED_BEFORE, ASKED_AFTER};
    const enum asked what = whats[take_u8(input) % (sizeof whats / sizeof whats[0])];
    const int64_t argument_ns = take_argument(input, what);
    uint32_t pauses = (uint32_t)take_little(input, 2);
    const uint8_t step_before = take_u8(input);
    const int64_t step_ns = take_value(input);
    if (!is_open())
        return;
    if (pauses != 0 && slow_nows_left-- <= 0)
        pauses = 0;
    clock_arrange(pauses, step_before, step_ns % INT64_C(1000000000000000));
    context_ask_now(&context, what, argument_ns, &circumstances);
    clock_arrange(0, NEVER, 0);
}

static void step_tai(struct input *input)
{
    const int32_t offset_s = (int32_t)take_value(input), next_s = (int32_t)take_value(input);
    clock_set_tai(offset_s, take_u8(input), next_s);
    circumstances.held_up = take_u8(input) & 7; /* at most 3.3 s */
}

/* What happens during the sleeps of a wait. */
#define EVENTS_COUNT 8
static struct {
    uint8_t events[EVENTS_COUNT];
    int64_t step_ns;
} wait_plan;

static int meanwhile(unsigned sleep)
{
    const uint8_t event = wait_plan.events[sleep % EVENTS_COUNT];
    const int64_t now_ns = clock_monotonic_ns();
    switch (event % 8) {
    case 1: /* another file */
        place_file(&segment_place, draft.segment, draft.segment_bytes);
        break;
    case 2:
        clock_step_realtime(wait_plan.step_ns);
        break;
    case 3: /* a daemon at work: what it wrote before, as of now */
        set_instant(FIELD_AS_OF_S, now_ns);
        set_instant(FIELD_VOID_AFTER_S, now_ns + INT64_C(1000000000000));
        publish(context.mapped, BODY_BYTES, true);
        break;
    case 4: /* one that got better */
        set_instant(FIELD_AS_OF_S, now_ns);
        set_field(FIELD_STATUS, 1);
        set_field(FIELD_BOUND_NS, 1000);
        publish(context.mapped, BODY_BYTES, true);
        break;
    case 5: /* one that lost its sources */
        set_field(FIELD_STATUS, 2 * (event >> 3 & 1));
        publish(context.mapped, BODY_BYTES, true);
        break;
    case 6:
        publish(context.mapped, BODY_BYTES / 2, false);
        break;
    default:
        break;
    }
    return (event & 0x80) != 0 ? EINTR : 0;
}

static void wait_for(struct input *input, enum asked what)
{
    struct wait wait = {.what = what, .argument_ns = take_argument(input, what), .meanwhile = meanwhile};
    const uint8_t forever = take_u8(input);
    const int64_t left_ns = take_value(input);
    wait.deadline_ns = (forever & 1) != 0 ? INT64_MAX : add_wrapping(clock_monotonic_ns(), left_ns);
    for (size_t i = 0; i < EVENTS_COUNT; i++)
        wait_plan.events[i] = take_u8(input);
    wait_plan.step_ns = take_value(input) % INT64_C(1000000000000000);
    if (is_open())
        context_wait(&context, &wait, &circumstances);
}

static void step_wait_after(struct input *input)
{
    wait_for(input, ASKED_AFTER);
}

static void step_wait_synchronized(struct input *input)
{
    wait_for(input, ASKED_SYNCHRONIZED);
}

/* The draft as bytes, which lie anywhere and end anywhere. From the heap, so that the address sanitizer sees
 * reads beyond the end. */
static unsigned char *copy_at(unsigned offset, const unsigned char *bytes, size_t size_bytes)
{
    unsigned char *copy = (unsigned char *)malloc(offset + size_bytes > 0 ? offset + size_bytes : 1);
    if (copy == NULL)
        exit(2);
    memcpy(copy + offset, bytes, size_bytes);
    return copy;
}

static void step_from_bytes(struct input *input)
{
    const uint8_t places = take_u8(input);
    const unsigned offset = places & 7, page_offset = places >> 3 & 7;
    const bool has_page = (places & 0x40) != 0;
    const int64_t monotonic_ns = take_instant(input), realtime_ns = take_value(input);
    const size_t segment_bytes = least(draft.segment_bytes, sizeof draft.segment);
    const size_t page_bytes = least(draft.page_bytes, sizeof draft.page);
    unsigned char *segment = copy_at(offset, draft.segment, segment_bytes);
    unsigned char *page = copy_at(page_offset, draft.page, page_bytes);
    const struct oracle_answer right = oracle_answer_from_bytes(
        draft.segment, segment_bytes, has_page ? draft.page : NULL, page_bytes, realtime_ns, monotonic_ns);
    clockbound_interval interval;
    memset(&interval, UNTOUCHED, sizeof interval);
    clockbound_err const *err =
        clockbound_interval_from_bytes(segment + offset, segment_bytes, has_page ? page + page_offset : NULL,
                                       has_page ? page_bytes : 0, realtime_ns, monotonic_ns, &interval);
    if (memcmp(segment + offset, draft.segment, segment_bytes) != 0 ||
        memcmp(page + page_offset, draft.page, page_bytes) != 0)
        fail("from bytes: the bytes were changed");
    free(segment);
    free(page);
    if (explain)
        fprintf(stderr, "  from bytes: %s\n", judge_kind_name(err != NULL ? err->kind : CLOCKBOUND_ERR_NONE));
    if (err != NULL) {
        judge_error("from bytes", err, 1u << right.kind, -1);
        if (!judge_is_untouched(&interval, sizeof interval))
            fail("from bytes: failed, and wrote to *interval");
    } else if (right.kind != CLOCKBOUND_ERR_NONE || interval.earliest_ns != right.earliest_ns ||
               interval.latest_ns != right.latest_ns || interval.clock_status != right.status)
        fail("from bytes: %" PRId64 " to %" PRId64 ", status %d; expected %s, %" PRId64 " to %" PRId64
             ", status %d",
             interval.earliest_ns, interval.latest_ns, (int)interval.clock_status,
             judge_kind_name(right.kind), (int64_t)right.earliest_ns, (int64_t)right.latest_ns,
             (int)right.status);
}

static void step_wait(struct input *input)
{
    clock_wait((2 + (int64_t)take_u8(input)) * ORACLE_SECOND_NS);
}

static void step_coarse_clocks(struct input *input)
{
    clock_make_coarse_cost(take_u8(input));
}

static void step_exhaust_descriptors(struct input *input)
{
    (void)input;
    circumstances.descriptors_exhausted = true;
}

static void step_exhaust_memory(struct input *input)
{
    circumstances.memory_limited = true;
    circumstances.requests_before = take_u8(input) % 8;
}

static void step_break_clock(struct input *input)
{
    circumstances.clock_failure = (enum clock_failure)(1 + take_u8(input) % 2);
}

/* The short way answers for every snapshot in range that is young, and right; else it leaves the result
 * alone. */
static void check_young(const struct cb_snapshot *snapshot, int64_t realtime_ns, int64_t monotonic_ns,
                        bool disrupted, const struct oracle_answer *right)
{
    const wide age_ns = (wide)monotonic_ns - snapshot->as_of_ns;
    const bool must_answer =
        right->kind == CLOCKBOUND_ERR_NONE && age_ns >= 0 && age_ns < INT64_C(5000000000);
    struct cb_interval interval;
    if (!snapshot->is_in_range || monotonic_ns < 0)
        return; /* nobody may ask it then; CLOCK_MONOTONIC is never below 0 */
    memset(&interval, UNTOUCHED, sizeof interval);
    if (cb_interval_at_young(snapshot, realtime_ns, monotonic_ns, disrupted, &interval) != must_answer)
        fail("interval: %s for a snapshot of %" PRId64 " ns", must_answer ? "none" : "one", (int64_t)age_ns);
    if (!must_answer && !judge_is_untouched(&interval, sizeof interval))
        fail("interval: too old, and wrote to *interval");
    if (must_answer &&
        (interval.earliest_ns != right->earliest_ns || interval.latest_ns != right->latest_ns ||
         interval.status != right->status || interval.age_ns != age_ns))
        fail("interval: %" PRId64 " to %" PRId64 ", status %d, where it is young; expected %" PRId64
             " to %" PRId64 ", status %d",
             interval.earliest_ns, interval.latest_ns, (int)interval.status, (int64_t)right->earliest_ns,
             (int64_t)right->latest_ns, (int)right->status);
}

/* The arithmetic alone, also with versions that no file gets as far with. */
static void step_interval(struct input *input)
{
    const unsigned version = take_u8(input) % 4;
    const bool disrupted = (take_u8(input) & 1) != 0;
    const int64_t monotonic_ns = take_instant(input), realtime_ns = take_value(input);
    struct oracle_record record = drafted(draft.layout);
    record.version = version;
    const struct cb_segment_record fields = {
        .generation = record.generation,
        .as_of_sec = record.as_of_s,
        .as_of_nsec = record.as_of_rest_ns,
        .void_after_sec = record.void_after_s,
        .void_after_nsec = record.void_after_rest_ns,
        .bound_ns = record.bound_ns,
        .disruption_marker = record.marker,
        .max_drift_ppb = record.drift_ppb,
        .clock_status = record.status,
        .clock_disruption_support_enabled = record.support,
    };
    struct cb_snapshot snapshot;
    cb_snapshot_make(&snapshot, (uint16_t)version, 0, &fields);
    const struct oracle_answer right = oracle_answer(&record, realtime_ns, monotonic_ns, disrupted);
    struct cb_interval interval, untouched;
    memset(&interval, 0xA5, sizeof interval);
    memcpy(&untouched, &interval, sizeof interval);
    const clockbound_err_kind kind =
        cb_interval_at(&snapshot, realtime_ns, monotonic_ns, disrupted, &interval);
    if (explain)
        fprintf(stderr, "  interval: kind %d, %" PRId64 " to %" PRId64 ", status %d\n", (int)kind,
                interval.earliest_ns, interval.latest_ns, (int)interval.status);
    if (kind != right.kind)
        fail("interval: kind %d; expected %d", (int)kind, (int)right.kind);
    if (kind != CLOCKBOUND_ERR_NONE && memcmp(&untouched, &interval, sizeof interval) != 0)
        fail("interval: failed, and wrote to *interval");
    if (kind == CLOCKBOUND_ERR_NONE &&
        (interval.earliest_ns != right.earliest_ns || interval.latest_ns != right.latest_ns ||
         interval.status != right.status || interval.earliest_ns > interval.latest_ns))
        fail("interval: %" PRId64 " to %" PRId64 ", status %d; expected %" PRId64 " to %" PRId64
             ", status %d",
             interval.earliest_ns, interval.latest_ns, (int)interval.status, (int64_t)right.earliest_ns,
             (int64_t)right.latest_ns, (int)right.status);
    check_young(&snapshot, realtime_ns, monotonic_ns, disrupted, &right);
}

static const struct {
    const char *name;
    void (*take)(struct input *input);
    bool is_call; /* the circumstances that were set up are over after it */
} steps[] = {
    {"field", step_field, false},
    {"good segment", step_good_segment, false},
    {"bytes", step_bytes, false},
    {"length", step_length, false},
    {"age", step_age, false},
    {"place segment", step_place_segment, false},
    {"overwrite segment", step_overwrite_segment, false},
    {"publish", step_publish, false},
    {"half publish", step_half_publish, false},
    {"shrink segment", step_shrink_segment, false},
    {"place page", step_place_page, false},
    {"page field", step_page_field, false},
    {"page length", step_page_length, false},
    {"page bytes", step_page_bytes, false},
    {"overwrite page", step_overwrite_page, false},
    {"shrink page", step_shrink_page, false},
    {"open", step_open, true},
    {"ask at", step_ask_at, true},
    {"ask now", step_ask_now, true},
    {"ask during update", step_ask_during_update, true},
    {"ask during disruption", step_ask_during_disruption, true},
    {"wait", step_wait, false},
    {"exhaust descriptors", step_exhaust_descriptors, false},
    {"exhaust memory", step_exhaust_memory, false},
    {"interval", step_interval, false},
    {"coarse clocks", step_coarse_clocks, false},
    {"break clock", step_break_clock, false},
    {"from bytes", step_from_bytes, true},
    {"ask more", step_ask_more, true},
    {"tai", step_tai, false},
    {"wait after", step_wait_after, true},
    {"wait synchronized", step_wait_synchronized, true},
};
#define STEPS_COUNT (sizeof steps / sizeof steps[0])
/* A fixed number, and new steps at the end of the list, so that old inputs keep their meaning. */
#define STEP_CODES 32
_Static_assert(STEPS_COUNT <= STEP_CODES, "each step has a code");

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    world_begin();
    memset(&circumstances, 0, sizeof circumstances);
    slow_nows_left = SLOW_NOWS_MAX;
    draft_good_segment(2);
    draft_good_page();
    place_file(&segment_place, draft.segment, draft.segment_bytes);
    for (int i = 0; i < STEPS_MAX && !input_is_empty(&input); i++) {
        const size_t step = take_u8(&input) % STEP_CODES;
        if (step >= STEPS_COUNT)
            continue;
        if (explain)
            fprintf(stderr, "%s\n", steps[step].name);
        steps[step].take(&input);
        if (steps[step].is_call)
            memset(&circumstances, 0, sizeof circumstances);
    }
    close_context();
    world_end();
    return 0;
}
