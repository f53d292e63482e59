/*
 * Inkling's public API, the part that makes and changes models: training, adapters, distillation,
 * comparing, cards. inkling.h includes it, and tells what holds for all of the API.
 */
#ifndef INKLING_LEARN_H
#define INKLING_LEARN_H

#include "inkling.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Learning -------------------------------------------------------------------------------- */

/*
 * How a model is trained: type, C field (the flag has '-' for '_'), default, lowest, highest, help.
 */
#define INK_TRAINING_TABLE(X)                                                                     \
    X(int64_t, steps, 1000, 1, 1000000000, "how often the weights are changed")                   \
    X(int32_t, batch, 12, 1, 65536, "sequences that are learned from together")                   \
    X(int32_t, context, 0, 0, 1048576, "tokens of a sequence at most; 0: as the model says")      \
    X(int32_t, accumulate, 1, 1, 65536, "batches of a step, one behind the other")                \
    X(float, rate, 1e-3f, 1e-9f, 1, "learning rate, once warmed up")                              \
    X(float, end_rate, 0.1f, 0, 1, "part of the rate that the cosine ends with")                  \
    X(int32_t, warmup, 100, 0, 1000000000, "steps in which the rate rises to what it is")         \
    X(float, decay, 0.1f, 0, 10, "weight decay of matrices")                                      \
    X(float, beta1, 0.9f, 0, 0.999999f, "AdamW: how slowly the first moment follows")             \
    X(float, beta2, 0.99f, 0, 0.999999f, "AdamW: how slowly the second moment follows")           \
    X(float, clip, 1, 0, 1e9f, "norm that gradients are brought down to; 0: they are left")       \
    X(float, dropout, 0, 0, 0.9f, "part that is dropped of what each layer adds")                 \
    X(float, validation, 0.1f, 0, 0.9f, "part of the tokens that is kept apart to measure")       \
    X(int32_t, evaluate_every, 250, 1, 1000000000, "steps between two measurements")              \
    X(int32_t, evaluate_batches, 20, 0, 1000000000, "batches of a measurement; 0: all there are") \
    X(int32_t, save_every, 250, 1, 1000000000, "steps between two checkpoints")                   \
    X(int32_t, patience, 0, 0, 1000000, "measurements without progress that end it; 0: none do")  \
    X(int32_t, cut, 0, 0, 1, "records longer than the context are cut there, not refused")        \
    X(int32_t, recompute, 0, 0, 1, "compute activations again instead of keeping them")           \
    X(int64_t, seed, 0, 0, INT64_MAX, "of all that is random")

typedef struct ink_training_report {
    int64_t step, steps;         /* how many are done, of how many */
    double loss;                 /* of the last step, in nats a token */
    double validation_loss;      /* NAN where none was measured at this step */
    double best_validation_loss; /* INFINITY before the first */
    double rate, gradient_norm;  /* of the last step */
    double tokens_per_second, seconds_left;
    uint64_t n_tokens; /* learned from so far */
    /* what the model writes now (ink_training.sample), valid during the call; NULL: not now */
    const char *sample;
    size_t n_sample_bytes;
} ink_training_report;

typedef struct ink_training {
#define X(type, name, fallback, low, high, help) type name;
    INK_TRAINING_TABLE(X)
#undef X
    /*
     * [n_texts] files: plain text; names that end with ".jsonl": one JSON object a line, {"text"},
     * {"prompt", "completion"} or {"messages"}, of which completions and answers are learned
     */
    const char *const *texts;
    size_t n_texts;
    /*
     * Where the state is kept, to go on from when it is there: the same bits as without a break.
     * NULL: it is not.
     */
    const char *checkpoint;
    /*
     * Of products with weights: "f32" (NULL), or inputs rounded to BF16, sums and weights in F32:
     * "bf16-tiles" as AMX sums up, "bf16-pairs" as AVX512_BF16 does, "bf16" the former where there
     * is AMX, else the latter. Each gives the same bits everywhere; on a processor without it, it
     * is slower than F32, with a warning. A checkpoint goes on with its own.
     */
    const char *precision;
    /*
     * How a text begins that the model goes on with every evaluate_every steps, by the same random
     * numbers each time, for reports; "": as texts begin. What is learned does not depend on it.
     * NULL: none.
     */
    const char *sample;
    int n_threads; /* at most 256; 0: as many as there are processors */
    const ink_allocator *allocator;
    ink_log log;
    /* After each step; false ends it with CANCELLED, once the checkpoint is written. */
    bool (*report)(void *context, const ink_training_report *report);
    void *report_context;
} ink_training;

