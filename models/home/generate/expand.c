#define _POSIX_C_SOURCE 200809L
#include "expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "random.h"

enum { LEFT_OUT = 50 }; /* percent of what may be left out */

static void say(sentence *s, const char *word)
{
    if (s->n_pieces == MAX_PIECES) {
        s->impossible = true;
        return;
    }
    (void)snprintf(s->pieces[s->n_pieces++], MAX_PIECE, "%s", word);
}

static bool is_article(const char *word)
{
    return strcmp(word, "the") == 0 || strcmp(word, "my") == 0 || strcmp(word, "our") == 0;
}

/* "my the lamp", "the first floor floor": what rules and names have twice is said once. */
static bool repeats(const sentence *s, const char *word)
{
    if (s->n_pieces == 0)
        return false;
    const char *before = s->pieces[s->n_pieces - 1], *last = strrchr(before, ' ');
    last = last ? last + 1 : before;
    return strcasecmp(last, word) == 0 || (is_article(word) && is_article(before));
}

/* Articles apart: a sentence that differs only in these is no other one. */
static void remember(sentence *s, const char *word)
{
    size_t n = strlen(s->skeleton);
    if (is_article(word))
        return;
    (void)snprintf(s->skeleton + n, sizeof s->skeleton - n, "%s ", word);
}

static mark *add_mark(sentence *s, ink_home_slot slot)
{
    static mark none;
    if (s->n_marks == MAX_MARKS) {
        s->impossible = true;
        return &none;
    }
    s->marks[s->n_marks] = (mark){.slot = slot, .thing = INK_THING_NOWHERE, .first = s->n_pieces};
    return &s->marks[s->n_marks++];
}

/* The next name of "light/fan". */
static ink_home_domain next_domain(const char **list)
{
    size_t n = strcspn(*list, "/");
    ink_home_domain domain = ink_domain_find(*list, n);
    *list += n + ((*list)[n] == '/');
    return domain;
}

static bool fits(const expansion *e, const ink_thing *thing)
{
    const char *wanted = template_fixed(e->template, "device_class");
    if (!wanted || thing->domain != INK_DOMAIN_binary_sensor)
        return true;
    const char *class = home_class(thing);
    return class ? strcmp(class, wanted) == 0 : !e->template->exact;
}

static uint32_t pick_of(const expansion *e, ink_thing_kind kind, ink_home_domain domain)
{
    uint32_t n = 0, chosen = INK_THING_NOWHERE;
    for (uint32_t i = 0; i < e->home->n_things; i++) {
        const ink_thing *thing = &e->home->things[i];
        if (thing->kind == kind &&
            (kind != INK_THING_DEVICE || (thing->domain == domain && fits(e, thing))) &&
            below(e->random, ++n) == 0)
            chosen = i;
    }
    return chosen;
}

/* A device of one of these domains: of a random one, or the next that the home has. */
static uint32_t pick_device(const expansion *e, const char *domains)
{
    enum { MAX_DOMAINS = 40 };
    ink_home_domain list[MAX_DOMAINS];
    size_t n = 0;
    while (*domains && n < MAX_DOMAINS)
        list[n++] = next_domain(&domains);
    size_t first = n ? below(e->random, n) : 0;
    uint32_t chosen = INK_THING_NOWHERE;
    for (size_t i = 0; i < n && chosen == INK_THING_NOWHERE; i++)
        chosen = pick_of(e, INK_THING_DEVICE, list[(first + i) % n]);
    return chosen;
}

/* The area that the sentence has named already, or INK_THING_NOWHERE. */
static uint32_t named_area(const sentence *s)
{
    for (size_t i = 0; i < s->n_marks; i++)
        if (s->marks[i].slot == INK_SLOT_area && s->marks[i].end)
            return s->marks[i].thing;
    return INK_THING_NOWHERE;
}

/* Sooner one that stands in the area of the sentence: "the kitchen lamp". */
static uint32_t pick_near(const expansion *e, const sentence *s, const char *domains)
{
    enum { PICKS = 8 };
    uint32_t area = named_area(s), chosen = pick_device(e, domains);
    for (size_t i = 0; i < PICKS && area != INK_THING_NOWHERE && chosen != INK_THING_NOWHERE; i++)
        if (e->home->things[chosen].place != area)
            chosen = pick_device(e, domains);
    return chosen;
}

