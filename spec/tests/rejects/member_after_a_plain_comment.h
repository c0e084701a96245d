/* REFUSED = "toys.h:8: toy_box.lid: has no comment" */
/** @file toy.h
 * Toys. */
/** A box. */
typedef struct toy_box {
    /** Its height. */
    int height;
    /* Its lid. */ int lid;
} toy_box;