/* All defaults, nothing to learn from. */
INK_API void ink_training_init(ink_training *training);

typedef struct ink_training_result {
    ink_training_report last;
    int64_t first_step; /* 0, or that of the checkpoint that it went on from */
    bool stopped_early; /* patience ran out */
    uint64_t n_parameters;
    size_t n_training_tokens, n_validation_tokens; /* of the texts */
    size_t memory_bytes;                           /* beside the weights */
    const char *precision; /* f32, bf16-pairs, bf16-tiles: what was computed in */
} ink_training_result;

/*
 * Trains the weights of the GGUF file `in`, in any format, and writes them to `out`, in floats,
 * with all of its metadata. With patience, `out` has the weights that were measured best, else the
 * last. UNSUPPORTED names the part of a model that cannot be trained; a checkpoint of other texts
 * or options is BAD_ARGUMENT. IO, before anything is learned: somebody else trains `out`, which
 * "OUT.lock" beside it tells, or there is no place for it or for the checkpoint. `result` may be
 * NULL.
 */
INK_MUST_USE INK_API ink_status ink_train(const char *in, const char *out,
                                          const ink_training *training, ink_training_result *result,
                                          ink_error *error);

/* What an adapter is, in rows like those of INK_TRAINING_TABLE. */
#define INK_ADAPTER_TABLE(X)                                                     \
    X(int32_t, rank, 8, 1, 65536, "width of its matrices")                       \
    X(float, alpha, 16, 1e-6f, 1e6f, "what it adds is taken alpha / rank times") \
    X(float, adapter_dropout, 0, 0, 0.9f, "part that is dropped of what its matrices read")

typedef struct ink_adapter_training {
#define X(type, name, fallback, low, high, help) type name;
    INK_ADAPTER_TABLE(X)
#undef X
    /* what it changes: some of "q,k,v,qkv,o,gate,up,down", or "all" of them that the model has */
    const char *targets;
} ink_adapter_training;

/* All defaults, all targets. */
INK_API void ink_adapter_training_init(ink_adapter_training *adapter);

/*
 * Trains an adapter (LoRA) of the GGUF file `in`, whose weights stay as they are, in any format,
 * and writes it to `out`: a GGUF file for ink_model_options.adapters. What it adds is nothing at
 * first. In all else as ink_train. BAD_ARGUMENT: the model has no such target.
 */
INK_MUST_USE INK_API ink_status ink_train_adapter(const char *in, const char *out,
                                                  const ink_adapter_training *adapter,
                                                  const ink_training *training,
                                                  ink_training_result *result, ink_error *error);

/*
 * A model with its adapters built in. Matrices that none of them changes are copied as they are.
 */
typedef struct ink_merging {
    const ink_adapter *adapters; /* [n_adapters] */
    size_t n_adapters;
    /* format of the matrices that change, "F16", "Q8_0", ...; NULL: each keeps its own */
    const char *type;
    int n_threads; /* at most 256; 0: as many as there are processors */
    const ink_allocator *allocator;
    ink_log log;
    ink_progress progress;
} ink_merging;

/*
 * Writes the model `in` with its adapters to `out`. BAD_ARGUMENT: a matrix would have to be written
 * in a format whose blocks its rows do not fill; CORRUPT: with a value that the format cannot hold.
 */
INK_MUST_USE INK_API ink_status ink_merge_adapters(const char *in, const char *out,
                                                   const ink_merging *merging, ink_error *error);

