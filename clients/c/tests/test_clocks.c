/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of clocks.h on clocks that this test sets. */
#include "check.h"
#include "clocks.h"
#include "fake_clocks.h"

#define S INT64_C(1000000000)
#define MONOTONIC (1000 * S)
#define OFFSET (INT64_C(1700000000) * S + 123456789)
#define TICK INT64_C(4000000)
#define LAG INT64_C(1234567) /* of the coarse clocks */

static struct cb_clocks clocks;

/* Clocks that have been read once, so that the offset is known. */
static void begin(void)
{
    fake_clocks_begin(MONOTONIC, MONOTONIC + OFFSET);
    tick_ns = MONOTONIC - LAG;
    reading_ns = 1; /* time passes */
    cb_clocks_init(&clocks);
    clocks.coarse_is_cheap = true; /* the fake ones all cost alike */
    int64_t realtime_ns, monotonic_ns;
    CHECK(cb_clocks_read(&clocks, &realtime_ns, &monotonic_ns) == NULL);
    memset(reads, 0, sizeof reads);
}

/* Those of a kernel where coarse clocks cost as much. */
static void begin_without_coarse_clocks(void)
{
    begin();
    cb_clocks_init(&clocks);
    clocks.coarse_is_cheap = false;
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
    true_monotonic_ns += TICK / 2;
    expect_exact();
    CHECK_EQUAL(0, reads[PRECISE_MONOTONIC]);
    CHECK_EQUAL(0, reads[COARSE_REALTIME]); /* nor is the offset looked at */
}

static void after_a_tick_the_clock_is_read_once(void)
{
    begin();
    before_reading = note;
    true_monotonic_ns += 3 * TICK;
    tick_ns += 3 * TICK;
    expect_late(1);
    CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
    expect_exact();
    CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
}

static void a_step_between_two_questions_is_noticed(void)
{
    const int64_t steps[] = {1, -1, 3600 * S, -3600 * S};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        begin();
        before_reading = note;
        step_realtime(steps[i]);
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
        step_realtime(step_ns);
        step_before_clock = -1;
        if (another_thread_looks) {
            const struct cb_look look = {tick_ns, offset_ns};
            uint32_t sequence;
            CHECK(cb_cell_begin(&clocks.last_look, &sequence));
            cb_words_store(clocks.last_look.words, &look, sizeof look);
            cb_cell_end(&clocks.last_look, sequence);
        }
    }
}

/* The result may be late, never early, wherever within a question the step falls. */
static void a_step_within_a_question_never_makes_it_early(void)
{
    const int64_t steps[] = {1, -1, S / 3, -S / 3, 3600 * S, -3600 * S};
    const int places[] = {REALTIME, COARSE_REALTIME, COARSE_MONOTONIC, PRECISE_MONOTONIC};
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

/* A tick, or a step if there is one to be made, comes before one of the coarse readings of a question. */
static int coarse_readings, coarse_readings_before;

static void interfere(int clock)
{
    note(clock);
    if (clock == REALTIME)
        coarse_readings = 0;
    if ((clock == COARSE_REALTIME || clock == COARSE_MONOTONIC) &&
        coarse_readings++ == coarse_readings_before) {
        if (step_ns != 0)
            step_realtime(step_ns);
        else
            tick_ns += TICK;
        step_ns = 0;
    }
}

/* The look at the offset is made of two coarse readings, after the one that shows that it must be made. */
static void a_look_that_an_update_interrupts_does_not_count(void)
{
    const int64_t steps[] = {0, 1, -1, 3600 * S, -3600 * S};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (coarse_readings_before = 0; coarse_readings_before < 3; coarse_readings_before++) {
            begin();
            true_monotonic_ns += TICK;
            tick_ns += TICK;
            step_ns = steps[i];
            before_reading = interfere;
            expect_late(0);
            before_reading = note;
            for (int j = 0; j < 3; j++)
                expect_late(0);
            expect_exact(); /* and a later one does */
        }
    }
}

/* A clock that counts with every other reading, and coarse ones that cost nothing. */
static void count_slowly(int clock)
{
    static int precise_readings;
    if (clock == PRECISE_MONOTONIC && precise_readings++ % 2 == 0)
        true_monotonic_ns += 1000;
}

/* Between two counts a step would leave the coarse clock where it is. */
static void clocks_that_count_slowly_are_read_themselves(void)
{
    begin();
    reading_ns = 0;
    before_reading = count_slowly;
    cb_clocks_init(&clocks);
    CHECK(!clocks.coarse_is_cheap);
}

