// What libsqlite3 itself allows: the same group commit as the writer's, from C, with nothing around it.
//
//   writer-limit PAGE_BYTES DIRECTORY FULL|NORMAL PRODUCERS SECONDS
//
// Two threads play the producers, each of which waits for its commit before it has the next row, so that no producer costs
// a context switch; a third thread commits whatever waits. Checkpoints are SQLite's own, every 1,000 pages.
// Prints rows/s, the latencies of a producer (p50, p99, p99.9, in µs) and the processor time of a row (in ns).
#define _GNU_SOURCE
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ROW_BYTES = 575, DRIVERS = 2, BUCKETS = 64 * 32 };

static char row[ROW_BYTES];
static int producers, drivers;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, committed[DRIVERS];
static int waiting[DRIVERS], isOver;
static int64_t commits[DRIVERS];

// Latencies of all producers, a 32nd of a power of two apart.
static uint64_t latencies[BUCKETS];

static void fail(const char *reason) {
    fprintf(stderr, "writer-limit: %s\n", reason);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int bucketOf(int64_t nanoseconds) {
    if (nanoseconds < 32) return (int)nanoseconds;
    int exponent = 63 - __builtin_clzll((uint64_t)nanoseconds);
    return (exponent - 4) * 32 + (int)((nanoseconds >> (exponent - 5)) & 31);
}

static double microseconds(double quantile) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) total += latencies[i];
    for (int i = 0; i < BUCKETS; i++) {
        seen += latencies[i];
        if (seen > total * quantile) return i < 32 ? i / 1e3 : (double)((32LL + i % 32) << (i / 32 - 1)) / 1e3;
    }
    return 0;
}

// Its producers all hand in a row, wait for their commit, and hand in the next.
static void *drive(void *argument) {
    int me = (int)(intptr_t)argument;
    int mine = producers / drivers + (me < producers % drivers);
    static __thread uint64_t own[BUCKETS];
    for (;;) {
        int64_t start = now();
        pthread_mutex_lock(&lock);
        int64_t before = commits[me];
        waiting[me] = mine;
        pthread_cond_signal(&work);
        while (commits[me] == before && !isOver) pthread_cond_wait(&committed[me], &lock);
        int ends = isOver;
        if (ends) for (int i = 0; i < BUCKETS; i++) latencies[i] += own[i];
        pthread_mutex_unlock(&lock);
        if (ends) return NULL;
        own[bucketOf(now() - start)] += mine;
    }
}

static void execute(sqlite3 *database, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK) fail(message);
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) fail(sqlite3_errmsg(database));
    return statement;
}

static void run(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail(sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_reset(statement);
}

static double processorNanoseconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

int main(int count, char **arguments) {
    if (count != 6) fail("usage: writer-limit PAGE_BYTES DIRECTORY FULL|NORMAL PRODUCERS SECONDS");
    producers = atoi(arguments[4]);
    drivers = producers < DRIVERS ? producers : DRIVERS;
    memset(row, 'x', sizeof row);

    char path[4096], sql[256];
    snprintf(path, sizeof path, "%s/limit-%d.sqlite", arguments[2], (int)getpid());
    sqlite3 *database;
    if (sqlite3_open(path, &database) != SQLITE_OK) fail("the database cannot be made");
    snprintf(
        sql, sizeof sql,
        "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s", atoi(arguments[1]), arguments[3]
    );
    execute(database, sql);
    execute(
        database,
        "CREATE TABLE records (id INTEGER PRIMARY KEY, enqueued_at INTEGER NOT NULL, payload TEXT NOT NULL) STRICT"
    );
    sqlite3_stmt *begin = prepare(database, "BEGIN IMMEDIATE");
    sqlite3_stmt *insert = prepare(database, "INSERT INTO records VALUES (?1, ?2, ?3)");
    sqlite3_stmt *commit = prepare(database, "COMMIT");

    double processorBefore = processorNanoseconds();
    int64_t start = now(), end = start + atoi(arguments[5]) * 1000000000LL, id = 0;
    pthread_t threads[DRIVERS];
    for (int i = 0; i < drivers; i++) {
        pthread_cond_init(&committed[i], NULL);
        pthread_create(&threads[i], NULL, drive, (void *)(intptr_t)i);
    }
    while (now() < end) {
        int taken[DRIVERS] = {0}, rows = 0;
        pthread_mutex_lock(&lock);
        while (rows == 0) {
            for (int i = 0; i < drivers; i++) {
                taken[i] = waiting[i];
                rows += taken[i];
                waiting[i] = 0;
            }
            if (rows == 0) pthread_cond_wait(&work, &lock);
        }
        pthread_mutex_unlock(&lock);
        run(begin);
        for (int i = 0; i < rows; i++) {
            sqlite3_bind_int64(insert, 1, ++id);
            sqlite3_bind_int64(insert, 2, 1764000000000);
            sqlite3_bind_text(insert, 3, row, ROW_BYTES, SQLITE_STATIC);
            run(insert);
        }
        run(commit);
        pthread_mutex_lock(&lock);
        for (int i = 0; i < drivers; i++) {
            if (taken[i] == 0) continue;
            commits[i]++;
            pthread_cond_signal(&committed[i]);
        }
        pthread_mutex_unlock(&lock);
    }
    double seconds = (now() - start) / 1e9;
    pthread_mutex_lock(&lock);
    isOver = 1;
    for (int i = 0; i < drivers; i++) pthread_cond_signal(&committed[i]);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < drivers; i++) pthread_join(threads[i], NULL);

    printf(
        "%.0f %.1f %.1f %.1f %.0f\n",
        id / seconds, microseconds(0.5), microseconds(0.99), microseconds(0.999),
        (processorNanoseconds() - processorBefore) / id
    );
    sqlite3_finalize(begin);
    sqlite3_finalize(insert);
    sqlite3_finalize(commit);
    sqlite3_close(database);
    const char *suffixes[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[4200];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return 0;
}
