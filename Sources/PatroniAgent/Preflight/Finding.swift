// What one check found, and how all of them are shown.

import PatroniCore

/// The answer of one check.
package struct Finding: Sendable, Equatable {
    package enum Verdict: String, Sendable, Equatable {
        case good = "ok"
        /// It works, but not for long or not always.
        case doubtful = "warn"
        /// With this the member can't do its work.
        case bad = "FAIL"
    }

    package var check: String
    package var verdict: Verdict
    /// What was seen.
    package var saw: String
    /// What to do; nil where nothing is.
    package var remedy: String?

    package init(_ check: String, _ verdict: Verdict, _ saw: String, remedy: String? = nil) {
        self.check = check
        self.verdict = verdict
        self.saw = saw
        self.remedy = remedy
    }

    package static func good(_ check: String, _ saw: String) -> Finding { Finding(check, .good, saw) }
}

/// All findings, in the order in which a member needs the things.
package struct PreflightReport: Sendable {
    package var findings: [Finding]
    /// What an administrator of the Kubernetes cluster has to apply; empty when nothing is missing.
    package var manifest = ""

    package init(_ findings: [Finding], manifest: String = "") {
        self.findings = findings
        self.manifest = manifest
    }

    package var isReady: Bool { !findings.contains { $0.verdict == .bad } }
    /// 0: the member can start; 1: it can't.
    package var status: Int32 { isReady ? 0 : 1 }

    package var text: String {
        let width = findings.map(\.check.count).max() ?? 0
        var lines: [String] = []
        for finding in findings {
            let verdict = finding.verdict.rawValue
            let name = finding.check + String(repeating: " ", count: width - finding.check.count)
            lines.append("\(verdict)\(String(repeating: " ", count: 6 - verdict.count))\(name)  \(finding.saw)")
            if let remedy = finding.remedy {
                lines += remedy.split(separator: "\n").map { String(repeating: " ", count: width + 8) + "→ \($0)" }
            }
        }
        let bad = findings.count { $0.verdict == .bad }
        let doubtful = findings.count { $0.verdict == .doubtful }
        let warnings = doubtful == 0 ? "" : ", \(doubtful) warnings"
        lines.append(bad == 0 ? "ready\(warnings)" : "not ready: \(bad) of \(findings.count) checks failed\(warnings)")
        if !manifest.isEmpty { lines += ["", "# kubectl apply -f - grants what is missing:", manifest] }
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: JSON {
        let list = findings.map { finding -> JSON in
            var object: JSONObject = [
                "check": .string(finding.check), "verdict": .string(finding.verdict.rawValue.lowercased()),
                "saw": .string(finding.saw),
            ]
            if let remedy = finding.remedy { object["remedy"] = .string(remedy) }
            return .object(object)
        }
        var object: JSONObject = ["ready": .bool(isReady), "findings": .array(list)]
        if !manifest.isEmpty { object["manifest"] = .string(manifest) }
        return .object(object)
    }
}
