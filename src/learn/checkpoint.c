#include "learn/checkpoint.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 256, F32 = 0 }; /* GGUF's number of the type */

static const char *const moments[2] = {"first", "second"};

/* ---- The state as metadata ------------------------------------------------------------------- */

/* One row for each number of the state. */
#define STATE_NUMBERS(X)       \
    X(U64, uint64_t, step)     \
    X(U64, uint64_t, epoch)    \
    X(U64, uint64_t, next)     \
    X(U64, uint64_t, n_tokens) \
    X(F64, double, best_loss)  \
    X(U64, uint64_t, n_worse)

#define KEY(field) "inkling.training." field

static ink_status set_state(ink_gguf_writer *writer, const ink_learning_state *state,
                            ink_error *error)
{
    char digest[INK_SHA256_TEXT_BYTES];
    ink_sha256_print(state->digest, INK_SHA256_BYTES, digest);
    INK_TRY(ink_gguf_writer_set_text(writer, KEY("digest"), digest, error));
    INK_TRY(ink_gguf_writer_set_text(writer, KEY("precision"), state->precision, error));
#define X(type, c_type, field) \
    INK_TRY(ink_gguf_writer_set_number(writer, KEY(#field), INK_GGUF_##type, &state->field, error));
    STATE_NUMBERS(X)
#undef X
    return INK_OK;
}

static ink_status get_number(const ink_gguf *gguf, const char *key, ink_gguf_type type, void *out,
                             ink_error *error)
{
    const ink_gguf_value *value = ink_gguf_find(gguf, key);
    if (!value || value->type != type)
        return ink_fail(error, INK_CORRUPT, 0, "%s: has no %s: it is no checkpoint",
                        ink_gguf_name(gguf), key);
    memcpy(out, value->bytes, ink_gguf_type_bytes(type));
    return INK_OK;
}

static ink_status is_text(const ink_gguf *gguf, const char *key, const char *wanted, bool *is,
                          ink_gguf_string *found, ink_error *error)
{
    INK_TRY(ink_gguf_need(gguf, key, error));
    INK_TRY(ink_gguf_get_string(gguf, key, found, error));
    *is = found->n_bytes == strlen(wanted) && memcmp(found->text, wanted, found->n_bytes) == 0;
    return INK_OK;
}

static ink_status get_state(const ink_gguf *gguf, ink_learning_state *state, ink_error *error)
{
    char wanted[INK_SHA256_TEXT_BYTES];
    ink_gguf_string found = {NULL, 0};
    bool is;
    ink_sha256_print(state->digest, INK_SHA256_BYTES, wanted);
    INK_TRY(is_text(gguf, KEY("precision"), state->precision, &is, &found, error));
    if (!is)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: was begun with precision %.*s, not %s; go on with that",
                        ink_gguf_name(gguf), (int)(found.n_bytes < 20 ? found.n_bytes : 20),
                        found.text, state->precision);
    INK_TRY(is_text(gguf, KEY("digest"), wanted, &is, &found, error));
    if (!is)
        return ink_fail(
            error, INK_BAD_ARGUMENT, 0,
            "%s: was made with other texts, options or first weights; go on with those, "
            "or remove it to begin anew",
            ink_gguf_name(gguf));
#define X(type, c_type, field) \
    INK_TRY(get_number(gguf, KEY(#field), INK_GGUF_##type, &state->field, error));
    STATE_NUMBERS(X)
#undef X
    return INK_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ink_status add_values(ink_gguf_writer *writer, const ink_parameter_list *parameters,
                             ink_error *error)
{
    for (size_t i = 0; i < parameters->n + parameters->n_fixed; i++) {
        const ink_parameter *p = &parameters->all[i];
        uint64_t shape[INK_MAX_DIMS];
        for (uint32_t d = 0; d < p->n_dims; d++)
            shape[d] = p->shape[p->n_dims - 1 - d];
        INK_TRY(ink_gguf_writer_add_tensor(writer, p->name, F32, p->n_dims, shape, error));
    }
    return INK_OK;
}

static ink_status add_moments(ink_gguf_writer *writer, const ink_optimizer *optimizer,
                              ink_error *error)
{
    char name[NAME_BYTES];
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < optimizer->parameters->n; i++) {
            const ink_parameter *p = &optimizer->parameters->all[i];
            uint64_t n = p->n;
            (void)snprintf(name, sizeof name, "%s.%s", moments[m], p->name);
            INK_TRY(ink_gguf_writer_add_tensor(writer, name, F32, 1, &n, error));
        }
    }
    return INK_OK;
}

static ink_status write_all(ink_gguf_writer *writer, const ink_subject *subject,
                            const ink_optimizer *optimizer, const char *path, ink_error *error)
{
    const ink_parameter_list *parameters = &subject->parameters;
    INK_TRY(ink_gguf_writer_begin(writer, path, error));
    for (size_t i = 0; i < parameters->n + parameters->n_fixed; i++) {
        const ink_parameter *p = &parameters->all[i];
        INK_TRY(ink_gguf_writer_write(writer, p->data, p->n * sizeof *p->data, error));
    }
    if (optimizer) {
        size_t n_bytes = parameters->n_floats * sizeof(float);
        INK_TRY(ink_gguf_writer_write(writer, optimizer->first, n_bytes, error));
        INK_TRY(ink_gguf_writer_write(writer, optimizer->second, n_bytes, error));
    }
    return ink_gguf_writer_commit(writer, error);
}

static ink_status describe(ink_gguf_writer *writer, const ink_subject *subject,
                           const ink_optimizer *optimizer, const ink_learning_state *state,
                           ink_error *error)
{
    INK_TRY(subject->kind->describe(subject, writer, error));
    INK_TRY(add_values(writer, &subject->parameters, error));
    if (!optimizer)
        return INK_OK;
    INK_TRY(set_state(writer, state, error));
    return add_moments(writer, optimizer, error);
}

static ink_status save(const ink_subject *subject, const ink_optimizer *optimizer,
                       const ink_learning_state *state, const char *path, ink_error *error)
{
    ink_gguf_writer *writer;
    INK_TRY(ink_gguf_writer_new(&writer, 0, subject->model->allocator, error));
    ink_status status = describe(writer, subject, optimizer, state, error);
    if (status == INK_OK)
        status = write_all(writer, subject, optimizer, path, error);
    ink_gguf_writer_free(writer);
    return status;
}

ink_status ink_learned_save(const ink_subject *subject, const char *path, ink_error *error)
{
    return save(subject, NULL, NULL, path, error);
}

ink_status ink_checkpoint_save(const ink_subject *subject, const ink_optimizer *optimizer,
                               const ink_learning_state *state, const char *path, ink_error *error)
{
    return save(subject, optimizer, state, path, error);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static ink_status read_floats(const ink_gguf *gguf, const char *name, float *out, size_t n,
                              ink_error *error)
{
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, name);
    if (!tensor || tensor->format != INK_FORMAT_F32 || tensor->n_bytes != n * sizeof *out)
        return ink_fail(error, INK_CORRUPT, 0, "%s: tensor %s is missing or not %zu floats",
                        ink_gguf_name(gguf), name, n);
    return ink_gguf_read(gguf, tensor, 0, n * sizeof *out, out, error);
}

static ink_status read_all(const ink_gguf *gguf, ink_optimizer *optimizer,
                           ink_learning_state *state, ink_error *error)
{
    const ink_parameter_list *parameters = optimizer->parameters;
    float *first = optimizer->first, *second = optimizer->second;
    INK_TRY(get_state(gguf, state, error));
    for (size_t i = 0; i < parameters->n; i++) {
        const ink_parameter *p = &parameters->all[i];
        char name[NAME_BYTES];
        INK_TRY(read_floats(gguf, p->name, p->data, p->n, error));
        (void)snprintf(name, sizeof name, "%s.%s", moments[0], p->name);
        INK_TRY(read_floats(gguf, name, first, p->n, error));
        (void)snprintf(name, sizeof name, "%s.%s", moments[1], p->name);
        INK_TRY(read_floats(gguf, name, second, p->n, error));
        first += p->n;
        second += p->n;
    }
    optimizer->n_steps = state->step;
    return INK_OK;
}

ink_status ink_checkpoint_load(ink_optimizer *optimizer, ink_learning_state *state,
                               const char *path, bool *found, ink_error *error)
{
    ink_gguf *gguf;
    *found = access(path, F_OK) == 0;
    if (!*found)
        return INK_OK;
    INK_TRY(ink_gguf_open(&gguf, path, optimizer->allocator, error));
    ink_status status = read_all(gguf, optimizer, state, error);
    ink_gguf_free(gguf);
    return status;
}
