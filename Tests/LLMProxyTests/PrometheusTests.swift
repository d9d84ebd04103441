import ClickHouseWriter
import CoreMetrics
@testable import llm_proxy
import Metrics
import Testing

@Suite struct PrometheusTests {
    private func lines(_ registry: PrometheusRegistry) -> [String] {
        registry.render().split(separator: "\n").map(String.init)
    }

    @Test func `a counter has its suffix, its help and its labels`() {
        let registry = PrometheusRegistry([MetricDescription(.counter, "things", by: ["kind"], "Things\nthat \\ were.")]
        )
        Counter(label: "things", dimensions: [("kind", "a")], factory: registry).increment(by: 2)
        Counter(label: "things", dimensions: [("kind", "a")], factory: registry).increment()
        Counter(label: "things", dimensions: [("kind", "b")], factory: registry).increment(by: -5)
        #expect(
            lines(registry) == [
                #"# HELP things_total Things\nthat \\ were."#, "# TYPE things_total counter",
                #"things_total{kind="a"} 3"#, #"things_total{kind="b"} 0"#,
            ]
        )
    }

    @Test func `a gauge shows its latest value`() {
        let registry = PrometheusRegistry([])
        let gauge = Gauge(label: "depth", factory: registry)
        gauge.record(7)
        gauge.record(0.5)
        let meter = Meter(label: "level", factory: registry)
        meter.set(3)
        meter.decrement()
        #expect(lines(registry) == ["# TYPE depth gauge", "depth 0.5", "# TYPE level gauge", "level 2"])
    }

    @Test func `a timer is a histogram of seconds whose buckets add up`() {
        let registry = PrometheusRegistry([])
        let timer = Timer(label: "took", dimensions: [("t", "x")], factory: registry)
        for milliseconds in [1, 40, 2_000, 10_000_000] { timer.recordMilliseconds(milliseconds) }
        let lines = lines(registry)
        #expect(lines.first == "# TYPE took_seconds histogram")
        #expect(lines.contains(#"took_seconds_bucket{t="x",le="0.0005"} 0"#))
        #expect(lines.contains(#"took_seconds_bucket{t="x",le="0.001"} 1"#))
        #expect(lines.contains(#"took_seconds_bucket{t="x",le="0.05"} 2"#))
        #expect(lines.contains(#"took_seconds_bucket{t="x",le="1800"} 3"#))
        #expect(lines.contains(#"took_seconds_bucket{t="x",le="+Inf"} 4"#))
        #expect(lines.contains(#"took_seconds_sum{t="x"} 10002.041"#))
        #expect(lines.last == #"took_seconds_count{t="x"} 4"#)
    }

    @Test func `a recorder is a histogram of numbers`() {
        let registry = PrometheusRegistry([])
        let recorder = Recorder(label: "rows", factory: registry)
        recorder.record(100)
        recorder.record(101)
        #expect(lines(registry).contains(#"rows_bucket{le="100"} 1"#))
        #expect(lines(registry).contains("rows_sum 201"))
    }

    @Test(arguments: [
        ("plain", "plain"), (#"a "quoted" \ one"#, #"a \"quoted\" \\ one"#), ("two\nlines", #"two\nlines"#),
        ("größe=1,x}", "größe=1,x}"), ("two\r\nlines", "two\r\\nlines"),
        ("a \"\u{301} \\\u{301}", "a \\\"\u{301} \\\\\u{301}"),
    ])
    func `label values are escaped`(value: String, escaped: String) {
        let registry = PrometheusRegistry([])
        Gauge(label: "g", dimensions: [("l", value)], factory: registry).record(1)
        #expect(lines(registry).last == "g{l=\"\(escaped)\"} 1")
    }

    @Test(arguments: [("http.request-time", "http_request_time"), ("9lives", "_9lives"), ("a:b", "a:b"), ("µs", "_s")])
    func `names have only the characters that Prometheus takes`(label: String, name: String) {
        let registry = PrometheusRegistry([])
        Gauge(label: label, factory: registry).record(1)
        #expect(lines(registry).last == "\(name) 1")
    }

    @Test(arguments: [
        (Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (1e20, "1e+20"), (-0.25, "-0.25"),
    ])
    func `any number is spelled as Prometheus reads it`(value: Double, text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test func `label values without end do not make series without end`() {
        let registry = PrometheusRegistry([])
        for number in 0..<10_000 {
            Counter(label: "c", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        let lines = lines(registry)
        #expect(lines.count == PrometheusRegistry.seriesLimit + 2)
        #expect(lines.contains("c_total{n=\"other\"} \(10_000 - PrometheusRegistry.seriesLimit)"))
    }

    @Test func `a name that is used for two types shows the first`() {
        let registry = PrometheusRegistry([])
        Gauge(label: "x", factory: registry).record(1)
        Recorder(label: "x", aggregate: true, factory: registry).record(1)
        #expect(lines(registry) == ["# TYPE x gauge", "x 1"])
    }

    @Test func `what many tasks count at once is all counted`() async {
        let registry = PrometheusRegistry([])
        let histogram = Recorder(label: "h", factory: registry)
        await withDiscardingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    for _ in 0..<100 {
                        Counter(label: "c", factory: registry).increment()
                        histogram.record(1)
                    }
                }
            }
        }
        #expect(lines(registry).contains("c_total 5000"))
        #expect(lines(registry).contains("h_count 5000"))
    }
}