/* What a tensor becomes. */
typedef struct ink_quantized {
    const char *name;
    const char *from, *to; /* formats; the same: it is copied */
    const char *asked;     /* what `to` stands in for, where blocks of that do not fill its rows */
    uint64_t n_parameters, n_bytes_before, n_bytes;
    float loss; /* that is expected of it, in nats a token; NAN: not known */
} ink_quantized;

/* A model in other formats. Exactly one of type, n_bytes and bits says in which. */
typedef struct ink_quantizing {
    /*
     * "Q4_K_M", "Q8_0", ...: a format for all matrices, or a mixture of formats. One whose blocks
     * do not fill a matrix's rows gives way to one whose do, and the log is told.
     */
    const char *type;
    uint64_t n_bytes; /* of the file, at most: each matrix gets the format that fits best */
    float bits;       /* of a parameter, likewise */
    /*
     * [n_texts] files that the model reads first, to see which columns of its matrices matter; a
     * budget (n_bytes, bits) needs one. The model is loaded for it. In their place one GGUF file of
     * statistics: what `keep` wrote, or llama.cpp's imatrix tool.
     */
    const char *const *texts;
    size_t n_texts;
    const char *keep; /* a file to keep what was seen of the texts in; NULL: none */
    size_t n_context; /* tokens of a window of text; 0: 512 */
    size_t n_tokens;  /* of the texts at most, evenly from all of them; 0: all */
    /*
     * What rounding a column loses is made good by the columns that follow it: better, and slower.
     * Needs texts, and room for a square of the longest row.
     */
    bool feedback;
    /*
     * How often codes and scales of each layer are moved towards what the layer gave before it was
     * rounded; 0: never. Needs texts. Of formats with codes and scales of their own (Q4_0, Q4_K,
     * IQ4_NL, ...); the log is told which matrices go without, and UNSUPPORTED is that all do.
     */
    uint32_t learn_steps;
    bool own;      /* a budget may choose T2 and T3, which no other program reads */
    bool dry_run;  /* choose, and write nothing */
    int n_threads; /* at most 256; 0: as many as there are processors */
    const ink_allocator *allocator;
    ink_log log;
    ink_progress calibration_progress, choosing_progress, progress, learning_progress;
    /* Of each tensor, before anything is written. NULL: nobody is told. */
    void (*chosen)(void *context, const ink_quantized *tensor);
    void *chosen_context;
} ink_quantizing;

/*
 * Writes the model `in` to `out` with its matrices in other formats; vectors, routers and tables of
 * positions stay as they are. The same bits on any number of threads. Of weights a stripe is in
 * memory at a time, but for calibration. When it is killed, `out`.part and `out`.journal stay, and
 * the same call goes on from there. LIMIT: the budget is too small, and what would do;
 * BAD_ARGUMENT: statistics of another model; CORRUPT: a weight is no number, or more than its
 * format holds.
 */
INK_MUST_USE INK_API ink_status ink_quantize_model(const char *in, const char *out,
                                                   const ink_quantizing *quantizing,
                                                   ink_error *error);

/* Whether there is such a type. BAD_ARGUMENT: there is none, and which there are. */
INK_MUST_USE INK_API ink_status ink_quantize_check_type(const char *type, ink_error *error);

/* What stays of a model when it is pruned. */
typedef struct ink_pruned {
    /* "layers"; of each of them "groups" (a head of keys and values with the query heads that see
     * it) and "channels" of the feed-forward */
    const char *kinds[3];
    uint32_t n_before[3], n[3];
    uint64_t n_bytes_before, n_bytes; /* of all tensors */
    const char *format;               /* that most bytes of matrices are in */
    /* What is expected to be lost, to second order: in nats a token, where gradients go through the
     * model. To compare choices with, and no measure of the model. */
    double lost;
} ink_pruned;

