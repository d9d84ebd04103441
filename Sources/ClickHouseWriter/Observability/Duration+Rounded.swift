internal import SQLiteSpool

extension Duration {
    /// In seconds, to a thousandth.
    package var roundedSeconds: Double { (inSeconds * 1_000).rounded() / 1_000 }
}
