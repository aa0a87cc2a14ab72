// What the server answers, and exactly which bytes that is.

import PatroniCore

/// An answer in one of the three shapes that Patroni's clients know.
public struct ServerResponse: Sendable {
    public enum Shape: Sendable {
        /// Headers and a body.
        case full
        /// A status line and nothing else, then the end of the connection (API-193).
        case bareStatus
        /// A small HTML page about an error of the protocol; no extra headers (API-007, API-211).
        case errorPage
    }

    public var status: Int
    /// Replaces the reason phrase in the status line.
    public var reason: String?
    public var shape: Shape
    public var contentType: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(
        status: Int, shape: Shape = .full, contentType: String = "text/html",
        headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.status = status
        self.shape = shape
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// Plain words with the content type Patroni gives them.
    public static func text(_ status: Int, _ text: String, headers: [(name: String, value: String)] = []) -> Self {
        Self(status: status, headers: headers, body: Array(text.utf8))
    }

    /// JSON as the REST API writes it (API-018).
    public static func json(_ status: Int, _ value: JSON) -> Self {
        Self(status: status, contentType: "application/json", body: Array(value.text(.spaced).utf8))
    }

    public static func bareStatus(_ status: Int) -> Self { Self(status: status, shape: .bareStatus) }

    /// An HTML page for an error of the protocol. `message` replaces the reason phrase on the page.
    public static func errorPage(_ status: Int, message: String? = nil) -> Self {
        let reason = ReasonPhrase.of(status)
        let page = """
            <!DOCTYPE HTML>
            <html lang="en">
            <head><meta charset="utf-8"><title>Error response</title></head>
            <body>
            <h1>Error response</h1>
            <p>Error code: \(status)</p>
            <p>Message: \(escaped(message ?? reason)).</p>
            <p>Error code explanation: \(status) - \(ReasonPhrase.explanation(of: status)).</p>
            </body>
            </html>

            """
        var response = Self(
            status: status, shape: .errorPage, contentType: "text/html;charset=utf-8", body: Array(page.utf8))
        response.reason = message
        return response
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.append(character)
            }
        }
        return out
    }
}

/// Reason phrases of the statuses that we send.
enum ReasonPhrase {
    static func of(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 202: "Accepted"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Request Entity Too Large"
        case 422: "Unprocessable Entity"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        default: status < 400 ? "OK" : "Error"
        }
    }

    static func explanation(of status: Int) -> String {
        switch status {
        case 400: "Bad request syntax or unsupported method"
        case 408: "Request timed out; try again later"
        case 409: "Request conflict"
        case 411: "Client must specify Content-Length"
        case 413: "Entity is too large"
        case 431: "The server is unwilling to process the request because its header fields are too large"
        // Clients look for this sentence (API-013).
        case 501: "Server does not support this operation"
        case 502: "Invalid responses from another server/proxy"
        case 503: "The server cannot process the request due to a high load"
        default: of(status)
        }
    }
}

/// Turns an answer into bytes.
struct ResponseWriter {
    /// Value of the `Server` header (API-008).
    var serverToken: String
    var extraHeaders: [(name: String, value: String)]

    func bytes(_ response: ServerResponse, isHTTP11: Bool, closes: Bool, date: WallTime) -> [UInt8] {
        if response.shape == .bareStatus {
            return Array("HTTP/1.0 \(response.status) \(ReasonPhrase.of(response.status))\r\n\r\n".utf8)
        }
        let reason = Self.oneLine(response.reason ?? ReasonPhrase.of(response.status))
        var head = "HTTP/1.\(isHTTP11 ? 1 : 0) \(response.status) \(reason)\r\n"
        func add(_ name: String, _ value: String) { head += "\(name): \(Self.oneLine(value))\r\n" }
        add("Server", serverToken)
        add("Date", Self.httpDate(date))
        if closes { add("Connection", "close") }
        add("Content-Type", response.contentType)
        for (name, value) in response.headers { add(name, value) }
        if response.shape == .full { for (name, value) in extraHeaders { add(name, value) } }
        add("Content-Length", String(response.body.count))
        return Array((head + "\r\n").utf8) + response.body
    }

    /// A line break in a configured value must not become a header of its own.
    private static func oneLine(_ value: String) -> String {
        String(String.UnicodeScalarView(value.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sat, 21 Nov 2026 04:56:33 GMT`.
    static func httpDate(_ time: WallTime) -> String {
        let parts = time.parts()
        let days = Int(time.secondsSince1970 / 86400) % 7
        let clock = [parts.hour, parts.minute, parts.second].map { $0.padded(2) }.joined(separator: ":")
        return
            "\(weekdays[(days + 7) % 7]), \(parts.day.padded(2)) \(months[parts.month - 1]) \(parts.year) \(clock) GMT"
    }
}
