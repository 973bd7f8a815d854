#include "kit.h"

#include "base64.h"

#include <cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char failure[512]; /* why the last operation failed */

static int lock = -1;   /* held while a log is open */
static cJSON *records;  /* where a scan puts what it finds; null where it only has to be readable */

int fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(failure, sizeof failure, format, values);
    va_end(values);
    return -1;
}

/* A reply: an error if `code` is set, else what is in `ok`. */
struct reply {
    cJSON *ok;
    const char *code;
    bool definite;
    bool unsupported;
};

static void refuse(struct reply *reply, const char *code, bool definite, const char *why)
{
    reply->code = code;
    reply->definite = definite;
    if (why)
        snprintf(failure, sizeof failure, "%s", why);
}

static void keep(uint64_t number, const void *payload, size_t size)
{
    if (!records)
        return;
    char *text = base64_encode(payload, size);
    cJSON *record = cJSON_CreateObject();
    cJSON_AddNumberToObject(record, "offset", (double)number);
    cJSON_AddStringToObject(record, "payload", text);
    cJSON_AddItemToArray(records, record);
    free(text);
}

static void let_go(void)
{
    close(lock);
    lock = -1;
}

/* Make the log's own directory, and its name durable, which is its user's duty. */
static int make_place(const char *directory, char place[4096])
{
    snprintf(place, 4096, "%s/log", directory);
    if (mkdir(place, 0755) && errno != EEXIST)
        return fail("mkdir: %s", strerror(errno));
    int parent = open(directory, O_RDONLY | O_CLOEXEC);
    int failed = parent < 0 || fsync(parent);
    if (parent >= 0)
        close(parent);
    return failed ? fail("sync %s: %s", directory, strerror(errno)) : 0;
}

static void open_log(struct reply *reply, const char *directory)
{
    char path[4096];
    if (lock >= 0) {
        refuse(reply, "locked", true, "a journal is open here: close it first");
        return;
    }
    snprintf(path, sizeof path, "%s/lock", directory);
    lock = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB)) {
        refuse(reply, "locked", true, "another process writes here");
    } else if (lock < 0 || make_place(directory, path) || log_open(path)) {
        refuse(reply, "corrupt", false, NULL);
    } else if (records = NULL, log_each(keep)) { /* what cannot be read has not been recovered */
        refuse(reply, "corrupt", false, NULL);
        log_close();
    }
    if (reply->code && lock >= 0)
        let_go();
    if (!reply->code)
        cJSON_AddNumberToObject(reply->ok, "discarded_bytes", 0);
}

static void append(struct reply *reply, const char *text)
{
    size_t size;
    uint64_t number = 0;
    uint8_t *payload = base64_decode(text, &size);
    if (log_append(payload, size, &number))
        refuse(reply, strstr(failure, "No space") ? "no_space" : "io", false, NULL);
    else
        cJSON_AddNumberToObject(reply->ok, "offset", (double)number);
    free(payload);
}

static void scan(struct reply *reply)
{
    records = cJSON_AddArrayToObject(reply->ok, "records");
    cJSON_AddStringToObject(reply->ok, "end", "clean");
    if (log_each(keep))
        refuse(reply, "corrupt", false, NULL);
}

static void hello(cJSON *ok)
{
    cJSON_AddNumberToObject(ok, "protocol", 1);
    cJSON *implementation = cJSON_AddObjectToObject(ok, "implementation");
    cJSON_AddStringToObject(implementation, "name", log_name);
    cJSON_AddStringToObject(implementation, "version", log_version());
    cJSON_AddStringToObject(implementation, "language", log_language);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(ok, "claims"), cJSON_CreateString("journal/core"));
}

static void answer(struct reply *reply, const char *op, const cJSON *args)
{
    if (!strcmp(op, "hello")) {
        hello(reply->ok);
    } else if (!strcmp(op, "journal.open")) {
        open_log(reply, cJSON_GetStringValue(cJSON_GetObjectItem(args, "dir")));
    } else if (!strcmp(op, "journal.close")) {
        if (lock >= 0) { /* closing twice is closing once */
            if (log_close())
                refuse(reply, "io", false, NULL);
            let_go();
        }
    } else if (!strcmp(op, "journal.append") || !strcmp(op, "journal.scan")) {
        if (lock < 0)
            refuse(reply, "closed", true, "no journal is open: open one first");
        else if (!strcmp(op, "journal.append"))
            append(reply, cJSON_GetStringValue(cJSON_GetObjectItem(args, "payload")));
        else
            scan(reply);
    } else if (strcmp(op, "bye")) {
        reply->unsupported = true;
    }
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    bool ended = false;
    while (!ended && getline(&line, &room, stdin) > 0) {
        cJSON *request = cJSON_Parse(line), *told = cJSON_CreateObject();
        const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(request, "op"));
        struct reply reply = {.ok = cJSON_CreateObject()};
        failure[0] = 0;
        answer(&reply, op, cJSON_GetObjectItem(request, "args"));
        cJSON_AddItemToObject(told, "id", cJSON_Duplicate(cJSON_GetObjectItem(request, "id"), true));
        if (reply.unsupported) {
            cJSON_AddStringToObject(told, "unsupported", op);
        } else if (reply.code) {
            cJSON *error = cJSON_AddObjectToObject(told, "error");
            cJSON_AddStringToObject(error, "code", reply.code);
            cJSON_AddBoolToObject(error, "definite", reply.definite);
            cJSON_AddStringToObject(error, "message", failure[0] ? failure : reply.code);
        }
        if (reply.unsupported || reply.code)
            cJSON_Delete(reply.ok);
        else
            cJSON_AddItemToObject(told, "ok", reply.ok);
        char *text = cJSON_PrintUnformatted(told);
        puts(text);
        fflush(stdout);
        ended = !strcmp(op, "bye");
        free(text);
        cJSON_Delete(told);
        cJSON_Delete(request);
    }
    free(line);
    return 0;
}
