/* REFUSED = "toys.h:4: can't read 'extern int toy_count;'" */
/** @file toy.h
 * Toys. */
extern int toy_count;
