/* SPDX-License-Identifier: Apache-2.0 */
/* A test program calls RUN for each test and ends with `return check_failures();`. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static int check_failed;

/* Both sides as int64; the expected value stands on the left. */
#define CHECK_EQUAL(expected, actual)                                                                        \
    do {                                                                                                     \
        const int64_t expected_ = (int64_t)(expected), actual_ = (int64_t)(actual);                          \
        if (expected_ != actual_) {                                                                          \
            fprintf(stderr, "%s:%d: %s: expected %" PRId64 ", got %" PRId64 "\n", __FILE__, __LINE__,        \
                    #actual, expected_, actual_);                                                            \
            check_failed++;                                                                                  \
        }                                                                                                    \
    } while (0)

#define CHECK(condition) CHECK_EQUAL(1, (condition) ? 1 : 0)

#define RUN(test)                                                                                            \
    do {                                                                                                     \
        const int before_ = check_failed;                                                                    \
        test();                                                                                              \
        printf("%s %s\n", check_failed == before_ ? "ok    " : "FAILED", #test);                             \
    } while (0)

static inline int check_failures(void)
{
    return check_failed == 0 ? 0 : 1;
}

#endif
