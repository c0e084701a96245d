/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and VMClock pages in files of the test's own. files_begin() first, files_end() last. */
#ifndef FILES_H
#define FILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clockbound.h"
#include "segment_layout.h"
#include "seqlock.h"

#define S INT64_C(1000000000)
#define MS INT64_C(1000000)

static char files_folder[] = "/tmp/clockbound-test-XXXXXX";
static char segment_path[64], page_path[64];

static inline void files_begin(void)
{
    if (mkdtemp(files_folder) == NULL) {
        perror(files_folder);
        exit(2);
    }
    snprintf(segment_path, sizeof segment_path, "%s/shm0", files_folder);
    snprintf(page_path, sizeof page_path, "%s/vmclock0", files_folder);
}

static inline void files_end(void)
{
    unlink(segment_path);
    unlink(page_path);
    rmdir(files_folder);
}

/* As of second 100 of the monotonic clock, for 1000 s: 1 ms, which grows by 50 us a second; SYNCHRONIZED. */
static inline struct cb_segment_record good(void)
{
    return (struct cb_segment_record){.generation = 2,
                                      .as_of_sec = 100,
                                      .void_after_sec = 1100,
                                      .bound_ns = 1000000,
                                      .max_drift_ppb = 50000,
                                      .clock_status = CLOCKBOUND_STA_SYNCHRONIZED};
}

static inline struct cb_segment_record with_disruption_support(uint64_t marker)
{
    struct cb_segment_record record = good();
    record.clock_disruption_support_enabled = 1;
    record.disruption_marker = marker;
    return record;
}

static inline void write_file(const char *path, const void *bytes, size_t size_bytes)
{
    unlink(path); /* never truncate what a context may have mapped */
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (descriptor < 0 || write(descriptor, bytes, size_bytes) != (ssize_t)size_bytes ||
        close(descriptor) != 0) {
        perror(path);
        exit(2);
    }
}

static inline void write_v1(const struct cb_segment_record *record)
{
    unsigned char bytes[CB_SEGMENT_V1_SIZE_BYTES];
    cb_segment_v1_store(bytes, record);
    write_file(segment_path, bytes, sizeof bytes);
}

static inline void write_v2(const struct cb_segment_record *record)
{
    unsigned char bytes[CB_SEGMENT_V2_SIZE_BYTES];
    cb_segment_v2_store(bytes, record);
    write_file(segment_path, bytes, sizeof bytes);
}

static inline void store_page(unsigned char page[CB_VMCLOCK_SIZE_BYTES], uint64_t marker)
{
    memset(page, 0, CB_VMCLOCK_SIZE_BYTES);
    cb_vmclock_store_magic(page, CB_VMCLOCK_MAGIC);
    cb_vmclock_store_size(page, CB_VMCLOCK_SIZE_BYTES);
    cb_vmclock_store_version(page, CB_VMCLOCK_VERSION);
    cb_vmclock_store_disruption_marker(page, marker);
}

static inline void write_page(uint64_t marker)
{
    unsigned char page[CB_VMCLOCK_SIZE_BYTES];
    store_page(page, marker);
    write_file(page_path, page, sizeof page);
}

#define MAPPED_BYTES 4096

/* A writable mapping of the file at path; ended with unmap(). */
static inline unsigned char *map(const char *path)
{
    const int descriptor = open(path, O_RDWR);
    void *bytes = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (bytes == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    return (unsigned char *)bytes;
}

static inline void unmap(unsigned char *bytes)
{
    munmap(bytes, MAPPED_BYTES);
}

/* Publishes a record in a mapped segment of layout 2, as the daemon does. */
static inline void publish(unsigned char *bytes, const struct cb_segment_record *record)
{
    unsigned char fresh[CB_SEGMENT_V2_SIZE_BYTES];
    cb_segment_v2_store(fresh, record);
    cb_seqlock_publish(
        bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES, bytes + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES,
        fresh + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES, sizeof fresh - CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES);
}

#endif
