// The version this program presents itself as.

public enum PatroniVersion {
    /// The Patroni release whose behaviour, keys and JSON this program keeps; what members publish and tools compare.
    public static let text = "4.1.5"
}
