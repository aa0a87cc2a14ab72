// Programs that take over the operator's terminal for a while: the editor and the pager.

import Glibc
import PatroniConfiguration
import PatroniPlatform

enum OtherProgram {
    /// The path of a program, looked up in PATH; nil when there is none.
    static func find(_ name: String, _ environment: [String: String]) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let folders = (environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs a program to its end with our terminal; `input` replaces its standard input. Returns its exit code.
    static func run(
        _ path: String, _ arguments: [String], _ environment: [String: String], input: String? = nil
    ) async throws(ControlError) -> Int32 {
        let code = await offPool { Self.spawn(path, arguments, environment, input: input) }
        guard let code else { throw .failed("\(path) can't be run: \(String(cString: strerror(errno)))") }
        return code
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String: String], input: String?
    ) -> Int32? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var pipeEnds: [Int32] = [-1, -1]
        if input != nil {
            guard pipe(&pipeEnds) == 0 else { return nil }
            posix_spawn_file_actions_adddup2(&actions, pipeEnds[0], STDIN_FILENO)
            for end in pipeEnds { posix_spawn_file_actions_addclose(&actions, end) }
        }
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in words + variables { free(pointer) }
        }
        var child = pid_t()
        let code = posix_spawnp(&child, path, &actions, nil, &words, &variables)
        if let input {
            close(pipeEnds[0])
            if code == 0 { Output.write(input, to: pipeEnds[1]) }
            close(pipeEnds[1])
        }
        guard code == 0 else {
            errno = code
            return nil
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
    }
}

/// A file that is there for one editor's run.
struct ScratchFile {
    let path: String

    init(name: String, suffix: String, contents: String, _ environment: [String: String]) throws(ControlError) {
        let folder = environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(folder)/\(name)XXXXXX\(suffix)".utf8CString)
        let descriptor = mkstemps(&template, Int32(suffix.utf8.count))
        guard descriptor >= 0 else {
            throw .failed("cannot create a temporary file in \(folder): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let bytes = Array(contents.utf8)
        let count = write(descriptor, bytes, bytes.count)
        close(descriptor)
        guard count == bytes.count else { throw .failed("cannot write \(path)") }
    }

    func contents() throws(ControlError) -> [UInt8] {
        do throws(ConfigurationFileError) { return try ConfigurationFiles.contents(of: path) } catch {
            throw .failed("\(error)")
        }
    }

    func remove() { unlink(path) }
}
