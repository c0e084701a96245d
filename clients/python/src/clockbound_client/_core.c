/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled module: the intervals, ClockBoundClient and publish over the C core, in the stable ABI of
 * Python 3.11 where the build asks for it. The GIL is held throughout: a question takes less time than
 * giving it up would.
 *
 * What is rare (a datetime, an argument that is refused, an exception's words) is left to the Python that
 * both implementations share.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <errno.h>
#include <stdatomic.h>

#include "reader.h"
#include "segment_layout.h"
#include "seqlock.h"

#define STATUSES_COUNT (CLOCKBOUND_STA_DISRUPTED + 1)

/* Dead intervals that are kept for the next ones, which saves a tenth of now(). */
#if defined(Py_GIL_DISABLED) || defined(Py_TRACE_REFS)
#define SPARES_COUNT 0 /* they would need a lock, or be taken for living ones */
#else
#define SPARES_COUNT 16
#endif

/* The Python functions that are called from here, by module and name. */
enum {
    ERROR_FROM,
    NOT_TRUSTED,
    TOO_LARGE,
    TAI_UNKNOWN,
    WHOLE_NS,
    MAX_ERROR_NS,
    INSTANT_NS,
    NOT_AN_INTERVAL,
    FLOOR_DATETIME,
    CEILING_DATETIME,
    FUNCTIONS_COUNT
};
static const struct {
    const char *module, *name;
} function_names[FUNCTIONS_COUNT] = {
    [ERROR_FROM] = {"clockbound_client._errors", "error_from"},
    [NOT_TRUSTED] = {"clockbound_client._errors", "not_trusted"},
    [TOO_LARGE] = {"clockbound_client._errors", "too_large"},
    [TAI_UNKNOWN] = {"clockbound_client._errors", "tai_unknown"},
    [WHOLE_NS] = {"clockbound_client._instants", "whole_ns"},
    [MAX_ERROR_NS] = {"clockbound_client._instants", "max_error_ns"},
    [INSTANT_NS] = {"clockbound_client._instants", "instant_ns"},
    [NOT_AN_INTERVAL] = {"clockbound_client._instants", "not_an_interval"},
    [FLOOR_DATETIME] = {"clockbound_client._instants", "floor_datetime"},
    [CEILING_DATETIME] = {"clockbound_client._instants", "ceiling_datetime"},
};

typedef struct interval_object IntervalObject;

typedef struct {
    PyTypeObject *interval_type;
    PyTypeObject *tai_interval_type;
    PyObject *functions[FUNCTIONS_COUNT];
    PyObject *statuses[STATUSES_COUNT]; /* the members of ClockStatus by value */
    PyObject *status_type;
    int spares_count;
    IntervalObject *spares[SPARES_COUNT + 1];
} module_state;

/* Calls one of the functions and raises what it returns. */
static PyObject *raise_from(PyObject *error)
{
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

/* As an int64 what `function` makes of value; -1 with an exception set if that is none. */
static int as_ns(PyObject *function, PyObject *value, const char *what, int64_t *ns)
{
    int overflow;
    if (PyLong_CheckExact(value)) {
        *ns = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow == 0)
            return 0;
    }
    PyObject *whole = PyObject_CallFunction(function, what == NULL ? "(O)" : "(Os)", value, what);
    if (whole == NULL)
        return -1;
    *ns = PyLong_AsLongLong(whole);
    Py_DECREF(whole);
    return *ns == -1 && PyErr_Occurred() ? -1 : 0;
}

/* --------------------------------------------------------------- intervals */

/* Interval and TaiInterval. */
struct interval_object {
    PyObject_HEAD module_state *state; /* lives as long as the type does, which this refers to */
    long long earliest_ns;
    long long latest_ns;
    int status;
};

static PyObject *make_interval(module_state *state, PyTypeObject *type, int64_t earliest_ns,
                               int64_t latest_ns, int status)
{
    IntervalObject *self;
    if (state->spares_count > 0 && type == state->interval_type) {
        self = state->spares[--state->spares_count];
        Py_SET_REFCNT((PyObject *)self, 1);
    } else {
        self = PyObject_New(IntervalObject, type);
        if (self == NULL)
            return NULL;
        self->state = state;
    }
    self->earliest_ns = earliest_ns;
    self->latest_ns = latest_ns;
    self->status = status;
    return (PyObject *)self;
}

static void free_interval(IntervalObject *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject_Free(self);
    Py_DECREF(type); /* instances of heap types hold their type, which holds the module */
}

static void interval_dealloc(PyObject *object)
{
    IntervalObject *self = (IntervalObject *)object;
    module_state *state = self->state;
    if (SPARES_COUNT > 0 && state->spares_count < SPARES_COUNT && Py_TYPE(object) == state->interval_type)
        state->spares[state->spares_count++] = self; /* it goes on holding its type */
    else
        free_interval(self);
}

static PyObject *interval_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"earliest_ns", "latest_ns", "status", NULL};
    PyObject *earliest, *latest, *status;
    int64_t earliest_ns, latest_ns;
    module_state *state = (module_state *)PyType_GetModuleState(type);
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OOO", names, &earliest, &latest, &status) ||
        as_ns(state->functions[WHOLE_NS], earliest, "an end of an interval", &earliest_ns) != 0 ||
        as_ns(state->functions[WHOLE_NS], latest, "an end of an interval", &latest_ns) != 0)
        return NULL;
    if (earliest_ns > latest_ns)
        return PyErr_Format(PyExc_ValueError, "earliest_ns %lld is after latest_ns %lld",
                            (long long)earliest_ns, (long long)latest_ns);
    if (!PyLong_Check(status) || PyBool_Check(status)) {
        PyErr_Format(PyExc_TypeError, "a status is a ClockStatus, not %R", status);
        return NULL;
    }
    /* ClockStatus(status) refuses what isn't one. */
    PyObject *member = PyObject_CallFunctionObjArgs(state->status_type, status, NULL);
    if (member == NULL)
        return NULL;
    const long value = PyLong_AsLong(member);
    Py_DECREF(member);
    return make_interval(state, type, earliest_ns, latest_ns, (int)value);
}

