/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader finds around it: files under two paths, clocks, a writer, and memory that can run out. */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a file that can be set; a file may be longer. */
#define FILE_MAPPED_BYTES 4096

enum place_kind { PLACE_GONE, PLACE_FILE, PLACE_DIRECTORY, PLACE_DEVICE };

/* A file in memory. It has no name, so that a crash leaves nothing behind. */
struct file {
    int descriptor;
    size_t size_bytes;
    unsigned char *bytes; /* shared, writable; bytes past the end are 0; not to be touched in an empty file */
};

/* A path and what it names. */
struct place {
    const char *path;
    int descriptor; /* the path is /proc/self/fd/ and this */
    enum place_kind kind;
    struct file *file; /* where kind is PLACE_FILE; it may have had others before */
};

extern struct place segment_place, page_place;

/* Begins and ends one input. The end checks that the reader gave back every descriptor and mapping. */
void world_begin(void);
void world_end(void);

/* Puts another file at the place. False when there have been too many; then nothing changes. */
bool place_file(struct place *place, const unsigned char *bytes, size_t size_bytes);
void place_other(struct place *place, enum place_kind kind);

/* Shortens the file, but never to nothing: see README.md, "Files that are cut to nothing". */
void file_shrink(struct file *file, size_t size_bytes);
/* Makes room for a whole segment again. */
void file_restore(struct file *file);

/* The clocks. A precise reading takes 20 ns and a coarse one 1 ns, or what is set; `pauses` has a bit for
 * each reading that takes 4.1 ms more. */
int64_t clock_monotonic_ns(void);
void clock_wait(int64_t wait_ns);
int64_t clock_realtime_ns(void);
void clock_set_realtime(int64_t realtime_ns);
void clock_step_realtime(int64_t step_ns);
void clock_make_coarse_cost(uint8_t cost_ns);
/* For the readings from here on: which take long, and before which CLOCK_REALTIME is stepped by step_ns. */
void clock_arrange(uint32_t pauses, unsigned step_before, int64_t step_ns);

/* Makes readings of CLOCK_REALTIME fail, or show a time that 64 bits of nanoseconds can't hold. */
enum clock_failure { CLOCK_WORKS, CLOCK_REFUSES, CLOCK_BEYOND_2262 };
void clock_break(enum clock_failure failure);

/* What CLOCK_TAI is ahead by, and before which reading after the next clock_arrange that becomes `next_s`. */
#define NEVER UINT32_MAX
void clock_set_tai(int32_t offset_s, unsigned change_before, int32_t next_s);
/* Has a bit for each reading of CLOCK_TAI from here on before which the reader stands still for 1.1 s. */
void clock_hold_up(uint8_t tai_readings);
/* Whether a reader can't be expected to tell the offset, since clock_arrange. */
bool clock_tai_was_unknown(void);

/* A precise CLOCK_REALTIME reading since clock_arrange, the monotonic time at which it was taken, and what
 * CLOCK_TAI was ahead by. */
struct reading {
    int64_t realtime_ns, monotonic_ns;
    int32_t tai_offset_s;
};
size_t clock_readings(const struct reading **readings);

/* Who says how a sleep until then ends: 0 or EINTR, with the clock moved. NULL: nobody should sleep. */
void clock_arrange_sleeps(int (*sleep_until)(int64_t monotonic_ns));

/* Another process that changes shared memory while the reader reads: one store before the load that comes
 * after so many others. */
struct store {
    void *to;
    unsigned char bytes[4];
    uint8_t size_bytes; /* 1 to 4 */
    uint8_t loads_before; /* since the store before */
};
void writer_arrange(const struct store *stores, size_t count);
/* Takes the steps that are left, or, if it `dies`, doesn't. True if all were taken. */
bool writer_finish(bool dies);

/* The reader's loads since this was last asked. */
size_t loads_take(void);

/* Makes one of the following requests for memory fail, the one after so many others. */
void memory_arrange(unsigned requests_before);
/* Ends that; true if one failed. */
bool memory_finish(void);

/* Fills the table of file descriptors, or frees it. */
void descriptors_exhaust(bool exhausted);

/* Reports what is wrong and aborts. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
