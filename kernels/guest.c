/*
 * /init of the guest: runs litmus programs on a real kernel, or mounts crash images.
 *
 * /script holds one operation a line (README.md lists them); /modules/order names the kernel
 * modules to load.  /dev/vda is the disk under test: one partition for each run of a program, or
 * one crash image after another.  /dev/vdb takes marks, one 512-byte sector each: the disk server
 * reads from them which operation has returned, and takes orders ("hold", "release", "refuse",
 * "accept", "next").
 *
 * Static, no library but libc; prints "FAILED ..." for whatever did not go as the program says.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int marks = -1;
static char *sector;
static char fs[32], options[256], device[64];

static void complain(const char *what, const char *about) {
    printf("FAILED %s %s: %s\n", what, about, strerror(errno));
    fflush(stdout);
}

static void mark(const char *text) {
    memset(sector, 0, 512);
    snprintf(sector, 512, "%s", text);
    if (pwrite(marks, sector, 512, 0) != 512) complain("mark", text);
}

static void pause_for(long milliseconds) { usleep(milliseconds * 1000); }

/* Open files, by the name that the program gives them. */

struct handle { char name[32]; int fd; };
static struct handle handles[64];
static int used;

static int fd_of(const char *name) {
    for (int i = used - 1; i >= 0; i--) if (!strcmp(handles[i].name, name)) return handles[i].fd;
    return -1;
}

static int keep(const char *name, int fd) {
    if (fd < 0 || used == 64) return -1;
    snprintf(handles[used].name, 32, "%s", name);
    handles[used++].fd = fd;
    return 0;
}

static void close_all(void) { while (used) close(handles[--used].fd); }

/* What is in the filesystem, for whoever compares it with what the crash model allows. */

static void print_content(int fd) {
    static unsigned char buffer[65536];
    ssize_t n;
    int last = -1;
    long run = 0;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (buffer[i] == last) { run++; continue; }
            if (run) printf("%02x*%ld,", last, run);
            last = buffer[i];
            run = 1;
        }
    if (n < 0) printf("!%d,", errno);
    if (run) printf("%02x*%ld,", last, run);
    printf(".\n");
}

static void print_tree(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) { complain("opendir", path); return; }
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        char below[512];
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        struct stat s;
        if (lstat(below, &s)) { complain("stat", below); continue; }
        if (S_ISDIR(s.st_mode)) { printf("D %s\n", below + 6); print_tree(below); continue; }
        printf("F %s %o %lld ", below + 6, s.st_mode & 07777, (long long)s.st_size);
        int fd = open(below, O_RDONLY);
        print_content(fd);
        close(fd);
    }
    closedir(directory);
}

/* Mounting */

static void choose(const char *dev, const char *type, const char *with) {
    snprintf(device, sizeof device, "%s", dev);
    snprintf(fs, sizeof fs, "%s", type);
    snprintf(options, sizeof options, "%s", with && strcmp(with, "-") ? with : "");
}

static int mount_it(void) {
    for (int i = 0; i < 100 && access(device, F_OK); i++) pause_for(20);
    return mount(device, "/mnt", fs, 0, options);
}

static void begin_test(char **w) {               /* test NAME PARTITION FS OPTIONS */
    char text[200];
    snprintf(text, sizeof text, "/dev/vda%s", w[2]);
    choose(text, w[3], w[4]);
    if (mount_it()) { complain("mount", w[1]); return; }
    mkdir("/mnt/t", 0755);
    mkdir("/mnt/o", 0755);
    close(open("/mnt/o/x", O_CREAT | O_RDWR, 0644));
    if (chdir("/mnt/t")) complain("chdir", "/mnt/t");
    snprintf(text, sizeof text, "test %s", w[1]);
    mark(text);
}

static void start_program(void) {                /* all that is there now is durable */
    close_all();
    if (chdir("/")) complain("chdir", "/");
    sync();
    if (umount("/mnt")) complain("umount", "before the program");
    if (mount_it()) complain("mount", "before the program");
    if (chdir("/mnt/t")) complain("chdir", "/mnt/t");
    sync();
    mark("start");
}

static void end_test(void) {
    mark("end");
    close_all();
    if (chdir("/") || umount("/mnt")) complain("umount", "after the program");
}

