/* REFUSED = "toys.h:4: toy_box: has no comment" */
/** @file toy.h
 * Toys. */
typedef struct toy_box toy_box;
