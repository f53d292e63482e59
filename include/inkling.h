/*
 * Inkling: small language models where people are.
 *
 * The public API: opaque handles, every name begins ink_. A handle is created by *_open or *_new
 * and ended by *_free, which accepts NULL. Every fallible function returns an ink_status and fills
 * the caller's ink_error, which may be NULL; outputs are written only on success. The library never
 * prints, exits, aborts or installs signal handlers. A model is immutable after it is opened and
 * may be shared by threads; a session is one mutable timeline and belongs to one thread at a time.
 */
#ifndef INKLING_H
#define INKLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define INK_API __attribute__((visibility("default")))
#define INK_MUST_USE __attribute__((warn_unused_result))
#define INK_PRINTF(format_, first_) __attribute__((format(printf, format_, first_)))
#else
#define INK_API
#define INK_MUST_USE
#define INK_PRINTF(format_, first_)
#endif

/* ---- Errors ---------------------------------------------------------------------------------- */

/* One row per failure a caller can act on. */
#define INK_STATUS_TABLE(X)                                      \
    X(OK, 0, "success")                                          \
    X(NO_MEMORY, 1, "out of memory")                             \
    X(IO, 2, "input or output failed")                           \
    X(CORRUPT, 3, "the input is malformed")                      \
    X(UNSUPPORTED, 4, "valid, but not supported")                \
    X(LIMIT, 5, "a limit was reached")                           \
    X(BAD_ARGUMENT, 6, "an argument is outside what is allowed") \
    X(CANCELLED, 7, "cancelled by the caller")                   \
    X(DEVICE, 8, "the device failed")

typedef enum ink_status {
#define X(name, value, text) INK_##name = value,
    INK_STATUS_TABLE(X)
#undef X
} ink_status;

/* Filled only on failure. The message names what failed, where, and what to do. */
typedef struct ink_error {
    ink_status status;
    uint64_t offset; /* byte in the input where it went wrong, or 0 */
    char message[500];
} ink_error;

/* The row's text, for instance "out of memory"; never NULL. */
INK_API const char *ink_status_text(ink_status status);

/* ---- Memory and logging ---------------------------------------------------------------------- */

/*
 * Where memory comes from. `resize` is realloc with a context: a NULL pointer allocates, zero bytes
 * free and return NULL, failure returns NULL and leaves the old block as it was. It must be
 * callable from several threads. The struct must outlive every handle made with it. A NULL
 * allocator means the C library's.
 */
typedef struct ink_allocator {
    void *(*resize)(void *context, void *pointer, size_t bytes);
    void *context;
} ink_allocator;

typedef enum ink_log_level { INK_LOG_DEBUG, INK_LOG_INFO, INK_LOG_WARNING } ink_log_level;

/* Receives one line without a newline. NULL callbacks are silent. */
typedef struct ink_log {
    void (*write)(void *context, ink_log_level level, const char *message);
    void *context;
} ink_log;

/*
 * Called now and then with the part done, 0 to 1, by the thread that called the function; false
 * cancels it.
 */
typedef struct ink_progress {
    bool (*report)(void *context, float part);
    void *context;
} ink_progress;

INK_API const char *ink_version(void);

/* ---- Results that grow ----------------------------------------------------------------------- */

/* Begin with {0}; filled by the functions below, which replace what was there. */
typedef struct ink_tokens {
    int32_t *ids;
    size_t n_tokens, capacity;
    const ink_allocator *allocator;
} ink_tokens;

typedef struct ink_string {
    char *data; /* terminated; may hold NULs before its end */
    size_t n_bytes;
    const ink_allocator *allocator;
} ink_string;

INK_API void ink_tokens_free(ink_tokens *tokens);
INK_API void ink_string_free(ink_string *string);

/* ---- Models ---------------------------------------------------------------------------------- */

typedef struct ink_model ink_model;

typedef enum ink_load {
    INK_LOAD_ALL,
    /*
     * Hyperparameters and the table of weights, checked, but no weights: to show and to plan. A
     * file that holds no weights at all is opened as by INK_LOAD_VOCABULARY.
     */
    INK_LOAD_METADATA,
    /*
     * All weights as plain floats, whatever the file's formats: a model to be trained. Sessions run
     * it too, slower.
     */
    INK_LOAD_TRAINABLE,
    /* only what turns text into tokens and back; the file needs no weights at all */
    INK_LOAD_VOCABULARY
} ink_load;

/*
 * An adapter (LoRA): a GGUF file whose narrow matrices are added to those of the model that it was
 * trained for.
 */
typedef struct ink_adapter {
    const char *path;
    float scale; /* times what is added: 1 as it was trained, 0 not at all */
} ink_adapter;

/*
 * Zero means the default of every field. The allocator, and what log and progress point to, outlive
 * the model.
 */
