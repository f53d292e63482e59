#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "noise.h"
#include "random.h"

/* ---- Lists. */

static void read_phrases(phrases *list, const char *folder, const char *name)
{
    char path[512], line[128];
    (void)snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "r");
    while (file && list->n < MAX_PHRASES && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *colon = strstr(line, ": ");
        if (!*line || *line == '#')
            continue;
        list->said[list->n] = copy_text(line, colon ? (size_t)(colon - line) : strlen(line));
        list->heard[list->n++] = colon ? copy_text(colon + 2, strlen(colon + 2)) : NULL;
    }
    if (file)
        (void)fclose(file);
    if (list->n)
        return;
    fprintf(stderr, "%s: is missing or empty\n", path);
    exit(1);
}

void noise_read(noise *n, const char *folder)
{
    read_phrases(&n->ask, folder, "ask");
    read_phrases(&n->before, folder, "before");
    read_phrases(&n->after, folder, "after");
    read_phrases(&n->fillers, folder, "fillers");
    read_phrases(&n->slips, folder, "slips");
}

static const char *pick_phrase(const phrases *list, uint64_t *random)
{
    return list->said[below(random, list->n)];
}

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(list[i], word) != 0)
        i++;
    return i < n;
}

#define IS_ONE_OF(word, list) is_one_of(word, list, sizeof(list) / sizeof *(list))

/* ---- Pieces, and the marks that point at them. */

static void insert(sentence *s, size_t at, const char *text)
{
    if (s->n_pieces == MAX_PIECES)
        return;
    memmove(s->pieces[at + 1], s->pieces[at], (s->n_pieces - at) * sizeof *s->pieces);
    memmove(&s->fixed[at + 1], &s->fixed[at], (s->n_pieces - at) * sizeof *s->fixed);
    (void)snprintf(s->pieces[at], MAX_PIECE, "%s", text);
    s->fixed[at] = false;
    s->n_pieces++;
    for (size_t i = 0; i < s->n_marks; i++) {
        s->marks[i].first += s->marks[i].first >= at;
        s->marks[i].end += s->marks[i].end > at;
    }
}

static void drop(sentence *s, size_t at)
{
    for (size_t i = 0; i < s->n_marks; i++) {
        s->marks[i].first -= s->marks[i].first > at;
        s->marks[i].end -= s->marks[i].end > at;
    }
    s->n_pieces--;
    memmove(s->pieces[at], s->pieces[at + 1], (s->n_pieces - at) * sizeof *s->pieces);
    memmove(&s->fixed[at], &s->fixed[at + 1], (s->n_pieces - at) * sizeof *s->fixed);
}

static bool in_mark(const sentence *s, size_t at)
{
    for (size_t i = 0; i < s->n_marks; i++)
        if (!s->marks[i].word && at >= s->marks[i].first && at < s->marks[i].end)
            return true;
    return false;
}

static bool is_free(const sentence *s, size_t at)
{
    return !s->fixed[at] && !in_mark(s, at);
}

/* ---- Kinds of noise. */

static void ask(sentence *s, const noise *n, uint64_t *random)
{
    static const char *const questions[] = {"what",  "what's",  "whats", "is",   "are",  "how",
                                            "which", "where",   "who",   "when", "do",   "did",
                                            "have",  "where's", "has",   "why",  "does", "who's"};
    bool command = !IS_ONE_OF(s->pieces[0], questions) && chance(random, 75);
    insert(s, 0, pick_phrase(command ? &n->ask : &n->before, random));
    if (chance(random, 15))
        insert(s, 0, pick_phrase(&n->before, random));
}

static void thank(sentence *s, const noise *n, uint64_t *random)
{
    if (!s->fixed[s->n_pieces - 1])
        insert(s, s->n_pieces, pick_phrase(&n->after, random));
}

/* Not inside what is marked: between two pieces of a text it would belong to it. */
static void hesitate(sentence *s, const noise *n, uint64_t *random)
{
    size_t at = below(random, s->n_pieces);
    if (is_free(s, at))
        insert(s, at, pick_phrase(&n->fillers, random));
}

