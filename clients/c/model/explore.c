/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explores every execution of the scenarios and prints one line of JSON for each. Exits with 0 when all hold.
 *
 * usage: PROGRAM [--unreduced] [SCENARIO...]
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "replay.h"
#include "visited.h"

#define DEPTH_MAX 256
#define KEY_BYTES_MAX 8192

struct step {
    unsigned thread;
    struct operation operation;
    uint64_t result;
    uint64_t newest; /* of the object, before the step */
};

static bool unreduced;
static const struct model_scenario *scenario;
static uint64_t states_count, steps_count, executions_count;
static struct step trail[DEPTH_MAX];
static const char *violation; /* what was broken; the trail says how */
static unsigned violation_depth;

static unsigned char key[KEY_BYTES_MAX];
static size_t key_bytes;

static void put(const void *bytes, size_t size_bytes)
{
    if (key_bytes + size_bytes > sizeof key)
        machine_stop("a state larger than KEY_BYTES_MAX");
    memcpy(key + key_bytes, bytes, size_bytes);
    key_bytes += size_bytes;
}

/* Whether the state is new. All that the future depends on goes into the key. */
static bool is_new(const struct state *state)
{
    key_bytes = 0;
    for (unsigned i = 0; i < state->locations_count; i++) {
        put(&state->messages_count[i], sizeof state->messages_count[i]);
        for (unsigned j = 0; j < state->messages_count[i]; j++) {
            const struct message *message = &state->messages[i][j];
            put(&message->value, sizeof message->value);
            put(message->view.at, state->locations_count);
            put(&message->glued, sizeof message->glued);
        }
    }
    for (unsigned i = 0; i < state->threads_count; i++) {
        const struct thread_state *thread = &state->threads[i];
        put(&thread->phase, sizeof thread->phase);
        put(&thread->carried, sizeof thread->carried);
        if (thread->done)
            continue; /* its views don't matter any more */
        put(thread->current.at, state->locations_count);
        put(thread->acquired.at, state->locations_count);
        put(thread->released.at, state->locations_count);
        put(&thread->log_count, sizeof thread->log_count);
        put(thread->log, thread->log_count * sizeof thread->log[0]);
    }
    return visited_add(key, key_bytes);
}

static bool may_store_anything(const struct state *state, unsigned thread)
{
    for (unsigned i = 0; i < state->locations_count; i++)
        if (replay_may_store(thread, i))
            return true;
    return false;
}

/* Nothing that other threads can still do changes what this thread's next operation can do, and it can only
 * give them more values to choose from. */
static bool is_independent(const struct state *state, unsigned thread)
{
    const struct operation *next = &state->threads[thread].next;
    if (next->kind == OPERATION_FENCE || next->kind == OPERATION_CHOOSE)
        return true;
    for (unsigned i = 0; i < state->threads_count; i++)
        if (i != thread && !state->threads[i].done && replay_may_store(i, next->location))
            return false;
    return true;
}

/* The threads, as bits, whose next operation has to be tried here; the others' can wait. See README.md. */
static unsigned to_try(const struct state *state)
{
    unsigned all = 0, storing = 0;
    for (unsigned i = 0; i < state->threads_count; i++) {
        if (state->threads[i].done)
            continue;
        if (!unreduced && is_independent(state, i))
            return 1u << i;
        all |= 1u << i;
        storing |= may_store_anything(state, i) ? 1u << i : 0u;
    }
    return unreduced || storing == 0 ? all : storing;
}

static void explore(const struct state *state, unsigned depth);

static void explore_steps_of(const struct state *state, unsigned depth, unsigned thread)
{
    const unsigned choices_count = machine_choices_count(state, thread);
    for (unsigned choice = 0; choice < choices_count && violation == NULL; choice++) {
        struct state after = *state;
        if (!machine_step(&after, thread, choice))
            continue;
        steps_count++;
        struct step *step = &trail[depth];
        const unsigned location = state->threads[thread].next.location;
        step->thread = thread;
        step->operation = state->threads[thread].next;
        step->result = after.threads[thread].log[after.threads[thread].log_count - 1];
        step->newest = state->messages[location][state->messages_count[location] - 1].value;
        violation_depth = depth + 1;
        violation = replay_advance(scenario, &after, thread);
        if (violation == NULL)
            explore(&after, depth + 1);
    }
}

