/*
 * Programs that give orders through memory, for the tests of the recorder.
 *
 * The argument names one; it runs in an empty directory.  There is no library: a ring is three
 * mappings, and an order is 64 bytes.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define IS(name) (!strcmp(program, name))
#define NO_RING 3

static struct io_uring_params params;
static char *orders, *completions;
static struct io_uring_sqe *entries;
static int ring, ordered;

static unsigned *in(char *area, unsigned offset) { return (unsigned *)(area + offset); }

static void set_up(unsigned flags) {
    params.flags = flags;
    ring = syscall(__NR_io_uring_setup, 8, &params);
    if (ring < 0) exit(NO_RING);
    orders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    completions = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (orders == MAP_FAILED || completions == MAP_FAILED || entries == MAP_FAILED) exit(2);
}

static struct io_uring_sqe *order(int opcode, int fd, const void *address, unsigned length, uint64_t offset) {
    unsigned *tail = in(orders, params.sq_off.tail), mask = *in(orders, params.sq_off.ring_mask);
    struct io_uring_sqe *entry = &entries[*tail & mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = opcode;
    entry->fd = fd;
    entry->addr = (uint64_t)address;
    entry->len = length;
    entry->off = offset;
    entry->user_data = 100 + ordered++;
    in(orders, params.sq_off.array)[*tail & mask] = *tail & mask;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    return entry;
}

static void hand_over(unsigned count, unsigned wait) {
    unsigned flags = wait ? IORING_ENTER_GETEVENTS : 0;
    if (syscall(__NR_io_uring_enter, ring, count, wait, flags, NULL, 0) != (long)count) exit(4);
}

/* Read completions without a call, until there are so many; return the last result. */
static int done(unsigned count) {
    unsigned *head = in(completions, params.cq_off.head), *tail = in(completions, params.cq_off.tail);
    while (__atomic_load_n(tail, __ATOMIC_ACQUIRE) - *head < count) {}
    struct io_uring_cqe *all = (struct io_uring_cqe *)(completions + params.cq_off.cqes);
    int result = all[(*head + count - 1) & *in(completions, params.cq_off.ring_mask)].res;
    __atomic_store_n(head, *head + count, __ATOMIC_RELEASE);
    return result;
}

