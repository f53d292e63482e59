/* What the model reads of a request, and the grammar of what it may answer. */
#include <string.h>
#include "home/request.h"

bool ink_request_fits(const ink_request *request, size_t candidate, ink_slot_kind kind)
{
    static const ink_slot_kind kinds[] = {[INK_THING_FLOOR] = INK_SLOT_IS_FLOOR,
                                          [INK_THING_AREA] = INK_SLOT_IS_AREA,
                                          [INK_THING_DEVICE] = INK_SLOT_IS_DEVICE};
    return candidate < request->n_candidates &&
           kinds[request->home->things[request->candidates[candidate].thing].kind] == kind;
}

/* "2 light 1 ~": a light in the area that is candidate 1, not named to the letter. */
static void write_candidate(const ink_request *request, size_t index, ink_buffer *out)
{
    static const char *const kinds[] = {"floor", "area"};
    const ink_candidate *c = &request->candidates[index];
    const ink_thing *thing = &request->home->things[c->thing];
    ink_buffer_format(out, "%zu %s ", index + 1,
                      thing->kind == INK_THING_DEVICE ? ink_domain_name(thing->domain)
                                                      : kinds[thing->kind]);
    for (size_t i = 0; i < request->n_candidates; i++)
        if (request->candidates[i].thing == thing->place)
            ink_buffer_format(out, "%zu ", i + 1);
    if (index == request->here)
        ink_buffer_text(out, "here ");
    if (c->distance)
        ink_buffer_text(out, "~ ");
}

/* Those whose name ends with word `end` - 1; 0: that have none in the sentence. */
static void write_candidates_at(const ink_request *request, size_t end, ink_buffer *out)
{
    for (size_t k = 0; k < request->n_candidates; k++) {
        const ink_candidate *c = &request->candidates[k];
        if (end == (c->n_words ? (size_t)c->first + c->n_words : 0))
            write_candidate(request, k, out);
    }
}

void ink_request_prompt(const ink_request *request, ink_buffer *out)
{
    write_candidates_at(request, 0, out);
    for (size_t i = 0; i < request->words.n_words; i++) {
        const ink_word *word = &request->words.items[i];
        ink_buffer_format(out, "%c %s ", (char)('A' + i), word->is_number ? "#" : word->text);
        write_candidates_at(request, i + 1, out);
    }
    ink_buffer_text(out, request->words.more ? ".. =" : "=");
}

/* ---- The grammar. */

/* Writes `a | b | c`; `n` counts what was written. */
static void alternative(ink_buffer *out, size_t *n, const char *text, size_t n_bytes)
{
    ink_buffer_format(out, "%s\" %.*s\"", (*n)++ ? " | " : "", (int)n_bytes, text);
}

static void write_candidates(const ink_request *request, ink_slot_kind kind, ink_buffer *out,
                             size_t *n)
{
    for (size_t i = 0; i < request->n_candidates; i++)
        if (ink_request_fits(request, i, kind))
            alternative(out, n, &"123456789"[i], 1);
}

static void write_numbers(const ink_request *request, const ink_slot_row *row, ink_buffer *out,
                          size_t *n)
{
    for (size_t i = 0; i < request->words.n_words; i++) {
        const ink_word *word = &request->words.items[i];
        char letter = (char)('A' + i);
        if (word->is_number && word->number >= row->low && word->number <= row->high)
            alternative(out, n, &letter, 1);
    }
    for (size_t i = 0; i < INK_N_AMOUNTS; i++)
        alternative(out, n, ink_home_amounts[i].name, strlen(ink_home_amounts[i].name));
}

/* From a word to one that does not stand before it. */
static void write_stretches(const ink_request *request, ink_buffer *out, size_t *n)
{
    for (size_t i = 0; i < request->words.n_words; i++)
        ink_buffer_format(out, "%s\" %c \" [%c-%c]", (*n)++ ? " | " : "", (char)('A' + i),
                          (char)('A' + i), (char)('A' + request->words.n_words - 1));
}

/* The rule of a slot; false when nothing may stand there. */
static bool write_slot(const ink_request *request, ink_home_slot slot, ink_buffer *out)
{
    const ink_slot_row *row = &ink_home_slots[slot];
    const char *list = row->words, *word;
    size_t n = 0, n_bytes, before = out->n_bytes;
    ink_buffer_format(out, "s%d ::= \" %s\" (", (int)slot, row->name);
    if (row->kind == INK_SLOT_IS_DEVICE || row->kind == INK_SLOT_IS_AREA ||
        row->kind == INK_SLOT_IS_FLOOR)
        write_candidates(request, row->kind, out, &n);
    if (slot == INK_SLOT_name)
        alternative(out, &n, "all", 3);
    for (size_t i = 0; i < INK_N_DOMAINS && row->kind == INK_SLOT_IS_DOMAIN; i++)
        if (ink_domain_asked((ink_home_domain)i))
            alternative(out, &n, ink_domain_name((ink_home_domain)i),
                        strlen(ink_domain_name((ink_home_domain)i)));
    while (ink_home_next(&list, &word, &n_bytes))
        alternative(out, &n, word, n_bytes);
    if (row->kind == INK_SLOT_IS_NUMBER)
        write_numbers(request, row, out, &n);
    if (row->kind == INK_SLOT_IS_TEXT || row->kind == INK_SLOT_IS_STATE)
        write_stretches(request, out, &n);
    ink_buffer_text(out, ")\n");
    if (n == 0)
        out->n_bytes = before;
    return n != 0;
}

/* The slots behind `from`, each there or not; required ones are there. */
static void write_rest(const ink_intent_row *row, uint32_t slots, unsigned from, ink_buffer *out)
{
    for (unsigned s = from; s < INK_N_SLOTS; s++)
        if (slots >> s & 1)
            ink_buffer_format(out, row->required >> s & 1 ? " s%u" : " s%u?", s);
}

static void write_intent(ink_home_intent intent, uint32_t possible, ink_buffer *out)
{
    ink_intent_row row;
    bool first = true;
    ink_intent_get(intent, &row);
    uint32_t slots = row.allowed & possible;
    if ((row.required & ~possible) || (row.some && !slots))
        return;
    ink_buffer_format(out, " | \" %s\"", row.name);
    if (!row.some) {
        write_rest(&row, slots, 0, out);
        return;
    }
    ink_buffer_text(out, " (");
    for (unsigned s = 0; s < INK_N_SLOTS; s++) {
        if (!(slots >> s & 1))
            continue;
        ink_buffer_format(out, "%ss%u", first ? "" : " | ", s);
        write_rest(&row, slots, s + 1, out);
        first = false;
    }
    ink_buffer_text(out, ")");
}

void ink_request_grammar(const ink_request *request, ink_buffer *out)
{
    uint32_t possible = 0;
    for (unsigned s = 0; s < INK_N_SLOTS; s++)
        if (write_slot(request, (ink_home_slot)s, out))
            possible |= (uint32_t)1 << s;
    ink_buffer_text(out, "root ::= \" none\"");
    for (size_t i = 0; i < INK_N_INTENTS; i++)
        write_intent((ink_home_intent)i, possible, out);
    ink_buffer_text(out, "\n");
}
