@testable import ClickHouseStandIn
import Testing

@Suite struct InsertStatementTests {
    @Test(arguments: [
        ("INSERT INTO ibex.llm_traces FORMAT JSONEachRow", "ibex", "llm_traces"),
        ("insert into t(a, b) format JSONEachRow", "default", "t"),
        ("INSERT INTO `a``b`.`c` FORMAT JSONEachRow", nil, nil),
        ("INSERT INTO `a\\`b`.`c\\\\d` (`x`, `y z`) FORMAT JSONEachRow", "a`b", "c\\d"),
        ("SELECT 1", nil, nil),
        ("INSERT INTO t", nil, nil),
        ("INSERT INTO t (a", nil, nil),
    ])
    func `a statement is taken apart as ClickHouse does`(sql: String, database: String?, table: String?) {
        let statement = InsertStatement(sql)
        #expect(statement?.database == database)
        #expect(statement?.table == table)
    }
}
