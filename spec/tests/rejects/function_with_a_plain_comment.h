/* REFUSED = "toys.h:5: toy_open: has no comment" */
/** @file toy.h
 * Toys. */
/* Open. */
TOY_API int toy_open(void);
