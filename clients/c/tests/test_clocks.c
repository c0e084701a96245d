/* SPDX-License-Identifier: Apache-2.0 */
/* cb_clocks_read on clocks that this test sets: its own clock_gettime stands before libc's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "clocks.h"

#define S INT64_C(1000000000)
#define MONOTONIC (1000 * S)
#define OFFSET (INT64_C(1700000000) * S + 123456789)
#define TICK INT64_C(4000000)
#define LAG INT64_C(1234567) /* of the coarse clocks */

enum clock { REALTIME = 0, PRECISE_MONOTONIC = 1, COARSE_REALTIME = 5, COARSE_MONOTONIC = 6 };

/* The world that the clocks show. */
static int64_t true_monotonic_ns, offset_ns, tick_ns;
static int reads[7];
static int failing_clock = -1;
/* Called before each reading, so that the world can change between two of them. */
static void (*before_reading)(int clock);

int clock_gettime(clockid_t clock, struct timespec *time);
int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (before_reading != NULL)
        before_reading(clock);
    if (clock == failing_clock) {
        errno = EINVAL;
        return -1;
    }
    reads[clock]++;
    true_monotonic_ns += 1; /* time passes */
    int64_t ns = clock == COARSE_REALTIME || clock == COARSE_MONOTONIC ? tick_ns : true_monotonic_ns;
    if (clock == REALTIME || clock == COARSE_REALTIME)
        ns += offset_ns;
    time->tv_sec = (time_t)(ns / S);
    time->tv_nsec = (long)(ns % S);
    return 0;
}

static struct cb_clocks clocks;

/* Clocks that have been read once, so that the offset is known. */
static void begin(void)
{
    before_reading = NULL;
    failing_clock = -1;
    true_monotonic_ns = MONOTONIC;
    tick_ns = MONOTONIC - LAG;
    offset_ns = OFFSET;
    cb_clocks_init(&clocks);
    clocks.coarse_is_cheap = true; /* the fake ones all cost alike */
    int64_t realtime_ns, monotonic_ns;
    CHECK(cb_clocks_read(&clocks, &realtime_ns, &monotonic_ns) == NULL);
    memset(reads, 0, sizeof reads);
}

/* What the clock was when CLOCK_REALTIME was read: noted by the hooks below. */
static int64_t monotonic_at_reading_ns;

static void note(int clock)
{
    if (clock == REALTIME)
        monotonic_at_reading_ns = true_monotonic_ns + 1;
}

static int64_t read_monotonic(void)
{
    int64_t realtime_ns, monotonic_ns = -1;
    CHECK(cb_clocks_read(&clocks, &realtime_ns, &monotonic_ns) == NULL);
    return monotonic_ns;
}

/* Exactly the instant at which CLOCK_REALTIME was read. */
static void expect_exact(void)
{
    const int64_t monotonic_ns = read_monotonic();
    CHECK_EQUAL(monotonic_at_reading_ns, monotonic_ns);
}

/* At least least_ns after that instant. */
static void expect_late(int64_t least_ns)
{
    const int64_t monotonic_ns = read_monotonic();
    CHECK(monotonic_ns >= monotonic_at_reading_ns + least_ns);
}

static void the_first_reading_is_of_the_clock_itself(void)
{
    begin();
    cb_clocks_init(&clocks);
    clocks.coarse_is_cheap = true;
    memset(reads, 0, sizeof reads);
    read_monotonic();
    CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
}

static void without_a_step_the_result_is_exact_and_the_clock_is_not_read(void)
{
    begin();
    before_reading = note;
    expect_exact();
    CHECK_EQUAL(0, reads[PRECISE_MONOTONIC]);
    true_monotonic_ns += 3 * TICK;
    tick_ns += 3 * TICK;
    expect_exact();
    CHECK_EQUAL(0, reads[PRECISE_MONOTONIC]);
}

