#include "check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/json.h"

ink_constraint *make_constraint(ink_constraint_kind kind, ink_json_form form, const char *text,
                                ink_error *error)
{
    ink_constraint *constraint = NULL;
    const ink_constraint_source source = {kind, text, strlen(text), form, INK_THINKING_NONE};
    ink_status status = ink_constraint_new(&constraint, NULL, &source, error);
    assert_true((status == INK_OK) == (constraint != NULL));
    if (status != INK_OK) {
        assert_int_equal(error->status, status);
        assert_true(error->message[0] != '\0');
    }
    return constraint;
}

bool accepts(ink_constraint *constraint, const char *text, size_t n_bytes, size_t *byte)
{
    ink_error error;
    size_t n;
    ink_constraint_reset(constraint);
    assert_int_equal(ink_constraint_accept(constraint, text, n_bytes, &n, &error), INK_OK);
    if (byte)
        *byte = n;
    return n == n_bytes && ink_constraint_may_end(constraint);
}

void expect(ink_constraint_kind kind, const char *source, const char *text, bool accepted)
{
    ink_error error = {0};
    ink_constraint *constraint = make_constraint(kind, INK_JSON_ANY, source, &error);
    if (!constraint)
        fail_msg("%s is refused: %s", source, error.message);
    if (accepts(constraint, text, strlen(text), NULL) != accepted)
        fail_msg("'%s' is %saccepted by %s", text, accepted ? "not " : "", source);
    ink_constraint_free(constraint);
}

void expect_refused(ink_constraint_kind kind, const char *source, ink_status status,
                    const char *words)
{
    ink_error error = {0};
    ink_constraint *constraint = make_constraint(kind, INK_JSON_PLAIN, source, &error);
    ink_constraint_free(constraint);
    if (constraint || error.status != status || !strstr(error.message, words))
        fail_msg("%.200s: status %d, not %d, or without '%s': %s", source, (int)error.status,
                 (int)status, words, constraint ? "accepted" : error.message);
}

/* ---- JSON */

static void write_text(ink_buffer *out, const char *text)
{
    assert_true(ink_buffer_text(out, text));
}

static void write_scalar(ink_buffer *out, ink_value value)
{
    ink_error error;
    char digits[1100];
    if (value.kind == INK_VALUE_FLOAT && (value.as.real == floor(value.as.real))) {
        assert_true(snprintf(digits, sizeof digits, "%.0f", value.as.real) < 1100);
        write_text(out, digits);
    } else if (value.kind == INK_VALUE_FLOAT && fabs(value.as.real) < 1e-4) {
        int n = snprintf(digits, sizeof digits, "%.30f", value.as.real);
        assert_true(n > 0 && n < 1100);
        write_text(out, digits);
    } else
        assert_int_equal(ink_json_write(out, value, NULL, &error), INK_OK);
}

/* The order-th permutation of n keys, counted in the factorial number system. */
static void permute(unsigned order, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint32_t)i;
    for (size_t i = 0; i + 1 < n; i++) {
        size_t left = n - i, k = i + order % left;
        order /= (unsigned)left;
        uint32_t taken = out[k];
        memmove(&out[i + 1], &out[i], (k - i) * sizeof *out);
        out[i] = taken;
    }
}

static void write_dict(ink_buffer *out, const ink_value_dict *dict, unsigned order)
{
    uint32_t places[64];
    assert_true(dict->n_entries <= 64);
    permute(order, dict->n_entries, places);
    write_text(out, "{");
    for (uint32_t i = 0; i < dict->n_entries; i++) {
        const ink_value_entry *entry = &dict->entries[places[i]];
        write_text(out, i ? "," : "");
        write_scalar(out, entry->key);
        write_text(out, ":");
        write_json(out, entry->item, order);
    }
    write_text(out, "}");
}

void write_json(ink_buffer *out, ink_value value, unsigned order)
{
    if (value.kind == INK_VALUE_DICT) {
        write_dict(out, value.as.dict, order);
    } else if (value.kind == INK_VALUE_LIST) {
        write_text(out, "[");
        for (size_t i = 0; i < value.as.list->n_items; i++) {
            write_text(out, i ? "," : "");
            write_json(out, value.as.list->items[i], order);
        }
        write_text(out, "]");
    } else
        write_scalar(out, value);
}
