// What the API server's answers mean (DCS-158, DCS-171, DCS-172). Pure.

import PatroniCore
import PatroniHTTP

/// The server understood and said no.
struct KubernetesRefusal: Error, Sendable, Hashable {
    var status: Int
    var message: String

    var isConflict: Bool { status == 409 }
    var isAbsent: Bool { status == 404 }
    var isForbidden: Bool { status == 403 }
    var isUnauthorized: Bool { status == 401 }
    var isGone: Bool { status == 410 }

    init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    init(_ answer: HTTPAnswer) {
        status = answer.status
        let text = (try? JSON.parse(answer.body))?["message"]?.string ?? answer.text
        message = String(text.prefix(300).split(separator: "\n").first ?? "status \(answer.status)")
    }
}

/// Why a call has no result.
enum KubernetesProblem: Error, Sendable {
    /// Certainly nothing happened.
    case notDone(StoreFailure)
    /// It may have happened.
    case unknown(StoreFailure)
    /// `wasRepeated`: an earlier attempt of the same call may have landed, so that the no may be about our own deed.
    case refused(KubernetesRefusal, wasRepeated: Bool)

    /// In the words of the contract.
    var failure: StoreFailure {
        switch self {
        case .notDone(let failure), .unknown(let failure): return failure
        case .refused(let refusal, _):
            if refusal.isForbidden {
                return StoreFailure(.denied, "kubernetes: Permission denied: \(refusal.message)")
            }
            if refusal.isUnauthorized {
                return StoreFailure(
                    .denied, "kubernetes: the token or certificate is not accepted: \(refusal.message)")
            }
            return StoreFailure(.protocolViolation, "kubernetes answered \(refusal.status): \(refusal.message)")
        }
    }
}

/// A result, and whether an earlier attempt of the same call may have succeeded too.
struct KubernetesAnswer: Sendable {
    var json: JSON
    var wasRepeated: Bool
}

/// What one attempt at one server came to.
enum KubernetesVerdict: Sendable {
    case answer(JSON)
    case refused(KubernetesRefusal)
    /// Another server, or the same one later, may do better; after this time when the server said one.
    case tryAgain(StoreFailure, mayHaveHappened: Bool, after: Duration?)

    /// `retriable` are the statuses worth another try; so is whatever says when to come back.
    init(_ answer: HTTPAnswer, from server: KubernetesServer, retriable: Set<Int>) {
        if (200...205).contains(answer.status) {
            if let json = try? JSON.parse(answer.body) {
                self = .answer(json)
            } else {
                let failure = StoreFailure(.protocolViolation, "kubernetes \(server.shown): the answer is no JSON")
                self = .tryAgain(failure, mayHaveHappened: true, after: nil)
            }
            return
        }
        let refusal = KubernetesRefusal(answer)
        let wait = answer.header("retry-after").map { Int64($0).map { Duration.seconds(max(0, $0)) } ?? .zero }
        guard wait != nil || retriable.contains(answer.status) else {
            self = .refused(refusal)
            return
        }
        let failure = StoreFailure(
            answer.status == 403 ? .denied : .unavailable,
            "kubernetes \(server.shown): status \(answer.status): \(refusal.message)")
        // A server that is too busy, or refuses us, has not even begun.
        self = .tryAgain(failure, mayHaveHappened: ![403, 429].contains(answer.status), after: wait)
    }
}
