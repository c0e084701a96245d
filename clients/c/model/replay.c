/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread has no stack of its own. To learn its next operation, its function is called from the beginning of
 * the phase; each operation that it did before gives again what the log says, and the first one beyond the
 * log jumps out.
 */
#include "replay.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define SHARED_BYTES MODEL_PAGE_BYTES

enum jump { JUMP_NONE, JUMP_OPERATION, JUMP_BROKEN };

static struct {
    uintptr_t address;
    size_t size_bytes;
    const char *name;
    uint64_t initial;
    unsigned writers;
} locations[LOCATIONS_MAX];
static unsigned locations_count;

static unsigned char *shared;
static const struct model_scenario *running_scenario;
static const struct state *running_state;
static struct thread_state *running; /* NULL outside a thread */
static unsigned running_number;
static unsigned position; /* operations of this phase so far */
static const char *broken;
static sigjmp_buf stop;
static bool reached[MODEL_LABELS_MAX];

#define IMMORTAL UINT32_MAX
static unsigned lifetime_left = IMMORTAL; /* operations until the body of model_run_mortal dies */
static jmp_buf death;

unsigned char *model_shared(void)
{
    return shared;
}

void model_location(const volatile void *address, size_t size_bytes, const char *name, uint64_t initial,
                    unsigned writers)
{
    if (locations_count == LOCATIONS_MAX)
        machine_stop("more objects than LOCATIONS_MAX");
    const uintptr_t begin = (uintptr_t)address;
    if (begin < (uintptr_t)shared || begin + size_bytes > (uintptr_t)shared + SHARED_BYTES)
        machine_stop("an object outside the shared memory");
    for (unsigned i = 0; i < locations_count; i++)
        if (begin < locations[i].address + locations[i].size_bytes &&
            locations[i].address < begin + size_bytes)
            machine_stop("objects that overlap");
    locations[locations_count].address = begin;
    locations[locations_count].size_bytes = size_bytes;
    locations[locations_count].name = name;
    locations[locations_count].initial = initial;
    locations[locations_count++].writers = writers;
}

const char *replay_location_name(unsigned location)
{
    return locations[location].name;
}

bool replay_may_store(unsigned thread, unsigned location)
{
    return (locations[location].writers >> thread & 1) != 0;
}

bool replay_reached(unsigned label)
{
    return reached[label];
}

static _Noreturn void jump_broken(const char *what)
{
    broken = what;
    siglongjmp(stop, JUMP_BROKEN);
}

/* Source that reaches shared memory by anything but an operation of the model ends up here. */
static void on_segv(int signal_number)
{
    (void)signal_number;
    jump_broken("shared memory was touched other than by an atomic operation");
}

void replay_setup(const struct model_scenario *scenario, struct state *state)
{
    if (shared == NULL) {
        unsigned char *pages = (unsigned char *)mmap(NULL, 3 * MODEL_PAGE_BYTES, PROT_READ | PROT_WRITE,
                                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED)
            machine_stop("no shared memory");
        shared = pages + MODEL_PAGE_BYTES;
        if (mprotect(shared, SHARED_BYTES, PROT_NONE) != 0)
            machine_stop("no shared memory without access");
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_segv;
        action.sa_flags = SA_NODEFER; /* it is left by a jump that restores no signal mask */
        sigaction(SIGSEGV, &action, NULL);
        sigaction(SIGBUS, &action, NULL);
    }
    locations_count = 0;
    memset(reached, 0, sizeof reached);
    memset(state, 0, sizeof *state);
    scenario->setup();
    state->locations_count = locations_count;
    for (unsigned i = 0; i < locations_count; i++) {
        state->messages_count[i] = 1;
        state->messages[i][0].value = locations[i].initial;
    }
    while (state->threads_count < MODEL_THREADS_MAX && scenario->threads[state->threads_count].run != NULL)
        state->threads_count++;
}

/* What the operation gave, or a jump to whoever wants to know the next operation. */
static uint64_t operate(const struct operation *operation)
{
    if (running == NULL)
        machine_stop("an operation outside a thread");
    if (lifetime_left != IMMORTAL && lifetime_left-- == 0)
        longjmp(death, 1);
    if (position < running->log_count)
        return running->log[position++];
    running->next = *operation;
    siglongjmp(stop, JUMP_OPERATION);
}

static unsigned location_of(const volatile void *address, size_t size_bytes)
{
    for (unsigned i = 0; i < locations_count; i++)
        if (locations[i].address == (uintptr_t)address && locations[i].size_bytes == size_bytes)
            return i;
    jump_broken("an access that isn't to the whole of one object");
}

