/* REFUSED = "toys.h:4: toy_close: returns nothing" */
/** @file toy.h
 * Toys. */
/** Close.
 * @return a box */
TOY_API void toy_close(void);
