/* Which things of a home a sentence may be about. */
#include <string.h>
#include "base/size.h"
#include "base/utf8.h"
#include "home/request.h"

enum { MAX_FOUND = 48, MAX_LETTERS = 128, MAX_SPAN = 8, FAR = 100 };

typedef struct found {
    ink_candidate items[MAX_FOUND]; /* best first */
    size_t n;
} found;

static unsigned allowed_distance(size_t n_letters)
{
    return n_letters < 4 ? 0 : n_letters < 8 ? 1 : n_letters < 12 ? 2 : 3;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Letters to change, add, drop or swap (optimal string alignment), in three rows. */
static unsigned distance_of(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[3][MAX_LETTERS + 1];
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j ? rows[0][j - 1] + (is_digit(b[j - 1]) ? FAR : 1) : 0;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned *row = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        unsigned drop = is_digit(a[i - 1]) ? FAR : 1;
        row[0] = before[0] + drop;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned add = is_digit(b[j - 1]) ? FAR : 1;
            unsigned change = a[i - 1] == b[j - 1] ? 0 : drop > add ? drop : add;
            row[j] = least(before[j - 1] + change, least(before[j] + drop, row[j - 1] + add));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], older[j - 2] + (drop > add ? drop : add));
        }
    }
    return rows[n_a % 3][n_b];
}

/* How far a name is from a stretch of words; FAR when it is not near. */
static unsigned compare(const ink_thing_name *name, const char *folded, size_t n_bytes,
                        uint64_t letters)
{
    unsigned allowed = allowed_distance(ink_size_min(name->n_bytes, n_bytes));
    size_t longer = ink_size_max(name->n_bytes, n_bytes);
    if (longer - ink_size_min(name->n_bytes, n_bytes) > allowed || longer > MAX_LETTERS)
        return FAR;
    if (allowed == 0 || name->n_bytes == n_bytes)
        if (memcmp(name->folded, folded, n_bytes) == 0)
            return 0;
    if ((unsigned)__builtin_popcountll(name->letters ^ letters) > 2 * allowed)
        return FAR;
    unsigned distance = distance_of(name->folded, name->n_bytes, folded, n_bytes);
    return distance <= allowed ? distance : FAR;
}

/* Negative: a is better. */
static int order(const ink_candidate *a, const ink_candidate *b)
{
    int wrong = (a->distance > 0) - (b->distance > 0);
    if (wrong)
        return wrong;
    if (a->n_letters != b->n_letters)
        return b->n_letters - a->n_letters;
    if (a->distance != b->distance)
        return a->distance - b->distance;
    return a->thing < b->thing ? -1 : 1;
}

/* Of a thing the best place is kept. */
static void keep(found *f, ink_candidate candidate)
{
    size_t at = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->items[i].thing != candidate.thing)
            continue;
        if (order(&f->items[i], &candidate) <= 0)
            return;
        memmove(&f->items[i], &f->items[i + 1], (f->n - i - 1) * sizeof *f->items);
        f->n--;
    }
    while (at < f->n && order(&f->items[at], &candidate) <= 0)
        at++;
    if (at == MAX_FOUND)
        return;
    f->n -= f->n == MAX_FOUND;
    memmove(&f->items[at + 1], &f->items[at], (f->n - at) * sizeof *f->items);
    f->items[at] = candidate;
    f->n++;
}

static void find(const ink_request *request, size_t first, size_t n_words, found *f)
{
    char folded[MAX_LETTERS + 1];
    size_t n_bytes = ink_home_fold(&request->words.items[first], n_words, folded, sizeof folded);
    uint64_t letters = ink_home_letters(folded, n_bytes);
    for (uint32_t i = 0; i < request->home->n_things; i++) {
        const ink_thing *thing = &request->home->things[i];
        for (uint32_t k = 0; k < thing->n_names; k++) {
            const ink_thing_name *name = &thing->names[k];
            if (name->n_words + 1 < n_words || n_words + 1 < name->n_words)
                continue;
            unsigned distance = compare(name, folded, n_bytes, letters);
            if (distance == FAR)
                continue;
            keep(f, (ink_candidate){.thing = i,
                                    .first = (uint8_t)first,
                                    .n_words = (uint8_t)n_words,
                                    .distance = (uint8_t)distance,
                                    .n_letters = (uint16_t)name->n_bytes});
        }
    }
}

