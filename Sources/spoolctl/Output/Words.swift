/// Numbers as people say them.
enum Words {
    /// `1 record`, `1,204 records`.
    ///
    /// - Parameter nouns: the plural, where it takes more than an s.
    static func count(_ number: Int, _ noun: String, _ nouns: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? noun : nouns ?? noun + "s")"
    }

    /// `1,204`
    static func grouped(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var groups: [Substring] = []
        var end = digits.endIndex
        while end > digits.startIndex {
            let start = digits.index(end, offsetBy: -3, limitedBy: digits.startIndex) ?? digits.startIndex
            groups.insert(digits[start..<end], at: 0)
            end = start
        }
        return (number < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// The larger unit from twice of it on: `90 s`, `3 min`, `5 h`, `2 days`.
    static func age(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7_200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3_600) h"
        default: "\(seconds / 86_400) days"
        }
    }

    /// `812 bytes`, `44 KiB`, `310 MiB`, `12 GiB`
    static func size(_ bytes: Int) -> String {
        switch bytes {
        case ..<(10 << 10): "\(grouped(bytes)) bytes"
        case ..<(10 << 20): "\(bytes >> 10) KiB"
        case ..<(10 << 30): "\(grouped(bytes >> 20)) MiB"
        default: "\(grouped(bytes >> 30)) GiB"
        }
    }
}

extension String {
    /// With spaces behind it, so that it is at least so wide.
    func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
