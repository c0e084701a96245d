/* REFUSED = "toys.h:4: toy_box: a type has no @param" */
/** @file toy.h
 * Toys. */
/** A box.
 * @return a box */
typedef struct toy_box toy_box;
