/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot that is asked again as long as the segment is what it was: now_from_latest, take and keep of
 * reader.c, last_good.c, cb_segment_is_still of segment.h and the seqlock, as they stand there, but with a
 * snapshot of three words, one attempt at each copy, and clocks that cost nothing. A writer publishes
 * meanwhile.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "segment_layout.h"
#include "seqlock.h"

/* In the place of snapshot.h. The number of an update stands in as_of, the generation and the marker. */
#define CLOCKBOUND_SNAPSHOT_H
struct cb_snapshot {
    int64_t as_of_ns;
    uint64_t disruption_marker;
    uint16_t serial;
    uint16_t generation;
    uint16_t unused;
    bool is_in_range, has_disruption_support;
};

/* In the place of interval.h. */
#define CLOCKBOUND_INTERVAL_H
#include "clockbound/types.h"
struct cb_interval {
    int64_t earliest_ns, latest_ns;
    clockbound_clock_status status;
    int64_t age_ns;
};
clockbound_err_kind cb_interval_at(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                   int64_t monotonic_ns, bool disrupted, struct cb_interval *interval);
static bool cb_interval_at_young(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                 int64_t monotonic_ns, bool disrupted, struct cb_interval *interval);

#define cb_clocks_read cb_clocks_read_of_library
#define cb_clocks_read_both cb_clocks_read_both_of_library
#include "clocks.h"
#undef cb_clocks_read
#undef cb_clocks_read_both
static clockbound_err const *cb_clocks_read(struct cb_clocks *clocks, int64_t *realtime_ns,
                                            int64_t *monotonic_ns)
{
    (void)clocks;
    *realtime_ns = *monotonic_ns = 0;
    return NULL;
}

static clockbound_err const *cb_clocks_read_both(struct cb_clocks *clocks, struct timespec *realtime,
                                                 int64_t *realtime_ns, int64_t *monotonic_ns)
{
    *realtime = (struct timespec){0};
    return cb_clocks_read(clocks, realtime_ns, monotonic_ns);
}

#include "last_good.c"
#include "reader.c"

#define WRITER 1u  /* thread 0, as a bit */
#define READERS 6u /* threads 1 and 2 */
#define MARKER 100 /* of update 0 */
#define BODY_WORDS 3

/* What the setup of a scenario settles. */
static struct cb_segment segment;
static uint16_t first_generation;   /* of update 1 */
static bool as_of_stands_still;     /* all updates have the same */
static struct cb_snapshot answered; /* in this phase, by the short way */

/* The paths lie before the shared memory, all the rest in it. */
static clockbound_ctx *context(void)
{
    return (clockbound_ctx *)(model_shared() - offsetof(clockbound_ctx, segment));
}

static unsigned char *segment_bytes(void)
{
    return model_shared() + 2048;
}

static int64_t as_of_of(uint64_t number)
{
    return as_of_stands_still ? 1 : (int64_t)number;
}

static struct cb_snapshot snapshot_of(uint64_t number)
{
    struct cb_snapshot snapshot;
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.as_of_ns = as_of_of(number);
    snapshot.disruption_marker = MARKER + number;
    snapshot.serial = segment.serial;
    snapshot.generation = (uint16_t)(first_generation + 2 * (number - 1));
    snapshot.is_in_range = true;
    return snapshot;
}

/* Seconds and nanoseconds of as_of, and the marker in the place of what comes after them. */
static void body_of(uint64_t number, cb_word body[BODY_WORDS])
{
    body[0] = 0;
    body[1] = (cb_word)as_of_of(number);
    body[2] = (cb_word)(MARKER + number);
}

static uint64_t publish(unsigned phase, uint64_t carried)
{
    cb_word body[BODY_WORDS];
    body_of(phase + 2, body);
    cb_seqlock_publish(segment_bytes() + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES,
                       segment_bytes() + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES, body, sizeof body);
    return carried;
}

/* In the place of segment.c and interval.c. */

