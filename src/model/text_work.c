#include "model/text_work.h"

#include <string.h>
#include "model/vocab_source.h"
#include "text/template.h"

/* Text knows no files; what it says about a part of this one is said of this one. */
static ink_status in_file(const struct ink_model *model, ink_status status, ink_error *error)
{
    const char *name = ink_gguf_name(model->gguf);
    if (status == INK_OK || strncmp(error->message, name, strlen(name)) == 0)
        return status;
    ink_error inner = *error;
    return ink_fail(error, status, inner.offset, "%s: %s", name, inner.message);
}

static ink_status open_text(struct ink_model *model, bool required, ink_error *error)
{
    const ink_allocator *allocator = model->allocator;
    ink_gguf_string chat = {NULL, 0};
    if (!required && !ink_gguf_find(model->gguf, "tokenizer.ggml.model"))
        return INK_OK;
    ink_status status = ink_model_vocab_open(&model->vocab, model->gguf, allocator, error);
    INK_TRY(in_file(model, status, error));
    INK_TRY(ink_gguf_get_string(model->gguf, "tokenizer.chat_template", &chat, error));
    if (!chat.text)
        return INK_OK;
    status = ink_template_new(&model->chat, chat.text, chat.n_bytes, allocator, error);
    return in_file(model, status, error);
}

static void *thread_main(void *argument)
{
    ink_text_work *work = argument;
    work->status = open_text(work->model, work->required, &work->error);
    return NULL;
}

void ink_text_work_begin(ink_text_work *work, struct ink_model *model, bool required, bool beside)
{
    *work = (ink_text_work){.model = model, .required = required};
    work->running = beside && pthread_create(&work->thread, NULL, thread_main, work) == 0;
    if (!work->running)
        (void)thread_main(work);
}

ink_status ink_text_work_end(ink_text_work *work, ink_error *error)
{
    const struct ink_model *model = work->model;
    if (work->running)
        (void)pthread_join(work->thread, NULL);
    if (work->status != INK_OK) {
        if (error)
            *error = work->error;
        return work->status;
    }
    if (model->vocab && ink_vocab_pretokenizer_guessed(model->vocab))
        ink_warn(&model->log,
                 "%s: names no pre-tokenizer (tokenizer.ggml.pre); '%s' stands in, and tokens may "
                 "differ from those the model was trained on",
                 ink_gguf_name(model->gguf), ink_vocab_pretokenizer_name(model->vocab));
    return INK_OK;
}
