/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled module: Interval, ClockBoundClient and publish over the C core, in the stable ABI of
 * Python 3.11. The GIL is held throughout: a question takes less time than giving it up would.
 */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API /* the build defines it with the same value */
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <structmember.h>

#include <errno.h>

#include "reader.h"
#include "segment_layout.h"
#include "seqlock.h"

#define STATUSES (CLOCKBOUND_STA_DISRUPTED + 1)

typedef struct {
    PyObject *interval_type;
    PyObject *error_from;         /* clockbound_client._errors.error_from */
    PyObject *statuses[STATUSES]; /* the members of ClockStatus by value */
    PyObject *status_type;
} module_state;

/* The types can't be subclassed, so the type of an object is always the one that has the module's state. */
static module_state *state_of(PyObject *self)
{
    return (module_state *)PyType_GetModuleState(Py_TYPE(self));
}

/* ---------------------------------------------------------------- Interval */

typedef struct {
    PyObject_HEAD long long earliest_ns;
    long long latest_ns;
    int status;
} IntervalObject;

static PyObject *make_interval(PyTypeObject *type, int64_t earliest_ns, int64_t latest_ns, int status)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    IntervalObject *self = (IntervalObject *)allocate(type, 0);
    if (self != NULL) {
        self->earliest_ns = earliest_ns;
        self->latest_ns = latest_ns;
        self->status = status;
    }
    return (PyObject *)self;
}

/* An end of an interval or a clock reading; `what` is for the message. */
static int as_ns(PyObject *value, const char *what, int64_t *ns)
{
    if (!PyLong_Check(value)) {
        PyObject *name = PyType_GetName(Py_TYPE(value));
        if (name != NULL) {
            PyErr_Format(PyExc_TypeError, "%s is an int, not %U", what, name);
            Py_DECREF(name);
        }
        return -1;
    }
    int overflow;
    *ns = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
        PyErr_Format(PyExc_OverflowError, "%S ns is out of range for a time", value);
        return -1;
    }
    return *ns == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *interval_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"earliest_ns", "latest_ns", "status", NULL};
    PyObject *earliest, *latest, *status;
    int64_t earliest_ns, latest_ns;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OOO:Interval", names, &earliest, &latest,
                                     &status) ||
        as_ns(earliest, "an end of an interval", &earliest_ns) != 0 ||
        as_ns(latest, "an end of an interval", &latest_ns) != 0)
        return NULL;
    if (earliest_ns > latest_ns) {
        PyErr_Format(PyExc_ValueError, "earliest_ns %S is after latest_ns %S", earliest, latest);
        return NULL;
    }
    const module_state *state = (const module_state *)PyType_GetModuleState(type);
    /* ClockStatus(status) refuses what isn't one. */
    PyObject *member = PyObject_CallFunctionObjArgs(state->status_type, status, NULL);
    if (member == NULL)
        return NULL;
    const long value = PyLong_AsLong(member);
    Py_DECREF(member);
    return make_interval(type, earliest_ns, latest_ns, (int)value);
}

static void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type); /* instances of heap types hold their type */
}

static PyObject *interval_status(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *member = state_of(self)->statuses[((IntervalObject *)self)->status];
    Py_INCREF(member);
    return member;
}

static PyObject *interval_width_ns(PyObject *self, void *unused)
{
    (void)unused;
    const IntervalObject *interval = (const IntervalObject *)self;
    /* The width of the widest interval takes 64 bits and no sign. */
    return PyLong_FromUnsignedLongLong((unsigned long long)interval->latest_ns -
                                       (unsigned long long)interval->earliest_ns);
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
    PyObject *name = PyObject_GetAttrString(state_of(self)->statuses[interval->status], "name");
    if (name == NULL)
        return NULL;
    PyObject *repr = PyUnicode_FromFormat("Interval(earliest_ns=%lld, latest_ns=%lld, status=ClockStatus.%U)",
                                          interval->earliest_ns, interval->latest_ns, name);
    Py_DECREF(name);
    return repr;
}

