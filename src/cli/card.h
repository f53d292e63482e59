/* Cards for people. */
#ifndef INK_CLI_CARD_H
#define INK_CLI_CARD_H

#include "inkling.h"

/*
 * A card (see ink_card_get) as a table on standard output, the newest evaluations last; nothing for
 * an empty one. Whoever wrote the model's file wrote it: of what it says only printable characters
 * appear, and no more than fits.
 */
ink_status ink_card_print(const char *card, size_t n_bytes, ink_error *error);

#endif
