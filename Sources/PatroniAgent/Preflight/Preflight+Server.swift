// The member's own place: user, programs, data directory, volume, ports.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPostgres

extension Preflight {
    // MARK: user and programs

    var userFinding: Finding {
        let user = Machine.userID
        if user == 0 {
            return Finding(
                "user", .bad, "root, as whom PostgreSQL refuses to run",
                remedy: "start patroni as the user that owns the data directory")
        }
        if let found = SystemUser.current { return .good("user", "\(found.name) (uid \(user))") }
        let isNeeded = !FileReading.exists(postgres.dataDirectory + "/PG_VERSION")
        return Finding(
            "user", isNeeded ? .bad : .doubtful, "uid \(user) has no name", remedy: BootstrapError.namelessUser)
    }

    /// The major version that `postgres --version` tells; nil when it can't be run.
    func programVersion() async -> Int? {
        guard
            let result = try? await programs.run(.postgres, ["--version"], english: true, by: time.now + .seconds(10)),
            let word = result.output.split(separator: " ").first(where: { $0.first?.isNumber == true })
        else { return nil }
        return Int(word.prefix { $0.isNumber })
    }

    func programFinding(_ version: Int?) -> Finding {
        let missing = PostgresProgram.allCases.map(programs.path).filter { Machine.findProgram($0) == nil }
        let place = postgres.binDirectory.isEmpty ? "PATH" : postgres.binDirectory
        if !missing.isEmpty {
            return Finding(
                "programs", .bad, "not found: \(missing.joined(separator: ", "))",
                remedy:
                    "set postgresql.bin_dir (or PATRONI_POSTGRESQL_BIN_DIR) to the folder with PostgreSQL's programs")
        }
        guard let version else {
            return Finding("programs", .bad, "\(programs.path(.postgres)) does not tell its version")
        }
        return .good("programs", "PostgreSQL \(version) in \(place)")
    }

    // MARK: data directory

    /// Blocking.
    func directoryFindings(_ version: Int?) -> [Finding] {
        let path = postgres.dataDirectory
        do throws(FileError) {
            guard let found = try FileOwnership.of(path) else {
                return [absentDirectoryFinding(path), spaceFinding(path)]
            }
            let access = Self.accessFinding(path, found, user: Machine.userID)
            return [access, Self.versionFinding(DataDirectoryVersion.read(path), version), spaceFinding(path)]
        } catch {
            return [Finding("data directory", .bad, error.description)]
        }
    }

    /// What a member will make itself.
    private func absentDirectoryFinding(_ path: String) -> Finding {
        let parent = Self.existingParent(of: path)
        if Machine.mayWrite(parent) { return .good("data directory", "\(path) will be made") }
        return Finding(
            "data directory", .bad, "\(path) is not there, and uid \(Machine.userID) may not write to \(parent)",
            remedy: "give the volume to us: securityContext.fsGroup on Kubernetes, or chown \(Machine.userID) \(parent)"
        )
    }

    static func existingParent(of path: String) -> String {
        let parent = DurableFile.directory(of: path)
        return FileReading.exists(parent) || parent == "/" || parent == "." ? parent : existingParent(of: parent)
    }

    static func accessFinding(_ path: String, _ found: FileOwnership, user: UInt32) -> Finding {
        let mode = FileOwnership.text(mode: found.mode)
        guard found.user == user else {
            let obstacle = DataDirectoryObstacle.notOurs(path: path, owner: found.user, us: user)
            return Finding(
                "data directory", .bad, "mode \(mode), owned by uid \(found.user)", remedy: obstacle.description)
        }
        if DataDirectoryAccess.isAccepted(found.mode) { return .good("data directory", "\(path), mode \(mode), ours") }
        return Finding(
            "data directory", .doubtful, "\(path) has mode \(mode), which PostgreSQL refuses",
            remedy: "it is corrected at the start; to keep a volume's fsGroup from doing it again: "
                + "fsGroupChangePolicy: OnRootMismatch")
    }

    static func versionFinding(_ data: Int?, _ programs: Int?) -> Finding {
        guard let data else { return .good("data", "none yet: a new cluster, or a copy of the leader") }
        guard let programs, data != programs else { return .good("data", "of PostgreSQL \(data)") }
        return Finding(
            "data", .bad, "of PostgreSQL \(data), but the programs are version \(programs)",
            remedy: "use the programs of \(data), or upgrade the data with pg_upgrade")
    }

