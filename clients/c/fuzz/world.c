/* SPDX-License-Identifier: Apache-2.0 */
#define HOOKS_KEEP_NAMES
#include "world.h"
#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_MAX 64
/* Theirs are from here on, so that the lowest free descriptor tells whether the reader left one open. */
#define FILES_DESCRIPTOR 300
#define TICK_NS INT64_C(4000000)
#define READINGS_MAX 64
#define HELD_UP_NS INT64_C(1100000000)

/* Numbers that nothing else uses, and below the usual limit of 1024. */
struct place segment_place = {"/proc/self/fd/200", 200, PLACE_GONE, NULL};
struct place page_place = {"/proc/self/fd/201", 201, PLACE_GONE, NULL};

static struct file files[FILES_MAX];
static size_t files_count;
static int lowest_free_descriptor; /* at the beginning of the input */
static int mappings_count;         /* of the reader */

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("PROPERTY BROKEN: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

/* Something that isn't the reader's fault. */
static void must(bool condition, const char *what)
{
    if (!condition) {
        perror(what);
        exit(2);
    }
}

static int find_lowest_free_descriptor(void)
{
    const int descriptor = fcntl(STDERR_FILENO, F_DUPFD, 3);
    must(descriptor >= 0, "F_DUPFD");
    close(descriptor);
    return descriptor;
}

/* Files */

static void put(struct place *place, int descriptor)
{
    must(dup2(descriptor, place->descriptor) >= 0, "dup2");
}

bool place_file(struct place *place, const unsigned char *bytes, size_t size_bytes)
{
    if (files_count == FILES_MAX)
        return false;
    struct file *file = &files[files_count++];
    const int descriptor = memfd_create("clockbound-fuzz", MFD_CLOEXEC);
    must(descriptor >= 0, "memfd_create");
    file->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, FILES_DESCRIPTOR);
    must(file->descriptor >= 0, "F_DUPFD_CLOEXEC");
    close(descriptor);
    must(ftruncate(file->descriptor, (off_t)size_bytes) == 0, "ftruncate");
    file->size_bytes = size_bytes;
    void *mapped = mmap(NULL, FILE_MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, 0);
    must(mapped != MAP_FAILED, "mmap");
    file->bytes = (unsigned char *)mapped;
    if (size_bytes > 0)
        memcpy(file->bytes, bytes, size_bytes < FILE_MAPPED_BYTES ? size_bytes : FILE_MAPPED_BYTES);
    place->kind = PLACE_FILE;
    place->file = file;
    put(place, file->descriptor);
    return true;
}

void place_other(struct place *place, enum place_kind kind)
{
    close(place->descriptor);
    place->kind = kind;
    place->file = NULL;
    if (kind != PLACE_GONE) {
        const int descriptor = open(kind == PLACE_DIRECTORY ? "/" : "/dev/zero", O_RDONLY | O_CLOEXEC);
        must(descriptor >= 0, "open");
        put(place, descriptor);
        close(descriptor);
    }
}

void file_shrink(struct file *file, size_t size_bytes)
{
    if (size_bytes == 0 || size_bytes >= file->size_bytes)
        return;
    must(ftruncate(file->descriptor, (off_t)size_bytes) == 0, "ftruncate");
    file->size_bytes = size_bytes;
}

void file_restore(struct file *file)
{
    if (file->size_bytes < FILE_MAPPED_BYTES) {
        must(ftruncate(file->descriptor, FILE_MAPPED_BYTES) == 0, "ftruncate");
        file->size_bytes = FILE_MAPPED_BYTES;
    }
}

void descriptors_exhaust(bool exhausted)
{
    static rlim_t usual;
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    if (exhausted)
        usual = limit.rlim_cur;
    limit.rlim_cur = exhausted ? 0 : usual;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
}

/* Clocks */

static struct {
    int64_t monotonic_ns;
    int64_t offset_ns; /* realtime - monotonic */
    int64_t stepped_ns; /* the monotonic time of the last step */
    int64_t coarse_cost_ns;
    enum clock_failure failure;
    uint32_t pauses;
    unsigned reads_count;
    unsigned step_before;
    int64_t step_ns;
    int32_t tai_offset_s, tai_next_s;
    unsigned tai_change_before;
    bool tai_was_unknown;
    uint8_t held_up;
    struct reading readings[READINGS_MAX];
    size_t readings_count;
    int (*sleep_until)(int64_t monotonic_ns);
} clocks;

int64_t clock_monotonic_ns(void)
{
    return clocks.monotonic_ns;
}

