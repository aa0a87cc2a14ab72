// The agent's executable: everything is in PatroniAgent.

import PatroniAgent

@main
enum Main {
    static func main() async { await PatroniCommand.start() }
}