bool cb_segment_snapshot(const struct cb_segment *from, int attempts, struct cb_snapshot *snapshot)
{
    cb_word body[BODY_WORDS];
    uint16_t generation;
    if (attempts != 1 ||
        !cb_seqlock_read(from->bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES,
                         from->bytes + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES, body, sizeof body, &generation))
        return false;
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->as_of_ns = (int64_t)(body[0] * (cb_word)CB_NANOSECONDS_PER_SECOND + body[1]);
    snapshot->disruption_marker = body[2];
    snapshot->serial = from->serial;
    snapshot->generation = generation;
    snapshot->is_in_range = true;
    return true;
}

static bool cb_interval_at_young(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                 int64_t monotonic_ns, bool disrupted, struct cb_interval *interval)
{
    (void)realtime_ns, (void)monotonic_ns, (void)disrupted, (void)interval;
    answered = *snapshot;
    return true;
}

/* Of no matter here. */
void cb_last_good_pair_keep(struct cb_last_good_pair *pair, const struct cb_snapshot *snapshot)
{
    (void)pair, (void)snapshot;
}

/* No thread comes here. */
#define NEVER(declaration, ...)                                                                              \
    declaration                                                                                              \
    {                                                                                                        \
        __VA_ARGS__;                                                                                         \
        machine_stop("a scenario that isn't there");                                                         \
    }
_Noreturn void machine_stop(const char *why);
NEVER(void cb_clocks_init(struct cb_clocks *clocks), (void)clocks)
NEVER(clockbound_err const *cb_clocks_tai_offset(int64_t *ns), (void)ns)
NEVER(struct cb_segment *cb_segment_map(const char *path, const struct cb_segment *current, bool *same,
                                        clockbound_err *err),
      (void)path, (void)current, (void)same, (void)err)
NEVER(void cb_segment_unmap(struct cb_segment *unmapped), (void)unmapped)
NEVER(struct cb_vmclock_page *cb_vmclock_map(const char *path, clockbound_err *err), (void)path, (void)err)
NEVER(void cb_vmclock_unmap(struct cb_vmclock_page *page), (void)page)
NEVER(bool cb_vmclock_marker(const struct cb_vmclock_page *page, uint64_t *marker), (void)page, (void)marker)
NEVER(bool cb_last_good_pair_recall(const struct cb_last_good_pair *pair, struct cb_snapshot *snapshot),
      (void)pair, (void)snapshot)
NEVER(clockbound_err_kind cb_interval_at(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                         int64_t monotonic_ns, bool disrupted, struct cb_interval *interval),
      (void)snapshot, (void)realtime_ns, (void)monotonic_ns, (void)disrupted, (void)interval)
NEVER(void cb_fail(clockbound_err *err, clockbound_err_kind kind, int sys_errno, const char *detail),
      (void)err, (void)kind, (void)sys_errno, (void)detail)

/* The segment after update 1, and a context that has kept `kept`, or nothing. */
static void declare(const struct cb_snapshot *kept)
{
    static const char *const words[] = {"kept as_of", "kept marker", "kept key"};
    static const char *const body_words[] = {"as_of seconds", "as_of nanoseconds", "marker"};
    struct cb_last_good *latest = &context()->latest;
    union {
        struct cb_snapshot snapshot;
        cb_word words[sizeof(struct cb_snapshot) / sizeof(cb_word)];
    } initial;
    cb_word body[BODY_WORDS];
    memset(&initial, 0, sizeof initial);
    if (kept != NULL)
        initial.snapshot = *kept;
    model_location(&context()->segment, sizeof context()->segment, "segment", (uintptr_t)&segment, 0);
    model_location(&context()->stuck_key, sizeof(uint32_t), "stuck key", NO_KEY, READERS);
    model_location(&latest->key, sizeof latest->key, "key",
                   (uint32_t)initial.snapshot.serial << 16 | initial.snapshot.generation, READERS);
    model_location(&latest->cell.sequence, sizeof latest->cell.sequence, "sequence", kept != NULL ? 2 : 0,
                   READERS);
    for (size_t i = 0; i < sizeof initial / sizeof(cb_word); i++)
        model_location(&latest->cell.words[i], sizeof(cb_word), words[i], initial.words[i], READERS);
    segment.bytes = segment_bytes();
    model_location(segment_bytes() + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES, sizeof(uint16_t), "generation",
                   first_generation, WRITER);
    body_of(1, body);
    for (size_t i = 0; i < BODY_WORDS; i++)
        model_location(segment_bytes() + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES + i * sizeof(cb_word),
                       sizeof(cb_word), body_words[i], body[i], WRITER);
}