void clock_wait(int64_t wait_ns)
{
    clocks.monotonic_ns += wait_ns;
}

/* The kernel brings its clocks up to the moment for a step, as it does at a tick. */
static void set_offset(int64_t offset_ns)
{
    clocks.stepped_ns = clocks.monotonic_ns;
    clocks.offset_ns = offset_ns;
}

/* CLOCK_MONOTONIC_COARSE: the time of the last tick or step. */
static int64_t coarse_monotonic_ns(void)
{
    const int64_t tick_ns = clocks.monotonic_ns - clocks.monotonic_ns % TICK_NS;
    return tick_ns > clocks.stepped_ns ? tick_ns : clocks.stepped_ns;
}

int64_t clock_realtime_ns(void)
{
    return clocks.monotonic_ns + clocks.offset_ns;
}

void clock_set_realtime(int64_t realtime_ns)
{
    set_offset(realtime_ns - clocks.monotonic_ns);
}

void clock_step_realtime(int64_t step_ns)
{
    set_offset(clocks.offset_ns + step_ns);
}

void clock_break(enum clock_failure failure)
{
    clocks.failure = failure;
}

void clock_make_coarse_cost(uint8_t cost_ns)
{
    clocks.coarse_cost_ns = 1 + cost_ns;
}

void clock_arrange(uint32_t pauses, unsigned step_before, int64_t step_ns)
{
    clocks.pauses = pauses;
    clocks.reads_count = 0;
    clocks.step_before = step_before;
    clocks.step_ns = step_ns;
    clocks.readings_count = 0;
    clocks.tai_was_unknown = clocks.tai_offset_s <= 0;
}

/* The kernel says 0 when it doesn't know; TAI was never behind. */
static void set_tai_offset(int32_t offset_s)
{
    clocks.tai_offset_s = offset_s;
    if (offset_s <= 0)
        clocks.tai_was_unknown = true;
}

void clock_set_tai(int32_t offset_s, unsigned change_before, int32_t next_s)
{
    clocks.tai_change_before = change_before;
    clocks.tai_next_s = next_s;
    set_tai_offset(offset_s);
}

void clock_hold_up(uint8_t tai_readings)
{
    clocks.held_up = tai_readings;
    if (tai_readings != 0)
        clocks.tai_was_unknown = true;
}

bool clock_tai_was_unknown(void)
{
    return clocks.tai_was_unknown;
}

size_t clock_readings(const struct reading **readings)
{
    *readings = clocks.readings;
    return clocks.readings_count;
}

void clock_arrange_sleeps(int (*sleep_until)(int64_t monotonic_ns))
{
    clocks.sleep_until = sleep_until;
}

int cb_fuzz_clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    (void)left;
    if (clock != CLOCK_MONOTONIC || flags != TIMER_ABSTIME)
        fail("the reader sleeps by clock %d, with flags %d: a signal or a step could make that longer",
             (int)clock, flags);
    if (until->tv_sec < 0 || until->tv_nsec < 0 || until->tv_nsec > 999999999)
        fail("the reader sleeps until %lld s and %ld ns", (long long)until->tv_sec, until->tv_nsec);
    if (clocks.sleep_until == NULL)
        fail("the reader sleeps in a call that isn't a wait");
    return clocks.sleep_until((int64_t)until->tv_sec * 1000000000 + until->tv_nsec);
}

int cb_fuzz_clock_gettime(clockid_t clock, struct timespec *reading)
{
    const bool coarse = clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_REALTIME_COARSE;
    clocks.monotonic_ns += (coarse ? clocks.coarse_cost_ns : 20) + (clocks.pauses & 1) * INT64_C(4100000);
    clocks.pauses >>= 1;
    if (clock == CLOCK_TAI) {
        clocks.monotonic_ns += (clocks.held_up & 1) * HELD_UP_NS;
        clocks.held_up >>= 1;
    }
    if (clocks.reads_count == clocks.tai_change_before)
        set_tai_offset(clocks.tai_next_s);
    if (clocks.reads_count++ == clocks.step_before && clocks.step_ns != 0)
        set_offset(clocks.offset_ns + clocks.step_ns);

    int64_t ns = coarse ? coarse_monotonic_ns() : clocks.monotonic_ns;
    if (!coarse && clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_TAI)
        fail("the reader reads clock %d, which the fuzzer doesn't know", (int)clock);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)
        ns += clocks.offset_ns;
    if (clock == CLOCK_REALTIME && clocks.readings_count < READINGS_MAX)
        clocks.readings[clocks.readings_count++] =
            (struct reading){ns, clocks.monotonic_ns, clocks.tai_offset_s};
    if (clock == CLOCK_TAI)
        ns += clocks.tai_offset_s * INT64_C(1000000000);
    reading->tv_sec = (time_t)(ns / 1000000000);
    reading->tv_nsec = (long)(ns % 1000000000);
    if (reading->tv_nsec < 0) { /* the fuzzer's clock may be stepped to before 1970 */
        reading->tv_sec -= 1;
        reading->tv_nsec += 1000000000;
    }
    if (clock == CLOCK_REALTIME && clocks.failure == CLOCK_BEYOND_2262)
        reading->tv_sec = (time_t)INT64_C(9223372037);
    if (clock == CLOCK_REALTIME && clocks.failure == CLOCK_REFUSES) {
        errno = EPERM; /* as under a seccomp filter */
        return -1;
    }
    return 0;
}

