/* LevelDB with WriteOptions.sync: one key is one record. */
#include "kit.h"

#include <leveldb/db.h>
#include <memory>

static leveldb::DB *database;
static uint64_t next;

extern "C" {
const char *const log_name = "LevelDB";
const char *const log_language = "C++";
const char *log_version(void)
{
    static const std::string version = std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion);
    return version.c_str();
}
}

static int failing(const leveldb::Status &status) { return status.ok() ? 0 : fail("%s", status.ToString().c_str()); }

static std::string key_of(uint64_t number)
{
    char key[24];
    snprintf(key, sizeof key, "%020llu", (unsigned long long)number);
    return key;
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    std::unique_ptr<leveldb::Iterator> pairs(database->NewIterator({}));
    for (pairs->SeekToFirst(); pairs->Valid(); pairs->Next())
        visit(std::stoull(pairs->key().ToString()), pairs->value().data(), pairs->value().size());
    return failing(pairs->status());
}

int log_open(const char *directory)
{
    leveldb::Options options;
    options.create_if_missing = true;
    if (failing(leveldb::DB::Open(options, directory, &database)))
        return -1;
    next = 0;
    return log_each([](uint64_t number, const void *, size_t) { next = number + 1; });
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    *number = next++; /* even if it fails: nobody knows whether it is there */
    leveldb::WriteOptions synced;
    synced.sync = true;
    return failing(database->Put(synced, key_of(*number), {static_cast<const char *>(payload), size}));
}

int log_close(void)
{
    delete database;
    return 0;
}
