// The server's values: request targets, networks, dates.

import PatroniCore
import PatroniHTTP
import Testing

@Suite("Requests and addresses") struct ServerPartsTests {
    @Test func `a target is split into path and decoded query`() {
        let request = ServerRequest(method: "GET", target: "/replica?lag=10%20MB&tag_a=b+c&lag=2&empty=&flag&%3D=%26")
        #expect(request.path == "/replica")
        #expect(request.queryValue("lag") == "10 MB")
        #expect(request.queryValue("tag_a") == "b c")
        #expect(request.queryValue("=") == "&")
        #expect(request.query.map(\.name) == ["lag", "tag_a", "lag", "="])
    }

    @Test(arguments: [
        ("/", "/"), ("", ""), ("/a%20b", "/a%20b"), ("http://host:8008/x?y=z", "/x"), ("/a#b", "/a"), ("*", "*"),
        ("/?%zz=%4", "/"),
    ])
    func `paths stay as they were sent`(_ target: String, _ path: String) {
        #expect(ServerRequest(method: "GET", target: target).path == path)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3", "10.1.2.3", true),
        ("10.0.0.0/255.0.0.0", "10.9.9.9", true), ("0.0.0.0/0", "1.2.3.4", true), ("10.1.2.3/31", "10.1.2.2", true),
        ("fd00::/8", "fd12::1", true), ("fd00::/8", "10.0.0.1", false), ("::1", "::1", true),
        ("127.0.0.0/8", "::ffff:127.0.0.1", true), ("fe80::/10", "fe80::1%eth0", true),
    ])
    func `a network holds its addresses`(_ network: String, _ address: String, _ expected: Bool) throws {
        let network = try #require(IPNetwork(network))
        let address = try #require(IPAddress(address))
        #expect(network.contains(address) == expected)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0", "host", "10.0.0.0/8/8", "10.0.0.0/255.0.255.0", "::/129", "10.0.0.0/-1",
    ])
    func `what is no network is none`(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }

    @Test func `names are looked up, addresses are themselves, nonsense is nothing`() async {
        let deadline = Moment(nanoseconds: .max / 2)
        #expect(await HostResolver.addresses(of: "10.1.2.3", by: deadline) == ["10.1.2.3"])
        #expect(
            await HostResolver.addresses(of: "localhost", by: deadline).contains { $0 == "127.0.0.1" || $0 == "::1" })
        #expect(await HostResolver.addresses(of: "no such host", by: deadline) == [])
    }
}