static void clocks_without_cheap_coarse_ones_are_read_themselves(void)
{
    begin_without_coarse_clocks();
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
        begin_without_coarse_clocks();
        failing_clock = needed[i];
        clockbound_err const *err = cb_clocks_read(&clocks, &realtime_ns, &monotonic_ns);
        CHECK(err != NULL);
        if (err != NULL) {
            CHECK_EQUAL(CLOCKBOUND_ERR_SYSCALL, err->kind);
            CHECK_EQUAL(EINVAL, err->sys_errno);
        }
    }
}

static void the_monotonic_clock_is_read_alone(void)
{
    int64_t monotonic_ns = -1;
    begin();
    CHECK(cb_clocks_monotonic(&monotonic_ns) == NULL);
    CHECK_EQUAL(true_monotonic_ns, monotonic_ns);
    CHECK_EQUAL(1, reads[PRECISE_MONOTONIC]);
    CHECK_EQUAL(0, reads[REALTIME]);
    failing_clock = PRECISE_MONOTONIC;
    clockbound_err const *err = cb_clocks_monotonic(&monotonic_ns);
    CHECK(err != NULL && err->kind == CLOCKBOUND_ERR_SYSCALL && err->sys_errno == EINVAL);
}

static void coarse_clocks_that_cannot_be_read_are_done_without(void)
{
    const int coarse[] = {COARSE_REALTIME, COARSE_MONOTONIC};
    for (size_t i = 0; i < 2; i++) {
        begin();
        true_monotonic_ns += TICK;
        tick_ns += TICK;
        failing_clock = coarse[i];
        before_reading = note;
        expect_late(1);
        expect_late(1);
        cb_clocks_init(&clocks);
        CHECK(!clocks.coarse_is_cheap);
    }
}

/* Offsets of TAI: expected_ns, or, where that is 0, that nobody knows. */
static void expect_tai_offset(int64_t expected_ns)
{
    int64_t found_ns = -7;
    clockbound_err const *err = cb_clocks_tai_offset(&found_ns);
    if (expected_ns != 0) {
        CHECK(err == NULL);
        CHECK_EQUAL(expected_ns, found_ns);
        return;
    }
    CHECK(err != NULL && err->kind == CLOCKBOUND_ERR_SYSCALL && err->sys_errno == ENODATA);
    CHECK_EQUAL(-7, found_ns); /* left alone */
}

static void an_offset_of_tai_is_whole_seconds(void)
{
    begin();
    tai_offset_ns = 37 * S;
    expect_tai_offset(37 * S);
    CHECK_EQUAL(1, reads[TAI]);
    tai_offset_ns = S; /* not TAI's in fact, but the kernel says so */
    expect_tai_offset(S);
    /* a slow machine: a third of a second from one reading to the next */
    tai_offset_ns = 37 * S;
    reading_ns = S / 3;
    expect_tai_offset(37 * S);
}

static void no_offset_of_tai_means_that_it_is_unknown(void)
{
    begin();
    expect_tai_offset(0);
    CHECK_EQUAL(1, reads[TAI]); /* that is certain, and not tried again */
    tai_offset_ns = -S;
    expect_tai_offset(0);
}

/* What happens to the world before the reading of TAI, or of CLOCK_REALTIME after it, and how often. */
static int64_t jump_ns, held_up_ns, leap_ns;
static int jump_before_clock, jumps_left, last_clock;

static void jump(int clock)
{
    const bool second_reading = clock == REALTIME && last_clock == TAI;
    if (jumps_left > 0 && (jump_before_clock == TAI ? clock == TAI : second_reading)) {
        jumps_left--;
        offset_ns += jump_ns - leap_ns; /* a leap second: CLOCK_REALTIME goes back, and TAI goes on */
        tai_offset_ns += leap_ns;
        true_monotonic_ns += held_up_ns;
    }
    last_clock = clock;
}

static void begin_with_jumps(int before_clock, int count)
{
    begin();
    tai_offset_ns = 37 * S;
    jump_ns = held_up_ns = leap_ns = 0;
    last_clock = -1;
    jump_before_clock = before_clock;
    jumps_left = count;
    before_reading = jump;
}

static void a_step_or_a_delay_never_makes_an_offset_of_tai_wrong(void)
{
    const int places[] = {TAI, REALTIME};
    const int64_t sizes[] = {1,        2,     3,      -1,     -2,      -3,        S / 2,
                             -S / 2,   S - 1, S - 2,  S,      S + 1,   3 * S / 2, 2 * S,
                             3600 * S, -S,    -S - 1, -S + 1, -36 * S, -38 * S,   -3600 * S};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            for (int64_t duration_ns = 1; duration_ns <= 1000; duration_ns *= 10) {
                begin_with_jumps(places[i], 1);
                reading_ns = duration_ns;
                jump_ns = sizes[j]; /* somebody steps the clock, and TAI with it */
                expect_tai_offset(37 * S);
                if (sizes[j] < 0)
                    continue;
                begin_with_jumps(places[i], 1);
                reading_ns = duration_ns;
                held_up_ns = sizes[j];
                expect_tai_offset(37 * S);
            }
        }
    }
}

