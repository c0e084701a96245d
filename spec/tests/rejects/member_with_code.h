/* REFUSED = "toys.h:6: toy_box: a member's comment is plain paragraphs" */
/** @file toy.h
 * Toys. */
/** A box. */
typedef struct toy_box {
    /** Its lid:
     *
     *     lid = 1;
     */
    int lid;
} toy_box;