static bool within(const ink_candidate *inner, const ink_candidate *outer)
{
    return inner->first >= outer->first &&
           inner->first + inner->n_words <= outer->first + outer->n_words;
}

/* What a better candidate stands for already. */
static bool is_covered(const ink_request *request, const ink_candidate *c,
                       const ink_candidate *better)
{
    const ink_thing *thing = &request->home->things[c->thing];
    const ink_thing *other = &request->home->things[better->thing];
    if (!within(c, better) || better->distance > 0)
        return false;
    bool shorter = c->n_words < better->n_words;
    return shorter || (c->distance > 0 && thing->kind == other->kind);
}

static bool same_name(const ink_request *request, const ink_candidate *a, const ink_candidate *b)
{
    const ink_thing *one = &request->home->things[a->thing];
    const ink_thing *other = &request->home->things[b->thing];
    return a->first == b->first && one->kind == other->kind && one->kind == INK_THING_DEVICE &&
           strcmp(one->name, other->name) == 0;
}

/* 2: the sentence names the area of a device, 1: it was spoken there. */
static int nearness(const ink_request *request, const found *f, const ink_candidate *c,
                    uint32_t spoken_in)
{
    uint32_t place = request->home->things[c->thing].place;
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].thing == place)
            return 2;
    return place != INK_THING_NOWHERE && place == spoken_in;
}

static void choose(ink_request *request, const found *f, uint32_t spoken_in)
{
    size_t room = INK_HOME_MAX_CANDIDATES - (spoken_in != INK_THING_NOWHERE);
    for (size_t i = 0; i < f->n && request->n_candidates < room; i++) {
        const ink_candidate *c = &f->items[i];
        bool drop = false;
        for (size_t k = 0; k < request->n_candidates && !drop; k++) {
            ink_candidate *kept = &request->candidates[k];
            drop = is_covered(request, c, kept);
            if (!drop && same_name(request, c, kept)) {
                if (nearness(request, f, c, spoken_in) > nearness(request, f, kept, spoken_in))
                    *kept = *c;
                drop = true;
            }
        }
        if (!drop)
            request->candidates[request->n_candidates++] = *c;
    }
}

/* As they stand in the sentence; areas before devices of the same words. */
static void sort(ink_request *request)
{
    for (size_t i = 1; i < request->n_candidates; i++) {
        ink_candidate c = request->candidates[i];
        size_t at = i;
        for (; at > 0; at--) {
            const ink_candidate *before = &request->candidates[at - 1];
            if (before->first < c.first || (before->first == c.first && before->thing < c.thing))
                break;
            request->candidates[at] = *before;
        }
        request->candidates[at] = c;
    }
}

static void add_here(ink_request *request, uint32_t spoken_in)
{
    size_t i = 0;
    while (i < request->n_candidates && request->candidates[i].thing != spoken_in)
        i++;
    if (i == request->n_candidates && spoken_in != INK_THING_NOWHERE)
        request->candidates[request->n_candidates++] = (ink_candidate){.thing = spoken_in};
    request->here = i;
}

ink_status ink_request_read(ink_request *out, const ink_home *home, const char *sentence,
                            size_t n_bytes, uint32_t spoken_in, ink_error *error)
{
    found f = {.n = 0};
    *out = (ink_request){.home = home, .sentence = sentence, .n_bytes = n_bytes};
    if (n_bytes > INK_SENTENCE_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0, "the sentence has %zu bytes; at most %d are read",
                        n_bytes, INK_SENTENCE_MAX_BYTES);
    if (!ink_utf8_valid(sentence, n_bytes))
        return ink_fail(error, INK_CORRUPT, 0, "the sentence is not valid UTF-8");
    ink_words_read(&out->words, sentence, n_bytes);
    if (out->words.n_words == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "the sentence has no words");
    for (size_t first = 0; first < out->words.n_words; first++)
        for (size_t n = 1; n <= MAX_SPAN && first + n <= out->words.n_words; n++)
            find(out, first, n, &f);
    choose(out, &f, spoken_in);
    sort(out);
    add_here(out, spoken_in);
    return INK_OK;
}
