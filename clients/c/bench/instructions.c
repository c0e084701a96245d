/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls each function of the read path in each of its cases, for instructions.py, which counts what happens
 * between measurement_begins() and measurement_ends().
 *
 *     instructions                   prints a line for each measurement, in order: calls, function, case
 *     instructions --compiler        prints what the program was compiled with
 */
#include <clockbound.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "segment_file.h"

#define CALLS 100
#define AGE_NS INT64_C(1000000)
#define OLD_AGE_NS INT64_C(60000000000)

#if defined(__clang__)
#define MAJOR __clang_major__
#else
#define MAJOR __GNUC__
#endif
#if defined(__x86_64__)
#define PROCESSOR "x86_64"
#elif defined(__aarch64__)
#define PROCESSOR "aarch64"
#else
#define PROCESSOR "another"
#endif

/* What the functions are called with. */
static clockbound_ctx *ctx;
static unsigned char segment_bytes[CB_SEGMENT_V2_SIZE_BYTES];
static int64_t realtime_ns, monotonic_reading_ns;
static clockbound_now_result result;
static clockbound_interval interval;
static bool answer;

static clockbound_err const *call_now(void)
{
    return clockbound_now(ctx, &result);
}

static clockbound_err const *call_now_ns(void)
{
    return clockbound_now_ns(ctx, &interval);
}

static clockbound_err const *call_now_at(void)
{
    return clockbound_now_at(ctx, realtime_ns, monotonic_reading_ns, &interval);
}

static clockbound_err const *call_now_within(void)
{
    return clockbound_now_within(ctx, CB_NANOSECONDS_PER_SECOND, &interval);
}

static clockbound_err const *call_now_tai(void)
{
    return clockbound_now_tai(ctx, &interval);
}

static clockbound_err const *call_before(void)
{
    return clockbound_before(ctx, realtime_ns, &answer);
}

static clockbound_err const *call_after(void)
{
    return clockbound_after(ctx, realtime_ns, &answer);
}

static clockbound_err const *call_interval_from_bytes(void)
{
    return clockbound_interval_from_bytes(segment_bytes, sizeof segment_bytes, NULL, 0, realtime_ns,
                                          monotonic_reading_ns, &interval);
}

static const struct function {
    const char *name;
    clockbound_err const *(*call)(void);
    bool needs_only_bytes;
} functions[] = {
    {"clockbound_now", call_now, false},
    {"clockbound_now_ns", call_now_ns, false},
    {"clockbound_now_at", call_now_at, false},
    {"clockbound_before", call_before, false},
    {"clockbound_after", call_after, false},
    {"clockbound_now_within", call_now_within, false},
    {"clockbound_now_tai", call_now_tai, false},
    {"clockbound_interval_from_bytes", call_interval_from_bytes, true},
};
#define FUNCTIONS_COUNT (sizeof functions / sizeof functions[0])

void measurement_begins(void);
void measurement_ends(void);

/* instructions.py finds them by their names. */
__attribute__((noinline)) void measurement_begins(void)
{
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void measurement_ends(void)
{
    __asm__ volatile("" ::: "memory");
}

static void call(const struct function *function, int count)
{
    for (int i = 0; i < count; i++) {
        clockbound_err const *failed = function->call();
        if (failed != NULL) {
            fprintf(stderr, "%s: %s\n", function->name, failed->detail);
            exit(2);
        }
    }
}

static void measure(const struct function *function, int count, const char *the_case)
{
    measurement_begins();
    call(function, count);
    measurement_ends();
    printf("%d %s %s\n", count, function->name, the_case);
}

/* Publishes, and takes what the functions are called with. */
static void publish_and_look(const struct segment_file *file, uint16_t version,
                             const struct cb_segment_record *record)
{
    struct timespec realtime;
    publish(file, version, record);
    memcpy(segment_bytes, file->bytes, sizeof segment_bytes);
    clock_gettime(CLOCK_REALTIME, &realtime);
    realtime_ns = realtime.tv_sec * CB_NANOSECONDS_PER_SECOND + realtime.tv_nsec;
    monotonic_reading_ns = monotonic_ns();
}

/* A segment and a context for it. */
static struct segment_file begin(uint16_t version, const struct cb_segment_record *record,
                                 const char *vmclock_path)
{
    clockbound_err err;
    struct segment_file file = new_file();
    publish_and_look(&file, version, record);
    ctx = clockbound_vmclock_open(file.path, vmclock_path, &err);
    if (ctx == NULL) {
        fprintf(stderr, "%s: %s\n", file.path, err.detail);
        exit(2);
    }
    return file;
}

static void end(const struct segment_file *file)
{
    clockbound_close(ctx);
    delete_path(file);
}

/* The first calls do what is done once: the dynamic linker binds, a snapshot is kept, a look is taken. */
static void measure_all(const char *the_case, bool also_bytes)
{
    for (size_t i = 0; i < FUNCTIONS_COUNT; i++) {
        if (functions[i].needs_only_bytes && !also_bytes)
            continue;
        call(&functions[i], 2);
        measure(&functions[i], CALLS, the_case);
    }
}

static void measure_dead_writer(const struct segment_file *file, const struct cb_segment_record *record)
{
    for (size_t i = 0; i < FUNCTIONS_COUNT; i++) {
        if (functions[i].needs_only_bytes)
            continue;
        publish(file, CB_SEGMENT_V2_VERSION, record);
        call(&functions[i], 2);
        die_while_writing(file);
        measure(&functions[i], 1, "dead writer, first call");
        measure(&functions[i], CALLS, "dead writer, later calls");
        publish(file, CB_SEGMENT_V2_VERSION, record);
        call(&functions[i], 2);
        measure(&functions[i], CALLS, "next writer");
    }
}

static struct segment_file new_vmclock_page(uint64_t marker)
{
    struct segment_file page = new_file();
    cb_vmclock_store(page.bytes,
                     &(struct cb_vmclock){.size = CB_VMCLOCK_SIZE_BYTES, .disruption_marker = marker});
    return page;
}

static void measure_everything(void)
{
    const struct cb_segment_record young = record_of_age(AGE_NS), old = record_of_age(OLD_AGE_NS);
    struct cb_segment_record guarded = young;
    guarded.clock_disruption_support_enabled = 1;
    guarded.disruption_marker = 7;

    struct segment_file file = begin(CB_SEGMENT_V2_VERSION, &young, "");
    measure_all("layout 2", true);
    measure_dead_writer(&file, &young);
    end(&file);

    file = begin(CB_SEGMENT_V1_VERSION, &young, "");
    measure_all("layout 1", true);
    end(&file);

    struct segment_file page = new_vmclock_page(guarded.disruption_marker);
    file = begin(CB_SEGMENT_V2_VERSION, &guarded, page.path);
    measure_all("VMClock page", false);
    end(&file);
    delete_path(&page);

    file = begin(CB_SEGMENT_V2_VERSION, &old, "");
    measure_all("free-running", true);
    end(&file);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--compiler") == 0) {
        printf("%s %s %d %s %s\n", COMPILER, PROCESSOR, MAJOR, BUILD_TYPE, __VERSION__);
        return 0;
    }
    measure_everything();
    return 0;
}
