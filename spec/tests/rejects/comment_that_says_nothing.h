/* REFUSED = "toys.h:4: a comment that says nothing" */
/** @file toy.h
 * Toys. */
/** @return a box */
TOY_API int toy_open(void);
