/*
 * Sentences out of the grammar, over random homes, for training and measuring.
 *
 *     home_sentences DIR train N SEED [NOISE]   JSON lines for `inkling train` and `distill`
 *     home_sentences DIR test N SEED [NOISE]    prompts and answers for `inkling eval --task`
 *     home_sentences DIR homes N SEED [NOISE]   homes, sentences and intents for the same
 *     home_sentences DIR covers   of "INTENT<tab>sentence with {slot}" on standard input
 *     home_sentences DIR misses   those of them that the grammar has not
 *
 * DIR is models/home; NOISE the percentage of sentences that are disturbed (60). A tenth of the
 * skeletons of sentences is held out, whatever their values: `test` and `homes` have no other, in
 * homes with unseen words.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expand.h"
#include "home/reply.h"
#include "noise.h"
#include "random.h"

enum {
    HELD_OUT = 10,
    SENTENCES_A_HOME = 40,
    TRIES = 30,         /* at a held-out sentence of a template */
    MAX_WAITING = 65536 /* templates */
};

typedef struct writer {
    grammar grammar;
    const name_lists *names;
    noise noise;
    uint64_t random;
    bool held_out, whole;
    size_t n_lost; /* sentences whose answer the selection does not offer */
    size_t n_written;
    /* Templates that wait for a home with what they need, so that rare needs are met as often. */
    const template *waiting[MAX_WAITING];
    size_t n_waiting, n_forgotten;
    bool home_written; /* the home is in the lines before */
} writer;

/* What became of a template in a home. */
typedef enum outcome { WRITTEN, LOST, NOT_HERE, NOT_OURS } outcome;

static void read_grammar(grammar *g, const char *folder)
{
    static const char *const files[] = {"rules", "power",  "covers", "locks",  "lights", "climate",
                                        "media", "timers", "lists",  "states", "other",  "none"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/grammar/%s.txt", folder, files[i]);
        grammar_read(g, path);
    }
    grammar_check(g);
}

static const template *pick_template(writer *w)
{
    double at = (double)(next_random(&w->random) >> 11) * 0x1p-53 * w->grammar.total_weight;
    const template *t = w->grammar.templates, *last = t + w->grammar.n_templates - 1;
    for (; t < last && at >= t->weight; t++)
        at -= t->weight;
    return t;
}

static void print_text(const char *text, size_t n_bytes)
{
    putchar('"');
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] == '"' || text[i] == '\\')
            putchar('\\');
        putchar(text[i]);
    }
    putchar('"');
}

static void print_whole(writer *w, const ink_request *request, const char *answer,
                        uint32_t spoken_in)
{
    ink_reply reply;
    ink_buffer out;
    ink_error error;
    ink_buffer_init(&out, NULL, 65536);
    if (ink_reply_read(&reply, request, answer, &error) != INK_OK) {
        fprintf(stderr, "the grammar means what the home cannot say: %s\n", error.message);
        exit(1);
    }
    ink_reply_write(&reply, &out);
    printf("{");
    if (!w->home_written)
        printf("\"home\":%s,", home_json());
    w->home_written = true;
    if (spoken_in != INK_THING_NOWHERE) {
        printf("\"area\":");
        print_text(request->home->things[spoken_in].name,
                   strlen(request->home->things[spoken_in].name));
        printf(",");
    }
    printf("\"sentence\":");
    print_text(request->sentence, request->n_bytes);
    printf(",\"answer\":%s}\n", out.data);
    ink_buffer_deinit(&out);
}

static void print_pair(const writer *w, const ink_request *request, const char *answer)
{
    ink_buffer prompt;
    ink_buffer_init(&prompt, NULL, 65536);
    ink_request_prompt(request, &prompt);
    printf("{\"prompt\":");
    print_text(prompt.data, prompt.n_bytes);
    printf(w->held_out ? ",\"answer\":" : ",\"completion\":");
    print_text(answer, strlen(answer));
    printf("}\n");
    ink_buffer_deinit(&prompt);
}

