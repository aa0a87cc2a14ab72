// Forms of the file that old versions wrote and Patroni still reads (CFG-029 to CFG-031).

import PatroniCore

enum LegacyForms {
    /// The same configuration in today's form.
    static func rewritten(_ tree: JSONObject) -> JSONObject {
        var tree = tree
        guard var postgres = tree["postgresql"]?.object else { return tree }
        if tree["name"] == nil, let name = postgres["name"] { tree["name"] = name }
        let rewind = postgres["pg_rewind"]
        if postgres["authentication"] == nil, postgres["replication"] != nil || postgres["superuser"] != nil {
            postgres["use_pg_rewind"] = .bool(rewind != nil)
            var users = JSONObject()
            for user in ["replication", "superuser"] { users[user] = postgres[user] }
            postgres["authentication"] = .object(users)
        }
        if let rewind, var users = postgres["authentication"]?.object, users["superuser"] == nil {
            users["superuser"] = rewind
            postgres["authentication"] = .object(users)
        }
        tree["postgresql"] = .object(postgres)
        return tree
    }
}
