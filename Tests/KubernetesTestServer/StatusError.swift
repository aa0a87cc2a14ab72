// Refusals in the words of the real API server: `kind: Status` bodies.

import PatroniCore

/// Why a request is refused; its body is what the real server sends.
struct StatusError: Error, Sendable {
    var code: Int
    var reason: String?
    var message: String
    var details: JSONObject?
    var headers: [(name: String, value: String)] = []
    /// The answers of a server whose store is away come without kind and as plain text.
    var isTyped = true

    var json: JSONObject {
        var body: JSONObject = isTyped ? ["kind": "Status", "apiVersion": "v1"] : [:]
        body["metadata"] = .object([:])
        body["status"] = "Failure"
        body["message"] = .string(message)
        body["reason"] = reason.map(JSON.string)
        body["details"] = details.map(JSON.object)
        body["code"] = .int(Int64(code))
        return body
    }

    private static func details(_ resource: Resource, _ name: String?) -> JSONObject {
        var details = JSONObject()
        details["name"] = name.map(JSON.string)
        if !resource.group.isEmpty { details["group"] = .string(resource.group) }
        details["kind"] = .string(resource.plural)
        return details
    }

    static let unauthorized = StatusError(code: 401, reason: "Unauthorized", message: "Unauthorized")

    static func badRequest(_ message: String) -> StatusError {
        StatusError(code: 400, reason: "BadRequest", message: message)
    }

    static func notFound(_ key: ObjectKey) -> StatusError {
        StatusError(
            code: 404, reason: "NotFound", message: "\(key.resource.qualified) \"\(key.name)\" not found",
            details: details(key.resource, key.name))
    }

    static let noSuchResource = StatusError(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: [:])

    static let methodNotAllowed = StatusError(
        code: 405, reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource", details: [:])

    static func alreadyExists(_ key: ObjectKey) -> StatusError {
        StatusError(
            code: 409, reason: "AlreadyExists", message: "\(key.resource.qualified) \"\(key.name)\" already exists",
            details: details(key.resource, key.name))
    }

    static func conflict(_ key: ObjectKey) -> StatusError {
        StatusError(
            code: 409, reason: "Conflict",
            message: """
                Operation cannot be fulfilled on \(key.resource.qualified) "\(key.name)": the object has been modified; \
                please apply your changes to the latest version and try again
                """, details: details(key.resource, key.name))
    }

    /// A precondition of a DELETE that does not hold; the real one names the kind here.
    static func precondition(_ key: ObjectKey, _ what: String, wanted: String, found: String) -> StatusError {
        var details = details(key.resource, key.name)
        details["kind"] = .string(key.resource.kind)
        return StatusError(
            code: 409, reason: "Conflict",
            message: """
                Operation cannot be fulfilled on \(key.resource.kind) "\(key.name)": the \(what) in the precondition \
                (\(wanted)) does not match the \(what) in record (\(found)). The object might have been modified
                """, details: details)
    }

    static func notANumber(_ text: String) -> StatusError {
        StatusError(code: 500, message: "strconv.ParseUint: parsing \"\(text)\": invalid syntax")
    }

    static func invalid(_ key: ObjectKey, _ problems: [FieldProblem]) -> StatusError {
        var seen: [String] = []
        for problem in problems where !seen.contains(problem.text) { seen.append(problem.text) }
        let list = seen.count == 1 ? seen[0] : "[\(seen.joined(separator: ", "))]"
        var details = details(key.resource, key.name.isEmpty ? nil : key.name)
        details["kind"] = .string(key.resource.kind)
        details["causes"] = .array(problems.map { .object($0.json) })
        return StatusError(
            code: 422, reason: "Invalid", message: "\(key.resource.qualifiedKind) \"\(key.name)\" is invalid: \(list)",
            details: details)
    }

    /// A strategic merge patch that does not fit the object's type.
    static func misfit(_ patch: JSON, _ problem: String) -> StatusError {
        let text = "Invalid value: \"\(patch.text())\": \(problem)"
        let cause: JSONObject = ["reason": "FieldValueInvalid", "message": .string(text), "field": "patch"]
        return StatusError(
            code: 422, reason: "Invalid", message: " \"\" is invalid: patch: \(text)",
            details: ["causes": .array([.object(cause)])])
    }

    static func forbidden(_ attempt: Attempt, user: String) -> StatusError {
        guard let resource = attempt.resource else {
            return StatusError(
                code: 403, reason: "Forbidden",
                message: "forbidden: User \"\(user)\" cannot \(attempt.verb) path \"\(attempt.path)\"", details: [:])
        }
        let name = attempt.name.map { " \"\($0)\"" } ?? ""
        let place = attempt.namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        let part = attempt.subresource.map { "/\($0)" } ?? ""
        return StatusError(
            code: 403, reason: "Forbidden",
            message: """
                \(resource.qualified)\(name) is forbidden: User "\(user)" cannot \(attempt.verb) resource \
                "\(resource.plural)\(part)" in API group "\(resource.group)" \(place)
                """, details: details(resource, attempt.name))
    }

    static func expired(_ message: String) -> StatusError {
        StatusError(code: 410, reason: "Expired", message: message)
    }
}

/// One field that is not as it should be.
struct FieldProblem: Sendable, Hashable {
    var field: String
    var reason = "FieldValueInvalid"
    var message: String

    var text: String { "\(field): \(message)" }
    var json: JSONObject {
        ["reason": .string(reason), "message": .string(message), "field": .string(field)]
    }

    static func invalid(_ field: String, _ value: String, _ why: String) -> FieldProblem {
        FieldProblem(field: field, message: "Invalid value: \(value): \(why)")
    }

    static func required(_ field: String, _ why: String = "") -> FieldProblem {
        FieldProblem(
            field: field, reason: "FieldValueRequired",
            message: why.isEmpty ? "Required value" : "Required value: \(why)")
    }
}
