/* REFUSED = "toys.h:8: toy_box: can't read 'int lid[2]'" */
/** @file toy.h
 * Toys. */
/** A box. */
typedef struct toy_box
{
    /** Its lids. */
    int lid[2];
} toy_box;
