/// A disk that fails on demand and forgets what was not synced.
package final class FaultyDisk: Sendable {
    package init() {}
}
