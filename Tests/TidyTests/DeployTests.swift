// What deploy/ ships: accepted by Kubernetes, consistent in itself, and enough for the program.

import PatroniConfiguration
import PatroniCore
import Testing

@Suite("Manifests") struct DeployTests {
    @Test func `there are manifests of every sort`() throws {
        #expect(try Manifest.plain().count >= 1)
        #expect(try Manifest.rendered().count >= 3)
        #expect(try Manifest.templates().count == 2)
    }

    @Test func `Kubernetes accepts every object`() throws {
        let schema = try KubernetesSchema()
        for manifest in try Manifest.all() {
            for object in manifest.objects {
                let found = schema.complaints(about: object)
                #expect(found.isEmpty, "\(manifest.name), \(object.object?.objectName ?? "?"): \(found)")
            }
        }
    }

    @Test func `the schema refuses what Kubernetes would refuse`() throws {
        let schema = try KubernetesSchema()
        func refused(_ yaml: String) throws -> String {
            schema.complaints(about: try YAML.parse(yaml)).joined(separator: "; ")
        }
        #expect(
            try refused("{apiVersion: v1, kind: Service, spec: {selectors: {a: b}}}").contains("knows no selectors"))
        #expect(
            try refused("{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 'three', serviceName: a}}")
                == "StatefulSet.spec: lacks selector; StatefulSet.spec: lacks template; "
                + "StatefulSet.spec.replicas: is no whole number")
        #expect(try refused("{apiVersion: v1, kind: Service, spec: {ports: {port: 1}}}").contains("is no list"))
        #expect(try refused("{apiVersion: v1, kind: Service, metadata: {labels: {a: 1}}}").contains("is no string"))
        #expect(try refused("{apiVersion: apps/v2, kind: StatefulSet}").contains("does not know this kind"))
    }

    @Test func `what a StatefulSet names is there`() throws {
        for manifest in try Manifest.all() {
            let sets = manifest.objects(ofKind: "StatefulSet")
            #expect(sets.count == 1, "\(manifest.name)")
            for set in sets {
                let labels = set.at("spec", "template", "metadata", "labels")?.object ?? [:]
                for (label, value) in (set.at("spec", "selector", "matchLabels")?.object ?? [:]).pairs {
                    #expect(labels[label] == value, "\(manifest.name): the pods lack \(label)")
                }
                let services = manifest.objects(ofKind: "Service").map(\.objectName)
                #expect(services.contains(set.at("spec", "serviceName")?.string ?? "?"), "\(manifest.name)")
                let pod = set.at("spec", "template", "spec")?.object ?? [:]
                let volumes =
                    names(pod["volumes"])
                    + (set.at("spec", "volumeClaimTemplates")?.array ?? [])
                    .compactMap { $0.object?.objectName }
                for container in (pod["containers"]?.array ?? []) + (pod["initContainers"]?.array ?? []) {
                    let mounts = names(container.object?["volumeMounts"])
                    #expect(Set(mounts).isSubset(of: volumes), "\(manifest.name): \(mounts) of \(volumes)")
                    // A read-only root needs them all.
                    #expect(container.object?.at("securityContext", "readOnlyRootFilesystem")?.bool == true)
                }
            }
        }
    }

    private func names(_ list: JSON?) -> [String] {
        (list?.array ?? []).compactMap { $0.object?["name"]?.string }
    }

    @Test func `every variable is a setting, or one of the entrypoint's own`() throws {
        let known = Set((Schema.local + Schema.dynamic).flatMap(\.environment).map { "PATRONI_" + $0 })
        let hasKubernetes = known.contains { $0.hasPrefix("PATRONI_KUBERNETES_") }
        let entrypoint = try #require(
            SourceTree.files(below: "deploy/image").first { $0.path.hasSuffix("/entrypoint") }
        ).text
        for manifest in try Manifest.all() {
            let containers = manifest.objects(ofKind: "StatefulSet")
                .flatMap { $0.at("spec", "template", "spec", "containers")?.array ?? [] }
            for name in containers.flatMap({ names($0.object?["env"]) }) where name.hasPrefix("PATRONI_") {
                // Settings of a store that is not built yet.
                if name.hasPrefix("PATRONI_KUBERNETES_"), !hasKubernetes { continue }
                #expect(
                    known.contains(name) || entrypoint.contains(name) || Self.isUsers(name),
                    "\(manifest.name): nobody reads \(name)")
            }
        }
    }

    /// Read with any user's name in the middle.
    private static func isUsers(_ name: String) -> Bool {
        ["PATRONI_SUPERUSER_", "PATRONI_REPLICATION_", "PATRONI_ADMIN_"].contains { name.hasPrefix($0) }
    }

    @Test func `Services lead by role to pods, and on Endpoints to what patroni writes`() throws {
        for manifest in try Manifest.all() {
            let container = manifest.objects(ofKind: "StatefulSet").first?
                .at("spec", "template", "spec", "containers")?.array?.first?.object
            let variables = Dictionary(
                (container?["env"]?.array ?? []).compactMap(\.object)
                    .map { ($0["name"]?.string ?? "", $0["value"]?.string ?? "") }, uniquingKeysWith: { $1 })
            let scope = try #require(variables["PATRONI_SCOPE"])
            let service = try #require(
                manifest.objects(ofKind: "Service").first { $0.objectName == scope }, "\(manifest.name)")
            if variables["PATRONI_KUBERNETES_USE_ENDPOINTS"] == "true" {
                // With a selector Kubernetes would overwrite the addresses (TOOL-087).
                #expect(service.at("spec", "selector") == nil, "\(manifest.name)")
            } else {
                let role = service.at("spec", "selector", "role")?.string
                #expect(role == variables["PATRONI_KUBERNETES_LEADER_LABEL_VALUE"] ?? "primary", "\(manifest.name)")
            }
        }
    }

    @Test func `who may choose a Lease has the rights for it`() throws {
        for manifest in try Manifest.all() {
            let container = manifest.objects(ofKind: "StatefulSet").first?
                .at("spec", "template", "spec", "containers")?.array?.first?.object
            let variables = (container?["env"]?.array ?? []).compactMap { $0["name"]?.string }
            let rules = manifest.objects(ofKind: "Role").filter { $0.at("metadata", "namespace") == nil }
                .flatMap { $0["rules"]?.array ?? [] }
            // Of a chart that makes no Role we know nothing; one that makes it grants what is asked of it.
            if rules.isEmpty || manifest.name.contains("/rendered/"),
                !variables.contains("PATRONI_KUBERNETES_LEADER_OBJECT")
            {
                continue
            }
            for (group, resource, verbs) in [
                ("coordination.k8s.io", "leases", ["create", "get", "list", "patch", "watch", "deletecollection"]),
                ("discovery.k8s.io", "endpointslices", ["create", "get", "patch"]),
                ("discovery.k8s.io", "endpointslices/restricted", ["create"]),
            ] {
                let granted = rules.filter {
                    $0["apiGroups"]?.array?.contains(.string(group)) == true
                        && $0["resources"]?.array?.contains(.string(resource)) == true
                }.flatMap { $0["verbs"]?.array ?? [] }.compactMap(\.string)
                #expect(Set(verbs).isSubset(of: granted), "\(manifest.name): \(resource)")
            }
        }
    }

    @Test func `a template declares what it uses, and uses what it declares`() throws {
        for template in try Manifest.templates() {
            let text = JSON.object(template.document).text(.compact)
            for name in template.parameterNames {
                #expect(text.contains("${\(name)}"), "\(template.name): \(name) is not used")
            }
            let left = JSON.array(try template.processed().objects).text(.compact)
            #expect(!left.contains("${"), "\(template.name) uses a parameter that it does not declare")
            // ConfigMaps patroniocp-config and patroniocp-leader, and the parameters that people know (TOOL-065).
            #expect(template.value("PATRONI_CLUSTER_NAME") == "patroniocp")
            let wanted = [
                "APPLICATION_NAME", "PATRONI_MASTER_SERVICE_NAME", "PATRONI_PRIMARY_SERVICE_NAME",
                "PATRONI_REPLICA_SERVICE_NAME", "PATRONI_SUPERUSER_USERNAME", "PATRONI_SUPERUSER_PASSWORD",
                "PATRONI_REPLICATION_USERNAME", "PATRONI_REPLICATION_PASSWORD", "PATRONI_ADMIN_USERNAME",
                "PATRONI_ADMIN_PASSWORD", "SERVICE_ACCOUNT", "NAMESPACE", "MEMORY_LIMIT",
            ]
            #expect(Set(wanted).isSubset(of: template.parameterNames), "\(template.name)")
        }
    }

    @Test func `the rendered chart is the chart's`() throws {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        let files = SourceTree.files(below: "deploy/helm") { path in
            path.hasPrefix("cases/") || path.hasPrefix("patroni/")
        }
        for file in files.sorted(by: { Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8)) }) {
            let name = file.path.replacing("deploy/helm/", with: "", maxReplacements: 1)
            for byte in Array(name.utf8) + [0] + Array(file.text.utf8) + [0] {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            }
        }
        let digits = String(hash, radix: 16)
        let fingerprint = String(repeating: "0", count: 16 - digits.count) + digits
        for file in Manifest.read(below: "deploy/helm/rendered") {
            let first = file.text.split(separator: "\n").first.map(String.init)
            #expect(
                first == "# Rendered by scripts/render-charts from chart \(fingerprint)",
                "\(file.path) is out of date: run scripts/render-charts")
        }
    }
}
