/* What happens to sentences between a mouth or a hand and the assistant. */
#include <stdio.h>
#include <string.h>
#include "expand.h"
#include "random.h"

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

/* A letter lost, doubled, or swapped with its neighbor. */
static void mistype(char *word, uint64_t *random)
{
    size_t n = strlen(word), at = 1 + (n > 3 ? below(random, n - 2) : 0);
    if (n < 5 || n + 1 >= MAX_PIECE || (word[at] >= '0' && word[at] <= '9') || word[at] == ' ' ||
        word[at + 1] == ' ')
        return;
    switch (below(random, 3)) {
    case 0:
        memmove(word + at, word + at + 1, n - at);
        break;
    case 1:
        memmove(word + at + 1, word + at, n - at + 1);
        break;
    default: {
        char c = word[at];
        if (word[at + 1]) {
            word[at] = word[at + 1];
            word[at + 1] = c;
        }
    }
    }
}

/* What speech recognition hears for another. */
static void mishear(sentence *s, uint64_t *random)
{
    static const char *const slips[][2] = {{"lights", "light's"},
                                           {"off", "of"},
                                           {"turn", "torn"},
                                           {"set", "said"},
                                           {"lights", "lice"},
                                           {"close", "clothes"},
                                           {"lower", "lore"},
                                           {"the", "a"},
                                           {"in", "and"},
                                           {"is", "his"},
                                           {"what's", "whats"},
                                           {"fan", "van"},
                                           {"brightness", "bright ness"},
                                           {"blinds", "blind's"},
                                           {"pause", "paws"},
                                           {"timer", "time her"},
                                           {"open", "opened"},
                                           {"doors", "door's"}};
    const char *const *slip = slips[below(random, sizeof slips / sizeof *slips)];
    for (size_t i = 0; i < s->n_pieces; i++)
        if (!in_mark(s, i) && strcmp(s->pieces[i], slip[0]) == 0)
            (void)snprintf(s->pieces[i], MAX_PIECE, "%s", slip[1]);
}

void sentence_disturb(sentence *s, uint64_t *random)
{
    static const char *const before[] = {"please",
                                         "can you",
                                         "could you",
                                         "would you",
                                         "hey",
                                         "okay",
                                         "i want to",
                                         "i'd like to",
                                         "um",
                                         "can you please",
                                         "could you please",
                                         "so",
                                         "i'd like you to",
                                         "just",
                                         "now",
                                         "i need you to"};
    static const char *const after[] = {"please",   "now",       "for me",
                                        "thanks",   "thank you", "right now",
                                        "will you", "would you", "for me please"};
    if (chance(random, 25))
        insert(s, 0, before[below(random, sizeof before / sizeof *before)]);
    if (chance(random, 12) && s->n_pieces && !s->fixed[s->n_pieces - 1])
        insert(s, s->n_pieces, after[below(random, sizeof after / sizeof *after)]);
    for (size_t i = 0; i < s->n_pieces; i++)
        if (strcmp(s->pieces[i], "the") == 0 && !in_mark(s, i) && chance(random, 8) &&
            s->n_pieces > 2)
            drop(s, i);
    if (chance(random, 8))
        mishear(s, random);
    size_t at = below(random, s->n_pieces);
    if (chance(random, 12) && !s->fixed[at])
        mistype(s->pieces[at], random);
    if (chance(random, 20) && s->pieces[0][0] >= 'a' && s->pieces[0][0] <= 'z')
        s->pieces[0][0] = (char)(s->pieces[0][0] - 32);
    if (chance(random, 10) && s->n_pieces < MAX_PIECES && !s->fixed[s->n_pieces - 1] &&
        strlen(s->pieces[s->n_pieces - 1]) + 2 < MAX_PIECE && !in_mark(s, s->n_pieces - 1))
        strcat(s->pieces[s->n_pieces - 1], chance(random, 70) ? "." : "!");
}