typedef struct ink_model_options {
    const ink_allocator *allocator;
    ink_log log;
    ink_progress progress;
    ink_load load;
    int n_threads; /* to load with, at most 256; 0: as many as there are processors */
    /*
     * A folder where packed weights are kept, as large as the model's file: the next start maps
     * them instead of reading and packing, and processes share one copy. NULL or "": none. What it
     * holds is used when it belongs to this very model, as far as sizes, times and samples tell
     * (not when a few bytes were changed in place and the file's time set back), and replaced when
     * it does not. Whatever goes wrong with it is a warning in the log, and the model is loaded
     * without. A new file is written in the background; ink_model_free waits until it is whole.
     * Only the owner can read it; who makes it shorter while it is in use causes a SIGBUS in all
     * who use it.
     */
    const char *pack_cache;
    bool verify_pack_cache; /* read all of it at open, and compare its checksum */
    /*
     * [n_adapters]: added to the weights one behind the other, in floats; the weights themselves
     * stay as they are. BAD_ARGUMENT: one belongs to another model.
     */
    const ink_adapter *adapters;
    size_t n_adapters;
    /*
     * Bytes that the model and all that is made with it (sessions, constraints, results) may take
     * together; 0: no limit. What would go beyond is refused with LIMIT, before it is begun where
     * its size is known (weights, sessions), else with NO_MEMORY. Weights in a mapped file of
     * packed weights do not count: the system gives their pages to others when it needs them. With
     * a limit that the weights are beyond, and a pack_cache, they are packed into that file and
     * used there.
     */
    uint64_t memory_limit;
} ink_model_options;

/*
 * A GGUF file, or the first part of a split set. UNSUPPORTED names the architecture or format that
 * is not known.
 */
INK_MUST_USE INK_API ink_status ink_model_open(ink_model **out, const char *path,
                                               const ink_model_options *options, ink_error *error);
/*
 * The same from bytes that outlive the model: one whole GGUF file; `name` stands for its path.
 * BAD_ARGUMENT with a pack_cache.
 */
INK_MUST_USE INK_API ink_status ink_model_open_memory(ink_model **out, const void *bytes,
                                                      size_t n_bytes, const char *name,
                                                      const ink_model_options *options,
                                                      ink_error *error);
/*
 * The weights of a model that was opened with INK_LOAD_METADATA, to plan: as ink_model_open of its
 * file with these options, but what was read of it is not read again. The allocator is that of
 * `planned`, which ends in any case; nothing made with it may be left.
 */
INK_MUST_USE INK_API ink_status ink_model_open_planned(ink_model **out, ink_model *planned,
                                                       const ink_model_options *options,
                                                       ink_error *error);
/* Not before every session of the model is freed. */
INK_API void ink_model_free(ink_model *model);

typedef struct ink_model_info {
    const char *path, *architecture, *name; /* name: general.name or "" */
    bool embedding;                         /* for embeddings: it does not generate text */
    bool recurrent; /* layers carry a state: a session goes back by evaluating anew */
    uint64_t n_parameters, file_bytes, weight_bytes; /* weight_bytes: in memory */
    uint32_t n_layers, n_embedding, n_heads, n_kv_heads, k_dim, v_dim, n_ff, n_experts,
        n_experts_used;
    uint32_t n_vocab, n_context; /* n_context: what it was trained for */
    bool has_vocabulary, has_chat_template;
    bool has_thinking; /* the chat template looks at the variable enable_thinking */
    /* "llama", "gpt2", ... and the rule that splits texts first; "" where there is none */
    const char *tokenizer, *pretokenizer;
} ink_model_info;

/*
 * Strings live as long as the model. Of a model opened with INK_LOAD_VOCABULARY, what weights and
 * hyperparameters say is 0.
 */
INK_API void ink_model_get_info(const ink_model *model, ink_model_info *info);

/*
 * The i-th hyperparameter that the model uses and that is not zero: its metadata key without the
 * architecture, its value. False at the end.
 */
INK_API bool ink_model_get_hyperparameter(const ink_model *model, size_t index, const char **key,
                                          char value[48]);

/*
 * Bytes that were asked for with a model that has a memory_limit or was opened with
 * INK_LOAD_METADATA; all 0 for others, where nobody counts.
 */
typedef struct ink_memory_use {
    uint64_t limit_bytes, used_bytes, peak_bytes;
    uint64_t mapped_bytes; /* of weights that are used in their file; they count for any model */
} ink_memory_use;

INK_API void ink_model_get_memory(const ink_model *model, ink_memory_use *use);

/* The i-th weight format in use. False at the end. */
typedef struct ink_model_format {
    const char *name;
    uint64_t n_tensors, n_parameters, n_bytes;
} ink_model_format;

INK_API bool ink_model_get_format(const ink_model *model, size_t index, ink_model_format *format);

/* ---- Text ------------------------------------------------------------------------------------ */

/* Which special tokens take part. */
typedef enum ink_special {
    INK_SPECIAL_NONE = 0,
    INK_SPECIAL_ADD = 1, /* tokenize: the BOS, EOS, CLS that the vocabulary asks for */
    /* tokenize: special tokens written out in the text; detokenize: write them out */
    INK_SPECIAL_PARSE = 2,
    /* tokenize: a prompt: the BOS that the vocabulary asks for unless the text has it, no end */
    INK_SPECIAL_OPEN = 4
} ink_special;

/*
 * text may hold NULs and need not be valid UTF-8. `special` is a sum of ink_special; one that has
 * no effect is BAD_ARGUMENT.
 */
