/* REFUSED = "toys.h:6: toy_box.lid: has no comment" */
/** @file toy.h
 * Toys. */
/** A box. */
typedef struct toy_box {
    int lid;
} toy_box;
