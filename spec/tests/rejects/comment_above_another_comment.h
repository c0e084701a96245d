/* REFUSED = "toys.h:4: a comment that describes nothing" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
/* This is between them. */
TOY_API int toy_open(void);
