internal import Foundation

/// The path of an executable that the package has built beside the tests.
package func builtProduct(_ name: String) -> String {
    let tests = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    return tests.appending(path: name).path(percentEncoded: false)
}