INK_MUST_USE INK_API ink_status ink_tokenize(const ink_model *model, const char *text,
                                             size_t n_bytes, unsigned special, ink_tokens *out,
                                             ink_error *error);
INK_MUST_USE INK_API ink_status ink_detokenize(const ink_model *model, const int32_t *tokens,
                                               size_t n_tokens, unsigned special, ink_string *out,
                                               ink_error *error);

/* Generation ends with it: end of text, of turn, of message, or the beginning of another text. */
INK_API bool ink_is_end_token(const ink_model *model, int32_t token);

/*
 * The model's chat template, rendered, to be read by people: see ink_chat_tokenize. `variables` is
 * JSON: an array of messages ({"role": ..., "content": ...}), or an object of all variables
 * (messages, tools, enable_thinking, ...). bos_token, eos_token and add_generation_prompt = true
 * are filled in where absent. `now` is the time, in seconds since 1970 UTC, for templates that
 * print a date.
 */
INK_MUST_USE INK_API ink_status ink_chat_render(const ink_model *model, const char *variables,
                                                size_t n_bytes, int64_t now, ink_string *out,
                                                ink_error *error);

/*
 * The same as tokens, ready for ink_generate. Special tokens are read only in what the template
 * itself wrote: one that is spelled out in a message, a tool or any other variable stays text. Only
 * variables whose names end in "_token", and roles that are plain words, count as the template's,
 * so let neither come from strangers. Tokenizing what ink_chat_render gives with INK_SPECIAL_PARSE
 * has no such protection.
 */
INK_MUST_USE INK_API ink_status ink_chat_tokenize(const ink_model *model, const char *variables,
                                                  size_t n_bytes, int64_t now, ink_tokens *out,
                                                  ink_error *error);

/*
 * The same for a context that has room for n_most tokens: as long as there are more, the oldest
 * turn (a message of the role "user" and what follows it up to the next) is left out, but neither
 * what stands before the first turn, as the system's message, nor the last turn. *n_dropped is how
 * many messages were. LIMIT, with the counts: what must stay does not fit.
 */
INK_MUST_USE INK_API ink_status ink_chat_tokenize_fitting(const ink_model *model,
                                                          const char *variables, size_t n_bytes,
                                                          int64_t now, size_t n_most,
                                                          ink_tokens *out, size_t *n_dropped,
                                                          ink_error *error);

/* ---- Sessions -------------------------------------------------------------------------------- */

typedef struct ink_session ink_session;

/*
 * What the keys and values of a cache may be kept in, widest first. Those that end in r are rotated
 * before they are rounded, and keep the latest 128 positions in q8_0 as well.
 */
#define INK_CACHE_FORMATS "f32|f16|q8_0|q4r|q4_0|q3r|q2r"

/* What happens to a text that is longer than the context. */
typedef enum ink_overflow {
    INK_OVERFLOW_ERROR, /* a prompt is refused; generating ends with INK_STOP_CONTEXT */
    /*
     * The first n_keep tokens stay, of the others the newest, so many that half of the room behind
     * n_keep is free again; they are evaluated anew, as a prompt of these tokens would be.
     */
    INK_OVERFLOW_SLIDE,
    /*
     * For texts without an end: the first n_keep tokens stay, at least 64, as a multiple of 64, and
     * a window of the newest, of which the 64 oldest go whenever the context is full. Nothing is
     * evaluated anew: what a token has seen, it has seen. Positions count inside the cache
     * (StreamingLLM, arXiv:2309.17453). After 2^29 tokens it is LIMIT.
     */
    INK_OVERFLOW_ROLL,
    /*
     * For texts that the model has positions for and memory has not: of what is older than the
     * newest quarter, and behind the first n_keep tokens (as with ROLL), half goes whenever the
     * context is full: what the 32 latest tokens attended to least, over all layers (as H2O,
     * arXiv:2306.14048, and SnapKV, arXiv:2404.14469). Ends as with ERROR where the model's
     * training does.
     */
    INK_OVERFLOW_EVICT
} ink_overflow;

/* Zero means the default of every field. */
typedef struct ink_session_options {
    /*
     * Positions; 0: what the model was trained for, reduced to what memory has room for: to the
     * memory_limit, and to three quarters of what the system and the process's control groups have
     * left, but not below 512 for these. A reduced context is told to the model's log, as a
     * warning.
     */
    size_t n_context;
    /*
     * What keys and values are kept in: one of INK_CACHE_FORMATS (NULL: "f16"); "q4r,q3r": that of
     * keys, that of values; "q3r/0-1=q8_0/5=q4r,q3r": some layers have their own. docs/cache.md
     */
    const char *cache;
    /*
     * tokens evaluated together; 0: 512, or 128 with a cache that keeps its latest positions wider.
     * A model for embeddings takes a text as a whole.
     */
    size_t n_batch;
    int n_threads; /* at most 256; 0: as many as there are processors */
    /*
     * ink_session_evaluate will be asked for the logits of all tokens: what that takes is planned,
     * and with a memory_limit set aside when the session is made.
     */
    bool all_logits;
    /*
     * It neither takes over what other sessions of the model have evaluated, nor lets others have
     * what it evaluates (see ink_session_evaluate): to measure, or where nobody shall be able to
     * tell from the time what another asked.
     */
    bool isolated;
    /*
     * ROLL or EVICT: generations may ask for that; others need no preparation. BAD_ARGUMENT: the
     * model has learned its positions, or is one for embeddings. Until something is dropped, such a
     * session gives the bits of any other; then it shares no more than the first tokens.
     */
    ink_overflow overflow;
} ink_session_options;

