/* SPDX-License-Identifier: Apache-2.0 */
/* A segment that a measurement publishes itself, so that it needs no daemon. */
#ifndef SEGMENT_FILE_H
#define SEGMENT_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clockbound.h"
#include "segment_layout.h"
#include "seqlock.h"

#if defined(__clang__)
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif

struct segment_file {
    char path[48];
    unsigned char *bytes; /* mapped for writing */
};

static inline int64_t monotonic_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * CB_NANOSECONDS_PER_SECOND + time.tv_nsec;
}

/* An empty file of a page in memory. Exits where there can be none. */
static inline struct segment_file new_file(void)
{
    struct segment_file file = {.path = "/dev/shm/clockbound-bench-XXXXXX"};
    const int descriptor = mkstemp(file.path);
    if (descriptor < 0 || ftruncate(descriptor, 4096) != 0) {
        perror(file.path);
        exit(2);
    }
    file.bytes = (unsigned char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (file.bytes == MAP_FAILED) {
        perror(file.path);
        exit(2);
    }
    return file;
}

/* Removes the file's name. It stays mapped to the end. */
static inline void delete_path(const struct segment_file *file)
{
    unlink(file->path);
}

/* What a daemon publishes that measured age_ns ago. */
static inline struct cb_segment_record record_of_age(int64_t age_ns)
{
    const int64_t as_of_ns = monotonic_ns() - age_ns;
    return (struct cb_segment_record){.generation = 2,
                                      .as_of_sec = as_of_ns / CB_NANOSECONDS_PER_SECOND,
                                      .as_of_nsec = as_of_ns % CB_NANOSECONDS_PER_SECOND,
                                      .void_after_sec = as_of_ns / CB_NANOSECONDS_PER_SECOND + 1000,
                                      .void_after_nsec = as_of_ns % CB_NANOSECONDS_PER_SECOND,
                                      .bound_ns = 250000,
                                      .max_drift_ppb = 50000,
                                      .clock_status = CLOCKBOUND_STA_SYNCHRONIZED};
}

/* Publishes as a daemon does, in layout 1 or 2. */
static inline void publish(const struct segment_file *file, uint16_t version,
                           const struct cb_segment_record *record)
{
    unsigned char bytes[CB_SEGMENT_V2_SIZE_BYTES];
    const size_t header_bytes = CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES;
    const size_t size_bytes =
        version == CB_SEGMENT_V1_VERSION ? CB_SEGMENT_V1_SIZE_BYTES : CB_SEGMENT_V2_SIZE_BYTES;
    if (version == CB_SEGMENT_V1_VERSION)
        cb_segment_v1_store(bytes, record);
    else
        cb_segment_v2_store(bytes, record);
    if (cb_segment_v2_load_generation(file->bytes) == 0)
        memcpy(file->bytes, bytes, CB_SEGMENT_V2_GENERATION_OFFSET_BYTES);
    cb_seqlock_publish(file->bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES, file->bytes + header_bytes,
                       bytes + header_bytes, size_bytes - header_bytes);
}

/* Leaves the segment as a writer does that dies in the middle of an update. */
static inline void die_while_writing(const struct segment_file *file)
{
    const uint16_t generation = cb_segment_v2_load_generation(file->bytes);
    cb_segment_v2_store_generation(file->bytes, (uint16_t)(generation | 1));
}

#endif
