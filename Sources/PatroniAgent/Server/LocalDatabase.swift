// This member's PostgreSQL: one owner of the postmaster, its files and its connection.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

/// The real server. Long tasks run one at a time (the agent sees to that); looks come in between.
actor LocalDatabase: ManagedServer {
    let scope: String
    let name: MemberName
    let time: any TimeSource
    let log: Logger
    let scripts: Scripts

    var settings: PostgresSettings
    var cluster: ClusterSettings
    var programs: PostgresPrograms
    let inspection: Inspection
    var postmaster: Postmaster?
    /// What was written last; nil while we don't know what stands in the files.
    var recovery: RecoverySettings?
    /// The parameters written last.
    var written = Parameters()
    var pendingRestart = PendingRestart()
    /// Who decides about `synchronous_standby_names` at the moment.
    var synchronous = SynchronousStandbyNames.configured
    /// A running server that we found instead of starting it; its files are rewritten once.
    var isFound = false
    private var isAdopted = false
    /// Our own postmaster comes up just now: nobody must take it for one that was found.
    private var isLaunching = false
    var knownSettings: Set<String>?
    var serverVersion: Int?
    var slotPositions: [String: LSN] = [:]
    /// Logical slots that are wanted on this standby and not there.
    var missingSlots: [String] = []
    /// The permanent logical slots of this member as they are configured; others are not copied (HA-274).
    var logicalSlots: [String: LogicalSlot] = [:]
    /// Vacuum on the primary must not outrun logical slots (HA-276).
    var enforcesHotStandbyFeedback = false
    var work: SQLConnection?
    /// Until the first look without one: afterwards the programs that work here are our own.
    private var mayHaveStrays = true
    private var knownBeginning: (timeline: Timeline, start: WallTime?, row: TimelineHistory.Row)?
    /// When a postmaster was seen to end without us.
    var endedAt: Moment?

    nonisolated let exits: AsyncStream<Void>
    let news: AsyncStream<Void>.Continuation

    init(
        _ configuration: AgentConfiguration, cluster: ClusterSettings, scripts: Scripts, time: any TimeSource,
        logger: Logger
    ) {
        scope = configuration.scope
        name = configuration.name
        settings = configuration.postgres
        self.cluster = cluster
        self.scripts = scripts
        self.time = time
        log = logger
        programs = PostgresPrograms(
            binDirectory: configuration.postgres.binDirectory, programNames: configuration.postgres.programNames)
        inspection = Inspection(configuration.postgres, .heartbeat, time: time)
        (exits, news) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var reader: ControlDataReader {
        ControlDataReader(dataDirectory: settings.dataDirectory, programs: programs, time: time)
    }

    /// The server as its files need it described; the version of the data directory counts (HA-319). Without one
    /// nothing may be written: the volume may not be mounted (HA-390).
    func server() async throws(JobFailure) -> LocalServer {
        let directory = settings.dataDirectory
        if serverVersion == nil {
            serverVersion = await offPool { DataDirectoryVersion.read(directory) }.map { $0 * 10000 }
        }
        guard let serverVersion else {
            throw JobFailure("\(directory)/PG_VERSION can't be read: is the volume mounted?")
        }
        return LocalServer(scope: scope, name: name, settings: settings, version: serverVersion)
    }

    // MARK: looking

    func look(leaderTimeline: Timeline?, by deadline: Moment) async -> ServerLook {
        await findPostmaster(by: deadline)
        let directory = await inspectDirectory(by: deadline)
        let status = await inspection.status(of: postmaster, leaderTimeline: leaderTimeline, by: deadline)
        if let running = status.running { serverVersion = running.version }
        if isFound, !isAdopted, status.running != nil {
            isAdopted = true
            await adoptFoundServer(by: deadline)
        }
        return ServerLook(
            directory: directory, status: status, slots: slotPositions, missingSlots: missingSlots,
            pendingRestart: pendingRestart.json ?? [:], beginning: await beginning(of: status.running, by: deadline))
    }

    /// As long as a server runs, its timeline begins where it did: the file is read once.
    private func beginning(of running: RunningServer?, by deadline: Moment) async -> TimelineHistory.Row? {
        guard let running, let timeline = running.timeline, timeline > Timeline(1) else { return nil }
        if let known = knownBeginning, known.timeline == timeline, known.start == running.postmasterStart {
            return known.row
        }
        guard let row = await history(of: timeline, by: deadline)?.rows.last else { return nil }
        knownBeginning = (timeline, running.postmasterStart, row)
        return row
    }

    /// What a program of an earlier agent is still writing is nobody's yet.
    private func inspectDirectory(by deadline: Moment) async -> DataDirectory {
        if mayHaveStrays, postmaster == nil {
            if let stray = await StrayProgram.find(workingOn: settings.dataDirectory, programs, by: deadline) {
                return .inaccessible(stray.description)
            }
            mayHaveStrays = false
        }
        return await reader.inspect(by: deadline)
    }

    func walSenders(by deadline: Moment) async -> [WalSender] {
        (try? await inspection.walSenders(by: deadline)) ?? []
    }

    func findPostmaster(by deadline: Moment) async {
        if isLaunching { return }
        if let postmaster, !postmaster.hasExited { return }
        let found = await Postmaster.attach(
            dataDirectory: settings.dataDirectory, programs: programs, by: deadline, time: time)
        // Meanwhile a start or another look may have come first.
        if isLaunching { return }
        if let postmaster, !postmaster.hasExited { return }
        postmaster = found
        guard let postmaster else { return }
        log.info("found PostgreSQL running, pid \(postmaster.pid)")
        isFound = true
        isAdopted = false
        recovery = nil
        watch(postmaster)
    }

    func watch(_ postmaster: Postmaster) {
        Task { [news] in
            await postmaster.waitForExit()
            endedAt = time.now
            news.yield()
        }
    }

    /// Somebody else stopped the server properly, as `pg_ctl stop -m immediate` does, and waits to see it gone: coming
    /// back sooner would leave them waiting for a minute. After a crash the pid file is still there, and nobody waits.
    private func letOthersSeeTheEnd() async {
        let file = settings.dataDirectory + "/postmaster.pid"
        guard let endedAt, await offPool(by: time.now + .seconds(1), { FileReading.exists(file) }) == false else {
            return
        }
        await time.sleep(until: endedAt + .milliseconds(300))
    }

    // MARK: starting and stopping

    func start(_ start: ServerStart, timeout: Duration) async throws(JobFailure) {
        await letOthersSeeTheEnd()
        guard
            await Postmaster.terminateLeftovers(
                dataDirectory: settings.dataDirectory, programs: programs, by: time.now + .seconds(10), time: time)
        else { throw JobFailure("processes of the last server are still there") }
        let server = try await server()
        let recovery: RecoverySettings? =
            if case .standby(let upstream) = start {
                recoverySettings(for: upstream, server)
            } else { nil }
        if recovery != nil { forgetSynchronousNames() }
        var parameters = wantedParameters(server)
        var pending = PendingRestart()
        let report = (try? await reader.report(by: time.now + .seconds(5))) ?? []
        // What the server was like before is gone once it runs (HA-082).
        log.info("pg_controldata:\n\(report.map { "  \($0.label): \($0.value)" }.joined(separator: "\n"))")
        if recovery != nil, !report.isEmpty {
            let lines = Dictionary(report.map { ($0.label, $0.value) }, uniquingKeysWith: { $1 })
            (parameters, pending) = ServerParameters.raisedForStandby(parameters, controlData: lines)
        }
        try await launch(server, WantedConfiguration(parameters: parameters, recovery: recovery), timeout: timeout)
        pendingRestart = pending
    }

    func launch(_ server: LocalServer, _ wanted: WantedConfiguration, timeout: Duration) async throws(JobFailure) {
        pendingRestart = PendingRestart()
        let parameters = wanted.parameters
        try await correctAccess()
        try await write(wanted, server)
        let launch = PostmasterLaunch(
            dataDirectory: settings.dataDirectory, configurationFile: server.files.configuration,
            options: ServerParameters.options(parameters))
        let started: Postmaster
        isLaunching = true
        defer { isLaunching = false }
        do throws(PostmasterError) {
            started = try await Postmaster.start(launch, programs: programs, time: time)
        } catch { throw JobFailure(error.description) }
        postmaster = started
        isLaunching = false
        isFound = false
        watch(started)
        log.info("postmaster pid=\(started.pid)")
        switch await started.waitUntilReady(by: time.now + timeout) {
        case .ready: await saveBackups(parameters, server)
        case .stillStarting:
            if Task.isCancelled { throw JobFailure("called off while starting") }
            log.warning("PostgreSQL is still starting after \(timeout.wholeSeconds) s")
        case .exited(let status):
            throw JobFailure(
                "PostgreSQL ended while starting\(status.map { " (wait status \($0))" } ?? ""); its own log tells why")
        }
    }

    func write(_ configuration: WantedConfiguration, _ server: LocalServer) async throws(JobFailure) {
        var wanted = configuration
        wanted.enforcesHotStandbyFeedback = enforcesHotStandbyFeedback
        do throws(FileError) {
            let change = try await ServerConfiguration(server, knownSettings: await beyondRules()).apply(wanted)
            for warning in change.warnings { log.warning("\(warning)") }
        } catch { throw JobFailure(error.description) }
        recovery = wanted.recovery
        written = wanted.parameters
    }

    private func saveBackups(_ parameters: Parameters, _ server: LocalServer) async {
        do throws(FileError) {
            try await ServerConfiguration(server).saveBackups(parameters)
        } catch { log.warning("the configuration files could not be copied into the data directory: \(error)") }
    }

    // MARK: changing roles

    /// The startup process may overlook the request for five seconds; reminders cost nothing (STACK, traps).
    func promote(
        by deadline: Moment, before leaseEnd: Moment, told: @Sendable () async -> Void
    ) async throws(JobFailure) {
        guard let postmaster else { throw JobFailure("PostgreSQL is not running") }
        do throws(PostmasterError) {
            let time = time
            guard try await postmaster.promote(if: { time.now < leaseEnd }) else {
                throw PostmasterError("the leader key was lost before PostgreSQL could be told to promote")
            }
            await told()
            var reminder = time.now + .milliseconds(100)
            while time.now < deadline, !postmaster.hasExited {
                if let server = try? await inspection.running(by: time.now + .seconds(2)), server.isPrimary {
                    recovery = nil
                    return
                }
                if time.now > reminder {
                    try postmaster.nudge()
                    reminder = time.now + .milliseconds(200)
                }
                await time.sleep(until: time.now + .milliseconds(5))
            }
        } catch { throw JobFailure(error.description) }
        throw JobFailure(
            postmaster.hasExited ? "PostgreSQL ended during the promotion" : "PostgreSQL was not promoted in time")
    }

    func checkpoint(by deadline: Moment) async throws(JobFailure) {
        do throws(SQLError) {
            let connection = try await SQLConnection.open(
                settings.localConnection(.patroni, statementTimeout: false), by: deadline, time: time)
            _ = try await connection.query("CHECKPOINT", by: deadline)
            await connection.close()
        } catch { throw JobFailure(error.description) }
    }

    func nudge() async { try? postmaster?.nudge() }
}