/* A model with less in it. Exactly one of percent, n_bytes and sparsity says how much less. */
typedef struct ink_pruning {
    float percent;    /* of the bytes of its tensors that are to go, below 100 */
    uint64_t n_bytes; /* of the file, at most */
    /* which may go: some of "layers,groups,channels"; NULL: whatever is missed least */
    const char *kinds;
    /*
     * Zeros in place of weights, in a file of the same size: "50%" of each row, or "2:4", two of
     * each four neighbors. `method`: "magnitude" of the weights; "wanda", times what they read;
     * "sparsegpt", which changes the others to make it good. NULL: the last with texts, else the
     * first.
     */
    const char *sparsity, *method;
    /* [n_texts] files that the model reads; magnitude alone needs none */
    const char *const *texts;
    size_t n_texts;
    size_t n_context; /* tokens of a window of text; 0: 512 */
    size_t n_tokens;  /* of the texts at most, evenly from all of them; 0: all */
    /*
     * What is left of the matrices behind heads and channels is fitted by least squares to what
     * they gave before.
     */
    bool repair;
    int n_threads; /* at most 256; 0: as many as there are processors */
    const ink_allocator *allocator;
    ink_log log;
    ink_progress calibration_progress, progress;
    /* Before anything is written; not with a sparsity. NULL: nobody is told. */
    void (*chosen)(void *context, const ink_pruned *pruned);
    /* With `repair`: the file is there without it first; what fails ends it. NULL: it is not. */
    ink_status (*unrepaired)(void *context, ink_error *error);
    void *context;
} ink_pruning;

/*
 * Writes the model `in` to `out` without the layers, groups and channels that a text misses least:
 * an ordinary model of fewer of them, the same number in each layer. Formats whose blocks what is
 * left of a row does not fill give way to wider ones, and the log is told. The same bits on any
 * number of threads. The model is loaded for it, and what the text shows of some matrices: at most
 * 256 MB, or one matrix, with two squares of its row's length. What stood at `out` stays until the
 * new file is whole. UNSUPPORTED names the part of a model that cannot be made narrower; LIMIT: it
 * cannot become so small, and how small it can; CORRUPT: weights are no numbers.
 */
INK_MUST_USE INK_API ink_status ink_prune_model(const char *in, const char *out,
                                                const ink_pruning *pruning, ink_error *error);

/* Models as others publish them, to GGUF and back (docs/convert.md). Zero means the default. */
typedef struct ink_conversion {
    /*
     * Format of the matrices that are written: "F32", "F16", "BF16"; of GGUF also any type of
     * ink_quantize_model, which is called then. NULL: what each is published in; of an export F16.
     * All else is F32.
     */
    const char *type;
    const char *tokenizer; /* of a llama2.c file; NULL: tokenizer.bin beside it */
    const ink_allocator *allocator;
    ink_log log; /* is told of what is left out, or not as it was asked for */
    ink_progress progress;
} ink_conversion;

/*
 * Writes the GGUF file `out` of a folder of safetensors with config.json and a tokenizer
 * (tokenizer.model or tokenizer.json), or of a file of llama2.c. Stripes of a tensor are in memory,
 * or one tensor where it is transposed; what stood at `out` stays until the new file is whole and
 * has been opened as a model. To be quantized it is whole at `out`.unchecked first. UNSUPPORTED
 * names the model_type, key, step or tensor that cannot be converted; CORRUPT, file and mistake.
 */
INK_MUST_USE INK_API ink_status ink_convert(const char *in, const char *out,
                                            const ink_conversion *conversion, ink_error *error);

/*
 * Writes the GGUF model `in`, in any format, to `folder`, which must be new or empty:
 * model.safetensors, config.json and what its tokenizer is made of. The folder has its name once it
 * is whole. UNSUPPORTED: an architecture or a vocabulary that has no such form.
 */
INK_MUST_USE INK_API ink_status ink_export(const char *in, const char *folder,
                                           const ink_conversion *conversion, ink_error *error);

