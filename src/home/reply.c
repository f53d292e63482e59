#include "home/reply.h"

#include <string.h>
#include "base/number.h"
#include "text/json.h"

typedef struct reader {
    const ink_request *request;
    const char *rest; /* of the answer */
    const char *word; /* the last one, [n_bytes] */
    size_t n_bytes;
} reader;

static bool next(reader *r)
{
    return ink_home_next(&r->rest, &r->word, &r->n_bytes);
}

static bool is(const reader *r, const char *text)
{
    return strlen(text) == r->n_bytes && memcmp(text, r->word, r->n_bytes) == 0;
}

/* The word that a letter stands for; n_words when it is none. */
static size_t letter(const reader *r)
{
    size_t n_words = r->request->words.n_words;
    if (r->n_bytes != 1 || r->word[0] < 'A' || (size_t)(r->word[0] - 'A') >= n_words)
        return n_words;
    return (size_t)(r->word[0] - 'A');
}

static bool take_text(ink_slot_value *value, const char *text, size_t n_bytes)
{
    value->text = text;
    value->n_bytes = n_bytes;
    return true;
}

static bool read_candidate(const reader *r, ink_slot_kind kind, ink_slot_value *value)
{
    if (value->slot == INK_SLOT_name && is(r, "all"))
        return take_text(value, "all", 3);
    size_t candidate = r->n_bytes == 1 ? (size_t)(unsigned char)r->word[0] - '1' : SIZE_MAX;
    if (!ink_request_fits(r->request, candidate, kind))
        return false;
    const ink_thing *thing = &r->request->home->things[r->request->candidates[candidate].thing];
    return take_text(value, thing->name, strlen(thing->name));
}

static bool read_number(const reader *r, const ink_slot_row *row, ink_slot_value *value)
{
    size_t at = letter(r);
    value->is_number = true;
    for (size_t i = 0; i < INK_N_AMOUNTS; i++)
        if (is(r, ink_home_amounts[i].name)) {
            value->number = ink_home_amounts[i].value;
            return true;
        }
    if (at == r->request->words.n_words || !r->request->words.items[at].is_number)
        return false;
    value->number = r->request->words.items[at].number;
    return value->number >= row->low && value->number <= row->high;
}

static bool read_stretch(reader *r, ink_slot_value *value)
{
    size_t first = letter(r), n_words = r->request->words.n_words;
    if (first == n_words || !next(r))
        return false;
    size_t last = letter(r), n_bytes;
    if (last == n_words || last < first)
        return false;
    const char *text = ink_request_text(r->request, first, last, &n_bytes);
    return take_text(value, text, n_bytes);
}

/* A word of a list, or a domain. */
static bool read_word(const reader *r, const ink_slot_row *row, ink_slot_value *value)
{
    const char *list = row->words, *word;
    size_t n_bytes;
    while (ink_home_next(&list, &word, &n_bytes))
        if (n_bytes == r->n_bytes && memcmp(word, r->word, n_bytes) == 0)
            return take_text(value, word, n_bytes);
    ink_home_domain domain =
        row->kind == INK_SLOT_IS_DOMAIN ? ink_domain_find(r->word, r->n_bytes) : INK_N_DOMAINS;
    if (domain == INK_N_DOMAINS || !ink_domain_asked(domain))
        return false;
    return take_text(value, ink_domain_name(domain), strlen(ink_domain_name(domain)));
}

static bool read_value(reader *r, ink_slot_value *value)
{
    const ink_slot_row *row = &ink_home_slots[value->slot];
    if (!next(r))
        return false;
    switch (row->kind) {
    case INK_SLOT_IS_DEVICE:
    case INK_SLOT_IS_AREA:
    case INK_SLOT_IS_FLOOR:
        return read_candidate(r, row->kind, value);
    case INK_SLOT_IS_NUMBER:
        return read_number(r, row, value);
    case INK_SLOT_IS_TEXT:
        return read_stretch(r, value);
    case INK_SLOT_IS_STATE:
        return read_word(r, row, value) || read_stretch(r, value);
    case INK_SLOT_IS_DOMAIN:
    case INK_SLOT_IS_WORD:
        break;
    }
    return read_word(r, row, value);
}

