/*
 * Programs whose system calls are known, for the tests of the recorder.
 *
 * Each function is one program; the first argument names it.  It runs in an empty
 * directory.  Every call must succeed: a program that fails tests nothing.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static long must(long result, int line) {
    if (result < 0) {
        fprintf(stderr, "line %d: ", line);
        perror("");
        exit(1);
    }
    return result;
}
#define MUST(call) must((long)(call), __LINE__)
#define PUT(fd, text) MUST(write(fd, text, strlen(text)))

static int make(const char *name, int flags) {
    return MUST(open(name, O_RDWR | O_CREAT | flags, 0644));
}

static void positions(void) {
    char buffer[3];
    int fd = make("a", 0);
    PUT(fd, "hello");
    MUST(pwrite(fd, "J", 1, 0));
    PUT(fd, "!");
    MUST(lseek(fd, 1, SEEK_SET));
    MUST(read(fd, buffer, 3));
    PUT(fd, "O");
    MUST(lseek(fd, 2, SEEK_END));
    PUT(fd, "far");
}

static void appending(void) {
    int fd = make("a", O_APPEND);
    PUT(fd, "one");
    MUST(pwrite(fd, "two", 3, 0)); /* appends all the same: pwrite(2), BUGS */
    MUST(fcntl(fd, F_SETFL, 0));
    MUST(pwrite(fd, "O", 1, 0));
    MUST(fcntl(fd, F_SETFL, O_APPEND));
    PUT(fd, "three");
}

static void vectors(void) {
    struct iovec parts[2] = {{"ab", 2}, {"cde", 3}};
    int fd = make("a", 0);
    MUST(writev(fd, parts, 2));
    MUST(pwritev(fd, parts, 2, 1));
    MUST(pwritev2(fd, parts, 2, -1, 0));
    MUST(pwritev2(fd, parts, 1, 0, RWF_DSYNC));
    MUST(pwritev2(fd, parts, 1, 0, RWF_APPEND));
}

static void synced(void) {
    int plain = make("a", 0), data = MUST(open("a", O_WRONLY | O_DSYNC)), all = make("b", O_SYNC);
    PUT(plain, "unsynced");
    MUST(pwrite(data, "durable", 7, 8));
    PUT(all, "both");
}

static void paths(void) {
    MUST(mkdir("d", 0755));
    int d = MUST(open("d", O_RDONLY | O_DIRECTORY));
    PUT(MUST(openat(d, "../a", O_WRONLY | O_CREAT, 0644)), "up");
    MUST(mkdirat(d, "e", 0755));
    MUST(chdir("d/e"));
    PUT(MUST(creat("f", 0644)), "deep");
    MUST(renameat(AT_FDCWD, "f", d, "g"));
    MUST(fchdir(d));
    MUST(linkat(d, "g", AT_FDCWD, "h", 0));
    MUST(renameat2(d, "h", AT_FDCWD, "e/h", RENAME_NOREPLACE));
    MUST(unlinkat(d, "g", 0));
    MUST(fsync(d));
}

static void names(void) {
    PUT(make("a", 0), "first");
    PUT(make("b", 0), "second");
    MUST(rename("b", "a"));
    MUST(link("a", "c"));
    MUST(rename("a", "c")); /* one file: nothing happens */
    MUST(unlink("c"));
    MUST(mkdir("d", 0755));
    MUST(rename("a", "d/a"));
    MUST(rename("d", "e"));
    MUST(unlink("e/a"));
    MUST(rmdir("e"));
    MUST(mknod("f", S_IFREG | 0644, 0));
}

static void duplicates(void) {
    int fd = make("a", 0);
    PUT(fd, "1");
    PUT(MUST(dup(fd)), "2");
    PUT(MUST(dup2(fd, 50)), "3");
    PUT(MUST(dup3(fd, 51, O_CLOEXEC)), "4");
    PUT(MUST(fcntl(fd, F_DUPFD, 60)), "5");
    PUT(MUST(fcntl(fd, F_DUPFD_CLOEXEC, 61)), "6");
    MUST(close(fd));
    PUT(50, "7");
    MUST(syscall(SYS_close_range, 50, 61, 0));
    PUT(make("b", 0), "8"); /* the lowest free number again */
}

static void copies(void) {
    loff_t from = 1, to = 2;
    off_t start = 0;
    int a = make("a", 0), b = make("b", 0);
    PUT(a, "abcdef");
    MUST(copy_file_range(a, &from, b, &to, 3, 0));
    MUST(sendfile(b, a, &start, 2));
    MUST(lseek(a, 4, SEEK_SET));
    MUST(sendfile(b, a, NULL, 2));
    PUT(b, "!");
    PUT(a, "?");
}

static void sizes(void) {
    int fd = make("a", 0);
    PUT(fd, "0123456789");
    MUST(ftruncate(fd, 4));
    MUST(truncate("a", 6));
    MUST(fallocate(fd, 0, 4, 8));
    MUST(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 99));
    MUST(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 1, 2));
    MUST(close(MUST(open("a", O_WRONLY | O_TRUNC))));
}

