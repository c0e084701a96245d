/* REFUSED = "toys.h:4: toy_open: has no comment" */
/** @file toy.h
 * Toys. */
TOY_API int toy_open(void);
