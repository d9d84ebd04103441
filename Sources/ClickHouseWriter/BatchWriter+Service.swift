public import ServiceLifecycle

extension BatchWriter: Service {
    /// Waits for graceful shutdown, or cancellation, and closes the writer then.
    ///
    /// In a `ServiceGroup` put the writer before the services that write to it: the group shuts down the last first.
    public func run() async throws {
        // It throws only when the task is cancelled, and that ends the writer just the same.
        try? await gracefulShutdown()
        await close()
    }
}
