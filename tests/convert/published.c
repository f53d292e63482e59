#include "support.h"

#include "published.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char tiny[] =
    "{\"architecture\": \"llama\", \"context_length\": 64, \"embedding_length\": 32, "
    "\"block_count\": 1, \"feed_forward_length\": 32, \"attention.head_count\": 4, "
    "\"attention.head_count_kv\": 2}";

const char *published_file(const published *p, const char *name, char path[160])
{
    (void)snprintf(path, 160, "%s/%s", p->dir, name);
    return path;
}

static void create(const published *p, const char *config)
{
    char path[128], text[128];
    const char *texts[] = {text};
    ink_error error;
    (void)snprintf(path, sizeof path, "%s/c.json", p->folder);
    (void)snprintf(text, sizeof text, "%s/t.txt", p->folder);
    ink_write_file(path, config, strlen(config));
    ink_write_file(text, "so it was, so it is", 19);
    const ink_creation creation = {
        .config = path, .vocabulary = "264", .texts = texts, .n_texts = 1};
    if (ink_model_create(p->model, &creation, &error) != INK_OK)
        fail_msg("%s", error.message);
}

void published_make(published *p, const char *type)
{
    published_make_of(p, tiny, type);
}

void published_make_of(published *p, const char *config, const char *type)
{
    ink_error error;
    ink_temporary_folder(p->folder);
    (void)snprintf(p->model, sizeof p->model, "%s/model.gguf", p->folder);
    (void)snprintf(p->dir, sizeof p->dir, "%s/tiny", p->folder);
    (void)snprintf(p->out, sizeof p->out, "%s/out.gguf", p->folder);
    create(p, config);
    const ink_conversion conversion = {.type = type};
    if (ink_export(p->model, p->dir, &conversion, &error) != INK_OK)
        fail_msg("%s", error.message);
}

void published_remove(published *p)
{
    ink_remove_folder(p->dir);
    ink_remove_folder(p->folder);
}

void published_edit(const published *p, const char *name, const char *old, const char *new)
{
    char path[160];
    size_t n;
    char *text = ink_read_file(published_file(p, name, path), &n), *at = strstr(text, old);
    if (!at)
        fail_msg("%s has no %s", name, old);
    size_t before = (size_t)(at - text), rest = n - before - strlen(old);
    char *edited = malloc(n + strlen(new) + 1);
    assert_non_null(edited);
    memcpy(edited, text, before);
    memcpy(edited + before, new, strlen(new));
    memcpy(edited + before + strlen(new), at + strlen(old), rest);
    ink_write_file(path, edited, before + strlen(new) + rest);
    free(edited);
    free(text);
}

ink_status published_convert(const published *p, const char *type, ink_error *error)
{
    const ink_conversion conversion = {.type = type};
    *error = (ink_error){.status = INK_OK};
    return ink_convert(p->dir, p->out, &conversion, error);
}

void published_expect_alone(const published *p)
{
    static const char *const beside[] = {"unchecked", "part", "journal"};
    char name[128];
    assert_int_equal(access(p->out, F_OK), 0);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        (void)snprintf(name, sizeof name, "%s.%s", p->out, beside[i]);
        if (access(name, F_OK) == 0)
            fail_msg("%s is left", name);
    }
}
