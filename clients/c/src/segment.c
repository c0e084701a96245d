/* SPDX-License-Identifier: Apache-2.0 */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seqlock.h"

/* Both layouts begin alike, with a header that ends where as_of begins. */
#define HEADER_BYTES CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES
#define LARGEST_LAYOUT_BYTES CB_SEGMENT_V2_SIZE_BYTES
#define BODY_BYTES_MAX (LARGEST_LAYOUT_BYTES - HEADER_BYTES)

_Static_assert(CB_SEGMENT_V1_AS_OF_SEC_OFFSET_BYTES == HEADER_BYTES &&
                   CB_SEGMENT_V1_VERSION_OFFSET_BYTES == CB_SEGMENT_V2_VERSION_OFFSET_BYTES &&
                   CB_SEGMENT_V1_GENERATION_OFFSET_BYTES == CB_SEGMENT_V2_GENERATION_OFFSET_BYTES,
               "the layouts have the same header");
_Static_assert((CB_SEGMENT_V1_SIZE_BYTES - HEADER_BYTES) % sizeof(cb_word) == 0 &&
                   BODY_BYTES_MAX % sizeof(cb_word) == 0,
               "bodies are whole words");

void cb_fail(clockbound_err *err, clockbound_err_kind kind, int sys_errno, const char *detail)
{
    if (err == NULL)
        return;
    err->kind = kind;
    err->sys_errno = sys_errno;
    err->detail = detail;
}

/* Length of a layout; 0 if there is no such layout. */
static size_t layout_bytes(uint16_t version)
{
    switch (version) {
    case CB_SEGMENT_V1_VERSION:
        return CB_SEGMENT_V1_SIZE_BYTES;
    case CB_SEGMENT_V2_VERSION:
        return CB_SEGMENT_V2_SIZE_BYTES;
    default:
        return 0;
    }
}

/* Maps the beginning of an open file, read-only; NULL on failure. */
static const unsigned char *map_readonly(int descriptor, size_t size_bytes)
{
    void *bytes = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    return bytes == MAP_FAILED ? NULL : (const unsigned char *)bytes;
}

/* open.not-initialised, open.version and open.malformed for a mapped file of file_bytes. */
static bool check_header(const unsigned char *bytes, off_t file_bytes, uint16_t *version, clockbound_err *err)
{
    if (cb_u32_load(bytes + CB_SEGMENT_V2_MAGIC_OFFSET_BYTES) != CB_SEGMENT_V2_MAGIC_0 ||
        cb_u32_load(bytes + CB_SEGMENT_V2_MAGIC_OFFSET_BYTES + 4) != CB_SEGMENT_V2_MAGIC_1) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "the file isn't a segment: wrong magic");
        return false;
    }
    *version = cb_u16_load(bytes + CB_SEGMENT_V2_VERSION_OFFSET_BYTES);
    if (*version == 0 || cb_u16_load(bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES) == 0) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "the segment has never been written");
        return false;
    }
    const size_t needed_bytes = layout_bytes(*version);
    if (needed_bytes == 0) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED, 0,
                "the segment has an unknown layout version");
        return false;
    }
    const uint32_t segment_bytes = cb_u32_load(bytes + CB_SEGMENT_V2_SEGMENT_SIZE_OFFSET_BYTES);
    if (segment_bytes < needed_bytes) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, "the segment's size is below its layout's");
        return false;
    }
    if (file_bytes < (off_t)segment_bytes) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, "the file is shorter than the segment's size");
        return false;
    }
    return true;
}

/* The mapped and checked segment in an open file; NULL on failure. */
static struct cb_segment *map_checked(int descriptor, const struct stat *status, clockbound_err *err)
{
    if (status->st_size < HEADER_BYTES) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0,
                "the file is shorter than a segment's header");
        return NULL;
    }
    const unsigned char *bytes = map_readonly(descriptor, LARGEST_LAYOUT_BYTES);
    if (bytes == NULL) {
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, errno, "mmap of the segment");
        return NULL;
    }
    uint16_t version;
    struct cb_segment *segment = NULL;
    if (check_header(bytes, status->st_size, &version, err)) {
        segment = (struct cb_segment *)malloc(sizeof *segment);
        if (segment == NULL)
            cb_fail(err, CLOCKBOUND_ERR_SYSCALL, ENOMEM, "memory for the segment");
    }
    if (segment == NULL) {
        munmap((void *)(uintptr_t)bytes, LARGEST_LAYOUT_BYTES);
        return NULL;
    }
    *segment = (struct cb_segment){.bytes = bytes,
                                   .version = version,
                                   .device = status->st_dev,
                                   .inode = status->st_ino,
                                   .serial = 0,
                                   .previous = NULL};
    return segment;
}

