// Process 1 of a container: reaps what it inherits, passes signals on, starts a dead agent again.

import CPlatform
import Glibc
import PatroniCore

/// The program as process 1 starts itself once more as an ordinary child, the agent, and keeps only what the kernel asks
/// of process 1. Two processes, because whoever reaps everything must not also wait for programs of its own: it would
/// take their exit statuses away from whoever started them.
public struct FirstProcess: Sendable {
    /// An agent that is killed sooner than this is not started again: whatever runs the container backs off better.
    static let shortestLife = Duration.seconds(10)
    /// How long PostgreSQL may take to stop after the agent has left it running, as it does in maintenance mode.
    static let patience = Duration.seconds(60)

    private let executable: String
    private let words: [String]
    private let time: any TimeSource

    /// This program with its own command line.
    public init(time: any TimeSource = SystemTime()) {
        let this = "/proc/self/exe"
        // By its own path, so that it shows its own name; where that is hidden or gone, by way of /proc.
        executable = FileReading.link(this).flatMap { FileReading.exists($0) ? $0 : nil } ?? this
        words = CommandLine.arguments
        self.time = time
    }

    private struct Agent {
        var pid: Int32
        var started: Moment
    }

    private enum State {
        case running(Agent)
        /// The agent was told to end.
        case stopping(Agent)
        /// The agent is gone; what it left behind is ending.
        case leaving(status: Int32)

        var agent: Agent? {
            switch self {
            case .running(let agent), .stopping(let agent): agent
            case .leaving: nil
            }
        }
    }

    /// Returns the exit status, the agent's own or 128 and its signal, when nothing is left.
    public func run() async -> Int32 {
        let signals: AsyncStream<ProcessSignal>
        var state: State
        do throws(Errno) {
            signals = try SignalStream.start(ProcessSignal.allCases)
            state = .running(try start())
        } catch {
            Self.say("the agent can't be started: \(error)")
            return 1
        }
        // What starting took is not needed again.
        MappedPages.releaseUnused()
        for await signal in signals {
            if signal != .childEnded {
                guard let agent = state.agent else { continue }
                // The pid is the agent's until we have reaped it.
                kill(agent.pid, signal.number)
                if signal.endsTheAgent { state = .stopping(agent) }
                continue
            }
            if let status = reap(&state) { return status }
        }
        return 1
    }

    private func start() throws(Errno) -> Agent {
        // The agent's own arguments, as C wants them; they live as long as this process.
        let arguments = words.map { strdup($0) } + [nil]
        var pid: Int32 = 0
        let code = arguments.withUnsafeBufferPointer { list in
            list.baseAddress.map { base in
                cplatform_spawn_detached(executable, base, cplatform_environment(), -1, -1, &pid)
            } ?? EINVAL
        }
        if code != 0 { throw Errno(code) }
        return Agent(pid: pid, started: time.now)
    }

    /// Collects everything that has ended; non-nil when this process may end too.
    private func reap(_ state: inout State) -> Int32? {
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid < 0, errno == EINTR { continue }
            if pid < 0, case .leaving(let status) = state { return status }
            guard pid > 0 else { return nil }
            guard let agent = state.agent, agent.pid == pid else { continue }
            state = agentEnded(agent, signal: status & 0x7F, code: (status >> 8) & 0xFF, state)
        }
    }

    private func agentEnded(_ agent: Agent, signal: Int32, code: Int32, _ state: State) -> State {
        if signal != 0, case .running = state, time.now - agent.started >= Self.shortestLife {
            Self.say("the agent was ended by signal \(signal); it is started again and finds PostgreSQL as it is")
            do throws(Errno) { return .running(try start()) } catch {
                Self.say("the agent can't be started: \(error)")
            }
        }
        let status = signal == 0 ? code : 128 + signal
        let left = ProcessTable.children(of: Machine.processID)
        if !left.isEmpty {
            let names = left.map { "\($0.name) (pid \($0.pid))" }.joined(separator: ", ")
            Self.say("the agent has ended and left \(names); asking for a fast shutdown before the container ends")
            for process in left { kill(process.pid, SIGINT) }
            Task { [time] in
                await time.sleep(until: time.now + Self.patience)
                exit(status)
            }
        }
        return .leaving(status: status)
    }

    private static func say(_ text: String) { Output.complain("patroni (process \(Machine.processID)): \(text)") }
}

extension ProcessSignal {
    fileprivate var endsTheAgent: Bool {
        switch self {
        case .interrupt, .quit, .terminate: true
        case .hangUp, .userOne, .userTwo, .childEnded: false
        }
    }
}
