/*
 * What commands have in common: rows for the flags of sessions and samplers, opening a model,
 * making a session.
 */
#ifndef INK_CLI_SETUP_H
#define INK_CLI_SETUP_H

#include "base/memory.h"
#include "base/pool.h"
#include "cli/options.h"

/* ---- Rows of option tables; `session` and `sampling` are the addresses of what is filled. */

#define INK_OPTION_RANGE(name_, destination_, low_, high_, help_)                          \
    {                                                                                      \
        .name = name_, .kind = INK_OPTION_SIZE, .destination = destination_, .value = "N", \
        .help = help_, .low = low_, .high = high_                                          \
    }
#define INK_OPTION_COUNT(name_, destination_, value_, help_)                                  \
    {                                                                                         \
        .name = name_, .kind = INK_OPTION_SIZE, .destination = destination_, .value = value_, \
        .help = help_, .low = 1, .high = INT32_MAX                                            \
    }
#define INK_OPTION_FLAG(name_, destination_, help_)                                          \
    {                                                                                        \
        .name = name_, .kind = INK_OPTION_SWITCH, .destination = destination_, .help = help_ \
    }
#define INK_OPTION_WORD(name_, destination_, value_, help_)                                   \
    {                                                                                         \
        .name = name_, .kind = INK_OPTION_TEXT, .destination = destination_, .value = value_, \
        .help = help_                                                                         \
    }
#define INK_OPTION_JSON(destination_) INK_OPTION_FLAG("json", destination_, "JSON, for programs")

#define INK_OPTION_CONTEXT(session)            \
    INK_OPTION_COUNT(                          \
        "context", &(session)->n_context, "N", \
        "positions (what the model was trained for, as far as memory allows, unless given)")
#define INK_OPTION_CACHE(session)                                                    \
    {                                                                                \
        .name = "cache", .kind = INK_OPTION_CACHE, .destination = &(session)->cache, \
        .value = INK_CACHE_FORMATS,                                                  \
        .help = "format of cached keys and values; KEYS,VALUES or parts of "         \
                "[LAYERS=]KEYS,VALUES with / between them choose more closely"       \
    }
#define INK_OPTION_BATCH(session)          \
    INK_OPTION_COUNT(                      \
        "batch", &(session)->n_batch, "N", \
        "tokens evaluated together (512, or 128 with q4r, q3r and q2r, unless given)")
#define INK_OPTION_THREADS(session)                                                        \
    {                                                                                      \
        .name = "threads", .kind = INK_OPTION_INT, .destination = &(session)->n_threads,   \
        .value = "N", .help = "how many (one for each processor, unless given)", .low = 1, \
        .high = INK_MAX_THREADS                                                            \
    }
#define INK_OPTION_SESSION(session)                                                    \
    INK_OPTION_CONTEXT(session), INK_OPTION_CACHE(session), INK_OPTION_BATCH(session), \
        INK_OPTION_THREADS(session)

/* Of a texts list `calibration`, of it at most `n_tokens`, in windows of `n_context`. */
#define INK_OPTION_CALIBRATION(calibration, n_tokens_, n_context_, help_)                      \
    {.name = "calibrate",                                                                      \
     .kind = INK_OPTION_TEXTS,                                                                 \
     .destination = calibration,                                                               \
     .value = "FILE",                                                                          \
     .help = help_},                                                                           \
        {.name = "tokens",                                                                     \
         .kind = INK_OPTION_SIZE,                                                              \
         .destination = n_tokens_,                                                             \
         .value = "N",                                                                         \
         .help = "read of the texts, evenly from all (all, unless given)",                     \
         .low = 1,                                                                             \
         .high = INT32_MAX,                                                                    \
         .only_with = "calibrate"},                                                            \
    {                                                                                          \
        .name = "context", .kind = INK_OPTION_SIZE, .destination = n_context_, .value = "N",   \
        .help = "tokens of a window of text (512, unless given)", .low = 8, .high = INT32_MAX, \
        .only_with = "calibrate"                                                               \
    }

/* What a command that loads weights is told of them. */
typedef struct ink_open {
    ink_model_options model;
    ink_texts adapters; /* FILE[:SCALE] */
    /* with a memory limit: the session to come, for a refusal before anything is loaded, or NULL */
    const ink_session_options *session;
    bool constraint; /* which has a constraint */
} ink_open;