static struct cb_segment *open_and_map(const char *path, const struct cb_segment *current, bool *same,
                                       clockbound_err *err)
{
    *same = false;
    /* O_NONBLOCK: a FIFO in the segment's place must not hang us. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, errno, "open of the segment");
        return NULL;
    }
    struct cb_segment *segment = NULL;
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, errno, "fstat of the segment");
    else if (current != NULL && status.st_dev == current->device && status.st_ino == current->inode)
        *same = true;
    else
        segment = map_checked(descriptor, &status, err);
    close(descriptor);
    return segment;
}

/* A thread that is cancelled here would leave a descriptor or a mapping behind, so it is cancelled later. */
struct cb_segment *cb_segment_map(const char *path, const struct cb_segment *current, bool *same,
                                  clockbound_err *err)
{
    int previous;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &previous);
    struct cb_segment *segment = open_and_map(path, current, same, err);
    pthread_setcancelstate(previous, NULL);
    return segment;
}

void cb_segment_unmap(struct cb_segment *segment)
{
    munmap((void *)(uintptr_t)segment->bytes, LARGEST_LAYOUT_BYTES);
    free(segment);
}

/* The layouts have the same fields, except that layout 1 lacks some. */
static inline void load_record(const unsigned char *bytes, uint16_t version, struct cb_segment_record *record)
{
    if (version == CB_SEGMENT_V1_VERSION)
        cb_segment_v1_load(bytes, record);
    else
        cb_segment_v2_load(bytes, record);
}

bool cb_segment_copy(const void *bytes, size_t size_bytes, struct cb_snapshot *snapshot, clockbound_err *err)
{
    /* The caller's bytes may lie anywhere; words are loaded from where they are aligned. */
    _Alignas(cb_word) unsigned char copy[LARGEST_LAYOUT_BYTES] = {0};
    if (size_bytes < HEADER_BYTES) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "too short for a segment's header");
        return false;
    }
    memcpy(copy, bytes, size_bytes < sizeof copy ? size_bytes : sizeof copy);
    const off_t file_bytes = size_bytes < UINT32_MAX ? (off_t)size_bytes : (off_t)UINT32_MAX;
    uint16_t version;
    struct cb_segment_record record;
    if (!check_header(copy, file_bytes, &version, err))
        return false;
    load_record(copy, version, &record);
    if (record.generation % 2 != 0) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "the copy was taken during an update");
        return false;
    }
    cb_snapshot_make(snapshot, version, 0, &record);
    return true;
}

/* Made once for each layout, with its version and size as constants: then the words stay in registers. */
__attribute__((always_inline)) static inline bool snapshot_of(const struct cb_segment *segment,
                                                              uint16_t version, size_t size_bytes,
                                                              int attempts, struct cb_snapshot *snapshot)
{
    _Alignas(cb_word) unsigned char copy[LARGEST_LAYOUT_BYTES];
    struct cb_segment_record record;
    uint16_t generation;

    for (int attempt = 0; attempt < attempts; attempt++) {
        if (attempt > 0)
            cb_spin_pause();
        if (cb_seqlock_read(segment->bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES,
                            segment->bytes + HEADER_BYTES, copy + HEADER_BYTES, size_bytes - HEADER_BYTES,
                            &generation)) {
            /* A version that changed under our feet: somebody is writing another layout into this file. */
            if (cb_u16_load(segment->bytes + CB_SEGMENT_V2_VERSION_OFFSET_BYTES) != version)
                return false;
            cb_segment_v2_store_generation(copy, generation);
            load_record(copy, version, &record);
            cb_snapshot_make(snapshot, version, segment->serial, &record);
            return true;
        }
    }
    return false;
}

bool cb_segment_snapshot(const struct cb_segment *segment, int attempts, struct cb_snapshot *snapshot)
{
    if (segment->version == CB_SEGMENT_V1_VERSION)
        return snapshot_of(segment, CB_SEGMENT_V1_VERSION, CB_SEGMENT_V1_SIZE_BYTES, attempts, snapshot);
    return snapshot_of(segment, CB_SEGMENT_V2_VERSION, CB_SEGMENT_V2_SIZE_BYTES, attempts, snapshot);
}

