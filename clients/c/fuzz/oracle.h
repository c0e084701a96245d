/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules "Opening and reading" and "From snapshot to interval", written once more to check the reader.
 * Nothing here comes from the library's sources or from what the spec generates: offsets and limits are plain
 * numbers, and the arithmetic is 128 bits wide, so that it neither overflows nor needs to look for it.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clockbound.h"

__extension__ typedef __int128 wide;

#define ORACLE_SECOND_NS INT64_C(1000000000)
#define ORACLE_SEGMENT_BYTES_MAX 80
#define ORACLE_PAGE_BYTES 104

/* A field of the segment, by its place in the two layouts. */
enum oracle_field {
    FIELD_MAGIC_0,
    FIELD_MAGIC_1,
    FIELD_SIZE,
    FIELD_VERSION,
    FIELD_GENERATION,
    FIELD_AS_OF_S,
    FIELD_AS_OF_REST_NS,
    FIELD_VOID_AFTER_S,
    FIELD_VOID_AFTER_REST_NS,
    FIELD_BOUND_NS,
    FIELD_DRIFT_PPB,
    FIELD_STATUS,
    FIELD_MARKER,
    FIELD_SUPPORT,
    FIELDS
};
size_t oracle_field_offset(unsigned layout,
                           enum oracle_field field); /* 0 for a field that it lacks, and magic */
size_t oracle_field_bytes(enum oracle_field field);
size_t oracle_layout_bytes(unsigned version); /* 0: no such layout */

/* The segment's content from the header's version on. */
struct oracle_record {
    unsigned version;
    uint16_t generation;
    int64_t as_of_s, as_of_rest_ns;
    int64_t void_after_s, void_after_rest_ns;
    int64_t bound_ns;
    uint32_t drift_ppb;
    int32_t status;
    uint64_t marker;
    bool support;
};

struct oracle_answer {
    clockbound_err_kind kind;
    wide earliest_ns, latest_ns; /* where kind is _NONE */
    clockbound_clock_status status;
};

/* What opening a file of so many bytes comes to. `bytes` has at least ORACLE_SEGMENT_BYTES_MAX, 0 past the
 * end. */
clockbound_err_kind oracle_open_segment(const unsigned char *bytes, size_t file_bytes);
clockbound_err_kind oracle_open_page(const unsigned char *bytes, size_t file_bytes);

/* Whether a context of that layout may use the bytes, if they stay as they are, for a snapshot. */
bool oracle_is_readable(const unsigned char *bytes, unsigned version);
struct oracle_record oracle_record(const unsigned char *bytes, unsigned version);

/* Whether the page can be read, and its disruption marker. */
bool oracle_page_marker(const unsigned char *bytes, uint64_t *marker);

/* read.reopen: whether a snapshot is a reason to look for another file, because it is older than the grace
 * period or gives no interval. */
bool oracle_is_reason_to_look(const struct oracle_record *record, int64_t realtime_ns, int64_t monotonic_ns);

struct oracle_answer oracle_answer(const struct oracle_record *record, int64_t realtime_ns,
                                   int64_t monotonic_ns, bool disrupted);

/* What copies of a segment and of a page, or NULL, come to. The bytes may lie anywhere. */
struct oracle_answer oracle_answer_from_bytes(const unsigned char *segment, size_t segment_bytes,
                                              const unsigned char *page, size_t page_bytes,
                                              int64_t realtime_ns, int64_t monotonic_ns);

/* Whether the functions that fail closed may use a status. */
bool oracle_is_trusted(clockbound_clock_status status);

#endif
