// What is wrong with a configuration, in words for the person who wrote it.

/// A configuration that can't be used. One line a problem: key, value, what is allowed.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let problems: [String]

    public init(_ problems: [String]) { self.problems = problems }
    public init(_ problem: String) { problems = [problem] }

    public var description: String { problems.joined(separator: "\n") }
}
