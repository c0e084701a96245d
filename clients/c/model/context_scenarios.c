/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the threads of a context share besides snapshots and clocks: the pointers to the mapped segment and to
 * the VMClock page, and the time of the last look for another. take, now_from_latest, reopen, vmclock_page
 * and may_look of reader.c, as they stand there. In the place of what a mapping points to stands one object
 * for each, which is 1 while it is mapped: whoever follows a pointer must find 1.
 */
#include <stdatomic.h>
#include <stddef.h>

/* Stubs stand in the place of what these headers define. */
#define cb_clocks_read cb_clocks_read_of_library
#define cb_clocks_read_both cb_clocks_read_both_of_library
#define cb_last_good_try cb_last_good_try_of_library
#define cb_segment_generation cb_segment_generation_of_library
#define cb_segment_is_still cb_segment_is_still_of_library
#include "clocks.h"
#include "last_good_pair.h"
#include "segment.h"
#undef cb_clocks_read
#undef cb_clocks_read_both
#undef cb_last_good_try
#undef cb_segment_generation
#undef cb_segment_is_still
static clockbound_err const *cb_clocks_read(struct cb_clocks *clocks, int64_t *realtime_ns,
                                            int64_t *monotonic_ns);
static clockbound_err const *cb_clocks_read_both(struct cb_clocks *clocks, struct timespec *realtime,
                                                 int64_t *realtime_ns, int64_t *monotonic_ns);
static bool cb_last_good_try(const struct cb_last_good *last_good, struct cb_snapshot *snapshot);
static uint16_t cb_segment_generation(const struct cb_segment *segment);
static bool cb_segment_is_still(const struct cb_segment *segment, const struct cb_snapshot *snapshot);

#include "reader.c"

#define MAPPINGS_MAX 3
#define MOVERS 3u       /* threads 0 and 1, as bits */
#define READER_LOOKS_AT /* so early that it never may look */ (INT64_MIN / 2)

/* Of the thread that runs; set anew at the beginning of each phase. */
static unsigned self;
static int64_t self_ns;

static struct cb_segment segments[MAPPINGS_MAX];
static struct cb_vmclock_page pages[MAPPINGS_MAX];

/* The paths lie before the shared memory, all the rest in it. */
static clockbound_ctx *context(void)
{
    return (clockbound_ctx *)(model_shared() - offsetof(clockbound_ctx, segment));
}

static _Atomic uint32_t *is_mapped(size_t mapping)
{
    return (_Atomic uint32_t *)(model_shared() + 2048) + mapping;
}

static void map(size_t mapping)
{
    atomic_store_explicit(is_mapped(mapping), 1, memory_order_relaxed);
}

static void unmap(size_t mapping)
{
    atomic_store_explicit(is_mapped(mapping), 0, memory_order_relaxed);
}

static void use(size_t mapping)
{
    model_require(atomic_load_explicit(is_mapped(mapping), memory_order_relaxed) == 1,
                  "a pointer was followed to what isn't mapped");
}

/* In the place of clocks.c, segment.c, interval.c, last_good.c and last_good_pair.c. */

static clockbound_err const *cb_clocks_read(struct cb_clocks *clocks, int64_t *realtime_ns,
                                            int64_t *monotonic_ns)
{
    (void)clocks;
    *realtime_ns = *monotonic_ns = self_ns;
    return NULL;
}

static clockbound_err const *cb_clocks_read_both(struct cb_clocks *clocks, struct timespec *realtime,
                                                 int64_t *realtime_ns, int64_t *monotonic_ns)
{
    *realtime = (struct timespec){0};
    return cb_clocks_read(clocks, realtime_ns, monotonic_ns);
}

struct cb_segment *cb_segment_map(const char *path, const struct cb_segment *current, bool *same,
                                  clockbound_err *err)
{
    (void)path, (void)err;
    use((size_t)(current - segments));
    *same = false;
    map(self + 1);
    return &segments[self + 1];
}

void cb_segment_unmap(struct cb_segment *segment)
{
    unmap((size_t)(segment - segments));
}

bool cb_segment_snapshot(const struct cb_segment *segment, int attempts, struct cb_snapshot *snapshot)
{
    (void)attempts;
    use((size_t)(segment - segments));
    snapshot->serial = (uint16_t)(segment - segments);
    return true;
}

/* Whatever was kept is still there, wherever that is. */
static bool cb_last_good_try(const struct cb_last_good *last_good, struct cb_snapshot *snapshot)
{
    (void)last_good;
    memset(snapshot, 0, sizeof *snapshot);
    return true;
}

static bool cb_segment_is_still(const struct cb_segment *segment, const struct cb_snapshot *snapshot)
{
    (void)snapshot;
    use((size_t)(segment - segments));
    return true;
}

struct cb_vmclock_page *cb_vmclock_map(const char *path, clockbound_err *err)
{
    (void)path, (void)err;
    map(self + 1);
    return &pages[self + 1];
}

