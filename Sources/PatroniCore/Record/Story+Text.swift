// Stories as JSON for programs and as lines for people.

extension Story {
    public var json: JSONObject {
        var out: JSONObject = ["member": .string(member.text), "summary": .string(title)]
        out["before"] = before.map(Self.json) ?? .null
        out["after"] = after.map(Self.json) ?? .null
        out["began"] = .string(began.iso8601())
        out["ended"] = after == nil ? .null : .string(ended.iso8601())
        out["took_ms"] = (ended - began).milliseconds
        out["steps"] = .array(lines.map { .object($0.json) })
        return out
    }

    /// Reads what ``json`` writes; nil when it is something else.
    public init?(json: JSON?) {
        guard let json, let name = json["member"]?.string, let began = json["began"]?.wallTime,
            let steps = json["steps"]?.array
        else { return nil }
        self.init(
            member: MemberName(name), before: Self.standing(json["before"]), after: Self.standing(json["after"]),
            began: began, ended: json["ended"]?.wallTime ?? began, lines: steps.compactMap(Line.init(json:)))
    }

    private static func json(_ standing: Standing) -> JSON {
        switch standing {
        case .leading: ["role": "leader"]
        case .following(let leader): ["role": "follower", "leader": .string(leader.text)]
        }
    }

    private static func standing(_ json: JSON?) -> Standing? {
        switch json?["role"]?.string {
        case "leader": .leading
        case "follower": json?["leader"]?.string.map { .following(MemberName($0)) }
        default: nil
        }
    }

    /// For people; `zone` tells the offset of local time, in seconds east of UTC.
    public func text(zone: (WallTime) -> Int) -> String {
        let day = began.iso8601(offset: zone(began)).prefix(10)
        let took = after == nil ? "since \(began.clock(zone(began)))" : "\((ended - began).words)"
        return "\(title) (\(day), \(took))\n" + lines.map { $0.text(zone: zone) }.joined()
    }
}

extension Story.Line {
    public var json: JSONObject {
        var out: JSONObject = ["at": .string(at.iso8601()), "text": .string(text)]
        out["took_ms"] = took.map(\.milliseconds)
        out["rule"] = rule.map(JSON.string)
        out["because"] = because.map(JSON.string)
        return out
    }

    init?(json: JSON) {
        guard let at = json["at"]?.wallTime, let text = json["text"]?.string else { return nil }
        let took: Duration? =
            switch json["took_ms"] {
            case .double(let number)?: .nanoseconds(Int64(exactly: (number * 1e6).rounded()) ?? 0)
            case .int(let number)?: .milliseconds(number)
            default: nil
            }
        self.init(
            at: at, text: text, took: took, rule: json["rule"]?.string, because: json["because"]?.string)
    }

    /// One line, and another for the rule.
    public func text(zone: (WallTime) -> Int) -> String {
        let head = "  \(at.clock(zone(at)))  \(text)" + (took.map { " (\($0.words))" } ?? "") + "\n"
        guard let rule else { return head }
        return head + "                rule \(rule)" + (because.map { ": \($0)" } ?? "") + "\n"
    }
}

extension Standoff {
    public var json: JSONObject {
        [
            "former_leader": formerLeader.map { .string($0.text) } ?? .null,
            "members": .array(
                candidates.map { candidate in
                    [
                        "name": .string(candidate.name.text),
                        "obstacle": candidate.obstacle.map { .string($0.word) } ?? .null,
                        "text": .string(candidate.text),
                    ]
                }),
        ]
    }
}

extension WallTime {
    /// `02:13:07.120`.
    public func clock(_ offset: Int) -> String {
        let parts = parts(offset: offset)
        return "\(parts.hour.padded(2)):\(parts.minute.padded(2)):\(parts.second.padded(2))."
            + (parts.microsecond / 1000).padded(3)
    }
}

extension Duration {
    /// With one digit behind the point.
    fileprivate var milliseconds: JSON { .double((Double(inNanoseconds) / 1e5).rounded() / 10) }
}

extension JSON {
    fileprivate var wallTime: WallTime? {
        if let string, case .absolute(let time)? = WallTime.parse(string) { time } else { nil }
    }
}
