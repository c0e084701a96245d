/* SPDX-License-Identifier: Apache-2.0 */
/* The generated stores and loads against bytes that existing daemons were seen to write. */
#include "check.h"
#include "segment_layout.h"

static const struct cb_segment_record markers = {
    .generation = 2,
    .as_of_sec = 0x1112131415161718,
    .as_of_nsec = 0x21222324,
    .void_after_sec = 0x3132333435363738,
    .void_after_nsec = 0x25262728,
    .bound_ns = 0x4142434445464748,
    .disruption_marker = 0x5152535455565758,
    .max_drift_ppb = 0x61626364,
    .clock_status = 2,
    .clock_disruption_support_enabled = 1,
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* The first write of ClockBound 1.0.0 and 2.0.2 with the values above, on x86-64. Layout 1 ends with four
 * bytes of padding, where the original leaves what it finds; here they are 0. */
static const unsigned char v1_dump[72] = {
    0x4e, 0x5a, 0x4d, 0x41, 0x00, 0x02, 0x42, 0x43, 0x48, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02,
    0x00, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0x00, 0x00,
    0x00, 0x00, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x28, 0x27, 0x26, 0x25, 0x00,
    0x00, 0x00, 0x00, 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, 0x64, 0x63, 0x62, 0x61,
    0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const unsigned char v2_dump[80] = {
    0x4e, 0x5a, 0x4d, 0x41, 0x00, 0x02, 0x42, 0x43, 0x50, 0x00, 0x00, 0x00, 0x02, 0x00, 0x02, 0x00,
    0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0x00, 0x00, 0x00, 0x00,
    0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x28, 0x27, 0x26, 0x25, 0x00, 0x00, 0x00, 0x00,
    0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, 0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51,
    0x64, 0x63, 0x62, 0x61, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

static void stores_write_what_existing_daemons_write(void)
{
    unsigned char bytes[80];
    cb_segment_v1_store(bytes, &markers);
    CHECK_EQUAL(0, memcmp(v1_dump, bytes, sizeof v1_dump));
    cb_segment_v2_store(bytes, &markers);
    CHECK_EQUAL(0, memcmp(v2_dump, bytes, sizeof v2_dump));
}
#endif

static void loads_give_back_what_stores_took(void)
{
    unsigned char bytes[80];
    struct cb_segment_record record;
    cb_segment_v2_store(bytes, &markers);
    cb_segment_v2_load(bytes, &record);
    CHECK_EQUAL(markers.as_of_sec, record.as_of_sec);
    CHECK_EQUAL(markers.as_of_nsec, record.as_of_nsec);
    CHECK_EQUAL(markers.void_after_sec, record.void_after_sec);
    CHECK_EQUAL(markers.void_after_nsec, record.void_after_nsec);
    CHECK_EQUAL(markers.bound_ns, record.bound_ns);
    CHECK_EQUAL(markers.disruption_marker, record.disruption_marker);
    CHECK_EQUAL(markers.max_drift_ppb, record.max_drift_ppb);
    CHECK_EQUAL(2, record.clock_status);
    CHECK_EQUAL(1, record.clock_disruption_support_enabled);
}

static void layout_1_reads_as_without_disruption_support(void)
{
    unsigned char bytes[72];
    struct cb_segment_record record;
    memset(&record, 0xff, sizeof record);
    cb_segment_v1_store(bytes, &markers);
    cb_segment_v1_load(bytes, &record);
    CHECK_EQUAL(markers.bound_ns, record.bound_ns);
    CHECK_EQUAL(0, record.disruption_marker);
    CHECK_EQUAL(0, record.clock_disruption_support_enabled);
}

static void vmclock_fields_are_little_endian_on_every_machine(void)
{
    unsigned char page[104] = {'V', 'C', 'L', 'K', 104, 0, 0, 0, 1, 0};
    page[16] = 0x11;
    page[23] = 0x88;
    page[36] = 37;
    CHECK_EQUAL(CB_VMCLOCK_MAGIC, cb_vmclock_load_magic(page));
    CHECK_EQUAL(104, cb_vmclock_load_size(page));
    CHECK_EQUAL(1, cb_vmclock_load_version(page));
    CHECK(cb_vmclock_load_disruption_marker(page) == UINT64_C(0x8800000000000011));
    CHECK_EQUAL(37, cb_vmclock_load_tai_offset_sec(page));
    cb_vmclock_store_tai_offset_sec(page, -2);
    CHECK_EQUAL(0xfe, page[36]);
    CHECK_EQUAL(0xff, page[37]);
    CHECK_EQUAL(-2, cb_vmclock_load_tai_offset_sec(page));
}

int main(void)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    RUN(stores_write_what_existing_daemons_write);
#endif
    RUN(loads_give_back_what_stores_took);
    RUN(layout_1_reads_as_without_disruption_support);
    RUN(vmclock_fields_are_little_endian_on_every_machine);
    return check_failures();
}
