"""Queues in SQLite from Python's package index, as their users write to them.

    queues.py persist-queue|litequeue DIRECTORY FULL|NORMAL PRODUCERS SECONDS

Each producer is a thread that waits for its `put`, which commits, before it has the next row.
Prints rows/s, the latencies of a producer (p50, p99, p99.9, in µs) and the processor time of a row (in ns).
Their versions are in requirements.txt. Without them it exits with code 3.
"""

import argparse
import resource
import sys
import tempfile
import threading
import time

# What `PRAGMA synchronous` answers.
LEVELS = {"NORMAL": 1, "FULL": 2}

START = '{"model":"gpt-4o-mini","status":200,"prompt_tokens":118,"completion_tokens":64,"response":"'
END = '"}'
PAYLOAD = START + "x" * (575 - len(START) - len(END)) + END


def open_persist_queue(directory):
    """Returns the queue, the connection that its puts go through, and how many rows that has stored."""
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(directory, multithreading=True, auto_commit=True)
    # It has a second connection for its gets. It leaves `synchronous` as SQLite was built.
    return queue, queue._putter, "SELECT count(*) FROM ack_queue_default"


def open_litequeue(directory):
    """As above. The one connection is shared by all threads: SQLite's own lock makes them wait for each other."""
    from litequeue import LiteQueue

    queue = LiteQueue(f"{directory}/queue.sqlite")
    # It has set NORMAL.
    return queue, queue.conn, "SELECT count(*) FROM Queue"


PEERS = {"persist-queue": open_persist_queue, "litequeue": open_litequeue}


def fail(reason, code=1):
    print(f"queues.py: {reason}", file=sys.stderr)
    sys.exit(code)


def check(connection, synchronous, count, rows):
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if level != LEVELS[synchronous]:
        fail(f"PRAGMA synchronous is {level}, and {LEVELS[synchronous]} was asked for")
    stored = connection.execute(count).fetchone()[0]
    if stored != rows:
        fail(f"{stored} rows are stored, not {rows}")


def produce(queue, end, latencies, errors):
    before = time.monotonic_ns()
    try:
        while before < end:
            queue.put(PAYLOAD)
            after = time.monotonic_ns()
            latencies.append(after - before)
            before = after
    except Exception as error:
        errors.append(error)


def processor_nanoseconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e9


def measure(queue, producers, seconds):
    """Returns the latencies of all rows, sorted, the time they took, and that of the processors, in ns."""
    own = [[] for _ in range(producers)]
    errors = []
    processor_before = processor_nanoseconds()
    start = time.monotonic_ns()
    end = start + int(seconds * 1e9)
    threads = [threading.Thread(target=produce, args=(queue, end, latencies, errors)) for latencies in own]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    duration = time.monotonic_ns() - start
    used = processor_nanoseconds() - processor_before
    if errors:
        fail(f"{len(errors)} producers failed, the first with {errors[0]!r}")
    return sorted(latency for latencies in own for latency in latencies), duration, used


def main():
    parser = argparse.ArgumentParser(usage="queues.py persist-queue|litequeue DIRECTORY FULL|NORMAL PRODUCERS SECONDS")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("directory")
    parser.add_argument("synchronous", choices=LEVELS)
    parser.add_argument("producers", type=int)
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="queue-", dir=arguments.directory) as directory:
        try:
            queue, connection, count = PEERS[arguments.peer](directory)
        except ImportError:
            fail(f"{arguments.peer} is not installed: pip install -r Benchmarks/Peers/requirements.txt", code=3)
        # Of a connection, and not kept in the file: set, and read back before and after, where the rows are written.
        connection.execute(f"PRAGMA synchronous = {arguments.synchronous}")
        check(connection, arguments.synchronous, count, rows=0)
        latencies, duration, used = measure(queue, arguments.producers, arguments.seconds)
        check(connection, arguments.synchronous, count, rows=len(latencies))
        queue.close()

    def microseconds(quantile):
        return latencies[min(len(latencies) - 1, int(len(latencies) * quantile))] / 1e3

    rows = len(latencies)
    print(
        f"{rows / duration * 1e9:.0f} {microseconds(0.5):.1f} {microseconds(0.99):.1f} {microseconds(0.999):.1f}"
        f" {used / rows:.0f}"
    )


if __name__ == "__main__":
    main()
