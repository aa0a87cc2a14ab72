// What `patroni preflight` asks a store besides its keys: the time, and what we may do.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// Questions that no agent asks while it works.
public enum StoreProbe {
    public enum Clock: Sendable, Equatable {
        /// Ours minus theirs.
        case difference(Duration)
        /// There is only one clock.
        case sameMachine
        case unknown
    }

    /// What time the store's server thinks it is, by the date of its answer.
    public static func clock(
        _ configuration: AgentConfiguration, time: any TimeSource, by deadline: Moment
    ) async -> Clock {
        switch configuration.store {
        case .embedded: return .sameMachine
        case .etcd3(let settings):
            var tls = settings.tls
            tls.verifiesServer = false
            let scheme = settings.usesTLS ? "https" : "http"
            for endpoint in settings.endpoints {
                let url = "\(scheme)://\(endpoint)/version"
                if let found = await difference(url, tls: tls, time: time, by: deadline) { return .difference(found) }
            }
            return .unknown
        case .kubernetes(let settings):
            guard let access = try? KubernetesAccess.find(settings, environment: ProcessEnvironment.read()) else {
                return .unknown
            }
            // Refused or not, an answer has a date.
            let found = await difference(access.server.url + "/version", tls: access.tls, time: time, by: deadline)
            return found.map(Clock.difference) ?? .unknown
        }
    }

    /// What the API server says about our rights.
    public enum Rights: Sendable {
        /// This store has no such thing.
        case none
        case unknown(StoreFailure)
        case known(missing: [KubernetesRight], of: [KubernetesRight], account: KubernetesAccount)
    }

    /// Asks the API server itself, verb by verb; it answers for whoever asks.
    public static func rights(
        _ configuration: AgentConfiguration, time: any TimeSource, by deadline: Moment,
        environment: [String: String] = ProcessEnvironment.read()
    ) async -> Rights {
        guard case .kubernetes(let settings) = configuration.store else { return .none }
        var quiet = Logger(label: "patroni.dcs")
        quiet.logLevel = .critical
        let gateway: KubernetesGateway
        let namespace: String
        let account: KubernetesAccount
        do throws(StoreFailure) {
            let access = try KubernetesAccess.find(settings, environment: environment)
            namespace = access.namespace(settings)
            account =
                access.login.text.flatMap(KubernetesAccount.init(token:))
                ?? KubernetesAccount(namespace: namespace, name: "default")
            gateway = try KubernetesGateway(
                access: access, bypasses: false, retriable: settings.retriableStatuses, seed: 0, time: time,
                logger: quiet)
        } catch { return .unknown(error) }
        defer { Task { await gateway.close() } }
        let needed = KubernetesRight.needed(settings, scope: configuration.scope, namespace: namespace)
        var missing: [KubernetesRight] = []
        for right in needed {
            let call = KubernetesCall(
                method: .post, path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: right.review)
            do throws(KubernetesProblem) {
                let answer = try await gateway.call(call, by: deadline)
                if answer.json["status"]?["allowed"]?.bool != true { missing.append(right) }
            } catch { return .unknown(error.failure) }
        }
        return .known(missing: missing, of: needed, account: account)
    }

    static func difference(
        _ url: String, tls: ClientTLSSettings, headers: [(name: String, value: String)] = [], time: any TimeSource,
        by deadline: Moment
    ) async -> Duration? {
        guard let transport = try? HTTPTransport(tls: tls, time: time) else { return nil }
        let end = min(deadline, time.now + .seconds(3))
        guard let answer = try? await transport.send(HTTPRequest(.get, url, headers: headers), by: end),
            let theirs = answer.header("Date").flatMap(WallTime.init(httpDate:))
        else { return nil }
        // The date is cut to whole seconds: half of one is the likeliest rest.
        return time.wallTime - (theirs + .milliseconds(500))
    }
}

extension WallTime {
    /// As HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    init?(httpDate text: String) {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let iso = "\(words[3])-\((month + 1).padded(2))-\(words[1])T\(words[4])Z"
        guard case .absolute(let parsed) = Self.parse(iso) else { return nil }
        self = parsed
    }
}

extension KubernetesLogin {
    /// The token, if we log in by one. Blocking, for a small file in memory.
    fileprivate var text: String? {
        switch self {
        case .token(let text): text
        case .tokenFile(let path): try? FileReading.text(path)
        case .none, .password: nil
        }
    }
}