/*
 * The model outlives the session. A cache format that the model's heads do not fit is BAD_ARGUMENT.
 */
INK_MUST_USE INK_API ink_status ink_session_new(ink_session **out, const ink_model *model,
                                                const ink_session_options *options,
                                                ink_error *error);
INK_API void ink_session_free(ink_session *session);

/*
 * Whether ink_session_options.cache may be so, for a model that has the layers and heads of the
 * right width; BAD_ARGUMENT says what is wrong, with the byte.
 */
INK_MUST_USE INK_API ink_status ink_cache_check(const char *cache, ink_error *error);

/* What a cache comes to with a model. */
typedef struct ink_cache_info {
    double bits;             /* of a number that stays, scales included, over all layers */
    uint64_t position_bytes; /* of a position that stays, in all layers */
    size_t n_recent;         /* latest positions that are kept wider as well, at most; 0: none */
} ink_cache_info;

INK_MUST_USE INK_API ink_status ink_cache_get_info(const ink_model *model, const char *cache,
                                                   ink_cache_info *info, ink_error *error);

/*
 * How far a model is from itself when its cache is kept so: any figure of which less is better and
 * parts add up, such as a mean KL divergence on a text.
 */
typedef struct ink_cache_measure {
    ink_status (*measure)(void *context, const char *cache, double *distance, ink_error *error);
    void *context;
} ink_cache_measure;

/*
 * Chooses formats for the keys and values of each layer, such that all have `bits` on average (see
 * ink_cache_info), from q8_0 down: each format in each layer's keys, and values, is measured alone,
 * the others being f16; then what costs least for each bit is narrowed, step by step. `out` is for
 * ink_session_options.cache. BAD_ARGUMENT: with so few bits there is no format.
 */
INK_MUST_USE INK_API ink_status ink_cache_choose(const ink_model *model, double bits,
                                                 const ink_cache_measure *measure, ink_string *out,
                                                 ink_error *error);

/*
 * Bytes that a session with these options needs at most: cache when full, and work space. Loads
 * nothing.
 */
typedef struct ink_session_plan {
    size_t n_context, cache_bytes, work_bytes;
} ink_session_plan;

INK_MUST_USE INK_API ink_status ink_session_plan_memory(const ink_model *model,
                                                        const ink_session_options *options,
                                                        ink_session_plan *plan, ink_error *error);

/*
 * Every byte that a model and its sessions will ask the allocator for: field, what it is. An upper
 * bound: pages, arrays and weights to the byte, tables and texts with some room.
 */
#define INK_MEMORY_TABLE(X)                                              \
    X(model, "vocabulary, template, tables")                             \
    X(weights, "weights, packed, and adapters")                          \
    X(cache, "keys, values and states when the context is full")         \
    X(work, "arrays of the largest step")                                \
    X(steps, "steps as they were recorded")                              \
    X(session, "tokens, logits, tables of pages")                        \
    X(sampling, "choosing tokens; room for prompts and answers as text") \
    X(constraint, "masks of a constraint, and room for its automaton")   \
    X(loading, "stripes and tables, gone when the weights are loaded")

typedef struct ink_memory_plan {
    size_t n_context, n_sessions;
#define X(name, text) uint64_t name##_bytes;
    INK_MEMORY_TABLE(X) /* cache to constraint: of all sessions together */
#undef X
    uint64_t mapped_bytes; /* of weights that are used in their file; weights_bytes is then 0 */
    uint64_t total_bytes;  /* the most at any time: while loading, or with all sessions full */
} ink_memory_plan;

/* Zero means the default of every field. */
typedef struct ink_memory_options {
    ink_session_options session;
    size_t n_sessions; /* 0: one */
    bool constraint;   /* each with a constraint */
    /*
     * Room for the automaton of each constraint, which grows with what is asked of it; 0: 8 MiB. A
     * constraint that needs more, under a memory_limit that has no more, ends with an error.
     */
    size_t automaton_bytes;
    uint64_t memory_limit; /* what ink_memory_check measures against, as in ink_model_options */
} ink_memory_options;

/*
 * Of a model opened with INK_LOAD_METADATA, and with the threads, adapters and pack_cache that it
 * will be opened with: loads nothing.
 */
INK_MUST_USE INK_API ink_status ink_memory_plan_all(const ink_model *model,
                                                    const ink_memory_options *options,
                                                    ink_memory_plan *plan, ink_error *error);

/* LIMIT when a plan is beyond options->memory_limit; says what would fit, computed. */
INK_MUST_USE INK_API ink_status ink_memory_check(const ink_model *model,
                                                 const ink_memory_options *options,
                                                 ink_memory_plan *plan, ink_error *error);

