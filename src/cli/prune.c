/* A model with less in it, and what each stage of that costs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/stages.h"
#include "cli/terminal.h"

static const char notes[] =
    "Layers, groups (a head of keys and values with its query heads) and channels of the\n"
    "feed-forward go where the text misses them least; what is left is fitted to what there was.\n"
    "A token's time is measured here, and taken to be in proportion to the bytes it reads. Zeros\n"
    "(--sparsity) leave file and speed as they were. --heal learns from MODEL, as does, with more\n"
    "options, inkling distill --teacher MODEL --student OUT.gguf. docs/prune.md tells more.";

enum { MAX_HEALED_PATH = 4096 };

typedef struct request {
    ink_pruning pruning;
    ink_texts calibration;
    ink_stages stages;
    const char *in, *out;
    bool json, raw;
    float milliseconds, rate;
    size_t heal; /* steps; 0: none */
    ink_pruned pruned;
} request;

static void note(void *context, const ink_pruned *pruned)
{
    ((request *)context)->pruned = *pruned;
}

static ink_status measure(request *r, const char *name, const char *path, ink_error *error)
{
    return r->stages.text ? ink_stages_add(&r->stages, name, path, error) : INK_OK;
}

static ink_status measure_unrepaired(void *context, ink_error *error)
{
    request *r = context;
    return measure(r, "pruned", r->out, error);
}

/* Milliseconds a token to bytes of the file: what is not read for each token stays. */
static ink_status choose_bytes(request *r, ink_error *error)
{
    double now, n_read;
    ink_model *model = NULL;
    ink_model_info info;
    INK_TRY(ink_stages_time(r->in, &r->stages.session, &now, &n_read, error));
    if ((double)r->milliseconds >= now)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: takes %.4g ms a token here, which is no more than %.4g: nothing is to "
                        "go",
                        r->in, now, (double)r->milliseconds);
    INK_TRY(ink_setup_plan(&model, r->in, &(ink_open){.model = {.n_threads = 1}}, error));
    ink_model_get_info(model, &info);
    double gone = n_read * (1 - (double)r->milliseconds / now);
    r->pruning.n_bytes = (uint64_t)fmax((double)info.file_bytes - gone, 1);
    ink_say("%s: takes %.4g ms a token here, as measured", r->in, now);
    ink_model_free(model);
    return INK_OK;
}

/* What was asked for is measured again; a clock is not surer than that. */
static ink_status check_time(const request *r, ink_error *error)
{
    double now, n_read;
    INK_TRY(ink_stages_time(r->out, &r->stages.session, &now, &n_read, error));
    ink_say("%s: takes %.4g ms a token here, as measured", r->out, now);
    if (now <= 1.05 * (double)r->milliseconds)
        return INK_OK;
    return ink_fail(error, INK_LIMIT, 0,
                    "%s: is written, and takes %.4g ms a token, more than %.4g; ask for less",
                    r->out, now, (double)r->milliseconds);
}

/* ---- Healing --------------------------------------------------------------------------------- */

static bool go_on(void *context, const ink_training_report *report)
{
    ink_bar *bar = context;
    return bar->progress.report(bar, (float)report->step / (float)report->steps);
}

static ink_status teach(const request *r, const char *path, ink_error *error)
{
    ink_bar bar;
    ink_training training;
    ink_distillation distillation;
    ink_training_init(&training);
    ink_distillation_init(&distillation);
    ink_bar_init(&bar, "Healing");
    distillation.teacher = r->in;
    training.texts = r->calibration.texts;
    training.n_texts = r->calibration.n_texts;
    training.steps = (int64_t)r->heal;
    training.warmup = (int32_t)(r->heal / 10);
    training.context = (int32_t)r->pruning.n_context;
    training.rate = r->rate;
    training.validation = 0;
    training.n_threads = r->pruning.n_threads;
    training.log = r->pruning.log;
    training.report = go_on;
    training.report_context = &bar;
    ink_status status = ink_distill(r->out, path, &distillation, &training, NULL, error);
    ink_bar_end(&bar);
    return status;
}

