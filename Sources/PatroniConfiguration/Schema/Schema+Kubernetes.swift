// Settings of the store in Kubernetes (config.md section 7).

import PatroniCore

extension Schema {
    private static func setting(
        _ name: String, _ kind: Setting.Kind = .text, default fallback: JSON? = nil, help: String
    ) -> Setting {
        Setting(
            "kubernetes.\(name)", kind, default: fallback, .restart, env: "KUBERNETES_\(name.uppercased())", help: help)
    }

    static let kubernetes: [Setting] = [
        setting(
            "labels", .table, help: "Labels of this cluster's pods and objects; with scope_label they select them."),
        setting(
            "namespace", help: "The namespace; default: the pod's own, else the kubeconfig context's, else default."),
        setting("context", default: "kind-kind", help: "Context of the kubeconfig, outside of a pod."),
        setting("scope_label", default: "cluster-name", help: "The label that holds the cluster's name."),
        setting("role_label", default: "role", help: "The label that holds a pod's role."),
        setting("leader_label_value", default: "primary", help: "What the leader's role label says."),
        setting("follower_label_value", default: "replica", help: "What a replica's role label says."),
        setting("standby_leader_label_value", default: "primary", help: "What a standby leader's role label says."),
        setting(
            "tmp_role_label", help: "A second role label, for changing the values of the first without a gap."),
        setting("bootstrap_labels", .table, help: "Labels of a pod whose data directory is being made."),
        setting(
            "use_endpoints", .flag, default: false,
            help: "Keep everything in Endpoints, the leader's address among it, instead of ConfigMaps."),
        setting(
            "leader_object", .choice(["auto", "lease"]), default: "auto",
            help: "auto: the lock is a ConfigMap or Endpoints; lease: a Lease, with EndpointSlices for routing."),
        setting(
            "migrate_lock_from", .choice(["configmaps", "endpoints"]),
            help: "With lease: hold this older lock as well while members change over."),
        setting("pod_ip", help: "This pod's address; default: what the pod object says."),
        setting(
            "ports", .anything,
            help: "PostgreSQL's ports in the leader's endpoint: a list of name, port, protocol; default: port 5432."),
        setting(
            "bypass_api_service", .flag, default: false,
            help: "Speak to the API servers themselves instead of to their Service."),
        setting(
            "cacert", help: "Who may sign the API server's certificate (PEM); default: the service account's CA."),
        setting("retriable_http_codes", .list, help: "Statuses worth another try, besides 500, 503, 504."),
    ]
}
