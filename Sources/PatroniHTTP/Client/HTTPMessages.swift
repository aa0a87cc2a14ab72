// What goes out and what comes back: requests, answers and the ways in which they fail.

/// One HTTP request.
public struct HTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case options = "OPTIONS"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    public var method: Method
    /// Absolute, `http://` or `https://`.
    public var url: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]?

    public init(
        _ method: Method = .get, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// Adds the header of basic authentication.
    public mutating func authorize(username: String, password: String) {
        headers.append(("Authorization", "Basic " + Base64.encode("\(username):\(password)")))
    }
}

/// A complete answer, whatever its status.
public struct HTTPAnswer: Sendable {
    public var status: Int
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    public var text: String { String(decoding: body, as: UTF8.self) }
    public var isSuccess: Bool { (200..<300).contains(status) }

    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// Why there is no answer. Every text is one line that names the address and the reason.
public enum HTTPFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// No connection: the request was certainly not sent.
    case cannotConnect(String)
    /// The deadline passed: the request may have been sent.
    case timedOut(String)
    /// The other side's certificate, or ours, or TLS itself.
    case tls(String)
    /// The connection broke before the answer was complete, or the answer is no HTTP: the request may have been sent.
    case broken(String)
    case tooLarge(limit: Int)

    public var description: String {
        switch self {
        case .cannotConnect(let text), .timedOut(let text), .tls(let text), .broken(let text): text
        case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
        }
    }

    /// True when the other side cannot have acted on the request.
    public var wasNotSent: Bool {
        switch self {
        case .cannotConnect, .tls: true
        case .timedOut, .broken, .tooLarge: false
        }
    }
}
