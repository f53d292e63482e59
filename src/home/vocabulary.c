#include "home/vocabulary.h"

#include <string.h>

static const char *const domains[INK_N_DOMAINS] = {
#define DOMAIN(name, asked) #name,
#include "home/domains.def"
#undef DOMAIN
};

static const bool asked_domains[INK_N_DOMAINS] = {
#define DOMAIN(name, asked) asked,
#include "home/domains.def"
#undef DOMAIN
};

const ink_slot_row ink_home_slots[INK_N_SLOTS] = {
#define SLOT(name_, key_, kind_, words_, low_, high_) \
    {.name = #name_,                                  \
     .key = #key_,                                    \
     .words = words_,                                 \
     .kind = INK_SLOT_IS_##kind_,                     \
     .low = low_,                                     \
     .high = high_},
#include "home/slots.def"
#undef SLOT
};

static const struct {
    const char *name, *slots, *response;
} intents[INK_N_INTENTS] = {
#define INTENT(name, slots, response) {#name, slots, response},
#include "home/intents.def"
#undef INTENT
};

const ink_amount ink_home_amounts[INK_N_AMOUNTS] = {
    {"one", 1}, {"half", 30}, {"quarter", 15}, {"max", 100}, {"min", 1}, {"zero", 0}, {"mid", 50}};

_Static_assert(INK_N_SLOTS <= 32, "slots are bits of 32");

static bool equal(const char *name, const char *text, size_t n_bytes)
{
    return strlen(name) == n_bytes && memcmp(name, text, n_bytes) == 0;
}

bool ink_home_next(const char **list, const char **word, size_t *n_bytes)
{
    *word = *list + strspn(*list, " ");
    *n_bytes = strcspn(*word, " ");
    *list = *word + *n_bytes;
    return *n_bytes != 0;
}

void ink_intent_get(ink_home_intent intent, ink_intent_row *out)
{
    const char *list = intents[intent].slots, *word;
    size_t n_bytes;
    *out = (ink_intent_row){
        .name = intents[intent].name, .response = intents[intent].response, .some = *list == '+'};
    for (list += out->some; ink_home_next(&list, &word, &n_bytes);) {
        bool required = word[n_bytes - 1] == '*';
        uint32_t bit = (uint32_t)1 << ink_slot_find(word, n_bytes - required);
        out->allowed |= bit;
        out->required |= required ? bit : 0;
    }
}

ink_home_domain ink_domain_find(const char *name, size_t n_bytes)
{
    size_t i = 0;
    while (i < INK_N_DOMAINS && !equal(domains[i], name, n_bytes))
        i++;
    return (ink_home_domain)i;
}

const char *ink_domain_name(ink_home_domain domain)
{
    return domains[domain];
}

bool ink_domain_asked(ink_home_domain domain)
{
    return asked_domains[domain];
}

ink_home_intent ink_intent_find(const char *name, size_t n_bytes)
{
    size_t i = 0;
    while (i < INK_N_INTENTS && !equal(intents[i].name, name, n_bytes))
        i++;
    return (ink_home_intent)i;
}

ink_home_slot ink_slot_find(const char *name, size_t n_bytes)
{
    size_t i = 0;
    while (i < INK_N_SLOTS && !equal(ink_home_slots[i].name, name, n_bytes))
        i++;
    return (ink_home_slot)i;
}