/*
 * How scarce memory is. Each level does what those before it do:
 *
 *   NONE    nothing; sessions use what they were given
 *   SPARE   what is only kept to be quick is dropped: recorded steps, prefixes that nobody uses
 *   IDLE    whoever owns sessions that wait puts them on the disk: ink_session_spill
 *   BATCH   prompts are read in batches of 32 tokens, with less work space
 *   REFUSE  new sessions are LIMIT; those that are there go on
 */
typedef enum ink_pressure {
    INK_PRESSURE_NONE,
    INK_PRESSURE_SPARE,
    INK_PRESSURE_IDLE,
    INK_PRESSURE_BATCH,
    INK_PRESSURE_REFUSE
} ink_pressure;

/*
 * From any thread. Sessions follow when they are next used, each on its own thread. On phones: what
 * the system says of low memory; elsewhere ink_pressure_read.
 */
INK_API void ink_model_set_pressure(ink_model *model, ink_pressure pressure);
INK_API ink_pressure ink_model_get_pressure(const ink_model *model);

/*
 * What Linux says: pressure stall information of the process's cgroup, else of the machine, and
 * whether the cgroup came to its limit since the last call. Begin with {0}.
 */
typedef struct ink_pressure_watch {
    uint64_t n_events; /* so far */
    bool begun;
} ink_pressure_watch;

INK_API ink_pressure ink_pressure_read(ink_pressure_watch *watch);

/*
 * The session's state into a file that only its owner may read, and its cache and work space back
 * to the allocator. When the session is next used it is read back, and the file removed; when that
 * fails the call does, and the file and the session stay as they are. Freeing the session removes
 * the file.
 */
INK_MUST_USE INK_API ink_status ink_session_spill(ink_session *session, const char *path,
                                                  ink_error *error);
INK_API bool ink_session_is_spilled(const ink_session *session);

INK_API size_t ink_session_n_context(const ink_session *session);

/* Tokens evaluated so far: the position of the next one. */
INK_API size_t ink_session_position(const ink_session *session);

/* [ink_session_position]: the tokens evaluated so far. Valid until the session changes. */
INK_API const int32_t *ink_session_tokens(const ink_session *session);

/*
 * Tokens that were dropped from the middle of the session (ROLL, EVICT) and that it still has the
 * traces of: *n_first is how many stand before where they were, 0: they were here and there.
 */
INK_API size_t ink_session_n_dropped(const ink_session *session, size_t *n_first);

/*
 * *n_read is how many of the tokens, from the first on, the session has read, those that it has
 * dropped since among them (known by SHA-256): rewound to *position, it goes on behind them. 0
 * where it has dropped tokens and read others than these, or cannot go back so far without them.
 */
INK_MUST_USE INK_API ink_status ink_session_match(ink_session *session, const int32_t *tokens,
                                                  size_t n_tokens, size_t *n_read, size_t *position,
                                                  ink_error *error);

/* Bytes the cache holds now, those that it shares with other sessions included. */
INK_API size_t ink_session_cache_bytes(const ink_session *session);

/*
 * Evaluates tokens at the end of the session. What does not fit into the context is LIMIT, with
 * both counts, and nothing is evaluated. When `logits` is not NULL it receives [n_tokens][n_vocab].
 * CANCELLED when progress says so: the session then ends with the last batch that was done.
 *
 * Blocks of 64 positions are shared by all sessions of a model whose caches have one format: where
 * the tokens from the begin on are the same, what they came to is kept once, and is taken over
 * instead of evaluated, with the same bits. Where layers have a window or carry a state that goes
 * from one checkpoint to the next, which are made at the end of a prompt, where prompts begin to
 * differ, and in between. What no session holds any more stays in room that sessions have reserved
 * and do not use. Nothing is taken over where `logits` are wanted.
 */
INK_MUST_USE INK_API ink_status ink_session_evaluate(ink_session *session, const int32_t *tokens,
                                                     size_t n_tokens, float *logits,
                                                     const ink_progress *progress,
                                                     ink_error *error);

/* Tokens of the last call that were taken over and not evaluated. */
INK_API size_t ink_session_n_reused(const ink_session *session);

/*
 * [n_vocab] after the last token evaluated; NULL before the first. Valid until the session changes.
 */
INK_API const float *ink_session_logits(const ink_session *session);

/*
 * Forgets what stands at `position` and behind it; BAD_ARGUMENT: the session ends before it. Where
 * a window has given back what is seen from there, or where layers carry a state (lfm2, ...), it is
 * evaluated anew, from the last checkpoint before it or from the begin: see ink_session_evaluate.
 * So is what saw tokens that the session has dropped since: as a text of the tokens that are left.
 */
INK_MUST_USE INK_API ink_status ink_session_rewind(ink_session *session, size_t position,
                                                   ink_error *error);

/*
 * Makes room in a session whose context is full and that was made with the overflow ROLL or EVICT,
 * as ink_generate does; *n_dropped is how many tokens went. What was evaluated stays so. The first
 * n_keep tokens stay, the same each time. LIMIT: the text has come to its end (ink_overflow).
 * BAD_ARGUMENT: it is not full, there is no room for n_keep, or n_keep is another than before.
 */
INK_MUST_USE INK_API ink_status ink_session_roll(ink_session *session, size_t n_keep,
                                                 size_t *n_dropped, ink_error *error);

