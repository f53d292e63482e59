/*
 * How well a model reads on when its context is full: stretches of a text, each read by sessions
 * that make room in different ways. Prints JSON: the mean of -log p in nats of the tokens behind
 * the context, for each way, and what it cost.
 *
 *   cc -std=c11 -O2 -Iinclude bench/stream.c build/release/libinkling.a -lpcre2-8 -lutf8proc \
 *       -lpthread -lm -o stream
 *   ./stream MODEL TEXT CONTEXT STRETCH [CACHE]
 */
#define _POSIX_C_SOURCE 200809L
#include <inkling.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEPT 4     /* tokens that stay, as StreamingLLM has it: here a page */
#define TOGETHER 8 /* tokens between looks at whether there is room */

typedef struct way {
    const char *name;
    ink_overflow overflow;
    bool sees_all; /* a context as long as the stretch */
    ink_session *session;
    double sum, seconds;
    size_t n_scored, n_dropped;
} way;

static float *logits;
static int32_t *again;
static size_t n_vocab;

static void must(ink_status status, const ink_error *error)
{
    if (status == INK_OK)
        return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static double nll(const float *x, int32_t token)
{
    double most = x[0], sum = 0;
    for (size_t i = 1; i < n_vocab; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < n_vocab; i++)
        sum += exp(x[i] - most);
    return log(sum) + most - x[token];
}

/* As generating does it (inkling.h, ink_overflow). */
static void make_room(way *w)
{
    ink_error error;
    size_t n, n_context = ink_session_n_context(w->session), at = ink_session_position(w->session);
    if (w->overflow != INK_OVERFLOW_SLIDE) {
        must(ink_session_roll(w->session, KEPT, &n, &error), &error);
        w->n_dropped += n;
        return;
    }
    size_t n_last = (n_context - KEPT) / 2;
    const int32_t *tokens = ink_session_tokens(w->session);
    memcpy(again, tokens + at - n_last, n_last * sizeof *again);
    must(ink_session_rewind(w->session, KEPT, &error), &error);
    must(ink_session_evaluate(w->session, again, n_last, NULL, NULL, &error), &error);
    w->n_dropped += at - KEPT - n_last;
}

static void read_stretch(way *w, const int32_t *ids, size_t n_ids, size_t n_context)
{
    ink_error error;
    struct timespec begin, end;
    must(ink_session_rewind(w->session, 0, &error), &error);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (size_t at = 0, n; at + 1 < n_ids; at += n) {
        size_t room = ink_session_n_context(w->session) - ink_session_position(w->session);
        if (room == 0) {
            make_room(w);
            room = TOGETHER;
        }
        n = n_ids - 1 - at < TOGETHER ? n_ids - 1 - at : TOGETHER;
        n = n < room ? n : room;
        must(ink_session_evaluate(w->session, ids + at, n, logits, NULL, &error), &error);
        for (size_t i = 0; i < n; i++)
            if (at + i >= n_context) {
                w->sum += nll(logits + i * n_vocab, ids[at + i + 1]);
                w->n_scored++;
            }
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    w->seconds +=
        (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

static char *read_text(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc((size_t)1 << 26);
    if (!file || !text) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    *n_bytes = fread(text, 1, (size_t)1 << 26, file);
    (void)fclose(file);
    return text;
}

static void print(const way *ways, size_t n_ways)
{
    printf("[");
    const char *comma = "";
    for (size_t i = 0; i < n_ways; i++) {
        if (ways[i].n_scored == 0)
            continue;
        printf("%s\n  {\"way\": \"%s\", \"nll\": %.5f, \"perplexity\": %.4f, \"tokens\": %zu, "
               "\"dropped\": %zu, \"seconds\": %.1f}",
               comma, ways[i].name, ways[i].sum / (double)ways[i].n_scored,
               exp(ways[i].sum / (double)ways[i].n_scored), ways[i].n_scored, ways[i].n_dropped,
               ways[i].seconds);
        comma = ",";
    }
    printf("\n]\n");
}

int main(int argc, char **argv)
{
    way ways[] = {{.name = "all", .sees_all = true},
                  {.name = "slide", .overflow = INK_OVERFLOW_SLIDE},
                  {.name = "roll", .overflow = INK_OVERFLOW_ROLL},
                  {.name = "evict", .overflow = INK_OVERFLOW_EVICT}};
    const size_t n_ways = sizeof ways / sizeof *ways;
    ink_model *model = NULL;
    ink_model_info info;
    ink_tokens tokens = {0};
    ink_error error;
    size_t n_bytes;
    if (argc < 5) {
        fprintf(stderr, "stream MODEL TEXT CONTEXT STRETCH [CACHE]\n");
        return 2;
    }
    const size_t n_context = strtoul(argv[3], NULL, 10), n_stretch = strtoul(argv[4], NULL, 10);
    must(ink_model_open(&model, argv[1], NULL, &error), &error);
    ink_model_get_info(model, &info);
    n_vocab = info.n_vocab;
    char *text = read_text(argv[2], &n_bytes);
    must(ink_tokenize(model, text, n_bytes, INK_SPECIAL_ADD, &tokens, &error), &error);
    logits = malloc(TOGETHER * n_vocab * sizeof *logits);
    again = malloc(n_context * sizeof *again);
    for (size_t i = 0; i < n_ways && logits && again; i++) {
        const ink_session_options options = {.n_context = ways[i].sees_all ? n_stretch : n_context,
                                             .cache = argc > 5 ? argv[5] : NULL,
                                             .n_threads = 1,
                                             .all_logits = true,
                                             .isolated = true,
                                             .overflow = ways[i].overflow};
        bool too_long = n_stretch > info.n_context &&
                        (ways[i].sees_all || ways[i].overflow == INK_OVERFLOW_EVICT);
        if (too_long) /* for what the model was trained for */
            continue;
        must(ink_session_new(&ways[i].session, model, &options, &error), &error);
        for (size_t at = 0; at + n_stretch <= tokens.n_tokens; at += n_stretch)
            read_stretch(&ways[i], tokens.ids + at, n_stretch, n_context);
        ink_session_free(ways[i].session);
    }
    print(ways, n_ways);
    free(logits);
    free(again);
    free(text);
    ink_tokens_free(&tokens);
    ink_model_free(model);
    return 0;
}