static PyObject *interval_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("(ON)", (PyObject *)Py_TYPE(self), interval_values((const IntervalObject *)self));
}

static PyMemberDef interval_members[] = {
    {"earliest_ns", T_LONGLONG, offsetof(IntervalObject, earliest_ns), READONLY,
     "True time is not before this: nanoseconds since 1970, as CLOCK_REALTIME counts them."},
    {"latest_ns", T_LONGLONG, offsetof(IntervalObject, latest_ns), READONLY, "True time is not after this."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef interval_getters[] = {
    {"status", interval_status, NULL, "How far the interval can be relied on.", NULL},
    {"width_ns", interval_width_ns, NULL, "latest_ns - earliest_ns", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef interval_methods[] = {
    {"__reduce__", interval_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot interval_slots[] = {
    {Py_tp_doc,
     "Interval(earliest_ns, latest_ns, status)\n--\n\n"
     "True time lies between `earliest_ns` and `latest_ns`, as far as `status` says. Immutable.\n\n"
     "Both are nanoseconds since 1970-01-01T00:00:00Z, as CLOCK_REALTIME counts them."},
    {Py_tp_new, interval_new},
    {Py_tp_dealloc, free_object},
    {Py_tp_richcompare, interval_compare},
    {Py_tp_hash, interval_hash},
    {Py_tp_repr, interval_repr},
    {Py_tp_members, interval_members},
    {Py_tp_getset, interval_getters},
    {Py_tp_methods, interval_methods},
    {0, NULL},
};

static PyType_Spec interval_spec = {
    .name = "clockbound_client.Interval",
    .basicsize = sizeof(IntervalObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = interval_slots,
};

/* -------------------------------------------------------- ClockBoundClient */

typedef struct {
    PyObject_HEAD clockbound_ctx *ctx; /* NULL when closed */
    PyObject *path;      /* str */
    PyObject *vmclock_path;
} ClientObject;

static PyObject *raise_error(const module_state *state, clockbound_err const *err, PyObject *path)
{
    PyObject *error =
        PyObject_CallFunction(state->error_from, "iOis", (int)err->kind, path, err->sys_errno, err->detail);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
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

static int client_open(ClientObject *self, const module_state *state, PyObject *path, PyObject *vmclock_path)
{
    self->vmclock_path =
        vmclock_path == Py_None ? PyUnicode_FromString(VMCLOCK_SHM_DEFAULT_PATH) : as_path(vmclock_path);
    if (self->vmclock_path == NULL)
        return -1;
    self->path = path == Py_None ? PyUnicode_FromString(CLOCKBOUND_SHM_DEFAULT_PATH) : as_path(path);
    if (self->path == NULL)
        return -1;
    clockbound_err err = {CLOCKBOUND_ERR_NONE, 0, ""};
    PyObject *about = self->path;
    self->ctx = open_path(self, &err, &about);
    if (self->ctx == NULL && !PyErr_Occurred() && path == Py_None && about == self->path &&
        err.sys_errno == ENOENT) {
        /* No segment of layout 2: a daemon of 1.x writes layout 1 only. If it isn't there either, the error
         * is about the first. */
        PyObject *preferred = self->path;
        clockbound_err ignored;
        PyObject *about_other;
        self->path = PyUnicode_FromString(CLOCKBOUND_SHM_V1_DEFAULT_PATH);
        if (self->path != NULL)
            self->ctx = open_path(self, &ignored, &about_other);
        if (self->ctx == NULL) {
            Py_XDECREF(self->path);
            self->path = preferred;
        } else {
            Py_DECREF(preferred);
        }
    }
    if (self->ctx != NULL)
        return 0;
    if (!PyErr_Occurred())
        raise_error(state, &err, about);
    return -1;
}

static PyObject *client_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"path", "vmclock_path", NULL};
    PyObject *path = Py_None, *vmclock_path = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO:ClockBoundClient", names, &path,
                                     &vmclock_path))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    ClientObject *self = (ClientObject *)allocate(type, 0);
    if (self != NULL &&
        client_open(self, (const module_state *)PyType_GetModuleState(type), path, vmclock_path) != 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void client_dealloc(PyObject *object)
{
    ClientObject *self = (ClientObject *)object;
    clockbound_close(self->ctx);
    Py_XDECREF(self->path);
    Py_XDECREF(self->vmclock_path);
    free_object(object);
}

static int check_open(const ClientObject *self)
{
    if (self->ctx != NULL)
        return 0;
    PyErr_Format(PyExc_ValueError, "%U: the client is closed", self->path);
    return -1;
}

static PyObject *answer(ClientObject *self, clockbound_err const *err, const struct cb_interval *interval)
{
    const module_state *state = state_of((PyObject *)self);
    if (err != NULL)
        return raise_error(state, err, self->path);
    return make_interval((PyTypeObject *)state->interval_type, interval->earliest_ns, interval->latest_ns,
                         (int)interval->status);
}

static PyObject *client_now(PyObject *object, PyObject *unused)
{
    (void)unused;
    ClientObject *self = (ClientObject *)object;
    struct cb_interval interval;
    if (check_open(self) != 0)
        return NULL;
    return answer(self, cb_reader_now(self->ctx, &interval), &interval);
}

static PyObject *client_now_at(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"realtime_ns", "monotonic_ns", NULL};
    ClientObject *self = (ClientObject *)object;
    PyObject *realtime, *monotonic;
    int64_t realtime_ns, monotonic_ns;
    struct cb_interval interval;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO:now_at", names, &realtime, &monotonic) ||
        as_ns(realtime, "a clock reading", &realtime_ns) != 0 ||
        as_ns(monotonic, "a clock reading", &monotonic_ns) != 0 || check_open(self) != 0)
        return NULL;
    return answer(self, cb_reader_now_at(self->ctx, realtime_ns, monotonic_ns, &interval), &interval);
}

static PyObject *client_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    ClientObject *self = (ClientObject *)object;
    clockbound_close(self->ctx);
    self->ctx = NULL;
    Py_RETURN_NONE;
}

static PyObject *client_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    Py_INCREF(self);
    return self;
}

static PyObject *client_exit(PyObject *self, PyObject *unused)
{
    return client_close(self, unused);
}

static PyObject *client_repr(PyObject *object)
{
    const ClientObject *self = (const ClientObject *)object;
    return PyUnicode_FromFormat("<ClockBoundClient %R%s>", self->path, self->ctx == NULL ? " closed" : "");
}

static PyMemberDef client_members[] = {
    {"path", T_OBJECT_EX, offsetof(ClientObject, path), READONLY, "The segment's path."},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef client_methods[] = {
    {"now", client_now, METH_NOARGS,
     "now($self, /)\n--\n\nThe interval that contains true time at this moment, with its status."},
    {"now_at", (PyCFunction)(void (*)(void))client_now_at, METH_VARARGS | METH_KEYWORDS,
     "now_at($self, realtime_ns, monotonic_ns)\n--\n\n"
     "The interval for given readings of CLOCK_REALTIME and CLOCK_MONOTONIC, from the segment as it is now."},
    {"close", client_close, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "Unmap the segment. Any further question is a ValueError; closing again is not."},
    {"__enter__", client_enter, METH_NOARGS, NULL},
    {"__exit__", client_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot client_slots[] = {
    {Py_tp_doc, "ClockBoundClient(path=None, vmclock_path=None)\n--\n\n"
                "Reads the segment that the daemon publishes. One client serves any number of threads.\n\n"
                "path: the segment; by default layout 2's place, then layout 1's.\n\n"
                "vmclock_path: the VMClock page, which is opened where the segment asks for it."},
    {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc},
    {Py_tp_repr, client_repr},
    {Py_tp_members, client_members},
    {Py_tp_methods, client_methods},
    {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "clockbound_client.ClockBoundClient",
    .basicsize = sizeof(ClientObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = client_slots,
};

/* ----------------------------------------------------------------- publish */

#define HEADER_BYTES CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES

static PyObject *publish(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer mapping, segment;
    if (!PyArg_ParseTuple(arguments, "w*y*:publish", &mapping, &segment))
        return NULL;
    PyObject *result = NULL;
    /* The header up to the generation never changes while a segment is in use. */
    if (segment.len <= HEADER_BYTES || segment.len % (Py_ssize_t)sizeof(cb_word) != 0 ||
        mapping.len < segment.len || (uintptr_t)mapping.buf % sizeof(cb_word) != 0) {
        PyErr_Format(PyExc_ValueError, "can't publish %zd bytes in a mapping of %zd bytes", segment.len,
                     mapping.len);
    } else if (memcmp(mapping.buf, segment.buf, CB_SEGMENT_V2_GENERATION_OFFSET_BYTES) != 0) {
        PyErr_SetString(PyExc_ValueError, "the mapping holds a segment of another layout");
    } else {
        unsigned char *to = (unsigned char *)mapping.buf;
        const uint16_t generation = cb_seqlock_publish(
            to + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES, to + HEADER_BYTES,
            (const unsigned char *)segment.buf + HEADER_BYTES, (size_t)segment.len - HEADER_BYTES);
        result = PyLong_FromLong(generation);
    }
    PyBuffer_Release(&mapping);
    PyBuffer_Release(&segment);
    return result;
}

/* ------------------------------------------------------------------ module */

static int add_type(PyObject *module, PyType_Spec *spec, PyObject **keep)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL)
        return -1;
    const int failed = PyModule_AddType(module, (PyTypeObject *)type);
    if (failed == 0 && keep != NULL)
        *keep = type;
    else
        Py_DECREF(type);
    return failed;
}

static int module_exec(PyObject *module)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    PyObject *errors = PyImport_ImportModule("clockbound_client._errors");
    if (errors == NULL)
        return -1;
    state->error_from = PyObject_GetAttrString(errors, "error_from");
    Py_DECREF(errors);
    PyObject *layout = PyImport_ImportModule("clockbound_client._layout");
    if (layout == NULL)
        return -1;
    state->status_type = PyObject_GetAttrString(layout, "ClockStatus");
    Py_DECREF(layout);
    if (state->error_from == NULL || state->status_type == NULL)
        return -1;
    for (int i = 0; i < STATUSES; i++) {
        state->statuses[i] = PyObject_CallFunction(state->status_type, "i", i);
        if (state->statuses[i] == NULL)
            return -1;
    }
    if (add_type(module, &interval_spec, &state->interval_type) != 0)
        return -1;
    PyObject *names = Py_BuildValue("(sss)", "earliest_ns", "latest_ns", "status");
    const int failed =
        names == NULL || PyObject_SetAttrString(state->interval_type, "__match_args__", names) != 0;
    Py_XDECREF(names);
    if (failed)
        return -1;
    return add_type(module, &client_spec, NULL);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    Py_VISIT(state->interval_type);
    Py_VISIT(state->error_from);
    Py_VISIT(state->status_type);
    for (int i = 0; i < STATUSES; i++)
        Py_VISIT(state->statuses[i]);
    return 0;
}

static int module_clear(PyObject *module)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    Py_CLEAR(state->interval_type);
    Py_CLEAR(state->error_from);
    Py_CLEAR(state->status_type);
    for (int i = 0; i < STATUSES; i++)
        Py_CLEAR(state->statuses[i]);
    return 0;
}

static PyMethodDef module_methods[] = {
    {"publish", publish, METH_VARARGS,
     "publish(mapping, segment, /)\n--\n\n"
     "Publish the body of `segment`, a whole packed segment, in `mapping`, a writable one of the same "
     "layout.\n\n"
     "For the daemon. Returns the new generation. Rule write.order."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
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
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&module_definition);
}
