/*
 * Programs that store through shared mappings, for the tests of the recorder.
 *
 * The argument names one; it runs in an empty directory.  Which byte goes where, and what is
 * synced when, stands here and is written down a second time in test_tracer.py.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define IS(name) (!strcmp(program, name))

static int fd;
static char *shared;

static char *map_of(size_t bytes, size_t mapped, int protection, int flags) {
    fd = open("a", O_RDWR | O_CREAT, 0644);
    if (ftruncate(fd, bytes)) exit(1);
    char *memory = mmap(NULL, mapped, protection, flags, fd, 0);
    if (memory == MAP_FAILED) exit(1);
    return memory;
}

static char *four_pages(void) {
    return map_of(4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static void sync_pages(char *start, int pages) {
    if (msync(start, pages * PAGE, MS_SYNC)) exit(1);
}

static void *storer(void *argument) {
    long n = (long)argument;
    for (int i = 0; i < 50; i++) {
        shared[n * PAGE + i] = 'A' + n;
        sync_pages(shared + n * PAGE, 1);
    }
    return NULL;
}

static void *storm(void *argument) {
    unsigned seed = (unsigned)(long)argument;
    for (int i = 0; i < 60; i++) {
        for (int k = 0; k < 20; k++) shared[rand_r(&seed) % (4 * PAGE)] = rand_r(&seed);
        if (i % 3 == 0) sync_pages(shared, 4);
        if (i % 5 == 0 && pwrite(fd, "hello", 5, rand_r(&seed) % (4 * PAGE - 5)) != 5) exit(1);
        if (i % 7 == 0) fdatasync(fd);
    }
    return NULL;
}

static void *append(void *argument) {
    for (int i = 0; i < 100; i++)
        if (write(fd, argument, 7) != 7) exit(1);
    return NULL;
}

static void together(int count, void *(*work)(void *)) {
    pthread_t threads[8];
    for (long n = 0; n < count; n++) pthread_create(&threads[n], NULL, work, (void *)n);
    for (int n = 0; n < count; n++) pthread_join(threads[n], NULL);
}

int main(int argc, char **argv) {
    const char *program = argv[argc - 1];
    char *m;
    if (IS("up")) {
        m = four_pages(), m[0] = 'x', m[PAGE] = 'y', sync_pages(m, 2);
    } else if (IS("down")) {
        m = four_pages(), m[PAGE] = 'y';
        __asm__ volatile("" ::: "memory");
        m[0] = 'x', sync_pages(m, 2);
    } else if (IS("between")) {
        m = four_pages(), m[0] = 'x', sync_pages(m, 1), m[0] = 'y', sync_pages(m, 1), m[1] = 'z';
    } else if (IS("async")) {
        m = four_pages(), m[0] = 'x', msync(m, PAGE, MS_ASYNC);
    } else if (IS("outlives")) {
        m = four_pages(), close(fd), m[0] = 'x', sync_pages(m, 1), m[600] = 'y';
        munmap(m, 4 * PAGE);
    } else if (IS("fork")) {
        m = four_pages(), m[0] = 'p';
        if (!fork()) {
            m[PAGE] = 'c', sync_pages(m + PAGE, 1), m[PAGE + 1] = 'd';
            _exit(0);
        }
        wait(NULL), m[2 * PAGE] = 'q', sync_pages(m, 4);
    } else if (IS("growth")) {
        m = map_of(100, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
        m[0] = 'x';
        if (ftruncate(fd, 4 * PAGE)) return 1;
        m[3 * PAGE] = 'y', sync_pages(m, 4);
    } else if (IS("protect")) {
        m = map_of(4 * PAGE, 4 * PAGE, PROT_NONE, MAP_SHARED);
        mprotect(m, PAGE, PROT_READ | PROT_WRITE), m[0] = 'x', sync_pages(m, 1);
    } else if (IS("deleted")) {
        m = four_pages(), m[0] = 'x', unlink("a"), m[1] = 'y', sync_pages(m, 1);
    } else if (IS("exec")) {
        m = four_pages(), m[0] = 'x';
        execl("/bin/true", "true", NULL);
    } else if (IS("kill")) {
        m = four_pages(), m[0] = 'x', sync_pages(m, 1), m[1] = 'y', kill(getpid(), SIGKILL);
    } else if (IS("mremap")) {
        m = four_pages();
        if (ftruncate(fd, 16 * PAGE)) return 1;
        m = mremap(m, 4 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
        m[15 * PAGE] = 'x', sync_pages(m, 16);
    } else if (IS("mixed")) {
        m = four_pages(), m[0] = 'x';
        if (pwrite(fd, "ab", 2, 1) != 2) return 1;
        m[1] = 'y', fdatasync(fd), m[2] = 'z';
    } else if (IS("offset")) {
        munmap(four_pages(), 4 * PAGE);
        m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
        m[7] = 'x', sync_pages(m, 1);
    } else if (IS("private")) {
        m = map_of(4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE), m[0] = 'x';
        if (pwrite(fd, "w", 1, PAGE) != 1) return 1;
    } else if (IS("tail")) { /* beyond the end of the file, in its last page */
        m = map_of(100, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
        m[50] = 'x', m[2000] = 't', sync_pages(m, 1);
        if (ftruncate(fd, PAGE)) return 1;
        sync_pages(m, 1);
    } else if (IS("shrink")) {
        m = four_pages(), memset(m + PAGE - 150, 'x', 300);
        if (ftruncate(fd, 10) || ftruncate(fd, PAGE)) return 1;
        m[20] = 'y';
    } else if (IS("string")) { /* one instruction stores twelve bytes */
        m = four_pages();
        const char *from = "twelve bytes";
        void *to = m + 100;
        long count = 12;
        __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count)::"memory");
    } else if (IS("threads")) {
        shared = four_pages(), together(2, storer);
    } else if (IS("storm")) {
        shared = four_pages(), together(6, storm);
    } else if (IS("appends")) { /* one description, whose position all of them move */
        fd = open("a", O_WRONLY | O_CREAT, 0644);
        pthread_t threads[3];
        for (int n = 0; n < 3; n++)
            pthread_create(&threads[n], NULL, append, (char *[]){"first..", "second.", "third.."}[n]);
        for (int n = 0; n < 3; n++) pthread_join(threads[n], NULL);
    } else if (IS("writes")) { /* prints what each call returned */
        fd = open("a", O_RDWR | O_CREAT, 0644);
        for (int i = 0; i < 5; i++) {
            printf("%zd ", pwrite(fd, "0123456789", 10, i * 10));
            fflush(stdout);
        }
        printf("%d\n", fsync(fd));
    } else if (IS("vector")) {
        struct iovec parts[3] = {{"abc", 3}, {"defg", 4}, {"hi", 2}};
        fd = open("a", O_RDWR | O_CREAT, 0644);
        printf("%zd", writev(fd, parts, 3));
        printf(" %zu %zu %zu", parts[0].iov_len, parts[1].iov_len, parts[2].iov_len);
        printf(" %zd\n", writev(fd, parts, 3));
    } else if (IS("narrow") || IS("narrow elsewhere")) { /* the call `write` of 32 bits */
        fd = IS("narrow") ? open("a", O_RDWR | O_CREAT, 0644) : 1;
        m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        long result = 4;
        m[0] = '\n';
        __asm__ volatile("int $0x80" : "+a"(result) : "b"(fd), "c"(m), "d"(1) : "memory");
        return result == 1 ? 0 : 3;
    } else if (IS("nothing")) {
        fd = open("a", O_RDWR | O_CREAT, 0644);
        if (write(fd, NULL, 0) || pwrite(fd, NULL, 0, 7)) return 1;
    } else {
        fprintf(stderr, "no such program\n");
        return 2;
    }
    return 0;
}
