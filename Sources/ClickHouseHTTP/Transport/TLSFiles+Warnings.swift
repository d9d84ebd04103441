package import Foundation
internal import NIOSSL

extension TLSFiles {
    /// Where the files lie, each once.
    package var paths: [String] {
        [caFile, certificateFile, keyFile].compactMap { $0 }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    var stamps: [FileStamp?] { paths.map { FileStamp($0) } }

    /// What of the files may soon be, or is, a mistake: one sentence each. Files that cannot be read have none; reading them
    /// for use says why.
    package func warnings(now: Date) -> [String] {
        var warnings: [String] = []
        if let certificateFile {
            warnings += Self.certificates(at: certificateFile).first?.warnings(certificateFile, now) ?? []
        }
        if let caFile {
            // Old CAs may lie beside their successors: the last to end counts.
            let last = Self.certificates(at: caFile).max { $0.notValidAfter < $1.notValidAfter }
            warnings += last?.warnings(caFile, now) ?? []
        }
        for path in paths {
            guard let stamp = FileStamp(path) else { continue }
            if path == keyFile, stamp.othersCanRead {
                warnings.append("every user of this machine can read the TLS key file \"\(path)\"; run: chmod o= FILE")
            }
            if stamp.othersCanWrite {
                warnings.append("every user of this machine can change the TLS file \"\(path)\"; run: chmod o-w FILE")
            }
        }
        return warnings
    }

    private static func certificates(at path: String) -> [NIOSSLCertificate] {
        (try? SmallFile.read(path)).flatMap { try? NIOSSLCertificate.fromPEMBytes($0) } ?? []
    }
}

extension NIOSSLCertificate {
    /// What is left of a certificate's life when its end is near: two weeks, or a quarter of it where that is less.
    private var notice: TimeInterval {
        min(14 * 86_400, TimeInterval(notValidAfter - notValidBefore) / 4)
    }

    fileprivate func warnings(_ path: String, _ now: Date) -> [String] {
        let start = Date(timeIntervalSince1970: TimeInterval(notValidBefore))
        let end = Date(timeIntervalSince1970: TimeInterval(notValidAfter))
        if end < now {
            return ["the certificate in \"\(path)\" expired at \(end.formatted(.iso8601)); replace the file"]
        }
        if start > now {
            return ["the certificate in \"\(path)\" is not valid before \(start.formatted(.iso8601)); check the clock"]
        }
        guard end.timeIntervalSince(now) < notice else { return [] }
        return ["the certificate in \"\(path)\" expires at \(end.formatted(.iso8601)); replace the file before"]
    }
}