/*
 * A second session that goes on from where `source` stands, with the same options. They share what
 * is full; what they write from now on is each one's own. LIMIT, NO_MEMORY as for a new session.
 */
INK_MUST_USE INK_API ink_status ink_session_fork(ink_session **out, ink_session *source,
                                                 ink_error *error);

/*
 * Prefixes that outlive the process, in a folder of files that only their owner may read (they hold
 * tokens): what sessions evaluate is then looked for there too, and read back with the same bits.
 * The folder is made if it is not there. Files are known by model, tokens and cache format, and
 * checked; one that is damaged is told to the log, removed, and evaluated anew. max_bytes (0: 1
 * GiB) is the most that they take together; those used longest ago go. Before the first session is
 * made; several processes may use one folder.
 */
INK_MUST_USE INK_API ink_status ink_model_set_prefix_store(ink_model *model, const char *folder,
                                                           uint64_t max_bytes, ink_error *error);

/*
 * Keeps what the session's first n_tokens came to in the model's store, in blocks of 64; what is
 * there already is not written again. Where layers have a window or carry a state, up to the last
 * checkpoint. When it fails, what was written before stays, and is right. LIMIT: a block is larger
 * than the store may be.
 */
INK_MUST_USE INK_API ink_status ink_session_keep_prefix(ink_session *session, size_t n_tokens,
                                                        ink_error *error);

/*
 * Forgets, for all sessions to come, what no session holds, and gives its memory back. From any
 * thread; pressure of the level SPARE does it too.
 */
INK_API void ink_model_trim(const ink_model *model);

/*
 * An embedding model's vectors for one text: [n_embedding] pooled as the model says, or
 * [n_tokens][n_embedding]. CORRUPT when one holds what is not a number.
 */
INK_MUST_USE INK_API ink_status ink_session_embed(ink_session *session, const int32_t *tokens,
                                                  size_t n_tokens, bool pooled, float *out,
                                                  ink_error *error);

/*
 * The whole state in a file that only its owner may read (it holds every token), and back into a
 * new session of the same model; bit for bit.
 */
INK_MUST_USE INK_API ink_status ink_session_save(const ink_session *session, const char *path,
                                                 ink_error *error);
INK_MUST_USE INK_API ink_status ink_session_restore(ink_session *session, const char *path,
                                                    ink_error *error);

/* ---- Constraints ----------------------------------------------------------------------------- */

/*
 * What a generated text must be. A constraint follows one text from its begin, byte by byte or
 * token by token, and tells what may come next. It belongs to one thread at a time.
 */
typedef struct ink_constraint ink_constraint;

typedef enum ink_constraint_kind {
    INK_CONSTRAINT_SCHEMA,  /* a JSON Schema, draft 2020-12 */
    INK_CONSTRAINT_GRAMMAR, /* GBNF */
    INK_CONSTRAINT_REGEX,   /* a regular expression that the whole text matches (ECMA-262) */
    INK_CONSTRAINT_CHOICE   /* one of several texts, between commas; "\," is a comma */
} ink_constraint_kind;

/* Of all JSON texts for a value, those that a schema allows. */
typedef enum ink_json_form {
    /*
     * One line: at most a space behind ':' and ','; keys in the schema's order, then others; whole
     * numbers without fraction. Made for generating: what can be forced is forced.
     */
    INK_JSON_PLAIN,
    /* blanks between all parts, keys in any order, 1.0 where 1 is meant: made for checking */
    INK_JSON_ANY
} ink_json_form;

/*
 * Thoughts before an answer, between <think> and </think>: anything may stand there, and what an
 * answer must be begins behind them.
 */
typedef enum ink_thinking {
    INK_THINKING_NONE,
    INK_THINKING_ALLOWED, /* the answer may begin with a block */
    INK_THINKING_OPEN     /* the prompt has opened the block: the answer begins within */
} ink_thinking;

typedef struct ink_constraint_source {
    ink_constraint_kind kind;
    const char *text; /* [n_bytes] */
    size_t n_bytes;
    ink_json_form form; /* of schemas */
    ink_thinking thinking;
} ink_constraint_source;

/*
 * With a model, for its tokens; with NULL for texts only. The model outlives it. UNSUPPORTED: what
 * cannot be honored, by name and place. CORRUPT: a text that is no schema, grammar or expression,
 * with the place. BAD_ARGUMENT: nothing could satisfy it. LIMIT: too large, too deep.
 */
INK_MUST_USE INK_API ink_status ink_constraint_new(ink_constraint **out, const ink_model *model,
                                                   const ink_constraint_source *source,
                                                   ink_error *error);
INK_API void ink_constraint_free(ink_constraint *constraint);

/* Back to the begin of a text. */
INK_API void ink_constraint_reset(ink_constraint *constraint);

/*
 * The text goes on. `*n_accepted` (may be NULL) is how many bytes of it are allowed; when it is
 * less than n_bytes the constraint stays behind those. LIMIT: it takes too much memory or work.
 */
INK_MUST_USE INK_API ink_status ink_constraint_accept(ink_constraint *constraint, const char *text,
                                                      size_t n_bytes, size_t *n_accepted,
                                                      ink_error *error);

