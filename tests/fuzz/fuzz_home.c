/*
 * Home files and sentences: any bytes are refused in words that name the file, or become a home
 * about which any sentence can be asked. A line that is "?" divides home and sentence.
 */
#include <stdlib.h>
#include <string.h>

#include "home/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const ink_home *home, const char *sentence, size_t n_bytes)
{
    static const char *const answers[] = {" none", " HassBroadcast message A A",
                                          " HassTurnOn name 1", " HassLightSet brightness A"};
    ink_request request;
    ink_reply reply;
    ink_buffer out;
    if (ink_request_read(&request, home, sentence, n_bytes, INK_THING_NOWHERE, NULL) != INK_OK)
        return;
    ink_buffer_init(&out, NULL, (size_t)1 << 20);
    ink_request_prompt(&request, &out);
    ink_request_grammar(&request, &out);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (ink_reply_read(&reply, &request, answers[i], NULL) == INK_OK) {
            ink_reply_write(&reply, &out);
            ink_reply_say(&reply, &out);
        } else if (i < 2) {
            abort();
        }
    ink_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *sentence = text + size;
    ink_home *home;
    ink_error error = {0};
    for (size_t i = 0; i + 3 <= size; i++)
        if (memcmp(text + i, "\n?\n", 3) == 0) {
            sentence = text + i + 3;
            break;
        }
    size_t n_sentence = (size_t)(text + size - sentence);
    ink_status status =
        ink_home_read(&home, text, size - n_sentence - (n_sentence ? 3 : 0), "h.j", NULL, &error);
    if (status == INK_OK) {
        check_request(home, sentence, n_sentence);
        ink_home_free(home);
    } else if (error.status != status || !strstr(error.message, "h.j")) {
        abort();
    }
    return 0;
}
