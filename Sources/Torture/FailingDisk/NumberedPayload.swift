/// The payload of a record that proves itself: whoever reads it can tell whether it is what was written.
enum NumberedPayload {
    static func payload(_ number: Int) -> [UInt8] {
        let letter = Character(UnicodeScalar(UInt8(ascii: "a") + UInt8(number % 26)))
        return Array("{\"n\":\(number),\"text\":\"\(String(repeating: letter, count: textLength(number)))\"}".utf8)
    }

    /// Mostly less than a page of SQLite's, now and then more than one.
    private static func textLength(_ number: Int) -> Int {
        number % 11 == 0 ? 5_000 + number % 7 * 900 : 20 + number % 13 * 40
    }

    /// - Returns: nil when it is not the payload of any record.
    static func number(in payload: some Collection<UInt8>) -> Int? {
        let digits = payload.dropFirst(5).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let number = Int(String(decoding: digits, as: UTF8.self)), payload.elementsEqual(Self.payload(number))
        else { return nil }
        return number
    }
}