static bool is_trusted(int status)
{
    return status == CLOCKBOUND_STA_SYNCHRONIZED || status == CLOCKBOUND_STA_FREE_RUNNING;
}

static int check_trusted(const IntervalObject *self)
{
    if (is_trusted(self->status))
        return 0;
    raise_from(PyObject_CallFunction(self->state->functions[NOT_TRUSTED], "is", self->status, ""));
    return -1;
}

static PyObject *interval_status(PyObject *self, void *unused)
{
    (void)unused;
    const IntervalObject *interval = (const IntervalObject *)self;
    PyObject *member = interval->state->statuses[interval->status];
    Py_INCREF(member);
    return member;
}

/* The width of the widest interval takes 64 bits and no sign. */
static uint64_t width_ns(const IntervalObject *interval)
{
    return (uint64_t)interval->latest_ns - (uint64_t)interval->earliest_ns;
}

static PyObject *interval_width_ns(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(width_ns((const IntervalObject *)self));
}

static uint64_t half_up(uint64_t width)
{
    return width / 2 + width % 2;
}

static PyObject *interval_error_bound_ns(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(half_up(width_ns((const IntervalObject *)self)));
}

static PyObject *interval_midpoint_ns(PyObject *self, void *unused)
{
    (void)unused;
    const IntervalObject *interval = (const IntervalObject *)self;
    return PyLong_FromLongLong(interval->earliest_ns + (long long)(width_ns(interval) / 2));
}

static PyObject *interval_earliest(PyObject *self, void *unused)
{
    (void)unused;
    const IntervalObject *interval = (const IntervalObject *)self;
    return PyObject_CallFunction(interval->state->functions[FLOOR_DATETIME], "L", interval->earliest_ns);
}

static PyObject *interval_latest(PyObject *self, void *unused)
{
    (void)unused;
    const IntervalObject *interval = (const IntervalObject *)self;
    return PyObject_CallFunction(interval->state->functions[CEILING_DATETIME], "L", interval->latest_ns);
}

static PyObject *contains(IntervalObject *self, int64_t ns)
{
    if (check_trusted(self) != 0)
        return NULL;
    return PyBool_FromLong(self->earliest_ns <= ns && ns <= self->latest_ns);
}

static PyObject *interval_contains(PyObject *object, PyObject *t)
{
    IntervalObject *self = (IntervalObject *)object;
    int64_t ns;
    return as_ns(self->state->functions[INSTANT_NS], t, NULL, &ns) != 0 ? NULL : contains(self, ns);
}

static PyObject *tai_interval_contains(PyObject *object, PyObject *t)
{
    IntervalObject *self = (IntervalObject *)object;
    int64_t ns;
    return as_ns(self->state->functions[WHOLE_NS], t, "a time on the TAI scale", &ns) != 0
               ? NULL
               : contains(self, ns);
}

/* Whether both are intervals of one scale that can be relied on; otherwise an exception is set. */
static int check_other(const IntervalObject *self, PyObject *other)
{
    PyTypeObject *type = Py_TYPE((PyObject *)(uintptr_t)self);
    if (Py_TYPE(other) != type) {
        PyObject *name = PyType_GetName(type);
        if (name != NULL)
            raise_from(PyObject_CallFunction(self->state->functions[NOT_AN_INTERVAL], "ON", other, name));
        return -1;
    }
    return check_trusted(self) == 0 && check_trusted((const IntervalObject *)other) == 0 ? 0 : -1;
}

static PyObject *interval_overlaps(PyObject *self, PyObject *other)
{
    const IntervalObject *a = (const IntervalObject *)self, *b = (const IntervalObject *)other;
    if (check_other(a, other) != 0)
        return NULL;
    return PyBool_FromLong(a->earliest_ns <= b->latest_ns && b->earliest_ns <= a->latest_ns);
}

static PyObject *interval_certainly_before(PyObject *self, PyObject *other)
{
    const IntervalObject *a = (const IntervalObject *)self, *b = (const IntervalObject *)other;
    if (check_other(a, other) != 0)
        return NULL;
    return PyBool_FromLong(a->latest_ns < b->earliest_ns);
}

static PyObject *interval_compare(PyObject *self, PyObject *other, int operation)
{
    if (Py_TYPE(self) != Py_TYPE(other) || (operation != Py_EQ && operation != Py_NE))
        Py_RETURN_NOTIMPLEMENTED;
    const IntervalObject *a = (const IntervalObject *)self, *b = (const IntervalObject *)other;
    const int equal =
        a->earliest_ns == b->earliest_ns && a->latest_ns == b->latest_ns && a->status == b->status;
    return PyBool_FromLong(operation == Py_EQ ? equal : !equal);
}

