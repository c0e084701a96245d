/* REFUSED = "toys.h:6: names _GONE, which" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box, or _GONE */
TOY_API int toy_open(void);