void cb_vmclock_unmap(struct cb_vmclock_page *page)
{
    unmap((size_t)(page - pages));
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
NEVER(static uint16_t cb_segment_generation(const struct cb_segment *segment), (void)segment)
NEVER(void cb_last_good_keep(struct cb_last_good *last_good, const struct cb_snapshot *snapshot),
      (void)last_good, (void)snapshot)
NEVER(void cb_last_good_pair_keep(struct cb_last_good_pair *pair, const struct cb_snapshot *snapshot),
      (void)pair, (void)snapshot)
NEVER(bool cb_vmclock_marker(const struct cb_vmclock_page *page, uint64_t *marker), (void)page, (void)marker)
NEVER(bool cb_last_good_pair_recall(const struct cb_last_good_pair *pair, struct cb_snapshot *snapshot),
      (void)pair, (void)snapshot)
NEVER(clockbound_err_kind cb_interval_at(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                         int64_t monotonic_ns, bool disrupted, struct cb_interval *interval),
      (void)snapshot, (void)realtime_ns, (void)monotonic_ns, (void)disrupted, (void)interval)
NEVER(void cb_fail(clockbound_err *err, clockbound_err_kind kind, int sys_errno, const char *detail),
      (void)err, (void)kind, (void)sys_errno, (void)detail)

static void declare_mappings(uint32_t first)
{
    static const char *const names[MAPPINGS_MAX] = {"mapping 0", "mapping 1", "mapping 2"};
    for (size_t i = 0; i < MAPPINGS_MAX; i++)
        model_location(is_mapped(i), sizeof(uint32_t), names[i], i == 0 ? first : 0, MOVERS);
}

static void a_segment(void)
{
    declare_mappings(1);
    model_location(&context()->segment, sizeof context()->segment, "segment", (uintptr_t)&segments[0],
                   MOVERS);
    model_location(&context()->segment_looked_ns, sizeof(int64_t), "time of the last look",
                   (uint64_t)-CB_REOPEN_INTERVAL_NS, MOVERS);
    model_location(&context()->stuck_key, sizeof(uint32_t), "stuck key", NO_KEY, 0);
}

static void no_page_yet(void)
{
    declare_mappings(0);
    model_location(&context()->vmclock, sizeof context()->vmclock, "page", 0, MOVERS);
    model_location(&context()->vmclock_looked_ns, sizeof(int64_t), "time of the last look",
                   (uint64_t)-CB_REOPEN_INTERVAL_NS, MOVERS);
}

static void reach_mapping(size_t mapping)
{
    static const char *const labels[MAPPINGS_MAX] = {"mapping 0", "mapping 1", "mapping 2"};
    model_reach(labels[mapping]);
}

static void use_segment(void)
{
    struct cb_snapshot snapshot;
    take(context(), &snapshot);
    reach_mapping(snapshot.serial);
}

static void use_segment_briefly(void)
{
    struct cb_interval interval;
    struct timespec realtime;
    now_from_latest(context(), &realtime, &interval);
}

static void use_page(void)
{
    const struct cb_vmclock_page *page = vmclock_page(context());
    if (page == NULL) {
        model_reach("no page");
        return;
    }
    use((size_t)(page - pages));
    reach_mapping((size_t)(page - pages));
}

/* A mover looks for another, and then uses what there is. */
#define THREAD(name, number, time_ns, ...)                                                                   \
    static uint64_t name(unsigned phase, uint64_t carried)                                                   \
    {                                                                                                        \
        self = number;                                                                                       \
        self_ns = time_ns;                                                                                   \
        (void)phase;                                                                                         \
        __VA_ARGS__;                                                                                         \
        return carried;                                                                                      \
    }
THREAD(move_segment_1, 0, INT64_C(10000000000), reopen(context()); use_segment())
THREAD(move_segment_2, 1, INT64_C(20000000000), reopen(context()); use_segment())
THREAD(read_segment, 2, READER_LOOKS_AT, use_segment())
THREAD(read_segment_briefly, 2, READER_LOOKS_AT, use_segment_briefly())
THREAD(map_page_1, 0, INT64_C(10000000000), use_page())
THREAD(map_page_2, 1, INT64_C(20000000000), use_page())
THREAD(read_page, 2, READER_LOOKS_AT, use_page())

/* At the same time. */
THREAD(look_1, 0, INT64_C(10000000000), carried += may_look(context(), &context()->segment_looked_ns))
THREAD(look_2, 1, INT64_C(10000000000), carried += may_look(context(), &context()->segment_looked_ns))

static void one_has_looked(const uint64_t carried[])
{
    model_require(carried[0] + carried[1] == 1, "not one thread alone looked");
}

const struct model_scenario model_scenarios[] = {
    {"the segment's file is replaced, twice perhaps",
     a_segment,
     {{"mover 1", move_segment_1, 1}, {"mover 2", move_segment_2, 1}, {"reader", read_segment, 2}},
     NULL,
     {"mapping 0", "mapping 1", "mapping 2"}},
    {"the segment's file is replaced while it is still asked about",
     a_segment,
     {{"mover 1", move_segment_1, 1}, {"mover 2", move_segment_2, 1}, {"reader", read_segment_briefly, 2}},
     NULL,
     {"mapping 0", "mapping 1", "mapping 2"}},
    {"two threads map the page",
     no_page_yet,
     {{"mapper 1", map_page_1, 1}, {"mapper 2", map_page_2, 1}, {"reader", read_page, 2}},
     NULL,
     {"no page", "mapping 1", "mapping 2"}},
    {"two threads look at the same time",
     a_segment,
     {{"reader 1", look_1, 2}, {"reader 2", look_2, 2}},
     one_has_looked,
     {NULL}},
    {.name = NULL},
};