static void with_ring(const char *program, int fd) {
    static char buffer[4096];
    memcpy(buffer, "hello", 5);
    if (IS("linked")) { /* the sync begins when the write has ended */
        order(IORING_OP_WRITE, fd, "hello", 5, 0)->flags = IOSQE_IO_LINK;
        order(IORING_OP_FSYNC, fd, NULL, 0, 0)->fsync_flags = IORING_FSYNC_DATASYNC;
        hand_over(2, 2);
        done(2);
    } else if (IS("closed")) { /* nothing is left of the ring when a call is made next */
        order(IORING_OP_FSYNC, fd, NULL, 0, 0);
        hand_over(1, 1);
        munmap(orders, 4096), munmap(completions, 4096), munmap(entries, 4096), close(ring);
    } else if (IS("drained")) {
        order(IORING_OP_WRITE, fd, "hello", 5, 0);
        order(IORING_OP_FSYNC, fd, NULL, 0, 0)->flags = IOSQE_IO_DRAIN;
        hand_over(2, 2);
        done(2);
    } else if (IS("together")) { /* the sync promises nothing of the write */
        order(IORING_OP_WRITE, fd, "hello", 5, 0);
        order(IORING_OP_FSYNC, fd, NULL, 0, 0);
        hand_over(2, 2);
        done(2);
    } else if (IS("polled")) { /* no call tells that the write has ended */
        order(IORING_OP_WRITE, fd, "hello", 5, 0);
        hand_over(1, 0);
        done(1);
        if (fsync(fd)) exit(5);
    } else if (IS("reused")) { /* the buffer holds something else when a call is made next */
        order(IORING_OP_WRITE, fd, buffer, 5, 0);
        hand_over(1, 0);
        done(1);
        memcpy(buffer, "other", 5);
        order(IORING_OP_WRITE, fd, buffer, 5, 5);
        hand_over(1, 1);
        done(1);
    } else if (IS("registered")) { /* file, buffer and ring are known by numbers */
        struct iovec whole = {buffer, sizeof buffer};
        struct io_uring_rsrc_update self = {.offset = -1U, .data = ring};
        int files[] = {-1, fd};
        if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, files, 2)) exit(6);
        if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, &whole, 1)) exit(7);
        if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_RING_FDS, &self, 1) != 1) exit(8);
        close(fd);
        order(IORING_OP_WRITE_FIXED, 1, buffer, 5, 3)->flags = IOSQE_FIXED_FILE;
        if (syscall(__NR_io_uring_enter, self.offset, 1, 1,
                    IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING, NULL, 0) != 1) exit(9);
        done(1);
    } else if (IS("vector")) {
        struct iovec parts[] = {{"ab", 2}, {"cde", 3}};
        order(IORING_OP_WRITEV, fd, parts, 2, 7)->rw_flags = RWF_DSYNC;
        hand_over(1, 1);
        done(1);
    } else if (IS("position")) { /* at the position of the file, twice in one go */
        if (write(fd, "12", 2) != 2) exit(10);
        order(IORING_OP_WRITE, fd, "ab", 2, -1)->flags = IOSQE_IO_LINK;
        order(IORING_OP_WRITE, fd, "cd", 2, -1);
        hand_over(2, 2);
        done(2);
    } else if (IS("copied")) { /* the write takes what the read has brought */
        int source = open("b", O_RDWR | O_CREAT, 0644);
        if (write(source, "from b", 6) != 6) exit(11);
        order(IORING_OP_READ, source, buffer, 6, 0)->flags = IOSQE_IO_LINK;
        order(IORING_OP_WRITE, fd, buffer, 6, 0);
        hand_over(2, 2);
        done(2);
    } else if (IS("sized")) {
        order(IORING_OP_FALLOCATE, fd, (void *)8192, 0, 0);
        hand_over(1, 1);
        done(1);
    } else if (IS("named")) {
        order(IORING_OP_OPENAT, AT_FDCWD, "new", 0644, 0)->open_flags = O_WRONLY | O_CREAT;
        hand_over(1, 1);
        int made = done(1);
        order(IORING_OP_WRITE, made, "hello", 5, 0);
        order(IORING_OP_MKDIRAT, AT_FDCWD, "dir", 0755, 0);
        hand_over(2, 2);
        done(2);
        order(IORING_OP_RENAMEAT, AT_FDCWD, "new", AT_FDCWD, (uint64_t)"dir/new");
        hand_over(1, 1);
        done(1);
        order(IORING_OP_UNLINKAT, AT_FDCWD, "a", 0, 0);
        hand_over(1, 1);
        done(1);
    } else if (IS("failed")) { /* an order for a descriptor that is not open */
        order(IORING_OP_WRITE, 99, "hello", 5, 0);
        order(IORING_OP_WRITE, fd, "hello", 5, 0);
        hand_over(2, 2);
        done(2);
    } else if (IS("killed")) { /* nobody has seen it end */
        order(IORING_OP_WRITE, fd, "hello", 5, 0);
        hand_over(1, 0);
        kill(getpid(), SIGKILL);
    } else {
        exit(1);
    }
}

static void with_context(int fd) {
    aio_context_t context = 0;
    if (syscall(__NR_io_setup, 8, &context)) exit(NO_RING);
    struct iocb write = {.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd,
                         .aio_buf = (uint64_t)"hello", .aio_nbytes = 5};
    struct iocb sync = {.aio_lio_opcode = IOCB_CMD_FDSYNC, .aio_fildes = fd};
    struct iocb *all[] = {&write, &sync};
    struct io_event events[2];
    for (int i = 0; i < 2; i++) {
        if (syscall(__NR_io_submit, context, 1, &all[i]) != 1) exit(12);
        if (syscall(__NR_io_getevents, context, 1, 1, events, NULL) != 1) exit(13);
    }
}

int main(int count, char **arguments) {
    const char *program = count > 1 ? arguments[1] : "";
    int fd = open("a", O_RDWR | O_CREAT, 0644);
    if (IS("submitted")) {
        with_context(fd);
    } else {
        set_up(IS("kernel thread") ? IORING_SETUP_SQPOLL : 0);
        if (!IS("kernel thread")) with_ring(program, fd);
    }
    return 0;
}