static void show_images(char **w) {              /* images COUNT FS OPTIONS */
    choose("/dev/vda", w[2], w[3]);
    for (int i = 0; i < atoi(w[1]); i++) {
        mark("next");
        int disk = open(device, O_RDONLY);
        ioctl(disk, BLKFLSBUF, 0);
        close(disk);
        printf("IMAGE %d\n", i);
        if (mount_it()) complain("mount", "image");
        else {
            print_tree("/mnt/t");
            if (umount("/mnt")) complain("umount", "image");
        }
        printf("END\n");
        fflush(stdout);
    }
}

/* What a program does */

static int open_file(const char *how, const char *name) {
    if (!strcmp(how, "create")) return open(name, O_CREAT | O_EXCL | O_RDWR, 0644);
    if (!strcmp(how, "open-dsync")) return open(name, O_RDWR | O_DSYNC);
    if (!strcmp(how, "open-sync")) return open(name, O_RDWR | O_SYNC);
    if (!strcmp(how, "open-direct")) return open(name, O_RDWR | O_DIRECT);
    return open(name, O_RDWR);
}

static int write_letters(int fd, long offset, long size, char letter) {
    char *data;
    if (posix_memalign((void **)&data, 4096, size)) return -1;
    memset(data, letter, size);
    int rc = pwrite(fd, data, size, offset) == size ? 0 : -1;
    free(data);
    return rc;
}

static int mapped(int fd, long offset, long size, char letter, int flags) {
    long first = offset / 4096 * 4096, length = offset + size - first;
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, first);
    if (memory == MAP_FAILED) return -1;
    if (letter) memset(memory + (offset - first), letter, size);
    int rc = flags ? msync(memory, length, flags) : 0;
    munmap(memory, length);
    return rc;
}

static int copy_range(int from, long source, int to, long target, long size) {
    off64_t in = source, out = target;
    while (size > 0) {
        ssize_t n = copy_file_range(from, &in, to, &out, size, 0);
        if (n <= 0) return -1;
        size -= n;
    }
    return 0;
}

static int sync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    int rc = fd < 0 ? -1 : fsync(fd);
    close(fd);
    return rc;
}

/* What the rest of the machine may do at any moment: the journal or the transaction commits. */
static int commit(void) {
    int other = open("/mnt/o/x", O_RDWR), rc;
    if (!strcmp(fs, "btrfs")) {                  /* as its timer does: flushes no data for it */
        uint64_t transaction = 0;
        rc = ioctl(other, _IOR(0x94, 24, uint64_t), &transaction);
        rc |= ioctl(other, _IOW(0x94, 22, uint64_t), &transaction);
    } else {
        struct stat s;
        rc = fstat(other, &s) | fchmod(other, s.st_mode ^ 0044) | fsync(other);
    }
    close(other);
    return rc;
}

static int is(const char *op, const char *name) { return !strcmp(op, name); }

static int run_operation(char **w, int n) {
    const char *op = w[0];
    int fd = n > 1 ? fd_of(w[1]) : -1;
    long a = n > 2 ? atol(w[2]) : 0, b = n > 3 ? atol(w[3]) : 0;
    if (is(op, "create") || !strncmp(op, "open", 4)) return keep(w[1], open_file(op, w[2]));
    if (is(op, "close")) return close(fd);
    if (is(op, "write")) return write_letters(fd, a, b, w[4][0]);
    if (is(op, "store")) return mapped(fd, a, b, w[4][0], 0);
    if (is(op, "msync")) return mapped(fd, a, b, 0, MS_SYNC);
    if (is(op, "msync-async")) return mapped(fd, a, b, 0, MS_ASYNC);
    if (is(op, "truncate")) return ftruncate(fd, a);
    if (is(op, "allocate")) return fallocate(fd, 0, a, b);
    if (is(op, "allocate-keep")) return fallocate(fd, FALLOC_FL_KEEP_SIZE, a, b);
    if (is(op, "punch")) return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a, b);
    if (is(op, "zero")) return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, a, b);
    if (is(op, "copy")) return copy_range(fd, a, fd_of(w[3]), atol(w[4]), atol(w[5]));
    if (is(op, "chmod")) return fchmod(fd, strtol(w[2], NULL, 8));
    if (is(op, "fsync")) return fsync(fd);
    if (is(op, "fdatasync")) return fdatasync(fd);
    if (is(op, "fsync-fails")) return fsync(fd) ? 0 : (errno = 0, -1);
    if (is(op, "syncfs")) return syncfs(fd);
    if (is(op, "sync-range"))
        return sync_file_range(fd, a, b, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    if (is(op, "rename")) return rename(w[1], w[2]);
    if (is(op, "link")) return link(w[1], w[2]);
    if (is(op, "unlink")) return unlink(w[1]);
    if (is(op, "mkdir")) return mkdir(w[1], 0755);
    if (is(op, "syncdir")) return sync_directory(w[1]);
    if (is(op, "commit")) return commit();
    if (is(op, "writeback")) return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (is(op, "writeback-wait"))
        return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    if (is(op, "sleep")) { pause_for(atol(w[1])); return 0; }
    if (is(op, "hold") || is(op, "release") || is(op, "refuse") || is(op, "accept")) { mark(op); return 0; }
    errno = ENOSYS;
    return -1;
}