/* A device that stands in the area of the sentence where one does: "the lamp in the kitchen". */
static void say_thing(const expansion *e, sentence *s, ink_home_slot slot)
{
    static const ink_thing_kind kinds[] = {[INK_SLOT_IS_DEVICE] = INK_THING_DEVICE,
                                           [INK_SLOT_IS_AREA] = INK_THING_AREA,
                                           [INK_SLOT_IS_FLOOR] = INK_THING_FLOOR};
    const char *domains = slot == INK_SLOT_list ? "todo" : e->template->domains;
    ink_thing_kind kind = kinds[ink_home_slots[slot].kind];
    uint32_t thing = kind == INK_THING_DEVICE ? pick_near(e, s, domains ? domains : "")
                                              : pick_of(e, kind, INK_N_DOMAINS);
    if (slot == INK_SLOT_area)
        for (size_t i = 0; i < s->n_marks; i++) {
            uint32_t device =
                s->marks[i].slot == INK_SLOT_name ? s->marks[i].thing : INK_THING_NOWHERE;
            if (device != INK_THING_NOWHERE && e->home->things[device].place != INK_THING_NOWHERE)
                thing = e->home->things[device].place;
        }
    if (thing == INK_THING_NOWHERE) {
        s->impossible = true;
        return;
    }
    const ink_thing *t = &e->home->things[thing];
    mark *m = add_mark(s, slot);
    m->thing = thing;
    bool alias = t->n_names > 1 && chance(e->random, 50);
    say(s, alias ? home_alias(t) : t->name);
    m->end = s->n_pieces;
}

static void number_words(unsigned n, char *out, size_t room, uint64_t *random)
{
    static const char *const ones[] = {"zero",    "one",     "two",       "three",    "four",
                                       "five",    "six",     "seven",     "eight",    "nine",
                                       "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                       "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                       "fifty", "sixty", "seventy", "eighty", "ninety"};
    if (n < 20)
        (void)snprintf(out, room, "%s", ones[n]);
    else if (n == 100)
        (void)snprintf(out, room, "one hundred");
    else if (n > 100)
        (void)snprintf(out, room, "%u", n);
    else
        (void)snprintf(out, room,
                       n % 10 == 0          ? "%s"
                       : chance(random, 20) ? "%s-%s"
                                            : "%s %s",
                       tens[n / 10], ones[n % 10]);
}

/* Round numbers are said more often than others. */
static unsigned pick_number(const expansion *e, const node *n)
{
    unsigned low = 0, high = 100;
    const char *dash = n->sign == ':' ? strchr(n->value, '-') : NULL;
    if (dash) {
        low = (unsigned)strtoul(n->value, NULL, 10);
        high = (unsigned)strtoul(dash + 1, NULL, 10);
    }
    unsigned value = low + (unsigned)below(e->random, high - low + 1);
    unsigned even = value - value % 5;
    return chance(e->random, 50) && even >= low ? even : value;
}

static void say_number(const expansion *e, sentence *s, ink_home_slot slot, const node *n)
{
    char word[64], number[48];
    unsigned value = pick_number(e, n);
    bool halves = slot == INK_SLOT_temperature && chance(e->random, 15);
    bool in_words = chance(e->random, 40);
    bool a_hundred = in_words && value == 100 && chance(e->random, 50);
    const char *half = in_words ? " point five" : ".5";
    if (a_hundred)
        say(s, "a");
    if (a_hundred)
        (void)snprintf(number, sizeof number, "hundred");
    else if (in_words)
        number_words(value, number, sizeof number, e->random);
    else
        (void)snprintf(number, sizeof number, "%u", value);
    (void)snprintf(word, sizeof word, "%s%s", number, halves ? half : "");
    mark *m = add_mark(s, slot);
    say(s, word);
    m->end = s->n_pieces;
}

static void walk(const expansion *e, sentence *s, const node *n);

static void say_slot(const expansion *e, sentence *s, const node *n)
{
    if (strcmp(n->text, "ghost") == 0) {
        char name[MAX_PIECE];
        ghost_random(e->names, e->home, e->held_out, name, sizeof name, e->random);
        remember(s, "{ghost}");
        say(s, name);
        return;
    }
    ink_home_slot slot = ink_slot_find(n->text, strlen(n->text));
    ink_slot_kind kind = ink_home_slots[slot].kind;
    if (n->sign == '=') {
        mark *m = add_mark(s, slot);
        m->word = n->value;
        return;
    }
    char label[64];
    (void)snprintf(label, sizeof label, "{%s}", n->text);
    remember(s, label);
    if (kind == INK_SLOT_IS_NUMBER) {
        say_number(e, s, slot, n);
    } else if (n->sign == ':') {
        size_t skeleton = strlen(s->skeleton), index = s->n_marks;
        (void)add_mark(s, slot);
        walk(e, s, grammar_rule(e->grammar, n->value));
        s->skeleton[skeleton] = '\0';
        if (index < s->n_marks) {
            s->marks[index].end = s->n_pieces;
            for (size_t i = s->marks[index].first; i < s->n_pieces; i++)
                s->fixed[i] = true;
        }
    } else {
        say_thing(e, s, slot);
    }
}

