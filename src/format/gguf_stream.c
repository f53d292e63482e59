/*
 * Writing the files: the plan of parts, each part's header when its turn comes, and the stream of
 * tensor data.
 */
#include <string.h>
#include "base/size.h"
#include "format/gguf_writer_internal.h"

#define EXTENSION ".gguf"
#define GENERAL_PREFIX "general."
#define NOTES 16 /* in the journal of a file */

static const char *tensor_name(const void *items, size_t index)
{
    return ((const ink_gguf_tensor *)items)[index].name;
}

static ink_status check_names(const ink_gguf_writer *writer, ink_error *error)
{
    ink_gguf_index index = {0};
    if (!ink_gguf_index_build(&index, writer->tensors, writer->n_tensors, tensor_name,
                              writer->allocator))
        return ink_fail_memory(error, "the tensor table of a GGUF writer");
    size_t duplicate = ink_gguf_index_duplicate(&index);
    ink_delete(writer->allocator, index.order);
    if (duplicate == writer->n_tensors)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "two tensors have the name %.64s",
                    writer->tensors[duplicate].name);
}

/* Gives every tensor its part and its place in it. */
static ink_status plan(ink_gguf_writer *writer, ink_error *error)
{
    uint64_t end = 0, mask = (uint64_t)writer->alignment - 1, next;
    uint32_t part = 0;
    for (size_t i = 0; i < writer->n_tensors; i++) {
        ink_gguf_tensor *tensor = &writer->tensors[i];
        if (!ink_u64_add(end, tensor->n_bytes, &next) || !ink_u64_add(next, mask, &next))
            return ink_fail(error, INK_LIMIT, 0, "tensor %.64s: the file would be too large",
                            tensor->name);
        next &= ~mask;
        if (writer->max_part_bytes && end && next > writer->max_part_bytes) {
            part++;
            next -= end;
            end = 0;
        }
        tensor->part = part;
        tensor->offset = end;
        end = next;
    }
    if (part >= INK_GGUF_MAX_PARTS)
        return ink_fail(error, INK_LIMIT, 0,
                        "%" PRIu32 " parts, at most %u are supported; make them larger", part + 1,
                        INK_GGUF_MAX_PARTS);
    writer->n_parts = part + 1;
    return INK_OK;
}

/* ---- Headers */

static bool append_u32(ink_buffer *out, uint32_t number)
{
    return ink_buffer_append(out, &number, sizeof number);
}

static bool append_u64(ink_buffer *out, uint64_t number)
{
    return ink_buffer_append(out, &number, sizeof number);
}

static void append_key(ink_buffer *out, const char *key, ink_gguf_type type)
{
    append_u64(out, strlen(key));
    ink_buffer_text(out, key);
    append_u32(out, type);
}

/* In the types the reference tools use. */
static void append_split(const ink_gguf_writer *writer, ink_buffer *out, uint32_t part)
{
    uint16_t no = (uint16_t)part, count = (uint16_t)writer->n_parts;
    append_key(out, INK_GGUF_KEY_SPLIT_NO, INK_GGUF_U16);
    ink_buffer_append(out, &no, sizeof no);
    append_key(out, INK_GGUF_KEY_SPLIT_COUNT, INK_GGUF_U16);
    ink_buffer_append(out, &count, sizeof count);
    append_key(out, INK_GGUF_KEY_SPLIT_TENSORS, INK_GGUF_I32);
    append_u32(out, (uint32_t)writer->n_tensors);
}

/*
 * The first part has all; the others what says whose they are, and the alignment, which each file
 * needs.
 */
static bool belongs(const ink_gguf_writer *writer, const ink_gguf_entry *entry, uint32_t part)
{
    ink_gguf_string key = ink_gguf_entry_key(writer, entry);
    size_t n_bytes = strlen(GENERAL_PREFIX);
    if (part == 0)
        return true;
    return entry->type != INK_GGUF_ARRAY && key.n_bytes > n_bytes &&
           memcmp(key.text, GENERAL_PREFIX, n_bytes) == 0;
}