/* The three values as a tuple of ints, for hash and pickle. */
static PyObject *interval_values(const IntervalObject *self)
{
    return Py_BuildValue("(LLi)", self->earliest_ns, self->latest_ns, self->status);
}

static Py_hash_t interval_hash(PyObject *self)
{
    PyObject *values = interval_values((const IntervalObject *)self);
    if (values == NULL)
        return -1;
    const Py_hash_t hash = PyObject_Hash(values);
    Py_DECREF(values);
    return hash;
}

static PyObject *interval_repr(PyObject *self)
{
    const IntervalObject *interval = (const IntervalObject *)self;
    PyObject *repr = NULL, *type_name = PyType_GetName(Py_TYPE(self));
    PyObject *name = PyObject_GetAttrString(interval->state->statuses[interval->status], "name");
    if (type_name != NULL && name != NULL)
        repr = PyUnicode_FromFormat("%U(earliest_ns=%lld, latest_ns=%lld, status=ClockStatus.%U)", type_name,
                                    interval->earliest_ns, interval->latest_ns, name);
    Py_XDECREF(type_name);
    Py_XDECREF(name);
    return repr;
}

static PyObject *interval_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("(ON)", (PyObject *)Py_TYPE(self), interval_values((const IntervalObject *)self));
}

static PyObject *return_self(PyObject *self, PyObject *unused)
{
    (void)unused;
    Py_INCREF(self);
    return self;
}

static PyMemberDef interval_members[] = {
    {"earliest_ns", T_LONGLONG, offsetof(IntervalObject, earliest_ns), READONLY,
     "True time is not before this."},
    {"latest_ns", T_LONGLONG, offsetof(IntervalObject, latest_ns), READONLY, "True time is not after this."},
    {NULL, 0, 0, 0, NULL},
};

#define COMMON_GETTERS                                                                                       \
    {"status", interval_status, NULL, "How far the interval can be relied on.", NULL},                       \
        {"width_ns", interval_width_ns, NULL, "latest_ns - earliest_ns", NULL},                              \
        {"error_bound_ns", interval_error_bound_ns, NULL,                                                    \
         "How wrong the midpoint can be: half the width, rounded up.", NULL},                                \
    {                                                                                                        \
        "midpoint_ns", interval_midpoint_ns, NULL,                                                           \
            "The middle, rounded down: what a clock shows that doesn't say how wrong it is.", NULL           \
    }

