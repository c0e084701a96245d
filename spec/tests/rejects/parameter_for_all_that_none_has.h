/* REFUSED = "toys.h:2: @param mood: no function needs it" */
/** @file toy.h
 * Toys.
 * @param mood how */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
