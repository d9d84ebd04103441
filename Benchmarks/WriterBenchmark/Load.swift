import BenchmarkSupport
import Foundation

/// What wrk makes of a proxy, and saw of it.
struct Load {
    static let connections = 32

    let requests: Int
    let errors: Int
    let seconds: Double
    /// Microseconds.
    let p50: Double
    let p99: Double
    let p999: Double

    var requestsPerSecond: Double { Double(requests) / seconds }

    /// - Parameter rate: requests a second; nil makes as many as there can be.
    static func run(_ url: String, rate: Int?, seconds: Int, in directory: String) async throws -> Load {
        let path = directory + "/load.lua"
        try script(rate: rate).write(toFile: path, atomically: true, encoding: .utf8)
        let output = try await Tools.run(
            "wrk",
            ["-t1", "-c\(connections)", "-d\(seconds)s", "--latency", "-s", path, url + "/v1/chat/completions"]
        )
        let line = output.split(separator: "\n").last { $0.hasPrefix("figures ") }
        let figures = line?.split(separator: " ").compactMap { Double($0) } ?? []
        guard figures.count == 6 else { throw Unmeasurable("wrk says something else: \(output)") }
        return Load(
            requests: Int(figures[0]),
            errors: Int(figures[1]),
            seconds: figures[2] / 1_000_000,
            p50: figures[3],
            p99: figures[4],
            p999: figures[5]
        )
    }

    private static func script(rate: Int?) -> String {
        """
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        wrk.body = [[{"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "You are a helpful assistant."}, \
        {"role": "user", "content": "What is a write-ahead log, in one sentence?"}], "temperature": 0.2}]]

        \(rate.map(schedule) ?? "")
        function done(summary, latency)
            local errors = summary.errors
            io.write(string.format(
                "figures %d %d %d %d %d %d\\n",
                summary.requests, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
                summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)
            ))
        end
        """
    }

    /// Requests are due at a steady pace and the next free connection makes them: a slow proxy does not slow the clients
    /// down, and the connections do not all fire at once. Lua has no such clock of its own.
    private static func schedule(rate: Int) -> String {
        """
        local ffi = require("ffi")
        ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int, moment *);")
        local moment = ffi.new("moment")

        local function milliseconds()
            ffi.C.clock_gettime(1, moment)
            return tonumber(moment.seconds) * 1000 + tonumber(moment.nanoseconds) / 1000000
        end

        local due
        function delay()
            due = (due or milliseconds()) + 1000 / \(rate)
            return math.max(0, due - milliseconds())
        end

        """
    }
}
