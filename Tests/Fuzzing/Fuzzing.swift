import CLibFuzzer
import Dispatch
import Foundation
import FuzzProperties
import Synchronization

/// What libFuzzer's callback, which carries nothing of its own, checks.
private let underTest = Mutex<(properties: FuzzProperties, target: FuzzTarget)?>(nil)

/// Fuzzes one target: `fuzzing TARGET [flags of libFuzzer's] [corpora]`.
@main struct Fuzzing {
    static func main() {
        guard CommandLine.argc > 1, let target = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
            print("usage: fuzzing \(FuzzTarget.allCases.map(\.rawValue).joined(separator: "|")) [flags] [corpora]")
            exit(64)
        }
        let directory = FileManager.default.temporaryDirectory.path
        let properties = wait { try await FuzzProperties(directory: directory) }
        underTest.withLock { $0 = (properties, target) }
        // libFuzzer would take the target for a corpus.
        var count = CommandLine.argc - 1
        CommandLine.unsafeArgv[1] = CommandLine.unsafeArgv[0]
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
                guard let (properties, target) = underTest.withLock({ $0 }) else { return -1 }
                let input = Array(UnsafeBufferPointer(start: bytes, count: count))
                wait { try await properties.check(target, input) }
                return 0
            }
        )
    }
}

/// Runs `body` to its end. What it throws ends the program, in the way that libFuzzer takes for a finding.
private func wait<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) -> Value {
    let result = Box<Value>()
    let isOver = DispatchSemaphore(value: 0)
    Task.detached {
        do {
            let value = try await body()
            result.value.withLock { $0 = value }
        } catch {
            try? FileHandle.standardError.write(contentsOf: Data("finding: \(error)\n".utf8))
            abort()
        }
        isOver.signal()
    }
    isOver.wait()
    guard let value = result.value.withLock({ $0 }) else { abort() }
    return value
}

private final class Box<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
