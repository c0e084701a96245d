/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a segment for the examples to read, as of now and for 10 days: write_segment PATH STATUS */
#include "live.h"

int main(int argc, char **argv)
{
    struct cb_segment_record record = live();
    record.void_after_sec += 10 * 86400;
    record.clock_status = -1;
    for (int32_t status = CLOCKBOUND_STA_UNKNOWN; argc == 3 && status <= CLOCKBOUND_STA_DISRUPTED; status++)
        if (strcmp(argv[2], clockbound_clock_status_name((clockbound_clock_status)status)) == 0)
            record.clock_status = status;
    if (record.clock_status < 0) {
        fputs("usage: write_segment PATH STATUS\n", stderr);
        return 2;
    }
    unsigned char bytes[CB_SEGMENT_V2_SIZE_BYTES];
    cb_segment_v2_store(bytes, &record);
    write_file(argv[1], bytes, sizeof bytes);
    return 0;
}