static void stutter(sentence *s, const noise *n, uint64_t *random)
{
    size_t at = below(random, s->n_pieces);
    char word[MAX_PIECE];
    (void)n;
    memcpy(word, s->pieces[at], MAX_PIECE);
    if (is_free(s, at))
        insert(s, at, word);
}

static void lose_articles(sentence *s, const noise *n, uint64_t *random)
{
    (void)n;
    for (size_t i = 0; i < s->n_pieces; i++)
        if (strcmp(s->pieces[i], "the") == 0 && is_free(s, i) && s->n_pieces > 2 &&
            chance(random, 70))
            drop(s, i);
}

static void lose_word(sentence *s, const noise *n, uint64_t *random)
{
    static const char *const weak[] = {"in", "of", "to", "at", "is", "are", "a", "me", "by", "for"};
    size_t at = below(random, s->n_pieces);
    (void)n;
    if (s->n_pieces > 3 && is_free(s, at) && IS_ONE_OF(s->pieces[at], weak))
        drop(s, at);
}

/* From a random word on the first that has slips, and one of these. */
static void mishear(sentence *s, const noise *n, uint64_t *random)
{
    size_t first = below(random, s->n_pieces);
    for (size_t i = 0; i < s->n_pieces; i++) {
        size_t at = (first + i) % s->n_pieces, n_slips = 0;
        const char *heard = NULL;
        for (size_t k = 0; k < n->slips.n && is_free(s, at); k++)
            if (strcmp(s->pieces[at], n->slips.said[k]) == 0 && below(random, ++n_slips) == 0)
                heard = n->slips.heard[k];
        if (!heard)
            continue;
        (void)snprintf(s->pieces[at], MAX_PIECE, "%s", heard);
        return;
    }
}

/* A letter lost, doubled, beside the one that was meant, or swapped with its neighbor. */
static void mistype_word(char *word, uint64_t *random)
{
    size_t n = strlen(word), at = 1 + (n > 3 ? below(random, n - 2) : 0);
    if (n < 4 || n + 1 >= MAX_PIECE || word[at] < 'a' || word[at] > 'z' || word[at + 1] == ' ')
        return;
    char c = word[at];
    switch (below(random, 4)) {
    case 0:
        memmove(word + at, word + at + 1, n - at);
        break;
    case 1:
        memmove(word + at + 1, word + at, n - at + 1);
        break;
    case 2:
        word[at] = (char)('a' + below(random, 26));
        break;
    default:
        if (word[at + 1]) {
            word[at] = word[at + 1];
            word[at + 1] = c;
        }
    }
}

static void mistype(sentence *s, const noise *n, uint64_t *random)
{
    size_t at = below(random, s->n_pieces);
    (void)n;
    if (!s->fixed[at])
        mistype_word(s->pieces[at], random);
}

/* "living room" as "livingroom". */
static void run_together(sentence *s, const noise *n, uint64_t *random)
{
    size_t at = below(random, s->n_pieces);
    char *blank = strchr(s->pieces[at], ' ');
    (void)n;
    if (blank && !s->fixed[at])
        memmove(blank, blank + 1, strlen(blank));
}

static void punctuate(sentence *s, const noise *n, uint64_t *random)
{
    static const char *const ends[] = {".", ".", "?", "!", ",", "..."};
    size_t last = s->n_pieces - 1, length = strlen(s->pieces[last]);
    const char *end = ends[below(random, sizeof ends / sizeof *ends)];
    (void)n;
    if (is_free(s, last) && length + strlen(end) < MAX_PIECE)
        memcpy(s->pieces[last] + length, end, strlen(end) + 1);
    if (s->pieces[0][0] >= 'a' && s->pieces[0][0] <= 'z' && !s->fixed[0])
        s->pieces[0][0] = (char)(s->pieces[0][0] - 32);
}

void sentence_disturb(sentence *s, const noise *n, uint64_t *random)
{
    static const struct {
        unsigned percent; /* of the sentences that are disturbed */
        void (*change)(sentence *s, const noise *n, uint64_t *random);
    } kinds[] = {{30, ask},     {4, stutter},  {8, lose_articles}, {6, lose_word}, {14, mishear},
                 {22, mistype}, {5, hesitate}, {8, run_together},  {16, thank},    {25, punctuate}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (s->n_pieces && chance(random, kinds[i].percent))
            kinds[i].change(s, n, random);
}
