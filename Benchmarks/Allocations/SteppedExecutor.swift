import Synchronization

/// Runs tasks only when told to, on the thread that tells: how many records share a commit does not depend on the machine
/// then.
final class SteppedExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isOpen = false
    }

    private let state = Mutex(State())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isOpen = state.withLock { state in
            if !state.isOpen { state.jobs.append(job) }
            return state.isOpen
        }
        if isOpen { globalConcurrentExecutor.enqueue(job) }
    }

    /// Lets the next so many tasks go on until they wait again.
    func step(_ count: Int) {
        for _ in 0..<count {
            let job = state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
            job?.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    /// Lets all go on as they would without this.
    func open() {
        let jobs = state.withLock { state in
            state.isOpen = true
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { globalConcurrentExecutor.enqueue(job) }
    }
}
