import Foundation
@testable import SQLiteSpool
import TestSupport

/// Opens a spool, runs `body` and closes it, also when `body` throws.
func withSpool<Result>(
    at path: String,
    durability: SpoolConfiguration.Durability = .processCrash,
    limits: SpoolLimits = SpoolLimits(),
    clock: any WallClock = SystemWallClock(),
    onEvent: @escaping @Sendable (SpoolEvent) -> Void = { _ in },
    configure: (inout SpoolConfiguration) -> Void = { _ in },
    _ body: (Spool) async throws -> Result
) async throws -> Result {
    var configuration = SpoolConfiguration(path: path, durability: durability)
    configuration.limits = limits
    configure(&configuration)
    let spool = try Spool(configuration, clock: clock, onEvent: onEvent)
    do {
        let result = try await body(spool)
        await spool.close()
        return result
    } catch {
        await spool.close()
        throw error
    }
}

func payload(_ number: Int) -> [UInt8] {
    Array("{\"n\":\(number)}".utf8)
}

extension Spool {
    func appendNumbers(_ numbers: Range<Int>) async throws {
        try await append(contentsOf: numbers.map(payload))
    }

    func next(_ maxRecords: Int = 100, maxBytes: Int = 1 << 20) async throws -> FrozenBatch? {
        if let batch = batches.first { return FrozenBatch(batch: batch, body: try await body(of: batch)) }
        return try await freeze(maxRecords: maxRecords, maxBytes: maxBytes)
    }
}

extension FrozenBatch {
    var lines: [String] { String(decoding: body, as: UTF8.self).split(separator: "\n").map(String.init) }
}

func permissions(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
}

extension FileSystem {
    func create(_ path: String, with bytes: [UInt8]) throws(FileSystemFailure) {
        try createPrivateFile(path)
        try write(bytes, to: path, at: 0)
    }

    func contents(of path: String) throws(FileSystemFailure) -> [UInt8] { try read(path, from: 0, count: 1 << 20) }

    func reserve(_ bytes: Int, for path: String) throws(FileSystemFailure) {
        let file = try openToReserve(path)
        defer { file.close() }
        try file.reserve(bytes)
    }
}