/* The writer */

static const struct store *stores;
static size_t stores_count, stores_done;
static unsigned loads_since_store;
static size_t loads_count;

static void store_next(void)
{
    const struct store *store = &stores[stores_done++];
    memcpy(store->to, store->bytes, store->size_bytes);
    loads_since_store = 0;
}

void cb_fuzz_before_load(const volatile void *object, size_t size)
{
    if ((uintptr_t)object % size != 0)
        fail("the reader loads %zu bytes from a place where not every machine can", size);
    while (stores_done < stores_count && loads_since_store >= stores[stores_done].loads_before)
        store_next();
    loads_since_store++;
    loads_count++;
}

size_t loads_take(void)
{
    const size_t taken = loads_count;
    loads_count = 0;
    return taken;
}

void writer_arrange(const struct store *arranged, size_t count)
{
    stores = arranged;
    stores_count = count;
    stores_done = 0;
    loads_since_store = 0;
}

bool writer_finish(bool dies)
{
    while (!dies && stores_done < stores_count)
        store_next();
    const bool finished = stores_done == stores_count;
    stores_count = stores_done = 0;
    return finished;
}

/* Memory */

static bool memory_limited, memory_failed;
static unsigned requests_left;

static bool refuse(void)
{
    if (!memory_limited || requests_left-- > 0)
        return false;
    memory_limited = false;
    memory_failed = true;
    errno = ENOMEM;
    return true;
}

void memory_arrange(unsigned requests_before)
{
    memory_limited = true;
    memory_failed = false;
    requests_left = requests_before;
}

bool memory_finish(void)
{
    const bool failed = memory_failed;
    memory_limited = memory_failed = false;
    return failed;
}

void *cb_fuzz_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
    if (refuse())
        return MAP_FAILED;
    void *mapped = mmap(address, size, protection, flags, descriptor, offset);
    if (mapped != MAP_FAILED)
        mappings_count++;
    return mapped;
}

int cb_fuzz_munmap(void *address, size_t size)
{
    mappings_count--;
    return munmap(address, size);
}

void *cb_fuzz_malloc(size_t size)
{
    return refuse() ? NULL : malloc(size);
}

void *cb_fuzz_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : calloc(count, size);
}

char *cb_fuzz_strdup(const char *text)
{
    return refuse() ? NULL : strdup(text);
}

void world_begin(void)
{
    lowest_free_descriptor = find_lowest_free_descriptor();
    mappings_count = 0;
    files_count = 0;
    place_other(&segment_place, PLACE_GONE);
    place_other(&page_place, PLACE_GONE);
    /* Ten days after the machine was started, some time in 2023. */
    memset(&clocks, 0, sizeof clocks);
    clocks.coarse_cost_ns = 1;
    clocks.monotonic_ns = INT64_C(864000) * 1000000000 + 123456789;
    clock_set_realtime(INT64_C(1700000000) * 1000000000);
    clock_arrange(0, 0, 0);
    clock_set_tai(37, NEVER, 37);
}

void world_end(void)
{
    for (size_t i = 0; i < files_count; i++) {
        must(munmap(files[i].bytes, FILE_MAPPED_BYTES) == 0, "munmap");
        close(files[i].descriptor);
    }
    place_other(&segment_place, PLACE_GONE);
    place_other(&page_place, PLACE_GONE);
    if (mappings_count != 0)
        fail("the reader left %d mappings behind", mappings_count);
    if (find_lowest_free_descriptor() != lowest_free_descriptor)
        fail("the reader left a file descriptor open");
}