static void a_leap_second_gives_the_offset_before_or_after_it(void)
{
    const int places[] = {TAI, REALTIME};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        begin_with_jumps(places[i], 1);
        leap_ns = S;
        expect_tai_offset(38 * S); /* CLOCK_REALTIME went back: seen, and looked at again */
        begin_with_jumps(places[i], 1);
        leap_ns = -S; /* a second left out: there never was one */
        expect_tai_offset(36 * S);
    }
}

static void an_offset_of_tai_that_never_holds_still_is_unknown(void)
{
    begin_with_jumps(TAI, 1000);
    jump_ns = 2 * S;
    expect_tai_offset(0);
    CHECK_EQUAL(CB_TAI_ATTEMPTS_COUNT, reads[TAI]);
    begin_with_jumps(REALTIME, 1000);
    held_up_ns = S;
    expect_tai_offset(0);
    CHECK_EQUAL(CB_TAI_ATTEMPTS_COUNT, reads[TAI]);
    begin_with_jumps(TAI, CB_TAI_ATTEMPTS_COUNT - 1);
    jump_ns = -S;
    expect_tai_offset(37 * S); /* the last attempt */
}

static void clocks_that_cannot_be_read_give_no_offset_of_tai(void)
{
    const int needed[] = {REALTIME, TAI};
    for (size_t i = 0; i < 2; i++) {
        int64_t found_ns = -7;
        begin();
        tai_offset_ns = 37 * S;
        failing_clock = needed[i];
        clockbound_err const *err = cb_clocks_tai_offset(&found_ns);
        CHECK(err != NULL && err->kind == CLOCKBOUND_ERR_SYSCALL && err->sys_errno == EINVAL);
        CHECK_EQUAL(-7, found_ns);
    }
}

static int64_t slept_until_ns;
static int sleep_errno;

static int note_sleep(int64_t until_ns)
{
    slept_until_ns = until_ns;
    return sleep_errno;
}

static void a_sleep_ends_at_an_instant_or_with_a_signal(void)
{
    const int64_t instants[] = {0, 1, S - 1, S, 12 * S + 345678901, INT64_MAX};
    begin();
    instead_of_sleeping = note_sleep;
    for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++) {
        sleep_errno = 0;
        CHECK(cb_clocks_sleep_until(instants[i]) == NULL);
        CHECK_EQUAL(instants[i], slept_until_ns);
        sleep_errno = EINTR;
        CHECK(cb_clocks_sleep_until(instants[i]) == NULL);
    }
    sleep_errno = ENOTSUP;
    clockbound_err const *err = cb_clocks_sleep_until(S);
    CHECK(err != NULL && err->kind == CLOCKBOUND_ERR_SYSCALL && err->sys_errno == ENOTSUP);
    CHECK(err != NULL && strcmp("clock_nanosleep", err->detail) == 0);
}

int main(void)
{
    RUN(the_first_reading_is_of_the_clock_itself);
    RUN(without_a_step_the_result_is_exact_and_the_clock_is_not_read);
    RUN(a_step_between_two_questions_is_noticed);
    RUN(a_step_within_a_question_never_makes_it_early);
    RUN(after_a_tick_the_clock_is_read_once);
    RUN(a_look_that_an_update_interrupts_does_not_count);
    RUN(clocks_that_count_slowly_are_read_themselves);
    RUN(clocks_without_cheap_coarse_ones_are_read_themselves);
    RUN(clocks_that_cannot_be_read_are_errors);
    RUN(the_monotonic_clock_is_read_alone);
    RUN(coarse_clocks_that_cannot_be_read_are_done_without);
    RUN(an_offset_of_tai_is_whole_seconds);
    RUN(no_offset_of_tai_means_that_it_is_unknown);
    RUN(a_step_or_a_delay_never_makes_an_offset_of_tai_wrong);
    RUN(a_leap_second_gives_the_offset_before_or_after_it);
    RUN(an_offset_of_tai_that_never_holds_still_is_unknown);
    RUN(clocks_that_cannot_be_read_give_no_offset_of_tai);
    RUN(a_sleep_ends_at_an_instant_or_with_a_signal);
    return check_failures();
}