/* How a student learns from a teacher, in rows like those of INK_TRAINING_TABLE. */
#define INK_DISTILLATION_TABLE(X)                                                               \
    X(float, share, 1, 0, 1, "part of the loss that is the teacher's; the rest is the text's")  \
    X(float, temperature, 1, 0.05f, 100, "that both distributions are softened by")             \
    X(float, skew, 0, 0, 0.99f, "part of the first distribution that is mixed into the second") \
    X(float, on_policy, 0, 0, 1, "part of the batches that the student writes itself")          \
    X(int32_t, keep, 0, 0, 1048576,                                                             \
      "how many of the teacher's likeliest tokens are kept in a file; 0: it runs beside")

typedef struct ink_distillation {
#define X(type, name, fallback, low, high, help) type name;
    INK_DISTILLATION_TABLE(X)
#undef X
    const char *teacher; /* a GGUF file with the student's vocabulary, in any format */
    /*
     * "forward": KL(teacher || student), "reverse": KL(student || teacher), each with skew: Ko et
     * al., arXiv:2402.03898. Batches that the student writes itself: Agarwal et al.,
     * arXiv:2306.13649.
     */
    const char *divergence;
    const char *kept; /* the file, with `keep` above 0: used if it is there, else made first */
    const ink_progress *progress; /* of making it */
} ink_distillation;

/* All defaults, the forward divergence, no teacher. */
INK_API void ink_distillation_init(ink_distillation *distillation);

/*
 * As ink_train, with what the teacher expects as the aim, in place of the text or beside it.
 * Measurements are of the text alone, so that they compare with those of ink_train. BAD_ARGUMENT:
 * the teacher's vocabulary is another.
 */
INK_MUST_USE INK_API ink_status ink_distill(const char *in, const char *out,
                                            const ink_distillation *distillation,
                                            const ink_training *training,
                                            ink_training_result *result, ink_error *error);

/* Two models on what training keeps apart of its texts. */
typedef struct ink_comparison {
    size_t n_tokens;         /* that were compared */
    double loss, other_loss; /* in nats a token, of the text */
    double divergence;       /* KL(other || model), mean, in nats a token */
    double agreement;        /* part of the tokens where both would have chosen the same */
} ink_comparison;

/* The validation part of training->texts, as training->context cuts it; evaluate_batches counts. */
INK_MUST_USE INK_API ink_status ink_compare(const char *model, const char *other,
                                            const ink_training *training,
                                            ink_comparison *comparison, ink_error *error);

/* What a new model is made of. Zero means the default of every field but the first two. */
typedef struct ink_creation {
    /* A JSON file: an architecture and its hyperparameters (docs/training.md). */
    const char *config;
    /*
     * Where its tokens are from: a number, how many are learned from the texts, as byte pairs;
     * "chars": the characters of the texts; else the path of a model whose vocabulary it gets.
     */
    const char *vocabulary;
    const char *const *texts; /* [n_texts], as in ink_training */
    size_t n_texts;
    int64_t seed; /* of the first weights */
    const ink_allocator *allocator;
    ink_log log;
    ink_progress progress;
} ink_creation;

/*
 * Writes a model with random weights, to be trained, to `out`. A file that was created of the very
 * same is left as it is, so that training that was broken off goes on without this work. Errors of
 * the configuration name its file and the key.
 */
INK_MUST_USE INK_API ink_status ink_model_create(const char *out, const ink_creation *creation,
                                                 ink_error *error);

/* ---- Fitting --------------------------------------------------------------------------------- */

/* A model in some formats, with a session of one cache: what that comes to. */
typedef struct ink_fitted {
    const char *cache;     /* the name of a format, or ink_fitting.cache */
    uint64_t budget_bytes; /* that the formats of its tensors were chosen for, */
    uint64_t weight_bytes; /* what those have, */
    uint64_t file_bytes;   /* and at most its file */
    double bits;           /* of a parameter */
    ink_memory_plan plan;
    double weights_loss; /* that is expected of the weights, in nats a token; NAN: not known */
    double cache_loss;   /* what ink_fitting.measure said of the cache; NAN: it was not asked */
    /*
     * Of the last token of a full context, timed with weights of nothing in these formats; NAN: it
     * is more than this machine has room for now.
     */
    double tokens_per_second;
    double read_bytes; /* that such a token reads, of weights and cache; NAN likewise */
    double divergence; /* what ink_fitting.compare said; NAN: it was not asked */
    bool is_choice;
} ink_fitted;

