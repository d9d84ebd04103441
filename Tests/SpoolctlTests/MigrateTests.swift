import Subprocess
import TestSupport
import Testing

@Suite(.startsProcesses) struct MigrateTests {
    @Test func `what is there already is said, and that it can be used`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let options = ["migrate", "--url", server.url, "--database", "d", "--table", "t"]
                let text = try await SpoolctlUnderTest.run(options)
                #expect(text.status == .exited(0))
                #expect(
                    text.output == """
                        \(server.url)
                          exists already  CREATE DATABASE IF NOT EXISTS `d`
                          exists already  CREATE TABLE IF NOT EXISTS `d`.`t`
                          exists already  ALTER TABLE `d`.`t` ADD COLUMN IF NOT EXISTS trace_id UUID
                        d.t can take traces, its guarantee is: effectively-once by token

                        """
                )
                let json = try await SpoolctlUnderTest.run(options + ["--json"])
                #expect(json.output.contains(#""existed":true"#))
            }
        }
    }

    @Test(arguments: [("--modern", "DateTime64(3, 'UTC')"), ("--legacy", "DateTime('UTC')")])
    func `a dry run prints the SQL under the names that were given, and asks no server`(
        dialect: String,
        type: String
    ) async throws {
        let outcome = try await SpoolctlUnderTest.run(["migrate", "--dry-run", dialect, "--table", "t"])
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.hasPrefix("-- "))
        #expect(outcome.output.contains("CREATE TABLE IF NOT EXISTS `ibex`.`t`\n"))
        #expect(outcome.output.contains(type))
    }

    @Test func `a server that cannot be reached is named, and its password is not`() async throws {
        let outcome = try await SpoolctlUnderTest.run(["migrate", "--url", "http://u:hush@127.0.0.1:1"])
        #expect(outcome.status == .exited(1))
        #expect(outcome.messages.contains("http://127.0.0.1:1: transient: cannot connect"))
        #expect(!outcome.messages.contains("hush"))
    }

    @Test func `a dry run that knows no dialect says how to tell it`() async throws {
        let outcome = try await SpoolctlUnderTest.run(["migrate", "--dry-run"])
        #expect(outcome.messages.contains("--modern or --legacy"))
    }
}
