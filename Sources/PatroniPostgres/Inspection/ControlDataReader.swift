// What is in the data directory: nothing, something unreadable, or a cluster with its control data.

import PatroniCore
import PatroniPlatform

/// Control data that could not be read, and why.
public struct ControlDataError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// Reads `global/pg_control`: directly when we know its layout, which takes microseconds, else by pg_controldata.
public struct ControlDataReader: Sendable {
    public var dataDirectory: String
    public var programs: PostgresPrograms
    private let time: any TimeSource

    public init(dataDirectory: String, programs: PostgresPrograms, time: any TimeSource = SystemTime()) {
        self.dataDirectory = dataDirectory
        self.programs = programs
        self.time = time
    }

    /// Looks at the data directory before anything is decided about it.
    public func inspect(by deadline: Moment) async -> DataDirectory {
        let directory = dataDirectory
        let look = await offPool(by: deadline) { () -> Look in Self.look(at: directory) }
        switch look {
        case nil: return .inaccessible("\(dataDirectory) did not answer in time")
        case .empty: return .empty
        case .inaccessible(let reason): return .inaccessible(reason)
        case .holdsFiles:
            do throws(ControlDataError) { return .holds(try await read(by: deadline)) } catch {
                return .unreadable(error.description)
            }
        }
    }

    /// The control data. Fails when there is none, or it is damaged.
    public func read(by deadline: Moment) async throws(ControlDataError) -> ControlData {
        let path = dataDirectory + "/global/pg_control"
        var reason = "\(path) could not be read in time"
        // The server may be writing the file while we read: then the checksum is wrong for a moment.
        for attempt in 0..<5 {
            if attempt > 0 { await time.sleep(until: min(deadline, time.now + .milliseconds(10))) }
            let result = await offPool(by: deadline) { () -> Result<ControlData, ControlFile.Problem> in
                do throws(FileError) { return ControlFile.parse(try FileReading.bytes(path, limit: 16384)) } catch {
                    return .failure(.file(error.description))
                }
            }
            switch result {
            case .success(let data): return data
            case .failure(.unknownVersion): return try await readByProgram(by: deadline)
            case .failure(.file(let text)): throw ControlDataError(text)
            case .failure(.wrongChecksum): reason = "the checksum of \(path) is wrong"
            case .failure(.malformed): reason = "\(path) is too short or holds impossible values"
            case nil: throw ControlDataError(reason)
            }
        }
        // Perhaps a layout of another machine: the program knows best.
        do throws(ControlDataError) { return try await readByProgram(by: deadline) } catch {
            throw ControlDataError("\(reason); \(error)")
        }
    }

    /// Everything that pg_controldata prints, label and value, in its order (HA-082).
    public func report(by deadline: Moment) async throws(ControlDataError) -> [(label: String, value: String)] {
        let result: ProgramResult
        do throws(ProgramError) {
            result = try await programs.run(.controlData, [dataDirectory], english: true, by: deadline)
        } catch { throw ControlDataError(error.description) }
        guard result.isSuccess else { throw ControlDataError("pg_controldata: \(result.complaint)") }
        return result.output.split(whereSeparator: \.isNewline).compactMap { line -> (String, String)? in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            return (String(parts[0]), String(parts[1]).trimmedSpaces)
        }
    }

    private func readByProgram(by deadline: Moment) async throws(ControlDataError) -> ControlData {
        let lines = Dictionary(try await report(by: deadline).map { ($0.label, $0.value) }, uniquingKeysWith: { $1 })
        guard let data = ControlData(controlDataLines: lines) else {
            throw ControlDataError("pg_controldata printed no system identifier or an unknown cluster state")
        }
        return data
    }

    private enum Look: Sendable {
        case empty, holdsFiles
        case inaccessible(String)
    }

    /// Hidden files and `lost+found` don't count: a fresh mount has them.
    private static func look(at directory: String) -> Look {
        do throws(FileError) {
            if try FileReading.kind(directory + "/global/pg_control") == .file { return .holdsFiles }
            let names = try FileReading.names(in: directory)
            return names.allSatisfy { $0.hasPrefix(".") || $0 == "lost+found" } ? .empty : .holdsFiles
        } catch {
            return error.cause == .system(.notFound) ? .empty : .inaccessible(error.description)
        }
    }
}

extension ControlData {
    /// Reads pg_controldata's English labels.
    init?(controlDataLines lines: [String: String]) {
        guard let identifier = lines["Database system identifier"].flatMap(SystemIdentifier.init),
            let state = lines["Database cluster state"].flatMap(ControlState.init(rawValue:))
        else { return nil }
        func timeline(_ label: String) -> Timeline? {
            lines[label].flatMap { Int64($0) }.flatMap { Timeline(number: $0) }
        }
        let hints = lines["wal_log_hints setting"] ?? "off"
        let checksums = lines["Data page checksum version"] ?? "0"
        self.init(
            systemIdentifier: identifier, state: state, timeline: timeline("Latest checkpoint's TimeLineID"),
            checkpoint: lines["Latest checkpoint location"].flatMap { LSN($0) },
            minimumRecoveryEnd: lines["Minimum recovery ending location"].flatMap { LSN($0) },
            minimumRecoveryTimeline: timeline("Min recovery ending loc's timeline"),
            allowsRewind: hints == "on" || checksums != "0")
    }
}

/// PostgreSQL's version as the data directory states it.
public enum DataDirectoryVersion {
    /// The major version, e.g. 15; nil when `PG_VERSION` is missing or odd (HA-319, HA-390). Blocking.
    public static func read(_ dataDirectory: String) -> Int? {
        guard let text = try? FileReading.text(dataDirectory + "/PG_VERSION", limit: 64) else { return nil }
        return Int(text.trimmedSpaces)
    }
}