/* What a model is to fit into. */
typedef struct ink_fitting {
    /*
     * The texts to calibrate with, and how: as for a budget, but without one. `progress` is that of
     * writing.
     */
    ink_quantizing quantizing;
    uint64_t memory_bytes;   /* everything that ink_memory_plan_all counts, at most */
    float tokens_per_second; /* of the last token of a full context, at least; 0: any */
    size_t n_context;  /* positions; 0: 4096, or fewer where the model was trained for fewer */
    const char *cache; /* as in ink_session_options; NULL: it is chosen */
    double machine_read_bytes; /* that the machine reads in a second, for messages; 0: not known */
    ink_cache_measure measure; /* of the model as it is; without it, the cache is a rule's choice */
    /*
     * Sets fit->divergence of the model in the file `path`, with fit->cache. Asked for what was
     * written, and for all others too where the model has at most 100 million parameters; these are
     * written to `trial`, one after the other, as ink_quantize_model writes. NULL: nobody is
     * asked; without a trial, for the others.
     */
    ink_status (*compare)(void *context, const char *path, ink_fitted *fit, ink_error *error);
    const char *trial;
    ink_progress trying; /* of all fits */
    /* Of each fit, in the order of memory, at the end. NULL: nobody is told. */
    void (*found)(void *context, const ink_fitted *fit);
    void *context; /* of compare and found */
} ink_fitting;

/*
 * Chooses formats of the weights of `in`, and of a session's cache, by which the expected loss is
 * least of all that fit into the memory and are quick enough (docs/fit.md), and some others for
 * less and more memory. Writes the choice to `out`, as ink_quantize_model does; NULL: nothing is
 * written. LIMIT: there is no choice; says what is missing, and what would do.
 */
INK_MUST_USE INK_API ink_status ink_fit_model(const char *in, const char *out,
                                              const ink_fitting *fitting, ink_error *error);

/* ---- Cards ----------------------------------------------------------------------------------- */

/*
 * What was measured of a model, kept in its own file: a JSON array under the key "inkling.card",
 * one object an evaluation, the oldest first. What stands in an object is the application's to say;
 * `inkling eval --card` and docs/eval.md name the fields that it writes.
 */
#define INK_CARD_MAX_BYTES 1048576 /* of the whole array */

/*
 * The array, checked to be one of objects; "[]" where the file has none. CORRUPT: it is something
 * else; LIMIT: it is too long. It may say anything: whoever wrote the file wrote it.
 */
INK_MUST_USE INK_API ink_status ink_card_get(const ink_model *model, ink_string *out,
                                             ink_error *error);

typedef struct ink_card_options {
    /*
     * `out` is the file the model was opened from, and is replaced. It must not have changed since
     * (IO), be a symbolic link or part of a split set (UNSUPPORTED).
     */
    bool in_place;
    bool anew; /* the entries that the file has are left out, whatever they are */
    ink_progress progress;
} ink_card_options;

/*
 * Writes the model's file to `out` with one more entry: `entry` is a JSON object. Everything else
 * is copied as it is; a split set becomes one file. A model opened in any way will do; nothing of
 * it is in memory twice. What stood at `out` stays as it was until the new file is whole. `options`
 * may be NULL.
 */
INK_MUST_USE INK_API ink_status ink_card_add(const ink_model *model, const char *out,
                                             const char *entry, size_t n_bytes,
                                             const ink_card_options *options, ink_error *error);

/*
 * Whether the tokens of two models mean the same texts, so that what both expect can be compared.
 * BAD_ARGUMENT says what differs.
 */
INK_MUST_USE INK_API ink_status ink_compare_vocabularies(const ink_model *model,
                                                         const ink_model *other, ink_error *error);

#ifdef __cplusplus
}
#endif
#endif