static void syncs(void) {
    int fd = make("a", 0), d = MUST(open(".", O_RDONLY | O_DIRECTORY));
    PUT(fd, "1");
    MUST(fsync(fd));
    MUST(fdatasync(fd));
    MUST(fsync(d));
    MUST(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
    PUT(fd, "2");
    MUST(syncfs(d));
    PUT(make("b", 0), "3");
    sync();
}

static void attributes(void) {
    char name[] = "../outside-XXXXXX";
    struct timespec times[2] = {{1, 0}, {2, 0}};
    int fd = make("a", 0), other = MUST(mkstemp(name));
    MUST(fchmod(fd, 0400));
    MUST(chmod("a", 0600));
    MUST(futimens(fd, times));
    MUST(lchown("a", getuid(), -1));
    MUST(fchown(other, getuid(), -1));
    MUST(unlink(name));
    fremovexattr(fd, "user.a"); /* there is none, or there can be none: it fails */
}

static void exec(char *self) {
    MUST(fcntl(make("a", O_CLOEXEC), F_SETFD, 0));
    int closed = make("b", O_CLOEXEC);
    char kept[10];
    sprintf(kept, "%d", closed);
    MUST(execl(self, self, "executed", kept, NULL));
}

static void executed(char *argument) {
    PUT(atoi(argument) - 1, "kept");
    int fd = make("c", 0); /* gets the number that the exec has closed */
    if (fd != atoi(argument)) exit(1);
    PUT(fd, "new");
}

static void forked(void) {
    int fd = make("a", 0), status;
    PUT(fd, "parent ");
    if (MUST(fork()) == 0) {
        PUT(fd, "child ");
        MUST(close(fd));
        MUST(chdir("/"));
        _exit(0);
    }
    MUST(wait(&status));
    PUT(fd, "again");
    PUT(make("b", 0), "here");
}

static void *thread(void *at) {
    *(int *)at = make("a", 0);
    MUST(mkdir("d", 0755));
    MUST(chdir("d"));
    return NULL;
}

static void threads(void) {
    int fd;
    pthread_t other;
    pthread_create(&other, NULL, thread, &fd);
    pthread_join(other, NULL);
    PUT(fd, "opened by another");
    PUT(make("b", 0), "where another went");
}

static void talk(void) {
    char line[100];
    int fd = make("a", 0), count;
    while ((count = MUST(read(0, line, 100))) > 0) {
        MUST(write(fd, line, count));
        MUST(fsync(fd));
        PUT(1, "done\n");
    }
}

static void *map(const char *name, int protection) {
    int fd = make(name, 0);
    MUST(ftruncate(fd, 4096));
    return mmap(NULL, 4096, protection, MAP_SHARED, fd, 0);
}

static void mapped(void) { strcpy(map("a", PROT_READ | PROT_WRITE), "unseen"); }

static void mapped_later(void) {
    char *memory = map("a", PROT_READ);
    MUST(mprotect(memory, 4096, PROT_READ | PROT_WRITE));
    strcpy(memory, "unseen");
}

static void mapped_harmless(void) { strcpy(map("base-shm", PROT_READ | PROT_WRITE), "unseen"); }

static void mapped_reading(void) {
    volatile char first = *(char *)map("a", PROT_READ);
    (void)first;
}

static void moved_in(void) {
    char name[] = "../outside-XXXXXX";
    int fd = MUST(mkstemp(name));
    PUT(fd, "from elsewhere");
    MUST(rename(name, "a"));
}

static void unnamed(void) { PUT(MUST(open(".", O_WRONLY | O_TMPFILE, 0644)), "nameless"); }

static void named_later(void) {
    int file = MUST(open(".", O_WRONLY | O_TMPFILE, 0644));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    PUT(file, "whole");
    MUST(fsync(file));
    MUST(linkat(AT_FDCWD, path, AT_FDCWD, "a", AT_SYMLINK_FOLLOW));
}

static void exchanged(void) {
    make("a", 0), make("b", 0);
    MUST(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
}

static void killed(void) {
    PUT(make("a", 0), "before");
    raise(SIGKILL);
}

#define RUN(name) if (strcmp(argv[1], #name) == 0) { name(); return 0; }
int main(int argc, char **argv) {
    if (strcmp(argv[1], "exec") == 0) exec(argv[0]);
    if (strcmp(argv[1], "executed") == 0) { executed(argv[2]); return 0; }
    RUN(positions) RUN(appending) RUN(vectors) RUN(synced) RUN(paths) RUN(names)
    RUN(duplicates) RUN(copies) RUN(sizes) RUN(syncs) RUN(attributes) RUN(forked) RUN(threads) RUN(talk)
    RUN(mapped) RUN(mapped_later) RUN(mapped_harmless) RUN(mapped_reading)
    RUN(moved_in) RUN(unnamed) RUN(named_later) RUN(exchanged) RUN(killed)
    return argc + 100;
}