static void append_metadata(const ink_gguf_writer *writer, ink_buffer *out, uint32_t part)
{
    uint64_t n_keys = writer->n_parts > 1 ? 3 : 0;
    for (size_t i = 0; i < writer->n_entries; i++)
        n_keys += belongs(writer, &writer->entries[i], part);
    append_u64(out, n_keys);
    for (size_t i = 0; i < writer->n_entries; i++) {
        const ink_gguf_entry *entry = &writer->entries[i];
        if (belongs(writer, entry, part))
            ink_buffer_append(out, writer->metadata.data + entry->start, entry->n_bytes);
    }
    if (writer->n_parts > 1)
        append_split(writer, out, part);
}

static void append_table(const ink_gguf_writer *writer, ink_buffer *out, uint32_t part)
{
    for (size_t i = 0; i < writer->n_tensors; i++) {
        const ink_gguf_tensor *tensor = &writer->tensors[i];
        if (tensor->part != part)
            continue;
        append_u64(out, strlen(tensor->name));
        ink_buffer_text(out, tensor->name);
        append_u32(out, tensor->n_dims);
        ink_buffer_append(out, tensor->shape, tensor->n_dims * sizeof *tensor->shape);
        append_u32(out, tensor->gguf_type);
        append_u64(out, tensor->offset);
    }
}

static uint64_t count_tensors(const ink_gguf_writer *writer, uint32_t part)
{
    uint64_t n = 0;
    for (size_t i = 0; i < writer->n_tensors; i++)
        n += writer->tensors[i].part == part;
    return n;
}

static ink_status pad(const ink_gguf_writer *writer, ink_file_writer *file, ink_error *error)
{
    static const uint8_t zeros[64];
    uint64_t mask = (uint64_t)writer->alignment - 1, left = -ink_file_writer_offset(file) & mask;
    while (left) {
        size_t n_bytes = ink_size_min((size_t)left, sizeof zeros);
        INK_TRY(ink_file_writer_write(file, zeros, n_bytes, error));
        left -= n_bytes;
    }
    return INK_OK;
}

static void append_header(const ink_gguf_writer *writer, ink_buffer *out, uint64_t n_tensors,
                          uint32_t part)
{
    ink_buffer_text(out, INK_GGUF_MAGIC);
    append_u32(out, INK_GGUF_VERSION);
    append_u64(out, n_tensors);
    append_metadata(writer, out, part);
    if (n_tensors > 0)
        append_table(writer, out, part);
}

bool ink_gguf_writer_metadata(const ink_gguf_writer *writer, ink_buffer *out)
{
    append_header(writer, out, 0, 0);
    return !out->failed;
}

static ink_status write_header(const ink_gguf_writer *writer, ink_file_writer *file, uint32_t part,
                               ink_error *error)
{
    ink_buffer header;
    uint64_t n_tensors = count_tensors(writer, part);
    ink_buffer_init(&header, writer->allocator, INK_GGUF_MAX_HEADER_BYTES);
    append_header(writer, &header, n_tensors, part);
    ink_status status;
    if (header.failed)
        status = ink_fail(error, INK_NO_MEMORY, 0,
                          "%s: out of memory, or a header of more than %u bytes", writer->path,
                          INK_GGUF_MAX_HEADER_BYTES);
    else
        status = ink_file_writer_write(file, header.data, header.n_bytes, error);
    ink_buffer_deinit(&header);
    if (status == INK_OK && n_tensors)
        status = pad(writer, file, error);
    return status;
}

/* ---- Files */

static ink_status open_part(ink_gguf_writer *writer, ink_error *error)
{
    uint32_t part = writer->n_opened;
    char *path = writer->path;
    if (part) {
        INK_TRY(ink_file_writer_seal(writer->files[part - 1], error));
        path =
            ink_gguf_part_path(path, writer->stem_bytes, part, writer->n_parts, writer->allocator);
        if (!path)
            return ink_fail_memory(error, "the path of a part");
    }
    ink_status status = ink_file_writer_open(&writer->files[part], path, INK_FILE_FOR_ALL,
                                             writer->allocator, error);
    if (part)
        ink_delete(writer->allocator, path);
    if (status != INK_OK)
        return status;
    writer->n_opened++;
    return write_header(writer, writer->files[part], part, error);
}

