import Foundation

/// What all rounds together say of each case.
struct ProxyReport {
    private typealias Figures = ProxyCases.Figures

    let rounds: [[ProxyCase: ProxyCases.Figures]]
    let rate: Int

    func printTable() {
        print("case                 requests/s  p50 µs  p99 µs  p99.9 µs  added p50  added p99  CPU µs  saturated/s")
        for proxyCase in ProxyCase.allCases {
            let row = String(
                format: "%10.0f %7.0f %7.0f %9.0f %+10.0f %+10.0f %7.0f %12.0f",
                median(proxyCase, \.load.requestsPerSecond),
                median(proxyCase, \.load.p50),
                median(proxyCase, \.load.p99),
                median(proxyCase, \.load.p999),
                added(proxyCase, \.load.p50).median,
                added(proxyCase, \.load.p99).median,
                median(proxyCase, \.processorTime),
                median(proxyCase, \.saturated.requestsPerSecond)
            )
            print(proxyCase.rawValue.padding(toLength: 21, withPad: " ", startingAt: 0) + row)
        }
        print("without again, round by round: \(spread(\.load.p50)) µs at p50, \(spread(\.load.p99)) µs at p99;")
        print("less than that this measurement cannot tell")
        for proxyCase in ProxyCase.allCases where median(proxyCase, \.load.requestsPerSecond) < Double(rate) * 0.95 {
            print("\(proxyCase.rawValue): it missed the rate, so its latency is that of saturation; lower --rate")
        }
    }

    /// The rows are requests; as many as there can be.
    func add(to results: inout Results) {
        for proxyCase in ProxyCase.allCases {
            results.set(
                "proxy",
                proxyCase.rawValue,
                [
                    "rows_s": median(proxyCase, \.saturated.requestsPerSecond).rounded(),
                    "p50_us": median(proxyCase, \.load.p50),
                    "p99_us": median(proxyCase, \.load.p99),
                    "added_p50_us": added(proxyCase, \.load.p50).median,
                    "added_p99_us": added(proxyCase, \.load.p99).median,
                ]
            )
        }
    }

    private func median(_ proxyCase: ProxyCase, _ figure: KeyPath<Figures, Double>) -> Double {
        rounds.compactMap { $0[proxyCase]?[keyPath: figure] }.median
    }

    /// The difference to ``ProxyCase/without`` in each round.
    private func added(_ proxyCase: ProxyCase, _ figure: KeyPath<Figures, Double>) -> [Double] {
        rounds.compactMap { round in
            guard let measured = round[proxyCase], let without = round[.without] else { return nil }
            return measured[keyPath: figure] - without[keyPath: figure]
        }
    }

    private func spread(_ figure: KeyPath<Figures, Double>) -> String {
        let differences = added(.withoutAgain, figure)
        return String(format: "%+.0f … %+.0f", differences.min() ?? 0, differences.max() ?? 0)
    }
}