static bool is_meant(const sentence *s, uint32_t thing)
{
    for (size_t i = 0; i < s->n_marks; i++)
        if (s->marks[i].thing == thing)
            return true;
    return false;
}

/* "open the garage door" is not about all of them where a device has that very name. */
static bool is_ambiguous(const writer *w, const sentence *s, const ink_request *request)
{
    for (size_t i = 0; i < request->n_candidates; i++) {
        const ink_candidate *c = &request->candidates[i];
        if (request->home->things[c->thing].kind == INK_THING_DEVICE && c->n_words &&
            !c->distance && !is_meant(s, c->thing) &&
            names_mean_kind(w->names, &request->words.items[c->first], c->n_words))
            return true;
    }
    return false;
}

static outcome write_answer(writer *w, const expansion *e, sentence *s)
{
    char text[MAX_PIECES * MAX_PIECE];
    uint32_t offsets[2 * MAX_PIECES];
    ink_request request;
    ink_buffer answer;
    if (chance(&w->random, w->noise.share))
        sentence_disturb(s, &w->noise, &w->random);
    size_t n_bytes = sentence_write(s, text, sizeof text, offsets);
    if (ink_request_read(&request, e->home, text, n_bytes, e->spoken_in, NULL) != INK_OK ||
        is_ambiguous(w, s, &request))
        return LOST;
    ink_buffer_init(&answer, NULL, 4096);
    bool possible = sentence_answer(s, e, &request, offsets, &answer);
    if (possible && w->whole)
        print_whole(w, &request, answer.data, e->spoken_in);
    else if (possible)
        print_pair(w, &request, answer.data);
    ink_buffer_deinit(&answer);
    return possible ? WRITTEN : LOST;
}

static outcome write_sentence(writer *w, const ink_home *home, uint32_t spoken_in,
                              const template *t)
{
    static sentence s;
    const expansion e = {.grammar = &w->grammar,
                         .names = w->names,
                         .home = home,
                         .spoken_in = spoken_in,
                         .held_out = w->held_out,
                         .random = &w->random,
                         .template = t};
    for (size_t i = 0; i < TRIES; i++) {
        sentence_expand(&e, &s);
        if (s.impossible)
            return NOT_HERE;
        if ((hash_text(s.skeleton) % HELD_OUT == 0) == w->held_out)
            return write_answer(w, &e, &s);
    }
    return NOT_OURS;
}

static uint32_t pick_area(const ink_home *home, uint64_t *random)
{
    uint32_t n = 0, chosen = INK_THING_NOWHERE;
    for (uint32_t i = 0; i < home->n_things; i++)
        if (home->things[i].kind == INK_THING_AREA && below(random, ++n) == 0)
            chosen = i;
    return chance(random, 60) ? chosen : INK_THING_NOWHERE;
}

/* A template comes again in another home when this one lacks what it needs. */
static void offer(writer *w, const ink_home *home, const template *t)
{
    switch (write_sentence(w, home, pick_area(home, &w->random), t)) {
    case WRITTEN:
        w->n_written++;
        break;
    case LOST:
        w->n_lost++;
        break;
    case NOT_HERE:
        if (w->n_waiting < MAX_WAITING)
            w->waiting[w->n_waiting++] = t;
        else
            w->n_forgotten++;
        break;
    case NOT_OURS:
        break;
    }
}

static void write_all(writer *w, size_t n)
{
    while (w->n_written < n) {
        ink_home *home = home_random(w->names, w->held_out, &w->random);
        size_t n_before = w->n_waiting, n_end = w->n_written + SENTENCES_A_HOME;
        w->n_waiting = 0;
        w->home_written = false;
        for (size_t i = 0; i < n_before; i++) /* those that wait again move up */
            if (w->n_written < n && w->n_written < n_end)
                offer(w, home, w->waiting[i]);
            else
                w->waiting[w->n_waiting++] = w->waiting[i];
        for (size_t i = 0; i < SENTENCES_A_HOME && w->n_written < n && w->n_written < n_end; i++)
            offer(w, home, pick_template(w));
        ink_home_free(home);
    }
    fprintf(stderr, "%zu sentences; %zu more were lost, their names not found again or not alone",
            w->n_written, w->n_lost);
    if (w->n_forgotten)
        fprintf(stderr, "; %zu that no home was fit for were forgotten", w->n_forgotten);
    fprintf(stderr, "\n");
}