static ink_status choose_path(ink_gguf_writer *writer, const char *path, ink_error *error)
{
    size_t n_bytes = strlen(path), extension = strlen(EXTENSION);
    writer->stem_bytes = n_bytes;
    if (n_bytes > extension && strcmp(path + (n_bytes - extension), EXTENSION) == 0)
        writer->stem_bytes -= extension;
    if (writer->n_parts == 1)
        writer->path = ink_copy_string(writer->allocator, path, n_bytes);
    else
        writer->path =
            ink_gguf_part_path(path, writer->stem_bytes, 0, writer->n_parts, writer->allocator);
    return writer->path ? INK_OK : ink_fail_memory(error, "the path of a GGUF writer");
}

static ink_status prepare(ink_gguf_writer *writer, const char *path, ink_error *error)
{
    if (writer->path)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: writing began before", writer->path);
    INK_TRY(check_names(writer, error));
    INK_TRY(plan(writer, error));
    writer->files = ink_new(writer->allocator, writer->n_parts, sizeof *writer->files);
    if (!writer->files)
        return ink_fail_memory(error, "the parts of a GGUF writer");
    writer->failed = true; /* until the header stands; what failed half-way cannot begin again */
    return choose_path(writer, path, error);
}

ink_status ink_gguf_writer_begin(ink_gguf_writer *writer, const char *path, ink_error *error)
{
    INK_TRY(prepare(writer, path, error));
    INK_TRY(open_part(writer, error));
    writer->failed = false;
    return INK_OK;
}

/* ---- Files that are kept --------------------------------------------------------------------- */

/* The caller's digest, and that of the header. */
static ink_status take_digest(ink_gguf_writer *writer, const uint8_t digest[INK_SHA256_BYTES],
                              ink_error *error)
{
    ink_sha256 sum;
    ink_buffer header;
    ink_buffer_init(&header, writer->allocator, INK_GGUF_MAX_HEADER_BYTES);
    append_header(writer, &header, writer->n_tensors, 0);
    bool failed = header.failed;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, digest, INK_SHA256_BYTES);
    ink_sha256_add(&sum, header.data, header.n_bytes);
    ink_sha256_finish(&sum, writer->digest);
    ink_buffer_deinit(&header);
    return failed ? ink_fail_memory(error, "the header of a GGUF file") : INK_OK;
}

/* Goes on where the journal says, if what is there reaches so far; else from the beginning. */
static ink_status go_on(ink_gguf_writer *writer, ink_error *error)
{
    ink_file_writer *file = writer->files[0];
    ink_gguf_journal journal;
    uint64_t left = 0;
    bool goes_on =
        ink_gguf_journal_read(writer, &journal) && ink_file_writer_has(file, journal.offset);
    if (!goes_on)
        journal = (ink_gguf_journal){0, 0};
    writer->tensor = (size_t)journal.n_tensors;
    for (size_t i = 0; i < writer->n_tensors; i++) {
        writer->n_bytes += writer->tensors[i].n_bytes;
        left += i < writer->tensor ? 0 : writer->tensors[i].n_bytes;
    }
    writer->noted = journal.offset;
    INK_TRY(ink_file_writer_go_on(file, journal.offset, left, error));
    return goes_on ? INK_OK : write_header(writer, file, 0, error);
}

ink_status ink_gguf_writer_begin_kept(ink_gguf_writer *writer, const char *path,
                                      const uint8_t digest[INK_SHA256_BYTES], size_t *n_done,
                                      ink_error *error)
{
    INK_TRY(prepare(writer, path, error));
    if (writer->n_parts > 1)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: a kept file is one part", path);
    INK_TRY(take_digest(writer, digest, error));
    INK_TRY(ink_file_writer_open_kept(&writer->files[0], path, writer->allocator, error));
    writer->n_opened = 1;
    writer->kept = true;
    INK_TRY(go_on(writer, error));
    writer->failed = false;
    *n_done = writer->tensor;
    return INK_OK;
}

