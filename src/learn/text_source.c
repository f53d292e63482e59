#include "learn/text_source.h"

#include <string.h>
#include "base/file.h"
#include "base/size.h"
#include "learn/record_tokens.h"

#define MAX_TEXT_BYTES ((uint64_t)4 << 30)
#define PART_BYTES ((size_t)16 << 20) /* of a text, tokenized at once */

/* ---- Files ----------------------------------------------------------------------------------- */

bool ink_text_is_records(const char *path)
{
    static const char end[] = ".jsonl";
    size_t n = strlen(path), n_end = sizeof end - 1;
    return n >= n_end && strcmp(path + n - n_end, end) == 0;
}

static ink_status read_file(const ink_file *file, char **text, const ink_allocator *allocator,
                            ink_error *error)
{
    uint64_t n_bytes = ink_file_size(file);
    if (n_bytes > MAX_TEXT_BYTES || n_bytes >= SIZE_MAX)
        return ink_fail(error, INK_LIMIT, 0, "%s: is larger than 4 GiB; split it",
                        ink_file_name(file));
    *text = ink_resize(allocator, NULL, (size_t)n_bytes + 1, 1);
    if (!*text)
        return ink_fail(error, INK_NO_MEMORY, 0, "%s: out of memory for its text",
                        ink_file_name(file));
    return ink_file_read(file, 0, (size_t)n_bytes, *text, error);
}

ink_status ink_text_read(const char *path, ink_text *text, const ink_allocator *allocator,
                         ink_error *error)
{
    ink_file *file;
    char *data = NULL;
    INK_TRY(ink_file_open(&file, path, allocator, error));
    ink_status status = read_file(file, &data, allocator, error);
    if (status == INK_OK)
        *text = (ink_text){data, (size_t)ink_file_size(file)};
    else
        ink_delete(allocator, data);
    ink_file_close(file);
    return status;
}

/* ---- Plain text ------------------------------------------------------------------------------ */

/* A part ends behind a line where there is one, else between characters. */
static size_t part_of(ink_text text)
{
    size_t n = ink_size_min(text.n_bytes, PART_BYTES);
    if (n == text.n_bytes)
        return n;
    for (size_t at = n; at > n / 2; at--)
        if (text.data[at - 1] == '\n')
            return at;
    while (n > PART_BYTES - 4 && ((unsigned char)text.data[n] & 0xC0) == 0x80)
        n--;
    return n;
}

static ink_status add_plain(ink_corpus *corpus, const ink_model *model, ink_text text,
                            ink_error *error)
{
    ink_tokens tokens = {0};
    ink_status status = INK_OK;
    for (bool first = true; text.n_bytes > 0 && status == INK_OK; first = false) {
        size_t n = part_of(text);
        status = ink_tokenize(model, text.data, n, INK_SPECIAL_NONE, &tokens, error);
        if (status == INK_OK)
            status = first ? ink_corpus_add(corpus, tokens.ids, NULL, tokens.n_tokens, error)
                           : ink_corpus_extend(corpus, tokens.ids, tokens.n_tokens, error);
        text.data += n;
        text.n_bytes -= n;
    }
    ink_tokens_free(&tokens);
    return status;
}

/* ---- Records --------------------------------------------------------------------------------- */

static ink_status add_records(ink_corpus *corpus, const ink_model *model, ink_record_reader *reader,
                              const ink_text_options *options, ink_error *error)
{
    ink_record_counts counts = {0};
    ink_record record;
    for (bool found = true;;) {
        ink_error inner = {0};
        INK_TRY(ink_record_next(reader, &record, &found, error));
        if (!found)
            break;
        ink_status status = ink_corpus_add_record(corpus, model, &record, options, &counts, &inner);
        if (status != INK_OK)
            return ink_record_fail(reader, status, &inner, error);
    }
    if (counts.n_cut > 0)
        ink_warn(options->log,
                 "%s: %zu of %zu records have more than %zu tokens and were cut there",
                 reader->file, counts.n_cut, counts.n_records, options->n_context);
    return INK_OK;
}

ink_status ink_corpus_add_text(ink_corpus *corpus, const ink_model *model, ink_text text,
                               const char *name, bool records, const ink_text_options *options,
                               ink_error *error)
{
    ink_record_reader reader;
    if (!records)
        return add_plain(corpus, model, text, error);
    ink_record_reader_init(&reader, name, text, corpus->allocator);
    ink_status status = add_records(corpus, model, &reader, options, error);
    ink_record_reader_deinit(&reader);
    return status;
}

ink_status ink_corpus_add_file(ink_corpus *corpus, const ink_model *model, const char *path,
                               const ink_text_options *options, ink_error *error)
{
    ink_text text;
    INK_TRY(ink_text_read(path, &text, corpus->allocator, error));
    ink_status status =
        ink_corpus_add_text(corpus, model, text, path, ink_text_is_records(path), options, error);
    ink_delete(corpus->allocator, (char *)text.data);
    return status;
}
