internal import AsyncHTTPClient
internal import Foundation
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// The network, by async-http-client.
package final class AsyncHTTPTransport: HTTPTransport {
    private let client: HTTPClient

    /// nil: as ``NIOSSL/TLSConfiguration/modernClient``.
    private let tls: TLSRenewal<TLSConfiguration>?

    /// Trusts the system's CAs, and shows no certificate of its own.
    package convenience init() {
        self.init(renewal: nil)
    }

    /// - Parameter onNews: told when the files were read anew. It must not block.
    package convenience init(
        tls: TLSFiles,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        onNews: @escaping @Sendable (TLSNews) -> Void = { _ in }
    ) throws(InvalidTLSFile) {
        self.init(renewal: try tls.clientRenewal(now: now, onNews: onNews))
    }

    private init(renewal: TLSRenewal<TLSConfiguration>?) {
        tls = renewal
        var configuration = HTTPClient.Configuration.guarded
        configuration.tlsConfiguration = .modernClient
        configuration.timeout.connect = .seconds(5)
        // Dropped before the server drops them: some are set to 3 s, and a reset costs an unknown outcome.
        configuration.connectionPool.idleTimeout = .seconds(2)
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }

    deinit {
        // async-http-client stops the program when a client goes away open; closed twice is harmless.
        Task { [client] in try? await client.shutdown() }
    }

    package func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportFailure) -> HTTPResponse {
        var message: HTTPClientRequest
        do throws(StrayURL) {
            message = try request.origin.request(to: request.url)
        } catch {
            throw TransportFailure(message: error.description, isBeforeSending: true)
        }
        message.method = .POST
        for (name, value) in request.headers { message.headers.add(name: name, value: value) }
        message.body = .bytes(ByteBuffer(bytes: request.body))
        // Connections are shared by requests with equal ones. Those of the old end with their requests, or 2 s later.
        message.tlsConfiguration = await tls?.current()
        do {
            return try await exchange(message, timeout: timeout, bodyLimit: request.responseLimit)
        } catch {
            // Whatever the error: a server that refuses our certificate may just cut the connection.
            tls?.suspect()
            throw TransportFailure(error, url: request.url, timeout: timeout)
        }
    }

    package func rereadTLSFiles() async {
        await tls?.reread()
    }

    package func close() async {
        // Fails only when it was closed already.
        try? await client.shutdown()
    }

    private func exchange(
        _ request: HTTPClientRequest,
        timeout: Duration,
        bodyLimit: Int
    ) async throws -> HTTPResponse {
        // async-http-client's own deadline ends with the response's head; a body may trickle for ever.
        try await withThrowingTaskGroup(of: HTTPResponse.self) { [client] group in
            group.addTask {
                let response = try await client.execute(request, deadline: .distantFuture)
                return HTTPResponse(
                    status: Int(response.status.code),
                    headers: response.headers.byLowercaseName,
                    body: try await response.body.prefix(bodyLimit)
                )
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw HTTPClientError.deadlineExceeded
            }
            defer { group.cancelAll() }
            guard let response = try await group.next() else { throw CancellationError() }
            return response
        }
    }
}

extension HTTPClientResponse.Body {
    /// The first bytes. Leaving the rest unread closes the connection.
    fileprivate func prefix(_ limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await part in self {
            bytes.append(contentsOf: part.readableBytesView.prefix(limit - bytes.count))
            if bytes.count == limit { break }
        }
        return bytes
    }
}

extension TransportFailure {
    fileprivate init(_ error: any Error, url: String, timeout: Duration) {
        if let failure = TLSFailure(error), failure.isInHandshake {
            self.init(message: "cannot connect to \(Self.server(in: url)): \(failure.reason)", isBeforeSending: true)
            return
        }
        switch error {
        case let error as NIOConnectionError:
            let reason = error.connectionErrors.first.map { Self.describe($0.error) } ?? "no address found"
            self.init(message: "cannot connect to \(error.host):\(error.port): \(reason)", isBeforeSending: true)
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            self.init(message: "cannot connect: \(Self.describe(error))", isBeforeSending: true)
        case let error as HTTPClientError where error == .connectTimeout:
            self.init(message: "connecting took longer than 5 s", isBeforeSending: true)
        case let error as HTTPClientError where error == .deadlineExceeded:
            self.init(message: "no complete response within \(timeout)", isBeforeSending: false)
        case is InvalidResponse:
            self.init(message: "\(error)", isBeforeSending: false)
        case is HTTPParserError, is NIOHTTPDecoderError:
            self.init(message: "\(InvalidResponse(reason: "\(error)"))", isBeforeSending: false)
        default:
            self.init(message: "the connection failed: \(Self.describe(error))", isBeforeSending: false)
        }
    }

    /// `Connection refused` instead of all that NIO says about it.
    private static func describe(_ error: any Error) -> String {
        switch error {
        // Safe: strerror's text is copied at once.
        case let error as IOError: unsafe String(cString: strerror(error.errnoCode))
        case ChannelError.ioOnClosedChannel: "the server closed the connection"
        // The long one may repeat a header.
        case let error as HTTPClientError: error.shortDescription
        default: TLSFailure(error)?.reason ?? "\(error)"
        }
    }

    private static func server(in url: String) -> String {
        let components = URLComponents(string: url)
        return "\(components?.host ?? ""):\(components?.port ?? 443)"
    }
}

extension HTTPHeaders {
    fileprivate var byLowercaseName: [String: String] {
        Dictionary(map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}
