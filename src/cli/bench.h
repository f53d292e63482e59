/* One call of `inkling bench`: what was asked, what was measured, and its two forms of output. */
#ifndef INK_CLI_BENCH_H
#define INK_CLI_BENCH_H

#include "cli/roofline.h"
#include "cli/setup.h"
#include "runtime/work.h"

enum { INK_BENCH_MAX_REPEAT = 100 };

typedef struct ink_bench_phase {
    size_t n_tokens;
    double samples[INK_BENCH_MAX_REPEAT]; /* tokens per second */
    double speed;                         /* their median */
    ink_work work;                        /* of all tokens */
} ink_bench_phase;

typedef struct ink_bench {
    const char *path; /* NULL: only the machine's limits */
    bool json, roofline;
    size_t n_prompt, n_generate, depth, n_repeat;
    int n_threads;
    ink_open open;
    ink_session_options session;
    ink_model *model;
    ink_session *state;
    ink_model_info info;
    int32_t *tokens; /* [depth + the larger of n_prompt and n_generate] */
    double load_seconds;
    uint64_t peak_bytes;
    ink_bench_phase prefill, decode;
    ink_roofline limits; /* when roofline */
} ink_bench;

/*
 * Measures the model at `path`, with n_prompt, n_generate, n_repeat and session as they are set;
 * ended by ink_bench_close, also when this failed.
 */
ink_status ink_bench_measure(ink_bench *bench, ink_error *error);
void ink_bench_close(ink_bench *bench);

ink_status ink_bench_print(const ink_bench *bench);
ink_status ink_bench_report(const ink_bench *bench, ink_error *error);

#endif