static void explore(const struct state *state, unsigned depth)
{
    if (!is_new(state))
        return;
    states_count++;
    if (depth == DEPTH_MAX)
        machine_stop("an execution longer than DEPTH_MAX");
    const unsigned threads = to_try(state);
    if (threads == 0) {
        executions_count++;
        violation_depth = depth;
        violation = replay_final(scenario, state);
        return;
    }
    for (unsigned i = 0; i < state->threads_count && violation == NULL; i++)
        if (threads >> i & 1)
            explore_steps_of(state, depth, i);
}

static const char *order_name(unsigned order)
{
    static const char *const names[] = {"relaxed", "acquire", "release", "acq_rel"};
    return names[order];
}

static void print_step(const struct step *step)
{
    const struct operation *operation = &step->operation;
    const char *name = replay_location_name(operation->location);
    printf("\"%s: %s:%d ", scenario->threads[step->thread].name, operation->function, operation->line);
    switch (operation->kind) {
    case OPERATION_LOAD:
        printf("load %s, %s: %" PRIu64, name, order_name(operation->order), step->result);
        if (step->result != step->newest)
            printf(" (newest is %" PRIu64 ")", step->newest);
        break;
    case OPERATION_STORE:
        printf("store %s, %s: %" PRIu64, name, order_name(operation->order), operation->value);
        break;
    case OPERATION_COMPARE_EXCHANGE:
        if (step->result == operation->expected)
            printf("exchange %s, %s: %" PRIu64 " for %" PRIu64, name, order_name(operation->order),
                   operation->value, step->result);
        else
            printf("exchange %s fails: %" PRIu64 ", not %" PRIu64, name, step->result, operation->expected);
        break;
    case OPERATION_FENCE:
        printf("fence, %s", order_name(operation->order));
        break;
    case OPERATION_CHOOSE:
        printf("choose %" PRIu64, step->result);
        break;
    }
    printf("\"");
}

/* Whether the scenario holds and reached all that it must. */
static bool check(void)
{
    struct state state;
    visited_clear();
    states_count = steps_count = executions_count = 0;
    violation = NULL;
    replay_setup(scenario, &state);
    for (unsigned i = 0; i < state.threads_count && violation == NULL; i++)
        violation = replay_advance(scenario, &state, i);
    violation_depth = 0;
    if (violation == NULL)
        explore(&state, 0);

    bool reached_all = true;
    printf("{\"scenario\": \"%s\", \"states\": %" PRIu64 ", \"steps\": %" PRIu64 ", \"ends\": %" PRIu64
           ", \"unreached\": [",
           scenario->name, states_count, steps_count, executions_count);
    for (unsigned i = 0; i < MODEL_LABELS_MAX && scenario->must_reach[i] != NULL; i++) {
        if (!replay_reached(i)) {
            printf("%s\"%s\"", reached_all ? "" : ", ", scenario->must_reach[i]);
            reached_all = false;
        }
    }
    printf("], \"violation\": \"%s\", \"execution\": [", violation == NULL ? "" : violation);
    for (unsigned i = 0; violation != NULL && i < violation_depth; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_step(&trail[i]);
    }
    printf("]}\n");
    return violation == NULL && reached_all;
}

static bool is_asked_for(const char *name, int count, char *const names[])
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return count == 0;
}

int main(int argc, char *argv[])
{
    bool all_hold = true;
    unsigned checked_count = 0;
    unreduced = argc > 1 && strcmp(argv[1], "--unreduced") == 0;
    const int skipped = unreduced ? 2 : 1;
    for (scenario = model_scenarios; scenario->name != NULL; scenario++) {
        if (!is_asked_for(scenario->name, argc - skipped, argv + skipped))
            continue;
        all_hold &= check();
        checked_count++;
    }
    if (checked_count == 0)
        machine_stop("no scenario has that name");
    return all_hold ? 0 : 1;
}
