/*
 * Records that are learned from: any bytes are read or refused in words that name file and line,
 * and what was read is one of the kinds that there are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "learn/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all bytes of each text: a sanitizer sees those that are not there. */
static ink_status sum_up(void *context, ink_text text, ink_error *error)
{
    unsigned *sum = context;
    for (size_t i = 0; i < text.n_bytes; i++)
        *sum = *sum * 31 + (unsigned char)text.data[i];
    (void)error;
    return INK_OK;
}

static void check_record(const ink_record *record)
{
    unsigned sum = 0;
    if (record->kind > INK_RECORD_CONVERSATION || record->object.kind != INK_VALUE_DICT)
        abort();
    if (record->kind == INK_RECORD_CONVERSATION && record->messages.as.list->n_items == 0)
        abort();
    if (ink_record_visit(record, sum_up, &sum, NULL) != INK_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ink_record_reader reader;
    ink_record record;
    ink_error error = {0};
    ink_status status = INK_OK;
    size_t line = 0;
    ink_record_reader_init(&reader, "r.jsonl", (ink_text){(const char *)data, size}, NULL);
    for (bool found = true; found && status == INK_OK;) {
        status = ink_record_next(&reader, &record, &found, &error);
        if (found && reader.line <= line)
            abort();
        line = reader.line;
        if (found)
            check_record(&record);
    }
    if (status != INK_OK && (error.status != status || !strstr(error.message, "r.jsonl, line ")))
        abort();
    ink_record_reader_deinit(&reader);
    return 0;
}