static PyGetSetDef interval_getters[] = {
    COMMON_GETTERS,
    {"earliest", interval_earliest, NULL,
     "`earliest_ns` as a datetime in UTC: the last microsecond that isn't after it.", NULL},
    {"latest", interval_latest, NULL,
     "`latest_ns` as a datetime in UTC: the first microsecond that isn't before it.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyGetSetDef tai_interval_getters[] = {
    COMMON_GETTERS,
    {NULL, NULL, NULL, NULL, NULL},
};

#define COMMON_METHODS                                                                                       \
    {"overlaps", interval_overlaps, METH_O,                                                                  \
     "overlaps($self, other, /)\n--\n\n"                                                                     \
     "Whether the two have an instant in common, so that nobody can say which came first.\n\n"               \
     "Raises ClockNotTrustedError unless both can be relied on."},                                           \
        {"certainly_before", interval_certainly_before, METH_O,                                              \
         "certainly_before($self, other, /)\n--\n\n"                                                         \
         "Whether this ends before the other begins: what happened in it came first, on whatever hosts "     \
         "they "                                                                                             \
         "were taken.\n\nRaises ClockNotTrustedError unless both can be relied on."},                        \
        {"__reduce__", interval_reduce, METH_NOARGS, NULL}, {"__copy__", return_self, METH_NOARGS, NULL},    \
    {                                                                                                        \
        "__deepcopy__", return_self, METH_O, NULL                                                            \
    }

static PyMethodDef interval_methods[] = {
    {"contains", interval_contains, METH_O,
     "contains($self, t, /)\n--\n\n"
     "Whether true time can have been `t`: nanoseconds since 1970, or an aware datetime.\n\n"
     "Raises ClockNotTrustedError unless the interval can be relied on."},
    COMMON_METHODS,
    {NULL, NULL, 0, NULL},
};

static PyMethodDef tai_interval_methods[] = {
    {"contains", tai_interval_contains, METH_O,
     "contains($self, t, /)\n--\n\n"
     "Whether true time can have been `t`, in nanoseconds since 1970 TAI.\n\n"
     "Raises ClockNotTrustedError unless the interval can be relied on."},
    COMMON_METHODS,
    {NULL, NULL, 0, NULL},
};

#define COMMON_SLOTS                                                                                         \
    {Py_tp_new, interval_new}, {Py_tp_dealloc, interval_dealloc}, {Py_tp_richcompare, interval_compare},     \
        {Py_tp_hash, interval_hash}, {Py_tp_repr, interval_repr},                                            \
    {                                                                                                        \
        Py_tp_members, interval_members                                                                      \
    }

static PyType_Slot interval_slots[] = {
    {Py_tp_doc,
     "Interval(earliest_ns, latest_ns, status)\n--\n\n"
     "True time lies between `earliest_ns` and `latest_ns`, as far as `status` says. Immutable.\n\n"
     "Both are nanoseconds since 1970-01-01T00:00:00Z, as CLOCK_REALTIME counts them."},
    COMMON_SLOTS,
    {Py_tp_getset, interval_getters},
    {Py_tp_methods, interval_methods},
    {0, NULL},
};

static PyType_Slot tai_interval_slots[] = {
    {Py_tp_doc, "TaiInterval(earliest_ns, latest_ns, status)\n--\n\n"
                "As `Interval`, on the TAI scale, which has no leap seconds. Immutable.\n\n"
                "Both ends are nanoseconds since 1970-01-01T00:00:00 TAI, as CLOCK_TAI counts them."},
    COMMON_SLOTS,
    {Py_tp_getset, tai_interval_getters},
    {Py_tp_methods, tai_interval_methods},
    {0, NULL},
};

static PyType_Spec interval_spec = {
    .name = "clockbound_client.Interval",
    .basicsize = sizeof(IntervalObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = interval_slots,
};

static PyType_Spec tai_interval_spec = {
    .name = "clockbound_client.TaiInterval",
    .basicsize = sizeof(IntervalObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = tai_interval_slots,
};

/* -------------------------------------------------------- ClockBoundClient */

typedef struct {
    PyObject_HEAD module_state *state;
    _Atomic(clockbound_ctx *) ctx; /* NULL when closed */
    clockbound_ctx *retired;       /* closed, but not unmapped; without a GIL only */
    PyObject *path;                /* str */
    PyObject *vmclock_path;
} ClientObject;

static PyObject *raise_error(const module_state *state, clockbound_err const *err, PyObject *path)
{
    return raise_from(PyObject_CallFunction(state->functions[ERROR_FROM], "iOis", (int)err->kind, path,
                                            err->sys_errno, err->detail));
}

/* A path as str, from what os.fspath accepts. */
static PyObject *as_path(PyObject *value)
{
    PyObject *path = PyOS_FSPath(value);
    if (path != NULL && !PyUnicode_Check(path)) {
        PyErr_Format(PyExc_TypeError, "a path is a str or os.PathLike[str], not %R", path);
        Py_CLEAR(path);
    }
    return path;
}

/* Opens self->path; NULL with *err and *about (a borrowed path) filled in or, for a path that can't be
 * encoded, an exception set. */
static clockbound_ctx *open_path(const ClientObject *self, clockbound_err *err, PyObject **about)
{
    PyObject *path = PyUnicode_EncodeFSDefault(self->path), *vmclock_path = NULL;
    clockbound_ctx *ctx = NULL;
    char *path_bytes, *vmclock_bytes;
    if (path != NULL && (vmclock_path = PyUnicode_EncodeFSDefault(self->vmclock_path)) != NULL) {
        /* Without a place for the length, a NUL in the path is refused. */
        if (PyBytes_AsStringAndSize(path, &path_bytes, NULL) == 0 &&
            PyBytes_AsStringAndSize(vmclock_path, &vmclock_bytes, NULL) == 0) {
            const char *failed_path = path_bytes;
            ctx = cb_reader_open(path_bytes, vmclock_bytes, err, &failed_path);
            *about = failed_path == vmclock_bytes ? self->vmclock_path : self->path;
        }
    }
    Py_XDECREF(path);
    Py_XDECREF(vmclock_path);
    return ctx;
}

/* Opens layout 2's default place. A daemon of 1.x writes layout 1 only; if neither is there, the error is
 * about the first. */
static clockbound_ctx *open_default(ClientObject *self, clockbound_err *err, PyObject **about)
{
    self->path = PyUnicode_FromString(CLOCKBOUND_SHM_DEFAULT_PATH);
    if (self->path == NULL)
        return NULL;
    *about = self->path;
    clockbound_ctx *ctx = open_path(self, err, about);
    if (ctx != NULL || PyErr_Occurred() || *about != self->path || err->sys_errno != ENOENT)
        return ctx;
    PyObject *preferred = self->path;
    clockbound_err other = {CLOCKBOUND_ERR_NONE, 0, ""};
    self->path = PyUnicode_FromString(CLOCKBOUND_SHM_V1_DEFAULT_PATH);
    if (self->path != NULL)
        ctx = open_path(self, &other, about);
    if (ctx == NULL && (self->path == NULL || other.sys_errno == ENOENT)) {
        Py_XDECREF(self->path);
        *about = self->path = preferred;
    } else {
        *err = other;
        Py_DECREF(preferred);
    }
    return ctx;
}

static int client_open(ClientObject *self, PyObject *path, PyObject *vmclock_path)
{
    self->vmclock_path =
        vmclock_path == Py_None ? PyUnicode_FromString(VMCLOCK_SHM_DEFAULT_PATH) : as_path(vmclock_path);
    if (self->vmclock_path == NULL)
        return -1;
    clockbound_err err = {CLOCKBOUND_ERR_NONE, 0, ""};
    PyObject *about = NULL;
    clockbound_ctx *ctx = NULL;
    if (path == Py_None)
        ctx = open_default(self, &err, &about);
    else if ((self->path = as_path(path)) != NULL)
        ctx = open_path(self, &err, &about);
    /* ORDERING: relaxed; whoever hands the object to another thread orders it. */
    atomic_store_explicit(&self->ctx, ctx, memory_order_relaxed);
    if (ctx != NULL)
        return 0;
    if (!PyErr_Occurred())
        raise_error(self->state, &err, about);
    return -1;
}

static PyObject *client_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"path", "vmclock_path", NULL};
    PyObject *path = Py_None, *vmclock_path = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO:ClockBoundClient", names, &path,
                                     &vmclock_path))
        return NULL;
    ClientObject *self = PyObject_New(ClientObject, type);
    if (self == NULL)
        return NULL;
    self->state = (module_state *)PyType_GetModuleState(type);
    atomic_init(&self->ctx, NULL);
    self->retired = NULL;
    self->path = self->vmclock_path = NULL;
    if (client_open(self, path, vmclock_path) != 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void client_dealloc(PyObject *object)
{
    ClientObject *self = (ClientObject *)object;
    PyTypeObject *type = Py_TYPE(object);
    /* ORDERING: relaxed; nobody else refers to the object any more. */
    clockbound_close(atomic_load_explicit(&self->ctx, memory_order_relaxed));
    clockbound_close(self->retired);
    Py_XDECREF(self->path);
    Py_XDECREF(self->vmclock_path);
    PyObject_Free(self);
    Py_DECREF(type); /* instances of heap types hold their type */
}

/* The context; NULL with an exception set if the client is closed. */
static clockbound_ctx *context_of(const ClientObject *self)
{
    /* ORDERING: relaxed; it has been there since the object was made, or is gone. */
    clockbound_ctx *ctx = atomic_load_explicit(&self->ctx, memory_order_relaxed);
    if (ctx == NULL)
        PyErr_Format(PyExc_ValueError, "%U: the client is closed", self->path);
    return ctx;
}

static PyObject *answer(const ClientObject *self, clockbound_err const *err,
                        const struct cb_interval *interval)
{
    if (err != NULL)
        return raise_error(self->state, err, self->path);
    return make_interval(self->state, self->state->interval_type, interval->earliest_ns, interval->latest_ns,
                         (int)interval->status);
}

/* The interval of this moment for a question that can't carry a status; -1 with an exception set. */
__attribute__((flatten)) static int trusted_now(const ClientObject *self, struct cb_interval *interval)
{
    clockbound_ctx *ctx = context_of(self);
    if (ctx == NULL)
        return -1;
    clockbound_err const *err = cb_reader_now(ctx, interval);
    if (err != NULL) {
        raise_error(self->state, err, self->path);
        return -1;
    }
    if (is_trusted((int)interval->status))
        return 0;
    raise_from(
        PyObject_CallFunction(self->state->functions[NOT_TRUSTED], "iO", (int)interval->status, self->path));
    return -1;
}

/* now(max_error_ns=...) */
static PyObject *now_within(const ClientObject *self, PyObject *max_error)
{
    int64_t max_error_ns;
    struct cb_interval interval;
    PyObject *function = self->state->functions[MAX_ERROR_NS];
    if (as_ns(function, max_error, NULL, &max_error_ns) != 0)
        return NULL;
    if (max_error_ns < 0) /* which raises */
        return PyObject_CallFunctionObjArgs(function, max_error, NULL);
    if (trusted_now(self, &interval) != 0)
        return NULL;
    const uint64_t bound_ns = half_up((uint64_t)interval.latest_ns - (uint64_t)interval.earliest_ns);
    if (bound_ns <= (uint64_t)max_error_ns)
        return answer(self, NULL, &interval);
    return raise_from(PyObject_CallFunction(self->state->functions[TOO_LARGE], "KLO",
                                            (unsigned long long)bound_ns, (long long)max_error_ns,
                                            self->path));
}

__attribute__((flatten)) static PyObject *client_now(PyObject *object, PyObject *const *arguments,
                                                     Py_ssize_t count, PyObject *names)
{
    const ClientObject *self = (const ClientObject *)object;
    if (count != 0)
        return PyErr_Format(PyExc_TypeError, "now() takes no positional arguments (%zd given)", count);
    if (names != NULL && PyTuple_Size(names) > 0) {
        PyObject *name = PyTuple_GetItem(names, 0);
        if (PyTuple_Size(names) > 1 || PyUnicode_CompareWithASCIIString(name, "max_error_ns") != 0)
            return PyErr_Format(PyExc_TypeError, "now() takes max_error_ns as its only keyword argument");
        if (arguments[0] != Py_None)
            return now_within(self, arguments[0]);
    }
    struct cb_interval interval;
    clockbound_ctx *ctx = context_of(self);
    return ctx == NULL ? NULL : answer(self, cb_reader_now(ctx, &interval), &interval);
}

static PyObject *client_now_at(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"realtime_ns", "monotonic_ns", NULL};
    const ClientObject *self = (const ClientObject *)object;
    PyObject *realtime, *monotonic, *whole_ns = self->state->functions[WHOLE_NS];
    int64_t realtime_ns, monotonic_ns;
    struct cb_interval interval;
    clockbound_ctx *ctx;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:now_at", names, &realtime, &monotonic) ||
        as_ns(whole_ns, realtime, "a clock reading", &realtime_ns) != 0 ||
        as_ns(whole_ns, monotonic, "a clock reading", &monotonic_ns) != 0 || (ctx = context_of(self)) == NULL)
        return NULL;
    return answer(self, cb_reader_now_at(ctx, realtime_ns, monotonic_ns, &interval), &interval);
}

