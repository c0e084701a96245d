/* REFUSED = "toys.h:4: a second @file" */
/** @file toy.h
 * Toys. */
/** @file box.h
 * Boxes. */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
