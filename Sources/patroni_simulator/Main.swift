// patroni-simulator's executable: everything is in PatroniSimulation.

import PatroniSimulation

@main
enum Main {
    static func main() { SimulatorCommand.start() }
}