static void begin(uint16_t generation, bool stands_still)
{
    segment.serial = 0;
    first_generation = generation;
    as_of_stands_still = stands_still;
}

static void holds_1(void)
{
    begin(2, false);
    const struct cb_snapshot kept = snapshot_of(1);
    declare(&kept);
}

/* A daemon that knows nothing new says the same as_of again. */
static void holds_nothing_and_as_of_stands_still(void)
{
    begin(2, true);
    declare(NULL);
}

/* One that has all that the segment has, but for one thing. */
enum difference { OTHER_AS_OF, OTHER_FILE };
static void declare_other(enum difference difference)
{
    begin(2, false);
    segment.serial = 1;
    struct cb_snapshot kept = snapshot_of(1);
    kept.disruption_marker = 0;
    if (difference == OTHER_AS_OF)
        kept.as_of_ns = 9; /* 32,767 updates ago, or before somebody began the file anew */
    else
        kept.serial = 0;
    declare(&kept);
}

static void holds_other_as_of(void)
{
    declare_other(OTHER_AS_OF);
}

static void holds_other_file(void)
{
    declare_other(OTHER_FILE);
}

/* Asks as clockbound_now() does. Carries the newest update that an answer came from. */
static uint64_t ask_once(unsigned phase, uint64_t newest)
{
    (void)phase;
    static const char *const briefly[] = {"", "update 1, briefly", "update 2, briefly", "update 3, briefly"};
    static const char *const whole[] = {"", "update 1", "update 2", "update 3"};
    struct cb_interval interval;
    struct timespec realtime;
    struct cb_snapshot snapshot;
    const bool is_brief = now_from_latest(context(), &realtime, &interval);
    if (is_brief)
        snapshot = answered;
    else if (take(context(), &snapshot))
        keep(context(), &snapshot);
    else
        return newest;
    const uint64_t number = snapshot.disruption_marker - MARKER;
    model_require(number >= 1 && number <= 3, "an answer came from what the segment didn't hold");
    const struct cb_snapshot right = snapshot_of(number);
    model_require(memcmp(&right, &snapshot, sizeof right) == 0, "a torn snapshot was asked");
    model_require(number >= newest, "an answer came from an older snapshot than the one before");
    model_reach(is_brief ? briefly[number] : whole[number]);
    return number;
}

const struct model_scenario model_scenarios[] = {
    {"an update",
     holds_1,
     {{"writer", publish, 1}, {"reader 1", ask_once, 2}, {"reader 2", ask_once, 1}},
     NULL,
     {"update 1", "update 2", "update 1, briefly", "update 2, briefly"}},
    {"two updates",
     holds_1,
     {{"writer", publish, 2}, {"reader", ask_once, 3}},
     NULL,
     {"update 2", "update 3", "update 1, briefly", "update 2, briefly", "update 3, briefly"}},
    {"an update that doesn't change as_of",
     holds_nothing_and_as_of_stands_still,
     {{"writer", publish, 1}, {"reader 1", ask_once, 2}, {"reader 2", ask_once, 1}},
     NULL,
     {"update 1", "update 2", "update 1, briefly", "update 2, briefly"}},
    {"a snapshot of another as_of",
     holds_other_as_of,
     {{"writer", publish, 1}, {"reader", ask_once, 2}},
     NULL,
     {"update 1", "update 2", "update 2, briefly"}},
    {"a snapshot of another file",
     holds_other_file,
     {{"writer", publish, 1}, {"reader", ask_once, 2}},
     NULL,
     {"update 1", "update 2", "update 1, briefly", "update 2, briefly"}},
    {.name = NULL},
};