static PyObject *client_now_tai(PyObject *object, PyObject *unused)
{
    (void)unused;
    const ClientObject *self = (const ClientObject *)object;
    struct cb_interval interval;
    clockbound_ctx *ctx = context_of(self);
    if (ctx == NULL)
        return NULL;
    clockbound_err const *err = cb_reader_now_tai(ctx, &interval);
    if (err == NULL)
        return make_interval(self->state, self->state->tai_interval_type, interval.earliest_ns,
                             interval.latest_ns, (int)interval.status);
    if (err->kind != CLOCKBOUND_ERR_SYSCALL || err->sys_errno != ENODATA)
        return raise_error(self->state, err, self->path);
    return raise_from(
        PyObject_CallFunction(self->state->functions[TAI_UNKNOWN], "Os", self->path, err->detail));
}

/* One end of a time: of an Interval that can be relied on, or the instant that anything else is. */
static int end_of(const ClientObject *self, PyObject *t, bool latest, int64_t *ns)
{
    if (Py_TYPE(t) != self->state->interval_type)
        return as_ns(self->state->functions[INSTANT_NS], t, NULL, ns);
    const IntervalObject *interval = (const IntervalObject *)t;
    *ns = latest ? interval->latest_ns : interval->earliest_ns;
    return check_trusted(interval);
}

