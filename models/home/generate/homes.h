/*
 * Random homes. Names are put together from lists (models/home/names) and from syllables, so that
 * most of them are words nobody has; a tenth of the words is kept for homes that are measured on.
 */
#ifndef INK_GENERATE_HOMES_H
#define INK_GENERATE_HOMES_H

#include "home/home.h"

typedef struct name_lists name_lists;

name_lists *names_read(const char *folder);

/* A home as JSON, then read. Never NULL. */
ink_home *home_random(const name_lists *names, bool held_out, uint64_t *random);

/* The JSON of the last home. */
const char *home_json(void);

/* The alias of a thing of the last home, as its file has it; its name when it has none. */
const char *home_alias(const ink_thing *thing);

/* The device class that a device's names tell; NULL: they tell none. */
const char *home_class(const ink_thing *thing);

/* "lights", "garage door": words that mean any of their kind, if no device has that name. */
bool names_mean_kind(const name_lists *names, const ink_word *words, size_t n_words);

/* A name that the home lacks, and that means no kind: of a device, or an area. */
void ghost_random(const name_lists *names, const ink_home *home, bool held_out, char *out,
                  size_t room, uint64_t *random);

#endif
