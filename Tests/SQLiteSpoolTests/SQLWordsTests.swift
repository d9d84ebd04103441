@testable import SQLiteSpool
import Testing

@Suite struct SQLWordsTests {
    @Test(arguments: [
        ("a  b\n\tc", ["a", "b", "c"]),
        ("a -- b\nc", ["a", "c"]),
        ("a--b", ["a"]),
        ("a/* b */c/*d", ["a", "c"]),
        ("(a>=1)", ["(", "a", ">", "=", "1", ")"]),
        ("'--' \"/*\" `x y` [a--b] c", ["'--'", "\"/*\"", "`x y`", "[a--b]", "c"]),
        ("'open -- x", ["'open -- x"]),
        ("a-b / c", ["a", "-", "b", "/", "c"]),
        ("é_$1", ["é_$1"]),
    ])
    func `SQL is parted as SQLite does, without its comments`(sql: String, words: [String]) {
        #expect(SQLWords.split(sql) == words)
    }
}
