/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

void machine_stop(const char *why)
{
    fprintf(stderr, "model: %s\n", why);
    exit(2);
}

static void join(struct view *view, const struct view *other)
{
    for (unsigned i = 0; i < LOCATIONS_MAX; i++)
        if (view->at[i] < other->at[i])
            view->at[i] = other->at[i];
}

static void see(struct view *view, unsigned location, unsigned place)
{
    if (view->at[location] < place)
        view->at[location] = (uint8_t)place;
}

/* Makes room at `place`: what stood there or later is one place later now. */
static void shift(struct view *view, unsigned location, unsigned place)
{
    if (view->at[location] >= place)
        view->at[location]++;
}

static struct message *insert(struct state *state, unsigned location, unsigned place)
{
    struct message *messages = state->messages[location];
    if (state->messages_count[location] == MESSAGES_MAX)
        machine_stop("more stores to one object than MESSAGES_MAX");
    for (unsigned i = 0; i < state->locations_count; i++)
        for (unsigned j = 0; j < state->messages_count[i]; j++)
            shift(&state->messages[i][j].view, location, place);
    for (unsigned i = 0; i < state->threads_count; i++) {
        shift(&state->threads[i].current, location, place);
        shift(&state->threads[i].acquired, location, place);
        shift(&state->threads[i].released, location, place);
    }
    for (unsigned i = state->messages_count[location]++; i > place; i--)
        messages[i] = messages[i - 1];
    return &messages[place];
}

/* Nothing may come between a read-modify-write and the value that it read. */
static bool may_insert(const struct state *state, unsigned location, unsigned place)
{
    return place == state->messages_count[location] || !state->messages[location][place].glued;
}

static void load(struct state *state, struct thread_state *thread, unsigned place, unsigned order)
{
    const unsigned location = thread->next.location;
    const struct view *view = &state->messages[location][place].view;
    see(&thread->current, location, place);
    see(&thread->acquired, location, place);
    join(&thread->acquired, view);
    if (order & MODEL_ACQUIRE)
        join(&thread->current, view);
}

/* inherited: the view of the value that a read-modify-write read, whose release sequence it goes on with. */
static void store(struct state *state, struct thread_state *thread, unsigned place,
                  const struct view *inherited)
{
    const unsigned location = thread->next.location;
    struct message *message = insert(state, location, place);
    see(&thread->current, location, place);
    see(&thread->acquired, location, place);
    message->value = thread->next.value;
    message->glued = inherited != NULL;
    message->view = thread->next.order & MODEL_RELEASE ? thread->current : thread->released;
    if (inherited != NULL)
        join(&message->view, inherited);
}

static bool compare_exchange(struct state *state, struct thread_state *thread, unsigned place)
{
    const unsigned location = thread->next.location;
    const struct message read = state->messages[location][place];
    if (read.value != thread->next.expected) {
        load(state, thread, place, thread->next.failure_order);
        return true;
    }
    if (!may_insert(state, location, place + 1))
        return false; /* another read-modify-write has read this value already */
    load(state, thread, place, thread->next.order);
    store(state, thread, place + 1, &read.view);
    return true;
}

unsigned machine_choices_count(const struct state *state, unsigned thread)
{
    const struct operation *next = &state->threads[thread].next;
    switch (next->kind) {
    case OPERATION_FENCE:
        return 1;
    case OPERATION_CHOOSE:
        return (unsigned)next->value;
    default:
        /* Every place in the modification order from the one that the thread has seen last. */
        return state->messages_count[next->location] - state->threads[thread].current.at[next->location];
    }
}

bool machine_step(struct state *state, unsigned thread_number, unsigned choice)
{
    struct thread_state *thread = &state->threads[thread_number];
    const unsigned location = thread->next.location;
    const unsigned place = thread->current.at[location] + choice;
    uint64_t result = 0;
    switch (thread->next.kind) {
    case OPERATION_LOAD:
        result = state->messages[location][place].value;
        load(state, thread, place, thread->next.order);
        break;
    case OPERATION_STORE:
        if (!may_insert(state, location, place + 1))
            return false;
        store(state, thread, place + 1, NULL);
        break;
    case OPERATION_COMPARE_EXCHANGE:
        result = state->messages[location][place].value;
        if (!compare_exchange(state, thread, place))
            return false;
        break;
    case OPERATION_FENCE:
        if (thread->next.order & MODEL_ACQUIRE)
            thread->current = thread->acquired;
        if (thread->next.order & MODEL_RELEASE)
            thread->released = thread->current;
        break;
    case OPERATION_CHOOSE:
        result = choice;
        break;
    }
    if (thread->log_count == LOG_MAX)
        machine_stop("more operations in one phase than LOG_MAX");
    thread->log[thread->log_count++] = result;
    return true;
}