static int split(char *line, char **w, int most) {
    int n = 0;
    char *rest;
    for (char *p = strtok_r(line, " \n", &rest); p && n < most; p = strtok_r(NULL, " \n", &rest)) w[n++] = p;
    return n;
}

/* "child OP" runs in a process of its own, with the files that are open now. */
static void play(char *line) {
    char *w[8] = {0};
    int n = split(line, w, 8), rc;
    if (!n) return;
    if (is(w[0], "child")) {
        fflush(stdout);
        pid_t child = fork();
        if (!child) _exit(run_operation(w + 1, n - 1) ? errno ? errno : 1 : 0);
        waitpid(child, &rc, 0);
        errno = WEXITSTATUS(rc);
    } else rc = run_operation(w, n);
    if (rc) complain(w[0], w[1] ? w[1] : "");
}

static void play_line(char *line, int number) {
    char text[64], *rest = line, *part;
    if (!strncmp(line, "then ", 5)) {            /* then OP | OP: no mark in between */
        rest = line + 5;
        while ((part = strsep(&rest, "|"))) play(part);
    } else play(line);
    snprintf(text, sizeof text, "done %d", number);
    mark(text);
}

static void play_script(void) {
    char line[1024], copy[1024], *w[8];
    int number = 0, running = 0;
    FILE *script = fopen("/script", "r");
    while (script && fgets(line, sizeof line, script)) {
        memset(w, 0, sizeof w);
        snprintf(copy, sizeof copy, "%s", line);
        if (!split(copy, w, 8)) continue;
        if (is(w[0], "test")) begin_test(w);
        else if (is(w[0], "start")) { start_program(); number = 0; running = 1; }
        else if (is(w[0], "end")) { end_test(); running = 0; }
        else if (is(w[0], "images")) show_images(w);
        else if (running) play_line(line, number++);
        else play(line);
    }
}

static void load_modules(void) {
    char line[1024];
    FILE *list = fopen("/modules/order", "r");
    while (list && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = 0;
        int fd = open(line, O_RDONLY);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)) complain("module", line);
        close(fd);
    }
}

int main(void) {
    mkdir("/dev", 0755); mkdir("/proc", 0755); mkdir("/sys", 0755); mkdir("/mnt", 0755);
    mount("dev", "/dev", "devtmpfs", 0, "");
    mount("proc", "/proc", "proc", 0, "");
    mount("sys", "/sys", "sysfs", 0, "");
    int console = open("/dev/console", O_RDWR);
    if (console >= 0) { dup2(console, 0); dup2(console, 1); dup2(console, 2); }
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    struct utsname u;
    uname(&u);
    printf("GUEST %s\n", u.release);
    load_modules();
    for (int i = 0; i < 200 && access("/dev/vdb", F_OK); i++) pause_for(20);
    marks = open("/dev/vdb", O_RDWR | O_DIRECT);
    if (marks < 0) complain("open", "/dev/vdb");
    if (posix_memalign((void **)&sector, 4096, 4096)) return 1;
    play_script();
    printf("GUEST ends\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
