/*
 * What can be said about a home: intents, slots, their values and domains, as rows. Names are those
 * of Home Assistant's intents.yaml.
 */
#ifndef INK_HOME_VOCABULARY_H
#define INK_HOME_VOCABULARY_H

#include "base/status.h"

typedef enum ink_home_domain {
#define DOMAIN(name, asked) INK_DOMAIN_##name,
#include "home/domains.def"
#undef DOMAIN
    INK_N_DOMAINS
} ink_home_domain;

typedef enum ink_home_slot {
#define SLOT(name, key, kind, words, low, high) INK_SLOT_##name,
#include "home/slots.def"
#undef SLOT
    INK_N_SLOTS
} ink_home_slot;

typedef enum ink_home_intent {
#define INTENT(name, slots, response) INK_INTENT_##name,
#include "home/intents.def"
#undef INTENT
    INK_N_INTENTS,
    INK_INTENT_NONE = INK_N_INTENTS
} ink_home_intent;

typedef enum ink_slot_kind {
    INK_SLOT_IS_DEVICE, /* a candidate, or all of them */
    INK_SLOT_IS_AREA,
    INK_SLOT_IS_FLOOR,
    INK_SLOT_IS_DOMAIN,
    INK_SLOT_IS_WORD,   /* one of `words` */
    INK_SLOT_IS_STATE,  /* one of `words`, or a stretch of the sentence */
    INK_SLOT_IS_NUMBER, /* one that stands in the sentence, or a word of ink_home_amounts */
    INK_SLOT_IS_TEXT    /* a stretch of the sentence */
} ink_slot_kind;

typedef struct ink_slot_row {
    const char *name;  /* in answers of the model */
    const char *key;   /* in JSON */
    const char *words; /* between blanks */
    ink_slot_kind kind;
    double low, high;
} ink_slot_row;

typedef struct ink_intent_row {
    const char *name, *response;
    uint32_t allowed, required; /* bits of slots */
    bool some;                  /* one slot at least */
} ink_intent_row;

/* Amounts that are said without a number: "half", and what that is. */
typedef struct ink_amount {
    const char *name;
    double value;
} ink_amount;

enum { INK_N_AMOUNTS = 7 };
extern const ink_amount ink_home_amounts[INK_N_AMOUNTS];

extern const ink_slot_row ink_home_slots[INK_N_SLOTS];

/* `slots` of an intent's row, read. */
void ink_intent_get(ink_home_intent intent, ink_intent_row *out);

/* INK_N_DOMAINS when there is none of that name. */
ink_home_domain ink_domain_find(const char *name, size_t n_bytes);
const char *ink_domain_name(ink_home_domain domain);
bool ink_domain_asked(ink_home_domain domain);

/* INK_INTENT_NONE when there is none of that name. */
ink_home_intent ink_intent_find(const char *name, size_t n_bytes);

/* INK_N_SLOTS when there is none of that name. */
ink_home_slot ink_slot_find(const char *name, size_t n_bytes);

/* The next word of a list between blanks, or false; `*list` goes on behind it. */
bool ink_home_next(const char **list, const char **word, size_t *n_bytes);

#endif
