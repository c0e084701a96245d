/* SPDX-License-Identifier: Apache-2.0 */
/* A mapped segment file, a mapped VMClock page, and snapshots of them. */
#ifndef CLOCKBOUND_SEGMENT_H
#define CLOCKBOUND_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clockbound.h"
#include "seqlock.h"
#include "snapshot.h"

/* A segment file as it was when it was mapped. Immutable, so that threads can share it. */
struct cb_segment {
    const unsigned char *bytes; /* the mapping */
    uint16_t version;           /* layout version */
    dev_t device;               /* with inode: which file it is */
    ino_t inode;
    uint16_t serial;             /* how many segments this context had mapped before, modulo 2**16 */
    struct cb_segment *previous; /* the one before; a thread may still read it, so it stays mapped */
};

_Static_assert(CB_SEGMENT_V1_AS_OF_NSEC_OFFSET_BYTES == CB_SEGMENT_V1_AS_OF_SEC_OFFSET_BYTES + 8 &&
                   CB_SEGMENT_V2_AS_OF_NSEC_OFFSET_BYTES == CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES + 8,
               "as_of lies at the same place in both");

/* A mapped VMClock page. */
struct cb_vmclock_page {
    const unsigned char *bytes;
};

/* Sets *err, if there is one to set. */
void cb_fail(clockbound_err *err, clockbound_err_kind kind, int sys_errno, const char *detail);

/*
 * Maps the segment at path, unless it is the file `current` (which may be NULL): then *same becomes true.
 * Returns NULL on failure, with *err set (rules open.*), or when it is the same.
 */
struct cb_segment *cb_segment_map(const char *path, const struct cb_segment *current, bool *same,
                                  clockbound_err *err);

/* Unmaps and frees one segment, not the ones before it. */
void cb_segment_unmap(struct cb_segment *segment);

/* A consistent copy of the segment's record (rule read.consistent). False if no attempt gave one. */
bool cb_segment_snapshot(const struct cb_segment *segment, int attempts, struct cb_snapshot *snapshot);

/* A snapshot from a copy of a segment. False with *err set (rules open.*, read.consistent). */
bool cb_segment_copy(const void *bytes, size_t size_bytes, struct cb_snapshot *snapshot, clockbound_err *err);

/* The generation that the segment has at this moment. */
static inline uint16_t cb_segment_generation(const struct cb_segment *segment)
{
    return cb_u16_load(segment->bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES);
}

/* Whether the segment still holds what the snapshot was made of, so that another snapshot would be the same.
 */
static inline bool cb_segment_is_still(const struct cb_segment *segment, const struct cb_snapshot *snapshot)
{
    /* The generation alone is not enough: it goes round in 32,767 updates, and it begins anew where somebody
     * wipes the file. as_of doesn't come again. */
    int64_t as_of[2];
    cb_words_load(as_of, segment->bytes + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES, sizeof as_of);
    return segment->serial == snapshot->serial && cb_segment_generation(segment) == snapshot->generation &&
           (uint64_t)as_of[0] * (uint64_t)CB_NANOSECONDS_PER_SECOND + (uint64_t)as_of[1] ==
               (uint64_t)snapshot->as_of_ns;
}

/* Maps the VMClock page at path. NULL on failure, with *err set. */
struct cb_vmclock_page *cb_vmclock_map(const char *path, clockbound_err *err);

/* Unmaps and frees the page; NULL is allowed. */
void cb_vmclock_unmap(struct cb_vmclock_page *page);

/* The page's disruption marker, within a bounded number of attempts. False if it can't be read. */
bool cb_vmclock_marker(const struct cb_vmclock_page *page, uint64_t *marker);

/*
 * The disruption marker from a copy of the page. False with *err set if it isn't one; *readable becomes false
 * if it was taken during an update.
 */
bool cb_vmclock_copy(const void *bytes, size_t size_bytes, bool *readable, uint64_t *marker,
                     clockbound_err *err);

#endif
