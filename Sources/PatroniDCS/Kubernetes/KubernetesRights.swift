// Which rights the store needs, which of them are missing, and the objects that grant those (DCS-177 to DCS-180).

import PatroniConfiguration
import PatroniCore
import PatroniHTTP

/// One verb on one kind of object.
public struct KubernetesRight: Sendable, Hashable {
    public enum Need: Sendable, Hashable {
        /// Without it nothing goes.
        case always
        /// Without it something is left out, and this is what.
        case optional(String)
    }

    public var group: String
    public var resource: String
    public var verb: String
    public var namespace: String
    /// Nil: objects of any name.
    public var name: String?
    public var need: Need

    public var words: String {
        let shown = group.isEmpty ? resource : "\(resource).\(group)"
        return "\(verb) \(shown)\(name.map { "/\($0)" } ?? "") in \(namespace)"
    }

    /// What SelfSubjectAccessReview wants to know.
    var review: JSONObject {
        var attributes: JSONObject = [
            "namespace": .string(namespace), "verb": .string(verb), "group": .string(group),
            "resource": .string(resource),
        ]
        if let name { attributes["name"] = .string(name) }
        return [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": ["resourceAttributes": .object(attributes)],
        ]
    }

    /// Everything that the store does with these settings in this namespace.
    static func needed(_ settings: KubernetesSettings, scope: String, namespace: String) -> [KubernetesRight] {
        let names = KubernetesNames(scope: scope, settings: settings)
        var rights = rights(["list", "watch", "patch"], .pods, namespace)
        if settings.podIP == nil { rights += self.rights(["get"], .pods, namespace) }
        var kept: [KubernetesResource] = [names.resource]
        if names.lockResource != names.resource { kept.append(names.lockResource) }
        if let older = settings.olderLock?.resource, !kept.contains(older) { kept.append(older) }
        for resource in kept {
            rights += self.rights(["get", "list", "watch", "create", "patch"], resource, namespace)
            rights += self.rights(["deletecollection"], resource, namespace, .optional("patronictl remove"))
        }
        if names.lockResource == .leases {
            rights += self.rights(["get", "create", "patch"], .endpointslices, namespace)
        }
        if names.resource == .endpoints {
            rights += self.rights(
                ["create"], .services, namespace, .optional("making the Service \(names.configuration)"))
        }
        if settings.bypassesService {
            let need = Need.optional("bypass_api_service, which is switched off")
            rights += self.rights(["get"], .endpoints, "default", need, name: "kubernetes")
        }
        return rights
    }

    private static func rights(
        _ verbs: [String], _ resource: KubernetesResource, _ namespace: String, _ need: Need = .always,
        name: String? = nil
    ) -> [KubernetesRight] {
        verbs.map {
            KubernetesRight(
                group: resource.group, resource: resource.rawValue, verb: $0, namespace: namespace, name: name,
                need: need)
        }
    }

    /// A Role and its binding in each namespace, as YAML; `account` is who asks.
    public static func manifest(granting rights: [KubernetesRight], to account: KubernetesAccount) -> String {
        var namespaces: [String] = []
        for right in rights where !namespaces.contains(right.namespace) { namespaces.append(right.namespace) }
        return namespaces.map { namespace in
            let here = rights.filter { $0.namespace == namespace }
            return role(here, namespace, account)
        }.joined(separator: "---\n")
    }

    private static func role(_ rights: [KubernetesRight], _ namespace: String, _ account: KubernetesAccount) -> String {
        var rules: [(of: KubernetesRight, verbs: [String])] = []
        for right in rights {
            let index = rules.firstIndex {
                $0.of.group == right.group && $0.of.resource == right.resource && $0.of.name == right.name
            }
            if let index { rules[index].verbs.append(right.verb) } else { rules.append((right, [right.verb])) }
        }
        let name = "patroni-\(account.name)"
        let lines = rules.map { rule in
            """
            - apiGroups: ['\(rule.of.group)']
              resources: [\(rule.of.resource)]
              verbs: [\(rule.verbs.joined(separator: ", "))]
            \(rule.of.name.map { "  resourceNames: [\($0)]\n" } ?? "")
            """
        }.joined()
        return """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: \(name)
              namespace: \(namespace)
            rules:
            \(lines)---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata:
              name: \(name)
              namespace: \(namespace)
            roleRef:
              apiGroup: rbac.authorization.k8s.io
              kind: Role
              name: \(name)
            subjects:
            - kind: ServiceAccount
              name: \(account.name)
              namespace: \(account.namespace)

            """
    }
}

/// Who the API takes us for.
public struct KubernetesAccount: Sendable, Hashable {
    public var namespace: String
    public var name: String

    public init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// Out of a service account's token, a JWT whose subject is `system:serviceaccount:NAMESPACE:NAME`.
    init?(token: String) {
        let parts = token.split(separator: ".")
        // Its alphabet is the one for URLs.
        guard parts.count == 3,
            let bytes = Base64.decode(String(parts[1].replacing("-", with: "+").replacing("_", with: "/"))),
            let subject = (try? JSON.parse(bytes))?["sub"]?.string
        else { return nil }
        let words = subject.split(separator: ":")
        guard words.count == 4, words[0] == "system", words[1] == "serviceaccount" else { return nil }
        self.init(namespace: String(words[2]), name: String(words[3]))
    }
}

extension KubernetesResource {
    /// The API group, as rules of roles name it.
    var group: String {
        switch self {
        case .pods, .configmaps, .endpoints, .services: ""
        case .leases: "coordination.k8s.io"
        case .endpointslices: "discovery.k8s.io"
        }
    }
}
