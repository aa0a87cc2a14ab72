// From the `log` section to the process's log.

import PatroniPlatform

extension LogSettings {
    public var options: LogOptions {
        var options = LogOptions()
        options.level = level
        options.loggers = loggers
        options.format = format
        options.dateFormat = dateFormat
        options.directory = directory
        options.fileSize = fileSize
        options.fileCount = fileCount
        options.mode = mode
        options.maximumQueueSize = maximumQueueSize
        return options
    }
}