#define INK_OPTION_LORA(adapters)                                                             \
    {                                                                                         \
        .name = "lora", .kind = INK_OPTION_TEXTS, .destination = adapters,                    \
        .value = "FILE[:SCALE]", .help = "an adapter, and how much of it; may be given again" \
    }

#define INK_OPTION_LIMIT(limit)                                                                  \
    {                                                                                            \
        .name = "memory_limit", .kind = INK_OPTION_BYTES, .destination = limit, .value = "SIZE", \
        .help = "what model and session may take together (800M, 1.5G); what does not fit is "   \
                "refused before it is loaded"                                                    \
    }

#define INK_OPTION_PACK_CACHE(open)                                                              \
    {                                                                                            \
        .name = "pack_cache", .kind = INK_OPTION_TEXT, .destination = &(open)->model.pack_cache, \
        .value = "DIR|off",                                                                      \
        .help = "keep packed weights in DIR for a quicker start (off, or what INK_PACK_CACHE "   \
                "says)"                                                                          \
    }

/* `open` is the address of an ink_open. */
#define INK_OPTION_WEIGHTS(open)                                                                  \
    INK_OPTION_LIMIT(&(open)->model.memory_limit), INK_OPTION_LORA(&(open)->adapters),            \
        INK_OPTION_PACK_CACHE(open),                                                              \
    {                                                                                             \
        .name = "verify", .kind = INK_OPTION_SWITCH,                                              \
        .destination = &(open)->model.verify_pack_cache,                                          \
        .help = "check all bytes of kept weights before they are used", .only_with = "pack_cache" \
    }

/*
 * One row for a row of INK_SAMPLING_TABLE, as INK_SAMPLING_TABLE(INK_OPTION_SAMPLING) in a table,
 * where `sampling` is in scope.
 */
#define INK_OPTION_SAMPLING(type, field, fallback, low_, high_, off_, needs_, help_) \
    {.name = #field,                                                                 \
     .kind = INK_OPTION_OF_##type,                                                   \
     .destination = &sampling->field,                                                \
     .value = "N",                                                                   \
     .help = help_,                                                                  \
     .off = (double)(off_),                                                          \
     .needs = needs_,                                                                \
     .low = (double)(low_),                                                          \
     .high = (double)(high_)},
#define INK_OPTION_OF_float INK_OPTION_FLOAT
#define INK_OPTION_OF_int32_t INK_OPTION_INT
#define INK_OPTION_OF_int64_t INK_OPTION_INT64

/* The values the library uses when nothing is said, spelled out so that help can show them. */
void ink_setup_session_defaults(ink_session_options *options);

/* Before INK_OPTION_WEIGHTS: INK_PACK_CACHE names the folder of weights where no flag does. */
void ink_setup_model_defaults(ink_open *open);

/*
 * With a progress bar, warnings on standard error, and Ctrl-C watched from here on. Log, progress
 * and adapters of `wanted->model` are filled in.
 */
ink_status ink_setup_model(ink_model **out, const char *path, const ink_open *wanted,
                           ink_error *error);

/* The model as INK_OPTION_WEIGHTS describes it, but for its weights: to plan. */
ink_status ink_setup_plan(ink_model **out, const char *path, const ink_open *wanted,
                          ink_error *error);

/*
 * Adapters as they are written on the command line: [INK_MAX_TEXTS] of them, whose paths are in
 * `memory`, to be ended by ink_buffer_deinit. What stands behind the last ':' of a text is the
 * scale if it is a number, else part of the path.
 */
ink_status ink_setup_adapters(const ink_texts *texts, ink_adapter *adapters, ink_buffer *memory,
                              ink_error *error);

/* What --overflow says of sessions; ERROR for other words. */
ink_overflow ink_setup_overflow(const char *name);

/* Whether both are there and one file, under whatever names. */
bool ink_setup_same_file(const char *a, const char *b);

/* A log that says warnings. */
ink_log ink_setup_log(void);

/* Warns of a context beyond what the model was trained for. */
ink_status ink_setup_session(ink_session **out, const ink_model *model,
                             const ink_session_options *options, ink_error *error);

/* Room for [n_rows][n_columns] floats, ended by ink_delete(NULL, ...); NULL when memory is out. */
float *ink_setup_rows(size_t n_rows, size_t n_columns);

#endif
