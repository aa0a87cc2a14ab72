// Saving log files that wait for the archive before a rewind or a crash recovery may destroy them (HA-238).

import Logging
import PatroniCore
import PatroniPlatform

public struct WalArchiving: Sendable {
    public let files: ServerFiles
    public let programs: PostgresPrograms
    private let logger: Logger

    public init(_ files: ServerFiles, _ programs: PostgresPrograms, logger: Logger) {
        self.files = files
        self.programs = programs
        self.logger = logger
    }

    /// Runs the archive command for every segment marked `.ready` and marks it `.done`. After a promotion the new
    /// primary may have recycled these segments already: then this is the only copy. Failures are logged, not fatal.
    public func archiveReady(_ command: String, by deadline: Moment) async {
        for segment in await ready() {
            if let problem = await archive(segment, command, by: deadline) {
                logger.info("Failed to archive WAL segment \(segment): \(problem)")
            } else {
                await markDone(segment)
            }
            if Task.isCancelled { return }
        }
    }

    /// Runs the archive command for one segment; returns what was wrong, nil when it worked.
    public func archive(_ segment: String, _ command: String, by deadline: Moment) async -> String? {
        let line = ArchiveCommand.text(command, path: "\(files.wal)/\(segment)", file: segment)
        logger.info("Trying to archive \(segment): \(line)")
        do throws(ProgramError) {
            // The server runs it in its data directory, where commands may name files relatively.
            let result = try await programs.run(
                // Through a shell, as PostgreSQL does it (HA-402).
                "/bin/sh", ["-c", "cd \"$1\" && eval \"$2\"", "archive", files.data, line], by: deadline)
            return result.isSuccess ? nil : result.complaint
        } catch { return error.description }
    }

    /// Segments that exist and wait, oldest first.
    func ready() async -> [String] {
        let files = files
        return await offPool { () -> [String] in
            let names = (try? FileReading.names(in: files.archiveStatus)) ?? []
            return names.filter { $0.hasSuffix(".ready") }.map { String($0.dropLast(6)) }.filter { name in
                Self.isSegment(name) && FileReading.exists("\(files.wal)/\(name)")
            }
        }
    }

    static func isSegment(_ name: String) -> Bool {
        let base = name.hasSuffix(".partial") ? name.dropLast(8) : name[...]
        return base.count == 24 && base.allSatisfy { $0.isHexDigit && !$0.isLowercase }
    }

    private func markDone(_ segment: String) async {
        let (files, logger) = (files, logger)
        await offPool { () -> Void in
            let mark = "\(files.archiveStatus)/\(segment)"
            do throws(FileError) { try DurableFile.move(mark + ".ready", to: mark + ".done") } catch {
                logger.error("\(error)")
            }
        }
    }

    /// Forgets what waits: a crash recovery must not archive a log that may be thrown away.
    public func clearStatus() async {
        let (files, logger) = (files, logger)
        await offPool { () -> Void in
            do throws(FileError) {
                for name in try FileReading.names(in: files.archiveStatus) {
                    try DurableFile.remove("\(files.archiveStatus)/\(name)")
                }
            } catch { logger.error("\(error)") }
        }
    }
}
