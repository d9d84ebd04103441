package import ClickHouseStandIn

/// Runs `body` with a stand-in whose store is in `directory`, and stops it afterwards.
package func withStandIn<Result>(
    in directory: String,
    isolation: isolated (any Actor)? = #isolation,
    knowsModernSettings: Bool = true,
    deduplicates: Bool = true,
    requiredUser: String? = nil,
    _ body: (StandInServer) async throws -> Result
) async throws -> Result {
    let server = try await StandInServer.start(
        store: StandInStore(path: directory + "/stand-in.sqlite"),
        knowsModernSettings: knowsModernSettings,
        deduplicates: deduplicates,
        requiredUser: requiredUser,
        keepsJournal: true
    )
    do {
        let result = try await body(server)
        await server.stop()
        await server.store.close()
        return result
    } catch {
        await server.stop()
        await server.store.close()
        throw error
    }
}
