/* REFUSED = "toys.h:6: can't read 'int toy_open(void);'" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
int toy_open(void);