static bool read_slots(reader *r, const ink_intent_row *row, ink_reply *out)
{
    uint32_t seen = 0;
    while (next(r)) {
        ink_slot_value value = {.slot = ink_slot_find(r->word, r->n_bytes)};
        if (value.slot == INK_N_SLOTS || !(row->allowed >> value.slot & 1) ||
            seen >> value.slot != 0) /* not behind the others */
            return false;
        if (!read_value(r, &value))
            return false;
        seen |= (uint32_t)1 << value.slot;
        out->slots[out->n_slots++] = value;
    }
    return (row->required & ~seen) == 0 && (!row->some || seen);
}

ink_status ink_reply_read(ink_reply *out, const ink_request *request, const char *answer,
                          ink_error *error)
{
    reader r = {.request = request, .rest = answer};
    ink_reply reply = {.intent = INK_INTENT_NONE};
    bool valid = next(&r);
    if (valid && !is(&r, "none")) {
        ink_intent_row row;
        reply.intent = ink_intent_find(r.word, r.n_bytes);
        valid = reply.intent != INK_INTENT_NONE;
        if (valid) {
            ink_intent_get(reply.intent, &row);
            valid = read_slots(&r, &row, &reply);
        }
    } else {
        valid = valid && !next(&r);
    }
    if (!valid)
        return ink_fail(error, INK_CORRUPT, (uint64_t)(r.rest - answer),
                        "the model's answer is not valid: %.200s", answer);
    *out = reply;
    return INK_OK;
}

static void write_value(const ink_slot_value *value, ink_buffer *out, bool quoted)
{
    char digits[INK_FLOAT_BYTES];
    if (value->is_number)
        ink_buffer_text(out, ink_print_float((float)value->number, digits));
    else if (quoted)
        (void)ink_json_write(out, ink_value_borrow(value->text, value->n_bytes), NULL, NULL);
    else
        ink_buffer_append(out, value->text, value->n_bytes);
}

void ink_reply_write(const ink_reply *reply, ink_buffer *out)
{
    ink_intent_row row = {.name = "none"};
    if (reply->intent != INK_INTENT_NONE)
        ink_intent_get(reply->intent, &row);
    ink_buffer_format(out, "{\"intent\":\"%s\",\"slots\":{", row.name);
    for (size_t i = 0; i < reply->n_slots; i++) {
        ink_buffer_format(out, "%s\"%s\":", i ? "," : "", ink_home_slots[reply->slots[i].slot].key);
        write_value(&reply->slots[i], out, true);
    }
    ink_buffer_text(out, "}}");
}

static const ink_slot_value *find_slot(const ink_reply *reply, const char *name, size_t n_bytes)
{
    ink_home_slot slot = ink_slot_find(name, n_bytes);
    for (size_t i = 0; i < reply->n_slots; i++)
        if (reply->slots[i].slot == slot)
            return &reply->slots[i];
    return NULL;
}

/* A response with its slots filled in; false when one is absent. */
static bool fill(const ink_reply *reply, const char *text, size_t n_bytes, ink_buffer *out)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] != '{') {
            ink_buffer_append(out, text + i, 1);
            continue;
        }
        size_t length = strcspn(text + i, "}");
        const ink_slot_value *value = find_slot(reply, text + i + 1, length - 1);
        if (!value)
            return false;
        write_value(value, out, false);
        i += length;
    }
    return true;
}

void ink_reply_say(const ink_reply *reply, ink_buffer *out)
{
    ink_intent_row row = {.response = "Sorry, that is nothing I can do."};
    if (reply->intent != INK_INTENT_NONE)
        ink_intent_get(reply->intent, &row);
    for (const char *at = row.response; *at;) {
        bool optional = *at == '[';
        at += optional;
        size_t length = strcspn(at, optional ? "]" : "["), before = out->n_bytes;
        if (!fill(reply, at, length, out) && out->data)
            out->data[out->n_bytes = before] = '\0';
        at += length + optional;
    }
}
