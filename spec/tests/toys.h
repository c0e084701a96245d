/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file toy.h
 * Toys: what is in the box. It has *stars*, `ticks` and under_scores_.
 *
 * Open it with toy_open(), and so on:
 *
 *     toy_box *box = toy_open("it's\n", 2 - 1);
 *     .dots and `ticks` ~^ are shown as they are
 *
 * 'Quoted' words and .dotted ones begin a line, and so does \slash. A path is TOY_DEFAULT_BOX_PATH.
 *
 * @par No signals
 * See fork(2), or say -Wl,--toys; toys-first is not an option.
 *
 * @param box from toy_open()
 * @see fork(2), toybox(8)
 */
#ifndef TOY_H
#define TOY_H \
    1

#ifdef __cplusplus
extern "C" {
#endif

/* Not for the manual. */
typedef char toy_needs_bytes[sizeof(char) == 1 ? 1 : -1];

/** A box. Opaque; made by toy_open(). */
typedef struct toy_box toy_box;

/** Extension: a corner. */
typedef struct toy_corner {
    /** Steps to the right; of corner_y nothing is said. */
    int corner_x;
    /* Not for the manual. */
    /**
     * Steps up; a toy_mood does not
     * change it.
     */
    const char *corner_y;
} toy_corner;

/**
 * Open a box. It stays open until malloc() fails (TOY_MOOD_CALM say).
 *
 * A second paragraph; "CROSS" is toy_open()'s mood, not toy_look()'s.
 *
 * @param path_of_box path of the box; path_of_box is copied
 * @param count       how many
 * @return a box, or NULL: _SYSCALL (see EAGAIN and ENOENT),
 *         _BROKEN
 */
TOY_API toy_box *toy_open(char const *path_of_box,
                          int64_t count /* not for the manual */);

/** Close what is open. */
TOY_API void toy_close(toy_box *box);

/**
 * @name Additions
 * They are told with these:
 *
 *     EAGAIN  the box is shut
 *     ERANGE  it is too large
 *
 * @par Another part
 * Which follows.
 */

/**
 * Extension: whether toy_open() would do.
 *
 * @return true; as toy_open(), or _SYSCALL with ERANGE
 */
TOY_API bool toy_look(void);

#ifdef __cplusplus
}
#endif
#endif
