/* REFUSED = "toys.h:4: toy_open: @param mood: isn't a parameter" */
/** @file toy.h
 * Toys. */
/** Open.
 * @param mood how
 * @return a box */
TOY_API int toy_open(void);