/* The text so far may end here; nothing else may follow. */
INK_API bool ink_constraint_may_end(const ink_constraint *constraint);
INK_API bool ink_constraint_must_end(ink_constraint *constraint);

/*
 * [ink_constraint_mask_words]: bit i % 32 of word i / 32 says whether token i may come next; end
 * tokens where the text may end. Valid until the constraint is used again.
 */
INK_API size_t ink_constraint_mask_words(const ink_constraint *constraint);
INK_MUST_USE INK_API ink_status ink_constraint_mask(ink_constraint *constraint,
                                                    const uint32_t **mask, ink_error *error);

/* The text goes on with a token; BAD_ARGUMENT when it may not. An end token changes nothing. */
INK_MUST_USE INK_API ink_status ink_constraint_accept_token(ink_constraint *constraint,
                                                            int32_t token, ink_error *error);

/*
 * The tokens of the only text that may follow, as the tokenizer would split it; none where there is
 * a choice. They are not accepted yet.
 */
INK_MUST_USE INK_API ink_status ink_constraint_forced(ink_constraint *constraint, ink_tokens *out,
                                                      ink_error *error);

/*
 * How the model's chat template leaves thinking, with these variables (see ink_chat_render): NONE
 * where it does not speak of <think>, or has closed the block.
 */
INK_MUST_USE INK_API ink_status ink_chat_get_thinking(const ink_model *model, const char *variables,
                                                      size_t n_bytes, ink_thinking *out,
                                                      ink_error *error);

/* ---- Tools ----------------------------------------------------------------------------------- */

/*
 * Functions that an answer may call, and how the model's family writes calls (docs/tools.md). From
 * them follow a constraint, under which every call names a tool and has arguments that its schema
 * allows, and a reader of answers.
 */
typedef struct ink_tools ink_tools;

typedef enum ink_tool_choice {
    INK_TOOL_AUTO, /* a text, calls, or both */
    INK_TOOL_NONE, /* a text without calls */
    INK_TOOL_REQUIRED,
    INK_TOOL_NAMED /* one call, of the tool ink_tools_options.name */
} ink_tool_choice;

/* Zero means the default of every field. */
typedef struct ink_tools_options {
    /* "hermes", "llama3", "json", ...; NULL: what the chat template says, else "json" */
    const char *format;
    ink_tool_choice choice;
    const char *name;
    bool single; /* at most one call in an answer */
} ink_tools_options;

/*
 * `json`: an array of {"type": "function", "function": {"name", "description", "parameters"}}, as
 * OpenAI has it; `parameters` is a JSON Schema of objects, and allows only the properties that it
 * names unless it says otherwise. The model may be NULL where options name a format, and outlives
 * the tools. BAD_ARGUMENT, CORRUPT: names the tool by its place. What a schema says that cannot be
 * honored is found by ink_tools_constrain.
 */
INK_MUST_USE INK_API ink_status ink_tools_new(ink_tools **out, const ink_model *model,
                                              const char *json, size_t n_bytes,
                                              const ink_tools_options *options, ink_error *error);
INK_API void ink_tools_free(ink_tools *tools);

/* The format in use, by its name. */
INK_API const char *ink_tools_format(const ink_tools *tools);

/*
 * Whether the chat template shows the variable `tools` to the model. Where it does not, what
 * ink_tools_describe says belongs into the first message.
 */
INK_API bool ink_tools_in_template(const ink_tools *tools);
INK_MUST_USE INK_API ink_status ink_tools_describe(const ink_tools *tools, ink_string *out,
                                                   ink_error *error);

/* The tools outlive the constraint. UNSUPPORTED: names the tool and the keyword. */
INK_MUST_USE INK_API ink_status ink_tools_constrain(ink_constraint **out, const ink_tools *tools,
                                                    ink_thinking thinking, ink_error *error);

/* One call. Valid during the callback. */
typedef struct ink_tool_call {
    const char *name;      /* terminated */
    const char *arguments; /* JSON, terminated: [n_bytes] */
    size_t n_bytes;
    size_t index; /* 0, 1, ... in this answer */
} ink_tool_call;

/*
 * What an answer is made of, as it comes. Either may be NULL. False stops: ink_answer_feed is then
 * CANCELLED.
 */
typedef struct ink_answer_events {
    bool (*text)(void *context, const char *text, size_t n_bytes, bool thought);
    bool (*call)(void *context, const ink_tool_call *call);
    void *context;
} ink_answer_events;

/* Reads an answer that comes in pieces. `tools` may be NULL: then only thoughts are told apart. */
typedef struct ink_answer ink_answer;

INK_MUST_USE INK_API ink_status ink_answer_new(ink_answer **out, const ink_tools *tools,
                                               ink_thinking thinking,
                                               const ink_answer_events *events, ink_error *error);
INK_API void ink_answer_free(ink_answer *answer);

/*
 * CORRUPT: what follows a marker is no call, with the byte; never under the constraint.
 * LIMIT: a call of more than 1 MiB.
 */
INK_MUST_USE INK_API ink_status ink_answer_feed(ink_answer *answer, const char *text,
                                                size_t n_bytes, ink_error *error);

/* The end of the text. CORRUPT: in the middle of a call. */
INK_MUST_USE INK_API ink_status ink_answer_end(ink_answer *answer, ink_error *error);

