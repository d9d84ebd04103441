package import ClickHouseWriter
package import Foundation

/// A value of a column that can be made of bytes, and recognised in JSON.
package protocol FuzzValue: RowValue, Sendable {
    init(from source: inout ByteSource)

    /// Whether neither JSON nor the column can hold it, so that it must be refused.
    var mustBeRefused: Bool { get }

    /// Whether the JSON says this value, exactly.
    func isRead(from json: StrictJSON) -> Bool
}

extension FuzzValue {
    package var mustBeRefused: Bool { false }
}

extension String: FuzzValue {
    package init(from source: inout ByteSource) {
        self = source.text()
    }

    package func isRead(from json: StrictJSON) -> Bool {
        if case .string(let bytes) = json { bytes.elementsEqual(utf8) } else { false }
    }
}

extension Bool: FuzzValue {
    package init(from source: inout ByteSource) {
        self = source.bool()
    }

    package func isRead(from json: StrictJSON) -> Bool {
        if case .bool(self) = json { true } else { false }
    }
}

extension FuzzValue where Self: FixedWidthInteger {
    package init(from source: inout ByteSource) {
        self = source.choice([0, 1, .max, .min, source.integer(), source.integer()])
    }

    package func isRead(from json: StrictJSON) -> Bool {
        if case .number("\(self)") = json { true } else { false }
    }
}

extension UInt8: FuzzValue {}
extension UInt16: FuzzValue {}
extension UInt32: FuzzValue {}
extension UInt64: FuzzValue {}
extension Int8: FuzzValue {}
extension Int16: FuzzValue {}
extension Int32: FuzzValue {}
extension Int64: FuzzValue {}

extension Double: FuzzValue {
    /// Any bits, or a number with few digits.
    package init(from source: inout ByteSource) {
        let decimal = source.bool()
        self = decimal ? Double(source.integer(Int32.self)) / 1_000 : Double(bitPattern: source.integer())
    }

    package var mustBeRefused: Bool { !isFinite }

    package func isRead(from json: StrictJSON) -> Bool {
        if case .number(let text) = json { Double(text)?.bitPattern == bitPattern } else { false }
    }
}

extension Float: FuzzValue {
    package init(from source: inout ByteSource) {
        self.init(bitPattern: source.integer())
    }

    package var mustBeRefused: Bool { !isFinite }

    package func isRead(from json: StrictJSON) -> Bool {
        if case .number(let text) = json { Float(text)?.bitPattern == bitPattern } else { false }
    }
}

extension UUID: FuzzValue {
    package init(from source: inout ByteSource) {
        self.init(
            uuid: (
                source.byte(), source.byte(), source.byte(), source.byte(), source.byte(), source.byte(),
                source.byte(), source.byte(), source.byte(), source.byte(), source.byte(), source.byte(),
                source.byte(), source.byte(), source.byte(), source.byte()
            )
        )
    }

    package func isRead(from json: StrictJSON) -> Bool {
        uuidString.lowercased().isRead(from: json)
    }
}

extension Date: FuzzValue {
    /// Mostly of the two centuries around 1970, and sometimes any.
    package init(from source: inout ByteSource) {
        let isAny = source.byte() == 0xff
        let seconds = isAny ? Double(bitPattern: source.integer()) : Double(source.integer(Int64.self) >> 20) / 1_024
        self.init(timeIntervalSince1970: seconds)
    }

    /// Whole milliseconds since 1970; nil where the column has no such time.
    package var milliseconds: Int64? {
        let milliseconds = (timeIntervalSince1970 * 1_000).rounded()
        // 1900-01-01 to 2299-12-31.
        return -2_208_988_800_000..<10_413_792_000_000 ~= milliseconds ? Int64(milliseconds) : nil
    }

    package var mustBeRefused: Bool { milliseconds == nil }

    package func isRead(from json: StrictJSON) -> Bool {
        guard case .string(let bytes) = json, bytes.count == 24 else { return false }
        let style = ISO8601FormatStyle(includingFractionalSeconds: true)
        return (try? style.parse(String(decoding: bytes, as: UTF8.self)))?.milliseconds == milliseconds
    }
}

extension Optional: FuzzValue where Wrapped: FuzzValue {
    package init(from source: inout ByteSource) {
        self = source.bool() ? Wrapped(from: &source) : nil
    }

    package var mustBeRefused: Bool { self?.mustBeRefused ?? false }

    package func isRead(from json: StrictJSON) -> Bool {
        guard let self else { if case .null = json { return true } else { return false } }
        return self.isRead(from: json)
    }
}

extension Array: FuzzValue where Element: FuzzValue {
    package init(from source: inout ByteSource) {
        self = (0..<source.byte() % 8).map { _ in Element(from: &source) }
    }

    package var mustBeRefused: Bool { contains(where: \.mustBeRefused) }

    package func isRead(from json: StrictJSON) -> Bool {
        guard case .array(let elements) = json, elements.count == count else { return false }
        return zip(self, elements).allSatisfy { $0.isRead(from: $1) }
    }
}
