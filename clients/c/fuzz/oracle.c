/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <string.h>

static const struct {
    size_t offset_1, offset_2, bytes;
} fields[FIELDS] = {
    [FIELD_MAGIC_0] = {0, 0, 4},
    [FIELD_MAGIC_1] = {4, 4, 4},
    [FIELD_SIZE] = {8, 8, 4},
    [FIELD_VERSION] = {12, 12, 2},
    [FIELD_GENERATION] = {14, 14, 2},
    [FIELD_AS_OF_S] = {16, 16, 8},
    [FIELD_AS_OF_REST_NS] = {24, 24, 8},
    [FIELD_VOID_AFTER_S] = {32, 32, 8},
    [FIELD_VOID_AFTER_REST_NS] = {40, 40, 8},
    [FIELD_BOUND_NS] = {48, 48, 8},
    [FIELD_DRIFT_PPB] = {56, 64, 4},
    [FIELD_STATUS] = {64, 68, 4},
    [FIELD_MARKER] = {0, 56, 8},
    [FIELD_SUPPORT] = {0, 72, 1},
};

size_t oracle_field_offset(unsigned layout, enum oracle_field field)
{
    return layout == 1 ? fields[field].offset_1 : fields[field].offset_2;
}

size_t oracle_field_bytes(enum oracle_field field)
{
    return fields[field].bytes;
}

size_t oracle_layout_bytes(unsigned version)
{
    return version == 1 ? 72 : version == 2 ? 80 : 0;
}

/* The segment is in the machine's byte order. */
#define DEFINE_NATIVE(type)                                                                                  \
    static type type##_at(const unsigned char *bytes, size_t offset)                                         \
    {                                                                                                        \
        type value;                                                                                          \
        memcpy(&value, bytes + offset, sizeof value);                                                        \
        return value;                                                                                        \
    }
DEFINE_NATIVE(uint16_t)
DEFINE_NATIVE(uint32_t)
DEFINE_NATIVE(uint64_t)
DEFINE_NATIVE(int32_t)
DEFINE_NATIVE(int64_t)