static void a_step_between_two_questions_is_noticed(void)
{
    const int64_t steps[] = {1, -1, 3600 * S, -3600 * S};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        begin();
        before_reading = note;
        offset_ns += steps[i];
        expect_late(1); /* read itself, a little later */
        CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
        /* and from then on the new offset is known */
        expect_exact();
        CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
    }
}

static int64_t step_ns;
static int step_before_clock;
static bool another_thread_looks;

static void note_and_step(int clock)
{
    note(clock);
    if (clock == step_before_clock) {
        offset_ns += step_ns;
        step_ns = 0;
        if (another_thread_looks)
            atomic_store(&clocks.offset_ns, offset_ns);
    }
}

/* The result may be late, never early, wherever within a question the step falls. */
static void a_step_within_a_question_never_makes_it_early(void)
{
    const int64_t steps[] = {1, -1, S / 3, -S / 3, 3600 * S, -3600 * S};
    const int places[] = {REALTIME, COARSE_REALTIME, COARSE_MONOTONIC};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
            for (int looks = 0; looks < 2; looks++) {
                begin();
                step_ns = steps[i];
                step_before_clock = places[j];
                another_thread_looks = looks == 1;
                before_reading = note_and_step;
                expect_late(0);
            }
        }
    }
}

/* Whichever of the coarse clocks is read second, a tick comes before it. */
static void tick_in_between(int clock)
{
    static int coarse_readings;
    note(clock);
    if (clock == REALTIME)
        coarse_readings = 0;
    else if (clock != PRECISE_MONOTONIC && ++coarse_readings == 2)
        tick_ns += TICK;
}

static void a_tick_between_the_coarse_readings_never_makes_it_early(void)
{
    begin();
    before_reading = tick_in_between;
    for (int i = 0; i < 3; i++) /* the second time the offset is known as it is seen: smaller by the tick */
        expect_late(0);
}

static void clocks_without_cheap_coarse_ones_are_read_themselves(void)
{
    begin();
    clocks.coarse_is_cheap = false;
    before_reading = note;
    expect_late(1);
    CHECK_EQUAL(0, reads[COARSE_REALTIME] + reads[COARSE_MONOTONIC]);
    CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
}

static void clocks_that_cannot_be_read_are_errors(void)
{
    int64_t realtime_ns, monotonic_ns;
    const int needed[] = {REALTIME, PRECISE_MONOTONIC};
    for (size_t i = 0; i < 2; i++) {
        begin();
        clocks.coarse_is_cheap = false;
        failing_clock = needed[i];
        clockbound_err const *err = cb_clocks_read(&clocks, &realtime_ns, &monotonic_ns);
        CHECK(err != NULL);
        if (err != NULL) {
            CHECK_EQUAL(CLOCKBOUND_ERR_SYSCALL, err->kind);
            CHECK_EQUAL(EINVAL, err->sys_errno);
        }
    }
}

static void coarse_clocks_that_cannot_be_read_are_done_without(void)
{
    const int coarse[] = {COARSE_REALTIME, COARSE_MONOTONIC};
    for (size_t i = 0; i < 2; i++) {
        begin();
        failing_clock = coarse[i];
        before_reading = note;
        expect_late(1);
        expect_late(1);
        cb_clocks_init(&clocks);
        CHECK(!clocks.coarse_is_cheap);
    }
}

int main(void)
{
    RUN(the_first_reading_is_of_the_clock_itself);
    RUN(without_a_step_the_result_is_exact_and_the_clock_is_not_read);
    RUN(a_step_between_two_questions_is_noticed);
    RUN(a_step_within_a_question_never_makes_it_early);
    RUN(a_tick_between_the_coarse_readings_never_makes_it_early);
    RUN(clocks_without_cheap_coarse_ones_are_read_themselves);
    RUN(clocks_that_cannot_be_read_are_errors);
    RUN(coarse_clocks_that_cannot_be_read_are_done_without);
    return check_failures();
}
