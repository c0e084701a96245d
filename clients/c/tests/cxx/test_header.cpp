// SPDX-License-Identifier: Apache-2.0
// The public header in a C++ program, in whatever standard this is compiled. First, so that it stands on its
// own.
#ifdef WRAPPED // as those wrote it who used a header that says nothing of C++
extern "C" {
#include <clockbound.h>
}
#else
#include <clockbound.h>
#endif

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

static int failures;

static void check(bool holds, const char *what)
{
    std::printf("%s %s\n", holds ? "ok    " : "FAILED", what);
    failures += holds ? 0 : 1;
}

// A segment of layout 2, as a daemon on this machine writes it.
struct Segment {
    uint32_t magic[2], size_bytes;
    uint16_t version, generation;
    int64_t as_of_sec, as_of_nsec, void_after_sec, void_after_nsec, bound_ns;
    uint64_t disruption_marker;
    uint32_t max_drift_ppb;
    int32_t clock_status;
    uint8_t clock_disruption_support_enabled, reserved[7];
};

// As of monotonic time 0, with a bound of 1000 ns that doesn't grow; FREE_RUNNING.
static void write_segment(char *path)
{
    Segment segment;
    std::memset(&segment, 0, sizeof segment);
    segment.magic[0] = 0x414D5A4E;
    segment.magic[1] = 0x43420200;
    segment.size_bytes = 80;
    segment.version = 2;
    segment.generation = 2;
    segment.void_after_sec = 2000000000;
    segment.bound_ns = 1000;
    segment.clock_status = 2;
    const int descriptor = mkstemp(path);
    if (descriptor < 0 ||
        write(descriptor, &segment, sizeof segment) != static_cast<ssize_t>(sizeof segment) ||
        close(descriptor) != 0) {
        std::perror(path);
        std::exit(2);
    }
}

int main()
{
    clockbound_err err;
    check(clockbound_open("/nonexistent/shm0", &err) == NULL, "a missing segment gives no context");
    check(err.kind == CLOCKBOUND_ERR_SYSCALL && err.sys_errno == ENOENT, "and says why");

    char path[] = "/tmp/clockbound-cxx-XXXXXX";
    write_segment(path);
    clockbound_ctx *ctx = clockbound_vmclock_open(path, VMCLOCK_SHM_DEFAULT_PATH, &err);
    check(ctx != NULL, "a segment opens");
    clockbound_interval given;
    std::memset(&given, 0, sizeof given);
    const int64_t s = 1000000000;
    check(clockbound_now_at(ctx, 1700000000 * s + 500, 3 * s, &given) == NULL,
          "it answers for given readings");
    check(given.earliest_ns == 1700000000 * s - 500, "with the earlier end");
    check(given.latest_ns == 1700000000 * s + 1500, "and the later one");
    check(given.clock_status == CLOCKBOUND_STA_FREE_RUNNING, "and the status");
    clockbound_now_result now;
    std::memset(&now, 0, sizeof now);
    const clockbound_err *failed = clockbound_now(NULL, &now);
    check(failed != NULL && failed->kind == CLOCKBOUND_ERR_SYSCALL, "an error is a value");
    check(clockbound_now(ctx, &now) == NULL, "it answers for the present");
    const clockbound_clock_status status = now.clock_status;
    check(status == CLOCKBOUND_STA_FREE_RUNNING, "with a status");
    check((now.latest.tv_sec - now.earliest.tv_sec) * s + now.latest.tv_nsec - now.earliest.tv_nsec == 2000,
          "and both ends");
    bool passed = false;
    check(clockbound_after(ctx, 0, &passed) == NULL && passed, "1970 has passed");
    check(std::strcmp(clockbound_version(), CLOCKBOUND_VERSION) == 0, "the versions agree");
    check(clockbound_close(ctx) == NULL, "and closes");
    unlink(path);
    return failures == 0 ? 0 : 1;
}