/* The page is little-endian everywhere. */
static uint64_t little(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

clockbound_err_kind oracle_open_segment(const unsigned char *bytes, size_t file_bytes)
{
    if (file_bytes < 16)
        return CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
    if (uint32_t_at(bytes, 0) != 0x414D5A4E || uint32_t_at(bytes, 4) != 0x43420200)
        return CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
    const unsigned version = uint16_t_at(bytes, 12);
    if (version == 0 || uint16_t_at(bytes, 14) == 0)
        return CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
    if (version != 1 && version != 2)
        return CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED;
    const uint32_t size_bytes = uint32_t_at(bytes, 8);
    if (size_bytes < oracle_layout_bytes(version) || file_bytes < size_bytes)
        return CLOCKBOUND_ERR_SEGMENT_MALFORMED;
    return CLOCKBOUND_ERR_NONE;
}

clockbound_err_kind oracle_open_page(const unsigned char *bytes, size_t file_bytes)
{
    if (file_bytes < ORACLE_PAGE_BYTES || memcmp(bytes, "VCLK", 4) != 0)
        return CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
    if (little(bytes + 8, 2) != 1)
        return CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED;
    const uint64_t size_bytes = little(bytes + 4, 4);
    if (size_bytes < ORACLE_PAGE_BYTES || file_bytes < size_bytes)
        return CLOCKBOUND_ERR_SEGMENT_MALFORMED;
    return CLOCKBOUND_ERR_NONE;
}

bool oracle_is_readable(const unsigned char *bytes, unsigned version)
{
    const uint16_t generation = uint16_t_at(bytes, 14);
    return generation != 0 && generation % 2 == 0 && uint16_t_at(bytes, 12) == version;
}

struct oracle_record oracle_record(const unsigned char *bytes, unsigned version)
{
    struct oracle_record record = {
        .version = version,
        .generation = uint16_t_at(bytes, 14),
        .as_of_s = int64_t_at(bytes, 16),
        .as_of_rest_ns = int64_t_at(bytes, 24),
        .void_after_s = int64_t_at(bytes, 32),
        .void_after_rest_ns = int64_t_at(bytes, 40),
        .bound_ns = int64_t_at(bytes, 48),
    };
    if (version == 1) {
        record.drift_ppb = uint32_t_at(bytes, 56);
        record.status = int32_t_at(bytes, 64);
    } else {
        record.marker = uint64_t_at(bytes, 56);
        record.drift_ppb = uint32_t_at(bytes, 64);
        record.status = int32_t_at(bytes, 68);
        record.support = bytes[72] != 0;
    }
    return record;
}

bool oracle_page_marker(const unsigned char *bytes, uint64_t *marker)
{
    *marker = little(bytes + 16, 8);
    return little(bytes + 12, 4) % 2 == 0;
}

static bool fits(wide value)
{
    return value >= INT64_MIN && value <= INT64_MAX;
}

/* The instant in nanoseconds; false if it isn't one (bound.range). */
static bool instant(int64_t s, int64_t rest_ns, wide *ns)
{
    *ns = (wide)s * ORACLE_SECOND_NS + rest_ns;
    return rest_ns >= 0 && rest_ns <= 999999999 && fits((wide)s * ORACLE_SECOND_NS) && fits(*ns);
}

struct oracle_answer oracle_answer(const struct oracle_record *record, int64_t realtime_ns,
                                   int64_t monotonic_ns, bool disrupted)
{
    struct oracle_answer answer = {.kind = CLOCKBOUND_ERR_SEGMENT_MALFORMED};
    wide as_of_ns, void_after_ns;
    const int32_t last_status = record->version == 1 ? 2 : record->version == 2 ? 3 : -1;

    /* bound.range */
    if (!instant(record->as_of_s, record->as_of_rest_ns, &as_of_ns) ||
        !instant(record->void_after_s, record->void_after_rest_ns, &void_after_ns) || record->bound_ns < 0 ||
        record->drift_ppb >= 1000000000 || record->status < 0 || record->status > last_status)
        return answer;

    /* bound.causality */
    const wide elapsed_ns = monotonic_ns - as_of_ns;
    if (elapsed_ns <= -1000) {
        answer.kind = CLOCKBOUND_ERR_CAUSALITY_BREACH;
        return answer;
    }

    /* bound.growth. One rounding of the whole product: whole seconds give whole nanoseconds. */
    const wide age_ns = elapsed_ns < 0 ? 0 : elapsed_ns;
    const wide product = age_ns * record->drift_ppb;
    const wide bound_ns =
        record->bound_ns + product / ORACLE_SECOND_NS + (product % ORACLE_SECOND_NS > 0 ? 1 : 0);
    answer.earliest_ns = realtime_ns - bound_ns;
    answer.latest_ns = realtime_ns + bound_ns;
    if (!fits(elapsed_ns) || !fits(bound_ns) || !fits(answer.earliest_ns) || !fits(answer.latest_ns))
        return answer;

    /* status.* */
    if (disrupted || record->status == 0)
        answer.status = CLOCKBOUND_STA_UNKNOWN;
    else if (record->status == 3)
        answer.status = CLOCKBOUND_STA_DISRUPTED;
    else if (monotonic_ns < as_of_ns + INT64_C(5000000000))
        answer.status = record->status == 1 ? CLOCKBOUND_STA_SYNCHRONIZED : CLOCKBOUND_STA_FREE_RUNNING;
    else if (monotonic_ns < void_after_ns)
        answer.status = CLOCKBOUND_STA_FREE_RUNNING;
    else
        answer.status = CLOCKBOUND_STA_UNKNOWN;
    answer.kind = CLOCKBOUND_ERR_NONE;
    return answer;
}

bool oracle_is_reason_to_look(const struct oracle_record *record, int64_t realtime_ns, int64_t monotonic_ns)
{
    wide as_of_ns;
    return oracle_answer(record, realtime_ns, monotonic_ns, false).kind != CLOCKBOUND_ERR_NONE ||
           !instant(record->as_of_s, record->as_of_rest_ns, &as_of_ns) ||
           monotonic_ns - as_of_ns > INT64_C(5000000000);
}

struct oracle_answer oracle_answer_from_bytes(const unsigned char *segment, size_t segment_bytes,
                                              const unsigned char *page, size_t page_bytes,
                                              int64_t realtime_ns, int64_t monotonic_ns)
{
    unsigned char padded[ORACLE_SEGMENT_BYTES_MAX] = {0}, padded_page[ORACLE_PAGE_BYTES] = {0};
    for (size_t i = 0; i < sizeof padded && i < segment_bytes; i++)
        padded[i] = segment[i];
    for (size_t i = 0; page != NULL && i < sizeof padded_page && i < page_bytes; i++)
        padded_page[i] = page[i];
    struct oracle_answer answer = {.kind = oracle_open_segment(padded, segment_bytes)};
    if (answer.kind != CLOCKBOUND_ERR_NONE)
        return answer;
    const unsigned version = uint16_t_at(padded, 12);
    if (!oracle_is_readable(padded, version)) {
        answer.kind = CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED;
        return answer;
    }
    const struct oracle_record record = oracle_record(padded, version);
    bool disrupted = record.support;
    if (record.support && page != NULL) {
        uint64_t marker;
        answer.kind = oracle_open_page(padded_page, page_bytes);
        if (answer.kind != CLOCKBOUND_ERR_NONE)
            return answer;
        disrupted = !oracle_page_marker(padded_page, &marker) || marker != record.marker;
    }
    return oracle_answer(&record, realtime_ns, monotonic_ns, disrupted);
}

bool oracle_is_trusted(clockbound_clock_status status)
{
    return status == CLOCKBOUND_STA_SYNCHRONIZED || status == CLOCKBOUND_STA_FREE_RUNNING;
}
