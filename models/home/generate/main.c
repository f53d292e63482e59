/*
 * Sentences out of the grammar, over random homes, for training and measuring.
 *
 *     home_sentences DIR train N SEED   JSON lines for `inkling train` and `distill`
 *     home_sentences DIR test N SEED    for `inkling eval --task`: held-out templates, unseen homes
 *     home_sentences DIR homes N SEED   {"home", "area", "sentence", "expected"}: whole answers
 *     home_sentences DIR covers         of "INTENT<tab>sentence with {slot}" on standard input
 *
 * DIR is models/home. A tenth of the skeletons of sentences is held out, whatever their values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expand.h"
#include "home/reply.h"
#include "random.h"

enum { HELD_OUT = 10, SENTENCES_A_HOME = 40 };

typedef struct writer {
    grammar grammar;
    const name_lists *names;
    uint64_t random;
    bool held_out, whole;
    size_t n_lost; /* sentences whose answer the selection does not offer */
    size_t n_written;
} writer;

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
    size_t at = below(&w->random, w->grammar.total_weight);
    const template *t = w->grammar.templates;
    for (; at >= t->weight; t++)
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

static void print_whole(const ink_request *request, const char *answer, uint32_t spoken_in)
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
    printf("{\"home\":%s,\"area\":", home_json());
    if (spoken_in == INK_THING_NOWHERE)
        printf("null");
    else
        print_text(request->home->things[spoken_in].name,
                   strlen(request->home->things[spoken_in].name));
    printf(",\"sentence\":");
    print_text(request->sentence, request->n_bytes);
    printf(",\"expected\":%s}\n", out.data);
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

static bool write_sentence(writer *w, const ink_home *home, uint32_t spoken_in)
{
    static sentence s;
    char text[MAX_PIECES * MAX_PIECE];
    uint32_t offsets[2 * MAX_PIECES];
    ink_request request;
    ink_buffer answer;
    expansion e = {.grammar = &w->grammar,
                   .names = w->names,
                   .home = home,
                   .spoken_in = spoken_in,
                   .held_out = w->held_out,
                   .random = &w->random,
                   .template = pick_template(w)};
    sentence_expand(&e, &s);
    if (s.impossible || (hash_text(s.skeleton) % HELD_OUT == 0) != w->held_out)
        return false;
    if (chance(&w->random, 60))
        sentence_disturb(&s, &w->random);
    size_t n_bytes = sentence_write(&s, text, sizeof text, offsets);
    if (ink_request_read(&request, home, text, n_bytes, spoken_in, NULL) != INK_OK)
        return false;
    ink_buffer_init(&answer, NULL, 4096);
    bool possible = sentence_answer(&s, &e, &request, offsets, &answer);
    if (possible && w->whole)
        print_whole(&request, answer.data, spoken_in);
    else if (possible)
        print_pair(w, &request, answer.data);
    w->n_lost += !possible;
    ink_buffer_deinit(&answer);
    return possible;
}

static uint32_t pick_area(const ink_home *home, uint64_t *random)
{
    uint32_t n = 0, chosen = INK_THING_NOWHERE;
    for (uint32_t i = 0; i < home->n_things; i++)
        if (home->things[i].kind == INK_THING_AREA && below(random, ++n) == 0)
            chosen = i;
    return chance(random, 60) ? chosen : INK_THING_NOWHERE;
}

static void write_all(writer *w, size_t n)
{
    while (w->n_written < n) {
        ink_home *home = home_random(w->names, w->held_out, &w->random);
        for (size_t i = 0; i < SENTENCES_A_HOME && w->n_written < n; i++)
            w->n_written += write_sentence(w, home, pick_area(home, &w->random));
        ink_home_free(home);
    }
    fprintf(stderr, "%zu sentences; %zu more were lost, their names not found again\n",
            w->n_written, w->n_lost);
}

/* Which of the sentences on standard input the grammar has, by intent. */
static void cover(const grammar *g)
{
    static size_t n_known[INK_N_INTENTS + 1], n_all[INK_N_INTENTS + 1];
    char line[4096];
    size_t total = 0, known = 0;
    while (fgets(line, sizeof line, stdin)) {
        const char *words[64];
        size_t n = 0;
        char *name = strtok(line, "\t\n");
        for (char *word; name && n < 64 && (word = strtok(NULL, " \n"));)
            words[n++] = word;
        if (!name)
            continue;
        ink_home_intent intent = ink_intent_find(name, strlen(name));
        bool found = false;
        for (size_t i = 0; i < g->n_templates && !found; i++)
            found =
                g->templates[i].intent == intent && template_matches(g, &g->templates[i], words, n);
        n_all[intent]++;
        n_known[intent] += found;
    }
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

int main(int argc, char **argv)
{
    static writer w;
    const char *mode = argc > 2 ? argv[2] : "";
    bool covers = strcmp(mode, "covers") == 0;
    w.whole = strcmp(mode, "homes") == 0;
    w.held_out = w.whole || strcmp(mode, "test") == 0;
    if (argc != (covers ? 3 : 5) || (!covers && !w.held_out && strcmp(mode, "train") != 0)) {
        fprintf(stderr, "usage: home_sentences DIR train|test|homes N SEED, or DIR covers\n");
        return 2;
    }
    read_grammar(&w.grammar, argv[1]);
    if (covers) {
        cover(&w.grammar);
        return 0;
    }
    char names[512];
    (void)snprintf(names, sizeof names, "%s/names", argv[1]);
    w.names = names_read(names);
    w.random = strtoull(argv[4], NULL, 10) * 2 + w.held_out;
    write_all(&w, strtoull(argv[3], NULL, 10));
    return fflush(stdout) != 0 || ferror(stdout);
}
