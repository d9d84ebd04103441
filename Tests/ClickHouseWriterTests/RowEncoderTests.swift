@testable import ClickHouseWriter
import Foundation
import TestSupport
import Testing

private func encode(
    _ columns: [ColumnName] = ["a"],
    _ write: (inout RowEncoder) throws(WriterError) -> Void
) throws -> String {
    String(decoding: try RowEncoder.encode(ColumnNames(columns), write), as: UTF8.self)
}

@Suite struct RowEncoderTests {
    @Test func `a row may be longer than what there is room for at first, by as much as it likes`() throws {
        let room = ColumnNames(["a", "b"]).expectedRowSize
        for length in Array(0...2 * room) + [100_000] {
            let text = String(repeating: "x", count: length)
            #expect(
                try encode(["a", "b"]) { row in
                    row.write("a", text)
                    row.write("b", length)
                } == #"{"a":"\#(text)","b":\#(length)}"#
            )
        }
    }

    @Test func `every kind of value is written as JSON`() throws {
        let text = try encode(["s", "b", "u", "i", "d", "f", "n", "l"]) { row in
            row.write("s", "x")
            row.write("b", true)
            row.write("u", UInt64.max)
            row.write("i", Int64.min)
            row.write("d", 0.1)
            row.write("f", Float(1.5))
            row.write("n", String?.none)
            row.write("l", [UInt8(1), 255])
        }
        #expect(
            text
                == #"{"s":"x","b":true,"u":18446744073709551615,"i":-9223372036854775808,"d":0.1,"f":1.5,"n":null,"l":[1,255]}"#
        )
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 65_535, 4_294_967_295, UInt64.max - 1])
    func `integers are written digit by digit`(number: UInt64) throws {
        #expect(try encode { $0.write("a", number) } == "{\"a\":\(number)}")
    }

    @Test func `an integer type of one's own may be larger than any of ClickHouse's usual ones`() throws {
        #expect(try encode { $0.write("a", Int128.min) } == #"{"a":-170141183460469231731687303715884105728}"#)
        #expect(try encode { $0.write("a", Int128(-5)) } == #"{"a":-5}"#)
    }

    @Test(arguments: [
        "", "plain", "quote \" backslash \\ slash /", "line\nfeed\rreturn\ttab", "NUL \0 and \u{1f}", "Grüße, 世界 🦩",
        "\u{7f}\u{2028}",
    ])
    func `any text reads back as it was`(text: String) throws {
        let json = try encode { $0.write("a", text) }
        #expect(!json.contains("\n"))
        #expect(try JSONDecoder().decode([String: String].self, from: Data(json.utf8)) == ["a": text])
    }

    @Test func `random texts read back as they were`() throws {
        var random = SeededRandom(1)
        for _ in 0..<500 {
            let scalars = (0..<Int.random(in: 0..<40, using: &random)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0..<(Bool.random(using: &random) ? 0x80 : 0x11_0000), using: &random))
            }
            let text = String(String.UnicodeScalarView(scalars))
            let json = try encode { $0.write("a", text) }
            let back = try JSONDecoder().decode([String: String].self, from: Data(json.utf8))["a"]
            #expect(back.map { Array($0.utf8) } == Array(text.utf8))
        }
    }

    @Test func `a UUID is written in lower case`() throws {
        for _ in 0..<100 {
            let uuid = UUID()
            #expect(try encode { $0.write("a", uuid) } == "{\"a\":\"\(uuid.uuidString.lowercased())\"}")
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func `what JSON cannot hold is refused, with the column`(number: Double) {
        let error = #expect(throws: WriterError.self) { try encode { $0.write("a", number) } }
        #expect(error?.code == .recordNotEncodable)
        #expect(error?.message.contains("column \"a\"") == true)
    }

    @Test func `doubles read back as they were`() throws {
        for number: Double in [0, -0.0, 1e300, .leastNonzeroMagnitude, 1.0 / 3, 123_456_789.125, -1e16] {
            let json = try encode { $0.write("a", number) }
            #expect(try JSONDecoder().decode([String: Double].self, from: Data(json.utf8)) == ["a": number])
        }
    }

    @Test func `columns that are not written as named are refused`() {
        let wrong: [(inout RowEncoder) -> Void] = [
            { _ in },
            { $0.write("a", 1) },
            { row in
                row.write("b", 1); row.write("a", 2)
            },
            { row in
                row.write("a", 1); row.write("c", 2)
            },
            { row in
                row.write("a", 1); row.write("b", 2); row.write("c", 3)
            },
            { row in
                row.write("a", 1); row.write("a", 2)
            },
        ]
        for write in wrong {
            let error = #expect(throws: WriterError.self) { try encode(["a", "b"], write) }
            #expect(error?.code == .recordNotEncodable)
        }
    }
}

@Suite struct TimestampTests {
    @Test(arguments: [
        (0.0, "1970-01-01T00:00:00.000Z"), (-0.001, "1969-12-31T23:59:59.999Z"),
        (1_795_364_580.123, "2026-11-22T16:23:00.123Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"), (-2_208_988_800, "1900-01-01T00:00:00.000Z"),
        (10_413_791_999.999, "2299-12-31T23:59:59.999Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        (0.0004, "1970-01-01T00:00:00.000Z"), (0.0006, "1970-01-01T00:00:00.001Z"),
    ])
    func `times are written to the nearest millisecond`(seconds: Double, text: String) throws {
        #expect(try #require(Timestamp(Date(timeIntervalSince1970: seconds))).description == text)
    }

    @Test func `random times agree with Foundation's own writing`() throws {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        var random = SeededRandom(1)
        for _ in 0..<2_000 {
            let milliseconds = Int64.random(in: -2_208_988_800_000..<10_413_792_000_000, using: &random)
            // A quarter of a millisecond more, so that neither side has to round a tie.
            let date = Date(timeIntervalSince1970: Double(milliseconds) / 1_000 + 0.00025)
            #expect(try #require(Timestamp(date)).description == date.formatted(style))
        }
    }

    @Test(arguments: [-2_208_988_800.001, 10_413_792_000, .nan, .infinity, -.infinity, 1e300])
    func `times that DateTime64 does not hold are refused`(seconds: Double) {
        #expect(Timestamp(Date(timeIntervalSince1970: seconds)) == nil)
    }
}

private struct Visit: ClickHouseRecord, Encodable {
    var url: String
    var at: Date
    var status: UInt16?
    var weight = 1.0

    static let columns: [ColumnName] = ["url", "at", "status", "weight"]
}

@Suite struct EncodableRecordTests {
    @Test func `an Encodable record needs only its columns`() throws {
        let visit = Visit(url: "https://example.com/ä\n", at: Date(timeIntervalSince1970: 0.5), status: 404)
        let json = String(decoding: try visit.row(ColumnNames(Visit.columns)), as: UTF8.self)
        #expect(!json.contains("\n"))
        struct Back: Decodable, Equatable {
            var url: String
            var at: String
            var status: Int
        }
        let back = try JSONDecoder().decode(Back.self, from: Data(json.utf8))
        #expect(back == Back(url: visit.url, at: "1970-01-01T00:00:00.500Z", status: 404))
    }

    @Test func `what cannot be stored exactly is refused there too`() {
        let visits = [
            Visit(url: "", at: .distantFuture), Visit(url: "", at: Date(timeIntervalSince1970: 0), weight: .nan),
        ]
        for visit in visits {
            let error = #expect(throws: WriterError.self) { try visit.row(ColumnNames(Visit.columns)) }
            #expect(error?.code == .recordNotEncodable)
        }
    }
}

extension Int128: RowValue {}