static bool is_covered(const grammar *g, ink_home_intent intent, const char *const *words, size_t n)
{
    for (size_t i = 0; i < g->n_templates; i++)
        if (g->templates[i].intent == intent && template_matches(g, &g->templates[i], words, n))
            return true;
    return false;
}

static void print_covered(const size_t *n_known, const size_t *n_all)
{
    size_t total = 0, known = 0;
    for (size_t i = 0; i < INK_N_INTENTS; i++) {
        ink_intent_row row;
        ink_intent_get((ink_home_intent)i, &row);
        if (n_all[i])
            printf("%-26s %5zu of %5zu\n", row.name, n_known[i], n_all[i]);
        total += n_all[i];
        known += n_known[i];
    }
    printf("%-26s %5zu of %5zu, %.1f %%\n", "all", known, total,
           total ? 100.0 * (double)known / (double)total : 0.0);
}

/* Which of the sentences on standard input the grammar has, by intent; or those that it has not. */
static void cover(const grammar *g, bool misses)
{
    static size_t n_known[INK_N_INTENTS + 1], n_all[INK_N_INTENTS + 1];
    char line[4096], copy[4096];
    while (fgets(line, sizeof line, stdin)) {
        const char *words[64];
        char *rest = NULL;
        size_t n = 0;
        (void)snprintf(copy, sizeof copy, "%s", line);
        char *name = strtok_r(line, "\t\n", &rest);
        for (char *word; name && n < 64 && (word = strtok_r(NULL, " \n", &rest));)
            words[n++] = word;
        if (!name)
            continue;
        ink_home_intent intent = ink_intent_find(name, strlen(name));
        bool found = is_covered(g, intent, words, n);
        n_all[intent]++;
        n_known[intent] += found;
        if (misses && !found)
            printf("%s", copy);
    }
    if (!misses)
        print_covered(n_known, n_all);
}

static int usage(void)
{
    fprintf(stderr, "usage: home_sentences DIR train|test|homes N SEED [NOISE], or DIR "
                    "covers|misses\n");
    return 2;
}

/* A whole number; false when the word is none, or higher than `high`. */
static bool read_count(const char *word, uint64_t high, uint64_t *out)
{
    char *end;
    *out = strtoull(word, &end, 10);
    return *word >= '0' && *word <= '9' && !*end && *out <= high;
}

static bool read_arguments(writer *w, int argc, char **argv, uint64_t *n)
{
    uint64_t seed, share = 60;
    if (argc < 5 || argc > 6 || !read_count(argv[3], SIZE_MAX, n) ||
        !read_count(argv[4], UINT64_MAX, &seed) || (argc == 6 && !read_count(argv[5], 100, &share)))
        return false;
    w->whole = strcmp(argv[2], "homes") == 0;
    w->held_out = w->whole || strcmp(argv[2], "test") == 0;
    w->noise.share = (unsigned)share;
    w->random = seed * 2 + w->held_out;
    return w->held_out || strcmp(argv[2], "train") == 0;
}

int main(int argc, char **argv)
{
    static writer w;
    char folder[512];
    uint64_t n = 0;
    bool misses = argc == 3 && strcmp(argv[2], "misses") == 0;
    bool covers = misses || (argc == 3 && strcmp(argv[2], "covers") == 0);
    if (!covers && !read_arguments(&w, argc, argv, &n))
        return usage();
    read_grammar(&w.grammar, argv[1]);
    if (covers) {
        cover(&w.grammar, misses);
    } else {
        (void)snprintf(folder, sizeof folder, "%s/names", argv[1]);
        w.names = names_read(folder);
        (void)snprintf(folder, sizeof folder, "%s/noise", argv[1]);
        noise_read(&w.noise, folder);
        write_all(&w, (size_t)n);
    }
    return fflush(stdout) != 0 || ferror(stdout);
}