static PyObject *client_before(PyObject *object, PyObject *t)
{
    const ClientObject *self = (const ClientObject *)object;
    int64_t earliest_ns;
    struct cb_interval interval;
    if (end_of(self, t, false, &earliest_ns) != 0 || trusted_now(self, &interval) != 0)
        return NULL;
    return PyBool_FromLong(interval.latest_ns < earliest_ns);
}

static PyObject *client_after(PyObject *object, PyObject *t)
{
    const ClientObject *self = (const ClientObject *)object;
    int64_t latest_ns;
    struct cb_interval interval;
    if (end_of(self, t, true, &latest_ns) != 0 || trusted_now(self, &interval) != 0)
        return NULL;
    return PyBool_FromLong(interval.earliest_ns > latest_ns);
}

static PyObject *client_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    ClientObject *self = (ClientObject *)object;
    /* ORDERING: relaxed; nothing is read through it here. */
    clockbound_ctx *ctx = atomic_exchange_explicit(&self->ctx, NULL, memory_order_relaxed);
#ifdef Py_GIL_DISABLED
    /* Another thread may be in the middle of a question. It refers to this object, so the object's end is
     * late enough. */
    if (ctx != NULL)
        self->retired = ctx;
#else
    clockbound_close(ctx);
#endif
    Py_RETURN_NONE;
}

static PyObject *client_exit(PyObject *self, PyObject *unused)
{
    return client_close(self, unused);
}

static PyObject *client_repr(PyObject *object)
{
    ClientObject *self = (ClientObject *)object;
    const bool closed = atomic_load_explicit(&self->ctx, memory_order_relaxed) == NULL;
    return PyUnicode_FromFormat("<ClockBoundClient %R%s>", self->path, closed ? " closed" : "");
}