void ink_gguf_writer_discard(ink_gguf_writer *writer)
{
    if (!writer->kept)
        return;
    ink_file_writer_discard(writer->files[0]);
    ink_gguf_journal_remove(writer);
    writer->kept = false;
}

/* Whole tensors are on the disk before the journal says so, which disks take their time for. */
static ink_status note(ink_gguf_writer *writer, ink_error *error)
{
    ink_file_writer *file = writer->files[0];
    uint64_t offset = ink_file_writer_offset(file);
    if (offset - writer->noted < writer->n_bytes / NOTES)
        return INK_OK;
    writer->noted = offset;
    INK_TRY(ink_file_writer_sync(file, error));
    return ink_gguf_journal_write(writer, (ink_gguf_journal){writer->tensor, offset}, error);
}

static ink_status check_begun(const ink_gguf_writer *writer, ink_error *error)
{
    if (!writer->path)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "a GGUF writer: writing has not begun");
    if (writer->failed)
        return ink_fail(error, INK_IO, 0, "%s: writing failed before", writer->path);
    return INK_OK;
}

/* Pads after a whole tensor and goes on to the next, which may stand in the next part. */
static ink_status finish_tensor(ink_gguf_writer *writer, ink_error *error)
{
    INK_TRY(pad(writer, writer->files[writer->n_opened - 1], error));
    writer->written = 0;
    writer->tensor++;
    if (writer->tensor < writer->n_tensors &&
        writer->tensors[writer->tensor].part == writer->n_opened)
        return open_part(writer, error);
    return writer->kept ? note(writer, error) : INK_OK;
}

static ink_status stream(ink_gguf_writer *writer, const uint8_t *bytes, size_t n_bytes,
                         ink_error *error)
{
    while (n_bytes) {
        if (writer->tensor == writer->n_tensors)
            return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: %zu bytes more than the tensors have",
                            writer->path, n_bytes);
        uint64_t left = writer->tensors[writer->tensor].n_bytes - writer->written;
        size_t piece = left < n_bytes ? (size_t)left : n_bytes;
        INK_TRY(ink_file_writer_write(writer->files[writer->n_opened - 1], bytes, piece, error));
        writer->written += piece;
        bytes += piece;
        n_bytes -= piece;
        if (piece == left)
            INK_TRY(finish_tensor(writer, error));
    }
    return INK_OK;
}

ink_status ink_gguf_writer_write(ink_gguf_writer *writer, const void *bytes, size_t n_bytes,
                                 ink_error *error)
{
    INK_TRY(check_begun(writer, error));
    ink_status status = stream(writer, bytes, n_bytes, error);
    writer->failed = status != INK_OK;
    return status;
}

/* A set cannot appear at once; without its first part none of it is taken for a model. */
ink_status ink_gguf_writer_commit(ink_gguf_writer *writer, ink_error *error)
{
    INK_TRY(check_begun(writer, error));
    if (writer->tensor < writer->n_tensors)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: tensor %.64s has %" PRIu64 " of its %" PRIu64 " bytes", writer->path,
                        writer->tensors[writer->tensor].name, writer->written,
                        writer->tensors[writer->tensor].n_bytes);
    writer->failed = true; /* also after success: nothing more can be written */
    for (uint32_t i = 0; i < writer->n_parts; i++)
        INK_TRY(ink_file_writer_seal(writer->files[i], error));
    for (uint32_t i = writer->n_parts; i-- > 0;)
        INK_TRY(ink_file_writer_commit(writer->files[i], error));
    if (writer->kept)
        ink_gguf_journal_remove(writer);
    return INK_OK;
}

const char *ink_gguf_writer_path(const ink_gguf_writer *writer)
{
    return writer->path;
}
