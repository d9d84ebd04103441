internal import ServiceLifecycle

/// A service that is cancelled when its graceful shutdown takes too long, or somebody cannot wait, and has then ended in
/// order all the same.
struct TimeLimitedShutdown: Service {
    let service: any Service
    let limit: Duration
    let shutdown: Shutdown

    func run() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await service.run()
                return false
            }
            group.addTask {
                try await gracefulShutdown()
                await waitForLimit()
                try Task.checkCancellation()
                shutdown.cutResponses()
                return true
            }
            let isOverTime = try await group.next() ?? false
            group.cancelAll()
            // What cancelling makes the service throw is what was asked for.
            if isOverTime { _ = try? await group.next() }
        }
    }

    private func waitForLimit() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: limit) }
            group.addTask { await shutdown.waitForHurry() }
            await group.next()
            group.cancelAll()
        }
    }
}
