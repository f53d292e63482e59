/*
 * A home as its file describes it: floors, areas, devices, each with a name and aliases. Names are
 * the owner's; nothing but the file knows them.
 */
#ifndef INK_HOME_HOME_H
#define INK_HOME_HOME_H

#include "home/vocabulary.h"
#include "home/words.h"

#define INK_HOME_MAX_BYTES ((size_t)4 << 20)
enum {
    INK_HOME_MAX_FLOORS = 64,
    INK_HOME_MAX_AREAS = 512,
    INK_HOME_MAX_DEVICES = 4096,
    INK_HOME_MAX_ALIASES = 32, /* of one */
    INK_HOME_MAX_NAME = 100    /* bytes */
};

typedef enum ink_thing_kind { INK_THING_FLOOR, INK_THING_AREA, INK_THING_DEVICE } ink_thing_kind;

/* A name as it is looked for: its words, run together. */
typedef struct ink_thing_name {
    const char *folded; /* [n_bytes], terminated */
    uint32_t n_bytes, n_words;
    uint64_t letters; /* bits of the bytes that occur */
} ink_thing_name;

enum { INK_THING_NOWHERE = UINT32_MAX };

typedef struct ink_thing {
    ink_thing_kind kind;
    ink_home_domain domain; /* of devices */
    uint32_t place;         /* an area's floor, a device's area, as a thing; or nowhere */
    const char *name;       /* as the owner writes it */
    ink_thing_name *names;  /* [n_names]: it and the aliases */
    uint32_t n_names;
} ink_thing;

typedef struct ink_home {
    ink_arena arena;
    ink_thing *things; /* [n_things]: floors, then areas, then devices */
    uint32_t n_things;
} ink_home;

/*
 * {"floors": [{"name", "aliases"}], "areas": [{"name", "aliases", "floor"}], "devices": [{"name",
 * "aliases", "domain", "area"}]}. `file` stands before messages, which name the member that is
 * wrong: CORRUPT, or LIMIT.
 */
INK_MUST_USE
ink_status ink_home_read(ink_home **out, const char *json, size_t n_bytes, const char *file,
                         const ink_allocator *allocator, ink_error *error);
void ink_home_free(ink_home *home);

/* By name or alias, case and punctuation apart; INK_THING_NOWHERE: there is none. */
uint32_t ink_home_find(const ink_home *home, ink_thing_kind kind, const char *name, size_t n_bytes);

/* Words run together, as they are compared: at most `room` - 1 bytes. Returns how many. */
size_t ink_home_fold(const ink_word *words, size_t n_words, char *out, size_t room);
uint64_t ink_home_letters(const char *folded, size_t n_bytes);

#endif