    /// Blocking.
    private func spaceFinding(_ path: String) -> Finding {
        do throws(FileError) {
            let place = FileReading.exists(path) ? path : Self.existingParent(of: path)
            return Self.spaceFinding(try FileSystemSpace.at(place))
        } catch { return Finding("free space", .doubtful, error.description) }
    }

    static func spaceFinding(_ space: FileSystemSpace) -> Finding {
        let saw = "\(size(space.available)) of \(size(space.size)) free"
        if space.isReadOnly { return Finding("free space", .bad, "the file system is mounted read-only") }
        if space.available < 64 << 20 {
            return Finding("free space", .bad, saw, remedy: "PostgreSQL stops when it can't write its log: make room")
        }
        // Sixteen WAL segments and a checkpoint's worth, or a twentieth of the volume.
        if space.available < 1 << 30 || space.available < space.size / 20 {
            return Finding("free space", .doubtful, saw, remedy: "a replica that is away lets the log grow: make room")
        }
        return .good("free space", saw)
    }

    static func size(_ bytes: UInt64) -> String {
        let tenths = bytes * 10 / (1 << 30)
        return tenths >= 10 ? "\(tenths / 10).\(tenths % 10) GB" : "\(bytes >> 20) MB"
    }

    // MARK: other places

    /// Where files are written besides the data directory. Blocking.
    var placeFindings: [Finding] {
        var places = [("postgresql.pgpass", DurableFile.directory(of: postgres.passfile))]
        if let folder = local.log.directory { places.append(("log.dir", folder)) }
        if local.flightRecord.isEnabled {
            places.append(("flight_record.path", DurableFile.directory(of: local.flightRecord.path)))
        }
        let sockets = Parameters.text(postgres.parameters["unix_socket_directories"] ?? "/var/run/postgresql") ?? ""
        for folder in sockets.split(separator: ",") {
            places.append(("unix_socket_directories", String(folder.drop { $0 == " " })))
        }
        let refused = places.filter {
            !$0.1.isEmpty && !Machine.mayWrite(FileReading.exists($0.1) ? $0.1 : Self.existingParent(of: $0.1))
        }
        if refused.isEmpty { return [.good("places", "all that is written to can be written to")] }
        return refused.map { name, folder in
            Finding(
                "places", name == "flight_record.path" ? .doubtful : .bad, "\(name): \(folder) can't be written to",
                remedy: "let \(name) point to a volume; with a read-only root file system to an emptyDir")
        }
    }

    // MARK: ports

    func postgresPortFinding(_ server: Postmaster?) async -> Finding {
        let port = postgres.port
        if let server { return .good("PostgreSQL's port", "\(port): our PostgreSQL runs (pid \(server.pid))") }
        let first = postgres.listenAddresses.split(separator: ",").first.map(String.init)
        return await portFinding("PostgreSQL's port", port, at: first ?? "")
    }

    func restPortFinding() async -> Finding {
        let port = local.restAPI.listen.port
        let host = local.restAPI.listen.host
        let here = Endpoint(host: ["", "*", "0.0.0.0", "::"].contains(host) ? "127.0.0.1" : host, port: port)
        let scheme = local.restAPI.tls == nil ? "http" : "https"
        var control = local.control
        control.isInsecure = true
        if let transport = try? HTTPTransport(tls: control.tls.unverified, time: time),
            let answer = try? await transport.send(
                HTTPRequest(.get, "\(scheme)://\(here)/patroni"), by: time.now + .seconds(2)),
            let page = try? JSON.parse(answer.body), let patroni = page["patroni"]?.object
        {
            let name = patroni["name"]?.string ?? "?"
            if name == local.name.text, patroni["scope"]?.string == local.scope {
                return .good("REST API's port", "\(port): this member's agent runs already")
            }
            return Finding("REST API's port", .bad, "\(port) belongs to member \(name)", remedy: "set restapi.listen")
        }
        return await portFinding("REST API's port", port, at: host)
    }

    private func portFinding(_ name: String, _ port: Int, at host: String) async -> Finding {
        guard let number = UInt16(exactly: port) else { return Finding(name, .bad, "\(port) is no port") }
        if await offPool({ Machine.isPortFree(number, at: host) }) { return .good(name, "\(port) is free") }
        return Finding(
            name, .bad, "\(port) is used by somebody else", remedy: "ss -ltnp 'sport = :\(port)' tells by whom")
    }
}

extension ClientTLSSettings {
    fileprivate var unverified: ClientTLSSettings {
        var settings = self
        settings.verifiesServer = false
        return settings
    }
}
