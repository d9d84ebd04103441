// swift-tools-version: 6.3

import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

/// Tests import what they test whole, and name their properties in sentences.
let testSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "clickhouse-writer",
    products: [
        .library(name: "ClickHouseWriter", targets: ["ClickHouseWriter"]),
        .library(name: "ClickHouseWriterTesting", targets: ["ClickHouseWriterTesting"]),
        .library(name: "LLMTraces", targets: ["LLMTraces"]),
        .executable(name: "llm-proxy", targets: ["llm-proxy"]),
        .executable(name: "spoolctl", targets: ["spoolctl"]),
        .executable(name: "torture", targets: ["torture"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "Migrations",
            path: "Migrations",
            resources: [.embedInCode("spool"), .embedInCode("clickhouse"), .embedInCode("clickhouse_legacy")],
            swiftSettings: settings
        ),
        .target(name: "SQLiteSpool", dependencies: ["CSQLite", "Migrations"], swiftSettings: settings),
        .target(
            name: "ClickHouseHTTP",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "LLMTraces",
            dependencies: ["ClickHouseHTTP", "ClickHouseWriter", "Migrations"],
            swiftSettings: settings
        ),
        .target(
            name: "ProxyRules",
            dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings
        ),
        .target(
            name: "ClickHouseStandIn",
            dependencies: [
                "SQLiteSpool",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "llm-proxy",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseStandIn",
                "ClickHouseWriter",
                "LLMTraces",
                "ProxyRules",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationEssentialsCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/LLMProxy",
            resources: [.embedInCode("Operations/StatusPage")],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "spoolctl",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseWriter",
                "LLMTraces",
                "SQLiteSpool",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(name: "FaultyDisk", dependencies: ["CSQLite", "SQLiteSpool"], swiftSettings: settings),
        .executableTarget(
            name: "torture",
            dependencies: [
                "CSQLite",
                "ClickHouseStandIn",
                "ClickHouseWriter",
                "FaultyDisk",
                "Migrations",
                "SQLiteSpool",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Torture",
            swiftSettings: settings
        ),
        .target(
            name: "ClickHouseWriter",
            dependencies: [
                "ClickHouseHTTP",
                "SQLiteSpool",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ClickHouseWriterTesting",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseWriter",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "TestSupport",
            dependencies: [
                "ClickHouseStandIn",
                "SQLiteSpool",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .target(
            name: "FuzzProperties",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseWriter",
                "Migrations",
                "ProxyRules",
                "SQLiteSpool",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/FuzzProperties",
            swiftSettings: settings
        ),
        .testTarget(
            name: "FuzzTests",
            dependencies: ["FuzzProperties", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ClickHouseHTTPTests",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseStandIn",
                "FuzzProperties",
                "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ClickHouseStandInTests",
            dependencies: [
                "ClickHouseStandIn",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ClickHouseWriterTests",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseStandIn",
                "ClickHouseWriter",
                "CrashWriter",
                "LLMTraces",
                "SQLiteSpool",
                "TestSupport",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ClickHouseWriterTestingTests",
            dependencies: ["ClickHouseWriter", "ClickHouseWriterTesting", "TestSupport"],
            swiftSettings: testSettings
        ),
        .executableTarget(
            name: "GettingStarted",
            dependencies: ["ClickHouseWriter", .product(name: "Logging", package: "swift-log")],
            path: "Tests/GettingStarted",
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseWriter",
                "ClickHouseWriterTesting",
                "GettingStarted",
                "TestSupport",
                "llm-proxy",
                "spoolctl",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: testSettings
        ),
        .executableTarget(
            name: "CrashWriter",
            dependencies: ["ClickHouseWriter", .product(name: "Logging", package: "swift-log")],
            path: "Tests/CrashWriter",
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "FaultyDiskTests",
            dependencies: ["FaultyDisk", "SQLiteSpool", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "LLMProxyTests",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseStandIn",
                "ClickHouseWriter",
                "ClickHouseWriterTesting",
                "FuzzProperties",
                "LLMTraces",
                "ProxyRules",
                "SQLiteSpool",
                "TestSupport",
                "llm-proxy",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "RealServerTests",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseWriter",
                "CrashWriter",
                "FuzzProperties",
                "LLMTraces",
                "SQLiteSpool",
                "TestSupport",
                "llm-proxy",
                "spoolctl",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "LLMTracesTests",
            dependencies: ["ClickHouseWriter", "LLMTraces", "Migrations"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "SpoolctlTests",
            dependencies: [
                "ClickHouseStandIn",
                "CrashWriter",
                "SQLiteSpool",
                "TestSupport",
                "spoolctl",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "SQLiteSpoolTests",
            dependencies: [
                "Migrations",
                "SQLiteSpool",
                "TestSupport",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: testSettings
        ),
    ]
)

// The benchmarks, only when asked for: who uses the library never builds them. See Benchmarks/run.
if Context.environment["CLICKHOUSE_WRITER_BENCHMARKS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"))
    package.targets += [
        .executableTarget(name: "writer-limit", dependencies: ["CSQLite"], path: "Benchmarks/Limit"),
        .target(
            name: "BenchmarkSupport",
            dependencies: [
                "ClickHouseHTTP",
                "ClickHouseWriter",
                "LLMTraces",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/Support",
            swiftSettings: testSettings
        ),
        .target(name: "CountingMalloc", path: "Benchmarks/Allocations/CountingMalloc"),
        .executableTarget(
            name: "writer-allocations",
            dependencies: [
                "BenchmarkSupport",
                "CSQLite",
                "ClickHouseWriter",
                "CountingMalloc",
                "LLMTraces",
                "SQLiteSpool",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/Allocations",
            exclude: ["CountingMalloc"],
            swiftSettings: testSettings
        ),
        .executableTarget(
            name: "writer-grdb",
            dependencies: [.product(name: "GRDB", package: "GRDB.swift")],
            path: "Benchmarks/Peers/GRDB",
            swiftSettings: testSettings
        ),
        .executableTarget(
            name: "writer-benchmark",
            dependencies: [
                "BenchmarkSupport",
                "ClickHouseHTTP",
                "ClickHouseStandIn",
                "ClickHouseWriter",
                "LLMTraces",
                "SQLiteSpool",
                "llm-proxy",
                "writer-grdb",
                "writer-limit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Benchmarks/WriterBenchmark",
            swiftSettings: testSettings
        ),
    ]
}

// The fuzzing, only when asked for: it needs a toolchain with libFuzzer. See Tests/Fuzzing/run.
if Context.environment["CLICKHOUSE_WRITER_FUZZING"] != nil {
    // Only what is under test guides the fuzzer: what it stands on, and the properties, would be noise.
    let guides: Set = ["ClickHouseHTTP", "ClickHouseWriter", "ProxyRules", "SQLiteSpool"]
    for target in package.targets where guides.contains(target.name) {
        target.swiftSettings?.append(.unsafeFlags(["-sanitize=fuzzer"]))
    }
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzzing/CLibFuzzer"),
        .executableTarget(
            name: "fuzzing",
            dependencies: ["CLibFuzzer", "FuzzProperties"],
            path: "Tests/Fuzzing",
            exclude: ["CLibFuzzer", "Corpus", "run"],
            swiftSettings: testSettings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
        ),
    ]
}

// What CI sets: there no warning is let through.
if Context.environment["CLICKHOUSE_WRITER_STRICT"] != nil {
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