/* Checks of a VMClock page of page_bytes, in the same order and with the same kinds as a segment's. */
static bool check_page(const unsigned char *bytes, off_t page_bytes, clockbound_err *err)
{
    if (cb_vmclock_load_magic(bytes) != CB_VMCLOCK_MAGIC) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "not a VMClock page: wrong magic");
        return false;
    }
    if (cb_vmclock_load_version(bytes) != CB_VMCLOCK_VERSION) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED, 0,
                "the VMClock page has an unknown version");
        return false;
    }
    const uint32_t declared_bytes = cb_vmclock_load_size(bytes);
    if (declared_bytes < CB_VMCLOCK_SIZE_BYTES || page_bytes < (off_t)declared_bytes) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, "the VMClock page's size can't be right");
        return false;
    }
    return true;
}

static struct cb_vmclock_page *open_and_map_page(const char *path, clockbound_err *err)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, errno, "open of the VMClock page");
        return NULL;
    }
    struct cb_vmclock_page *page = NULL;
    const unsigned char *bytes = NULL;
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, errno, "fstat of the VMClock page");
    } else if (!S_ISCHR(status.st_mode) && status.st_size < CB_VMCLOCK_SIZE_BYTES) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "the file is shorter than a VMClock page");
    } else if ((bytes = map_readonly(descriptor, CB_VMCLOCK_SIZE_BYTES)) == NULL) {
        cb_fail(err, CLOCKBOUND_ERR_SYSCALL, errno, "mmap of the VMClock page");
    } else if (check_page(bytes, S_ISCHR(status.st_mode) ? (off_t)sysconf(_SC_PAGESIZE) : status.st_size,
                          err)) {
        /* A device has no length of its own; the kernel maps a whole page of it. */
        page = (struct cb_vmclock_page *)malloc(sizeof *page);
        if (page == NULL)
            cb_fail(err, CLOCKBOUND_ERR_SYSCALL, ENOMEM, "memory for the VMClock page");
    }
    close(descriptor);
    if (page != NULL)
        page->bytes = bytes;
    else if (bytes != NULL)
        munmap((void *)(uintptr_t)bytes, CB_VMCLOCK_SIZE_BYTES);
    return page;
}

struct cb_vmclock_page *cb_vmclock_map(const char *path, clockbound_err *err)
{
    int previous;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &previous); /* as in cb_segment_map */
    struct cb_vmclock_page *page = open_and_map_page(path, err);
    pthread_setcancelstate(previous, NULL);
    return page;
}

void cb_vmclock_unmap(struct cb_vmclock_page *page)
{
    if (page == NULL)
        return;
    munmap((void *)(uintptr_t)page->bytes, CB_VMCLOCK_SIZE_BYTES);
    free(page);
}

bool cb_vmclock_marker(const struct cb_vmclock_page *page, uint64_t *marker)
{
    unsigned char bytes[8];
    for (int attempt = 0; attempt < CB_READ_ATTEMPTS_COUNT; attempt++) {
        if (cb_seqlock_read_page(page->bytes + CB_VMCLOCK_SEQ_COUNT_OFFSET_BYTES,
                                 page->bytes + CB_VMCLOCK_DISRUPTION_MARKER_OFFSET_BYTES, bytes)) {
            *marker = cb_load_le_u64(bytes);
            return true;
        }
        cb_spin_pause();
    }
    return false;
}

bool cb_vmclock_copy(const void *bytes, size_t size_bytes, bool *readable, uint64_t *marker,
                     clockbound_err *err)
{
    unsigned char copy[CB_VMCLOCK_SIZE_BYTES];
    if (size_bytes < sizeof copy) {
        cb_fail(err, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, "too short for a VMClock page");
        return false;
    }
    memcpy(copy, bytes, sizeof copy);
    if (!check_page(copy, size_bytes < UINT32_MAX ? (off_t)size_bytes : (off_t)UINT32_MAX, err))
        return false;
    *readable = cb_vmclock_load_seq_count(copy) % 2 == 0;
    *marker = cb_vmclock_load_disruption_marker(copy);
    return true;
}