static PyMemberDef client_members[] = {
    {"path", T_OBJECT_EX, offsetof(ClientObject, path), READONLY, "The segment's path."},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef client_methods[] = {
    {"now", (PyCFunction)(void (*)(void))client_now, METH_FASTCALL | METH_KEYWORDS,
     "now($self, /, *, max_error_ns=None)\n--\n\n"
     "The interval that contains true time at this moment, with its status.\n\n"
     "With max_error_ns it raises ClockNotTrustedError unless the status is SYNCHRONIZED or FREE_RUNNING, "
     "and "
     "ErrorBoundTooLargeError where the clock may be wrong by more than that."},
    {"now_at", (PyCFunction)(void (*)(void))client_now_at, METH_VARARGS | METH_KEYWORDS,
     "now_at($self, /, realtime_ns, monotonic_ns)\n--\n\n"
     "The interval for given readings of CLOCK_REALTIME and CLOCK_MONOTONIC, from the segment as it is now."},
    {"now_tai", client_now_tai, METH_NOARGS,
     "now_tai($self, /)\n--\n\n"
     "As `now`, on the TAI scale. Raises TaiOffsetUnknownError where the kernel doesn't know its offset."},
    {"before", client_before, METH_O,
     "before($self, t, /)\n--\n\n"
     "Whether `t` has certainly not come yet: nanoseconds since 1970, an aware datetime, or all of an "
     "Interval.\n\n"
     "Raises ClockNotTrustedError unless the status is SYNCHRONIZED or FREE_RUNNING (of an Interval, too)."},
    {"after", client_after, METH_O,
     "after($self, t, /)\n--\n\n"
     "Whether `t` has certainly passed: nanoseconds since 1970, an aware datetime, or all of an Interval.\n\n"
     "Raises ClockNotTrustedError unless the status is SYNCHRONIZED or FREE_RUNNING (of an Interval, too)."},
    {"close", client_close, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "Unmap the segment. Any further question is a ValueError; closing again is not."},
    {"__enter__", return_self, METH_NOARGS, NULL},
    {"__exit__", client_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot client_slots[] = {
    {Py_tp_doc, "ClockBoundClient(path=None, vmclock_path=None)\n--\n\n"
                "Reads the segment that the daemon publishes. One client serves any number of threads. "
                "A context manager.\n\n"
                "path: the segment; by default layout 2's place, then layout 1's.\n\n"
                "vmclock_path: the VMClock page, which is opened where the segment asks for it."},
    {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc},
    {Py_tp_repr, client_repr},
    {Py_tp_members, client_members},
    {Py_tp_methods, client_methods},
    {0, NULL},
};

/* Final, also because the interpreter calls a method of C without a detour only on objects of its own type.
 */
static PyType_Spec client_spec = {
    .name = "clockbound_client.ClockBoundClient",
    .basicsize = sizeof(ClientObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = client_slots,
};

/* ----------------------------------------------------------------- publish */

#define HEADER_BYTES CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES

/* Makes size_bytes at segment, a whole packed one, what readers of the mapping get. Returns the new
 * generation. */
static PyObject *publish_bytes(const Py_buffer *mapping, const unsigned char *segment, Py_ssize_t size_bytes)
{
    /* The header up to the generation never changes while a segment is in use. */
    if (size_bytes <= HEADER_BYTES || size_bytes % (Py_ssize_t)sizeof(cb_word) != 0 ||
        mapping->len < size_bytes || (uintptr_t)mapping->buf % sizeof(cb_word) != 0)
        return PyErr_Format(PyExc_ValueError, "can't publish %zd bytes in a mapping of %zd bytes", size_bytes,
                            mapping->len);
    if (memcmp(mapping->buf, segment, CB_SEGMENT_V2_GENERATION_OFFSET_BYTES) != 0) {
        PyErr_SetString(PyExc_ValueError, "the mapping holds a segment of another layout");
        return NULL;
    }
    unsigned char *to = (unsigned char *)mapping->buf;
    return PyLong_FromLong(cb_seqlock_publish(to + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES, to + HEADER_BYTES,
                                              segment + HEADER_BYTES, (size_t)(size_bytes - HEADER_BYTES)));
}

static PyObject *publish(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    (void)module;
    if (count != 2)
        return PyErr_Format(PyExc_TypeError, "publish() takes exactly 2 arguments (%zd given)", count);
    Py_buffer mapping, segment;
    if (PyObject_GetBuffer(arguments[0], &mapping, PyBUF_WRITABLE) != 0)
        return NULL;
    if (PyObject_GetBuffer(arguments[1], &segment, PyBUF_SIMPLE) != 0) {
        PyBuffer_Release(&mapping);
        return NULL;
    }
    PyObject *generation = publish_bytes(&mapping, (const unsigned char *)segment.buf, segment.len);
    PyBuffer_Release(&mapping);
    PyBuffer_Release(&segment);
    return generation;
}

/* One function for each type that a record has: the item as such a number, or false with an exception. */
static bool take_int64_t(PyObject *item, int64_t *value)
{
    *value = PyLong_AsLongLong(item);
    return *value != -1 || !PyErr_Occurred();
}

static bool take_uint64_t(PyObject *item, uint64_t *value)
{
    *value = PyLong_AsUnsignedLongLong(item);
    return *value != UINT64_MAX || !PyErr_Occurred();
}

#define TAKES(type, lowest, highest)                                                                         \
    static bool take_##type(PyObject *item, type *value)                                                     \
    {                                                                                                        \
        int64_t taken;                                                                                       \
        if (!take_int64_t(item, &taken))                                                                     \
            return false;                                                                                    \
        if (taken < (lowest) || taken > (highest)) {                                                         \
            PyErr_SetNone(PyExc_OverflowError);                                                              \
            return false;                                                                                    \
        }                                                                                                    \
        *value = (type)taken;                                                                                \
        return true;                                                                                         \
    }
TAKES(uint8_t, 0, UINT8_MAX)
TAKES(uint16_t, 0, UINT16_MAX)
TAKES(int32_t, INT32_MIN, INT32_MAX)
TAKES(uint32_t, 0, UINT32_MAX)

/* The fields of a SegmentRecord, a tuple in the spec's order; the name of one that doesn't fit its type, or
 * NULL. */
static const char *take_record(PyObject *tuple, struct cb_segment_record *record)
{
    Py_ssize_t index = 0;
#define TAKE(name, type)                                                                                     \
    if (!take_##type(PyTuple_GetItem(tuple, index++), &record->name))                                        \
        return #name;
    CB_SEGMENT_RECORD_FIELDS(TAKE)
#undef TAKE
    return NULL;
}

#define COUNT(name, type) +1
enum { RECORD_FIELDS_COUNT = 0 CB_SEGMENT_RECORD_FIELDS(COUNT) };
#undef COUNT

static PyObject *publish_record_in(const Py_buffer *mapping, const struct cb_segment_record *record)
{
    unsigned char segment[CB_SEGMENT_V2_SIZE_BYTES];
    const bool is_v1 =
        mapping->len >= HEADER_BYTES && cb_segment_v2_load_version(mapping->buf) == CB_SEGMENT_V1_VERSION;
    if (is_v1)
        cb_segment_v1_store(segment, record);
    else
        cb_segment_v2_store(segment, record);
    return publish_bytes(mapping, segment, is_v1 ? CB_SEGMENT_V1_SIZE_BYTES : CB_SEGMENT_V2_SIZE_BYTES);
}

static PyObject *publish_record(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    (void)module;
    if (count != 2)
        return PyErr_Format(PyExc_TypeError, "publish_record() takes exactly 2 arguments (%zd given)", count);
    if (!PyTuple_Check(arguments[1]) || PyTuple_Size(arguments[1]) != RECORD_FIELDS_COUNT)
        return PyErr_Format(PyExc_TypeError, "publish_record() takes a SegmentRecord, not %R", arguments[1]);
    struct cb_segment_record record;
    const char *misfit = take_record(arguments[1], &record);
    if (misfit != NULL) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_Format(PyExc_OverflowError, "can't publish a record whose %s doesn't fit its type", misfit);
        return NULL;
    }
    Py_buffer mapping;
    if (PyObject_GetBuffer(arguments[0], &mapping, PyBUF_WRITABLE) != 0)
        return NULL;
    PyObject *generation = publish_record_in(&mapping, &record);
    PyBuffer_Release(&mapping);
    return generation;
}

/* ------------------------------------------------------------------ module */

/* Adds the type to the module and returns it. */
static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) != 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static PyTypeObject *add_interval_type(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = add_type(module, spec);
    PyObject *names = Py_BuildValue("(sss)", "earliest_ns", "latest_ns", "status");
    if (type != NULL &&
        (names == NULL || PyObject_SetAttrString((PyObject *)type, "__match_args__", names) != 0))
        Py_CLEAR(type);
    Py_XDECREF(names);
    return type;
}

static PyObject *imported(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name), *found = NULL;
    if (module != NULL)
        found = PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return found;
}

static int module_exec(PyObject *module)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    for (int i = 0; i < FUNCTIONS_COUNT; i++) {
        state->functions[i] = imported(function_names[i].module, function_names[i].name);
        if (state->functions[i] == NULL)
            return -1;
    }
    state->status_type = imported("clockbound_client._layout", "ClockStatus");
    if (state->status_type == NULL)
        return -1;
    for (int i = 0; i < STATUSES_COUNT; i++) {
        state->statuses[i] = PyObject_CallFunction(state->status_type, "i", i);
        if (state->statuses[i] == NULL)
            return -1;
    }
    state->interval_type = add_interval_type(module, &interval_spec);
    state->tai_interval_type = add_interval_type(module, &tai_interval_spec);
    if (state->interval_type == NULL || state->tai_interval_type == NULL)
        return -1;
    PyTypeObject *client_type = add_type(module, &client_spec);
    if (client_type == NULL)
        return -1;
    PyObject *complete = imported("clockbound_client._client", "complete"), *completed = NULL;
    if (complete != NULL)
        completed = PyObject_CallFunctionObjArgs(complete, client_type, state->interval_type, NULL);
    Py_DECREF(client_type);
    Py_XDECREF(complete);
    Py_XDECREF(completed);
    return completed == NULL ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    Py_VISIT(state->interval_type);
    Py_VISIT(state->tai_interval_type);
    Py_VISIT(state->status_type);
    for (int i = 0; i < state->spares_count; i++)
        Py_VISIT(state->interval_type); /* each spare holds it */
    for (int i = 0; i < FUNCTIONS_COUNT; i++)
        Py_VISIT(state->functions[i]);
    for (int i = 0; i < STATUSES_COUNT; i++)
        Py_VISIT(state->statuses[i]);
    return 0;
}

static int module_clear(PyObject *module)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    while (state->spares_count > 0)
        free_interval(state->spares[--state->spares_count]);
    Py_CLEAR(state->interval_type);
    Py_CLEAR(state->tai_interval_type);
    Py_CLEAR(state->status_type);
    for (int i = 0; i < FUNCTIONS_COUNT; i++)
        Py_CLEAR(state->functions[i]);
    for (int i = 0; i < STATUSES_COUNT; i++)
        Py_CLEAR(state->statuses[i]);
    return 0;
}

