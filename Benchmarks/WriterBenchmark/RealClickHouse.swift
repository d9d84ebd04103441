import Foundation

/// Debian's clickhouse-server, started for the benchmark with files of its own.
enum RealClickHouse {
    private static let program = "/usr/sbin/clickhouse-server"

    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// Runs `body` with its URL.
    static func run(in root: String, _ body: (String) async throws -> Void) async throws {
        try await withDirectory(in: root) { directory in
            let port = try Tools.freePort()
            let url = "http://127.0.0.1:\(port)"
            try configuration(directory, port: port)
                .write(toFile: directory + "/config.xml", atomically: true, encoding: .utf8)
            try users.write(toFile: directory + "/users.xml", atomically: true, encoding: .utf8)
            try await Tools.run(program, ["--config-file=\(directory)/config.xml"]) {
                try await Tools.waitUntilReady(url, "clickhouse-server")
                try await body(url)
            }
        }
    }

    private static func configuration(_ directory: String, port: UInt16) -> String {
        """
        <yandex>
            <logger><level>warning</level><log>\(directory)/server.log</log><errorlog>\(directory)/error.log</errorlog></logger>
            <http_port>\(port)</http_port><listen_host>127.0.0.1</listen_host>
            <path>\(directory)/data/</path><tmp_path>\(directory)/tmp/</tmp_path>
            <users_config>\(directory)/users.xml</users_config>
            <default_profile>default</default_profile><default_database>default</default_database>
            <mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
        </yandex>
        """
    }

    private static let users = """
        <yandex>
            <profiles><default/></profiles><quotas><default/></quotas>
            <users><default><password></password><networks><ip>127.0.0.1</ip></networks>
                <profile>default</profile><quota>default</quota></default></users>
        </yandex>
        """
}
