/* SPDX-License-Identifier: Apache-2.0 */
/* Runs inputs without libFuzzer, with any compiler. usage: clockbound-fuzz-replay [--explain] FILE... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "target.h"

#define INPUT_BYTES_MAX 65536

int main(int argc, char **argv)
{
    static uint8_t bytes[INPUT_BYTES_MAX];
    int i = 1;
    if (i < argc && strcmp(argv[i], "--explain") == 0) {
        explain = true;
        i++;
    }
    if (i == argc) {
        fprintf(stderr, "usage: %s [--explain] FILE...\n", argv[0]);
        return 2;
    }
    for (; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        const size_t size_bytes = fread(bytes, 1, sizeof bytes, file);
        const bool whole = feof(file) && !ferror(file);
        fclose(file);
        if (!whole) {
            fprintf(stderr, "%s: can't be read, or is longer than %d bytes\n", argv[i], INPUT_BYTES_MAX - 1);
            return 2;
        }
        printf("%s\n", argv[i]);
        fflush(stdout); /* before an abort */
        /* From the heap, so that the address sanitizer sees reads beyond the end. */
        uint8_t *copy = (uint8_t *)malloc(size_bytes + 1);
        if (copy == NULL)
            return 2;
        memcpy(copy, bytes, size_bytes);
        LLVMFuzzerTestOneInput(copy, size_bytes);
        free(copy);
    }
    return 0;
}
