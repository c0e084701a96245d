/* REFUSED = "toys.h:6: toy_open: has no type" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
TOY_API toy_open(void);