static void module_free(void *module)
{
    (void)module_clear((PyObject *)module);
}

static PyMethodDef module_methods[] = {
    {"publish", (PyCFunction)(void (*)(void))publish, METH_FASTCALL,
     "publish(mapping, segment, /)\n--\n\n"
     "Publish the body of `segment`, a whole packed segment, in `mapping`, a writable one of the same "
     "layout.\n\n"
     "For tests. Returns the new generation. Rule write.order."},
    {"publish_record", (PyCFunction)(void (*)(void))publish_record, METH_FASTCALL,
     "publish_record(mapping, record, /)\n--\n\n"
     "Publish `record`, a SegmentRecord, in `mapping`, a writable segment of either layout. Its generation "
     "doesn't count.\n\n"
     "For the daemon. Returns the new generation. Raises OverflowError when a number doesn't fit its type. "
     "Ranges are not checked. Rule write.order."},
    {NULL, NULL, 0, NULL},
};

/* What later versions ask of modules, which the stable ABI of 3.11 doesn't know: that they need no GIL that
 * interpreters share (3.12), and none at all (3.13). */
#define MULTIPLE_INTERPRETERS_SLOT 3
#define PER_INTERPRETER_GIL ((void *)2)
#define GIL_SLOT 4
#define GIL_NOT_USED ((void *)1)

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL}, /* for MULTIPLE_INTERPRETERS_SLOT */
    {0, NULL}, /* for GIL_SLOT */
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "clockbound_client._core",
    .m_doc = "The compiled implementation of clockbound_client.",
    .m_size = sizeof(module_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    if (Py_Version >= 0x030C0000)
        module_slots[1] = (PyModuleDef_Slot){MULTIPLE_INTERPRETERS_SLOT, PER_INTERPRETER_GIL};
    if (Py_Version >= 0x030D0000)
        module_slots[2] = (PyModuleDef_Slot){GIL_SLOT, GIL_NOT_USED};
    return PyModuleDef_Init(&module_definition);
}
