// A program that works on the data directory though the agent that started it is gone.

import PatroniCore
import PatroniPlatform

/// Programs have sessions of their own, so they outlive an agent that was killed. Whoever started PostgreSQL on what one
/// of them is still writing would damage it; and ending a copy would leave half of one, which only an operator may
/// throw away. So one waits for its end.
public struct StrayProgram: Sendable, Hashable, CustomStringConvertible {
    public var name: String
    public var pid: Int32

    public var description: String {
        "\(name) (pid \(pid)) of an agent that is gone still works on the data directory; waiting for its end"
    }

    /// Nil when there is none. For an agent that has not started such a program itself yet.
    public static func find(
        workingOn dataDirectory: String, _ programs: PostgresPrograms, by deadline: Moment
    ) async -> StrayProgram? {
        let names = Set([.baseBackup, .rewind, .initdb].map { DurableFile.name(of: programs.path($0)) })
        return await offPool(by: deadline) { () -> StrayProgram? in
            for process in ProcessTable.all() where process.pid != Machine.processID {
                let words = ProcessTable.commandLine(of: process.pid)
                guard let name = words.first.map({ DurableFile.name(of: $0) }), names.contains(name) else { continue }
                if words.contains(where: { $0 == dataDirectory || $0.hasSuffix("=" + dataDirectory) }) {
                    return StrayProgram(name: name, pid: process.pid)
                }
            }
            return nil
        } ?? nil
    }
}
