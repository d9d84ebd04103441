internal import ArgumentParser
internal import ClickHouseStandIn
internal import Foundation
internal import Subprocess
internal import SystemPackage

/// Fills the disk under a process that writes, again and again.
struct DiskFull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fills the disk of a writing process while ClickHouse is down.",
        discussion: """
            On a small file system of its own, or under a limit on the size of files where nothing may be mounted, a process \
            writes until it is refused, with sizes and without a trace of the record. Something else may take the disk's last byte. \
            Then ClickHouse comes back: the spool is delivered though the disk is full, and the same writer takes \
            records again.

            Example: torture disk-full --cycles 200 --seed 1 --filesystem btrfs
            """
    )

    @OptionGroup var options: TortureOptions

    @Option(help: "What gets full: tmpfs (the default), ext4, xfs, btrfs or file-size-limit.")
    var filesystem: SmallDisk.Kind?

    func run() async throws {
        var generator = SeededGenerator(seed: options.seed)
        var verdict = Verdict(mode: "disk-full", seed: options.seed, cycles: options.cycles ?? 50)
        for figure in ["refused", "resumed", "died", "started_full"] { verdict.details[figure] = 0 }
        try await withWorkDirectory("disk-full") { directory in
            try await SmallDisk.with(in: directory, filesystem) { disk in
                verdict.details[disk.kind.rawValue] = 1
                let progress = Progress(of: verdict.cycles)
                var first = 0
                for cycle in 0..<verdict.cycles {
                    let round = try await DiskFullRound(in: directory, disk, first: first)
                    try await round.run(&verdict, using: &generator)
                    first = round.ledger.next
                    progress.report(cycle + 1, "\(verdict.acknowledged) records")
                }
            }
        }
        try verdict.finish()
        if verdict.details["refused"] == 0 || verdict.details["resumed"] != verdict.cycles {
            report("the disk was not full in every cycle, or did not become free")
            throw ExitCode.failure
        }
    }
}
