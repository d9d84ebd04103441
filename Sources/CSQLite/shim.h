// What Swift cannot call, and nothing else. Everything else of SQLite is used under its C name.

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// sqlite3_db_config is variadic, and Swift does not import variadic functions.
// The switches used here all take (int value, int *result).
static inline int csqlite_db_config(sqlite3 *db, int option, int value) {
    return sqlite3_db_config(db, option, value, (int *)0);
}

// fallocate(2) with FALLOC_FL_KEEP_SIZE, which Swift's Glibc module leaves out. Begins again after a signal. Returns 0 or an
// errno.
static inline int csqlite_fallocate_keeping_size(int file, long long start, long long bytes) {
    while (syscall(SYS_fallocate, file, 1, start, bytes) != 0)
        if (errno != EINTR) return errno;
    return 0;
}

// Whether what is written over a file's bytes takes their place on the disk also where the file system else writes it to another
// one: FS_NOCOW_FL. `set` asks for it; btrfs takes that for an empty file only, and says nothing otherwise. ioctl(2) is variadic.
static inline int csqlite_overwrites_in_place(int file, int set) {
    int flags = 0;
    if (syscall(SYS_ioctl, file, 0x80086601UL, &flags) != 0) return 0;
    if (set && !(flags & 0x00800000)) {
        flags |= 0x00800000;
        syscall(SYS_ioctl, file, 0x40086602UL, &flags);
        if (syscall(SYS_ioctl, file, 0x80086601UL, &flags) != 0) return 0;
    }
    return (flags & 0x00800000) != 0;
}

// Clears a `-shm` file that no connection has open, and keeps SQLite's first connection from doing that: it would cut the file and
// make it anew, for which a full disk may have no room. The lock is SQLite's own, byte 128 (UNIX_SHM_DMS in
// https://www.sqlite.org/src/file?name=src/os_unix.c), and is held until the descriptor is closed; an index of zeros is made anew from the
// WAL. The file is made anew where that cannot be done: with `in_place`, when it is not overwritten in place, and when a hole in it finds
// no room. Does nothing when a connection has it open. Returns 0 or an errno.
static inline int csqlite_clear_unused_index(int file, int in_place) {
    static const char zeros[4096];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 128, .l_len = 1};
    if (fcntl(file, 37, &lock) != 0) return 0;
    long long bytes = lseek(file, 0, SEEK_END), at = 0;
    if (in_place && !csqlite_overwrites_in_place(file, 0)) {
        if (ftruncate(file, bytes = 0) != 0) return errno;
        csqlite_overwrites_in_place(file, 1);
    }
    for (long long step; at < bytes; at += step) {
        if ((step = pwrite(file, zeros, bytes - at < 4096 ? bytes - at : 4096, at)) > 0) continue;
        if (ftruncate(file, 0) != 0) return errno;
        break;
    }
    lock.l_type = F_RDLCK;
    return fcntl(file, 37, &lock) == 0 ? 0 : errno;
}

// renameat2(2) with RENAME_NOREPLACE, which Swift's Glibc module leaves out: fails with EEXIST where there is a file of the
// new name. Returns 0 or an errno.
static inline int csqlite_rename_to_new(const char *path, const char *new_path) {
    return syscall(SYS_renameat2, -100, path, -100, new_path, 1) == 0 ? 0 : errno;
}

// When a file was made, in nanoseconds since 1970: statx(2), which Swift's Glibc module leaves out. 0 where the file system
// does not keep that.
static inline long long csqlite_birth_time(const char *path) {
    struct statx status;
    if (syscall(SYS_statx, -100, path, 0x100, STATX_BTIME, &status) != 0 || !(status.stx_mask & STATX_BTIME)) return 0;
    return status.stx_btime.tv_sec * 1000000000LL + status.stx_btime.tv_nsec;
}

// A lock on a whole file that belongs to its open description (fcntl_locking(2)), which Swift's Glibc module leaves out: F_OFD_SETLK.
// Unlike flock(2) it can be tested by anyone who can open the file, in any pid namespace. Released with the descriptor.
static inline void csqlite_show_lock(int file, int is_held) {
    struct flock lock = {.l_type = is_held ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET};
    fcntl(file, 37, &lock);
}

// Whether another open description shows its lock on the file: F_OFD_GETLK, which locks nothing.
static inline int csqlite_shows_lock(int file) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(file, 36, &lock) == 0 && lock.l_type != F_UNLCK;
}

// Names the calling thread for the system (`top -H`): at most 15 bytes, more are cut off. prctl(2) is variadic, which Swift
// cannot call.
static inline void csqlite_name_thread(const char *name) {
    prctl(PR_SET_NAME, name);
}

// Begins to write to the disk what was written to a file, and does not wait for it: sync_file_range(2), which Swift's Glibc
// module leaves out. It is no promise that anything is on the disk; a failure is of no consequence.
static inline void csqlite_start_writing(int file) {
    syscall(SYS_sync_file_range, file, 0LL, 0LL, 2);
}
