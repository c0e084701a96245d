/* REFUSED = "toys.h:6: names toy_shut(), which" */
/** @file toy.h
 * Toys. */
/** Undo toy_shut().
 * @return a box */
TOY_API int toy_open(void);