/* ---- Generation ------------------------------------------------------------------------------ */

/*
 * How the next token is chosen: type, C field and JSON key (the flag has '-' for '_'), default,
 * lowest, highest, the value that changes nothing, the fields ("a|b") without which it has no
 * effect, as all of them change nothing, or NULL, and help. The penalties come first, then
 * temperature 0 takes the best token; otherwise top_k, typical_p, top_p, min_p, temperature, and a
 * draw.
 */
#define INK_SAMPLING_TABLE(X)                                                                      \
    X(float, temperature, 0.8f, 0, 100, 0, NULL,                                                   \
      "randomness of the choice; 0 always takes the best token")                                   \
    X(int32_t, top_k, 40, 0, 10000000, 0, "temperature", "choose among the K best tokens; 0: all") \
    X(float, top_p, 0.95f, 0, 1, 1, "temperature",                                                 \
      "choose among the best tokens that have probability P together; 1: all")                     \
    X(float, min_p, 0.05f, 0, 1, 0, "temperature",                                                 \
      "drop tokens less than P times as likely as the best; 0: none")                              \
    X(float, typical_p, 1, 0, 1, 1, "temperature",                                                 \
      "keep the P most typical probability mass; 1: all")                                          \
    X(float, repeat_penalty, 1, 0.01f, 100, 1, "repeat_last_n",                                    \
      "divide the logits of recent tokens; 1: off")                                                \
    X(int32_t, repeat_last_n, 64, 0, 1000000, 0,                                                   \
      "repeat_penalty|frequency_penalty|presence_penalty",                                         \
      "how many recent tokens the penalties look at")                                              \
    X(float, frequency_penalty, 0, -100, 100, 0, "repeat_last_n",                                  \
      "lower a token for each time it occurred")                                                   \
    X(float, presence_penalty, 0, -100, 100, 0, "repeat_last_n", "lower a token that occurred")    \
    X(int64_t, seed, -1, -1, INT64_MAX, -1, NULL, "of the random numbers; -1: a new one each time")

typedef struct ink_logit_bias {
    int32_t token;
    float bias; /* added to the logit; -INFINITY forbids the token */
} ink_logit_bias;

typedef struct ink_sampling {
#define X(type, name, fallback, low, high, off, needs, help) type name;
    INK_SAMPLING_TABLE(X)
#undef X
    const ink_logit_bias *biases; /* [n_biases] */
    size_t n_biases;
} ink_sampling;

/* All defaults. */
INK_API void ink_sampling_init(ink_sampling *sampling);

typedef enum ink_stop {
    INK_STOP_END,      /* the model ended */
    INK_STOP_STRING,   /* a stop string appeared; it is not part of the text */
    INK_STOP_TOKENS,   /* max_tokens */
    INK_STOP_CONTEXT,  /* the context is full */
    INK_STOP_CANCELLED /* the callback said so */
} ink_stop;

typedef struct ink_generation {
    ink_sampling sampling;
    size_t max_tokens;               /* 0: until the model ends or the context is full */
    const char *const *stop_strings; /* [n_stop_strings], none empty */
    size_t n_stop_strings;
    bool ignore_end; /* go on behind end tokens */
    ink_overflow overflow;
    size_t n_keep; /* unless ERROR: tokens from the session's begin that are never dropped */
    /*
     * What the text must be, made for the same model; NULL: anything. It is reset first. Tokens
     * that are forced are evaluated without being sampled. The model ends where the text may end,
     * and where it must end nothing is sampled any more. A text that can neither end nor go on is
     * an error (BAD_ARGUMENT), with what was written so far.
     */
    ink_constraint *constraint;
    /*
     * Receives whole UTF-8 characters as they come; false cancels. text ends with a NUL behind
     * n_bytes.
     */
    bool (*write)(void *context, const char *text, size_t n_bytes);
    void *context;
    const ink_progress *progress; /* of the prompt; NULL: none */
} ink_generation;

typedef struct ink_generated {
    ink_stop stop;
    size_t n_prompt, n_tokens; /* n_tokens generated, an end token included */
    size_t n_forced;           /* of those, not sampled: the constraint left no choice */
    size_t n_reused;           /* of the prompt, not evaluated: ink_session_n_reused */
    size_t n_dropped;          /* tokens that were dropped from the session; 0 with ERROR */
    bool incomplete;           /* it stopped where the constraint does not let the text end */
    double prompt_seconds, seconds;
    int64_t seed; /* the one used */
} ink_generated;

/* All defaults, no callback. */
INK_API void ink_generation_init(ink_generation *generation);

/*
 * Evaluates the prompt at the end of the session and generates. The session then holds the prompt
 * and the generated tokens, but for those that were dropped. A prompt that does not fit is LIMIT
 * with both counts, unless `overflow` says otherwise. Logits that are not numbers are CORRUPT.
 * `result` may be NULL.
 */
INK_MUST_USE INK_API ink_status ink_generate(ink_session *session, const int32_t *prompt,
                                             size_t n_prompt, const ink_generation *generation,
                                             ink_generated *result, ink_error *error);

#ifdef __cplusplus
}
#endif

#include "inkling_learn.h"
#endif