/* What is taught is written as floats: back to the format that most of it had. */
static ink_status heal(const request *r, ink_error *error)
{
    char path[MAX_HEALED_PATH];
    const ink_quantizing back = {.type = r->pruned.format,
                                 .texts = r->calibration.texts,
                                 .n_texts = r->calibration.n_texts,
                                 .n_context = r->pruning.n_context,
                                 .n_tokens = r->pruning.n_tokens,
                                 .n_threads = r->pruning.n_threads,
                                 .log = r->pruning.log};
    if (strcmp(r->pruned.format, "F32") == 0)
        return teach(r, r->out, error);
    if ((size_t)snprintf(path, sizeof path, "%s.healed", r->out) >= sizeof path)
        return ink_fail(error, INK_LIMIT, 0, "%.100s...: too long a path", r->out);
    INK_TRY(teach(r, path, error));
    ink_status status = ink_quantize_model(path, r->out, &back, error);
    (void)remove(path);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static ink_status prune(request *r, ink_error *error)
{
    ink_pruning *p = &r->pruning;
    ink_bar calibrating, writing;
    ink_bar_init(&calibrating, "Calibrating");
    ink_bar_init(&writing, "Pruning");
    p->calibration_progress = calibrating.progress;
    p->progress = writing.progress;
    ink_status status = ink_prune_model(r->in, r->out, p, error);
    ink_bar_end(&calibrating);
    ink_bar_end(&writing);
    return status;
}

static void print_shape(const request *r)
{
    const ink_pruned *p = &r->pruned;
    char before[INK_SIZE_BYTES], after[INK_SIZE_BYTES];
    if (!p->format) {
        printf("%s: zeros in place of weights (%s); the file is as large as before\n", r->out,
               r->pruning.sparsity);
        return;
    }
    printf("%s: weights of %s in %s;", r->out, ink_format_bytes(p->n_bytes_before, before),
           ink_format_bytes(p->n_bytes, after));
    for (size_t i = 0; i < sizeof p->n / sizeof *p->n; i++)
        printf("%s %" PRIu32 " of %" PRIu32 " %s%s", i ? "," : "", p->n[i], p->n_before[i],
               p->kinds[i], i ? " a layer" : "");
    printf("\n");
}

static ink_status report(const request *r, ink_error *error)
{
    const ink_pruned *p = &r->pruned;
    ink_report out;
    ink_report_init(&out);
    for (size_t i = 0; p->format && i < sizeof p->n / sizeof *p->n; i++) {
        ink_value kind = ink_report_dict(&out, out.root, p->kinds[i]);
        ink_report_count(&out, kind, "before", p->n_before[i]);
        ink_report_count(&out, kind, "after", p->n[i]);
    }
    if (r->pruning.sparsity)
        ink_report_text(&out, out.root, "sparsity", r->pruning.sparsity);
    if (r->stages.text)
        ink_stages_report(&r->stages, &out);
    ink_status status = ink_report_print(&out, error);
    ink_report_deinit(&out);
    return status;
}

static ink_status tell(const request *r, ink_error *error)
{
    if (r->json)
        INK_TRY(report(r, error));
    else
        print_shape(r);
    if (r->stages.text && !r->json)
        ink_stages_print(&r->stages);
    else if (!r->json)
        printf("what that costs was not measured; --measure FILE does\n");
    return r->milliseconds > 0 ? check_time(r, error) : INK_OK;
}

static ink_status run(request *r, ink_error *error)
{
    ink_pruning *p = &r->pruning;
    ink_interrupt_watch();
    p->texts = r->calibration.texts;
    p->n_texts = r->calibration.n_texts;
    p->repair = !r->raw;
    p->log = ink_setup_log();
    p->chosen = note;
    p->unrepaired = r->stages.text ? measure_unrepaired : NULL;
    p->context = r;
    r->stages.original = r->in;
    r->stages.session.n_threads = p->n_threads;
    INK_TRY(measure(r, "before", r->in, error));
    if (r->milliseconds > 0)
        INK_TRY(choose_bytes(r, error));
    INK_TRY(prune(r, error));
    INK_TRY(measure(r, r->raw || p->sparsity ? "pruned" : "repaired", r->out, error));
    if (r->heal > 0) {
        INK_TRY(heal(r, error));
        INK_TRY(measure(r, "healed", r->out, error));
    }
    return tell(r, error);
}

/* What no row of options can say. */
static const char *find_contradiction(const request *r)
{
    const ink_pruning *p = &r->pruning;
    if ((p->percent > 0) + (p->n_bytes > 0) + (r->milliseconds > 0) + (p->sparsity != NULL) != 1)
        return "one of --percent, --size, --milliseconds and --sparsity says how much is to go";
    if (ink_setup_same_file(r->in, r->out))
        return "OUT.gguf is MODEL, which stages are measured beside; write another file";
    for (size_t i = 0; r->stages.text && i < r->calibration.n_texts; i++)
        if (ink_setup_same_file(r->stages.text, r->calibration.texts[i]))
            return "--measure is to be another text than those of --calibrate";
    return NULL;
}

ink_exit ink_cmd_prune(const ink_call *call)
{
    request r = {.rate = 5e-4f};
    ink_pruning *p = &r.pruning;
    const char *arguments[INK_MAX_ARGUMENTS];
    ink_setup_session_defaults(&r.stages.session);
    const ink_option options[] = {
        {.name = "percent",
         .kind = INK_OPTION_FLOAT,
         .destination = &p->percent,
         .value = "N",
         .help = "of the bytes of the weights that go",
         .low = 0.1,
         .high = 99},
        {.name = "size",
         .kind = INK_OPTION_BYTES,
         .destination = &p->n_bytes,
         .value = "SIZE",
         .help = "what the file may take (600M)"},
        {.name = "milliseconds",
         .kind = INK_OPTION_FLOAT,
         .destination = &r.milliseconds,
         .value = "N",
         .help = "what a token may take on this machine",
         .low = 1e-3,
         .high = 1e6},
        {.name = "what",
         .kind = INK_OPTION_TEXT,
         .destination = &p->kinds,
         .value = "KINDS",
         .help = "some of layers,groups,channels (whatever is missed least, unless given)",
         .not_with = "sparsity"},
        INK_OPTION_CALIBRATION(&r.calibration, &p->n_tokens, &p->n_context,
                               "a text that shows what is missed; may be given again"),
        {.name = "no_repair",
         .kind = INK_OPTION_SWITCH,
         .destination = &r.raw,
         .help = "leave what stays as it was",
         .not_with = "sparsity"},
        INK_OPTION_WORD("sparsity", &p->sparsity, "P", "zeros: 50% of each row, or 2:4"),
        {.name = "method",
         .kind = INK_OPTION_CHOICE,
         .destination = &p->method,
         .value = "magnitude|wanda|sparsegpt",
         .help = "which weights are zeros (sparsegpt with a text, magnitude without)",
         .only_with = "sparsity"},
        {.name = "heal",
         .kind = INK_OPTION_SIZE,
         .destination = &r.heal,
         .value = "STEPS",
         .help = "of learning from MODEL afterwards",
         .low = 1,
         .high = INT32_MAX,
         .only_with = "calibrate",
         .not_with = "sparsity"},
        {.name = "rate",
         .kind = INK_OPTION_FLOAT,
         .destination = &r.rate,
         .value = "N",
         .help = "learning rate of --heal",
         .low = 1e-9,
         .high = 1,
         .needs = "heal"},
        INK_OPTION_WORD("measure", &r.stages.text, "FILE", "another text, to measure each stage"),
        {.name = "all",
         .kind = INK_OPTION_SWITCH,
         .destination = &r.stages.all,
         .help = "score whole windows, not their second half",
         .only_with = "measure"},
        INK_OPTION_JSON(&r.json),
        INK_OPTION_THREADS(p),
        {0}};
    INK_PARSE(call, options, notes, arguments);
    r.in = arguments[0];
    r.out = arguments[1];
    const char *contradiction = find_contradiction(&r);
    if (contradiction) {
        ink_say("%s: %s", call->command->name, contradiction);
        return INK_EXIT_USAGE;
    }
    ink_error error = {0};
    return ink_finish(run(&r, &error), &error);
}