static void walk(const expansion *e, sentence *s, const node *n)
{
    const node *child = n->child;
    switch (n->kind) {
    case NODE_WORD:
        if (repeats(s, n->text))
            break;
        remember(s, n->text);
        say(s, n->text);
        break;
    case NODE_SLOT:
        say_slot(e, s, n);
        break;
    case NODE_RULE:
        walk(e, s, grammar_rule(e->grammar, n->text));
        break;
    case NODE_CHOICE:
        if (n->optional && chance(e->random, LEFT_OUT))
            break;
        for (size_t i = below(e->random, n->n_children); i > 0; i--)
            child = child->next;
        walk(e, s, child);
        break;
    case NODE_SEQUENCE:
        for (; child; child = child->next)
            walk(e, s, child);
        break;
    }
}

void sentence_expand(const expansion *e, sentence *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < e->template->n_fixed; i++) {
        const char *name = e->template->fixed[i];
        mark *m = add_mark(out, ink_slot_find(name, strlen(name)));
        m->word = e->template->fixed_value[i];
    }
    if (e->template->here) {
        mark *m = add_mark(out, INK_SLOT_area);
        m->thing = e->spoken_in;
    }
    out->impossible = (e->template->here && e->spoken_in == INK_THING_NOWHERE) ||
                      (e->template->away && e->spoken_in != INK_THING_NOWHERE);
    if (!out->impossible)
        walk(e, out, e->template->body);
    out->impossible = out->impossible || out->n_pieces == 0;
}

size_t sentence_write(const sentence *s, char *out, size_t room, uint32_t *offsets)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_pieces && n + MAX_PIECE < room; i++) {
        if (i && !strchr("'%", s->pieces[i][0]))
            out[n++] = ' ';
        size_t length = strlen(s->pieces[i]);
        offsets[2 * i] = (uint32_t)n;
        memcpy(out + n, s->pieces[i], length + 1);
        n += length;
        offsets[2 * i + 1] = (uint32_t)n;
    }
    return n;
}

/* The words between two bytes of the sentence; false when they do not begin and end there. */
static bool find_words(const ink_request *request, uint32_t begin, uint32_t end, size_t *first,
                       size_t *last)
{
    const ink_words *words = &request->words;
    *first = 0;
    while (*first < words->n_words && words->items[*first].begin < begin)
        ++*first;
    *last = *first;
    while (*last + 1 < words->n_words && words->items[*last + 1].begin < end)
        ++*last;
    return *first < words->n_words && words->items[*first].begin == begin &&
           words->items[*last].end == end;
}

static bool write_mark(const mark *m, const ink_request *request, const uint32_t *offsets,
                       ink_buffer *out)
{
    const ink_slot_row *row = &ink_home_slots[m->slot];
    size_t first, last;
    ink_buffer_format(out, " %s", row->name);
    if (m->word) {
        ink_buffer_format(out, " %s", m->word);
        return true;
    }
    if (m->thing != INK_THING_NOWHERE) {
        for (size_t i = 0; i < request->n_candidates; i++)
            if (request->candidates[i].thing == m->thing) {
                ink_buffer_format(out, " %zu", i + 1);
                return true;
            }
        return false;
    }
    if (m->end == m->first ||
        !find_words(request, offsets[2 * m->first], offsets[2 * m->end - 1], &first, &last))
        return false;
    if (row->kind == INK_SLOT_IS_NUMBER) {
        ink_buffer_format(out, " %c", (char)('A' + first));
        return first == last && request->words.items[first].is_number;
    }
    ink_buffer_format(out, " %c %c", (char)('A' + first), (char)('A' + last));
    return true;
}

bool sentence_answer(const sentence *s, const expansion *e, const ink_request *request,
                     const uint32_t *offsets, ink_buffer *out)
{
    ink_intent_row row = {.name = "none"};
    if (e->template->intent != INK_INTENT_NONE)
        ink_intent_get(e->template->intent, &row);
    ink_buffer_format(out, " %s", row.name);
    for (size_t slot = 0; slot < INK_N_SLOTS; slot++)
        for (size_t i = 0; i < s->n_marks; i++)
            if (s->marks[i].slot == slot && e->template->intent != INK_INTENT_NONE) {
                if (!write_mark(&s->marks[i], request, offsets, out))
                    return false;
                break; /* what was set first: a slot stands once */
            }
    return true;
}