static unsigned location_to_store(const volatile void *address, size_t size_bytes)
{
    const unsigned location = location_of(address, size_bytes);
    if (!replay_may_store(running_number, location))
        jump_broken("a store by a thread that isn't one of the object's writers");
    return location;
}

static unsigned known_order(unsigned order)
{
    if (order & MODEL_SEQ_CST)
        machine_stop("the model doesn't know memory_order_seq_cst");
    return order;
}

uint64_t model_load(const volatile void *address, size_t size_bytes, unsigned order, const char *function,
                    int line)
{
    return operate(&(struct operation){.kind = OPERATION_LOAD,
                                       .location = location_of(address, size_bytes),
                                       .order = known_order(order),
                                       .function = function,
                                       .line = line});
}

void model_store(volatile void *address, size_t size_bytes, uint64_t value, unsigned order,
                 const char *function, int line)
{
    operate(&(struct operation){.kind = OPERATION_STORE,
                                .location = location_to_store(address, size_bytes),
                                .order = known_order(order),
                                .value = value,
                                .function = function,
                                .line = line});
}

bool model_compare_exchange(volatile void *address, size_t size_bytes, void *expected, uint64_t desired,
                            unsigned success, unsigned failure, const char *function, int line)
{
    uint64_t wanted = 0;
    uint32_t wanted_32;
    if (size_bytes == sizeof wanted) {
        memcpy(&wanted, expected, sizeof wanted);
    } else if (size_bytes == sizeof wanted_32) {
        memcpy(&wanted_32, expected, sizeof wanted_32);
        wanted = wanted_32;
    } else {
        machine_stop("a compare-exchange of another size than 4 or 8 bytes");
    }
    const uint64_t found = operate(&(struct operation){.kind = OPERATION_COMPARE_EXCHANGE,
                                                       .location = location_to_store(address, size_bytes),
                                                       .order = known_order(success),
                                                       .failure_order = known_order(failure),
                                                       .value = desired,
                                                       .expected = wanted,
                                                       .function = function,
                                                       .line = line});
    const uint32_t found_32 = (uint32_t)found;
    if (size_bytes == sizeof found)
        memcpy(expected, &found, sizeof found);
    else
        memcpy(expected, &found_32, sizeof found_32);
    return found == wanted;
}

void model_fence(unsigned order, const char *function, int line)
{
    operate(&(struct operation){
        .kind = OPERATION_FENCE, .order = known_order(order), .function = function, .line = line});
}

unsigned model_choose(unsigned count)
{
    return (unsigned)operate(&(struct operation){
        .kind = OPERATION_CHOOSE, .value = count, .function = __func__, .line = __LINE__});
}

void model_run_mortal(void (*body)(void), unsigned lifetime)
{
    if (setjmp(death) == 0) {
        lifetime_left = lifetime;
        body();
    }
    lifetime_left = IMMORTAL;
}

void model_require(bool holds, const char *what)
{
    if (!holds)
        jump_broken(what);
}

void model_reach(const char *label)
{
    for (unsigned i = 0; i < MODEL_LABELS_MAX && running_scenario->must_reach[i] != NULL; i++) {
        if (strcmp(running_scenario->must_reach[i], label) == 0) {
            reached[i] = true;
            return;
        }
    }
    jump_broken("something was reached that the scenario doesn't name");
}

uint64_t model_last(const volatile void *address)
{
    for (unsigned i = 0; i < locations_count; i++)
        if (locations[i].address == (uintptr_t)address)
            return running_state->messages[i][running_state->messages_count[i] - 1].value;
    machine_stop("no such object");
}

const char *replay_advance(const struct model_scenario *scenario, struct state *state, unsigned thread_number)
{
    const struct model_thread *thread = &scenario->threads[thread_number];
    running_scenario = scenario;
    running_number = thread_number;
    running = &state->threads[thread_number];
    broken = NULL;
    switch (sigsetjmp(stop, 0)) {
    case JUMP_NONE:
        while (running->phase < thread->phases_count) {
            position = 0;
            lifetime_left = IMMORTAL;
            running->carried = thread->run(running->phase, running->carried);
            running->phase++;
            running->log_count = 0;
        }
        running->done = true;
        break;
    default:
        break;
    }
    running = NULL;
    return broken;
}

const char *replay_final(const struct model_scenario *scenario, const struct state *state)
{
    uint64_t carried[MODEL_THREADS_MAX] = {0};
    if (scenario->final == NULL)
        return NULL;
    for (unsigned i = 0; i < state->threads_count; i++)
        carried[i] = state->threads[i].carried;
    running_scenario = scenario;
    running_state = state;
    broken = NULL;
    if (sigsetjmp(stop, 0) == JUMP_NONE)
        scenario->final(carried);
    return broken;
}
