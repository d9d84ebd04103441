"""syslog-ng with a reliable disk-buffer and an HTTP destination: lines in, POSTs of 100 lines out.

    syslog_ng.py DIRECTORY SECONDS

Prints three rates, in rows/s: lines into the disk-buffer for SECONDS while the destination is down; those out of it
once it is up; and both at once, from the first of the lines of another SECONDS to the arrival of the last.

There are no latencies, as nobody is told when a line is safe; nor is it, as the disk-buffer never syncs.
Every line must arrive, once and in its order: the sink compares each byte with what comes next.
Needs Debian's syslog-ng-core and syslog-ng-mod-http. Every file of it is in DIRECTORY, and removed.
"""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROW_BYTES = 575
LINE_BYTES = ROW_BYTES + 1
LINES_PER_POST = 100
# Rows that differ; then they come again. All are sent at once.
ROWS = 1_000

START = '{"model":"gpt-4o-mini","status":200,"prompt_tokens":118,"completion_tokens":64,"row":%04d,"response":"'
END = '"}\n'

# Bounds the waiting for whatever should be moving.
PATIENCE = 15

# One worker, its default, keeps the lines in order. With flow-control it stops reading before it would drop a line.
# The sizes and the missing batch-timeout are what it is fastest with: lines are in the file and, up to mem-buf-size, in
# memory too, and a POST has fewer than 100 where no more wait.
CONFIGURATION = """\
@version: 3.35
options { stats-level(1); stats-freq(0); time-reopen(1); };
source lines { unix-stream("lines.sock" flags(no-parse) log-iw-size(100000) log-fetch-limit(1000)); };
destination sink {
    http(
        url("http://127.0.0.1:%(port)d/") method("POST") body("$MESSAGE") delimiter("\\n") body-suffix("\\n")
        batch-lines(%(lines)d) workers(1)
        disk-buffer(reliable(yes) mem-buf-size(163840000) disk-buf-size(17179869184) dir("."))
    );
};
log { source(lines); destination(sink); flags(flow-control); };
"""


def fail(reason):
    print(f"syslog_ng.py: {reason}", file=sys.stderr)
    sys.exit(1)


def wait_until(condition, doing):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            fail(f"{doing} takes more than {PATIENCE} s")
        time.sleep(0.002)


def lines():
    starts = [START % row for row in range(ROWS)]
    return "".join(start + "x" * (LINE_BYTES - len(start) - len(END)) + END for start in starts).encode()


class Sink:
    """An HTTP server in a process of its own that refuses connections until it is opened."""

    def __init__(self):
        # A socket that is bound and does not listen refuses, and keeps its port.
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.rows = multiprocessing.RawValue("q", 0)
        # By the clock of time.monotonic(), which is the same in all processes.
        self.first = multiprocessing.RawValue("d", 0)
        self.last = multiprocessing.RawValue("d", 0)
        self.process = multiprocessing.get_context("fork").Process(target=self._serve, daemon=True)

    def open(self):
        self.socket.listen()
        self.process.start()

    def wait_for(self, rows):
        def is_done():
            if not self.process.is_alive():
                fail(f"after {self.rows.value} rows something else arrived than the next ones")
            return self.rows.value == rows

        wait_until(is_done, f"the arrival of {rows} rows")

    def _serve(self):
        # Twice, so that what comes next is one slice of it from everywhere.
        expected = lines() * 2
        while True:
            connection, _ = self.socket.accept()
            with connection, connection.makefile("rb", buffering=1 << 18) as requests:
                while length := body_length(requests):
                    body = requests.read(length)
                    offset = self.rows.value % ROWS * LINE_BYTES
                    if length % LINE_BYTES != 0 or body != expected[offset : offset + length]:
                        sys.exit(1)
                    self.last.value = time.monotonic()
                    self.first.value = self.first.value or self.last.value
                    self.rows.value += length // LINE_BYTES
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def body_length(requests):
    """Reads the head of a request; 0 when there is no other."""
    length = 0
    while (line := requests.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return length


class SyslogNG:
    """Runs in the current directory, whose sockets have short names for their paths may only have 107 bytes."""

    def __init__(self, port):
        with open("syslog-ng.conf", "w") as file:
            file.write(CONFIGURATION % {"port": port, "lines": LINES_PER_POST})
        command = ["syslog-ng", "--foreground", "--no-caps", "--cfgfile", "syslog-ng.conf", "--control", "control.sock"]
        command += ["--persist-file", "persist"]
        # A relative one would be below /var.
        command += ["--pidfile", os.path.abspath("pid")]
        with open("log", "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self):
        try:
            wait_until(self._has_started, "the start of syslog-ng")
            self.lines = connect("lines.sock")
            self.control = connect("control.sock")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def _has_started(self):
        if self.process.poll() is not None:
            with open("log") as log:
                fail(f"syslog-ng ends at once: {log.read().strip()}")
        return os.path.exists("lines.sock") and os.path.exists("control.sock")

    def _end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def send(self, seconds):
        """Returns how many rows."""
        chunk = lines()
        rows = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.lines.sendall(chunk)
            rows += ROWS
        return rows

    def wait_for(self, rows):
        """Until they are in the disk-buffer."""
        wait_until(lambda: self._queued() == rows, f"the way of {rows} rows into the disk-buffer")
        size = sum(os.path.getsize(name) for name in os.listdir(".") if name.endswith(".rqf"))
        if size < rows * ROW_BYTES:
            fail(f"the disk-buffer has {size} bytes, too few for {rows} rows")

    def _queued(self):
        self.control.sendall(b"STATS\n")
        answer = b""
        while not answer.endswith(b"\n.\n"):
            answer += self.control.recv(1 << 16)
        for line in answer.decode().splitlines():
            if line.startswith("dst.http;") and ";processed;" in line:
                return int(line.rsplit(";", 1)[1])
        return 0


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def measure(seconds):
    sink = Sink()
    with SyslogNG(sink.port) as daemon:
        start = time.monotonic()
        backlog = daemon.send(seconds)
        daemon.wait_for(backlog)
        ingest = backlog / (time.monotonic() - start)

        sink.open()
        sink.wait_for(backlog)
        # The clock runs from the arrival of the first POST.
        drain = (backlog - LINES_PER_POST) / (sink.last.value - sink.first.value)

        start = time.monotonic()
        rows = daemon.send(seconds)
        sink.wait_for(backlog + rows)
        both = rows / (sink.last.value - start)
    print(f"{ingest:.0f} {drain:.0f} {both:.0f}")


def main():
    if len(sys.argv) != 3:
        fail("usage: syslog_ng.py DIRECTORY SECONDS")
    if shutil.which("syslog-ng") is None:
        fail("syslog-ng is not installed: apt-get install syslog-ng-core syslog-ng-mod-http")
    # So that it is ended and its files removed then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Absolute, as it is removed from within.
    with tempfile.TemporaryDirectory(prefix="syslog-ng-", dir=os.path.abspath(sys.argv[1])) as directory:
        os.chdir(directory)
        measure(float(sys.argv[2]))


if __name__ == "__main__":
    main()
