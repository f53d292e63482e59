/* A model in formats of fewer bits. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/setup.h"
#include "cli/terminal.h"

static const char notes[] =
    "T is a format (Q8_0, Q6_K, Q4_0, IQ4_XS, MXFP4, ...) or a mixture by the name that it has in\n"
    "other programs (Q4_K_M, Q3_K_S, ...); a wrong one is answered with the list. A text shows\n"
    "which columns of the matrices matter, and is worth a third of the loss at 3 bits; take one\n"
    "that is like what the model will read, and measure with another (inkling eval "
    "--reference).\n\n"
    "With --size or --bits each matrix gets the format by which the expected loss is least.\n\n"
    "Killed, it goes on where it was, from OUT.gguf.part, OUT.gguf.journal and OUT.gguf.learned-N.";

enum { MAX_KINDS = 64 };

/* How much of the model a format holds. */
typedef struct kind {
    const char *format;
    size_t n_tensors;
} kind;

typedef struct request {
    ink_quantizing quantizing;
    ink_texts calibration;
    const char *in, *out;
    bool list;
    size_t n_steps; /* of learning */
    kind kinds[MAX_KINDS];
    size_t n_kinds;
    uint64_t n_parameters, n_bytes_before, n_bytes;
    double loss; /* NAN: not known of all */
} request;

static void count(request *r, const char *format)
{
    size_t i = 0;
    while (i < r->n_kinds && strcmp(r->kinds[i].format, format) != 0)
        i++;
    if (i == MAX_KINDS)
        return;
    if (i == r->n_kinds)
        r->kinds[r->n_kinds++] = (kind){.format = format};
    r->kinds[i].n_tensors++;
}

static void note(void *context, const ink_quantized *tensor)
{
    request *r = context;
    char bytes[INK_SIZE_BYTES];
    bool changes = strcmp(tensor->from, tensor->to) != 0;
    count(r, tensor->to);
    r->n_parameters += tensor->n_parameters;
    r->n_bytes_before += tensor->n_bytes_before;
    r->n_bytes += tensor->n_bytes;
    if (changes)
        r->loss += (double)tensor->loss;
    if (!r->list)
        return;
    printf("%-36s %-6s", tensor->name, tensor->from);
    if (changes)
        printf(" -> %-6s", tensor->to);
    else
        printf("%10s", "");
    printf(" %10s", ink_format_bytes(tensor->n_bytes, bytes));
    if (!isnan(tensor->loss))
        printf("  %.6f nats", (double)tensor->loss);
    if (strcmp(tensor->to, tensor->asked) != 0)
        printf("  for %s, which does not fill its rows", tensor->asked);
    printf("\n");
}

static void summarize(const request *r)
{
    char before[INK_SIZE_BYTES], after[INK_SIZE_BYTES];
    printf("%s: weights of %s in %s, %.2f bits a parameter:", r->out,
           ink_format_bytes(r->n_bytes_before, before), ink_format_bytes(r->n_bytes, after),
           8 * (double)r->n_bytes / (double)r->n_parameters);
    for (size_t i = 0; i < r->n_kinds; i++)
        printf("%s %zu %s", i ? "," : "", r->kinds[i].n_tensors, r->kinds[i].format);
    printf("\n");
    if (r->loss > 0)
        printf("expected loss: %.4f nats a token\n", r->loss);
}

static ink_status quantize(request *r, ink_error *error)
{
    ink_quantizing *q = &r->quantizing;
    ink_bar calibrating, choosing, writing, learning;
    q->texts = r->calibration.texts;
    q->n_texts = r->calibration.n_texts;
    ink_interrupt_watch();
    ink_bar_init(&calibrating, "Calibrating");
    ink_bar_init(&choosing, "Choosing   ");
    ink_bar_init(&writing, "Quantizing ");
    ink_bar_init(&learning, "Learning   ");
    q->learn_steps = (uint32_t)r->n_steps;
    q->log = ink_setup_log();
    q->calibration_progress = calibrating.progress;
    q->choosing_progress = choosing.progress;
    q->progress = writing.progress;
    q->learning_progress = learning.progress;
    q->chosen = note;
    q->chosen_context = r;
    ink_status status = ink_quantize_model(r->in, r->out, q, error);
    ink_bar_end(&calibrating);
    ink_bar_end(&choosing);
    ink_bar_end(&writing);
    ink_bar_end(&learning);
    if (status == INK_OK)
        summarize(r);
    return status;
}

ink_exit ink_cmd_quantize(const ink_call *call)
{
    request r = {.list = false};
    ink_quantizing *q = &r.quantizing;
    const char *arguments[INK_MAX_ARGUMENTS];
    const ink_option options[] = {
        INK_OPTION_WORD("type", &q->type, "T", "a format, or a mixture of formats"),
        {.name = "size",
         .kind = INK_OPTION_BYTES,
         .destination = &q->n_bytes,
         .value = "SIZE",
         .help = "what the file may take (600M): formats are chosen"},
        {.name = "bits",
         .kind = INK_OPTION_FLOAT,
         .destination = &q->bits,
         .value = "B",
         .help = "the same in bits a parameter",
         .low = 0.5,
         .high = 32},
        INK_OPTION_CALIBRATION(&r.calibration, &q->n_tokens, &q->n_context,
                               "a text that the model reads first, again and again if wanted; or "
                               "one file of statistics"),
        {.name = "keep_statistics",
         .kind = INK_OPTION_TEXT,
         .destination = &q->keep,
         .value = "FILE",
         .help = "keep what the texts showed, for --calibrate",
         .only_with = "calibrate"},
        {.name = "feedback",
         .kind = INK_OPTION_SWITCH,
         .destination = &q->feedback,
         .help = "later columns make good what earlier ones lose: better, slower",
         .only_with = "calibrate"},
        {.name = "learn",
         .kind = INK_OPTION_SIZE,
         .destination = &r.n_steps,
         .value = "STEPS",
         .help = "learn codes and scales layer by layer, in so many steps each",
         .low = 1,
         .high = 100000,
         .only_with = "calibrate"},
        INK_OPTION_FLAG("own", &q->own,
                        "with --size or --bits: T2 and T3 as well, which only Inkling reads"),
        INK_OPTION_FLAG("list", &r.list, "print what each tensor becomes"),
        INK_OPTION_FLAG("dry_run", &q->dry_run, "write nothing"),
        INK_OPTION_THREADS(q),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    r.in = arguments[0];
    r.out = arguments[1];
    if (q->n_bytes || q->bits > 0)
        r.list = true;
    ink_error error = {0};
    return ink_finish(quantize(&r, &error), &error);
}
